"""What the broker's evidence makes of order, position, trade and cash: each time one transaction, each fill once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from kis_daemon.domain.costs import order_costs
from kis_daemon.domain.market import Market, Side, Won
from kis_daemon.domain.orders import Happening, Order, OrderIntent, OrderState
from kis_daemon.ports import BrokerOrder, StaleVersion, StoreError
from tests.services.builders import (
    COMMISSION_PPB,
    SAMSUNG,
    TODAY,
    a_position,
    a_row,
    a_sent_order,
    an_exit,
    an_intent,
    an_order,
)
from tests.services.order_path import OrderPath, prepared


def begun(path: OrderPath, intent: OrderIntent | None = None, **changes: Any) -> Order:
    """Return a sent order that stands in the records and in the book."""
    order = an_order(intent, **changes)
    path.now(lambda rows: rows.claim_order(order))
    sent = replace(a_sent_order(intent, **changes), version=2)
    path.now(lambda rows: rows.save_order(sent))
    path.book.put(sent)
    return sent


def filled(order: Order, quantity: int, price: Won = 70_000, **changes: Any) -> BrokerOrder:
    """Return the listing's row after `quantity` shares were executed."""
    return a_row(
        order,
        filled_quantity=quantity,
        filled_amount=quantity * price,
        remaining_quantity=order.intent.quantity - quantity,
        **changes,
    )


def ended(order: Order, quantity: int, price: Won = 70_000) -> BrokerOrder:
    """Return the row after `quantity` shares were executed and the rest was cancelled."""
    row = filled(order, quantity, price)
    return replace(row, remaining_quantity=0, cancelled_quantity=row.remaining_quantity)


@prepared
async def test_a_whole_fill_is_order_position_trade_and_cash_in_one(path: OrderPath) -> None:
    path.book.ledger_cash = path.book.statement_cash = 1_000_000
    order = begun(path)

    await path.bookkeeper.apply(order, filled(order, 10))

    fee = order_costs(Side.BUY, 700_000, Market.KOSPI, TODAY, COMMISSION_PPB).fee
    position = path.stored_position(SAMSUNG)
    assert position is not None
    assert position == path.book.positions[SAMSUNG]
    assert (position.quantity, position.cost, position.fees, position.atr) == (10, 700_000, fee, 1_000.0)
    assert (position.entry_day, position.entry_seq, position.stop, position.target) == (TODAY, 1, 68_000, 73_000)
    assert path.state() is OrderState.FILLED
    assert path.now(lambda rows: rows.trades(TODAY, TODAY)) == tuple(path.book.trades_today)
    assert path.book.ledger_cash == path.book.statement_cash == 1_000_000 - 700_000 - fee
    assert path.by_hand("SELECT value FROM marks WHERE name = 'ledger_cash'") == [(str(path.book.ledger_cash),)]
    assert path.by_hand("SELECT quantity, cumulative_quantity FROM fills") == [(10, 10)]


@prepared
async def test_what_was_booked_is_never_booked_again(path: OrderPath) -> None:
    order = begun(path)

    once = await path.bookkeeper.apply(order, filled(order, 4))
    again = await path.bookkeeper.apply(once, filled(order, 4))

    assert again is once
    assert path.book.positions[SAMSUNG].quantity == 4
    assert path.by_hand("SELECT count(*) FROM fills") == [(1,)]


@prepared
async def test_a_listing_that_tells_less_than_we_know_changes_nothing(path: OrderPath) -> None:
    order = begun(path)
    known = await path.bookkeeper.apply(order, filled(order, 6))

    unchanged = await path.bookkeeper.apply(known, filled(order, 4))
    not_cancelled = await path.bookkeeper.apply(known, ended(order, 4))

    assert unchanged is not_cancelled is known
    assert path.state() is OrderState.PARTIAL


@prepared
async def test_the_next_fill_is_the_difference_and_the_average_follows(path: OrderPath) -> None:
    order = begun(path)
    part = await path.bookkeeper.apply(order, filled(order, 4, 70_000))

    row = filled(order, 10, 70_180)  # 4 at 70,000 and 6 at 70,300
    whole = await path.bookkeeper.apply(part, row)

    assert whole.state is OrderState.FILLED
    assert path.by_hand("SELECT quantity, amount FROM fills ORDER BY fill_id") == [(4, 280_000), (6, 421_800)]
    assert path.book.positions[SAMSUNG].average_price == 70_180
    assert path.book.positions[SAMSUNG].stop == 68_100
    assert path.by_hand("SELECT quantity, amount FROM trades") == [(10, 701_800)]


@prepared
async def test_parts_never_cost_more_than_the_whole(path: OrderPath) -> None:
    order = begun(path, an_intent(quantity=3))
    for shares in (1, 2, 3):
        order = await path.bookkeeper.apply(order, filled(order, shares, 1_000_333))

    whole = order_costs(Side.BUY, 3 * 1_000_333, Market.KOSPI, TODAY, COMMISSION_PPB).fee
    assert path.by_hand("SELECT fee FROM trades") == [(whole,)]
    assert path.by_hand("SELECT sum(fee) FROM fills") == [(whole,)]


@prepared
async def test_the_stop_after_a_fill_keeps_the_loss_cap(path: OrderPath) -> None:
    order = begun(path, an_intent(atr=5_000.0))

    await path.bookkeeper.apply(order, filled(order, 10))

    assert path.book.positions[SAMSUNG].stop == 66_500  # 5 %, not 2 ATR = 60,000


@prepared
async def test_a_fill_and_the_cancel_of_the_rest_in_one_row_are_both_taken(path: OrderPath) -> None:
    order = begun(path)

    moved = await path.bookkeeper.apply(order, ended(order, 4))

    assert (moved.state, moved.filled_quantity, moved.version) == (OrderState.CANCELLED, 4, 4)
    assert path.order == moved
    assert path.events()[-3:] == ["order_filled", "position_opened", "order_cancelled"]


@prepared
async def test_a_fill_after_a_cancel_counts(path: OrderPath) -> None:
    order = begun(path)
    cancelled = await path.bookkeeper.apply(order, ended(order, 0))

    late = await path.bookkeeper.apply(cancelled, ended(order, 4))

    assert (cancelled.state, late.state) == (OrderState.CANCELLED, OrderState.CANCELLED)
    assert path.book.positions[SAMSUNG].quantity == 4


@prepared
async def test_a_row_the_exchange_rejected_is_rejected_and_alerted(path: OrderPath) -> None:
    order = begun(path)

    moved = await path.bookkeeper.apply(order, a_row(order, remaining_quantity=0, rejected_quantity=10))

    assert (moved.state, moved.refusal) == (OrderState.REJECTED, "rejected by the exchange")
    assert path.notifier.events == ["order_rejected"]


@prepared
async def test_a_whole_sale_closes_the_position_with_its_profit(path: OrderPath) -> None:
    path.holds(a_position())
    order = begun(path, an_exit())

    await path.bookkeeper.apply(order, filled(order, 10, 68_000))

    costs = order_costs(Side.SELL, 680_000, Market.KOSPI, TODAY, COMMISSION_PPB)
    loss = 680_000 - 700_000 - 98 - costs.fee - costs.tax
    assert path.stored_position(SAMSUNG) is None
    assert SAMSUNG not in path.book.positions
    assert path.by_hand("SELECT realized_pnl, fee, tax FROM trades") == [(loss, costs.fee, costs.tax)]
    assert path.book.realized_today == loss
    assert path.events()[-2:] == ["order_filled", "position_closed"]


@prepared
async def test_the_loss_of_a_partial_exit_counts(path: OrderPath) -> None:
    path.holds(a_position())
    order = begun(path, an_exit())

    part = await path.bookkeeper.apply(order, filled(order, 3, 68_000))
    first_loss = path.book.realized_today
    await path.bookkeeper.apply(part, filled(order, 10, 68_000))

    assert first_loss < -6_000
    assert path.book.realized_today < 3 * first_loss
    assert path.by_hand("SELECT realized_pnl FROM trades") == [(path.book.realized_today,)]


@prepared
async def test_a_sale_of_more_than_we_knew_of_ends_the_position(path: OrderPath) -> None:
    path.holds(a_position(quantity=6, cost=420_000))
    order = begun(path, an_exit(quantity=10))

    await path.bookkeeper.apply(order, filled(order, 10))

    assert path.stored_position(SAMSUNG) is None
    assert path.state() is OrderState.FILLED


@prepared
async def test_a_fill_found_on_a_later_day_keeps_what_was_booked_before(path: OrderPath) -> None:
    path.holds(a_position())
    order = begun(path, an_exit())
    part = await path.bookkeeper.apply(order, filled(order, 3, 68_000))
    first_loss = path.book.realized_today
    path.book.start_day(TODAY + timedelta(days=1))  # the rest is found only the day after

    await path.bookkeeper.apply(part, filled(order, 10, 68_000))

    ((quantity, realized),) = path.by_hand("SELECT quantity, realized_pnl FROM trades")
    assert quantity == 10
    assert realized < 3 * first_loss


@prepared
async def test_nothing_of_a_fill_is_kept_where_its_transaction_failed(path: OrderPath) -> None:
    path.holds(a_position())
    order = begun(path, an_exit())
    before = (path.stored_orders(), path.events(), replace(path.book.positions[SAMSUNG]))
    path.records.broken = True

    with pytest.raises(StoreError):
        await path.bookkeeper.apply(order, filled(order, 10))

    assert (path.stored_orders(), path.events(), path.book.positions[SAMSUNG]) == before
    assert path.book.realized_today == 0
    assert path.notifier.alerts == []


@prepared
async def test_a_trade_whose_database_write_failed_is_booked_by_the_next_listing(path: OrderPath) -> None:
    order = begun(path)
    path.records.broken = True
    with pytest.raises(StoreError):
        await path.bookkeeper.apply(order, filled(order, 10))
    path.records.broken = False

    await path.bookkeeper.apply(path.book.orders[order.key], filled(order, 10))

    assert path.by_hand("SELECT quantity FROM trades") == [(10,)]


@prepared
async def test_an_order_that_somebody_else_moved_is_not_written_over(path: OrderPath) -> None:
    order = begun(path)
    await path.bookkeeper.apply(order, filled(order, 4))

    with pytest.raises(StaleVersion):
        await path.bookkeeper.move(order, Happening.CANCELLED, path.journal.fact("order_cancelled"))


@prepared
async def test_a_terminal_order_gives_its_slot_back(path: OrderPath) -> None:
    order = begun(path)
    assert path.book.live_order(SAMSUNG, Side.BUY) == order

    await path.bookkeeper.apply(order, ended(order, 0))

    assert path.book.live_order(SAMSUNG, Side.BUY) is None


@prepared
async def test_who_waits_for_an_order_is_woken_when_it_moves(path: OrderPath) -> None:
    order = begun(path)
    changed = path.bookkeeper.changed(order.key)

    await path.bookkeeper.apply(order, filled(order, 4))

    assert changed.is_set()
