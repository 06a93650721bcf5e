"""What an operator wants sold: a list in the records, by position, until each is gone (C10, S4-B04).

Rules of this room
    A wish names a position by its entry, so one that is bought later is not sold for an old word.
    Asked twice it stands once. It outlives a restart, and any process with the database can ask.
    A close-all names what is being bought too, and pauses entries: what is sold is not bought again a second later.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from kis_daemon.domain.events import Event
from kis_daemon.domain.exits import ExitReason
from kis_daemon.domain.market import Side, Symbol
from kis_daemon.domain.orders import Order
from kis_daemon.domain.positions import Position
from kis_daemon.domain.safeguards import KillSwitchScope
from kis_daemon.ports import Rows
from kis_daemon.services import pauses
from kis_daemon.services.kill_switch import LONGEST_NAME, LONGEST_REASON, clean, words_missing
from kis_daemon.services.operator_answers import Declined, DeclinedCode

CLOSINGS_MARK = "closings"
_CORRELATION = "manual-close"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """One position that is to be sold. `passes_switch`: its close-all was confirmed while the switch stops all."""

    symbol: Symbol
    entry_day: date
    entry_seq: int
    rule: ExitReason
    reason: str
    by: str
    asked_at: datetime
    passes_switch: bool = False

    def is_for(self, position: Position) -> bool:
        entry = (position.symbol, position.entry_day, position.entry_seq)
        return entry == (self.symbol, self.entry_day, self.entry_seq)

    def is_for_buy(self, order: Order) -> bool:
        """Whether `order` buys the position."""
        intent = order.intent
        entry = (intent.symbol, order.day, intent.entry_seq)
        return intent.side is Side.BUY and entry == (self.symbol, self.entry_day, self.entry_seq)


def ask_all(rows: Rows, at: datetime, reason: str, by: str, *, confirmed: bool) -> tuple[Wish, ...] | Declined:
    """Want everything sold that is ours or is being bought, and pause entries; return all wishes that stand."""
    if (missing := words_missing(reason, by)) is not None:
        return missing
    switch = rows.kill_switch()
    stops_all = switch.is_active and switch.scope is KillSwitchScope.ALL
    if stops_all and not confirmed:
        return Declined(
            code=DeclinedCode.CONFIRMATION_NEEDED, reason="the kill switch stops all orders: confirm the close-all"
        )
    rule = ExitReason.KILL_SWITCH if switch.is_active else ExitReason.MANUAL_EXIT
    entries = [(held.symbol, held.entry_day, held.entry_seq) for held in rows.open_positions()]
    entries += [
        (order.intent.symbol, order.day, order.intent.entry_seq)
        for order in rows.live_orders()
        if order.intent.side is Side.BUY
    ]
    wishes = _asked(rows, at, dict.fromkeys(entries), rule, reason, by, passes_switch=stops_all)
    _append(rows, at, "close_all_asked", by, reason=clean(reason, LONGEST_REASON), confirmed=confirmed)
    pauses.pause(rows, at, f"close-all: {reason}", by)
    return wishes


def ask_one(rows: Rows, at: datetime, symbol: Symbol, reason: str, by: str) -> tuple[Wish, ...] | Declined:
    """Want the position in `symbol` sold; return all wishes that stand."""
    if (missing := words_missing(reason, by)) is not None:
        return missing
    switch = rows.kill_switch()
    if switch.forbids(Side.SELL):
        return Declined(
            code=DeclinedCode.KILL_SWITCH, reason="the kill switch stops sales too; only a confirmed close-all passes"
        )
    entries = [(held.symbol, held.entry_day, held.entry_seq) for held in rows.open_positions() if held.symbol == symbol]
    if not entries:
        return Declined(code=DeclinedCode.NOT_HELD, reason=f"nothing of {symbol} is held")
    wishes = _asked(rows, at, dict.fromkeys(entries), ExitReason.MANUAL_EXIT, reason, by, passes_switch=False)
    _append(rows, at, "manual_exit_asked", by, symbol=symbol, reason=clean(reason, LONGEST_REASON))
    return wishes


def settle(rows: Rows, done: Iterable[Wish]) -> str:
    """Take wishes off the list that are fulfilled, or that nothing is left of; return what stands in the mark then."""
    gone = {_key(wish.symbol, wish.entry_day, wish.entry_seq) for wish in done}
    kept = {_key(wish.symbol, wish.entry_day, wish.entry_seq): wish for wish in current(rows)}
    return _keep(rows, {key: wish for key, wish in kept.items() if key not in gone})


def current(rows: Rows) -> tuple[Wish, ...]:
    return wishes_of(rows.mark(CLOSINGS_MARK) or "")


def wishes_of(text: str) -> tuple[Wish, ...]:
    """Return the wishes that stand in the mark; `ValueError` if that is none of ours."""
    return tuple(
        Wish(
            symbol=Symbol(kept["symbol"]),
            entry_day=date.fromisoformat(kept["entry_day"]),
            entry_seq=kept["entry_seq"],
            rule=ExitReason(kept["rule"]),
            reason=kept["reason"],
            by=kept["by"],
            asked_at=datetime.fromisoformat(kept["asked_at"]),
            passes_switch=kept["passes_switch"],
        )
        for kept in (json.loads(text) if text else [])
    )


def _asked(
    rows: Rows,
    at: datetime,
    entries: Iterable[tuple[Symbol, date, int]],
    rule: ExitReason,
    reason: str,
    by: str,
    *,
    passes_switch: bool,
) -> tuple[Wish, ...]:
    wishes = {_key(wish.symbol, wish.entry_day, wish.entry_seq): wish for wish in current(rows)}
    for entry in entries:
        known = wishes.get(_key(*entry))
        if known is not None and (known.passes_switch or not passes_switch):
            continue  # asked before, and nothing more is asked now
        wishes[_key(*entry)] = Wish(
            symbol=entry[0],
            entry_day=entry[1],
            entry_seq=entry[2],
            rule=rule,
            reason=clean(reason, LONGEST_REASON),
            by=clean(by, LONGEST_NAME),
            asked_at=at,
            passes_switch=passes_switch,
        )
    _keep(rows, wishes)
    return tuple(wishes.values())


def _keep(rows: Rows, wishes: dict[str, Wish]) -> str:
    kept = [
        {
            "symbol": wish.symbol,
            "entry_day": wish.entry_day.isoformat(),
            "entry_seq": wish.entry_seq,
            "rule": wish.rule.value,
            "reason": wish.reason,
            "by": wish.by,
            "asked_at": wish.asked_at.isoformat(),
            "passes_switch": wish.passes_switch,
        }
        for wish in wishes.values()
    ]
    text = json.dumps(kept, sort_keys=True) if kept else ""
    rows.set_mark(CLOSINGS_MARK, text)
    return text


def _key(symbol: Symbol, entry_day: date, entry_seq: int) -> str:
    return f"{symbol}|{entry_day.isoformat()}|{entry_seq}"


def _append(rows: Rows, at: datetime, type_: str, by: str, **payload: str | bool) -> None:
    name = clean(by, LONGEST_NAME)
    rows.append(Event(at=at, type=type_, actor=name, correlation_id=_CORRELATION, payload={"by": name, **payload}))
