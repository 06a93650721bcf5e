"""Who answers a daemon with a virtual account: KIS for the market, our exchange for the account."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from kis_daemon.app.backtest.calls import Calls
from kis_daemon.app.backtest.exchange_broker import ExchangeBroker
from kis_daemon.app.backtest.exchange_market import notice_of
from kis_daemon.app.cbt.market import VirtualMarket
from kis_daemon.app.house import MeasuredFeed
from kis_daemon.domain.calendar import TradingCalendar
from kis_daemon.domain.market import Quote, Symbol, Won
from kis_daemon.domain.orders import OrderIntent
from kis_daemon.kis.budget import Budget, CallLimit
from kis_daemon.kis.capabilities import KisProfile
from kis_daemon.kis.opening import KisQuotes
from kis_daemon.ports import (
    Accepted,
    AccountStatement,
    Chart,
    Clock,
    ExecutionNotice,
    FeedSink,
    FeedState,
    MarketData,
    Permit,
    Snapshot,
    Withdrawn,
)
from kis_daemon.services.quote_metrics import StreamFigures
from kis_daemon.simulator.profile import PROFILES, SimulatorSettings
from kis_daemon.simulator.requests import OrderEvent
from kis_daemon.simulator.venue import Venue

_CALLS_A_SECOND = 20  # nobody counts them; an order takes its time all the same
_LATENCY_S = 0.05
_NOTICE_DELAY_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualCounterpart:
    """`compose.Counterpart`, with no way to KIS's account in it."""

    broker: VirtualBroker
    market_data: WatchedMarketData
    feed: VirtualFeed
    quotes: KisQuotes
    market: VirtualMarket

    async def prewarm(self, until: datetime) -> bool:
        return await self.quotes.prewarm(until)


def virtual_counterpart(
    quotes: KisQuotes, clock: Clock, *, calendar: TradingCalendar, cash: Won, commission_ppb: int, path: Path
) -> VirtualCounterpart:
    """Take up the account at `path`, or begin one with `cash`, on these quotes."""
    feed = VirtualFeed(quotes.feed)
    market = VirtualMarket(
        calendar=calendar, clock=clock, cash=cash, commission_ppb=commission_ppb, path=path, published=feed.on_events
    )
    feed.watched_by(market)
    market_data = WatchedMarketData(quotes.market_data, market)
    venue = Venue(
        settings=SimulatorSettings(commission_ppb=commission_ppb),
        profile=PROFILES["paper"],
        exchange=market.exchange,
        clock=clock,
        publish=market.publish,
    )
    calls = Calls(Budget(CallLimit.of(_CALLS_A_SECOND), {}), clock, _LATENCY_S)
    return VirtualCounterpart(
        broker=VirtualBroker(venue, calls, market, market_data),
        market_data=market_data,
        feed=feed,
        quotes=quotes,
        market=market,
    )


class WatchedMarketData:
    """KIS's market data; what it says reaches the virtual exchange first."""

    def __init__(self, live: MarketData, market: VirtualMarket) -> None:
        self._live = live
        self._market = market

    async def snapshot(self, symbol: Symbol, *, urgent: bool = False) -> Snapshot:
        found = await self._live.snapshot(symbol, urgent=urgent)
        self._market.learn(found.listing)
        if found.quote is not None:
            self._market.see(found.quote)
        return found

    async def quotes(self, symbols: Sequence[Symbol]) -> tuple[Quote, ...]:
        found = await self._live.quotes(symbols)
        for quote in found:
            self._market.see(quote)
        return found

    async def chart(self, symbol: Symbol, first: date, last: date) -> Chart:
        found = await self._live.chart(symbol, first, last)
        self._market.learn_name(symbol, found.name)
        return found


class VirtualBroker(ExchangeBroker):
    """The exchange behind the port; what it must know of a symbol is asked of the market first."""

    def __init__(self, venue: Venue, calls: Calls, market: VirtualMarket, market_data: WatchedMarketData) -> None:
        super().__init__(venue, calls, KisProfile.PAPER)
        self._market = market
        self._market_data = market_data

    async def submit(self, intent: OrderIntent, permit: Permit, *, urgent: bool) -> Accepted | Withdrawn:
        if not self._market.exchange.price(intent.symbol):
            await self._market_data.snapshot(intent.symbol, urgent=urgent)
        return await super().submit(intent, permit, urgent=urgent)

    async def account(self) -> AccountStatement:
        for symbol in self._market.unknown_holdings():
            await self._market_data.snapshot(symbol, urgent=True)
        return await super().account()


class VirtualFeed:
    """KIS's stream without its notices: those are of another account. Ours come from the virtual exchange."""

    def __init__(self, live: MeasuredFeed) -> None:
        self._live = live
        self._market: VirtualMarket | None = None
        self._sink: FeedSink | None = None

    def watched_by(self, market: VirtualMarket) -> None:
        self._market = market

    async def run(self, sink: FeedSink) -> None:
        if self._market is None:
            raise RuntimeError("virtual feed without its market: expected watched_by() first")
        self._sink = sink
        async with asyncio.TaskGroup() as group:
            group.create_task(self._market.run(), name="virtual_days")
            await self._live.run(_Between(sink, self._market))

    def want(self, held: Sequence[Symbol], candidates: Sequence[Symbol] = ()) -> None:
        self._live.want(held, candidates)

    def metrics(self) -> StreamFigures:
        return self._live.metrics()

    def reconnect(self) -> None:
        self._live.reconnect()

    def on_events(self, events: tuple[OrderEvent, ...]) -> None:
        for event in events:
            asyncio.get_running_loop().call_later(_NOTICE_DELAY_S, self._notify, event)

    def _notify(self, event: OrderEvent) -> None:
        if self._sink is not None:
            self._sink.on_notice(notice_of(event))


class _Between:
    """Between the live stream and the daemon: the exchange sees every trade first."""

    def __init__(self, sink: FeedSink, market: VirtualMarket) -> None:
        self._sink = sink
        self._market = market

    def on_quote(self, quote: Quote) -> None:
        self._market.see(quote)
        self._sink.on_quote(quote)

    def on_notice(self, notice: ExecutionNotice) -> None:
        """Say nothing: it tells of KIS's own account."""

    def on_feed_state(self, state: FeedState) -> None:
        self._sink.on_feed_state(state)

    def on_gap(self, symbol: Symbol, missed: int) -> None:
        self._sink.on_gap(symbol, missed)
