"""What the wire costs: reading a flood of trades beside the bare library and beside pandas; and calls (calls.py).

Rules of this room
    The far side is another process; what is measured is this one. Everything goes through a real loopback socket.
    Rounds are paired: in each one every way reads the same flood, in turn the other way round, and its ratio is taken
    within the round. A machine that slows down slows all of them.
    Time is the processor time of this process, kernel's share included: waiting for the other side costs nothing, and a
    busy machine does not speak in the figures.
    Our way is the whole way: every check of `FeedLink`.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import TypeAlias

import pandas  # type: ignore[import-untyped]  # it ships no types
import structlog
from websockets.asyncio.client import ClientConnection, connect

from bench.calls import calls
from bench.figures import Figure, paired
from bench.processes import BenchError, announced, environment
from kis_daemon.clock import SystemClock
from kis_daemon.domain.market import Quote, Symbol
from kis_daemon.kis.capabilities import KisProfile
from kis_daemon.kis.credentials import Credentials
from kis_daemon.kis.feed_link import FeedLink, FeedPace
from kis_daemon.kis.feed_metrics import FeedCounters
from kis_daemon.kis.feed_plan import FeedPlan
from kis_daemon.kis.feed_tape import FeedTape
from kis_daemon.ports import ExecutionNotice, FeedState

BARE, OURS, PANDAS = "bare websockets", "our feed, all checks", "pandas per frame"
Way: TypeAlias = Callable[[ClientConnection, int], Awaitable[float]]
"""Reads so many trades and returns the processor seconds from the first to the last."""

_COLUMNS = ["MKSC_SHRN_ISCD", "STCK_CNTG_HOUR", "STCK_PRPR", *(f"FIELD_{n:02}" for n in range(3, 47))]
_CREDENTIALS = Credentials(app_key="a" * 36, app_secret="s" * 180, account="5012345601")


@dataclass(frozen=True, slots=True, kw_only=True)
class WirePlan:
    """How much is measured; pandas gets a flood of its own, or it would take the whole minute."""

    rounds: int = 5
    messages: int = 30_000
    pandas_messages: int = 400
    turns: int = 40
    calls: int = 100


WIRE = WirePlan()
WIRE_QUICK = WirePlan(rounds=2, messages=2_000, pandas_messages=40, turns=5)


def wire(plan: WirePlan) -> list[Figure]:
    """Measure stream and calls, against one far side."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        announced([sys.executable, "-m", "bench.wire_server"], environment(), Path(folder)) as ports,
    ):
        quiet = structlog.get_config()
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("critical"))
        try:
            return asyncio.run(_measure(plan, ports))
        finally:
            structlog.configure(**quiet)


async def _measure(plan: WirePlan, ports: Mapping[str, str]) -> list[Figure]:
    streams = await _streams(plan, ports["stream"])
    return [*streams, *await calls(plan.turns, plan.calls, f"http://127.0.0.1:{ports['rest']}")]


# --- the stream ------------------------------------------------------------------------------------------------------


class _Counts:
    """A sink that counts quotes up to `count` and knows when the first and the last one came."""

    def __init__(self, count: int) -> None:
        self._count = count
        self.quotes = 0
        self.began = self.ended = 0.0
        self.done = asyncio.Event()

    def on_quote(self, quote: Quote) -> None:  # noqa: ARG002
        self.quotes += 1
        if self.quotes == 1:
            self.began = time.process_time()
        elif self.quotes == self._count:
            self.ended = time.process_time()
            self.done.set()

    def on_notice(self, notice: ExecutionNotice) -> None:
        raise BenchError(f"{notice}: expected trades only")

    def on_feed_state(self, state: FeedState) -> None:
        pass

    def on_gap(self, symbol: Symbol, missed: int) -> None:
        raise BenchError(f"{missed} shares of {symbol} are missing in a flood without gaps")


async def _streams(plan: WirePlan, port: str) -> list[Figure]:
    ways: dict[str, Way] = {BARE: _bare, OURS: _ours, PANDAS: _pandas}
    counts = {BARE: plan.messages, OURS: plan.messages, PANDAS: plan.pandas_messages}
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(plan.rounds + 1):
        for name in list(ways)[:: 1 if number % 2 else -1]:
            count = counts[name]
            async with _flood(port, count) as socket:
                took_s = await ways[name](socket, count)
            if number:  # the first round warms up
                rates[name].append((count - 1) / took_s)
    return [
        *(Figure(name=f"stream: {name}", unit="msg/s CPU", values=values) for name, values in rates.items()),
        Figure(name="stream: ours / bare, paired", unit="×", values=paired(rates[OURS], rates[BARE]), least=0.5),
        Figure(name="stream: ours / pandas, paired", unit="×", values=paired(rates[OURS], rates[PANDAS]), least=100),
    ]


@asynccontextmanager
async def _flood(port: str, count: int) -> AsyncIterator[ClientConnection]:
    """Connect as `KisFeed` does, ask for `count` trades, and have them on their way."""
    async with connect(
        f"ws://127.0.0.1:{port}", ping_interval=None, compression=None, max_size=4 * 2**20, max_queue=1024, proxy=None
    ) as socket:
        await socket.send(str(count))
        gc.collect()
        yield socket
        socket.transport.abort()


async def _bare(socket: ClientConnection, count: int) -> float:
    left, began = count, 0.0
    async for _ in socket:
        if left == count:
            began = time.process_time()
        left -= 1
        if not left:
            break
    return time.process_time() - began


async def _ours(socket: ClientConnection, count: int) -> float:
    sink, counters = _Counts(count), FeedCounters()
    link = FeedLink(
        socket, "key", _CREDENTIALS, KisProfile.REAL, SystemClock(), FeedPace(), counters, sink, FeedPlan(0), FeedTape()
    )
    reading = asyncio.create_task(link.run())
    await asyncio.wait([reading, done := asyncio.create_task(sink.done.wait())], return_when=asyncio.FIRST_COMPLETED)
    for task in (reading, done):
        task.cancel()
    ended = await asyncio.gather(reading, return_exceptions=True)
    if sink.quotes != count or counters.unreadable:
        raise BenchError(f"read {sink.quotes} of {count} trades, {counters.unreadable} unreadable: {ended}")
    return sink.ended - sink.began


async def _pandas(socket: ClientConnection, count: int) -> float:
    """Read every frame the way of KIS's own sample."""
    left, began = count, 0.0
    async for message in socket:
        parts = str(message).split("|")
        table = pandas.read_csv(StringIO(parts[3]), header=None, sep="^", names=_COLUMNS, dtype=object)
        if table["STCK_PRPR"].iloc[0] == "":
            raise BenchError("a trade without a price")
        if left == count:
            began = time.process_time()
        left -= 1
        if not left:
            break
    return time.process_time() - began
