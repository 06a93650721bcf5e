"""What every broker promises: the same questions asked of each, with the same answers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from kis_daemon.domain.costs import order_costs
from kis_daemon.domain.market import Market, Side, Won, move_ticks
from kis_daemon.domain.orders import Order, OrderIntent, OrderType
from kis_daemon.ports import (
    Accepted,
    BrokerOrder,
    InsufficientCash,
    MarketClosed,
    NothingToCancel,
    NothingToSell,
    OrderListing,
    Withdrawn,
)
from tests.contract.venues import CASH, Venue, on_every_venue, promised
from tests.services.builders import COMMISSION_PPB, SAMSUNG, TODAY, a_sent_order, an_exit, an_intent

FAR_BELOW = 60_000  # inside the day's limits, under its low
A_WHILE = 5.0  # longer than a listing or a statement lags behind


def yes() -> bool:
    return True


def marketable(venue: Venue, **changes: Any) -> OrderIntent:
    return an_intent(price=move_ticks(venue.ask(SAMSUNG), 3, Market.KOSPI, TODAY), **changes)


async def sent(venue: Venue, intent: OrderIntent) -> Order:
    """Return `intent` as an order that the venue has accepted."""
    answer = await venue.broker.submit(intent, yes, urgent=intent.side is Side.SELL)
    assert isinstance(answer, Accepted)
    return a_sent_order(intent, order_no=answer.order_no, branch_no=answer.branch_no)


async def rows(venue: Venue) -> list[BrokerOrder]:
    await asyncio.sleep(A_WHILE)
    return list(await venue.broker.orders(TODAY, TODAY))


async def row_of(venue: Venue, order: Order) -> BrokerOrder:
    (row,) = [row for row in await rows(venue) if row.order_no == order.order_no]
    return row


def costs_of(side: Side, amount: Won) -> Won:
    costs = order_costs(side, amount, Market.KOSPI, TODAY, COMMISSION_PPB)
    return costs.fee + costs.tax


# --- sending -----------------------------------------------------------------------------------------------------


@on_every_venue
async def test_an_accepted_order_has_a_number_and_stands_in_the_listing(venue: Venue) -> None:
    before = venue.clock.now()

    order = await sent(venue, an_intent(price=FAR_BELOW, quantity=7))

    row = await row_of(venue, order)
    assert order.order_no
    assert order.branch_no
    assert (row.symbol, row.side, row.order_type) == (SAMSUNG, Side.BUY, OrderType.LIMIT)
    assert (row.quantity, row.price, row.original_no) == (7, FAR_BELOW, None)
    assert (row.filled_quantity, row.remaining_quantity) == (0, 7)
    assert before.replace(microsecond=0) <= row.at <= venue.clock.now()


@on_every_venue
async def test_a_permit_that_says_no_sends_nothing(venue: Venue) -> None:
    answer = await venue.broker.submit(an_intent(price=FAR_BELOW), lambda: False, urgent=False)

    assert answer == Withdrawn()
    assert await rows(venue) == []


@on_every_venue
async def test_a_permit_is_asked_once(venue: Venue) -> None:
    asked: list[None] = []

    def permit() -> bool:
        asked.append(None)
        return True

    await venue.broker.submit(an_intent(price=FAR_BELOW), permit, urgent=False)

    assert len(asked) == 1
    assert len(await rows(venue)) == 1


@on_every_venue
async def test_a_buy_beyond_the_cash_is_refused_and_leaves_nothing(venue: Venue) -> None:
    with pytest.raises(InsufficientCash) as refused:
        await sent(venue, marketable(venue, quantity=1_000))

    assert refused.value.code
    assert await rows(venue) == []
    assert (await venue.broker.account()).cash == CASH


@on_every_venue
async def test_nothing_held_is_nothing_to_sell(venue: Venue) -> None:
    with pytest.raises(NothingToSell) as refused:
        await sent(venue, an_exit())

    assert refused.value.code
    assert await rows(venue) == []


@on_every_venue
async def test_more_than_is_held_is_nothing_to_sell(venue: Venue) -> None:
    await sent(venue, marketable(venue, quantity=4))

    with pytest.raises(NothingToSell):
        await sent(venue, an_exit(quantity=5))


@on_every_venue
async def test_shares_in_an_open_sale_are_not_sellable_again(venue: Venue) -> None:
    await sent(venue, marketable(venue, quantity=4))
    await sent(venue, an_exit(quantity=4, order_type=OrderType.LIMIT, price=80_000))

    with pytest.raises(NothingToSell):
        await sent(venue, an_exit(attempt=1, quantity=1))

    (holding,) = (await venue.broker.account()).holdings
    assert (holding.quantity, holding.sellable) == (4, 0)


@promised(now="16:30")
async def test_after_the_close_the_market_is_closed(venue: Venue) -> None:
    with pytest.raises(MarketClosed):
        await sent(venue, an_intent(price=70_000))


@promised(now="07:00")
async def test_before_the_open_the_market_is_closed(venue: Venue) -> None:
    with pytest.raises(MarketClosed):
        await sent(venue, an_intent(price=70_000))


# --- cancelling --------------------------------------------------------------------------------------------------


@on_every_venue
async def test_a_cancelled_order_is_shown_cancelled_and_its_cancel_points_to_it(venue: Venue) -> None:
    order = await sent(venue, an_intent(price=FAR_BELOW))

    answer = await venue.broker.cancel(order, yes)

    assert isinstance(answer, Accepted)
    listed = {row.order_no: row for row in await rows(venue)}
    ours, request = listed[order.order_no or answer.order_no], listed[answer.order_no]
    assert (ours.remaining_quantity, ours.cancelled_quantity, ours.filled_quantity) == (0, 10, 0)
    assert request.original_no == order.order_no


@on_every_venue
async def test_a_cancelled_buy_gives_its_cash_back(venue: Venue) -> None:
    before = await venue.broker.buyable_quantity(SAMSUNG, FAR_BELOW)
    order = await sent(venue, an_intent(price=FAR_BELOW))
    reserved = await venue.broker.buyable_quantity(SAMSUNG, FAR_BELOW)

    await venue.broker.cancel(order, yes)

    assert reserved == before - 10
    assert await venue.broker.buyable_quantity(SAMSUNG, FAR_BELOW) == before


@on_every_venue
async def test_a_cancel_without_permit_cancels_nothing(venue: Venue) -> None:
    order = await sent(venue, an_intent(price=FAR_BELOW))

    assert await venue.broker.cancel(order, lambda: False) == Withdrawn()

    assert (await row_of(venue, order)).remaining_quantity == 10


@on_every_venue
async def test_a_filled_order_has_nothing_to_cancel(venue: Venue) -> None:
    order = await sent(venue, marketable(venue))

    with pytest.raises(NothingToCancel):
        await venue.broker.cancel(order, yes)

    assert (await row_of(venue, order)).filled_quantity == 10


@on_every_venue
async def test_an_order_is_cancelled_once(venue: Venue) -> None:
    order = await sent(venue, an_intent(price=FAR_BELOW))
    await venue.broker.cancel(order, yes)

    with pytest.raises(NothingToCancel):
        await venue.broker.cancel(order, yes)


# --- listing and account -----------------------------------------------------------------------------------------


@on_every_venue
async def test_a_filled_order_is_listed_with_its_sums(venue: Venue) -> None:
    ask = venue.ask(SAMSUNG)

    order = await sent(venue, marketable(venue))

    row = await row_of(venue, order)
    assert (row.filled_quantity, row.filled_amount, row.remaining_quantity) == (10, 10 * ask, 0)


@on_every_venue
async def test_a_market_sale_is_listed_as_one(venue: Venue) -> None:
    await sent(venue, marketable(venue))
    bid = venue.bid(SAMSUNG)

    order = await sent(venue, an_exit())

    row = await row_of(venue, order)
    assert (row.side, row.order_type) == (Side.SELL, OrderType.MARKET)
    assert (row.filled_quantity, row.filled_amount) == (10, 10 * bid)


@on_every_venue
async def test_the_listing_is_whole_and_in_its_order(venue: Venue) -> None:
    orders = [await sent(venue, an_intent(attempt=n, price=FAR_BELOW + 100 * n, quantity=1)) for n in range(18)]

    listed = await rows(venue)

    assert [row.order_no for row in listed] == [order.order_no for order in orders]


@on_every_venue
async def test_a_day_without_orders_is_empty(venue: Venue) -> None:
    assert await venue.broker.orders(TODAY, TODAY) == OrderListing()


@on_every_venue
async def test_the_account_after_a_buy_shows_shares_and_cash_minus_costs(venue: Venue) -> None:
    ask = venue.ask(SAMSUNG)
    await sent(venue, marketable(venue))
    await asyncio.sleep(A_WHILE)

    statement = await venue.broker.account()

    (holding,) = statement.holdings
    assert (holding.symbol, holding.quantity, holding.sellable, holding.cost) == (SAMSUNG, 10, 10, 10 * ask)
    assert statement.cash == CASH - 10 * ask - costs_of(Side.BUY, 10 * ask)
    assert statement.holdings_value == 10 * holding.price
    assert statement.equity == statement.cash + 10 * holding.price


@on_every_venue
async def test_the_account_after_a_round_trip_has_paid_fees_and_tax_and_holds_nothing(venue: Venue) -> None:
    ask = venue.ask(SAMSUNG)
    await sent(venue, marketable(venue))
    bid = venue.bid(SAMSUNG)
    await sent(venue, an_exit())
    await asyncio.sleep(A_WHILE)

    statement = await venue.broker.account()

    assert statement.holdings == ()
    costs = costs_of(Side.BUY, 10 * ask) + costs_of(Side.SELL, 10 * bid)
    assert statement.cash == CASH - 10 * ask + 10 * bid - costs


@on_every_venue
async def test_the_buyable_quantity_is_what_the_cash_covers_with_its_fee(venue: Venue) -> None:
    price = 70_000

    quantity = await venue.broker.buyable_quantity(SAMSUNG, price)

    def needed(shares: int) -> Won:
        return shares * price + costs_of(Side.BUY, shares * price)

    assert needed(quantity) <= CASH < needed(quantity + 1)


@on_every_venue
async def test_the_buyable_quantity_can_be_bought_and_one_more_can_not(venue: Venue) -> None:
    quantity = await venue.broker.buyable_quantity(SAMSUNG, FAR_BELOW)

    with pytest.raises(InsufficientCash):
        await sent(venue, an_intent(price=FAR_BELOW, quantity=quantity + 1))

    assert (await sent(venue, an_intent(price=FAR_BELOW, quantity=quantity))).order_no
