"""The order path as the daemon wires it: a broker in memory, records in a real file, a gate that a test turns.

`@lived` gives a test the path with its tasks running, `@prepared` and `@beginning` before its start. Time is virtual.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from kis_daemon.clock import LoopClock
from kis_daemon.domain.calendar import SessionPhase
from kis_daemon.domain.market import Side, Symbol
from kis_daemon.domain.orders import Order, OrderIntent, OrderState, OrderType
from kis_daemon.domain.positions import Position, ProtectionRules
from kis_daemon.domain.risk import Allowed, Denied
from kis_daemon.domain.safeguards import Gate, GateView
from kis_daemon.ports import Clock
from kis_daemon.services import kill_switch
from kis_daemon.services.account_keeper import AccountKeeper, Patience
from kis_daemon.services.approvals import ApprovalDesk, Grant, Provenance
from kis_daemon.services.book import Book
from kis_daemon.services.bookkeeper import Bookkeeper
from kis_daemon.services.door import Queued, Refused
from kis_daemon.services.journal import Journal
from kis_daemon.services.locks import Locks
from kis_daemon.services.order_follower import OrderTiming
from kis_daemon.services.order_synchronizer import OrderSynchronizer
from kis_daemon.services.outages import Outages
from kis_daemon.services.reconciler import Cadence, Reconciler
from kis_daemon.store.database import Database
from kis_daemon.store.rows import SqlRows
from kis_daemon.virtual_loop import VirtualLoop
from tests.services.builders import COMMISSION_PPB, MODE, TEN_O_CLOCK, a_mandate, an_exit, an_intent, at
from tests.services.fakes import BreakableRecords, FakeBroker, HeardNotifier, SeededEntropy
from tests.simulator.builders import the_calendar
from tests.store.builders import a_database, a_file, by_hand

T = TypeVar("T")

OPEN = GateView(gate=Gate.OPEN)
HALTED = GateView(gate=Gate.HALTED, reasons=("stopping",))


class OrderPath:
    """Journal, book, bookkeeper, reconciler, desk and synchronizer, tied together and started as the daemon does."""

    def __init__(self, file: Path, database: Database, clock: Clock, broker: FakeBroker) -> None:
        self.file = file
        self.clock = clock
        self.broker = broker
        self.database = database
        self.records = BreakableRecords(database)
        self.notifier = HeardNotifier()
        self.gate = OPEN
        self.verdict: Allowed | Denied = Allowed()
        self.refusals: list[tuple[Order, bool]] = []
        self.changes: list[Order] = []
        self.book = Book()
        self.journal = Journal(self.records, clock, self.notifier)
        self.desk = ApprovalDesk(
            b"s" * 32,
            SeededEntropy(),
            clock,
            a_mandate(max_notional_a_day=1_000_000_000),
            Provenance(config_hash="c" * 64, git_commit_sha="unknown", schema_version="0001"),
        )
        self.bookkeeper = Bookkeeper(
            book=self.book,
            journal=self.journal,
            clock=clock,
            protection=ProtectionRules(),
            commission_ppb=COMMISSION_PPB,
            on_change=self._on_change,
        )
        self.account_changed: list[Symbol] = []
        self.locks = Locks(book=self.book, journal=self.journal, clock=clock, on_change=self.account_changed.append)
        self.account = AccountKeeper(
            book=self.book,
            journal=self.journal,
            locks=self.locks,
            clock=clock,
            patience=Patience(),
            on_change=self.account_changed.append,
        )
        self.reconciler = Reconciler(
            broker=broker,
            book=self.book,
            journal=self.journal,
            bookkeeper=self.bookkeeper,
            account=self.account,
            calendar=the_calendar(),
            clock=clock,
            cadence=Cadence(),
            outages=Outages(clock),
        )
        self.synchronizer = OrderSynchronizer(
            broker=broker,
            journal=self.journal,
            bookkeeper=self.bookkeeper,
            book=self.book,
            desk=self.desk,
            clock=clock,
            mode=MODE,
            gate=lambda: self.gate,
            risk=lambda intent: self.verdict if intent.side is Side.BUY else Allowed(),
            last_price=broker.prices.get,
            trades_continuously=lambda _: the_calendar().phase(clock.now()) is SessionPhase.REGULAR,
            ask_broker=self.reconciler.wake,
            on_refusal=lambda order, closed: self.refusals.append((order, closed)),
            timing=OrderTiming(),
        )
        self._tasks: list[asyncio.Task[None]] = []

    # its life

    async def start(self) -> None:
        """Load what the records hold, ask the broker, then let the tasks run."""
        today = self.clock.now().date()
        await self.database.transact(self._load)
        self.book.start_day(today)
        await self.reconciler.attempt()
        self._tasks = [
            asyncio.create_task(self.journal.run(), name="journal"),
            asyncio.create_task(self.reconciler.run(), name="reconciler"),
            asyncio.create_task(self.synchronizer.run(), name="synchronizer"),
        ]
        await asyncio.sleep(0)  # each has begun before the first price comes

    async def stop(self) -> None:
        """End it as SIGTERM does; raises what had ended a task before."""
        self.gate = HALTED
        for task in self._tasks:
            task.cancel()
        ends = await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        await self.synchronizer.drain()
        for end in ends:
            if isinstance(end, BaseException) and not isinstance(end, asyncio.CancelledError):
                raise end
        await self.journal.write()

    async def restarted(self) -> OrderPath:
        """Return the path of a new process over the same file and the same broker, started."""
        await self.stop()
        following = OrderPath(self.file, self.database, self.clock, self.broker)
        await following.start()
        return following

    def _load(self, rows: SqlRows) -> None:
        today = self.clock.now().date()
        for order in (*rows.orders_of(today), *rows.live_orders()):
            self.book.recover(order)
        for position in rows.open_positions():
            self.book.positions[position.symbol] = position
        self.book.trades_today.extend(rows.trades(today, today))
        cash = rows.mark("ledger_cash")
        self.book.ledger_cash = None if cash is None else int(cash)

    def _on_change(self, order: Order) -> None:
        self.changes.append(order)
        self.synchronizer.take_up(order)

    # what a test does with it

    def place(self, intent: OrderIntent) -> Queued | Refused:
        """Bring `intent` to the door with the token its mandate gives."""
        position = self.book.positions.get(intent.symbol)
        if intent.side is Side.BUY:
            grant = self.desk.for_entry(intent, intent.price or 0, 0)
        else:
            assert position is not None
            grant = self.desk.for_exit(intent, position)
        assert isinstance(grant, Grant)
        return self.synchronizer.place(intent, grant)

    def buy(self, **changes: Any) -> Queued | Refused:
        return self.place(an_intent(**changes))

    def sell(self, **changes: Any) -> Queued | Refused:
        return self.place(an_exit(**changes))

    def sell_limit(self, position: Position) -> Queued | Refused:
        """Let `position` be held and rest its sale at the day's lower limit, as in an auction."""
        self.holds(position)
        return self.sell(order_type=OrderType.LIMIT, price=49_000)

    def holds(self, position: Position) -> None:
        """Let records, book and broker agree that we hold `position`."""
        self.now(lambda rows: rows.save_position(position))
        self.book.positions[position.symbol] = position
        self.broker.hold(position.symbol, position.quantity, position.cost)

    async def passes(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    # what a test looks at

    def now(self, work: Callable[[SqlRows], T]) -> T:
        """Run `work` in a transaction of its own."""
        return self.database.transact_now(work)

    def stored_orders(self) -> tuple[Order, ...]:
        return self.now(lambda rows: rows.all_orders())

    @property
    def order(self) -> Order:
        """The one order in the records."""
        (order,) = self.stored_orders()
        return order

    def state(self) -> OrderState:
        """The state of the one order in the records."""
        return self.order.state

    def stored_position(self, symbol: Symbol) -> Position | None:
        found = [position for position in self.now(lambda rows: rows.open_positions()) if position.symbol == symbol]
        return found[0] if found else None

    def events(self) -> list[str]:
        """The types of all events written down, in the chain's order."""
        return [row.event_type for row in self.now(lambda rows: rows.events())]

    def payload(self, event: str) -> dict[str, Any]:
        """The payload of the newest event of that type."""
        rows = [row for row in self.now(lambda rows: rows.events()) if row.event_type == event]
        payload: dict[str, Any] = json.loads(rows[-1].payload_json)
        return payload

    def by_hand(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        return by_hand(self.file, sql, *values)


Story = Callable[..., Awaitable[None]]


def lived(story: Story) -> Callable[..., None]:
    """Make a test of `story(path, …)` whose path is started at ten o'clock and has heard from its broker."""
    return _a_test(story, TEN_O_CLOCK, started=True)


def prepared(story: Story) -> Callable[..., None]:
    """Make a test of `story(path, …)` whose path stands at ten o'clock and is not started."""
    return _a_test(story, TEN_O_CLOCK, started=False)


def beginning(clock: str) -> Callable[[Story], Callable[..., None]]:
    """As `prepared`, at another time of the day."""
    return functools.partial(_a_test, origin=at(clock), started=False)


def _a_test(story: Story, origin: datetime, *, started: bool) -> Callable[..., None]:
    async def live(folder: Path, given: dict[str, Any]) -> None:
        clock = LoopClock(asyncio.get_running_loop(), origin)
        with a_database(folder, durable=False) as database:
            database.transact_now(lambda rows: kill_switch.release(rows, clock.now(), "paper", "tester"))
            path = OrderPath(a_file(folder), database, clock, FakeBroker(clock, the_calendar()))
            if started:
                await path.start()
            try:
                await story(path, **given)
            finally:
                await path.stop()

    @functools.wraps(story)
    def test(tmp_path: Path, **given: Any) -> None:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(live(tmp_path, given))

    asked = [
        parameter.replace(name="tmp_path") if name == "path" else parameter
        for name, parameter in inspect.signature(story).parameters.items()
    ]
    test.__signature__ = inspect.Signature(asked)  # type: ignore[attr-defined]  # pytest reads its fixtures from it
    return test
