"""Three witnesses of a corporate action, and what a proven one makes of a position."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kis_daemon.domain.corporate_actions import Proven, Unproven, Untouched, Witnesses, judge, rebased
from kis_daemon.domain.market import Market, Rounding, to_tick
from tests.domain.builders import a_position

DAY = date(2024, 3, 5)
NOTHING = Witnesses(last_close=50_000, closed_then=50_000, base=50_000, shares=120, known=120)


@pytest.mark.parametrize(
    ("changed", "factor", "by"),
    [
        pytest.param({"closed_then": 10_000, "base": 10_000, "shares": 600}, 0.2, "base history shares", id="split"),
        pytest.param({"closed_then": 10_000, "base": 0, "shares": 600}, 0.2, "history shares", id="days missed"),
        pytest.param({"closed_then": 50_000, "base": 10_000, "shares": 600}, 0.2, "base shares", id="history late"),
        pytest.param({"closed_then": 10_000, "base": 10_000, "shares": -1}, 0.2, "base history", id="account unknown"),
        pytest.param(
            {"closed_then": 500_000, "base": 500_000, "shares": 12}, 10.0, "base history shares", id="reverse"
        ),
        pytest.param(
            {"closed_then": 500_000, "base": 0, "shares": 11, "known": 116}, 10.0, "history shares", id="part"
        ),
        pytest.param({"closed_then": 45_450, "base": 45_450}, 0.909, "base history", id="rights, shares later"),
    ],
)
def test_two_witnesses_prove_an_action(changed: dict[str, int], factor: float, by: str) -> None:
    assert judge(replace(NOTHING, **changed)) == Proven(factor=factor, by=tuple(by.split()))


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"closed_then": 10_000}, id="history alone"),
        pytest.param({"base": 10_000}, id="base alone"),
        pytest.param({"closed_then": 10_000, "base": 25_000}, id="two that disagree"),
        pytest.param({"closed_then": 0, "base": 0, "shares": 600}, id="shares alone"),
    ],
)
def test_one_witness_proves_nothing(changed: dict[str, int]) -> None:
    assert isinstance(judge(replace(NOTHING, **changed)), Unproven)


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({}, id="an ordinary morning"),
        pytest.param({"base": 49_950}, id="a tick"),
        pytest.param({"base": 50_900, "closed_then": 50_900}, id="a close that was read before its auction"),
        pytest.param({"base": 49_000}, id="the same, and no history"),
        pytest.param({"closed_then": 0, "base": 0, "shares": -1}, id="nobody could be asked"),
        pytest.param({"shares": 100}, id="shares sold by hand"),
        pytest.param({"shares": 0}, id="all sold by hand"),
    ],
)
def test_what_is_no_action_is_left_alone(changed: dict[str, int]) -> None:
    assert judge(replace(NOTHING, **changed)) == Untouched()


@given(parts=st.integers(2, 100), shares=st.integers(1, 10_000), is_reverse=st.booleans())
def test_every_split_of_whole_parts_is_proven_and_keeps_what_is_held_worth_the_same(
    parts: int, shares: int, is_reverse: bool
) -> None:
    close = 50_000
    after = close * parts if is_reverse else close / parts
    count = shares // parts if is_reverse else shares * parts
    seen = Witnesses(last_close=close, closed_then=round(after), base=round(after), shares=count, known=shares)

    verdict = judge(seen)

    assert isinstance(verdict, Proven)
    assert {"base", "history"} <= set(verdict.by)
    if count:
        position = replace(a_position(price=close), quantity=shares, cost=shares * close)
        assert rebased(position, verdict.factor, count, DAY).cost == pytest.approx(count * after, rel=0.02)


def test_levels_stay_on_ticks_and_on_their_side_of_the_price() -> None:
    before = replace(a_position(price=70_000), stop=66_900, target=73_300, highest=71_700)

    after = rebased(before, 0.2, before.quantity * 5, DAY)

    assert (after.stop, after.target, after.highest, after.atr) == (13_380, 14_660, 14_340, 200.0)
    for level in (after.stop, after.target, after.highest):
        assert to_tick(level, Rounding.DOWN, Market.KOSPI, DAY) == level
    assert (after.cost, after.version) == (before.cost, before.version + 1)
