"""Two clocks: the wall's, and the view of a loop's time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest

from kis_daemon.clock import LoopClock, SystemClock
from kis_daemon.domain.calendar import KST
from kis_daemon.virtual_loop import VirtualLoop

T = TypeVar("T")
NINE = datetime(2024, 3, 5, 9, 0, tzinfo=KST)


def run(main: Callable[[VirtualLoop], Coroutine[Any, Any, T]]) -> T:
    loop = VirtualLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(main(loop))


# ── the wall's


def test_the_wall_clock_tells_the_time_of_seoul() -> None:
    before = datetime.now(UTC)
    now = SystemClock().now()

    assert before <= now <= datetime.now(UTC)
    assert now.utcoffset() == timedelta(hours=9)


async def test_a_moment_that_is_over_is_not_waited_for() -> None:
    clock = SystemClock()

    async with asyncio.timeout(1):
        await clock.sleep_until(clock.now() - timedelta(days=1))


async def test_the_wall_clock_sleeps_until_its_moment() -> None:
    clock = SystemClock()
    when = clock.now() + timedelta(milliseconds=20)

    await clock.sleep_until(when)

    assert clock.now() >= when


class CorrectedClock(SystemClock):
    """A wall clock that is set right by `by` ten seconds after its first use."""

    def __init__(self, loop: VirtualLoop, by: timedelta) -> None:
        self._loop = loop
        self._by = by

    def now(self) -> datetime:
        return NINE + timedelta(seconds=self._loop.time()) + (self._by if self._loop.time() >= 10 else timedelta())


@pytest.mark.parametrize(("minutes", "woken_at"), [(0, 3_600), (59, 60), (600, 30), (-30, 5_400)])
def test_a_suspended_machine_or_a_corrected_clock_is_noticed_within_thirty_seconds(
    minutes: int, woken_at: float
) -> None:
    async def main(loop: VirtualLoop) -> float:
        await CorrectedClock(loop, timedelta(minutes=minutes)).sleep_until(NINE + timedelta(hours=1))
        return loop.time()

    assert run(main) == woken_at


async def test_a_naive_moment_is_refused() -> None:
    with pytest.raises(TypeError, match="offset-naive and offset-aware"):
        await SystemClock().sleep_until(datetime(2024, 3, 5, 9, 0))


# ── a loop's


def test_a_loops_clock_counts_from_its_origin() -> None:
    async def main(loop: VirtualLoop) -> list[datetime]:
        await asyncio.sleep(100)  # what was before the clock does not count
        clock = LoopClock(loop, NINE)
        seen = [clock.now()]
        await asyncio.sleep(0.25)
        seen.append(clock.now())
        return seen

    assert run(main) == [NINE, NINE + timedelta(milliseconds=250)]


def test_a_loops_clock_tells_the_time_of_seoul_whatever_its_origins_zone() -> None:
    async def main(loop: VirtualLoop) -> datetime:
        return LoopClock(loop, NINE.astimezone(UTC)).now()

    now = run(main)

    assert now == NINE
    assert now.tzinfo is KST


def test_a_naive_origin_is_refused() -> None:
    loop = VirtualLoop()
    try:
        with pytest.raises(ValueError, match="origin 2024-03-05 09:00:00: expected an aware time"):
            LoopClock(loop, datetime(2024, 3, 5, 9, 0))
    finally:
        loop.close()


@pytest.mark.parametrize(
    "after",
    [
        timedelta(microseconds=1),
        timedelta(seconds=0.1),
        timedelta(seconds=7_341.785),
        timedelta(days=98, microseconds=333_333),
        timedelta(days=3_650, seconds=1.1),
    ],
)
def test_sleeping_until_a_moment_wakes_at_that_moment(after: timedelta) -> None:
    async def main(loop: VirtualLoop) -> datetime:
        clock = LoopClock(loop, NINE)
        await asyncio.sleep(752.953)
        await clock.sleep_until(clock.now() + after)
        return clock.now()

    woken = run(main)

    assert woken == NINE + timedelta(seconds=752.953) + after


def test_a_loops_moment_that_is_over_is_not_waited_for() -> None:
    async def main(loop: VirtualLoop) -> float:
        clock = LoopClock(loop, NINE)
        await clock.sleep_until(NINE)
        await clock.sleep_until(NINE - timedelta(days=1))
        return loop.time()

    assert run(main) == 0


def test_ten_years_of_trading_days_are_met_to_the_microsecond() -> None:
    async def main(loop: VirtualLoop) -> int:
        clock = LoopClock(loop, NINE)
        for day in range(1, 3_651):
            opens = NINE + timedelta(days=day)
            await clock.sleep_until(opens)
            assert clock.now() == opens
        return day

    assert run(main) == 3_650
