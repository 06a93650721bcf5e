"""One backtest: the daemon's own services live through replayed days, in time that jumps.

Rules of this room
    Whatever decides is composed by `app.compose` and lived by `app.daemon`, as in any other run. What differs is who
    answers (the exchange, without a wire), the loop (virtual), and the records (in memory).
    It imports no database and no HTTP. What a day brought is collected at its end, and the memory of it let go.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from time import perf_counter

import structlog

from kis_daemon.app.backtest.calls import Calls
from kis_daemon.app.backtest.exchange_broker import ExchangeBroker
from kis_daemon.app.backtest.exchange_market import ExchangeFeed, ExchangeMarketData
from kis_daemon.app.backtest.metrics import measure
from kis_daemon.app.backtest.morning import Morning
from kis_daemon.app.backtest.plan import BacktestPlan
from kis_daemon.app.backtest.result import BacktestOrder, BacktestResult, BacktestTrade, DayEquity
from kis_daemon.app.backtest.worst_case import Extremes
from kis_daemon.app.compose import compose
from kis_daemon.app.daemon import live
from kis_daemon.app.entropy import SeededEntropy
from kis_daemon.app.options import RunOptions
from kis_daemon.app.settings import Settings
from kis_daemon.app.systemd import Systemd
from kis_daemon.clock import LoopClock
from kis_daemon.console.alerts import AlertDesk
from kis_daemon.domain.calendar import KST, TradingCalendar, TradingDay
from kis_daemon.domain.market import Symbol
from kis_daemon.domain.strategy import ENTRY_RULE
from kis_daemon.kis.budget import CALL_LIMITS, TR_SPACING_S, Budget, CallLimit
from kis_daemon.kis.capabilities import KisProfile
from kis_daemon.services import kill_switch
from kis_daemon.simulator.account import Account
from kis_daemon.simulator.exchange import Exchange
from kis_daemon.simulator.market_rules import MarketRules
from kis_daemon.simulator.player import Player
from kis_daemon.simulator.prices import PriceBook
from kis_daemon.simulator.profile import PROFILES, SimulatorSettings
from kis_daemon.simulator.venue import Venue
from kis_daemon.store.memory import MemoryRecords
from kis_daemon.virtual_loop import VirtualLoop

_WAKES_AT = time(7, 30)  # as a run on the embedded simulator does
_POLL_S = 300.0  # nobody is there to pull the switch


@dataclass(frozen=True, slots=True, kw_only=True)
class _Counterpart:
    """Who answers in a backtest (`compose.Counterpart`)."""

    broker: ExchangeBroker
    market_data: ExchangeMarketData
    feed: ExchangeFeed
    calls: Calls

    async def prewarm(self, until: datetime) -> bool:  # noqa: ARG002  # keys of a day last it out
        await self.calls.warm()
        return True


class _AsPlanned:
    """`timetable.Selector`: the symbols of the plan, every day."""

    def __init__(self, symbols: tuple[Symbol, ...]) -> None:
        self._symbols = symbols

    async def select(self, day: TradingDay) -> tuple[Symbol, ...]:  # noqa: ARG002  # today's list is applied to the past
        return self._symbols


class _Collector:
    """Takes from the records what each day brought, and lets them forget it."""

    def __init__(self, records: MemoryRecords) -> None:
        self._records = records
        self.trades: list[BacktestTrade] = []
        self.orders: list[BacktestOrder] = []
        self.equity: list[DayEquity] = []

    def take(self, day: date) -> None:
        tables = self._records.tables
        self.trades += (
            BacktestTrade(
                at=trade.at,
                symbol=trade.symbol,
                name=trade.name,
                side=trade.side,
                quantity=trade.quantity,
                amount=trade.amount,
                fee=trade.fee,
                tax=trade.tax,
                realized_pnl=trade.realized_pnl,
                rule=trade.rule,
                reason=trade.reason,
            )
            for trade in sorted(tables.trades.values(), key=lambda trade: trade.at)
        )
        self.orders += (
            BacktestOrder(
                at=order.created_at,
                symbol=order.intent.symbol,
                side=order.intent.side,
                quantity=order.intent.quantity,
                price=order.intent.price,
                filled_quantity=order.filled_quantity,
                rule=order.intent.rule,
                state=order.state.value,
                filled_amount=order.filled_amount,
            )
            for order in sorted(tables.orders.values(), key=lambda order: (order.created_at, order.key))
        )
        summary = tables.summaries[day]
        self.equity.append(DayEquity(day=day, cash=summary.cash, holdings_value=summary.equity - summary.cash))
        tables.forget_before(day + timedelta(days=1))
        for kept in (tables.events, tables.snapshots, tables.refused):
            kept.clear()
        tables.proposals.clear()
        tables.approvals.clear()


def run_backtest(
    settings: Settings,
    plan: BacktestPlan,
    prices: PriceBook,
    calendar: TradingCalendar,
    morning: Morning | None = None,
) -> BacktestResult:
    """Live through the days of `plan`, from the first one's `morning` where there is one; return what came of them."""
    loop = VirtualLoop()
    clock = LoopClock(loop, datetime.combine(plan.first, _WAKES_AT, KST))
    with _quiet(), asyncio.Runner(loop_factory=lambda: loop) as runner:
        begun = perf_counter()
        collected, extremes = runner.run(_replay(settings, plan, prices, calendar, clock, morning))
        seconds = perf_counter() - begun
    played = (prices.bars(symbol, plan.first, plan.last) for symbol in plan.symbols)
    return BacktestResult(
        rule=ENTRY_RULE,
        fills=plan.fills,
        symbols=plan.symbols,
        first=plan.first,
        last=plan.last,
        start_cash=plan.cash,
        trades=tuple(collected.trades),
        orders=tuple(collected.orders),
        equity=tuple(collected.equity),
        bars=sum(1 for bars in played for bar in bars if bar.volume),
        bars_that_matter=extremes.that_matter,
        seconds=seconds,
        metrics=measure(plan.cash, collected.trades, collected.equity),
    )


async def _replay(
    settings: Settings,
    plan: BacktestPlan,
    prices: PriceBook,
    calendar: TradingCalendar,
    clock: LoopClock,
    morning: Morning | None,
) -> tuple[_Collector, Extremes]:
    stop = asyncio.Event()
    records = MemoryRecords()
    records.transact_now(lambda rows: kill_switch.release(rows, clock.now(), "backtest: no money", "backtest"))
    if morning is not None:
        morning.write(records)
    collected = _Collector(records)
    account = Account(cash=plan.cash) if morning is None else morning.account()
    exchange, counterpart = _market(settings, plan, prices, calendar, clock, account)

    def day_over(day: date) -> None:
        collected.take(day)
        if day >= plan.last:
            stop.set()

    alert_desk = AlertDesk((), settings.language, settings.alerts)
    entropy = SeededEntropy("backtest")
    house = compose(
        settings,
        RunOptions(),
        kis=counterpart,
        records=records,
        mend_store=_nothing_to_mend,
        calendar=calendar,
        clock=clock,
        entropy=entropy,
        notifier=alert_desk,
        secret=entropy.token_bytes(32),
        commit="backtest",
        schema_version="",
        selector=lambda _: _AsPlanned(plan.symbols),
        poll_s=_POLL_S,
        on_day_over=day_over,
        on_runs_done=stop.set,
    )
    extremes = Extremes(house.book, frozenset(plan.symbols), settings.protection, plan.fills)
    house.board.listen(extremes.note)
    player = Player(
        exchange=exchange,
        clock=clock,
        ticks_per_day=SimulatorSettings().ticks_per_day,
        on_trade=counterpart.feed.on_trade,
        on_events=counterpart.feed.on_events,
        on_day=_nothing,
        on_day_over=lambda _: extremes.count(),
        path_of=extremes.path,
    )
    async with asyncio.TaskGroup() as group:
        playing = group.create_task(player.run(), name="player")
        await live(house, stop=stop, systemd=Systemd({}), watchdog_s=None, alert_desk=alert_desk)
        playing.cancel()
    return collected, extremes


def _market(
    settings: Settings,
    plan: BacktestPlan,
    prices: PriceBook,
    calendar: TradingCalendar,
    clock: LoopClock,
    account: Account,
) -> tuple[Exchange, _Counterpart]:
    """Return the exchange on the plan's first day, and what answers for it."""
    made = SimulatorSettings(
        cash=plan.cash,
        commission_ppb=settings.commission_ppb,
        start=plan.first,
        market=MarketRules(volume_share=plan.volume_share),
    )
    profile = PROFILES["paper"]
    exchange = Exchange(
        prices=prices,
        calendar=calendar,
        account=account,
        rules=profile.rules,
        commission_ppb=made.commission_ppb,
        market=made.market,
        seed=made.seed,
    )
    day = calendar.trading_day(plan.first)
    if day is None:
        raise ValueError(f"first {plan.first}: expected a trading day")
    exchange.open_day(day)
    granted = settings.kis_calls_per_second
    limit = CALL_LIMITS[KisProfile.PAPER] if granted is None else CallLimit.of(granted)
    calls = Calls(Budget(limit, TR_SPACING_S), clock, made.latency_s)
    feed = ExchangeFeed(calls, lambda: _midnight(exchange), made.notice_delay_s)
    venue = Venue(settings=made, profile=profile, exchange=exchange, clock=clock, publish=feed.on_events)
    counterpart = _Counterpart(
        broker=ExchangeBroker(venue, calls, KisProfile.PAPER),
        market_data=ExchangeMarketData(venue, calls),
        feed=feed,
        calls=calls,
    )
    return exchange, counterpart


def _midnight(exchange: Exchange) -> datetime:
    if exchange.day is None:
        raise RuntimeError("exchange without a day: expected one that was begun")
    return datetime.combine(exchange.day.date, time(), KST)


@contextmanager
def _quiet() -> Iterator[None]:
    """Write no log: the result says it all, and a line costs more than a decision."""
    before = structlog.get_config()
    structlog.configure(**before | {"wrapper_class": structlog.make_filtering_bound_logger(logging.CRITICAL)})
    try:
        yield
    finally:
        structlog.configure(**before)


async def _nothing_to_mend() -> None:
    """Records in memory do not break."""


def _nothing() -> None:
    """A day begins: nothing is kept on disk."""
