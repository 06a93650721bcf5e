"""Ways to stay below KIS's calls a second, before one server: our budget, aiolimiter and python-kis's limiter.

Rules of this room
    The server is that of rolling_second.py.
    No second is real. Our budget and aiolimiter live on a virtual loop. python-kis's limiter blocks its thread by
    `time.time` and `time.sleep` and keeps its lock while it sleeps, so its callers go one after the other whatever
    their threads do: here one caller, and a clock of ours in the place of its module's `time`.
    Every limiter is told the server's own limit. python-kis ships with 19 and 2 a second, which is more than that.
    Nobody is told that he was refused: what is measured is the limiter, not how its owner mends.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import Context
from dataclasses import dataclass
from random import Random
from typing import TypeAlias, TypeVarTuple, Unpack

from bench.figures import Figure
from bench.rolling_second import (
    FULL_QUEUE,
    JITTER_S,
    Load,
    Verdict,
    bursts,
    full_queue,
    judge,
    new_connections,
)
from kis_daemon.kis.budget import Budget, CallLimit, Priority
from kis_daemon.virtual_loop import VirtualLoop

__all__ = ["JITTER_S", "Load", "bursts", "full_queue", "judge", "new_connections"]

Ts = TypeVarTuple("Ts")

CALLS, QUICK_CALLS = 10_000, 600
LIMITS = {"real": 18, "new key": 3, "paper": 1}
LEAST_SHARES = {0.0: 0.97, JITTER_S: 0.88}  # by jitter; 1 / 1.1 is the bound at 50 ms
OURS = "our budget"


Departures: TypeAlias = list[float]
Limiter: TypeAlias = Callable[[int, Load, float], Departures]
"""Takes the limit, the load and the jitter to allow for; returns when the calls left."""


# --- the limiters ----------------------------------------------------------------------------------------------------


def our_budget(limit: int, load: Load, jitter_s: float) -> Departures:
    """The scheduler of this project: a call counts from its departure."""

    def begin() -> Callable[[float], Awaitable[float]]:
        budget = Budget(CallLimit.of(limit, jitter_s))

        async def call(delay_s: float) -> float:
            async with budget.turn(Priority.HISTORY) as slot:
                if delay_s:
                    await asyncio.sleep(delay_s)
                slot.leave()
                return asyncio.get_running_loop().time()

        return call

    return _on_a_virtual_loop(begin, load)


def bare_aiolimiter(limit: int, load: Load, jitter_s: float) -> Departures:  # noqa: ARG001  # it knows no jitter
    """aiolimiter as its page shows it: AsyncLimiter(limit, 1)."""
    return _with_aiolimiter(limit, 1.0, load)


def paced_aiolimiter(limit: int, load: Load, jitter_s: float) -> Departures:
    """aiolimiter as somebody would set it who knows the server: no burst, and room for the jitter."""
    return _with_aiolimiter(1, (1.0 + 2 * jitter_s) / limit, load)


def _with_aiolimiter(rate: int, period_s: float, load: Load) -> Departures:
    from aiolimiter import AsyncLimiter

    def begin() -> Callable[[float], Awaitable[float]]:
        limiter = AsyncLimiter(rate, period_s)

        async def call(delay_s: float) -> float:
            async with limiter:
                if delay_s:
                    await asyncio.sleep(delay_s)
                return asyncio.get_running_loop().time()

        return call

    return _on_a_virtual_loop(begin, load)


def python_kis(limit: int, load: Load, jitter_s: float) -> Departures:  # noqa: ARG001  # it knows no jitter
    """python-kis's RateLimiter(limit, 1): a window that begins with its first call, and then 0.05 s."""
    from pykis.utils import rate_limit  # type: ignore[import-untyped]  # the package has no types

    clock = _FakeTime()
    with _in_place_of(rate_limit, clock):
        limiter = rate_limit.RateLimiter(limit, 1.0)
        departures = []
        for wanted_at, delay_s in zip(load.wanted_at, load.delays_s, strict=True):
            clock.now = max(clock.now, _FakeTime.START + wanted_at)
            limiter.acquire()
            departures.append(clock.now - _FakeTime.START + delay_s)
    return departures


class _FakeTime:
    """The two functions of `time` that python-kis's limiter calls."""

    START = 1_000_000_000.0

    def __init__(self) -> None:
        self.now = self.START

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@contextmanager
def _in_place_of(module: object, clock: _FakeTime) -> Iterator[None]:
    real = vars(module)["time"]
    vars(module)["time"] = clock
    try:
        yield
    finally:
        vars(module)["time"] = real


class _Loop(VirtualLoop):
    """Time that is a number; as on a real clock, no timer fires before a microsecond has passed.

    aiolimiter sets timers for the last bit of a float and would wait for them without end.
    """

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        return super().call_at(max(when, self.time() + 1e-6), callback, *args, context=context)


def _on_a_virtual_loop(begin: Callable[[], Callable[[float], Awaitable[float]]], load: Load) -> Departures:
    async def run() -> Departures:
        call = begin()
        departures: Departures = []

        async def once(delay_s: float) -> None:
            departures.append(await call(delay_s))

        async with asyncio.TaskGroup() as group:
            for wanted_at, delay_s in zip(load.wanted_at, load.delays_s, strict=True):
                wait_s = wanted_at - asyncio.get_running_loop().time()
                if wait_s > 0:
                    await asyncio.sleep(wait_s)
                group.create_task(once(delay_s))
        return departures

    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(run())


LIMITERS: dict[str, Limiter] = {
    OURS: our_budget,
    "aiolimiter": bare_aiolimiter,
    "aiolimiter, spread, with room": paced_aiolimiter,
    "python-kis": python_kis,
}


# --- what came of it -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One limiter at the limit of one profile, under one load."""

    profile: str
    limit: int
    load: str
    jitter_s: float
    limiter: str
    verdict: Verdict


def compare(calls: int) -> Iterator[Run]:
    """Run every limiter through every load of every limit."""
    for profile, limit in LIMITS.items():
        for load, jitter_s in (
            (full_queue(calls), 0.0),
            (full_queue(calls), JITTER_S),
            (new_connections(calls, Random(1)), JITTER_S),
            (bursts(calls, limit, Random(2)), JITTER_S),
        ):
            for name, limiter in LIMITERS.items():
                verdict = judge(limiter(limit, load, jitter_s), limit, jitter_s, Random(3))
                yield Run(
                    profile=profile, limit=limit, load=load.name, jitter_s=jitter_s, limiter=name, verdict=verdict
                )


def figures_of(runs: Sequence[Run]) -> list[Figure]:
    """Return for each profile what was refused under all its loads, and which share of the limit a full queue used."""
    figures: list[Figure] = []
    for profile, limit in LIMITS.items():
        where = f"limit, {profile} {limit}/s"
        for name in LIMITERS:
            own = [run for run in runs if (run.profile, run.limiter) == (profile, name)]
            worst = max(100.0 * run.verdict.refused / run.verdict.calls for run in own)
            most = 0.0 if name == OURS else None
            figures.append(Figure(name=f"{where}: {name}, refused at worst", unit="%", values=[worst], most=most))
        for jitter_s, least in LEAST_SHARES.items():
            share = [
                100.0 * run.verdict.share
                for run in runs
                if (run.profile, run.limiter, run.load, run.jitter_s) == (profile, OURS, FULL_QUEUE, jitter_s)
            ]
            name = f"{where}: {OURS}, share used at ±{jitter_s * 1000:.0f} ms"
            figures.append(Figure(name=name, unit="%", values=share, least=100.0 * least))
    return figures


def lines_of(runs: Sequence[Run]) -> list[str]:
    """Return the runs as the lines of a table."""
    head = _line("limit", "load", "jitter", "limiter", "calls", "refused", "of the limit", "busiest s")
    lines = [head, "|" + "|".join("-" * len(cell) for cell in head.split("|")[1:-1]) + "|"]
    for run in runs:
        verdict = run.verdict
        told = (f"{verdict.calls:,}", f"{verdict.refused:,}", f"{verdict.share:.1%}", str(verdict.busiest))
        where = (f"{run.profile} {run.limit}/s", run.load, f"±{run.jitter_s * 1000:.0f} ms")
        lines.append(_line(*where, run.limiter, *told))
    return lines


def _line(*cells: str) -> str:
    widths = (11, 28, 7, 29, 6, 7, 12, 9)
    return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"


def main(*, quick: bool = False) -> int:
    """Compare and print; `quick` shows that it works."""
    print("\n".join(lines_of(list(compare(QUICK_CALLS if quick else CALLS)))))
    return 0


if __name__ == "__main__":
    sys.exit(main(quick="--quick" in sys.argv[1:]))
