"""The daemon's rules on replayed bars: the daemon's orders, no look ahead, no database and no HTTP."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kis_daemon.app.backtest.result import BacktestResult, Fills
from kis_daemon.app.house import House
from kis_daemon.domain.market import Side
from kis_daemon.domain.price_path import intraday_path
from tests.backtest.basket import (
    FILE,
    FIRST,
    OtherFuture,
    days_from,
    replayed,
    some_symbols,
    the_basket,
)
from tests.backtest.daemon_run import compared, daemon_summary
from tests.conftest import ROOT

DAYS = 4
SOME = slice(24, 40)  # thinly traded symbols among them, of which no order is filled at once


@pytest.fixture(scope="module")
def result(shared_data: Path) -> BacktestResult:
    prices = the_basket(shared_data)
    return replayed(prices, some_symbols(prices, 40)[SOME], DAYS)


def in_parts(result: BacktestResult) -> int:
    """Return how many orders were filled, and not as a whole."""
    return sum(0 < order.filled_quantity < order.quantity for order in result.orders)


def test_the_same_days_give_the_daemons_orders(
    result: BacktestResult, shared_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.mktemp("daemon")

    summary, orders = daemon_summary(home, shared_data / FILE, result.symbols, FIRST, DAYS)

    differences = compared(result, summary, orders)
    assert differences == []
    assert {trade.side for trade in result.trades} == {Side.BUY, Side.SELL}


def test_what_comes_later_changes_nothing_before(result: BacktestResult, shared_data: Path) -> None:
    prices = the_basket(shared_data)
    since = days_from(FIRST, DAYS)[DAYS // 2]

    other = replayed(OtherFuture(prices, since), result.symbols, DAYS)

    assert [o for o in other.orders if o.at.date() < since] == [o for o in result.orders if o.at.date() < since]
    assert [t for t in other.trades if t.at.date() < since] == [t for t in result.trades if t.at.date() < since]
    assert [d for d in other.equity if d.day < since] == [d for d in result.equity if d.day < since]
    assert other.trades != result.trades
    assert [t for t in result.trades if t.at.date() < since] != []


def test_the_same_run_twice_is_the_same(result: BacktestResult, shared_data: Path) -> None:
    again = replayed(the_basket(shared_data), result.symbols, DAYS)

    assert (again.trades, again.orders, again.equity) == (result.trades, result.orders, result.equity)


def test_every_trade_has_a_price_of_its_day(result: BacktestResult, shared_data: Path) -> None:
    prices = the_basket(shared_data)

    for trade in result.trades:
        bar = prices.bar(trade.symbol, trade.at.date())
        assert bar is not None
        assert bar.low <= trade.price <= bar.high


def test_every_won_is_in_a_trade(result: BacktestResult) -> None:
    spent = sum((t.amount if t.side is Side.BUY else -t.amount) + t.fee + t.tax for t in result.trades)

    assert result.equity[-1].cash == result.start_cash - spent


def test_the_pessimistic_order_is_another_run_on_the_same_bars(result: BacktestResult, shared_data: Path) -> None:
    prices = the_basket(shared_data)

    worst = replayed(prices, result.symbols, DAYS, fills=Fills.PESSIMISTIC)

    assert (worst.fills, worst.bars) == (Fills.PESSIMISTIC, result.bars)
    assert worst.trades != result.trades
    for trade in worst.trades:
        bar = prices.bar(trade.symbol, trade.at.date())
        assert bar is not None
        assert bar.low <= trade.price <= bar.high


def test_whoever_may_take_all_that_is_traded_is_seldom_filled_in_parts(
    result: BacktestResult, shared_data: Path
) -> None:
    whole = replayed(the_basket(shared_data), result.symbols, DAYS, volume_share=1)

    assert in_parts(result) > in_parts(whole)


@pytest.mark.parametrize("low_first", [True, False])
def test_a_path_may_be_told_which_extreme_comes_first(low_first: bool, shared_data: Path) -> None:
    prices = the_basket(shared_data)
    listing = prices.listings()[0]
    bar = prices.bar(listing.symbol, FIRST)
    assert bar is not None

    path = intraday_path(bar, listing.market, prices.base_price(listing.symbol, FIRST), 30, low_first=low_first)

    told = [tick.price for tick in path]
    assert (told.index(bar.low) < told.index(bar.high)) is low_first
    assert (told[0], told[-1]) == (bar.open, bar.close)


def test_the_mandate_lasts_until_the_last_day(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    composed: list[House] = []

    async def live_not_at_all(house: House, **_: object) -> None:
        composed.append(house)

    monkeypatch.setattr("kis_daemon.app.backtest.engine.live", live_not_at_all)
    prices = the_basket(shared_data)

    replayed(prices, some_symbols(prices, 1), 1_400)

    assert composed[0].mandate.expires_at.date() > days_from(FIRST, 1_400)[-1]


def test_a_backtest_needs_neither_database_nor_http(shared_data: Path, tmp_path: Path) -> None:
    arguments: list[Any] = ["--prices", shared_data / FILE, "--config-dir", ROOT / "config", "--symbols", "000660"]
    arguments += ["--from", "2016-01-04", "--to", "2016-01-05", "--json", tmp_path / "told.json"]
    program = (
        "import json, sys\n"
        "from kis_daemon.app.cli import main\n"
        "code = main(['backtest', *sys.argv[1:]])\n"
        "heavy = [name for name in ('sqlalchemy', 'aiohttp', 'websockets', 'alembic') if name in sys.modules]\n"
        "print(json.dumps([code, heavy]))\n"
    )

    ended = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert json.loads(ended.stdout.splitlines()[-1]) == [0, []]
    told = json.loads((tmp_path / "told.json").read_text("utf-8"))
    assert {"bars", "bars_per_second", "trades", "equity", "metrics"} <= told.keys()
    assert told["bars"] == 2
