"""Every figure of a run is the one that a second, plain computation finds in the written rows."""

import json
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kis_daemon.app.backtest.metrics import curve_of, measure
from kis_daemon.app.backtest.result import BacktestResult, BacktestTrade, DayEquity, Fills
from kis_daemon.app.backtest.written import as_json
from kis_daemon.app.cli import main
from kis_daemon.domain.calendar import KST
from kis_daemon.domain.market import Side, Symbol
from tests.backtest.basket import days_from
from tests.backtest.plain_figures import plain_figures
from tests.conftest import ROOT
from tools.report_picture import write_invented_bars

START = 1_000_000
SOLD = BacktestTrade(
    at=datetime(2016, 1, 5, 9, tzinfo=KST),
    symbol=Symbol("ZZ0001"),
    name="가온전자",
    side=Side.SELL,
    quantity=10,
    amount=100_000,
    fee=14,
    tax=230,
    realized_pnl=0,
    rule="ATR_STOP_LOSS",
    reason="",
)


def a_result(worth: list[tuple[int, int]], trades: list[BacktestTrade]) -> BacktestResult:
    """Return a run with this cash and holdings day by day."""
    days = days_from(date(2016, 1, 4), max(len(worth), 1))
    equity = tuple(
        DayEquity(day=day, cash=cash, holdings_value=held) for day, (cash, held) in zip(days, worth, strict=False)
    )
    return BacktestResult(
        rule="TREND_ATR_BREAKOUT",
        fills=Fills.PATH,
        symbols=(Symbol("ZZ0001"),),
        first=days[0],
        last=days[-1],
        start_cash=START,
        trades=tuple(trades),
        orders=(),
        equity=equity,
        bars=len(worth),
        bars_that_matter=0,
        seconds=1.0,
        metrics=measure(START, trades, equity),
    )


def assert_same(told: dict[str, Any]) -> None:
    found, plain = told["metrics"], plain_figures(told)
    assert found.keys() == plain.keys()
    for name, value in plain.items():
        assert found[name] == (pytest.approx(value, abs=2e-6, rel=1e-6) if value is not None else None), name


@settings(max_examples=60, deadline=None)
@given(
    worth=st.lists(st.tuples(st.integers(0, 3_000_000), st.integers(0, 3_000_000)), min_size=1, max_size=90),
    sales=st.lists(st.tuples(st.sampled_from(Side), st.integers(-90_000, 90_000), st.sampled_from("AB")), max_size=30),
)
def test_every_figure_is_the_plain_one(worth: list[tuple[int, int]], sales: list[tuple[Side, int, str]]) -> None:
    trades = [replace(SOLD, side=side, realized_pnl=pnl, rule=rule) for side, pnl, rule in sales]

    told = as_json(a_result([(cash + 1, held) for cash, held in worth], trades))

    assert_same(told)


def test_every_figure_of_a_real_run_is_the_plain_one(tmp_path: Path) -> None:
    write_invented_bars(tmp_path / "bars.csv", date(2020, 1, 2), date(2021, 12, 30))
    said = [
        "backtest",
        "--prices",
        str(tmp_path / "bars.csv"),
        "--rule",
        "breakout",
        "--config-dir",
        str(ROOT / "config"),
    ]

    assert main([*said, "--json", str(tmp_path / "told.json")]) == 0

    told = json.loads((tmp_path / "told.json").read_text("utf-8"))
    assert len(told["trades"]) > 50
    assert_same(told)


@pytest.mark.parametrize(
    ("worth", "trades", "nothing"),
    [
        ([(START, 0)] * 5, [], {"sharpe", "sortino", "win_rate", "profit_factor", "expectancy"}),
        ([(START + 5, 0)], [], {"cagr", "sharpe", "sortino", "win_rate", "profit_factor", "expectancy"}),
        ([(START - 9, 0), (START - 18, 0)], [replace(SOLD, realized_pnl=-9)] * 2, set()),
        ([(START * 2, 0), (START * 4, 0)], [replace(SOLD, realized_pnl=9)], {"sharpe", "sortino", "profit_factor"}),
        ([(0, START), (0, 0), (0, 0)], [], {"cagr", "win_rate", "profit_factor", "expectancy"}),
        ([], [], {"cagr", "sharpe", "sortino", "win_rate", "profit_factor", "expectancy", "turnover"}),
    ],
    ids=["no trades", "one day", "all losses", "no variance", "ruined", "no day"],
)
def test_where_there_is_nothing_to_divide_by_there_is_no_figure(
    worth: list[tuple[int, int]], trades: list[BacktestTrade], nothing: set[str]
) -> None:
    told = as_json(a_result(worth, trades))

    assert {name for name, value in told["metrics"].items() if value is None} == nothing
    assert_same(told)


def test_a_growth_beyond_every_number_is_none() -> None:
    assert curve_of([date(2016, 1, 4), date(2016, 1, 5)], [1.0, 1e6, 1e12]).cagr is None
