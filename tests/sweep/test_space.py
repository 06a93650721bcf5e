"""Ranges as they are written, and the windows of a walk forward."""

from datetime import date, timedelta

import pytest

from kis_daemon.app.backtest.rules import Rule
from kis_daemon.app.errors import UsageError
from kis_daemon.app.sweep.space import Space, longest_history, space_of
from kis_daemon.app.sweep.windows import Window, parsed, windows
from tests.backtest.basket import the_settings


def a_space(*written: str, rule: Rule = Rule.BREAKOUT) -> Space:
    return space_of(rule, the_settings(), written)


def test_a_whole_number_moves_by_one_and_another_freely() -> None:
    bars, stop = a_space("breakout_bars=5:60", "stop_atr=1:6").spans

    assert (bars.low, bars.high, bars.step, bars.whole) == (5, 60, 1, True)
    assert (stop.low, stop.high, stop.step, stop.whole) == (1.0, 6.0, 0, False)


def test_the_upper_end_is_the_last_step_inside() -> None:
    assert a_space("stop_atr=1:2.25:0.3").spans[0].high == 2.2


def test_a_trial_is_written_as_a_command_line_would() -> None:
    space = a_space("breakout_bars=5:60", "stop_atr=1:2:0.1", "atr_bars=10")

    assert space.params({"breakout_bars": 20, "stop_atr": 1.0 + 0.1 + 0.1 + 0.1}) == (
        "atr_bars=10",
        "breakout_bars=20",
        "stop_atr=1.3",
    )


def test_a_setting_of_the_daemon_has_its_full_name() -> None:
    space = a_space("stop_atr=1:3:0.5", "entry.adx_min=20:40:5", rule=Rule.ATR)

    assert [span.name for span in space.spans] == ["protection.stop_atr", "entry.adx_min"]


def test_the_hungriest_trial_decides_where_the_days_begin() -> None:
    assert longest_history(Rule.BREAKOUT, the_settings(), a_space("breakout_bars=5:60")) == 60


@pytest.mark.parametrize(("value", "is_edge"), [(1.0, True), (1.5, False), (5.5, False), (6.0, True)])
def test_the_first_and_the_last_step_are_edges(value: float, is_edge: bool) -> None:
    assert a_space("stop_atr=1:6:0.5").spans[0].is_edge(value) is is_edge


@pytest.mark.parametrize(("value", "is_edge"), [(1.05, True), (1.2, False), (5.8, False), (5.95, True)])
def test_a_fiftieth_of_a_free_range_is_its_edge(value: float, is_edge: bool) -> None:
    assert a_space("stop_atr=1:6").spans[0].is_edge(value) is is_edge


@pytest.mark.parametrize(
    "written",
    [
        "stop_atr=2",  # nothing to search
        "stop_atr=3:2",
        "stop_atr=2:2",
        "stop_atr=1:2:3",
        "stop_atr=1:2:0",
        "stop_atr=1:2:-1",
        "stop_atr=1:2:0.5:9",
        "stop_atr=1:nan",
        "stop_atr=1:",
        "stop_atr=0:2",  # outside of what it may be
        "breakout_bars=2.5:9",
        "unknown=1:2",
    ],
)
def test_a_range_that_cannot_be_is_refused(written: str) -> None:
    with pytest.raises(UsageError):
        a_space(written)


def test_windows_follow_each_other_by_a_test() -> None:
    days = [date(2016, 1, 1) + timedelta(days=n) for n in range(10)]

    assert windows(days, 5, 2) == (
        Window(train=(days[0], days[4]), test=(days[5], days[6])),
        Window(train=(days[2], days[6]), test=(days[7], days[8])),
    )


def test_days_too_few_for_one_window_are_refused() -> None:
    with pytest.raises(UsageError):
        windows([date(2016, 1, 1)], 5, 2)


@pytest.mark.parametrize("text", ["", "5", "5/", "/5", "0/5", "5/0", "a/b", "5/2/1", "-5/2"])
def test_a_walk_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parsed(text)
