"""The daemon's rules in a backtest, held against a second implementation that shares no code with the project."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from kis_daemon.app.backtest.result import BacktestResult
from kis_daemon.domain.market import Side
from tests.backtest.basket import FILE, SESSIONS, replayed, some_symbols, the_basket
from tests.backtest.recomputed import Recomputation

DAYS = 12  # the campaign `backtest-recomputed` takes all seven years


@pytest.fixture(scope="module")
def result(shared_data: Path) -> BacktestResult:
    prices = the_basket(shared_data)
    return replayed(prices, some_symbols(prices, 40), DAYS)


def recomputed(result: BacktestResult, data: Path) -> Recomputation:
    recomputation = Recomputation(result, data / FILE, data / SESSIONS)
    recomputation.run()
    return recomputation


def test_every_order_and_trade_is_what_the_bars_say(result: BacktestResult, shared_data: Path) -> None:
    found = recomputed(result, shared_data)

    assert found.differences == []
    assert found.orders_checked == len(result.orders) > 100
    assert found.trades_checked == len(result.trades) > 40


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize(
    "changes",
    [{"rule": "MANUAL_EXIT"}, {"reason": "price 1 > high 0"}, {"amount": 1}, {"quantity": 1_000_000}],
    ids=lambda changes: str(*changes),
)
def test_a_trade_that_is_not_so_is_seen(
    side: Side, changes: dict[str, Any], result: BacktestResult, shared_data: Path
) -> None:
    place = next(index for index, trade in enumerate(result.trades) if trade.side is side)
    trades = list(result.trades)
    trades[place] = replace(trades[place], **changes)
    orders = result.orders
    if "rule" in changes:  # a trade belongs to an order of its rule
        at = max(o.at for o in orders if o.symbol == trades[place].symbol and o.at <= trades[place].at)
        orders = tuple(replace(o, **changes) if o.at == at else o for o in orders)

    assert recomputed(replace(result, trades=tuple(trades), orders=orders), shared_data).differences != []


@pytest.mark.parametrize("side", Side)
def test_an_order_at_another_time_is_seen(side: Side, result: BacktestResult, shared_data: Path) -> None:
    place = next(index for index, order in enumerate(result.orders) if order.side is side and order.filled_quantity)
    orders = list(result.orders)
    orders[place] = replace(orders[place], at=orders[place].at - timedelta(seconds=1))

    assert recomputed(replace(result, orders=tuple(orders)), shared_data).differences != []
