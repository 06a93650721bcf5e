"""When to buy: every refusal with its numbers, at its boundary; and when a trend counts as broken."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kis_daemon.domain.indicators import Indicators
from kis_daemon.domain.strategy import EntryRules, EntrySetup, NoSetup, TrendBreakRules, setup, trend_break
from tests.domain.builders import a_bar

RULES = EntryRules()
READY = Indicators(
    bars=250,
    last=a_bar(opens=10_100, high=10_600, low=10_000, close=10_500),
    atr=150.0,
    atr_spike=1.2,
    adx=31.0,
    sma=10_000.0,
    highest_high=10_600,
)


def refusal(indicators: Indicators | None, rules: EntryRules = RULES) -> str:
    answer = setup(indicators, rules)
    assert isinstance(answer, NoSetup)
    return answer.reason


def test_a_strong_calm_uptrend_is_a_setup_above_its_highest_high() -> None:
    assert setup(READY, RULES) == EntrySetup(
        level=10_600, atr=150.0, adx=31.0, sma=10_000.0, close=10_500, atr_spike=1.2
    )


def test_no_bars_at_all_are_no_setup() -> None:
    assert refusal(None) == "0 bars < 100"


def test_fewer_bars_than_the_least_are_no_setup() -> None:
    assert refusal(replace(READY, bars=99)) == "99 bars < 100"
    assert isinstance(setup(replace(READY, bars=100), RULES), EntrySetup)


@pytest.mark.parametrize("missing", ["atr", "adx", "sma"])
def test_a_missing_indicator_is_no_setup(missing: str) -> None:
    changed: dict[str, Any] = {missing: None}

    assert refusal(replace(READY, **changed)) == "indicators not ready"


@pytest.mark.parametrize("atr", [0.0, 4e-7])
def test_a_symbol_that_does_not_move_is_no_setup(atr: float) -> None:
    assert refusal(replace(READY, atr=atr)) == "ATR is 0"


def test_a_close_at_its_mean_is_no_uptrend() -> None:
    assert refusal(replace(READY, sma=10_500.0)) == "close 10500 <= SMA 10500.00"
    assert refusal(replace(READY, sma=10_500.01)) == "close 10500 <= SMA 10500.01"
    assert isinstance(setup(replace(READY, sma=10_499.999), RULES), EntrySetup)


def test_strength_begins_at_its_least_value() -> None:
    assert refusal(replace(READY, adx=24.999)) == "ADX 25.00 < 25.0"
    assert isinstance(setup(replace(READY, adx=25.0), RULES), EntrySetup)


def test_a_spiking_range_waits_and_its_limit_is_still_calm() -> None:
    assert refusal(replace(READY, atr_spike=2.51)) == "ATR spike 2.51 > 2.5"
    assert isinstance(setup(replace(READY, atr_spike=2.5), RULES), EntrySetup)


def test_without_a_spike_to_compare_the_other_rules_decide() -> None:
    answer = setup(replace(READY, atr_spike=None), RULES)

    assert isinstance(answer, EntrySetup)
    assert answer.atr_spike is None


def test_what_is_asked_for_comes_from_the_rules() -> None:
    strict = EntryRules(adx_min=40.0, atr_spike_max=1.0, min_bars=300)

    assert refusal(replace(READY, bars=400), strict) == "ADX 31.00 < 40.0"
    assert refusal(replace(READY, bars=400, adx=41.0), strict) == "ATR spike 1.20 > 1.0"
    assert refusal(READY, strict) == "250 bars < 300"


@pytest.mark.parametrize(
    ("changed", "ready"),
    [
        ({"sma": 10_500.0 - 4e-7}, False),
        ({"sma": 10_500.0 - 6e-7}, True),
        ({"adx": 25.0 - 4e-7}, True),
        ({"adx": 25.0 - 6e-7}, False),
        ({"atr_spike": 2.5 + 4e-7}, True),
        ({"atr_spike": 2.5 + 6e-7}, False),
        ({"atr": 6e-7}, True),
    ],
)
def test_a_difference_under_a_millionth_never_decides(changed: dict[str, Any], ready: bool) -> None:
    assert isinstance(setup(replace(READY, **changed), RULES), EntrySetup) is ready


def test_the_reason_of_an_entry_has_its_numbers() -> None:
    answer = setup(READY, RULES)

    assert isinstance(answer, EntrySetup)
    assert answer.reason(10_610) == (
        "price 10610 > high 10600, close 10500 > SMA 10000.00, ADX 31.00, ATR 150.00, spike 1.20"
    )
    assert replace(answer, atr_spike=None).reason(10_610).endswith("spike -")


# ── the end of a trend


@pytest.mark.parametrize(
    ("changed", "broken"),
    [
        ({}, None),
        ({"sma": 10_500.0}, None),  # at its mean is not under it
        ({"sma": 10_500.0 + 4e-7}, None),
        ({"sma": 10_500.01}, "close 10500 < SMA 10500.01 on 2024-03-05"),
        ({"adx": 20.0}, None),
        ({"adx": 20.0 - 4e-7}, None),
        ({"adx": 19.99}, "ADX 19.99 < 20.0 on 2024-03-05"),
        ({"sma": None, "adx": None}, None),
        ({"sma": 10_600.0, "adx": 1.0}, "close 10500 < SMA 10600.00 on 2024-03-05"),
    ],
)
def test_a_trend_is_broken_under_its_mean_or_without_strength(changed: dict[str, Any], broken: str | None) -> None:
    assert trend_break(replace(READY, **changed), TrendBreakRules()) == broken


def test_a_trend_break_is_a_level_and_not_a_crossing() -> None:
    below = replace(READY, sma=11_000.0)

    assert trend_break(below, TrendBreakRules()) == trend_break(below, TrendBreakRules())
    assert trend_break(replace(READY, adx=29.0), TrendBreakRules(adx_min=30.0)) == "ADX 29.00 < 30.0 on 2024-03-05"
