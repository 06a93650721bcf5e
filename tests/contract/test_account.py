"""What every broker promises about open orders, their change, and what can be sold and was earned."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from kis_daemon.domain.market import Side
from kis_daemon.domain.orders import Order, OrderType
from kis_daemon.ports import Accepted, NothingToCancel, NotOnThisVenue, OrderListing, Withdrawn
from tests.contract.test_broker import A_WHILE, FAR_BELOW, marketable, row_of, rows, sent, yes
from tests.contract.venues import Venue, on_every_venue, promised
from tests.services.builders import HYNIX, SAMSUNG, TODAY, an_exit, an_intent

HIGHER = FAR_BELOW + 500


async def changed(venue: Venue, order: Order, quantity: int | None = None) -> Accepted:
    answer = await venue.broker.modify(order, quantity, HIGHER, yes)
    assert isinstance(answer, Accepted)
    return answer


# --- open orders -------------------------------------------------------------------------------------------------


@on_every_venue
async def test_an_order_is_open_until_nothing_of_it_remains(venue: Venue) -> None:
    assert await venue.broker.open_orders() == OrderListing()
    resting = await sent(venue, an_intent(price=FAR_BELOW))
    await sent(venue, marketable(venue, attempt=1))
    await asyncio.sleep(A_WHILE)

    (row,) = await venue.broker.open_orders()
    await venue.broker.cancel(resting, yes)
    await asyncio.sleep(A_WHILE)

    # the listing of the open and that of the day tell the same
    assert row == replace(await row_of(venue, resting), remaining_quantity=10, cancelled_quantity=0)
    assert (await venue.broker.open_orders()).rows == ()


@on_every_venue
async def test_all_open_orders_are_listed_oldest_first(venue: Venue) -> None:
    orders = [await sent(venue, an_intent(attempt=n, price=FAR_BELOW + 100 * n, quantity=1)) for n in range(18)]
    await asyncio.sleep(A_WHILE)

    listed = await venue.broker.open_orders()

    assert [row.order_no for row in listed] == [order.order_no for order in orders]


# --- changing ----------------------------------------------------------------------------------------------------


@on_every_venue
async def test_a_changed_order_goes_on_under_a_new_number_at_the_new_price(venue: Venue) -> None:
    order = await sent(venue, an_intent(price=FAR_BELOW))

    answer = await changed(venue, order)

    listed = {row.order_no: row for row in await rows(venue)}
    after = listed[answer.order_no]
    assert answer.order_no != order.order_no
    assert (after.original_no, after.price, after.quantity, after.remaining_quantity) == (
        order.order_no,
        HIGHER,
        10,
        10,
    )
    assert (after.side, after.symbol, after.order_type) == (Side.BUY, SAMSUNG, OrderType.LIMIT)
    assert [row.order_no for row in await venue.broker.open_orders()] == [answer.order_no]


@on_every_venue
async def test_part_of_an_order_can_be_changed_and_the_rest_stays(venue: Venue) -> None:
    order = await sent(venue, an_intent(price=FAR_BELOW))

    answer = await changed(venue, order, 4)

    await asyncio.sleep(A_WHILE)
    listed = {row.order_no: (row.remaining_quantity, row.price) for row in await venue.broker.open_orders()}
    assert listed == {order.order_no: (6, FAR_BELOW), answer.order_no: (4, HIGHER)}


@on_every_venue
async def test_a_changed_order_reserves_its_new_price(venue: Venue) -> None:
    before = await venue.broker.buyable_quantity(SAMSUNG, HIGHER)
    order = await sent(venue, an_intent(price=FAR_BELOW))

    await changed(venue, order)

    assert await venue.broker.buyable_quantity(SAMSUNG, HIGHER) == before - 10


@on_every_venue
async def test_a_change_without_permit_changes_nothing(venue: Venue) -> None:
    order = await sent(venue, an_intent(price=FAR_BELOW))

    assert await venue.broker.modify(order, None, HIGHER, lambda: False) == Withdrawn()

    assert (await row_of(venue, order)).remaining_quantity == 10


@on_every_venue
async def test_a_filled_or_cancelled_order_has_nothing_to_change(venue: Venue) -> None:
    filled = await sent(venue, marketable(venue))
    cancelled = await sent(venue, an_intent(attempt=1, price=FAR_BELOW))
    await venue.broker.cancel(cancelled, yes)

    for order in (filled, cancelled):
        with pytest.raises(NothingToCancel):
            await venue.broker.modify(order, None, HIGHER, yes)


# --- sellable and earned -----------------------------------------------------------------------------------------


@on_every_venue
async def test_what_is_sellable_is_held_and_in_no_open_sale(venue: Venue) -> None:
    await sent(venue, marketable(venue, quantity=4))
    await sent(venue, an_exit(quantity=3, order_type=OrderType.LIMIT, price=80_000))
    await asyncio.sleep(A_WHILE)

    assert await venue.broker.sellable_quantity(SAMSUNG) == 1
    assert await venue.broker.sellable_quantity(HYNIX) == 0


@promised(venues=("memory", "real"))
async def test_what_a_round_trip_brought_is_the_same_by_day_by_symbol_and_today(venue: Venue) -> None:
    await sent(venue, marketable(venue))
    sale = await sent(venue, an_exit())
    await asyncio.sleep(A_WHILE)

    (trade,) = [found for found in await venue.broker.realized_by_symbol(TODAY, TODAY) if found.sold_quantity]
    (day,) = await venue.broker.realized_by_day(TODAY - timedelta(days=7), TODAY)

    amount = (await row_of(venue, sale)).filled_amount
    assert (trade.symbol, trade.sold_quantity, trade.sold, day.sold) == (SAMSUNG, 10, amount, amount)
    assert (trade.day, day.day) == (TODAY, TODAY)
    assert trade.profit == day.profit == await venue.broker.realized_today()
    assert trade.fee + trade.tax > 0


@promised(venues=("memory", "real"))
async def test_a_day_without_sales_brought_nothing(venue: Venue) -> None:
    assert await venue.broker.realized_today() == 0
    assert await venue.broker.realized_by_symbol(TODAY, TODAY) == ()


@promised(venues=("paper",))
async def test_paper_does_not_tell_what_sales_brought(venue: Venue) -> None:
    with pytest.raises(NotOnThisVenue):
        await venue.broker.realized_today()
