"""A hand-driven clock, a market made of the bars a test names, and a simulator around them."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from functools import cache
from pathlib import Path

import yaml

from kis_daemon.domain.calendar import KST, SessionPhase, TradingCalendar
from kis_daemon.domain.market import Bar, Market, Side, Symbol, Won
from kis_daemon.domain.price_path import PathTick
from kis_daemon.simulator.account import Account
from kis_daemon.simulator.exchange import Exchange
from kis_daemon.simulator.market_rules import MarketRules
from kis_daemon.simulator.prices import ListedSymbol, Series
from kis_daemon.simulator.requests import NO_COSTS, PAPER_RULES, HouseRules, Placed, Refusal

ROOT = Path(__file__).resolve().parents[2]
SAMSUNG = Symbol("005930")
HYNIX = Symbol("000660")
MONDAY = date(2024, 3, 4)
TUESDAY = date(2024, 3, 5)


@cache
def the_calendar() -> TradingCalendar:
    with (ROOT / "config" / "krx_calendar.yaml").open(encoding="utf-8") as text:
        return TradingCalendar.from_mapping(yaml.safe_load(text))


def at(clock: str, day: date = TUESDAY) -> datetime:
    """Return `clock` (HH:MM or HH:MM:SS) of `day`."""
    return datetime.combine(day, time.fromisoformat(clock), KST)


class HandClock:
    """A clock that stands still until a test moves it."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._waiting: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._count = 0

    def now(self) -> datetime:
        return self._now

    async def sleep_until(self, when: datetime) -> None:
        if when <= self._now:
            return
        self._count += 1
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (when, self._count, future))
        await future

    async def move_to(self, when: datetime) -> None:
        """Let time pass until `when`, stopping wherever someone is to be woken."""
        await settle()
        while self._waiting and self._waiting[0][0] <= when:
            self._now, _, future = heapq.heappop(self._waiting)
            if not future.done():
                future.set_result(None)
            await settle()
        self._now = when

    async def move(self, **span: float) -> None:
        await self.move_to(self._now + timedelta(**span))


async def settle() -> None:
    """Let everything that is ready run."""
    for _ in range(6):
        await asyncio.sleep(0)


class BarsBook:
    """A `PriceBook` of the bars it is given."""

    def __init__(self, bars: Mapping[Symbol, Sequence[Bar]], market: Market = Market.KOSPI) -> None:
        self._market = market
        self._series: dict[Symbol, Series] = {}
        for symbol, rows in bars.items():
            series = self._series[symbol] = Series(market)
            for bar in rows:
                series.append(bar, on_tick=False)

    @property
    def first_day(self) -> date:
        return min(series.days[0] for series in self._series.values())

    @property
    def last_day(self) -> date:
        return max(series.days[-1] for series in self._series.values())

    def listings(self) -> tuple[ListedSymbol, ...]:
        names = {SAMSUNG: "삼성전자", HYNIX: "SK하이닉스"}
        return tuple(ListedSymbol(symbol=s, name=names.get(s, s), market=self._market) for s in self._series)

    def bar(self, symbol: Symbol, day: date) -> Bar | None:
        return self._series[symbol].bar(day)

    def bars(self, symbol: Symbol, first: date, last: date) -> tuple[Bar, ...]:
        return self._series[symbol].between(first, last)

    def base_price(self, symbol: Symbol, day: date) -> Won:
        return self._series[symbol].base(day)


def a_bar(day: date, opened: Won, high: Won, low: Won, close: Won, volume: int = 3_000_000) -> Bar:
    return Bar(date=day, open=opened, high=high, low=low, close=close, volume=volume)


def a_week(close: Won = 70_000, days: int = 5, volume: int = 3_000_000) -> list[Bar]:
    """Return `days` + 1 quiet days from MONDAY on; each closes 500 above its open."""
    trading = the_calendar().trading_days(MONDAY, MONDAY + timedelta(days=30))
    return [a_bar(d.date, close, close + 1000, close - 1000, close + 500, volume) for d in trading[: days + 1]]


def a_book(**changes: Sequence[Bar]) -> BarsBook:
    """Return a market of two symbols; a keyword `s005930` replaces the bars of that symbol."""
    bars: dict[Symbol, Sequence[Bar]] = {SAMSUNG: a_week(), HYNIX: a_week(150_000)}
    bars |= {Symbol(name[1:]): rows for name, rows in changes.items()}
    return BarsBook(bars)


def a_day_of(bar: Bar, base: Won = 70_000) -> BarsBook:
    """Return a market in which SAMSUNG closed at `base` the day before and then does `bar`."""
    before = the_calendar().previous_trading_day(bar.date).date
    return BarsBook({SAMSUNG: [a_bar(before, base, base, base, base), bar]})


def an_exchange(
    book: BarsBook | None = None,
    *,
    day: date = TUESDAY,
    cash: Won = 10_000_000,
    rules: HouseRules = PAPER_RULES,
    market: MarketRules | None = None,
    seed: int = 1,
    reformed: bool | None = None,
) -> Exchange:
    """Return an exchange at the beginning of `day`."""
    exchange = Exchange(
        prices=book or a_book(),
        calendar=the_calendar(),
        account=Account(cash=cash),
        rules=rules,
        commission_ppb=140_527,
        market=market,
        seed=seed,
        reformed=reformed,
    )
    opened = the_calendar().trading_day(day)
    assert opened is not None
    exchange.open_day(opened)
    return exchange


def a_tick(price: Won, *, ask: Won | None = None, bid: Won | None = None, volume: int = 100_000) -> PathTick:
    """Return a trade at `price` that took the ask; the bid is a tick of 100 below."""
    return PathTick(
        position=0.5,
        price=price,
        ask=price if ask is None else ask,
        bid=price - 100 if bid is None else bid,
        volume=volume,
    )


def trade(
    exchange: Exchange,
    price: Won,
    clock: str = "10:00",
    *,
    ask: Won | None = None,
    bid: Won | None = None,
    volume: int = 100_000,
    phase: SessionPhase = SessionPhase.REGULAR,
    day: date = TUESDAY,
) -> int:
    """Let one trade of SAMSUNG happen and return how many shares of ours it filled."""
    events = exchange.on_tick(SAMSUNG, a_tick(price, ask=ask, bid=bid, volume=volume), at(clock, day), phase)
    return sum(event.quantity for event in events)


def some_shares(exchange: Exchange, quantity: int, price: Won = 70_000) -> None:
    """Give the account shares of SAMSUNG that it bought at `price`."""
    exchange.account.book(Side.BUY, SAMSUNG, quantity, quantity * price, NO_COSTS, exchange.account.day)


def order(
    exchange: Exchange,
    side: Side,
    quantity: int,
    price: Won = 0,
    *,
    division: str = "",
    clock: str = "10:00",
    symbol: Symbol = SAMSUNG,
    day: date = TUESDAY,
) -> Placed | Refusal:
    """Submit an order: a limit order with a price, a market order without."""
    return exchange.submit(
        side=side,
        symbol=symbol,
        division=division or ("00" if price else "01"),
        quantity=quantity,
        price=price,
        at=at(clock, day),
    )


def placed(result: Placed | Refusal) -> Placed:
    assert isinstance(result, Placed), result
    return result
