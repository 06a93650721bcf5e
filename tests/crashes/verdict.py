"""What the broker knows against what the records know, order by order: duplicates, lost, unmanaged; and the chain.

Rules of this room
    Both sides are read when they have come to rest: the broker before and after says the same, and no outcome is open.
    Every order that the broker has taken is exactly one row's, with the same fills; a cancel is none.
    An order that no row explains is a duplicate where a row asked for the same and has another number, else it is lost.
    Everything is bought by the daemon, so everything held has to be a position of ours, to the share.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kis_daemon.domain.chain import Broken, Examination
from tests.crashes.yard import Yard
from tests.e2e.town import canonical

_OPEN = "('PENDING', 'UNCONFIRMED')"
_LIVE = "('PENDING', 'UNCONFIRMED', 'SUBMITTED', 'PARTIAL')"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was found wrong, each in words."""

    duplicates: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    unmanaged: tuple[str, ...] = ()
    chain: tuple[str, ...] = ()

    @property
    def is_clean(self) -> bool:
        return not (self.duplicates or self.lost or self.unmanaged or self.chain)


def has_agreed(yard: Yard) -> bool:
    """Whether no outcome is open and both sides say the same of live orders and of shares."""
    if yard.rows(f"SELECT 1 FROM order_state WHERE status IN {_OPEN}"):
        return False
    before = _at_the_broker(yard)
    ours = _live(yard), _held(yard)
    return ours == before == _at_the_broker(yard)


def judge(yard: Yard) -> Verdict:
    """Return what does not agree."""
    duplicates: list[str] = []
    lost: list[str] = []
    sent = {canonical(request["number"]): request for request in yard.requests() if request["kind"] == "NEW"}
    rows = yard.rows("SELECT order_no, symbol, side, quantity, filled_quantity, filled_amount, status FROM order_state")
    known = {canonical(row[0]): row for row in rows if row[0] is not None}
    for number, times in Counter(canonical(row[0]) for row in rows if row[0] is not None).items():
        if times > 1:
            duplicates.append(f"{times} rows have the number {number}")
    for number, order in sent.items():
        told = f"{order['side']} {order['quantity']} {order['symbol']}, no. {number} of {order['at'][11:23]}"
        if number not in known:
            same = [row for row in rows if row[1:3] == (order["symbol"], order["side"]) and row[0] is not None]
            twin = any(_asks_the_same(order, sent.get(canonical(row[0]))) for row in same)
            (duplicates if twin else lost).append(f"no row for {told}")
            continue
        row = known[number]
        if row[1:4] != (order["symbol"], order["side"], order["quantity"]):
            lost.append(f"another order is written down as {told}: {row}")
        elif row[4:6] != (order["filled"], order["amount"]):
            lost.append(f"filled {order['filled']} for {order['amount']}, written down {row[4]} for {row[5]}: {told}")
    lost += [f"the broker has no number {number}: {row}" for number, row in known.items() if number not in sent]
    held, ours = yard.broker.holdings(), _held(yard)
    return Verdict(
        duplicates=tuple(duplicates),
        lost=tuple(lost),
        unmanaged=tuple(
            f"{symbol}: {held.get(symbol, 0)} held, {ours.get(symbol, 0)} managed"
            for symbol in sorted({*held, *ours})
            if held.get(symbol, 0) != ours.get(symbol, 0)
        ),
        chain=_broken(yard),
    )


def _asks_the_same(order: dict[str, Any], other: dict[str, Any] | None) -> bool:
    return other is not None and (other["quantity"], other["price"]) == (order["quantity"], order["price"])


def _at_the_broker(yard: Yard) -> tuple[set[tuple[str, int]], dict[str, int]]:
    return yard.broker.open_orders(), yard.broker.holdings()


def _live(yard: Yard) -> set[tuple[str, int]]:
    rows = yard.rows(f"SELECT order_no, filled_quantity FROM order_state WHERE status IN {_LIVE}")
    return {(canonical(str(number)), filled) for number, filled in rows}


def _held(yard: Yard) -> dict[str, int]:
    rows = yard.rows("SELECT symbol, SUM(quantity) FROM positions WHERE closed_at IS NULL GROUP BY symbol")
    return {symbol: int(quantity) for symbol, quantity in rows}


def _broken(yard: Yard) -> tuple[str, ...]:
    columns = "event_id, timestamp, event_type, correlation_id, actor, payload_json, prev_hash, hash"
    examination = Examination()
    try:
        examination.follow(
            (number, datetime.fromisoformat(at).strftime("%Y-%m-%dT%H:%M:%S.%fZ"), *rest)
            for number, at, *rest in yard.rows(f"SELECT {columns} FROM event_log ORDER BY event_id")
        )
        examination.report()
    except Broken as broken:
        return (str(broken),)
    return ()
