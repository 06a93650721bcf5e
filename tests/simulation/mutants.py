"""Safeguards switched off, one at a time: the simulation must find every one of them.

Each is a patch of the running daemon's own code, in force for one simulated day.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from unittest.mock import patch

from sqlalchemy import insert, text

from kis_daemon.app import daemon
from kis_daemon.domain import orders, safeguards
from kis_daemon.domain.approvals import Approval, Proposal
from kis_daemon.domain.events import GENESIS_HASH
from kis_daemon.domain.market import Side
from kis_daemon.domain.orders import Fill, Happening, Order, OrderIntent
from kis_daemon.domain.risk import AccountFigures
from kis_daemon.domain.safeguards import NEVER_RELEASED, Gate, GateView, KillSwitchStatus
from kis_daemon.kis.broker import KisBroker
from kis_daemon.ports import (
    Accepted,
    AccountStatement,
    BrokerError,
    BrokerOrder,
    ExecutionNotice,
    NoAnswer,
    NoticeKind,
    Permit,
    Rows,
    Withdrawn,
)
from kis_daemon.services import evidence, order_synchronizer
from kis_daemon.services.approvals import Grant
from kis_daemon.services.book import Book
from kis_daemon.services.bookkeeper import Bookkeeper
from kis_daemon.services.control import Control
from kis_daemon.services.intake import Intake
from kis_daemon.services.order_follower import OrderFollower, about
from kis_daemon.services.order_synchronizer import OrderSynchronizer
from kis_daemon.services.reconciler import Reconciler
from kis_daemon.store import schema
from kis_daemon.store.mapping import order_to_row
from kis_daemon.store.rows import SqlRows
from tests.simulation.market import OPENS

Mutant = Callable[[], AbstractContextManager[object]]


def _journal_after_the_send() -> AbstractContextManager[object]:
    """The row is written when the answer is known, not before the wire."""

    async def claim_and_send(self: OrderSynchronizer, order: Order, grant: Grant, seen_at: float) -> Order | None:
        answer = await self._broker.submit(order.intent, lambda: True, urgent=True)
        if not await self._claim(order, grant) or isinstance(answer, Withdrawn):
            return None
        return await self._record_acceptance(order, answer)

    return patch.object(OrderSynchronizer, "_claim_and_send", claim_and_send)


def _blind_retry() -> AbstractContextManager[object]:
    """Silence is answered by sending once more."""
    original = KisBroker.submit

    async def submit(self: KisBroker, intent: OrderIntent, permit: Permit, *, urgent: bool) -> Accepted | Withdrawn:
        try:
            return await original(self, intent, permit, urgent=urgent)
        except NoAnswer:
            return await original(self, intent, permit, urgent=urgent)

    return patch.object(KisBroker, "submit", submit)


def _silence_is_refusal() -> AbstractContextManager[object]:
    """A time-out makes the order failed, and its symbol free for the next."""

    async def record_silence(self: OrderSynchronizer, order: Order, error: BrokerError) -> Order:
        fact = about(self._journal, order, "order_rejected", reason=str(error))
        return await self._bookkeeper.move(order, Happening.REFUSED, fact, refusal="time-out")

    return patch.object(OrderSynchronizer, "_record_silence", record_silence)


def _not_found_at_once() -> AbstractContextManager[object]:
    """One listing without the order proves that it was never taken."""
    at_once = dict.fromkeys(Side, (timedelta(0), 1))
    return patch.object(evidence, "_SETTLING", at_once)


def _start_forgets_what_was_open() -> AbstractContextManager[object]:
    """The start loads positions, but not the orders under way."""
    original = daemon._load

    def load(rows: Rows, house: Any, today: date) -> None:
        original(rows, house, today)
        for order in house.book.live_orders():
            house.book.free_slot(order)
        house.book.orders.clear()

    return patch.object(daemon, "_load", load)


def _start_forgets_positions() -> AbstractContextManager[object]:
    """The start loads orders, but not what is held."""
    original = daemon._load

    def load(rows: Rows, house: Any, today: date) -> None:
        original(rows, house, today)
        house.book.positions.clear()

    return patch.object(daemon, "_load", load)


def _key_with_the_time_in_it() -> AbstractContextManager[object]:
    """The same signal gets a new key at every try, and the table takes it."""
    numbers = itertools.count()

    def claim(self: SqlRows, order: Order) -> bool:
        values = order_to_row(order)
        with self._connection.begin_nested():
            self._connection.execute(text("DELETE FROM order_state WHERE signal_id = :s"), {"s": values["signal_id"]})
            self._connection.execute(insert(schema.order_state).values(**values))
        return True

    def timed_key(mode: str, intent: OrderIntent) -> str:
        return f"{original_key(mode, intent)[:50]}{next(numbers):014d}"

    original_key = orders.order_key

    @contextmanager
    def both() -> Iterator[None]:
        with patch.object(SqlRows, "claim_order", claim), patch.object(order_synchronizer, "order_key", timed_key):
            yield

    return both()


def _no_last_look_at_the_gate() -> AbstractContextManager[object]:
    """The permit is given whatever has happened since the order was begun."""
    original = KisBroker.submit

    async def submit(self: KisBroker, intent: OrderIntent, permit: Permit, *, urgent: bool) -> Accepted | Withdrawn:
        def always() -> bool:
            permit()
            return True

        return await original(self, intent, always, urgent=urgent)

    return patch.object(KisBroker, "submit", submit)


def _switch_not_read_in_the_transaction() -> AbstractContextManager[object]:
    """The kill switch counts as last polled."""
    released = replace(NEVER_RELEASED, status=KillSwitchStatus.INACTIVE, reason="as last seen", since=OPENS)
    return patch.object(SqlRows, "kill_switch", lambda _: released)


def _notice_counts_as_fill() -> AbstractContextManager[object]:
    """Execution notices are booked as they come, twice or not."""

    def on_notice(self: Intake, notice: ExecutionNotice) -> None:
        reconciler = self._reconciler
        book = reconciler._book
        order = next((o for o in book.orders.values() if o.order_no == notice.order_no and o.is_live), None)
        if order is not None and notice.kind is NoticeKind.FILLED:
            filled = order.filled_quantity + notice.quantity
            row = BrokerOrder(
                order_no=notice.order_no,
                original_no=None,
                branch_no=order.branch_no,
                at=notice.at,
                symbol=notice.symbol,
                side=notice.side,
                order_type=order.intent.order_type,
                quantity=order.intent.quantity,
                price=notice.price,
                filled_quantity=filled,
                filled_amount=order.filled_amount + notice.quantity * notice.price,
                remaining_quantity=max(order.intent.quantity - filled, 0),
                cancelled_quantity=0,
                rejected_quantity=0,
            )
            task = asyncio.get_running_loop().create_task(reconciler._bookkeeper.apply(order, row))
            _BOOKING.append(task)
        reconciler.wake()

    return patch.object(Intake, "on_notice", on_notice)


_BOOKING: list[asyncio.Task[Order]] = []


def _refused_cancel_is_a_cancel() -> AbstractContextManager[object]:
    """A cancel that was asked for is booked as done."""
    original = OrderFollower._cancel_rest

    async def cancel_rest(self: OrderFollower, order: Order, why: str) -> None:
        await original(self, order, why)
        if order.is_live:
            await self._bookkeeper.move(order, Happening.CANCELLED, about(self._journal, order, "order_cancelled"))

    return patch.object(OrderFollower, "_cancel_rest", cancel_rest)


def _part_fill_forgotten() -> AbstractContextManager[object]:
    """An order that ends with a part filled is booked as cancelled, its shares unmanaged."""
    original = Bookkeeper.apply

    async def apply(self: Bookkeeper, order: Order, row: BrokerOrder) -> Order:
        if row.remaining_quantity == 0 and 0 < row.filled_quantity < row.quantity:
            row = replace(row, filled_quantity=order.filled_quantity, filled_amount=order.filled_amount)
        elif 0 < row.filled_quantity < row.quantity:
            return order
        return await original(self, order, row)

    return patch.object(Bookkeeper, "apply", apply)


def _failed_question_reads_as_flat() -> AbstractContextManager[object]:
    """An account that cannot be asked is an empty one."""
    original = KisBroker.account

    async def account(self: KisBroker) -> AccountStatement:
        try:
            return await original(self)
        except BrokerError:
            return AccountStatement(cash=0, holdings=(), holdings_value=0)

    return patch.object(KisBroker, "account", account)


def _token_is_never_spent() -> AbstractContextManager[object]:
    """An approval opens the door as often as it is shown."""

    def add(self: SqlRows, proposal: Proposal, approval: Approval, _at: datetime) -> None:
        self.add_proposal(proposal)
        self.add_approval(approval)

    return patch.object(SqlRows, "add_spent_approval", add)


def _chain_forks() -> AbstractContextManager[object]:
    """The head is read once, not inside each transaction."""
    heads: dict[int, str] = {}
    original = SqlRows.chain_head

    def chain_head(self: SqlRows) -> str:
        return heads.setdefault(0, original(self) or GENESIS_HASH)

    return patch.object(SqlRows, "chain_head", chain_head)


def _fill_counted_twice() -> AbstractContextManager[object]:
    """The broker's sum is booked whole at every look."""
    original = Bookkeeper._fill

    def fill(self: Bookkeeper, order: Order, row: BrokerOrder) -> Fill:
        made = original(self, order, row)
        return replace(made, quantity=row.filled_quantity, amount=row.filled_amount)

    return patch.object(Bookkeeper, "_fill", fill)


def _entries_close_exits_too() -> AbstractContextManager[object]:
    """Whatever closes entries closes everything."""

    def lets(self: GateView, _side: Side) -> bool:
        return self.gate is Gate.OPEN

    return patch.object(safeguards.GateView, "lets", lets)


def _unconfirmed_never_resolved() -> AbstractContextManager[object]:
    """An order of unknown outcome stays what it is."""

    async def resolve(_self: Reconciler, order: Order, _listing: object, _asked_at: datetime) -> Order:
        return order

    return patch.object(Reconciler, "_resolve", resolve)


def _send_dies_with_its_caller() -> AbstractContextManager[object]:
    """Neither shield nor drain: a stop cuts an order off between its row and its answer."""

    async def carry(self: OrderSynchronizer, order: Order, grant: Grant, seen_at: float) -> None:
        sent = await self._claim_and_send(order, grant, seen_at)
        if sent is not None and sent.is_live:
            await self._follower.follow(sent.key)

    async def load_settled(*_: object) -> None:
        return None

    @contextmanager
    def both() -> Iterator[None]:
        with (
            patch.object(OrderSynchronizer, "_carry", carry),
            patch.object(Reconciler, "_wake_up_silent", _leave_it),
        ):
            yield

    return both()


async def _leave_it(_self: Reconciler, order: Order) -> Order:
    return order


def _losses_are_forgotten() -> AbstractContextManager[object]:
    """What was lost today is known to nobody."""
    original = Book.figures

    def figures(self: Book, *about: Any) -> AccountFigures:
        return replace(
            original(self, *about),
            realized_today=0,
            worst_realized_today=0,
            consecutive_losses=0,
            worst_losses_in_a_row=0,
        )

    return patch.object(Book, "figures", figures)


def _gate_ignores_the_switch() -> AbstractContextManager[object]:
    """The kill switch is read and told, and decides nothing."""
    original = Control._conditions

    def conditions(self: Control) -> Any:
        seen = original(self)
        return replace(seen, kill_switch=replace(seen.kill_switch, status=KillSwitchStatus.INACTIVE))

    @contextmanager
    def both() -> Iterator[None]:
        with patch.object(Control, "_conditions", conditions), _switch_not_read_in_the_transaction():
            yield

    return both()


SEEDS_PER_MUTANT = 150


def own_seeds(name: str, first: int = 1) -> range:
    """Return the seeds that are tried on one mutant: each has its own."""
    begin = first + list(MUTANTS).index(name) * SEEDS_PER_MUTANT
    return range(begin, begin + SEEDS_PER_MUTANT)


MUTANTS: Mapping[str, Mutant] = {
    mutant.__name__.removeprefix("_"): mutant
    for mutant in (
        _journal_after_the_send,
        _blind_retry,
        _silence_is_refusal,
        _not_found_at_once,
        _start_forgets_what_was_open,
        _start_forgets_positions,
        _key_with_the_time_in_it,
        _no_last_look_at_the_gate,
        _switch_not_read_in_the_transaction,
        _notice_counts_as_fill,
        _refused_cancel_is_a_cancel,
        _part_fill_forgotten,
        _failed_question_reads_as_flat,
        _token_is_never_spent,
        _chain_forks,
        _fill_counted_twice,
        _entries_close_exits_too,
        _unconfirmed_never_resolved,
        _send_dies_with_its_caller,
        _gate_ignores_the_switch,
        _losses_are_forgotten,
    )
}
