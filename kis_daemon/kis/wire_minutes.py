"""Minute bars on the wire. Pure.

Rules of this room
    KIS manual, 주식당일분봉조회 (FHKST03010200, thirty minutes an answer) and 주식일별분봉조회 (FHKST03010230, REAL
    only, a hundred and twenty).
    Answers go back in time from the hour asked for; there is no cursor, the next one ends a minute before
    the last one's oldest.
    A day without trade is answered with the day before: rows of another day are not ours.
"""

from __future__ import annotations

from datetime import date, datetime, time

from kis_daemon.domain.market import Symbol
from kis_daemon.kis.capabilities import KisProfile, Purpose, path_of, tr_id
from kis_daemon.kis.wire import Body, Question, Row
from kis_daemon.kis.wire_values import read_moment
from kis_daemon.ports import MinuteBar, ProtocolError

_TODAYS_PAGE = 30
_PAST_PAGE = 120


def ask_minutes(symbol: Symbol, day: date, until: time, today: date, profile: KisProfile) -> Question:
    """Return the question for the minutes of `day` up to `until`; a past day: `NotOnThisVenue` on paper."""
    purpose = Purpose.MINUTES if day == today else Purpose.PAST_MINUTES
    common = (
        ("FID_COND_MRKT_DIV_CODE", "J"),
        ("FID_INPUT_ISCD", symbol),
        ("FID_INPUT_HOUR_1", f"{until:%H%M%S}"),
        ("FID_PW_DATA_INCU_YN", "N"),
    )
    special = (
        (("FID_ETC_CLS_CODE", ""),)
        if purpose is Purpose.MINUTES
        else (("FID_INPUT_DATE_1", f"{day:%Y%m%d}"), ("FID_FAKE_TICK_INCU_YN", ""))
    )
    return Question(tr_id=tr_id(purpose, profile), path=path_of(purpose), params=(*common, *special))


def minutes_a_page(day: date, today: date) -> int:
    """Return how many minutes a full answer has; one with fewer is the last."""
    return _TODAYS_PAGE if day == today else _PAST_PAGE


def read_minutes(body: Body, symbol: Symbol, day: date, before: datetime | None) -> list[MinuteBar]:
    """Return the minutes of `day` in the answer, newest first; `ProtocolError` unless they go back from `before`."""
    bars: list[MinuteBar] = []
    for row in body.rows("output2"):
        if not row.text("stck_bsop_date"):
            continue
        at = read_moment(row.text("stck_bsop_date"), row.text("stck_cntg_hour"))
        if at.date() != day:
            continue
        if before is not None and at >= before:
            raise ProtocolError(f"{symbol}: the minute of {at:%H:%M:%S} is out of place")
        before = at
        bars.append(_read_minute(row, at))
    return bars


def _read_minute(row: Row, at: datetime) -> MinuteBar:
    bar = MinuteBar(
        at=at,
        open=row.count("stck_oprc"),
        high=row.count("stck_hgpr"),
        low=row.count("stck_lwpr"),
        close=row.count("stck_prpr"),
        volume=row.count("cntg_vol"),
    )
    if not 0 < bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high:
        raise ProtocolError(f"minute of {at:%H:%M:%S}: open and close are not between low and high")
    return bar
