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
from kis_daemon.ports import NoSlotInTime
from tests.kis.builders import in_virtual_time


def most_in_any_window(times: list[float], window_s: float) -> int:
    return max(sum(start <= other < start + window_s for other in times) for start in times)


async def call(
    budget: Budget,
    priority: Priority,
    *,
    tr_id: str = "",
    within_s: float | None = None,
    leaves_after_s: float = 0.0,
) -> float:
    """Make a call, and return when it left."""
    async with budget.turn(priority, tr_id=tr_id, within_s=within_s) as slot:
        if leaves_after_s:
            await asyncio.sleep(leaves_after_s)
        slot.leave()
        return asyncio.get_running_loop().time()


def now() -> float:
    return asyncio.get_running_loop().time()


async def forget(*tasks: asyncio.Task[float]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


# --- the limit -------------------------------------------------------------------------------------------------------


@given(
    st.integers(1, 18),
    st.lists(
        st.tuples(st.floats(0, 5), st.sampled_from(list(Priority)), st.sampled_from([0.0, 0.0, 0.3, 2.0])),
        min_size=1,
        max_size=60,
    ),
)
@settings(max_examples=60, deadline=None)
def test_no_rolling_window_holds_more_than_the_limit_however_late_calls_leave(
    calls: int, arrivals: list[tuple[float, Priority, float]]
) -> None:
    async def work() -> list[float]:
        budget = Budget(CallLimit(calls=calls, window_s=1.0))

        async def arrive(after_s: float, priority: Priority, leaves_after_s: float) -> float | None:
            await asyncio.sleep(after_s)
            async with budget.turn(priority) as slot:
                await asyncio.sleep(leaves_after_s)
                return now() if slot.leave() else None

        left = await asyncio.gather(*(arrive(*arrival) for arrival in arrivals))
        return [at for at in left if at is not None]

    left = in_virtual_time(work())

    assert most_in_any_window(left, 1.0) <= calls


@pytest.mark.parametrize(("jitter_s", "least"), [(0.0, 0.97), (0.05, 0.88)])
@pytest.mark.parametrize("calls", [1, 3, 18])
def test_a_full_queue_uses_the_limit_but_for_what_jitter_takes(calls: int, jitter_s: float, least: float) -> None:
    asked = 40 * calls + 1

    async def work() -> float:
        budget = Budget(CallLimit.of(calls, jitter_s))
        return max(await asyncio.gather(*(call(budget, Priority.HISTORY) for _ in range(asked))))

    took_s = in_virtual_time(work())

    assert least <= (asked - 1) / (took_s * calls) <= 1 / (1 + 2 * jitter_s)


@pytest.mark.parametrize("profile", list(KisProfile))
def test_calls_early_and_late_on_their_way_never_arrive_above_the_limit(profile: KisProfile) -> None:
    limit = {KisProfile.REAL: 18, KisProfile.PAPER: 1}[profile]
    chance = Random(11)

    async def work() -> list[float]:
        budget = Budget(CALL_LIMITS[profile])
        return await asyncio.gather(*(call(budget, Priority.HISTORY) for _ in range(30 * limit)))

    arrived = [at + chance.uniform(-0.05, 0.05) for at in in_virtual_time(work())]

    assert most_in_any_window(arrived, 1.0) <= limit


def test_a_call_counts_from_its_departure_and_not_from_the_leave_to_call() -> None:
    async def work() -> list[float]:
        budget = Budget(CallLimit(calls=1, window_s=1.0))
        delays_s = (0.4, 0.0, 0.0)
        return await asyncio.gather(*(call(budget, Priority.QUOTE, leaves_after_s=delay_s) for delay_s in delays_s))

    assert in_virtual_time(work()) == pytest.approx([0.4, 1.4, 2.4], abs=0.001)


def test_a_call_that_ended_without_leaving_has_cost_nothing() -> None:
    async def work() -> float:
        budget = Budget(CallLimit(calls=1, window_s=1.0))
        for _ in range(5):
            async with budget.turn(Priority.QUOTE):
                pass
        return await call(budget, Priority.QUOTE)

    assert in_virtual_time(work()) == 0.0


def test_a_call_cancelled_before_it_left_makes_room_at_once_and_after_it_left_it_does_not() -> None:
    async def work() -> tuple[float, float]:
        budget = Budget(CallLimit(calls=1, window_s=1.0))
        hangs = asyncio.create_task(call(budget, Priority.QUOTE, leaves_after_s=100))
        await asyncio.sleep(0.1)
        await forget(hangs)
        left_at = await call(budget, Priority.QUOTE)
        return left_at, await call(budget, Priority.QUOTE)

    assert in_virtual_time(work()) == pytest.approx((0.1, 1.1), abs=0.001)


@pytest.mark.parametrize("steps", range(4))
def test_a_slot_given_as_its_caller_is_cancelled_is_not_lost(steps: int) -> None:
    async def work() -> float:
        budget = Budget(CallLimit(calls=1, window_s=1.0))
        given_up = asyncio.create_task(call(budget, Priority.QUOTE, leaves_after_s=100))
        for _ in range(steps):
            await asyncio.sleep(0)
        await forget(given_up)
        return await call(budget, Priority.QUOTE)

    assert in_virtual_time(work()) == 0.0


def test_a_caller_that_gave_up_takes_no_slot() -> None:
    async def work() -> float:
        budget = Budget(CallLimit(calls=1, window_s=1.0))
        await call(budget, Priority.QUOTE)
        given_up = [asyncio.create_task(call(budget, Priority.EXIT)) for _ in range(5)]
        await asyncio.sleep(0.1)
        await forget(*given_up)
        assert budget.waiting == 0
        return await call(budget, Priority.QUOTE)

    assert in_virtual_time(work()) == pytest.approx(1.0, abs=0.001)


@pytest.mark.parametrize(("calls", "window_s"), [(0, 1.0), (1, 0.0)])
def test_a_limit_of_nothing_is_refused(calls: int, window_s: float) -> None:
    with pytest.raises(ValueError):
        CallLimit(calls=calls, window_s=window_s)


# --- who goes first --------------------------------------------------------------------------------------------------


async def order_of(arrivals: list[tuple[str, Priority]]) -> list[str]:
    budget = Budget(CallLimit(calls=1, window_s=1.0))
    await call(budget, Priority.KEY)
    gone: list[str] = []

    async def arrive(name: str, priority: Priority) -> None:
        await call(budget, priority)
        gone.append(name)

    await asyncio.gather(*(arrive(name, priority) for name, priority in arrivals))
    return gone


def test_the_urgent_goes_first_and_within_a_class_the_first_to_ask() -> None:
    arrivals = [(f"{priority.name}{i}", priority) for i in range(3) for priority in Priority]
    Random(5).shuffle(arrivals)

    gone = in_virtual_time(order_of(arrivals))

    assert gone == [name for name, _ in sorted(arrivals, key=lambda arrival: arrival[1])]
    assert [name.rstrip("0123456789") for name in gone[::3]] == [priority.name for priority in Priority]


@pytest.mark.parametrize("profile", list(KisProfile))
@pytest.mark.parametrize("arrives_at", [0.05, 0.5, 1.07, 10.5, 11.02])
def test_an_exit_behind_a_thousand_questions_leaves_within_one_slot(profile: KisProfile, arrives_at: float) -> None:
    limit = CALL_LIMITS[profile]

    async def work() -> float:
        budget = Budget(limit)
        queue = [asyncio.create_task(call(budget, Priority.HISTORY)) for _ in range(1000)]
        await asyncio.sleep(arrives_at)
        waited_s = await call(budget, Priority.EXIT) - arrives_at
        await forget(*queue)
        return waited_s

    assert in_virtual_time(work()) <= limit.window_s / limit.calls + 0.011  # and what a timer may be late


def test_exits_together_do_not_wait_to_be_spread() -> None:
    async def work() -> list[float]:
        budget = Budget(CALL_LIMITS[KisProfile.REAL])
        return await asyncio.gather(*(call(budget, Priority.EXIT) for _ in range(18)))

    assert in_virtual_time(work()) == [0.0] * 18


def test_an_exit_takes_the_slot_of_a_question_that_cannot_leave() -> None:
    async def work() -> tuple[float, bool]:
        budget = Budget(CALL_LIMITS[KisProfile.PAPER])
        hangs = await budget.slot(Priority.HISTORY)  # connecting, without end
        await asyncio.sleep(0.2)
        return await call(budget, Priority.EXIT), hangs.leave()

    left_at, may_leave = in_virtual_time(work())

    assert left_at == pytest.approx(0.5)
    assert not may_leave


def test_a_slot_is_not_taken_back_for_the_less_urgent_nor_while_others_are_free() -> None:
    async def work() -> bool:
        one, two = Budget(CallLimit(calls=1, window_s=1.0)), Budget(CallLimit(calls=2, window_s=1.0))
        waits = asyncio.create_task(call(one, Priority.EXIT))
        await asyncio.sleep(0)
        slots = [await two.slot(Priority.HISTORY)]
        await call(two, Priority.EXIT)
        patient = asyncio.create_task(call(one, Priority.HISTORY))
        await asyncio.sleep(5)
        await forget(waits, patient)
        return slots[0].leave()

    assert in_virtual_time(work())


# --- time limits and distances ---------------------------------------------------------------------------------------


def test_who_has_no_more_time_is_told_at_once_and_costs_no_slot() -> None:
    async def work() -> tuple[float, float, float]:
        budget = Budget(CallLimit(calls=1, window_s=1.0))
        await call(budget, Priority.QUOTE)
        with pytest.raises(NoSlotInTime) as told:
            await call(budget, Priority.QUOTE, within_s=0.3)
        told_at = now()
        return told_at, told.value.retry_after_s, await call(budget, Priority.QUOTE, within_s=2.0)

    told_at, retry_after_s, left_at = in_virtual_time(work())

    assert told_at == pytest.approx(0.3)
    assert retry_after_s == pytest.approx(0.7, abs=0.001)
    assert left_at == pytest.approx(1.0, abs=0.001)


def test_out_of_time_and_cancelled_in_one_step_is_a_cancellation() -> None:
    async def work() -> None:
        budget = Budget(CallLimit(calls=1, window_s=1.0))
        await call(budget, Priority.QUOTE)
        waits = asyncio.create_task(call(budget, Priority.QUOTE, within_s=0.3))
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_at(0.3, waits.cancel)
        with pytest.raises(asyncio.CancelledError):
            await waits

    in_virtual_time(work())


def test_a_spaced_tr_waits_for_its_distance_and_lets_others_pass() -> None:
    async def work() -> tuple[list[float], list[float]]:
        budget = Budget(CallLimit(calls=18, window_s=1.0), {"TTTC8434R": 5.0})
        balances = [asyncio.create_task(call(budget, Priority.ACCOUNT, tr_id="TTTC8434R")) for _ in range(3)]
        others = [asyncio.create_task(call(budget, Priority.HISTORY, tr_id="FHKST03010100")) for _ in range(20)]
        return await asyncio.gather(*balances), await asyncio.gather(*others)

    balances, others = in_virtual_time(work())

    assert balances == pytest.approx([0.0, 5.0, 10.0], abs=0.001)
    assert max(others) < 1.3
    assert others == sorted(others)


# --- after a refusal -------------------------------------------------------------------------------------------------


def test_over_the_limit_nobody_goes_before_kis_asks_again() -> None:
    async def work() -> tuple[list[float], float]:
        budget = Budget(CallLimit(calls=5, window_s=1.0))
        waiting = [asyncio.create_task(call(budget, Priority.EXIT)) for _ in range(7)]
        await asyncio.sleep(0.5)
        budget.refused(2.0)
        budget.refused(0.1)  # a shorter one does not end it
        cooldown_s = budget.cooldown_s
        return await asyncio.gather(*waiting), cooldown_s

    left, cooldown_s = in_virtual_time(work())

    assert left[:5] == [0.0] * 5  # they had gone at once
    assert left[5:] == pytest.approx([2.5, 2.5], abs=0.001)
    assert cooldown_s == pytest.approx(2.0, abs=0.001)


def test_a_full_ledger_keeps_its_readers_and_entries_but_neither_exits_nor_quotes() -> None:
    async def work() -> dict[Priority, float]:
        budget = Budget(CallLimit(calls=18, window_s=1.0))
        budget.refused(2.0, by_the_ledger=True)
        assert budget.cooldown_s == 0.0
        left = await asyncio.gather(*(call(budget, priority) for priority in Priority))
        return dict(zip(Priority, left, strict=True))

    left = in_virtual_time(work())

    assert [priority for priority, at in left.items() if at >= 2.0] == [
        Priority.ORDER_STATUS,
        Priority.ENTRY,
        Priority.ACCOUNT,
    ]


def test_after_a_refusal_the_rate_is_lower_and_comes_back_step_by_step() -> None:
    async def work() -> list[float]:
        budget = Budget(CallLimit(calls=1, window_s=1.0))
        await call(budget, Priority.QUOTE)
        budget.refused(1.0)
        return [await call(budget, Priority.QUOTE) for _ in range(30)]

    left = in_virtual_time(work())
    apart = [round(after - before, 2) for before, after in pairwise(left)]

    assert left[0] == pytest.approx(1.5, abs=0.001)  # the wait, and then the longer window
    assert list(dict.fromkeys(apart)) == [1.5, 1.25, 1.0]


def test_an_exit_is_not_slowed_by_what_slows_the_others() -> None:
    async def work() -> list[float]:
        budget = Budget(CallLimit(calls=1, window_s=1.0))
        await call(budget, Priority.QUOTE)
        for _ in range(4):
            budget.refused(0.001)
            await asyncio.sleep(0.01)
        return [await call(budget, Priority.EXIT), await call(budget, Priority.QUOTE)]

    assert in_virtual_time(work()) == pytest.approx([1.0, 3.0], abs=0.001)  # twice the window, and no more


def test_many_refusals_of_one_moment_slow_us_once() -> None:
    async def work() -> float:
        budget = Budget(CallLimit(calls=1, window_s=1.0))
        for _ in range(10):
            budget.refused(1.0)
        await call(budget, Priority.QUOTE)
        return await call(budget, Priority.QUOTE) - 1.0

    assert in_virtual_time(work()) == pytest.approx(1.5, abs=0.001)


def test_the_order_of_slots_is_the_same_in_every_run() -> None:
    async def work() -> list[tuple[str, float]]:
        chance = Random(3)
        budget = Budget(CallLimit(calls=3, window_s=1.0), {"A": 2.0, "B": 0.7})
        gone: list[tuple[str, float]] = []

        async def arrive(name: str) -> None:
            await asyncio.sleep(chance.uniform(0, 5))
            priority, tr_id = chance.choice(list(Priority)), chance.choice(["A", "B", "C"])
            gone.append((name, await call(budget, priority, tr_id=tr_id, leaves_after_s=chance.uniform(0, 0.2))))

        await asyncio.gather(*(arrive(str(i)) for i in range(60)))
        return gone

    assert in_virtual_time(work()) == in_virtual_time(work())


# --- failures of earlier systems -------------------------------------------------------------------------------------


def test_a_window_of_20_lets_no_39_calls_through() -> None:
    """A counter that begins anew each second lets a full window go at its end and nearly another right behind it."""

    async def work() -> list[float]:
        budget = Budget(CallLimit(calls=20, window_s=1.0))

        async def late(after_s: float, count: int) -> list[float]:
            await asyncio.sleep(after_s)
            return await asyncio.gather(*(call(budget, Priority.QUOTE) for _ in range(count)))

        first, rest = await asyncio.gather(late(0.95, 20), late(1.0, 19))
        return [*first, *rest]

    left = in_virtual_time(work())

    assert len(left) == 39
    assert most_in_any_window(left, 1.0) == 20
