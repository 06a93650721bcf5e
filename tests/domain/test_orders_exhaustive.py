"""Two orders and every order in which things can happen to them: no interleaving breaks what is promised of orders.

Book, bookkeeper and records are the daemon's own. The world around them is six happenings of each order: it is begun,
its request leaves and arrives, an answer comes or does not, the broker executes a share, the broker ends the rest, a
listing (of now or of any moment before) is read. And at any step the daemon may be killed and started again. From the
first state all others are sought; every step is checked, so that every path is.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Any, TypeAlias, TypeVar

import pytest
import structlog

from kis_daemon.domain.events import Event
from kis_daemon.domain.market import Side
from kis_daemon.domain.orders import LIVE_STATES, MOVES, Happening, Order, OrderIntent, OrderNo, OrderState
from kis_daemon.domain.positions import ProtectionRules
from kis_daemon.ports import BrokerOrder
from kis_daemon.services.book import Book
from kis_daemon.services.bookkeeper import NOT_FOUND, Bookkeeper
from kis_daemon.services.journal import Journal
from kis_daemon.store.memory import MemoryRecords, MemoryRows, Tables
from tests.services.builders import (
    COMMISSION_PPB,
    SAMSUNG,
    TEN_O_CLOCK,
    TODAY,
    a_position,
    a_row,
    an_exit,
    an_intent,
    an_order,
)
from tests.services.fakes import HeardNotifier

T = TypeVar("T")
Move: TypeAlias = tuple[OrderState, OrderState]

SHARES = 2  # the fewest that can be filled in part
STEPS = 13  # six happenings of each order and a crash, for the count of paths
KILLED = "killed"


class Ending(StrEnum):
    NONE = "none"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Truth:
    """What the broker has of an order that it took."""

    filled: int = 0
    ending: Ending = Ending.NONE

    @property
    def is_open(self) -> bool:
        return self.ending is Ending.NONE and self.filled < SHARES


@dataclass(frozen=True, slots=True)
class Request:
    """Where the request of an order is: with us, on its way, and what the broker made of it."""

    in_hand: bool = False  # its row is written, and this process has not sent it yet
    on_its_way: bool = False
    awaited: bool = False  # this process waits for its answer
    refused: bool = False
    times_sent: int = 0


class Noon:
    """A clock that stands."""

    def now(self) -> datetime:
        return TEN_O_CLOCK

    async def sleep_until(self, when: datetime) -> None:
        raise AssertionError(f"nobody waits for {when} here")


class WatchedRows(MemoryRows):
    """Rows that check each written order against the one before it, and keep which moves were `used`."""

    def __init__(self, tables: Tables, used: set[Move]) -> None:
        super().__init__(tables)
        self.used = used

    def append(self, event: Event) -> None:
        """Events are not searched here."""

    def save_order(self, order: Order) -> None:
        before = self.order(order.key)
        assert before is not None
        assert order.state in MOVES[before.state].values(), f"{before.state} became {order.state}"
        assert order.filled_quantity >= before.filled_quantity, "what was filled never falls"
        self.used.add((before.state, order.state))
        super().save_order(order)


class Ledger(MemoryRecords):
    """Records whose copies remember together."""

    def __init__(self, used: set[Move]) -> None:
        super().__init__()
        self.used = used

    async def transact(self, work: Callable[[MemoryRows], T]) -> T:
        rows = WatchedRows(self.tables, self.used)
        try:
            return work(rows)
        except BaseException:
            rows.undo()
            raise

    def copied(self) -> Ledger:
        ledger, tables = Ledger(self.used), self.tables
        ledger.tables = Tables(
            orders=dict(tables.orders),
            signals=dict(tables.signals),
            fills=dict(tables.fills),
            trades=dict(tables.trades),
            positions=dict(tables.positions),
            marks=dict(tables.marks),
        )
        return ledger


@dataclass(slots=True)
class World:
    """The daemon's records and memory, and the broker's truth, at one moment."""

    wanted: tuple[Order, ...]
    ledger: Ledger
    book: Book
    truths: list[Truth | None] = field(default_factory=lambda: [None, None])
    requests: list[Request] = field(default_factory=lambda: [Request(), Request()])
    came_back: tuple[int, ...] = ()  # orders that the broker had although complete listings had lacked them

    def outside(self) -> World:
        """Return a copy for what happens outside of the daemon: records and memory are the same."""
        return World(self.wanted, self.ledger, self.book, list(self.truths), list(self.requests), self.came_back)

    def copied(self) -> World:
        book = Book(
            positions=dict(self.book.positions),
            orders=dict(self.book.orders),
            live=dict(self.book.live),
            left_behind=dict(self.book.left_behind),
            day=TODAY,
        )
        return World(self.wanted, self.ledger.copied(), book, list(self.truths), list(self.requests), self.came_back)

    def key(self) -> tuple[Any, ...]:
        """What decides what can happen next; numbers of versions and sums of money do not."""
        orders = []
        for place, wanted in enumerate(self.wanted):
            row, known = self.row(place), self.book.orders.get(wanted.key)
            assert row == known, "memory and records tell the same"
            told = None if row is None else (row.state, row.filled_quantity, row.order_no, row.refusal)
            orders.append((told, self.truths[place], self.requests[place], self.book.left_behind.get(wanted.key)))
        return (*orders, *self.book.live.items(), self.came_back)

    def row(self, place: int) -> Order | None:
        return self.ledger.tables.orders.get(self.wanted[place].key)

    @property
    def keeper(self) -> Bookkeeper:
        clock = Noon()
        return Bookkeeper(
            book=self.book,
            journal=Journal(self.ledger, clock, HeardNotifier()),
            clock=clock,
            protection=ProtectionRules(),
            commission_ppb=COMMISSION_PPB,
            on_change=lambda _: None,
        )

    # the happenings

    def begin(self, place: int) -> None:
        order = self.wanted[place]
        self.book.begin(order)
        assert self.ledger.transact_now(lambda rows: rows.claim_order(order))
        self.requests[place] = Request(in_hand=True)

    def go_on(self, place: int, request: Request) -> None:
        self.requests[place] = request

    def become(self, place: int, truth: Truth) -> None:
        self.truths[place] = truth

    def move(self, place: int, happening: Happening, **values: object) -> None:
        order = self.row(place)
        assert order is not None
        keeper = self.keeper
        fact = Journal(self.ledger, Noon(), HeardNotifier()).fact(happening.value)
        at_once(keeper.move(order, happening, fact, **values))

    def answer(self, place: int, happening: Happening, **values: object) -> None:
        self.move(place, happening, **values)
        self.requests[place] = replace(self.requests[place], in_hand=False, awaited=False, refused=False)

    def learns(self, place: int, row: Order, shown: Truth | None) -> bool:
        """Whether a listing that shows `shown` is looked through for `row` at all."""
        if row.state is OrderState.PENDING:
            return self.wanted[place].key in self.book.left_behind  # else its own sending is under way
        if shown is None:
            return row.state is OrderState.UNCONFIRMED
        return row.state is OrderState.UNCONFIRMED or row.order_no is not None or row.refusal.startswith(NOT_FOUND)

    def listed(self, place: int, shown: Truth | None) -> None:
        """Do with a listing what the reconciler does, as if no further evidence were waited for."""
        order = self.row(place)
        assert order is not None
        if order.state is OrderState.PENDING:
            self.move(place, Happening.NO_ANSWER)
            self.book.left_behind.pop(order.key)
            order = self.book.orders[order.key]
        keeper = self.keeper
        if order.state is OrderState.UNCONFIRMED or order.refusal.startswith(NOT_FOUND):
            if shown is not None:
                if order.state is OrderState.REJECTED:
                    self.came_back = (*self.came_back, place)
                order = at_once(keeper.found(order, the_row(place, order, shown)))
            elif order.state is OrderState.UNCONFIRMED:
                order = at_once(keeper.not_found(order, "of a test"))
        if shown is None:
            return
        order = at_once(keeper.apply(order, the_row(place, order, shown)))
        if order.state in (OrderState.SUBMITTED, OrderState.PARTIAL) and shown.ending is Ending.EXPIRED:
            at_once(keeper.expire(order, listed=True))

    def killed(self) -> None:
        """Be a new process over the same records."""
        self.book = Book()
        for row in self.ledger.transact_now(lambda rows: (*rows.orders_of(TODAY), *rows.live_orders())):
            self.book.recover(row)
        for position in self.ledger.transact_now(lambda rows: rows.open_positions()):
            self.book.positions[position.symbol] = position
        self.book.start_day(TODAY)
        self.requests = [replace(request, in_hand=False, awaited=False, refused=False) for request in self.requests]


def at_once(work: Coroutine[Any, Any, T]) -> T:
    """Return what `work` returns, which waits for nothing."""
    try:
        work.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    raise AssertionError("records in memory are waited for")


def the_row(place: int, order: Order, shown: Truth) -> BrokerOrder:
    rest = SHARES - shown.filled
    gone = shown.ending in (Ending.CANCELLED, Ending.REJECTED)
    return a_row(
        order,
        order_no=OrderNo(str(place + 1)),
        filled_quantity=shown.filled,
        filled_amount=shown.filled * 70_000,
        remaining_quantity=0 if gone else rest,
        cancelled_quantity=rest if shown.ending is Ending.CANCELLED else 0,
        rejected_quantity=rest if shown.ending is Ending.REJECTED else 0,
    )


def seen_so_far(truth: Truth | None) -> Iterator[Truth | None]:
    """Yield what a listing can show: the truth of now, or of any moment before."""
    yield None
    if truth is not None:
        for filled in range(truth.filled + 1):
            yield Truth(filled)
        if truth.ending is Ending.EXPIRED:  # the session is over whatever the listing lacks of its fills
            yield from (Truth(filled, Ending.EXPIRED) for filled in range(truth.filled + 1))
        elif truth.ending is not Ending.NONE:
            yield truth


Then: TypeAlias = Callable[[str, Callable[[World], object]], tuple[str, World]]


def following(world: World) -> Iterator[tuple[str, World]]:
    """Yield every step that can be taken from `world`."""

    def then(step: str, change: Callable[[World], object]) -> tuple[str, World]:
        after = world.copied()
        change(after)
        return step, after

    def outside(step: str, change: Callable[[World], object]) -> tuple[str, World]:
        after = world.outside()
        change(after)
        return step, after

    for place, order in enumerate(world.wanted):
        row, truth, request = world.row(place), world.truths[place], world.requests[place]
        if row is None:
            if world.book.live_order(order.intent.symbol, order.intent.side) is None:
                yield then("begun", partial(World.begin, place=place))
            continue
        yield from _of_the_request(place, request, truth, then, outside)
        if truth is not None and truth.ending is Ending.NONE:  # a session ends for a filled order too
            over = replace(truth, ending=Ending.EXPIRED)
            yield outside("expired", partial(World.become, place=place, truth=over))
        if truth is not None and truth.is_open:
            more = replace(truth, filled=truth.filled + 1)
            yield outside("filled", partial(World.become, place=place, truth=more))
            for ending in (Ending.CANCELLED, *([] if truth.filled else [Ending.REJECTED])):
                ended = replace(truth, ending=ending)
                yield outside(ending.value, partial(World.become, place=place, truth=ended))
        for shown in seen_so_far(truth):
            if not world.learns(place, row, shown):
                continue
            yield then("listed", partial(World.listed, place=place, shown=shown))
    yield then(KILLED, World.killed)


def _of_the_request(
    place: int, request: Request, truth: Truth | None, then: Then, outside: Then
) -> Iterator[tuple[str, World]]:
    if request.in_hand:
        sent = Request(on_its_way=True, awaited=True, times_sent=request.times_sent + 1)
        yield outside("sent", partial(World.go_on, place=place, request=sent))
        yield then("withdrawn", lambda after: after.answer(place, Happening.WITHDRAWN))
    if request.on_its_way:
        arrived = replace(request, on_its_way=False)

        def take(after: World) -> None:
            after.requests[place], after.truths[place] = arrived, Truth()

        yield outside("taken", take)
        refused = replace(arrived, refused=request.awaited)  # a refusal that nobody waits for is as good as none
        yield outside("refused", partial(World.go_on, place=place, request=refused))
        yield outside("lost", partial(World.go_on, place=place, request=arrived))
    if request.awaited:
        yield then("no answer", lambda after: after.answer(place, Happening.NO_ANSWER))
        if truth is not None:
            number = OrderNo(str(place + 1))
            yield then("accepted", lambda after: after.answer(place, Happening.ACCEPTED, order_no=number))
        if request.refused:
            yield then("refusal", lambda after: after.answer(place, Happening.REFUSED, refusal="E1 refused"))


# --- what must hold --------------------------------------------------------------------------------------------------


def check_step(before: World, step: str, after: World) -> None:
    """Check what may not happen in one step."""
    for place, wanted in enumerate(after.wanted):
        old, new = before.row(place), after.row(place)
        if old is None or new is None:
            continue
        if old.state is OrderState.FILLED:
            assert new == old, "FILLED is never left"
        if old.state is OrderState.CANCELLED:
            assert new.state in (OrderState.CANCELLED, OrderState.FILLED), "only a fill is news of what was cancelled"
            assert new == old or (step == "listed" and new.filled_quantity > old.filled_quantity)
        if old.state is OrderState.REJECTED and new != old:
            assert step == "listed", "only evidence brings back what was rejected"
            assert old.refusal.startswith(NOT_FOUND), "a refusal in the broker's words is never taken back"
            assert before.truths[place] is not None
        if step == KILLED:
            assert new == old, "a crash writes nothing"
            assert (wanted.key in after.book.left_behind) == (new.state is OrderState.PENDING)
            if old.state in LIVE_STATES:
                slot = (wanted.intent.symbol, wanted.intent.side)
                assert slot in after.book.live, "what may still be filled keeps its slot over a crash"


def check_world(world: World) -> None:
    """Check what may never be."""
    live: dict[Any, list[int]] = {}
    for place, wanted in enumerate(world.wanted):
        row, request, truth = world.row(place), world.requests[place], world.truths[place]
        assert request.times_sent <= 1, "an order is sent once"
        if row is None:
            assert request == Request(), "no row, no request"
            assert truth is None
            continue
        again = wanted
        claimed = world.ledger.copied().transact_now(lambda rows, same=again: rows.claim_order(same))  # type: ignore[misc]
        assert not claimed, "a key that was claimed is never claimed again, whatever became of its order"
        assert wanted.key in world.book.orders, "and the door refuses it as a duplicate"
        if row.is_live:
            live.setdefault((wanted.intent.symbol, wanted.intent.side), []).append(place)
        if row.filled_quantity:
            assert truth is not None
            assert row.filled_quantity <= truth.filled, "nothing is booked that the broker did not execute"
        fills = sum(fill.quantity for fill in world.ledger.tables.fills.values() if fill.order_key == wanted.key)
        assert fills == row.filled_quantity, "an order is filled by the sum of its fills"
    for places in live.values():
        surprises = [place for place in places if place in world.came_back]
        assert len(places) - len(surprises) <= 1, "one live order a symbol and side, but for what came back"
    check_positions(world)


def check_positions(world: World) -> None:
    for symbol in {order.intent.symbol for order in world.wanted}:
        held = HELD if symbol == SAMSUNG and any(o.intent.side is Side.SELL for o in world.wanted) else 0
        for place, wanted in enumerate(world.wanted):
            row = world.row(place)
            if row is not None and wanted.intent.symbol == symbol:
                held += row.filled_quantity * (1 if wanted.intent.side is Side.BUY else -1)
        known = world.book.positions.get(symbol)
        stored = [row for row, closed in world.ledger.tables.positions.values() if closed is None]
        assert (0 if known is None else known.quantity) == held, "every share that was bought is managed"
        assert sum(row.quantity for row in stored if row.symbol == symbol) == held


def is_settled(world: World) -> bool:
    """Whether both orders are over, and known to be what the broker has."""
    for place in range(len(world.wanted)):
        row, truth = world.row(place), world.truths[place]
        if row is None or row.is_live or row.filled_quantity != (0 if truth is None else truth.filled):
            return False
    return True


# --- the search ------------------------------------------------------------------------------------------------------

HELD = SHARES
ALL_MOVES: set[Move] = {(state, after) for state, row in MOVES.items() for after in row.values()}
A_THIRD_SHARE = {(OrderState.PARTIAL, OrderState.PARTIAL)}  # only with it is an order filled in part twice
A_BUY = an_intent(quantity=SHARES)
PAIRS = {
    "a second attempt in the slot of the first": (A_BUY, an_intent(quantity=SHARES, attempt=1)),
    "both sides of a symbol": (A_BUY, an_exit(quantity=SHARES)),
}


@pytest.fixture
def unlogged() -> Iterator[None]:
    """Write no log lines for the million facts of a search."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


def the_beginning(intents: tuple[OrderIntent, OrderIntent]) -> World:
    ledger, book = Ledger(set()), Book()
    book.start_day(TODAY)
    if any(intent.side is Side.SELL for intent in intents):
        position = a_position(quantity=HELD, cost=HELD * 70_000)
        ledger.transact_now(lambda rows: rows.save_position(position))
        book.positions[SAMSUNG] = position
    return World(tuple(an_order(intent) for intent in intents), ledger, book)


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.usefixtures("unlogged")
def test_no_interleaving_of_two_orders_and_a_crash_breaks_a_promise(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    first = the_beginning(PAIRS[name])
    numbers = {first.key(): 0}
    worlds, steps = [first], list[list[int]]()

    while len(steps) < len(worlds):
        world = worlds[len(steps)]
        check_world(world)
        leads_to = []
        for step, after in following(world):
            check_step(world, step, after)
            number = numbers.setdefault(after.key(), len(worlds))
            if number == len(worlds):
                worlds.append(after)
            leads_to.append(number)
        steps.append(leads_to)

    assert first.ledger.used == ALL_MOVES - A_THIRD_SHARE
    settled = [number for number, world in enumerate(worlds) if is_settled(world)]
    assert reaching(settled, steps) == set(range(len(worlds))), "from everywhere both orders can be settled"
    with capsys.disabled():
        counts = f"{len(worlds)} states, {sum(map(len, steps))} steps, {paths(steps):,} paths of {STEPS} steps"
        sys.stdout.write(f"\n{name}: {counts}, {len(settled)} states settled\n")


def reaching(ends: list[int], steps: list[list[int]]) -> set[int]:
    """Return the states from which one of `ends` can be reached."""
    behind: dict[int, list[int]] = {}
    for start, leads_to in enumerate(steps):
        for end in leads_to:
            behind.setdefault(end, []).append(start)
    found, waiting = set(ends), list(ends)
    while waiting:
        for start in behind.get(waiting.pop(), []):
            if start not in found:
                found.add(start)
                waiting.append(start)
    return found


def paths(steps: list[list[int]]) -> int:
    """Return how many ways of `STEPS` steps begin at the first state."""
    ways = {0: 1}
    for _ in range(STEPS):
        further: dict[int, int] = {}
        for start, count in ways.items():
            for end in steps[start]:
                further[end] = further.get(end, 0) + count
        ways = further
    return sum(ways.values())
