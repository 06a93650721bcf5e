"""Who is built, and with what: the only place that knows every room.

Rules of this room
    Below this line nobody asks which mode or venue it is: a different behaviour is a different object handed in here.
    The real host is reached by no path of this version: REAL is refused until its readiness guards stand
    (docs/decisions/0002).
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Protocol

from kis_daemon.app.modes import Venue
from kis_daemon.app.options import Feed, RunOptions
from kis_daemon.app.safety import watched_by
from kis_daemon.app.settings import Settings, config_hash
from kis_daemon.domain.approvals import Mandate
from kis_daemon.domain.calendar import KST, TradingCalendar
from kis_daemon.domain.market import Side, Symbol
from kis_daemon.domain.orders import Order
from kis_daemon.ports import Broker, Clock, Entropy, MarketData, Notifier, QuoteFeed, Records
from kis_daemon.services.account_keeper import AccountKeeper, Patience
from kis_daemon.services.approvals import ApprovalDesk, Provenance
from kis_daemon.services.audit_desk import AuditDesk, AuditPlaces
from kis_daemon.services.audit_recorder import RecordedDoor, RecordedTrader
from kis_daemon.services.book import Book
from kis_daemon.services.bookkeeper import Bookkeeper
from kis_daemon.services.buyer import Buyer
from kis_daemon.services.circuit_breakers import CircuitBreakers
from kis_daemon.services.control import Control, ControlTiming
from kis_daemon.services.corporate_actions import CorporateActions
from kis_daemon.services.desks import TradingRules
from kis_daemon.services.histories import Histories
from kis_daemon.services.intake import Intake
from kis_daemon.services.journal import Journal
from kis_daemon.services.locks import Locks
from kis_daemon.services.looks import HeldLooks, LookTiming
from kis_daemon.services.names import Names, NamingNotifier
from kis_daemon.services.order_follower import OrderTiming
from kis_daemon.services.order_synchronizer import OrderSynchronizer
from kis_daemon.services.outages import Outages
from kis_daemon.services.poller import QuotePoller
from kis_daemon.services.quote_desk import QuoteDesk
from kis_daemon.services.quote_metrics import QuoteFigures, StreamFigures, quote_figures
from kis_daemon.services.quotes import QuoteBoard
from kis_daemon.services.reconciler import Cadence, Reconciler
from kis_daemon.services.risk_manager import RiskManager
from kis_daemon.services.seller import Seller
from kis_daemon.services.timetable import Selector, Timetable
from kis_daemon.services.trader import Trader
from kis_daemon.services.watch_list import WatchList

_MANDATE_DAYS = 365
_MANDATE_NOTIONAL_A_DAY = 10_000_000_000  # paper money; the risk limits bind long before


class MeasuredFeed(QuoteFeed, Protocol):
    """A stream that tells of itself."""

    def metrics(self) -> StreamFigures: ...


class Counterpart(Protocol):
    """Who answers: an open KIS, or an exchange in this process."""

    @property
    def broker(self) -> Broker: ...
    @property
    def market_data(self) -> MarketData: ...
    @property
    def feed(self) -> MeasuredFeed: ...
    async def prewarm(self, until: datetime) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """Everything that lives while the daemon does."""

    settings: Settings
    clock: Clock
    records: Records
    mend_store: Callable[[], Coroutine[None, None, None]]
    book: Book
    board: QuoteBoard
    journal: Journal
    synchronizer: OrderSynchronizer
    reconciler: Reconciler
    control: Control
    risk: RiskManager
    locks: Locks
    breakers: CircuitBreakers
    trader: Trader
    timetable: Timetable
    poller: QuotePoller
    looks: HeldLooks
    quote_desk: QuoteDesk
    names: Names
    watch_list: WatchList
    intake: Intake
    kis: Counterpart
    mandate: Mandate
    audit: AuditDesk | None

    def quote_figures(self) -> QuoteFigures:
        """Return the figures of the quote path; called inside the running loop."""
        return quote_figures(self.board, self.quote_desk, self.kis.feed.metrics())


def compose(
    settings: Settings,
    options: RunOptions,
    *,
    kis: Counterpart,
    records: Records,
    mend_store: Callable[[], Coroutine[None, None, None]],
    calendar: TradingCalendar,
    clock: Clock,
    entropy: Entropy,
    notifier: Notifier,
    secret: bytes,
    commit: str,
    schema_version: str,
    selector: Callable[[Journal], Selector],
    poll_s: float,
    on_day_over: Callable[[date], None],
    on_runs_done: Callable[[], None],
    audit: AuditPlaces | None = None,
    halts_on_drawdown: bool = True,
) -> House:
    """Build the services of one run and tie them together; nothing is opened or started.

    A drawdown at its limit turns the kill switch on for entries; not where nobody is there to release it.
    """
    stream_is_primary = options.feed is Feed.WS
    book = Book()
    board = QuoteBoard()
    outages = Outages(clock)
    journal = Journal(records, clock, NamingNotifier(notifier, book))
    names = Names(book=book, broker=kis.broker, records=records, clock=clock)
    book.on_name = names.learn
    mandate = _mandate(settings, clock, calendar)
    desk = ApprovalDesk(
        secret,
        entropy,
        clock,
        mandate,
        Provenance(config_hash=config_hash(settings), git_commit_sha=commit, schema_version=schema_version),
    )
    rules = TradingRules(
        entry=settings.entry,
        protection=settings.protection,
        trend_break=settings.trend_break,
        gap=settings.gap,
        limits=settings.risk,
        commission_ppb=settings.commission_ppb,
    )
    risk = RiskManager(book=book, calendar=calendar, clock=clock, rules=rules, quote=board.quote)
    control = Control(
        book=book,
        journal=journal,
        calendar=calendar,
        clock=clock,
        limits=settings.risk,
        timing=ControlTiming(poll_s=poll_s),
        stream_is_primary=stream_is_primary,
        outages=outages,
    )

    # Trader, bookkeeper, reconciler and synchronizer know one another in a circle; the circle is closed by these calls.
    def order_changed(order: Order) -> None:
        trader.on_change(order)
        synchronizer.take_up(order)

    def order_refused(order: Order, market_closed: bool) -> None:
        trader.on_refusal(order, market_closed)

    def account_changed(symbol: Symbol) -> None:
        trader.on_account_change(symbol)

    def trades_continuously(symbol: Symbol) -> bool:
        quote = board.quote(symbol)
        return control.market_is_continuous() and (quote is None or not (quote.halted or quote.in_vi))

    bookkeeper = Bookkeeper(
        book=book,
        journal=journal,
        clock=clock,
        protection=settings.protection,
        commission_ppb=settings.commission_ppb,
        on_change=order_changed,
    )
    locks = Locks(book=book, journal=journal, clock=clock, on_change=account_changed)
    breakers = watched_by(
        control,
        locks,
        book=book,
        journal=journal,
        calendar=calendar,
        clock=clock,
        limits=settings.risk,
        rules=settings.breaker,
        price=board.price,
        outages=outages,
        mandate=mandate,
        halts_on_drawdown=halts_on_drawdown,
    )
    account = AccountKeeper(
        book=book, journal=journal, locks=locks, clock=clock, patience=Patience(), on_change=account_changed
    )
    reconciler = Reconciler(
        broker=kis.broker,
        book=book,
        journal=journal,
        bookkeeper=bookkeeper,
        account=account,
        calendar=calendar,
        clock=clock,
        cadence=Cadence(),
        outages=outages,
    )
    control.watch(reconciler)
    synchronizer = OrderSynchronizer(
        broker=kis.broker,
        journal=journal,
        bookkeeper=bookkeeper,
        book=book,
        desk=desk,
        clock=clock,
        mode=settings.trading_mode.value,
        gate=control.gate,
        risk=risk.check,
        last_price=board.price,
        trades_continuously=trades_continuously,
        ask_broker=reconciler.wake,
        on_refusal=order_refused,
        timing=OrderTiming(),
    )
    audit_desk = None if audit is None else AuditDesk(audit, journal, clock, notifier)
    door = RecordedDoor(synchronizer)
    buyer = Buyer(book=book, journal=journal, synchronizer=door, approvals=desk, risk=risk, rules=rules)
    seller = Seller(
        book=book, journal=journal, locks=locks, synchronizer=door, approvals=desk, clock=clock, rules=rules
    )
    trader = (
        Trader(book=book, buyer=buyer, seller=seller, calendar=calendar, clock=clock, rules=rules)
        if audit_desk is None
        else RecordedTrader(
            book=book,
            buyer=buyer,
            seller=seller,
            calendar=calendar,
            clock=clock,
            rules=rules,
            file=audit_desk.inputs,
            door=door,
            mandate=mandate,
            bars=lambda symbol: histories.bars(symbol),
        )
    )
    board.listen(trader.on_quote)
    histories = Histories(
        market_data=kis.market_data,
        book=book,
        journal=journal,
        periods=settings.entry.periods,
        full_bars=settings.entry.full_bars,
        outages=outages,
        learn=trader.learn,
        forget=trader.forget_setup,
    )
    quote_desk = QuoteDesk(
        market_data=kis.market_data, board=board, book=book, outages=outages, calendar=calendar, clock=clock
    )
    looks = HeldLooks(
        book=book,
        board=board,
        journal=journal,
        calendar=calendar,
        clock=clock,
        protection=settings.protection,
        timing=LookTiming(interval_s=options.interval_s, near_s=min(LookTiming().near_s, options.interval_s)),
        look=trader.on_quote,
        ask=lambda symbol: poller.ask(symbol),
        is_carried=control.is_carried,
        on_round=lambda: watch_list.refresh(),
    )
    watch_list = WatchList(
        feed=kis.feed,
        always=settings.kis_ws_symbols,
        held=looks.by_nearness,
        indicators=histories.indicators,
        last_price=board.price,
        rules=settings.entry,
    )
    poller = QuotePoller(
        desk=quote_desk,
        board=board,
        book=book,
        control=control,
        calendar=calendar,
        clock=clock,
        interval_s=options.interval_s,
        stream_is_primary=stream_is_primary,
        symbols=trader.symbols,
        held=looks.by_nearness,
        max_runs=options.max_runs,
        on_runs_done=on_runs_done,
    )
    actions = CorporateActions(
        book=book,
        journal=journal,
        locks=locks,
        histories=histories,
        calendar=calendar,
        clock=clock,
        ask_account=reconciler.attempt,
        on_change=trader.on_account_change,
    )
    timetable = Timetable(
        book=book,
        board=board,
        journal=journal,
        trader=trader,
        histories=histories,
        selector=selector(journal),
        reconciler=reconciler,
        actions=actions,
        synchronizer=synchronizer,
        control=control,
        market_data=kis.market_data,
        feed=watch_list,
        calendar=calendar,
        clock=clock,
        prewarm=kis.prewarm,
        on_day_over=on_day_over,
        also_at_day_end=None if audit_desk is None else audit_desk.end_day,
    )
    return House(
        settings=settings,
        clock=clock,
        records=records,
        mend_store=mend_store,
        book=book,
        board=board,
        journal=journal,
        synchronizer=synchronizer,
        reconciler=reconciler,
        control=control,
        risk=risk,
        locks=locks,
        breakers=breakers,
        trader=trader,
        timetable=timetable,
        poller=poller,
        looks=looks,
        quote_desk=quote_desk,
        names=names,
        watch_list=watch_list,
        intake=Intake(board, reconciler, control, poller, journal),
        kis=kis,
        mandate=mandate,
        audit=audit_desk,
    )


def _mandate(settings: Settings, clock: Clock, calendar: TradingCalendar) -> Mandate:
    """The standing mandate that starting a daemon on paper money signs for its run (C28)."""
    now = clock.now()
    expires_at = now + timedelta(days=_MANDATE_DAYS)
    if settings.venue is Venue.SIMULATOR:  # nobody is there to sign another one in the middle of a simulated decade
        expires_at = max(expires_at, datetime.combine(calendar.last, time.max, KST))
    venue = "simulator" if settings.venue is Venue.SIMULATOR else "paper account"
    return Mandate(
        mandate_id=f"{settings.trading_mode.value.lower()}-{now:%Y%m%d%H%M%S}",
        signed_by=f"start on the {venue}",
        signed_at=now,
        expires_at=expires_at,
        side=Side.BUY,
        symbols=(),
        max_quantity=settings.risk.max_quantity,
        max_notional_a_day=_MANDATE_NOTIONAL_A_DAY,
    )
