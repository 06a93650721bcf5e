"""What must hold: asked whenever the broker is asked for something, and once more when the night has come.

At every order that reaches the broker
    written first       a row of `order_state` for it was committed before
    once                the broker has no more orders of a symbol, side and quantity than the table has rows
    approved            no more orders than approvals used, none for more shares than its approval says
    one live            at most one open order of a (symbol, side), doubtful exits apart, which holdings bound
    covered             never more shares offered for sale than the account holds
    within the limits   its claim is not behind as much loss, or as many losses in a row, as end the day's entries
    not halted          its claim is older than the kill switch's activation, and the gate let it pass at the last
At the end
    all explained       every broker order is exactly one row's, every row's number is the broker's
    each fill once      shares, amount, fee and tax booked of an order are the broker's, to the won
    all settled         nothing PENDING, UNCONFIRMED, SUBMITTED or PARTIAL
    same account        positions are the broker's holdings
    all protected       what was below its stop while the broker could be reached was offered for sale
    chain               every event's hash follows from the one before
    in the window       KIS never had to say "too many calls" of itself
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kis_daemon.app.house import House
from kis_daemon.domain.events import GENESIS_HASH, Event, chain_hash
from kis_daemon.domain.market import Side, Symbol
from kis_daemon.domain.risk import RiskLimits
from kis_daemon.simulator.exchange import Exchange
from kis_daemon.simulator.requests import Placed, Refusal, Request, RequestKind
from tests.simulation.market import DAY

LIMITS = RiskLimits(max_daily_loss_pct=0.5, max_consecutive_losses=1)
"""Those of the simulated days: narrow, so that a day of six symbols reaches them."""

_CLAIMED = (
    "SELECT max(event_id) FROM event_log WHERE event_type = 'order_requested'"
    " AND json_extract(payload_json, '$.symbol') = ? AND json_extract(payload_json, '$.side') = ?"
    " AND json_extract(payload_json, '$.quantity') = ?"
)


class Broken(AssertionError):
    """Something that must hold did not."""


@dataclass(slots=True)
class Watch:
    """Watches one day; `broken` names the first thing that did not hold."""

    database: Path
    spare: Path
    exchange: Exchange
    broken: str = ""
    orders: int = 0
    cancels: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    oversold: int = 0
    sold_before_buying: int = 0
    _sent: dict[tuple[str, str, int], int] = field(default_factory=dict)
    foreign: set[int] = field(default_factory=set)
    placing_foreign: bool = False
    on_resting: Callable[[Request], None] = lambda _: None

    def attach(self) -> None:
        """Stand at the broker's counter from now on."""
        exchange = self.exchange
        submit, cancel = exchange.submit, exchange.cancel

        def watched_submit(**order: Any) -> Placed | Refusal:
            if self.placing_foreign:
                placed = submit(**order)
                if isinstance(placed, Placed):
                    self.foreign.add(placed.request.number)
                return placed
            self._before_order(order["side"], order["symbol"], order["quantity"])
            placed = submit(**order)
            if isinstance(placed, Refusal):
                self.refusals[placed.value] += 1
                if placed is Refusal.NOT_ENOUGH_SHARES:
                    self.oversold += 1
            else:
                self._after_order(placed.request)
            return placed

        def watched_cancel(*order: Any, **more: Any) -> Placed | Refusal:
            self.cancels += 1
            return cancel(*order, **more)

        exchange.submit = watched_submit  # type: ignore[method-assign]
        exchange.cancel = watched_cancel  # type: ignore[method-assign]

    def fail(self, what: str) -> None:
        """Take down the first thing that did not hold."""
        if not self.broken:
            self.broken = what

    def left_the_house(self, house: House, side: Side, cancel: bool) -> None:
        """Called right after a permit was given: the gate, asked again in the same instant, must agree."""
        if not cancel and not house.control.gate().lets(side):
            self.fail(f"not halted: a {side} left while the gate says {house.control.gate()}")

    # --- at the counter -------------------------------------------------------------------------------------

    def _before_order(self, side: Side, symbol: Symbol, quantity: int) -> None:
        self.orders += 1
        key = (symbol, side.value, quantity)
        self._sent[key] = self._sent.get(key, 0) + 1
        with self._open() as rows:
            claimed = rows.execute(
                "SELECT count(*) FROM order_state WHERE symbol = ? AND side = ? AND quantity = ?", key
            ).fetchone()[0]
            aside = self._set_aside()
            claimed += aside.count(key)
            if self._sent[key] > claimed:
                self.fail(f"once: {self._sent[key]} orders {key} at the broker, {claimed} rows and lines")
            used = rows.execute("SELECT count(*) FROM approvals WHERE token_used_at IS NOT NULL").fetchone()[0]
            if self.orders > used + len(aside):
                self.fail(f"approved: {self.orders} orders, {used} approvals used")
            self._ask_the_switch(rows, key)
            if side is Side.BUY:
                self._ask_the_losses(rows, key)

    def _set_aside(self) -> list[tuple[str, str, int]]:
        """Return what was claimed in lines that wait for the database: (symbol, side, quantity)."""
        found: list[tuple[str, str, int]] = []
        epoch = 0
        for number, line in enumerate(self.spare.read_bytes().split(b"\n") if self.spare.exists() else ()):
            checksum, _, text = line.partition(b" ")
            if checksum != b"%08x" % zlib.crc32(text):
                break
            kept = json.loads(text)
            if kept["number"] != number or (number and kept["epoch"] != epoch):
                break
            epoch = kept["epoch"]
            for name, args in kept.get("writes", ()):
                if name == "claim_order":
                    intent = args[0]["fields"]["intent"]["fields"]
                    found.append((intent["symbol"], intent["side"], intent["quantity"]))
        return found

    def _ask_the_losses(self, rows: sqlite3.Connection, key: tuple[str, str, int]) -> None:
        """Sum up what was sold before the claim, from the log alone."""
        claimed = rows.execute(_CLAIMED, key).fetchone()[0]
        base = rows.execute("SELECT value FROM marks WHERE name = 'day_base'").fetchone()
        if claimed is None or base is None:
            return
        sold = rows.execute(
            "SELECT correlation_id, json_extract(payload_json, '$.realized_pnl') FROM event_log WHERE event_id < ?"
            " AND event_type = 'order_filled' AND json_extract(payload_json, '$.side') = 'SELL' ORDER BY event_id",
            (claimed,),
        ).fetchall()
        total = run = 0
        results: dict[str, int] = {}
        for position, realized in sold:
            total += realized
            results[position] = results.pop(position, 0) + realized
            run = 0
            for result in results.values():
                run = run + 1 if result < 0 else 0
            limit = -int(base[0].split("|")[1]) * LIMITS.max_daily_loss_pct / 100
            if total <= limit:
                self.fail(f"within the limits: {key} was claimed when {total} won were lost, limit {limit:.0f}")
            if run >= LIMITS.max_consecutive_losses:
                self.fail(f"within the limits: {key} was claimed after {run} losses in a row")
        self.sold_before_buying += bool(sold)

    def _ask_the_switch(self, rows: sqlite3.Connection, key: tuple[str, str, int]) -> None:
        claimed = rows.execute(_CLAIMED, key).fetchone()[0]
        if claimed is None:
            return
        switch = rows.execute(
            "SELECT event_type, json_extract(payload_json, '$.scope') FROM event_log WHERE event_id < ?"
            " AND event_type IN ('kill_switch_activated', 'kill_switch_deactivated') ORDER BY event_id DESC LIMIT 1",
            (claimed,),
        ).fetchone()
        forbidden = ("all",) if key[1] == Side.SELL else ("all", "entries")
        if switch is not None and switch[0] == "kill_switch_activated" and switch[1] in forbidden:
            self.fail(f"not halted: {key} was claimed while the kill switch was active for {switch[1]}")

    def _after_order(self, request: Request) -> None:
        exchange = self.exchange
        if request.is_open:
            self.on_resting(request)
        live = [
            other
            for other in exchange.orders.days[DAY].values()
            if other.is_open and (other.symbol, other.side) == (request.symbol, request.side)
            if other.number not in self.foreign
        ]
        offered = sum(other.remaining for other in live)
        if request.side is Side.SELL:
            if offered > exchange.account.quantity(request.symbol):
                self.fail(f"covered: {offered} shares of {request.symbol} offered")
        elif len(live) > 1:
            self.fail(f"one live: {len(live)} open {request.side} of {request.symbol}")

    # --- at night -------------------------------------------------------------------------------------------

    def at_close(self, house: House | None) -> None:
        """Ask, some minutes before the closing auction of a calm hour, whether everything is protected."""
        if house is None:
            self.fail("all protected: nobody lives there")
            return
        gate = house.control.gate()
        if not gate.lets(Side.SELL):
            if gate.reasons[0] != "kill_switch":
                self.fail(f"all protected: no exit could leave, {gate}")
            return
        for position in house.book.positions.values():
            board = self.exchange.boards[position.symbol]
            if board.price > position.stop or position.symbol in house.book.locked:
                continue
            if not self._was_offered(position.symbol):
                self.fail(f"all protected: {position.symbol} at {board.price}, stop {position.stop}, never offered")

    def _was_offered(self, symbol: Symbol) -> bool:
        return any(
            other.side is Side.SELL and other.symbol == symbol and other.number not in self.foreign
            for other in self.exchange.orders.days[DAY].values()
        )

    def at_night(self) -> None:
        """Ask everything that must be true of a day that is over."""
        with self._open() as rows:
            self._ask_the_chain(rows)
            self._ask_the_orders(rows)
            self._ask_the_account(rows)

    def _ask_the_orders(self, rows: sqlite3.Connection) -> None:
        live = rows.execute(
            "SELECT symbol, side, status FROM order_state"
            " WHERE status IN ('PENDING', 'UNCONFIRMED', 'SUBMITTED', 'PARTIAL')"
        ).fetchall()
        told = rows.execute(
            "SELECT json_extract(payload_json, '$.symbol'), json_extract(payload_json, '$.side') FROM event_log"
            " WHERE event_type = 'order_ambiguous'"
        ).fetchall()
        if unsettled := [row for row in live if row[2] != "UNCONFIRMED" or row[:2] not in told]:
            self.fail(f"all settled: {unsettled}")
        if live:
            return  # a person was called: two orders at the broker cannot be told apart
        ours = Counter(
            number.lstrip("0")
            for (number,) in rows.execute("SELECT order_no FROM order_state WHERE order_no IS NOT NULL")
            if number
        )
        theirs = {
            str(request.number)
            for request in self.exchange.orders.days[DAY].values()
            if request.kind is RequestKind.NEW and request.number not in self.foreign
        }
        if set(ours) != theirs or any(count > 1 for count in ours.values()):
            self.fail(f"all explained: ours {dict(ours)}, the broker's {sorted(theirs)}")
        self._ask_the_fills(rows)

    def _ask_the_fills(self, rows: sqlite3.Connection) -> None:
        booked = rows.execute(
            "SELECT o.order_no, coalesce(sum(f.quantity), 0), coalesce(sum(f.amount), 0), coalesce(sum(f.fee), 0),"
            " coalesce(sum(f.tax), 0) FROM order_state o LEFT JOIN fills f USING (idempotency_key)"
            " WHERE o.order_no <> '' GROUP BY o.idempotency_key"
        ).fetchall()
        for number, *ours in booked:
            request = self.exchange.orders.days[DAY][int(number)]
            theirs = [request.filled, request.amount, request.costs.fee, request.costs.tax]
            if ours != theirs:
                self.fail(f"each fill once: order {number} ours {ours}, the broker's {theirs}")

    def _ask_the_account(self, rows: sqlite3.Connection) -> None:
        ours = dict(rows.execute("SELECT symbol, quantity FROM positions WHERE closed_at IS NULL").fetchall())
        theirs = {
            symbol: holding.quantity for symbol, holding in self.exchange.account.holdings.items() if holding.quantity
        }
        if not self.foreign and ours != theirs:
            self.fail(f"same account: ours {ours}, the broker's {theirs}")

    def _ask_the_chain(self, rows: sqlite3.Connection) -> None:
        head = GENESIS_HASH
        for row in rows.execute(
            "SELECT event_id, timestamp, event_type, actor, correlation_id, payload_json, prev_hash, hash"
            " FROM event_log ORDER BY event_id"
        ):
            event_id, at, kind, actor, correlation_id, payload, prev_hash, hashed = row
            event = Event(
                at=datetime.fromisoformat(at).replace(tzinfo=UTC),
                type=kind,
                actor=actor,
                correlation_id=correlation_id or "",
                payload=json.loads(payload),
            )
            if prev_hash != head or hashed != chain_hash(head, event):
                self.fail(f"chain: event {event_id} does not follow")
                return
            head = hashed

    def chain_head(self) -> str:
        with self._open() as rows:
            found = rows.execute("SELECT hash FROM event_log ORDER BY event_id DESC LIMIT 1").fetchone()
        return "" if found is None else str(found[0])

    def events(self) -> int:
        with self._open() as rows:
            return int(rows.execute("SELECT count(*) FROM event_log").fetchone()[0])

    def _open(self) -> _Reading:
        return _Reading(self.database)


class _Reading:
    """A short read-only look into the database file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> sqlite3.Connection:
        self._connection = sqlite3.connect(f"file:{self._path}?mode=ro", uri=True)
        return self._connection

    def __exit__(self, *_: object) -> None:
        self._connection.close()
