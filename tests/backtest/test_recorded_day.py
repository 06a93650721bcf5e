"""A day read from its recorded inputs, and a backtest that begins with its morning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from kis_daemon.app.backtest.engine import run_backtest
from kis_daemon.app.backtest.kept_prices import KeptPrices
from kis_daemon.app.backtest.morning import Morning
from kis_daemon.app.backtest.plan import BacktestPlan
from kis_daemon.app.backtest.recorded_day import recorded_day
from kis_daemon.app.backtest.result import BacktestResult
from kis_daemon.app.options import RunOptions
from kis_daemon.app.settings import load_settings
from kis_daemon.domain.exits import GapRules
from kis_daemon.domain.locks import LockScope
from kis_daemon.domain.market import Bar, Market, Side, Symbol
from kis_daemon.domain.positions import ProtectionRules
from kis_daemon.domain.risk import RiskLimits
from kis_daemon.domain.strategy import EntryRules, TrendBreakRules
from kis_daemon.services.audit_recorder import bars_hash
from kis_daemon.services.audit_values import written
from kis_daemon.services.desks import TradingRules
from kis_daemon.simulator.prices import ListedSymbol
from tests.conftest import ROOT
from tests.services.builders import HYNIX, SAMSUNG, TODAY, YESTERDAY, a_lock, a_position, a_quote, at
from tests.services.trading import a_listing, rising_bars, the_calendar

RULES = TradingRules(
    entry=EntryRules(),
    protection=ProtectionRules(),
    trend_break=TrendBreakRules(),
    gap=GapRules(),
    limits=RiskLimits(),
    commission_ppb=140_000,
)
NAVER = Symbol("035420")


def a_day(low: int = 69_000, high: int = 69_800) -> Bar:
    """Return today's bar; yesterday closed at 69,500 with a high of 69,900."""
    return Bar(date=TODAY, open=69_500, high=high, low=low, close=low + 100, volume=3_000_000)


def lived(today: dict[Symbol, Bar], morning: Morning, universe: Sequence[Symbol] = ()) -> BacktestResult:
    listed = [ListedSymbol(symbol=symbol, name="", market=Market.KOSPI) for symbol in today]
    prices = KeptPrices(listed, {symbol: [*rising_bars(YESTERDAY), bar] for symbol, bar in today.items()})
    settings = load_settings(RunOptions(config_dir=ROOT / "config", symbols=(SAMSUNG,)), {}, None)
    plan = BacktestPlan(symbols=tuple(universe), first=TODAY, last=TODAY, cash=morning.cash)
    return run_backtest(settings, plan, prices, the_calendar(), morning)


def a_morning(**changes: Any) -> Morning:
    return replace(Morning(cash=10_000_000, external={}, stopped_on={}), **changes)


def wishes(result: BacktestResult) -> list[tuple[str, Side, str, int]]:
    return [(order.symbol, order.side, order.rule, order.filled_quantity) for order in result.orders]


def test_what_was_held_in_the_morning_is_sold_by_its_own_levels() -> None:
    morning = a_morning(positions=(a_position(stop=68_950, trailing_armed=False),))

    result = lived({SAMSUNG: a_day(low=68_900)}, morning)

    assert wishes(result) == [(SAMSUNG, Side.SELL, "ATR_STOP_LOSS", 10)]


def test_what_was_external_or_locked_is_left_alone() -> None:
    positions = (a_position(stop=68_950), a_position(symbol=HYNIX, stop=68_950))
    morning = a_morning(
        positions=positions,
        external={SAMSUNG: 5, NAVER: 3},
        locks=(a_lock(symbol=HYNIX, scope=LockScope.ALL, reason="a split, perhaps"),),
    )

    result = lived({symbol: a_day(low=68_900) for symbol in (SAMSUNG, HYNIX, NAVER)}, morning, [NAVER])

    assert [(symbol, quantity) for symbol, _, _, quantity in wishes(result)] == [(SAMSUNG, 10)]


def test_a_breakout_is_bought_with_the_mornings_cash_unless_its_symbol_cools_down() -> None:
    today = {SAMSUNG: a_day(high=70_600), HYNIX: a_day(high=70_600)}

    result = lived(today, a_morning(stopped_on={HYNIX: TODAY}), [SAMSUNG, HYNIX])

    bought = [(symbol, side) for symbol, side, _, _ in wishes(result)]
    assert bought == [(SAMSUNG, Side.BUY)]


# reading


def lines_of_a_day() -> list[list[Any]]:
    """A morning, a restart at noon, an evening: what the recorder writes of it."""
    history, today = rising_bars(YESTERDAY), a_day()
    held = written(a_position())
    figures = [TODAY.isoformat(), 9_000_000, 700_000, 9_700_000, 0]
    book = {"figures": figures, "positions": {SAMSUNG: held}, "listings": {SAMSUNG: written(a_listing())}}
    sold = {"figures": [TODAY.isoformat(), 9_680_000, 0, 9_700_000, 0], "positions": {SAMSUNG: None}}
    day = ["day", at("08:00").isoformat(), book | {"external": {HYNIX: 4}}, written(RULES), [], []]
    return [
        ["change", at("07:59").isoformat(), {}, "the end of another file"],
        day,
        ["watch", at("08:00:10").isoformat(), {}, []],
        ["bars", at("08:00:11").isoformat(), {}, SAMSUNG, bars_hash(history), 0, written(history)],
        ["watch", at("08:00:12").isoformat(), {"stopped_on": {NAVER: YESTERDAY.isoformat()}}, [SAMSUNG, HYNIX]],
        ["look", at("09:00:30").isoformat(), {}, written(a_quote(price=70_100)), "kill_switch_entries"],
        ["look", at("09:10").isoformat(), sold, written(a_quote(price=67_900)), "queued"],
        ["day", at("12:00").isoformat(), {**sold, "listings": book["listings"]}, written(RULES), [], []],
        ["watch", at("12:00:01").isoformat(), {}, []],
        ["bars", at("15:31").isoformat(), {}, SAMSUNG, "", 0, written(history)],
        ["bars", at("15:31:01").isoformat(), {}, SAMSUNG, "", len(history), written([today])],
    ]


def test_the_morning_is_how_the_book_stood_before_the_first_price() -> None:
    day = recorded_day(lines_of_a_day())

    assert day.since == at("08:00")
    assert day.rules == RULES
    assert day.morning == Morning(
        cash=9_000_000,
        positions=(a_position(),),
        external={HYNIX: 4},
        stopped_on={NAVER: YESTERDAY},
    )


def test_universe_bars_and_refusals_are_those_of_the_whole_day() -> None:
    day = recorded_day(lines_of_a_day())

    assert day.universe == (SAMSUNG,)  # the other one has no bars
    assert day.prices.bars(SAMSUNG, YESTERDAY, TODAY)[-1] == a_day()
    assert day.prices.last_day == TODAY
    assert day.refusals == {SAMSUNG: "kill_switch_entries"}


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        pytest.param([], "no day", id="nothing"),
        pytest.param(lines_of_a_day()[:1], "no day", id="the end of another file"),
        pytest.param(lines_of_a_day()[:3], "no bars", id="no bars"),
    ],
)
def test_what_tells_of_no_day_is_refused(lines: list[list[Any]], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        recorded_day(lines)
