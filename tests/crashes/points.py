"""The points at which the daemon is killed: enumerated, told by what can be seen from outside, never by a timer.

Rules of this room
    A point is the n-th of something since it was armed: a message on a wire and where in it, a row in a table, a fact
    in the log or its file, an order at the broker, a growth of the database's file.
    `START` points are armed before the daemon starts, `BURST` points before the market moves, `AFTER` points when a
    start is through and its orders go on.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from tests.crashes.wire import Cut


class Store(StrEnum):
    SQLITE = "SQLite"
    MARIADB = "MariaDB"


class Phase(StrEnum):
    START = "in the start"
    BURST = "as orders begin"
    AFTER = "as they go on"


class Seen(StrEnum):
    """Where a point is seen, with what `what` means there."""

    REST = "on the wire to the broker"  # the end of the path that is asked
    STREAM = "on the stream"  # the TR id
    DATABASE = "on the wire to the database"  # the statement's beginning
    ROWS = "in a table"  # "table" or "table where condition"
    FACTS = "in the event log"  # the type
    LINES = "in the log file"  # the event
    BROKER = "at the broker"  # NEW, FILLED, CANCEL
    FILE = "in the database's file"  # its growths


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    phase: Phase
    seen: Seen
    what: str
    nth: int
    cut: Cut | None = None

    @property
    def kind(self) -> str:
        """The row of the table that this point is counted in."""
        return f"{self.phase.value}, {self.seen.value}"

    def __str__(self) -> str:
        where = "" if self.cut is None else f", {self.cut.value}"
        return f"{self.phase.value}: no. {self.nth} of {self.what} {self.seen.value}{where}"


ORDER, CANCEL, LISTING, BALANCE = "order-cash", "order-rvsecncl", "inquire-daily-ccld", "inquire-balance"
HISTORY, PRICE = "inquire-daily-itemchartprice", "inquire-price"
NOTICE = "H0STCNI9"
COMMIT = "COMMIT"  # of a transaction that has written something

_QUESTION = (Cut.LOST, Cut.ANSWER_LOST, Cut.ANSWERED)
_DEED = (Cut.LOST, Cut.IN_FLIGHT, Cut.ANSWER_LOST, Cut.ANSWERED)


def _each(
    phase: Phase, seen: Seen, whats: Sequence[str], up_to: int, cuts: Sequence[Cut | None] = (None,)
) -> Iterator[Point]:
    for what, nth, cut in itertools.product(whats, range(1, up_to + 1), cuts):
        yield Point(phase=phase, seen=seen, what=what, nth=nth, cut=cut)


def _written(phase: Phase, store: Store, growths: int, commits: int) -> Iterator[Point]:
    if store is Store.SQLITE:
        yield from _each(phase, Seen.FILE, ["growths"], growths)
    else:
        yield from _each(phase, Seen.DATABASE, [COMMIT], commits, _DEED)


def _bursts(store: Store) -> Iterator[Point]:
    phase = Phase.BURST
    yield from _each(phase, Seen.REST, [ORDER], 2, tuple(Cut))
    yield from _each(phase, Seen.REST, [CANCEL], 1, _DEED)
    yield from _each(phase, Seen.STREAM, [NOTICE], 2, (Cut.LOST, Cut.ANSWERED))
    yield from _each(phase, Seen.ROWS, ["order_state", "fills", "order_state where order_no is not null"], 1)
    yield from _each(phase, Seen.FACTS, ["signal_raised", "order_requested", "order_submitted", "order_filled"], 2)
    yield from _each(phase, Seen.LINES, ["order_requested", "order_submitted", "execution_notice"], 1)
    yield from _each(phase, Seen.BROKER, ["NEW", "FILLED"], 2)
    yield from _each(phase, Seen.BROKER, ["CANCEL"], 1)
    yield from _written(phase, store, 10, 2)


def _starts(store: Store) -> Iterator[Point]:
    phase = Phase.START
    yield from _each(phase, Seen.REST, [BALANCE], 1, _QUESTION)
    yield from _each(phase, Seen.REST, [LISTING], 1, (*_QUESTION, Cut.ANSWER_TORN))
    yield from _each(phase, Seen.REST, [HISTORY], 2, _QUESTION)
    yield from _each(phase, Seen.REST, [PRICE], 2, (Cut.LOST, Cut.ANSWERED))
    yield from _each(phase, Seen.FACTS, ["daemon_started", "mandate_signed", "audit_anchored", "gate_changed"], 1)
    yield from _each(phase, Seen.LINES, ["daemon_started", "feed_up", "gate_changed"], 1)
    yield from _written(phase, store, 4, 3)


def _afters(store: Store) -> Iterator[Point]:
    phase = Phase.AFTER
    yield from _each(phase, Seen.REST, [ORDER], 1, _DEED)
    yield from _each(phase, Seen.REST, [LISTING], 2, _QUESTION)
    yield from _each(phase, Seen.REST, [PRICE, HISTORY], 1, (Cut.LOST, Cut.ANSWERED))
    yield from _each(phase, Seen.ROWS, ["order_state", "fills"], 1)
    yield from _each(phase, Seen.FACTS, ["order_requested", "order_submitted", "order_filled"], 1)
    yield from _each(phase, Seen.LINES, ["order_submitted", "execution_notice"], 1)
    yield from _each(phase, Seen.BROKER, ["NEW", "FILLED"], 1)
    yield from _written(phase, store, 6, 2)


def all_points(store: Store) -> list[Point]:
    """Return every point on this store."""
    return [*_starts(store), *_bursts(store), *_afters(store)]


def sample(store: Store, count: int, seed: int) -> list[Point]:
    """Return `count` points of this store by chance, of every phase some."""
    chance = Random(f"{store}|{seed}")
    few = count * 3 // 10
    starts, afters = (chance.sample(list(some(store)), few) for some in (_starts, _afters))
    return [*starts, *chance.sample(list(_bursts(store)), count - 2 * few), *afters]


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One burst of the market, and where in it the daemon dies: in the start before, within, and in what follows."""

    start: Point | None
    burst: Point
    after: Point | None


def rounds(points: Sequence[Point]) -> list[Round]:
    """Return the points as rounds, with the others spread over the bursts; one start and one sequel a round at most.

    The first round has no start of its own: nothing has been ordered by then.
    """
    bursts = [point for point in points if point.phase is Phase.BURST]
    starts, afters = ([point for point in points if point.phase is phase] for phase in (Phase.START, Phase.AFTER))
    places = {Phase.START: _spread(starts, len(bursts), 1), Phase.AFTER: _spread(afters, len(bursts), 0)}
    return [
        Round(start=places[Phase.START].get(place), burst=burst, after=places[Phase.AFTER].get(place))
        for place, burst in enumerate(bursts)
    ]


def _spread(points: Sequence[Point], over: int, first: int) -> dict[int, Point]:
    room = over - first
    if len(points) > room:
        raise ValueError(f"{len(points)} points of one phase for {room} rounds")
    return {first + place * room // len(points): point for place, point in enumerate(points)}
