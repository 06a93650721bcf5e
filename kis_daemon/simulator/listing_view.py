"""One symbol at one moment, as quotes and frames show it: its state, its session, and the price an auction would make.

Rules of this room
    A view is made for one request and thrown away; it changes nothing.
    An auction's expected price walks from the last price to the single price that the price book has for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from kis_daemon.domain.calendar import SessionPhase, TradingDay
from kis_daemon.domain.market import Rounding, Won, to_tick
from kis_daemon.simulator.board import Board
from kis_daemon.simulator.market_rules import ActionKind, CorporateAction, Designation

# an auction's single price is about a thirtieth of a day's shares
_AUCTION_SHARE = 30
_FLNG_CODES = {ActionKind.RIGHTS: "01", ActionKind.CASH_DIVIDEND: "02"}
_STATUS_CODES = {
    Designation.ADMINISTRATIVE: "51",
    Designation.RISK: "52",
    Designation.WARNING: "53",
    Designation.CAUTION: "54",
    Designation.OVERHEATED: "59",
}
_WARNING_CODES = {Designation.CAUTION: "01", Designation.WARNING: "02", Designation.RISK: "03"}


class AuctionCode(StrEnum):
    """Which auction an expected price belongs to (ANTC_MKOP_CLS_CODE)."""

    OPENING = "112"
    CLOSING = "121"
    INTERRUPTION = "311"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a running auction would do now."""

    code: AuctionCode
    price: Won
    volume: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingView:
    """A board with what depends on the moment; codes are those of KIS.

    `status_code` is ISCD_STAT_CLS_CODE, `warning_code` MRKT_WARN_CLS_CODE, `hour_code` HOUR_CLS_CODE. On the day of a
    corporate action `flng_code`, `split_rate` (the base price over the close before) and `reason_code` tell it.
    """

    board: Board
    phase: SessionPhase
    halted: bool
    in_vi: bool
    expected: Expected | None
    hour_code: str
    status_code: str
    warning_code: str
    under_administration: bool
    in_liquidation: bool
    overheated: bool
    flng_code: str
    split_rate: str
    reason_code: str


def view_of(board: Board, day: TradingDay, actions: tuple[CorporateAction, ...], at: datetime) -> ListingView:
    """Return `board` as it is to be shown at `at`."""
    phase = day.phase(at)
    expected = _expected(board, day, phase, at)
    flng_code, split_rate, reason_code = action_codes(actions)
    designation = board.designation
    return ListingView(
        board=board,
        phase=phase,
        halted=board.halted,
        in_vi=board.in_vi,
        expected=expected,
        hour_code=_hour_code(expected),
        status_code="58" if board.halted else _STATUS_CODES.get(designation, "55"),
        warning_code=_WARNING_CODES.get(designation, "00"),
        under_administration=designation is Designation.ADMINISTRATIVE,
        in_liquidation=designation is Designation.LIQUIDATION,
        overheated=designation is Designation.OVERHEATED,
        flng_code=flng_code,
        split_rate=split_rate,
        reason_code=reason_code,
    )


def action_codes(actions: tuple[CorporateAction, ...]) -> tuple[str, str, str]:
    """Return (FLNG_CLS_CODE, PRTT_RATE, REVL_ISSU_REAS) of a day with these actions."""
    flng_code, rate, reason = "00", "0.00", ""
    for action in actions:
        flng_code = _FLNG_CODES.get(action.kind, flng_code)
        if action.ratio_num != action.ratio_den:
            rate = f"{action.ratio_den / action.ratio_num:.2f}"
            reason = "02" if action.kind is ActionKind.REVERSE_SPLIT else "99"
    return flng_code, rate, reason


def _hour_code(expected: Expected | None) -> str:
    if expected is None:
        return "0"
    return {AuctionCode.OPENING: "B", AuctionCode.CLOSING: "A", AuctionCode.INTERRUPTION: "C"}[expected.code]


def _expected(board: Board, day: TradingDay, phase: SessionPhase, at: datetime) -> Expected | None:
    if board.halted or board.bar is None:
        return None
    if board.in_vi:
        kept = board.kept_back
        price, volume = (kept.price, kept.volume) if kept is not None else (board.price, 0)
        return Expected(code=AuctionCode.INTERRUPTION, price=price, volume=volume)
    if phase is SessionPhase.OPENING_AUCTION:
        code, end, begins, ends = AuctionCode.OPENING, board.bar.open, day.opening_auction_at, day.opens_at
    elif phase is SessionPhase.CLOSING_AUCTION:
        code, end, begins, ends = AuctionCode.CLOSING, board.bar.close, day.closing_auction_at, day.closes_at
    else:
        return None
    gone = (at - begins) / (ends - begins)
    price = to_tick(board.price + (end - board.price) * gone, Rounding.NEAREST, board.market, board.day)
    volume = int(board.bar.volume // _AUCTION_SHARE * gone)
    return Expected(code=code, price=min(max(price, board.lower), board.upper), volume=volume)
