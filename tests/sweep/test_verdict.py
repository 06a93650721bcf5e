"""What makes a best suspect: the end of a range, days it was not chosen on, the order of its trades."""

import pytest

from kis_daemon.app.backtest.rules import Rule
from kis_daemon.app.sweep.chance import shuffled
from kis_daemon.app.sweep.space import space_of
from kis_daemon.app.sweep.verdict import at_edge, falls_apart
from tests.backtest.basket import the_settings


def test_values_at_an_end_of_their_range_are_named() -> None:
    space = space_of(Rule.BREAKOUT, the_settings(), ["breakout_bars=5:60", "stop_atr=1:6:0.5"])

    assert at_edge(space, {"breakout_bars": 60, "stop_atr": 3.0}) == ["breakout_bars=60"]


@pytest.mark.parametrize(
    ("found", "worth", "apart"),
    [
        ([2.0, 2.0], [1.0, 1.0], False),
        ([2.0, 2.0], [1.0, 0.5], True),
        ([2.0, 2.0], [2.0, None], False),
        ([2.0, 2.0], [None, None], True),
        ([-1.0, -1.0], [-0.5, -0.5], False),
        ([-1.0, -1.0], [-2.0, -2.0], True),
    ],
)
def test_less_than_half_on_the_days_after_falls_apart(
    found: list[float], worth: list[float | None], apart: bool
) -> None:
    assert falls_apart(found, worth, more_is_better=True) is apart


@pytest.mark.parametrize(("worth", "apart"), [(0.19, False), (0.21, True)])
def test_a_drawdown_falls_apart_when_it_doubles(worth: float, apart: bool) -> None:
    assert falls_apart([0.1], [worth], more_is_better=False) is apart


def test_the_order_of_trades_is_shuffled_by_its_seed() -> None:
    profits = [10, -30, 20, -10, 40, -20] * 5

    assert shuffled(profits, 1_000, 1) == shuffled(profits, 1_000, 1)
    assert shuffled(profits, 1_000, 1) != shuffled(profits, 1_000, 2)


def test_losses_that_came_last_fell_deepest() -> None:
    found = shuffled([100] * 10 + [-50] * 10, 1_000, 1)

    assert found is not None
    assert found.actual == pytest.approx(500 / 2_000)
    assert found.p5 <= found.median <= found.p95 <= found.worst
    assert found.worse < 0.05


def test_one_trade_has_no_order() -> None:
    assert shuffled([5], 1_000, 1) is None
