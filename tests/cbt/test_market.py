"""The virtual account's exchange: what live quotes fill, what survives a restart, and what a new day brings."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kis_daemon.app.cbt.market import VirtualMarket
from kis_daemon.app.errors import ConfigurationError
from kis_daemon.clock import LoopClock
from kis_daemon.domain.calendar import KST
from kis_daemon.domain.market import Listing, Market, Quote, QuoteSession, QuoteSource, Side, Symbol
from kis_daemon.simulator.requests import EventKind, OrderEvent, Placed, Refusal
from kis_daemon.virtual_loop import VirtualLoop
from tests.backtest.basket import the_calendar

SYMBOL = Symbol("ZZ0001")
MONDAY = datetime(2026, 3, 9, 10, 0, tzinfo=KST)
CASH = 10_000_000


class World:
    """A market in a folder, at a moment."""

    def __init__(self, folder: Path, at: datetime, loop: VirtualLoop) -> None:
        self.happened: list[OrderEvent] = []
        self.loop = loop
        self.clock = LoopClock(self.loop, at)
        self.market = VirtualMarket(
            calendar=the_calendar(),
            clock=self.clock,
            cash=CASH,
            commission_ppb=140_527,
            path=folder / "virtual_account.json",
            published=self.happened.extend,
        )

    def buy(self, quantity: int, price: int = 0) -> Placed | Refusal:
        return self._submit(Side.BUY, quantity, price)

    def sell(self, quantity: int, price: int = 0) -> Placed | Refusal:
        return self._submit(Side.SELL, quantity, price)

    def _submit(self, side: Side, quantity: int, price: int) -> Placed | Refusal:
        now = self.clock.now()
        placed = self.market.exchange.submit(
            side=side, symbol=SYMBOL, division="00" if price else "01", quantity=quantity, price=price, at=now
        )
        if isinstance(placed, Placed):
            self.market.publish(placed.events)
        return placed

    def fills(self) -> list[tuple[int, int]]:
        return [(e.quantity, e.price) for e in self.happened if e.kind is EventKind.FILLED]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    loops: list[VirtualLoop] = []

    def make(at: datetime = MONDAY) -> World:
        loops.append(VirtualLoop())
        return World(tmp_path, at, loops[-1])

    yield make
    for loop in loops:
        loop.close()


def a_listing(**changes: Any) -> Listing:
    values: dict[str, Any] = {
        "symbol": SYMBOL,
        "name": "가온전자",
        "market": Market.KOSPI,
        "base_price": 10_000,
        "upper_limit": 13_000,
        "lower_limit": 7_000,
        "suspended": False,
        "under_administration": False,
        "in_liquidation": False,
    }
    return Listing(**values | changes)


def a_quote(price: int, volume: int, at: datetime = MONDAY, **changes: Any) -> Quote:
    values: dict[str, Any] = {
        "symbol": SYMBOL,
        "price": price,
        "at": at,
        "ask": price + 10,
        "bid": price,
        "open": 10_000,
        "high": max(price, 10_000),
        "low": min(price, 10_000),
        "day_volume": volume,
        "session": QuoteSession.REGULAR,
        "halted": False,
        "in_vi": False,
        "source": QuoteSource.STREAM,
    }
    return Quote(**values | changes)


def test_an_order_meets_the_other_side_of_the_touch(world: Callable[..., World]) -> None:
    here = world()
    here.market.learn(a_listing())
    here.market.see(a_quote(10_000, 50_000))

    here.buy(100)
    here.sell(40)

    assert here.fills() == [(100, 10_010), (40, 10_000)]
    assert here.market.exchange.account.quantity(SYMBOL) == 60


def test_at_most_a_tenth_of_the_days_volume_is_taken_and_the_rest_waits_for_more(world: Callable[..., World]) -> None:
    here = world()
    here.market.learn(a_listing())
    here.market.see(a_quote(10_000, 1_000))

    here.buy(300, 10_010)
    here.market.see(a_quote(10_000, 2_500, MONDAY + timedelta(seconds=9)))
    here.market.see(a_quote(10_000, 2_500, MONDAY + timedelta(seconds=10)))

    assert here.fills() == [(100, 10_010), (150, 10_010)]


def test_a_limit_that_rested_is_filled_at_its_own_price(world: Callable[..., World]) -> None:
    here = world()
    here.market.learn(a_listing())
    here.market.see(a_quote(10_000, 50_000))

    here.buy(100, 9_900)
    assert here.fills() == []
    here.market.see(a_quote(9_800, 60_000, MONDAY + timedelta(seconds=5)))

    assert here.fills() == [(100, 9_900)]


def test_a_quote_without_growing_volume_is_no_trade(world: Callable[..., World]) -> None:
    here = world()
    here.market.learn(a_listing())
    here.market.see(a_quote(10_000, 50_000))
    here.buy(100, 9_900)

    here.market.see(a_quote(9_800, 50_000, MONDAY + timedelta(seconds=5)))
    here.market.see(a_quote(9_800, 40_000, MONDAY + timedelta(seconds=6)))

    assert here.fills() == []


def test_without_a_touch_an_order_pays_a_tick(world: Callable[..., World]) -> None:
    here = world()
    here.market.learn(a_listing())
    here.market.see(a_quote(10_000, 50_000, ask=0, bid=0, source=QuoteSource.REST))

    here.buy(10)
    here.sell(10)

    assert here.fills() == [(10, 10_010), (10, 9_990)]


@pytest.mark.parametrize(("price", "side"), [(13_000, "buy"), (7_000, "sell")])
def test_nobody_trades_into_a_limit(price: int, side: str, world: Callable[..., World]) -> None:
    here = world()
    here.market.learn(a_listing())
    here.market.see(a_quote(10_000, 50_000))
    here.buy(10)
    before = len(here.fills())

    here.market.see(a_quote(price, 60_000, MONDAY + timedelta(seconds=5), ask=0, bid=0))
    getattr(here, side)(10)

    assert len(here.fills()) == before


def test_a_suspended_symbol_takes_no_order(world: Callable[..., World]) -> None:
    here = world()
    here.market.learn(a_listing(suspended=True))

    assert here.buy(10) is Refusal.BLOCKED


def test_a_symbol_that_stops_in_the_middle_of_the_day_takes_no_more(world: Callable[..., World]) -> None:
    here = world()
    here.market.learn(a_listing())
    here.market.see(a_quote(10_000, 50_000))

    here.market.learn(a_listing(suspended=True))

    assert here.buy(10) is Refusal.BLOCKED


def test_a_restart_in_the_middle_of_a_day_goes_on_with_what_was_open(world: Callable[..., World]) -> None:
    before = world()
    before.market.learn(a_listing())
    before.market.see(a_quote(10_000, 1_000))
    before.buy(300, 10_010)

    after = world(MONDAY + timedelta(minutes=5))
    assert after.market.unknown_holdings() == (SYMBOL,)
    after.market.learn(a_listing())
    after.market.see(a_quote(10_000, 1_500, MONDAY + timedelta(minutes=5)))

    assert after.fills() == [(50, 10_010)]  # 150 of 1,500, less the 100 of before
    assert after.market.exchange.account.quantity(SYMBOL) == 150
    placed = after.buy(1, 9_000)
    assert isinstance(placed, Placed)
    assert placed.request.number == 10_001


def test_what_was_open_has_expired_on_another_day_and_cash_settles(world: Callable[..., World]) -> None:
    before = world()
    before.market.learn(a_listing())
    before.market.see(a_quote(10_000, 1_000))
    before.buy(300, 10_010)

    after = world(MONDAY + timedelta(days=3))
    after.market.learn(a_listing())
    after.market.see(a_quote(10_000, 90_000, MONDAY + timedelta(days=3)))

    account = after.market.exchange.account
    assert after.fills() == []
    assert (account.held_back, account.quantity(SYMBOL), account.unsettled) == (0, 100, [])
    assert account.cash < CASH - 1_000_000


def test_on_a_closed_day_the_account_is_still_worth_what_it_is(world: Callable[..., World]) -> None:
    before = world()
    before.market.learn(a_listing())
    before.market.see(a_quote(10_000, 1_000))
    before.buy(100, 10_010)

    sunday = world(MONDAY + timedelta(days=6))
    assert sunday.market.unknown_holdings() == (SYMBOL,)
    sunday.market.learn(a_listing(base_price=11_000))

    assert sunday.market.exchange.holdings_value() == 1_100_000
    assert sunday.buy(1, 11_000) is Refusal.NOT_A_TRADING_DAY


def test_a_new_day_asks_for_new_base_prices_and_ends_the_orders_of_the_old_one(world: Callable[..., World]) -> None:
    here = world()
    here.market.learn(a_listing())
    here.market.see(a_quote(10_000, 1_000))
    here.buy(300, 10_010)

    async def until_tuesday() -> None:
        days = asyncio.ensure_future(here.market.run())
        await here.clock.sleep_until(datetime(2026, 3, 10, 7, 0, 1, tzinfo=KST))
        days.cancel()
        await asyncio.wait([days])

    here.loop.run_until_complete(until_tuesday())
    here.market.see(a_quote(10_000, 90_000, datetime(2026, 3, 10, 9, 0, 5, tzinfo=KST)))

    assert here.fills() == [(100, 10_010)]
    assert here.market.exchange.day is not None
    assert here.market.exchange.day.date.isoformat() == "2026-03-10"
    assert here.market.unknown_holdings() == (SYMBOL,)


def test_an_account_that_cannot_be_read_refuses_the_start(world: Callable[..., World], tmp_path: Path) -> None:
    (tmp_path / "virtual_account.json").write_text("half a fi", "utf-8")

    with pytest.raises(ConfigurationError, match=r"virtual_account\.json"):
        world()
