"""The figures of a run, by hand."""

from datetime import date, datetime
from typing import Any

import pytest

from kis_daemon.app.backtest.metrics import max_drawdown, measure, monthly_returns
from kis_daemon.app.backtest.result import BacktestTrade, DayEquity
from kis_daemon.domain.calendar import KST
from kis_daemon.domain.market import Side, Symbol


def a_trade(**changes: Any) -> BacktestTrade:
    values: dict[str, Any] = {
        "at": datetime(2016, 1, 5, 9, tzinfo=KST),
        "symbol": Symbol("005930"),
        "name": "삼성전자",
        "side": Side.SELL,
        "quantity": 10,
        "amount": 1_000,
        "fee": 1,
        "tax": 3,
        "realized_pnl": 0,
        "rule": "ATR_STOP_LOSS",
        "reason": "",
    }
    return BacktestTrade(**values | changes)


def days(*worth: tuple[int, int, int]) -> list[DayEquity]:
    return [DayEquity(day=date(2016, month, day), cash=equity, holdings_value=0) for month, day, equity in worth]


def test_a_drawdown_is_measured_from_the_highest_peak_before_it() -> None:
    assert max_drawdown([100, 120, 90, 130, 117]) == pytest.approx(0.25)
    assert max_drawdown([1, 2, 3]) == 0.0


def test_a_month_is_measured_from_the_end_of_the_one_before() -> None:
    equity = days((1, 4, 90), (1, 29, 110), (2, 1, 100), (2, 29, 121))

    assert monthly_returns(100, equity) == {"2016-01": pytest.approx(0.1), "2016-02": pytest.approx(0.1)}


def test_wins_and_losses_are_those_of_sales() -> None:
    trades = [
        a_trade(side=Side.BUY, rule="ENTRY", tax=0),
        a_trade(realized_pnl=30, rule="ATR_TAKE_PROFIT"),
        a_trade(realized_pnl=-10),
        a_trade(realized_pnl=-5),
    ]

    found = measure(1_000, trades, days((1, 4, 1_000), (1, 5, 1_015)))

    assert (found.trades, found.wins, found.realized_pnl) == (4, 1, 15)
    assert found.win_rate == pytest.approx(1 / 3)
    assert (found.profit_factor, found.expectancy) == (2.0, 5.0)
    assert (found.fees, found.tax) == (4, 9)
    assert found.exit_reasons == {"ATR_STOP_LOSS": 2, "ATR_TAKE_PROFIT": 1}


def test_a_year_that_doubles_has_a_growth_of_one() -> None:
    found = measure(100, [], days((1, 1, 100), (12, 31, 200)))

    assert found.total_return == pytest.approx(1.0)
    assert found.cagr == pytest.approx(1.0, abs=0.01)


def test_returns_are_weighed_by_their_deviation() -> None:
    found = measure(100, [], days((1, 4, 110), (1, 5, 99), (1, 6, 99)))  # +10 %, -10 %, 0 %

    assert found.sharpe == pytest.approx(0.0, abs=1e-9)
    assert found.sortino == pytest.approx(0.0, abs=1e-9)


def test_where_nothing_happened_there_is_nothing_to_divide_by() -> None:
    found = measure(100, [], days((1, 4, 100), (1, 5, 100)))

    assert (found.sharpe, found.sortino, found.win_rate, found.profit_factor, found.expectancy) == (None,) * 5
    assert (found.max_drawdown, found.exposure, found.turnover) == (0.0, 0.0, 0.0)


def test_exposure_is_the_mean_part_that_is_held() -> None:
    equity = [
        DayEquity(day=date(2016, 1, 4), cash=50, holdings_value=50),
        DayEquity(day=date(2016, 1, 5), cash=100, holdings_value=0),
    ]

    assert measure(100, [], equity).exposure == pytest.approx(0.25)
