"""The queue at a price, shares of the volume, and the limit orders that paper never fills."""

from __future__ import annotations

import pytest

from kis_daemon.domain.calendar import SessionPhase
from kis_daemon.domain.market import Side
from kis_daemon.simulator.exchange import Exchange
from kis_daemon.simulator.market_rules import MarketRules
from kis_daemon.simulator.requests import REAL_RULES
from tests.simulator.builders import an_exchange, at, order, placed, some_shares, trade

QUEUED = MarketRules(queue=True, volume_share=1)


def a_queued_exchange() -> Exchange:
    """Return an exchange whose touch shows 1,000 shares at 69,900 and at 70,000."""
    exchange = an_exchange(market=QUEUED, rules=REAL_RULES, cash=1_000_000_000)
    trade(exchange, 70_000, volume=1_000)
    return exchange


def test_an_order_at_the_touch_waits_until_what_stood_before_it_has_traded() -> None:
    exchange = a_queued_exchange()
    request = placed(order(exchange, Side.BUY, 300, 69_900)).request
    assert request.ahead == 1_000

    assert trade(exchange, 69_900, "10:05", ask=70_000, bid=69_900, volume=700) == 0
    assert request.ahead == 300
    assert trade(exchange, 69_900, "10:06", ask=70_000, bid=69_900, volume=400) == 100
    assert trade(exchange, 69_900, "10:07", ask=70_000, bid=69_900, volume=150) == 150
    assert (request.filled, request.remaining, request.amount) == (250, 50, 250 * 69_900)


def test_a_sale_at_the_touch_waits_in_the_same_way() -> None:
    exchange = a_queued_exchange()
    some_shares(exchange, 100)
    request = placed(order(exchange, Side.SELL, 100, 70_000)).request

    assert trade(exchange, 70_000, "10:05", volume=1_000) == 0
    assert trade(exchange, 70_000, "10:06", volume=1_000) == 100
    assert request.amount == 100 * 70_000


def test_a_trade_through_the_price_fills_whatever_stood_before() -> None:
    exchange = a_queued_exchange()
    request = placed(order(exchange, Side.BUY, 300, 69_900)).request

    assert trade(exchange, 69_700, "10:05", volume=250) == 250
    assert trade(exchange, 69_700, "10:06", volume=250) == 50
    assert request.amount == 300 * 69_900


def test_an_order_that_betters_the_touch_stands_first() -> None:
    exchange = a_queued_exchange()
    trade(exchange, 70_000, "10:01", ask=70_200, bid=69_900, volume=1_000)

    request = placed(order(exchange, Side.BUY, 10, 70_000, clock="10:02")).request

    assert request.ahead == 0
    assert trade(exchange, 70_000, "10:05", ask=70_200, bid=70_000, volume=10) == 10


def test_a_changed_order_goes_to_the_end_of_the_queue_and_a_partial_cancel_keeps_its_place() -> None:
    exchange = a_queued_exchange()
    request = placed(order(exchange, Side.BUY, 300, 69_900)).request
    trade(exchange, 69_900, "10:05", ask=70_000, bid=69_900, volume=900)

    exchange.cancel(request.number, 100, at("10:06"))
    assert (request.remaining, request.ahead) == (200, 100)
    moved = placed(exchange.modify(request.number, division="00", quantity=None, price=69_900, at=at("10:07"))).request

    assert moved.ahead == 900


def test_the_account_takes_its_share_of_the_volume_and_no_more() -> None:
    exchange = an_exchange(market=MarketRules(volume_share=4), cash=1_000_000_000)
    trade(exchange, 70_000, volume=1_000)

    assert placed(order(exchange, Side.BUY, 900)).request.filled == 250


def test_an_auction_knows_no_queue() -> None:
    exchange = an_exchange(market=QUEUED, rules=REAL_RULES)
    request = placed(order(exchange, Side.BUY, 10, 70_000, clock="08:50")).request

    trade(exchange, 70_000, "09:00:01", phase=SessionPhase.OPENING_AUCTION)

    assert request.filled == 10


def test_nothing_is_bought_in_the_queue_of_a_locked_market() -> None:
    exchange = a_queued_exchange()
    placed(order(exchange, Side.BUY, 10, 91_600))
    locked = placed(order(exchange, Side.BUY, 10, 70_500, division="00", clock="10:02")).request
    assert locked.filled

    exchange = a_queued_exchange()
    trade(exchange, 70_000, "10:01", ask=0, volume=1_000)
    waiting = placed(order(exchange, Side.BUY, 10, 70_000, clock="10:02")).request

    assert trade(exchange, 70_000, "10:05", ask=0, volume=100_000) == 0
    assert waiting.remaining == 10


@pytest.mark.parametrize(("division", "fills"), [("00", False), ("01", True)])
def test_where_limits_never_fill_only_market_orders_do(division: str, *, fills: bool) -> None:
    exchange = an_exchange(market=MarketRules(limits_never_fill=True))
    trade(exchange, 70_000)

    request = placed(order(exchange, Side.BUY, 10, 70_500 if division == "00" else 0, division=division)).request
    trade(exchange, 69_000, "10:05")

    assert (request.filled == 10) is fills
    assert request.is_open is not fills


def test_where_limits_never_fill_a_conditional_one_still_becomes_a_market_order() -> None:
    exchange = an_exchange(market=MarketRules(limits_never_fill=True))
    trade(exchange, 70_000)
    request = placed(order(exchange, Side.BUY, 10, 70_500, division="02")).request

    trade(exchange, 70_300, "15:30", phase=SessionPhase.CLOSING_AUCTION)

    assert request.amount == 10 * 70_300


def test_a_share_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="volume_share 0"):
        MarketRules(volume_share=0)
