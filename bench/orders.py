"""What an exit costs: from its price to its bytes on the wire, and from a notice of its fill to the booked position.

Rules of this room
    The whole daemon decides, writes and sends (house.py). Its price enters at `QuoteBoard.publish`; its order's bytes
    are seen by a far side in another process (order_server.py), over loopback.
    Beside it, in turn, the floor of the same run: as many commits as the exit waited for, on the bare driver, and one
    POST on bare aiohttp (order_floor.py). Both end when the far side has the last byte.
    A second daemon whose log has a million events makes as many exits in turn: what they cost must not grow.
    Percentiles are those of a round, ratios are taken within a round, and the first exits warm up.
"""

from __future__ import annotations

import asyncio
import gc
import io
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, closing, contextmanager
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from statistics import median

import aiohttp
from sqlalchemy import text

from bench.calls import bare_session
from bench.chain import fill
from bench.figures import Figure, paired
from bench.house import MeasuredHouse, lived_in
from bench.order_floor import Floor, floor_on, order
from bench.order_server import ARRIVALS_PATH
from bench.processes import BenchError, announced, environment
from kis_daemon.app.audit_places import owner_of
from kis_daemon.app.logs import Logs
from kis_daemon.clock import SystemClock
from kis_daemon.console.terminal import Screen
from kis_daemon.domain.chain import line_of
from kis_daemon.store.database import Database
from kis_daemon.store.server import server_engine
from kis_daemon.store.urls import database_url
from tests.store.servers import ServerAbsent, mariadb

MOST = 2.0  # times the floor
MOST_GROWN = 1.25  # times the same exit with a short log; noise of a busy machine included
SQLITE, MARIADB = "SQLite", "MariaDB"
_YOUNG_DAY = 10  # exits of one day
_FEW = 1_000  # events of the short log


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPlan:
    """How much is measured on each database."""

    databases: Sequence[str] = (SQLITE, MARIADB)
    rounds: int = 3
    exits: int = 100
    events: int = 1_000_000
    warm_up: int = 8


ORDERS = OrderPlan()
ORDERS_QUICK = OrderPlan(rounds=1, exits=20, events=20_000)


def orders(plan: OrderPlan) -> list[Figure]:
    """Measure exits on each database, against one far side."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as name,
        announced([sys.executable, "-m", "bench.order_server"], environment(), Path(name)) as ports,
    ):
        folder = Path(name)
        with Logs(Screen(io.StringIO()), folder, clock=SystemClock().now, wall=SystemClock().now):
            url = f"http://127.0.0.1:{ports['rest']}"
            return [figure for kind in plan.databases for figure in _on(kind, plan, folder / kind, url)]


def _on(kind: str, plan: OrderPlan, folder: Path, url: str) -> list[Figure]:
    with _databases(kind, folder) as (short, long):
        for place, events in ((short, _FEW), (long, plan.events)):
            with closing(Database(place)) as database:
                database.open()
                fill(place, events)
                _mirrored(database, place, folder / str(events), events)
        measured = asyncio.run(_measured(plan, (short, folder / str(_FEW)), (long, folder / str(plan.events)), url))
    return _figures(kind, plan, measured)


@contextmanager
def _databases(kind: str, folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the addresses of two new databases; a server makes every commit durable, as an operator's does."""
    folder.mkdir()
    if kind == SQLITE:
        yield f"sqlite:///{folder}/short.db", f"sqlite:///{folder}/long.db"
        return
    try:
        server = mariadb(durable=True)
    except ServerAbsent as error:
        raise BenchError(str(error)) from None
    try:
        asyncio.run(_create(server.url("mysql")))
        yield server.url("short"), server.url("long")
    finally:
        server.stop()


async def _create(url: str) -> None:
    engine = server_engine(database_url(url))
    async with engine.connect() as connection:
        for name in ("short", "`long`"):
            await connection.execute(text(f"CREATE DATABASE {name}"))
    await engine.dispose()


def _mirrored(database: Database, url: str, folder: Path, events: int) -> None:
    """Leave the mirror's last line behind, as the run would that wrote these events."""
    mirror = folder / "logs" / "audit"
    mirror.mkdir(parents=True)
    (last,) = database.transact_now(lambda rows: rows.event_texts(events - 1, 1))
    (mirror / "audit_20260303.json").write_text(line_of(last), "utf-8")
    (mirror / "owner").write_text(owner_of(url) + "\n", "utf-8")


@dataclass(slots=True)
class _Exits:
    """What the exits of one round took by one way, in milliseconds, and the commits that each waited for."""

    began: list[float] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    booked_ms: list[float] = field(default_factory=list)

    def sent_ms(self, arrivals: Sequence[float]) -> list[float]:
        return [(arrivals[n] - at) * 1000 for n, at in zip(self.numbers, self.began, strict=True)]


@dataclass(slots=True)
class _Round:
    floor: _Exits = field(default_factory=_Exits)
    short: _Exits = field(default_factory=_Exits)
    long: _Exits = field(default_factory=_Exits)


@dataclass(slots=True)
class _Measured:
    rounds: list[_Round]
    arrivals: Sequence[float]
    commits: int


class _Bench:
    """Makes exits one after the other and keeps count of the orders that the far side has seen."""

    def __init__(self, far: aiohttp.ClientSession, url: str, floor: Floor, before: int) -> None:
        self._far = far
        self._url = url
        self._floor = floor
        self._sent = before
        self._rows = 0
        self.commits = 0

    async def floor_exit(self, exits: _Exits) -> None:
        loop = asyncio.get_running_loop()
        exits.began.append(loop.time())
        for _ in range(self.commits):
            self._rows += 1
            await self._floor.commit(self._rows)
        await order(self._far, self._url)
        self._count(exits)

    async def exit(self, house: MeasuredHouse, exits: _Exits) -> None:
        position = await house.buy()
        await house.tell_account()
        exits.began.append(house.publish(position))
        await house.submitted(position)
        self._count(exits)
        told, booked = await house.filled(position)
        exits.booked_ms.append((booked - told) * 1000)

    def _count(self, exits: _Exits) -> None:
        exits.numbers.append(self._sent)
        self._sent += 1


async def _measured(plan: OrderPlan, short: tuple[str, Path], long: tuple[str, Path], url: str) -> _Measured:
    async with AsyncExitStack() as stack:
        far = await stack.enter_async_context(bare_session())
        floor = await stack.enter_async_context(floor_on(short[0]))
        houses = []
        for place, folder in (short, long):
            database = Database(place)
            stack.callback(database.close)
            database.open()
            houses.append(await stack.enter_async_context(lived_in(database, folder, far, url)))
        bench = _Bench(far, url, floor, len(await _arrivals(far, url)))
        warm = _Round()
        for _ in range(plan.warm_up):
            for house, exits in zip(houses, (warm.short, warm.long), strict=True):
                await bench.exit(house, exits)
        arrived = await _arrivals(far, url)
        bench.commits = round(median(_commits(houses[0], warm.short, arrived)))
        await bench.floor_exit(warm.floor)
        rounds = [await _round(plan, bench, houses) for _ in range(plan.rounds)]
        return _Measured(rounds=rounds, arrivals=await _arrivals(far, url), commits=bench.commits)


async def _round(plan: OrderPlan, bench: _Bench, houses: Sequence[MeasuredHouse]) -> _Round:
    made = _Round()
    for number in range(plan.exits):
        if number % _YOUNG_DAY == 0:
            gc.collect()
            for house in houses:
                await house.nothing_open()
        ways = [
            lambda: bench.floor_exit(made.floor),
            lambda: bench.exit(houses[0], made.short),
            lambda: bench.exit(houses[1], made.long),
        ]
        for turn in range(3):
            await ways[(number + turn) % 3]()
    return made


def _commits(house: MeasuredHouse, exits: _Exits, arrivals: Sequence[float]) -> list[int]:
    """Return how many transactions ended between each exit's price and its bytes."""
    spans = [(at, arrivals[number]) for number, at in zip(exits.numbers, exits.began, strict=True)]
    return [sum(began < end < arrived for end in house.records.ends) for began, arrived in spans]


async def _arrivals(far: aiohttp.ClientSession, url: str) -> list[float]:
    async with far.get(url + ARRIVALS_PATH) as response:
        found: list[float] = json.loads(await response.read())
        return found


def _figures(kind: str, plan: OrderPlan, measured: _Measured) -> list[Figure]:
    figures: list[Figure] = []
    floors = [made.floor.sent_ms(measured.arrivals) for made in measured.rounds]
    shorts = [made.short.sent_ms(measured.arrivals) for made in measured.rounds]
    longs = [made.long.sent_ms(measured.arrivals) for made in measured.rounds]
    booked = [made.short.booked_ms for made in measured.rounds]
    commits = f"{measured.commits} commit{'s' if measured.commits > 1 else ''}"
    for share in (50, 99):
        floor, short = shares(floors, share), shares(shorts, share)
        figures += [
            Figure(name=f"{kind} exit p{share}: floor, {commits} and a POST", unit="ms", values=floor),
            Figure(name=f"{kind} exit p{share}: price to bytes on the wire", unit="ms", values=short),
            Figure(
                name=f"{kind} exit p{share}: ours / floor, paired", unit="×", values=paired(short, floor), most=MOST
            ),
            Figure(name=f"{kind} notice to position p{share}", unit="ms", values=shares(booked, share)),
        ]
    growth = paired(shares(longs, 50), shares(shorts, 50))
    grown = f"{kind} exit p50, log of {plan.events:,} / of {_FEW:,} events"
    figures.append(Figure(name=grown, unit="×", values=growth, most=MOST_GROWN))
    grown = f"{kind} notice to position p50, log of {plan.events:,} / of {_FEW:,} events"
    longs = [made.long.booked_ms for made in measured.rounds]
    figures.append(Figure(name=grown, unit="×", values=paired(shares(longs, 50), shares(booked, 50)), most=MOST_GROWN))
    return figures


def shares(rounds: Sequence[Sequence[float]], share: int) -> list[float]:
    """Return the percentile of each round, by nearest rank."""
    return [sorted(values)[ceil(len(values) * share / 100) - 1] for values in rounds]
