"""A trading floor: the real deciding services on a virtual loop, between a market and a broker that a test drives."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import tempfile
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import yaml

from kis_daemon.app.files import load_calendar
from kis_daemon.app.safety import watched_by
from kis_daemon.clock import LoopClock
from kis_daemon.domain.approvals import Mandate
from kis_daemon.domain.breakers import BreakerRules
from kis_daemon.domain.calendar import TradingCalendar
from kis_daemon.domain.exits import GapRules
from kis_daemon.domain.indicators import Indicators
from kis_daemon.domain.market import Bar, Listing, Market, Quote, Side, Symbol, Won, price_limits
from kis_daemon.domain.orders import Order, OrderIntent
from kis_daemon.domain.positions import Position, ProtectionRules
from kis_daemon.domain.risk import RiskLimits
from kis_daemon.domain.safeguards import KillSwitchScope
from kis_daemon.domain.strategy import EntryRules, TrendBreakRules
from kis_daemon.domain.universe import UniverseRules
from kis_daemon.ports import BrokerError, Chart, ExecutionNotice, FeedSink, FeedState, Snapshot
from kis_daemon.services import kill_switch as switch
from kis_daemon.services import pauses
from kis_daemon.services.account_keeper import AccountKeeper, Patience
from kis_daemon.services.approvals import ApprovalDesk, Provenance
from kis_daemon.services.automatic_stops import AutomaticStops, StopRules
from kis_daemon.services.book import Book
from kis_daemon.services.bookkeeper import Bookkeeper
from kis_daemon.services.buyer import Buyer
from kis_daemon.services.closer import Closer
from kis_daemon.services.closings import CLOSINGS_MARK
from kis_daemon.services.control import Control, ControlTiming
from kis_daemon.services.corporate_actions import CorporateActions
from kis_daemon.services.desks import TradingRules
from kis_daemon.services.histories import Histories
from kis_daemon.services.intake import Intake
from kis_daemon.services.journal import Journal
from kis_daemon.services.kill_switch import ReleaseRules
from kis_daemon.services.locks import Locks
from kis_daemon.services.looks import HeldLooks, LookTiming
from kis_daemon.services.market_days import AskDays, MarketDays
from kis_daemon.services.operations import Operations
from kis_daemon.services.order_follower import OrderTiming
from kis_daemon.services.order_synchronizer import OrderSynchronizer
from kis_daemon.services.outages import Outages
from kis_daemon.services.poller import QuotePoller
from kis_daemon.services.quote_desk import QuoteDesk
from kis_daemon.services.quotes import QuoteBoard
from kis_daemon.services.reconciler import Cadence, Reconciler
from kis_daemon.services.risk_manager import RiskManager
from kis_daemon.services.seller import Seller
from kis_daemon.services.switch_file import SwitchFile
from kis_daemon.services.timetable import Selector, Timetable
from kis_daemon.services.trader import Trader
from kis_daemon.services.universe_selector import FallbackTerms, UniverseSelector
from kis_daemon.services.watch_list import WatchList
from kis_daemon.store.database import Database
from kis_daemon.store.rows import SqlRows
from kis_daemon.virtual_loop import VirtualLoop
from tests.conftest import ROOT
from tests.services.builders import (
    COMMISSION_PPB,
    HYNIX,
    MODE,
    SAMSUNG,
    TEN_O_CLOCK,
    TODAY,
    YESTERDAY,
    a_mandate,
    a_quote,
    at,
)
from tests.services.choosing import a_chooser
from tests.services.fakes import BreakableRecords, FakeBroker, HeardNotifier, SeededEntropy, Silence

T = TypeVar("T")

LEVEL = 69_900  # what a price has to exceed to be a breakout of `a_setup`
WEDNESDAY = date(2024, 3, 6)


@cache
def the_calendar() -> TradingCalendar:
    return load_calendar(ROOT / "config")


@cache
def a_calendar_until(last: date) -> TradingCalendar:
    """Return the real calendar, ended early."""
    data = yaml.load((ROOT / "config" / "krx_calendar.yaml").read_text("utf-8"), Loader=yaml.CSafeLoader)
    for name in ("special_hours", "closed"):
        data[name] = [entry for entry in data[name] if entry["date"] <= last]
    return TradingCalendar.from_mapping(data | {"last": last})


@cache
def _empty_database() -> bytes:
    """The bytes of a new database: made once a process, because the migration is a child process."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "empty.db")
        database = Database(f"sqlite:///{path}")
        database.open()
        database.close()
        return path.read_bytes()


def indicators(**changes: Any) -> Indicators:
    """Return values that make a setup: a strong, calm trend whose last high was `LEVEL`."""
    last = Bar(date=YESTERDAY, open=69_000, high=LEVEL, low=68_800, close=69_500, volume=1_000_000)
    values = Indicators(bars=250, last=last, atr=1_000.0, atr_spike=1.0, adx=30.0, sma=60_000.0, highest_high=LEVEL)
    return replace(values, **changes)


def a_listing(base: Won = 69_500, **changes: Any) -> Listing:
    lower, upper = price_limits(base, Market.KOSPI, TODAY)
    listing = Listing(
        symbol=SAMSUNG,
        name="삼성전자",
        market=Market.KOSPI,
        base_price=base,
        upper_limit=upper,
        lower_limit=lower,
        suspended=False,
        under_administration=False,
        in_liquidation=False,
    )
    return replace(listing, **changes)


def rising_bars(last: date, count: int = 250) -> tuple[Bar, ...]:
    """Return `count` bars of a steady rise of 100 won a day, the last one dated `last` and closing at 69,500."""
    days = [day.date for day in the_calendar().trading_days(last - timedelta(days=2 * count), last)][-count:]
    closes = [69_500 - 100 * (len(days) - 1 - index) for index in range(len(days))]
    return tuple(
        Bar(date=day, open=close - 100, high=close + 400, low=close - 600, close=close, volume=1_000_000)
        for day, close in zip(days, closes, strict=True)
    )


@dataclass
class FakeMarket:
    """`ports.MarketData` that answers from what a test put there, and remembers when it was asked."""

    now: Callable[[], datetime]
    listings: dict[Symbol, Listing] = field(default_factory=dict)
    last: dict[Symbol, Quote] = field(default_factory=dict)
    bars: dict[Symbol, tuple[Bar, ...]] = field(default_factory=dict)
    failing: dict[Symbol, BrokerError] = field(default_factory=dict)
    asked: list[tuple[datetime, str, Symbol]] = field(default_factory=list)
    spans: list[tuple[date, date]] = field(default_factory=list)
    urgent: list[Symbol] = field(default_factory=list)
    answer_takes_s: float = 0.0

    async def snapshot(self, symbol: Symbol, *, urgent: bool = False) -> Snapshot:
        self.urgent += [symbol] * urgent
        self._take_down("snapshot", symbol)
        await asyncio.sleep(self.answer_takes_s)
        return Snapshot(listing=self.listings[symbol], quote=self.last.get(symbol))

    async def quotes(self, symbols: Sequence[Symbol]) -> tuple[Quote, ...]:
        return tuple(self.last[symbol] for symbol in symbols if symbol in self.last)

    async def chart(self, symbol: Symbol, first: date, last: date) -> Chart:
        self._take_down("chart", symbol)
        self.spans.append((first, last))
        bars = tuple(bar for bar in self.bars.get(symbol, ()) if first <= bar.date <= last)
        return Chart(symbol=symbol, name="삼성전자", bars=bars)

    def times_of(self, what: str) -> list[datetime]:
        return [when for when, asked, _ in self.asked if asked == what]

    def symbols_of(self, what: str) -> list[Symbol]:
        return [symbol for _, asked, symbol in self.asked if asked == what]

    def _take_down(self, what: str, symbol: Symbol) -> None:
        self.asked.append((self.now(), what, symbol))
        if symbol in self.failing:
            raise self.failing[symbol]


class FakeFeed:
    """`ports.QuoteFeed` that brings nothing and remembers what was wanted of it."""

    def __init__(self) -> None:
        self.wanted: list[Symbol] = []

    async def run(self, sink: FeedSink) -> None:
        await asyncio.Event().wait()

    def want(self, held: Sequence[Symbol], candidates: Sequence[Symbol] = ()) -> None:
        self.wanted = list(dict.fromkeys([*held, *candidates]))


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What a floor is built with."""

    now: datetime = TEN_O_CLOCK
    calendar: TradingCalendar | None = None
    cash: Won = 10_000_000
    entry: EntryRules = field(default_factory=EntryRules)
    protection: ProtectionRules = field(default_factory=ProtectionRules)
    trend_break: TrendBreakRules = field(default_factory=TrendBreakRules)
    gap: GapRules = field(default_factory=GapRules)
    limits: RiskLimits = field(default_factory=RiskLimits)
    breaker: BreakerRules = field(default_factory=BreakerRules)
    mandate: Mandate | None = field(default_factory=a_mandate)
    timing: ControlTiming = field(default_factory=ControlTiming)
    stream_is_primary: bool = True
    universe: tuple[Symbol, ...] = (SAMSUNG,)
    interval_s: float = 60.0
    max_runs: int | None = None
    stops: StopRules = field(default_factory=StopRules)
    released_by: str = ""
    release: ReleaseRules = field(default_factory=ReleaseRules)
    always: tuple[Symbol, ...] = ()
    asks_a_person: bool = False
    market_days: AskDays | None = None


class Floor:
    """The services as they are composed, with orders carried and notes written in the background.

    The reconciler asks only when a test says so; `pass_time` lets virtual time go by.
    """

    def __init__(self, folder: Path, terms: Terms) -> None:
        self.terms = terms
        self.loop = VirtualLoop()
        self.path = folder / "floor.db"
        if not self.path.exists():
            self.path.write_bytes(_empty_database())
        self.records = Database(f"sqlite:///{self.path}")
        self.records.open()
        self.clock = LoopClock(self.loop, terms.now)
        self.calendar = terms.calendar or the_calendar()
        self.broker = FakeBroker(self.clock, the_calendar(), cash=terms.cash)
        self.market = FakeMarket(self.clock.now)
        self.feed = FakeFeed()
        self.notifier = HeardNotifier()
        self.book = Book()
        self.board = QuoteBoard()
        self.days_over: list[date] = []
        self.runs_done = 0
        self.proposed: list[OrderIntent] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._compose(terms)

    def _compose(self, terms: Terms) -> None:
        book, clock, calendar = self.book, self.clock, self.calendar
        self.outages = Outages(clock)
        self.store = BreakableRecords(self.records)
        self.journal = journal = Journal(self.store, clock, self.notifier)
        approvals = ApprovalDesk(
            b"s" * 32,
            SeededEntropy(),
            clock,
            terms.mandate,
            Provenance(config_hash="c" * 64, git_commit_sha="unknown", schema_version="0001"),
        )
        self.control = Control(
            book=book,
            journal=journal,
            calendar=calendar,
            clock=clock,
            limits=terms.limits,
            timing=terms.timing,
            stream_is_primary=terms.stream_is_primary,
            outages=self.outages,
            switch_file=SwitchFile(self.path.parent),
        )
        rules = TradingRules(
            entry=terms.entry,
            protection=terms.protection,
            trend_break=terms.trend_break,
            gap=terms.gap,
            limits=terms.limits,
            commission_ppb=COMMISSION_PPB,
            asks_a_person=terms.asks_a_person,
        )
        self.risk = RiskManager(book=book, calendar=calendar, clock=clock, rules=rules, quote=self.board.quote)
        self.bookkeeper = Bookkeeper(
            book=book,
            journal=journal,
            clock=clock,
            protection=terms.protection,
            commission_ppb=COMMISSION_PPB,
            on_change=lambda order: self.trader.on_change(order),
        )
        self.locks = Locks(
            book=book, journal=journal, clock=clock, on_change=lambda symbol: self.trader.on_account_change(symbol)
        )
        self.breakers = watched_by(
            self.control,
            self.locks,
            book=book,
            journal=journal,
            calendar=calendar,
            clock=clock,
            limits=terms.limits,
            rules=terms.breaker,
            price=self.board.price,
            outages=self.outages,
            mandates=lambda: (a_mandate(expires_at=terms.now + timedelta(days=999)),),
        )
        account = AccountKeeper(
            book=book,
            journal=journal,
            locks=self.locks,
            clock=clock,
            patience=Patience(),
            on_change=lambda symbol: self.trader.on_account_change(symbol),
        )
        self.reconciler = Reconciler(
            broker=self.broker,
            book=book,
            journal=journal,
            bookkeeper=self.bookkeeper,
            account=account,
            calendar=calendar,
            clock=clock,
            cadence=Cadence(),
            outages=self.outages,
        )
        self.control.watch(self.reconciler)
        self.synchronizer = OrderSynchronizer(
            broker=self.broker,
            journal=journal,
            bookkeeper=self.bookkeeper,
            book=book,
            desk=approvals,
            clock=clock,
            mode=MODE,
            gate=self.control.gate,
            risk=self.risk.check,
            last_price=self.board.price,
            trades_continuously=self._trades_continuously,
            ask_broker=self.reconciler.wake,
            on_refusal=lambda order, closed: self.trader.on_refusal(order, closed),
            timing=OrderTiming(),
        )
        buyer = Buyer(
            book=book,
            journal=journal,
            synchronizer=self.synchronizer,
            approvals=approvals,
            risk=self.risk,
            rules=rules,
            propose=self.proposed.append,
        )
        seller = Seller(
            book=book,
            journal=journal,
            locks=self.locks,
            synchronizer=self.synchronizer,
            approvals=approvals,
            clock=clock,
            rules=rules,
        )
        self.trader = Trader(book=book, buyer=buyer, seller=seller, calendar=calendar, clock=clock, rules=rules)
        self.board.listen(self.trader.on_quote)
        self.histories = Histories(
            market_data=self.market,
            book=book,
            journal=journal,
            periods=terms.entry.periods,
            full_bars=terms.entry.full_bars,
            outages=self.outages,
            learn=self.trader.learn,
            forget=self.trader.forget_setup,
        )
        self.prewarmed: list[datetime] = []
        self.keys_take_s = 0.0
        self.ask_account = self.reconciler.attempt
        self.actions = CorporateActions(
            book=book,
            journal=journal,
            locks=self.locks,
            histories=self.histories,
            calendar=calendar,
            clock=clock,
            ask_account=lambda: self.ask_account(),
            on_change=self.trader.on_account_change,
        )
        self.market_days = MarketDays(ask=terms.market_days, calendar=calendar, journal=journal, clock=clock)
        self.control.calendar_differs_on = self.market_days.differs_on
        self.timetable = self.a_timetable(
            UniverseSelector(
                a_chooser(UniverseRules(stocks=terms.universe), self.market, calendar, clock),
                journal,
                clock,
                FallbackTerms(),
            )
        )
        self.quote_desk = QuoteDesk(
            market_data=self.market, board=self.board, book=book, outages=self.outages, calendar=calendar, clock=clock
        )
        self.looks = HeldLooks(
            book=book,
            board=self.board,
            journal=journal,
            calendar=calendar,
            clock=clock,
            protection=terms.protection,
            timing=LookTiming(interval_s=terms.interval_s, near_s=min(15.0, terms.interval_s)),
            look=self.trader.on_quote,
            ask=lambda symbol: self.poller.ask(symbol),
            is_carried=self.control.is_carried,
            on_round=lambda: self.watch_list.refresh(),
        )
        self.watch_list = WatchList(
            feed=self.feed,
            always=terms.always,
            held=self.looks.by_nearness,
            indicators=self.histories.indicators,
            last_price=self.board.price,
            rules=terms.entry,
        )
        self.poller = QuotePoller(
            desk=self.quote_desk,
            board=self.board,
            book=book,
            control=self.control,
            calendar=calendar,
            clock=clock,
            interval_s=terms.interval_s,
            stream_is_primary=terms.stream_is_primary,
            symbols=self.trader.symbols,
            held=self.looks.by_nearness,
            max_runs=terms.max_runs,
            on_runs_done=self._count_done,
        )
        self.intake = Intake(self.board, self.reconciler, self.control, self.poller, self.journal)
        self._compose_operations(approvals, terms)

    def _compose_operations(self, approvals: ApprovalDesk, terms: Terms) -> None:
        switches = self.control.switches
        self.stops = AutomaticStops(
            book=self.book,
            journal=self.journal,
            switches=switches,
            clock=self.clock,
            rules=terms.stops,
            released_by=terms.released_by,
        )
        self.closer = Closer(
            book=self.book,
            board=self.board,
            journal=self.journal,
            synchronizer=self.synchronizer,
            approvals=approvals,
            calendar=self.calendar,
            clock=self.clock,
            on_settled=lambda text: switches.see_mark(CLOSINGS_MARK, text),
        )
        switches.watch_mark(CLOSINGS_MARK, self.closer.take)
        self.operations = Operations(
            book=self.book,
            board=self.board,
            journal=self.journal,
            switches=switches,
            closer=self.closer,
            clock=self.clock,
            entropy=SeededEntropy(),
            notifier=self.notifier,
            rules=terms.release,
        )
        self.control.on_active = self.operations.make_code

    def a_timetable(self, selector: Selector) -> Timetable:
        """Return a timetable whose universe `selector` selects; it is not started."""
        return Timetable(
            book=self.book,
            board=self.board,
            journal=self.journal,
            trader=self.trader,
            histories=self.histories,
            selector=selector,
            reconciler=self.reconciler,
            actions=self.actions,
            market_days=self.market_days,
            synchronizer=self.synchronizer,
            control=self.control,
            market_data=self.market,
            feed=self.feed,
            calendar=self.calendar,
            clock=self.clock,
            on_day_over=self.days_over.append,
            prewarm=self.prewarm,
        )

    def _trades_continuously(self, symbol: Symbol) -> bool:
        quote = self.board.quote(symbol)
        return self.control.market_is_continuous() and (quote is None or not (quote.halted or quote.in_vi))

    def _count_done(self) -> None:
        self.runs_done += 1

    # opening and closing

    def open_up(self) -> None:
        """Release the switch, reconcile, connect the stream: the gate is OPEN and orders are carried."""
        self.carry()
        self.release()
        self.reconcile()
        self.book.start_day(self.now.date())
        self.trader.start_day()
        self.control.on_feed_state(FeedState(connected=True, symbols=(SAMSUNG, HYNIX)))
        self.control.universe_ready = True

    def carry(self) -> None:
        """Have orders carried and notes written from now on."""
        self.start(self.journal.run())
        self.start(self.synchronizer.run())

    def close(self) -> None:
        try:
            self.loop.run_until_complete(self._end())
        finally:
            self.loop.close()
            self.records.close()

    async def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.synchronizer.drain()

    # time

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def start(self, task: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Live on with `task` in the background; its failure is the test's."""
        made = self.loop.create_task(task)
        self._tasks.append(made)
        return made

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        result = self.loop.run_until_complete(work)
        for task in self._tasks:
            if task.done():
                task.result()
        return result

    def pass_time(self, seconds: float = 0.001) -> None:
        self.run(asyncio.sleep(seconds))

    def go_to(self, clock: str, day: date | None = None) -> None:
        """Let time pass until `clock`, and reconcile then."""
        self.wait_until(clock, day)
        self.reconcile()

    def wait_until(self, clock: str, day: date | None = None) -> None:
        self.run(self.clock.sleep_until(at(clock, day or self.now.date())))

    def begin_day(self, day: date, clock: str = "09:00:30") -> None:
        """Begin `day` as the timetable does, and let it become `clock`."""
        self.wait_until("08:00", day)
        self.book.start_day(day)
        self.trader.start_day()
        self.go_to(clock)

    # what a test arranges

    def release(self) -> None:
        self.records.transact_now(lambda rows: switch.release(rows, self.now, "a test", "operator"))
        self.run(self.control.refresh())

    def pause(self) -> None:
        self.records.transact_now(lambda rows: pauses.pause(rows, self.now, "a test", "operator"))
        self.run(self.control.refresh())

    def activate(self, scope: KillSwitchScope) -> None:
        self.records.transact_now(lambda rows: switch.activate(rows, self.now, "a test", "operator", scope))
        self.run(self.control.refresh())

    def is_ready_to_buy(self, symbol: Symbol = SAMSUNG, **changes: Any) -> None:
        """Have `symbol` in the universe with a setup and a listing; the next price above `LEVEL` is bought."""
        self.trader.watch([*self.trader.symbols(), symbol])
        self.learn(symbol, indicators(**changes))
        self.book.listings[symbol] = a_listing(symbol=symbol)

    def learn(self, symbol: Symbol, values: Indicators | None) -> None:
        """Have `values` known of the completed bars of `symbol`, none of which was missed."""
        self.trader.learn(symbol, values, lambda entry_day: 0)

    def doubt(self) -> None:
        """Leave an order of another symbol in doubt: two of the broker's orders could be it."""
        self.is_ready_to_buy(HYNIX)
        self.broker.answers.append(Silence(arrived=True))
        self.price(70_000, symbol=HYNIX)
        self.pass_time(16)
        self.broker.take(self.broker.sent.pop())
        self.reconcile()

    def holds(self, position: Position, *, listed: bool = True) -> None:
        """Have `position` in book, records and account, as after a restart."""
        self.book.positions[position.symbol] = position
        self.records.transact_now(lambda rows: rows.save_position(position))
        self.broker.hold(position.symbol, position.quantity, position.cost)
        if listed:
            self.book.listings[position.symbol] = a_listing(symbol=position.symbol)

    def price(self, price: Won, **changes: Any) -> None:
        """Publish a trade at `price`, offered at that price, and let everything that follows happen."""
        self.publish(a_quote(**({"price": price, "ask": price, "at": self.now} | changes)))

    async def prewarm(self, until: datetime) -> bool:
        """Take down until when the keys are to be good."""
        self.prewarmed.append(until)
        await asyncio.sleep(self.keys_take_s)
        return True

    def publish(self, quote: Quote) -> None:
        self.broker.prices[quote.symbol] = quote.price
        self.board.publish(quote)
        self.pass_time()

    def notice(self, notice: ExecutionNotice) -> None:
        self.intake.on_notice(notice)
        self.pass_time()

    def reconcile(self) -> bool:
        return self.run(self.reconciler.attempt())

    def sql(self, statement: str) -> None:
        """Change the records as an operator does, past the daemon."""
        connection = sqlite3.connect(self.path)
        with connection:
            connection.execute(statement)
        connection.close()

    # what a test looks at

    @property
    def sent(self) -> list[OrderIntent]:
        """What reached the broker, in its order."""
        return self.broker.sent

    def rules_sent(self) -> list[str]:
        return [intent.rule for intent in self.sent]

    def position(self, symbol: Symbol = SAMSUNG) -> Position:
        return self.book.positions[symbol]

    def live(self, side: Side, symbol: Symbol = SAMSUNG) -> Order:
        order = self.book.live_order(symbol, side)
        assert order is not None
        return order

    def fill(self, quantity: int, price: Won, side: Side = Side.SELL, symbol: Symbol = SAMSUNG) -> None:
        """Let the broker execute a part of the live order, and hear of it."""
        order_no = self.live(side, symbol).order_no
        assert order_no is not None
        self.broker.fill(order_no, quantity, price)
        self.reconcile()

    def rows(self, read: Callable[[SqlRows], T]) -> T:
        self.run(self.journal.write())
        return self.records.transact_now(read)

    def events(self, *types: str) -> list[dict[str, Any]]:
        """Return the payloads of the events of these types, oldest first."""
        rows = self.rows(lambda rows: rows.events())
        return [json.loads(row.payload_json) for row in rows if row.event_type in types]

    def told(self, event: str) -> int:
        """Return how often a person was told of `event`."""
        return self.notifier.events.count(event)


@contextmanager
def a_floor(folder: Path, *, is_open: bool = True, **terms: Any) -> Iterator[Floor]:
    """Build a floor and close it in the end; open for business unless told otherwise."""
    floor = Floor(folder, Terms(**terms))
    try:
        if is_open:
            floor.open_up()
        yield floor
    finally:
        floor.close()
