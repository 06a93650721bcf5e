"""The fast rule's orders in the daemon's records, and from there in a database, all at once."""

from datetime import date
from pathlib import Path

import pytest

from kis_daemon.app.backtest.breakout import BreakoutRules, run_breakout
from kis_daemon.app.backtest.order_records import MODE, OrderRecords
from kis_daemon.app.backtest.plan import BacktestPlan
from kis_daemon.app.backtest.result import BacktestResult
from kis_daemon.app.cli import main
from kis_daemon.domain.events import GENESIS_HASH, chain_hash
from kis_daemon.domain.orders import OrderState
from kis_daemon.ports import StoreError
from kis_daemon.simulator.price_generator import GeneratedPrices
from kis_daemon.store.memory import MemoryRecords
from tests.backtest.basket import some_symbols, the_calendar
from tests.backtest.plain import FEE_PPB
from tests.store.builders import a_database

FIRST, LAST = date(2016, 1, 4), date(2016, 12, 29)

Kept = tuple[BacktestResult, MemoryRecords]


@pytest.fixture(scope="module")
def kept() -> Kept:
    prices, records = GeneratedPrices(3, the_calendar()), MemoryRecords()
    plan = BacktestPlan(symbols=some_symbols(prices, 4), first=FIRST, last=LAST)
    result = run_breakout(plan, prices, the_calendar(), BreakoutRules(), FEE_PPB, OrderRecords(records))
    return result, records


def test_every_trade_is_a_filled_order_with_its_fill(kept: Kept) -> None:
    result, records = kept
    tables = records.tables

    assert len(result.trades) == len(tables.orders) == len(tables.fills) == len(tables.trades) > 20
    for trade, order in zip(result.trades, tables.orders.values(), strict=True):
        assert (order.mode, order.state, order.version) == (MODE, OrderState.FILLED, 3)
        assert (order.intent.symbol, order.intent.side) == (trade.symbol, trade.side)
        assert (order.filled_quantity, order.filled_amount) == (trade.quantity, trade.amount)
        booked = tables.trades[order.key]
        assert (booked.fee, booked.tax, booked.realized_pnl) == (trade.fee, trade.tax, trade.realized_pnl)


def test_the_facts_hang_together_and_none_says_that_something_was_submitted(kept: Kept) -> None:
    tables = kept[1].tables
    head = GENESIS_HASH
    for event in tables.events:
        head = chain_hash(head, event)

    assert head == tables.head
    assert [event.type for event in tables.events] == ["order_requested", "order_filled"] * len(tables.orders)


def test_a_database_holds_afterwards_what_memory_held(
    kept: Kept, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tables = kept[1].tables
    with a_database(tmp_path, durable=False) as database:
        database.transact_now(lambda rows: rows.add_all(tables))

        orders, trades, fills, head = database.transact_now(
            lambda rows: (rows.all_orders(), rows.all_trades(), rows.count_fills(), rows.chain_head())
        )

    assert {order.key: order for order in orders} == tables.orders
    assert {trade.order_key: trade for trade in trades} == tables.trades
    assert (fills, head) == (len(tables.fills), tables.head)
    assert main(["audit", "verify", "--database", f"sqlite:///{next(tmp_path.glob('*.db'))}"]) == 0
    assert capsys.readouterr().err == ""


def test_what_is_in_the_database_already_is_refused(kept: Kept, tmp_path: Path) -> None:
    tables = kept[1].tables
    with a_database(tmp_path, durable=False) as database:
        database.transact_now(lambda rows: rows.add_all(tables))

        with pytest.raises(StoreError):
            database.transact_now(lambda rows: rows.add_all(tables))
