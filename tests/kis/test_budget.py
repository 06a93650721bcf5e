"""Never more than the limit in any window, the urgent first, the patient in their order."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kis_daemon.kis.budget import CALL_LIMITS, Budget, CallLimit, Priority
from kis_daemon.kis.capabilities import KisProfile
from tests.kis.builders import in_virtual_time


def most_in_any_window(times: list[float], window_s: float) -> int:
    return max(sum(start <= other < start + window_s for other in times) for start in times)


@given(
    st.integers(1, 18),
    st.lists(st.tuples(st.floats(0, 5), st.sampled_from(list(Priority))), min_size=1, max_size=60),
)
@settings(max_examples=60, deadline=None)
def test_no_rolling_window_holds_more_than_the_limit(calls: int, arrivals: list[tuple[float, Priority]]) -> None:
    async def work() -> list[float]:
        budget = Budget(CallLimit(calls=calls, window_s=1.0))
        begun: list[float] = []

        async def call(after_s: float, priority: Priority) -> None:
            await asyncio.sleep(after_s)
            await budget.slot(priority)
            begun.append(asyncio.get_running_loop().time())

        await asyncio.gather(*(call(after_s, priority) for after_s, priority in arrivals))
        return begun

    begun = in_virtual_time(work())

    assert len(begun) == len(arrivals)
    assert most_in_any_window(begun, 1.0) <= calls


def test_a_full_queue_uses_the_whole_limit() -> None:
    async def work() -> float:
        budget = Budget(CallLimit(calls=15, window_s=1.0))
        await asyncio.gather(*(budget.slot(Priority.HISTORY) for _ in range(151)))
        return asyncio.get_running_loop().time()

    assert in_virtual_time(work()) == pytest.approx(10.0, abs=0.001)


def test_paper_calls_stand_apart_by_more_than_a_second() -> None:
    async def work() -> list[float]:
        budget = Budget(CALL_LIMITS[KisProfile.PAPER])
        begun = []
        for _ in range(5):
            await budget.slot(Priority.QUOTE)
            begun.append(asyncio.get_running_loop().time())
        return begun

    begun = in_virtual_time(work())

    assert all(1.1 < after - before < 1.12 for before, after in pairwise(begun))


async def order_of(arrivals: list[tuple[str, Priority]]) -> list[str]:
    budget = Budget(CallLimit(calls=1, window_s=1.0))
    await budget.slot(Priority.KEY)
    gone: list[str] = []

    async def call(name: str, priority: Priority) -> None:
        await budget.slot(priority)
        gone.append(name)

    await asyncio.gather(*(call(name, priority) for name, priority in arrivals))
    return gone


def test_the_urgent_goes_first_and_within_a_class_the_first_to_ask() -> None:
    arrivals = [(f"{priority.name}{i}", priority) for i in range(3) for priority in Priority]
    Random(5).shuffle(arrivals)

    gone = in_virtual_time(order_of(arrivals))

    assert gone == [name for name, _ in sorted(arrivals, key=lambda arrival: arrival[1])]
    assert [name.rstrip("0123456789") for name in gone[::3]] == [priority.name for priority in Priority]


def test_an_exit_behind_a_thousand_questions_leaves_within_one_slot() -> None:
    async def work() -> float:
        loop = asyncio.get_running_loop()
        budget = Budget(CallLimit(calls=1, window_s=1.0))
        queue = [asyncio.create_task(budget.slot(Priority.HISTORY)) for _ in range(1000)]
        await asyncio.sleep(10.5)
        asked_at = loop.time()
        await budget.slot(Priority.EXIT)
        waited = loop.time() - asked_at
        for task in queue:
            task.cancel()
        await asyncio.gather(*queue, return_exceptions=True)
        return waited

    assert in_virtual_time(work()) <= 1.0


def test_a_caller_that_gave_up_takes_no_slot() -> None:
    async def work() -> float:
        budget = Budget(CallLimit(calls=1, window_s=1.0))
        await budget.slot(Priority.QUOTE)
        given_up = [asyncio.create_task(budget.slot(Priority.EXIT)) for _ in range(5)]
        await asyncio.sleep(0.1)
        for task in given_up:
            task.cancel()
        await budget.slot(Priority.QUOTE)
        return asyncio.get_running_loop().time()

    assert in_virtual_time(work()) == pytest.approx(1.0, abs=0.001)


def test_after_a_pause_nobody_has_gone_before_its_end() -> None:
    async def work() -> list[float]:
        loop = asyncio.get_running_loop()
        budget = Budget(CallLimit(calls=5, window_s=1.0))
        waiting = [asyncio.create_task(budget.slot(Priority.EXIT)) for _ in range(7)]
        await asyncio.sleep(0.5)
        budget.pause(2.0)
        budget.pause(0.1)  # a shorter one does not end it
        begun = []
        for task in waiting:
            await task
            begun.append(loop.time())
        return begun

    begun = in_virtual_time(work())

    assert begun[:5] == [0.5] * 5  # they had gone at once
    assert begun[5:] == pytest.approx([2.5, 2.5], abs=0.001)


@pytest.mark.parametrize(("calls", "window_s"), [(0, 1.0), (1, 0.0)])
def test_a_limit_of_nothing_is_refused(calls: int, window_s: float) -> None:
    with pytest.raises(ValueError):
        CallLimit(calls=calls, window_s=window_s)
