"""Which symbols get a place on the stream, and when a place changes hands."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from kis_daemon.domain.market import Symbol
from kis_daemon.kis.feed_plan import LIFE_S, SWAP_WINDOW_S, SWAPS, FeedPlan

NAMES = [Symbol(f"{i:06}") for i in range(60)]


def a_plan(candidates: Sequence[Symbol], held: Sequence[Symbol] = ()) -> FeedPlan:
    plan = FeedPlan(notices=1)
    plan.want(held, candidates)
    return plan


def test_what_is_held_comes_first_then_the_nearest_candidates() -> None:
    plan = a_plan(NAMES[:45], held=[NAMES[50], NAMES[3]])

    assert plan.symbols(0.0) == (NAMES[50], NAMES[3], *NAMES[:3], *NAMES[4:38])


def test_a_swap_waits_for_ten_minutes_and_for_a_clearly_nearer_candidate() -> None:
    plan = a_plan(NAMES[:39])
    plan.symbols(0.0)

    plan.want((), [*NAMES[:37], NAMES[40], NAMES[37], NAMES[38]])
    assert plan.next_look_at() is None  # two ranks apart: not worth a change

    plan.want((), [NAMES[40], *NAMES[:39]])
    assert plan.next_look_at() == LIFE_S
    assert NAMES[40] not in plan.symbols(LIFE_S - 1)
    assert plan.symbols(LIFE_S) == (*NAMES[:38], NAMES[40])


def test_a_life_begins_when_the_registration_is_sent() -> None:
    plan = a_plan(NAMES[:39])
    plan.symbols(0.0)
    for name in NAMES[:39]:
        plan.sent(name, 8.0)

    plan.want((), [NAMES[40], *NAMES[:39]])

    assert plan.next_look_at() == 8.0 + LIFE_S


def test_a_holding_enters_although_the_hour_s_swaps_are_used_up_and_no_place_is_old_enough() -> None:
    plan = a_plan(NAMES[:39])
    plan.symbols(0.0)
    plan.want((), NAMES[10:49])
    plan.symbols(LIFE_S)
    assert NAMES[44] in plan.symbols(LIFE_S)
    assert NAMES[45] not in plan.symbols(LIFE_S)  # six are through

    plan.want([NAMES[55]], NAMES[10:49])

    assert NAMES[55] in plan.symbols(LIFE_S + 1)
    assert len(plan.symbols(LIFE_S + 1)) == 39


def test_forced_changes_are_counted_against_the_candidates_hour() -> None:
    plan = a_plan(NAMES[:39])
    plan.symbols(0.0)
    plan.want(NAMES[50:56], NAMES[:39])
    plan.symbols(LIFE_S)

    plan.want(NAMES[50:56], [NAMES[45], *NAMES[:39]])

    assert NAMES[45] not in plan.symbols(LIFE_S + 1)
    assert NAMES[45] in plan.symbols(LIFE_S + SWAP_WINDOW_S)


def test_what_was_sold_keeps_its_place_until_somebody_needs_it() -> None:
    plan = a_plan(NAMES[:10], held=[NAMES[50]])
    plan.symbols(0.0)

    plan.want((), NAMES[:10])
    assert NAMES[50] in plan.symbols(4000.0)

    plan.want((), NAMES[:45])
    plan.symbols(4000.0)
    assert NAMES[50] not in plan.symbols(4000.0)


def test_a_refused_symbol_gives_its_place_to_the_next() -> None:
    plan = a_plan(NAMES[:40], held=[NAMES[50]])
    plan.symbols(0.0)

    plan.bar(NAMES[0])
    plan.bar(NAMES[50])

    assert plan.symbols(1.0) == tuple(NAMES[1:40])


def test_a_clean_sheet_places_everything_anew() -> None:
    plan = a_plan(NAMES[:39])
    plan.symbols(0.0)
    plan.want((), NAMES[20:59])

    plan.begin()

    assert plan.symbols(1.0) == tuple(NAMES[20:59])


wishes = st.lists(
    st.tuples(
        st.floats(0, 2000),
        st.lists(st.sampled_from(NAMES), max_size=6, unique=True),
        st.permutations(NAMES).map(lambda names: names[:50]),
    ),
    min_size=2,
    max_size=25,
)


@given(wishes)
@settings(max_examples=60, deadline=None)
def test_whatever_is_wanted_no_rule_is_broken(steps: list[tuple[float, list[Symbol], list[Symbol]]]) -> None:
    plan = FeedPlan(notices=1)
    now = 0.0
    shown: list[tuple[float, set[Symbol], set[Symbol]]] = []
    since: dict[Symbol, float] = {}
    free: list[float] = []
    for wait_s, held, candidates in steps:
        plan.want(held, candidates)
        look_at = plan.next_look_at()
        for moment in sorted({now, min(look_at, now + wait_s) if look_at is not None else now, now + wait_s}):
            if moment >= now:
                now = moment
                shown.append((now, set(plan.symbols(now)), set(held)))

    for (_, before, held_before), (at, after, held_after) in pairwise(shown):
        assert held_after <= after
        assert len(after) <= 39
        left, entered = before - after, after - before
        forced = len((held_after - held_before) & entered)
        for name in left:
            if not forced:
                assert at - since.get(name, 0.0) >= LIFE_S - 0.01
                free.append(at)
        since.update(dict.fromkeys(entered, at))
    assert all(sum(at - SWAP_WINDOW_S + 0.01 < other <= at for other in free) <= SWAPS for at in free)
