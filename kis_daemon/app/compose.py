"""Who is built, and with what: the only place that knows every room.

Rules of this room
    Below this line nobody asks which mode or venue it is: a different behaviour is a different object handed in here.
    The real host is reached by one path: a countdown that a person let pass (real_money.py).
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import date

from kis_daemon.app.house import Counterpart, House
from kis_daemon.app.http_desk import health, readiness
from kis_daemon.app.operator_outfit import operator_outfit
from kis_daemon.app.options import Feed, RunOptions
from kis_daemon.app.persons import Persons, run_mandate
from kis_daemon.app.real_money import first_steps
from kis_daemon.app.safety import watched_by
from kis_daemon.app.settings import Settings, config_hash
from kis_daemon.console.http.desks import Desks
from kis_daemon.domain.calendar import TradingCalendar
from kis_daemon.domain.market import Symbol
from kis_daemon.domain.orders import Order
from kis_daemon.ports import Clock, Entropy, Notifier, Records
from kis_daemon.services.account_keeper import AccountKeeper, Patience
from kis_daemon.services.approvals import ApprovalDesk, Provenance
from kis_daemon.services.audit_desk import AuditDesk, AuditPlaces
from kis_daemon.services.audit_recorder import RecordedDoor, RecordedTrader
from kis_daemon.services.book import Book
from kis_daemon.services.bookkeeper import Bookkeeper
from kis_daemon.services.buyer import Buyer
from kis_daemon.services.control import Control, ControlTiming
from kis_daemon.services.corporate_actions import CorporateActions
from kis_daemon.services.desks import TradingRules
from kis_daemon.services.histories import Histories
from kis_daemon.services.intake import Intake
from kis_daemon.services.journal import Journal
from kis_daemon.services.locks import Locks
from kis_daemon.services.looks import HeldLooks, LookTiming
from kis_daemon.services.mandates import Mandates
from kis_daemon.services.market_days import AskDays, MarketDays
from kis_daemon.services.names import Names, NamingNotifier
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
from kis_daemon.services.timetable import EndOfDay, Selector, Timetable
from kis_daemon.services.trader import Trader
from kis_daemon.services.watch_list import WatchList


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
    asks_a_person: bool = False,
    switch_file: SwitchFile | None = None,
    ask_days: AskDays | None = None,
    evening: Callable[[Journal], EndOfDay] | None = None,
) -> House:
    """Build the services of one run and tie them together; nothing is opened or started."""
    stream_is_primary = options.feed is Feed.WS
    book = Book()
    board = QuoteBoard()
    outages = Outages(clock)
    journal = Journal(records, clock, NamingNotifier(notifier, book))
    names = Names(book=book, broker=kis.broker, records=records, clock=clock)
    book.on_name = names.learn
    mandate = run_mandate(settings, clock, calendar)
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
        first_steps=first_steps(settings, options),
        asks_a_person=asks_a_person,
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
        switch_file=switch_file,
    )

    mandates = Mandates(
        journal=journal,
        desk=desk,
        clock=clock,
        mode=settings.trading_mode.value,
        of_the_run=mandate,
        poll_s=poll_s,
        on_change=lambda: trader.note_mandates() if isinstance(trader, RecordedTrader) else None,
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
        mandates=lambda: desk.mandates,
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
    persons = Persons(
        settings=settings,
        journal=journal,
        records=records,
        book=book,
        clock=clock,
        approvals=desk,
        risk=risk,
        look=lambda symbol: quote_desk.look(symbol),
        last_price=board.price,
        trades_continuously=trades_continuously,
        place=synchronizer.place_and_wait,
    )
    operator = operator_outfit(
        settings,
        book=book,
        board=board,
        journal=journal,
        control=control,
        synchronizer=synchronizer,
        approvals=desk,
        calendar=calendar,
        clock=clock,
        entropy=entropy,
        notifier=notifier,
    )
    audit_desk = None if audit is None else AuditDesk(audit, journal, clock, notifier)
    door = RecordedDoor(synchronizer)
    buyer = Buyer(
        book=book,
        journal=journal,
        synchronizer=door,
        approvals=desk,
        risk=risk,
        rules=rules,
        propose=persons.proposals.propose,
    )
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
            mandates=lambda: desk.mandates,
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
    market_days = MarketDays(ask=ask_days, calendar=calendar, journal=journal, clock=clock)
    control.calendar_differs_on = market_days.differs_on
    timetable = Timetable(
        book=book,
        board=board,
        journal=journal,
        trader=trader,
        histories=histories,
        selector=selector(journal),
        reconciler=reconciler,
        actions=actions,
        market_days=market_days,
        synchronizer=synchronizer,
        control=control,
        market_data=kis.market_data,
        feed=watch_list,
        calendar=calendar,
        clock=clock,
        prewarm=kis.prewarm,
        on_day_over=on_day_over,
        at_day_end=[
            *([] if audit_desk is None else [audit_desk.end_day]),  # first: the inputs of the day are on the disk then
            operator.stops.end_day,
            *([] if evening is None else [evening(journal)]),
        ],
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
        histories=histories,
        timetable=timetable,
        poller=poller,
        looks=looks,
        quote_desk=quote_desk,
        names=names,
        watch_list=watch_list,
        intake=Intake(board, reconciler, control, poller, journal),
        kis=kis,
        mandate=mandate,
        mandates=mandates,
        proposals=persons.proposals,
        desks=Desks(
            proposals=persons.proposals,
            issuer=persons.issuer,
            orders=persons.order_desk(histories.indicators),
            operations=operator.operations,
            breakers=breakers,
            health=lambda: health(settings, book, control, clock, commit),
            readiness=lambda: readiness(settings, kis.feed.metrics()),
            reconnect=kis.feed.reconnect,
        ),
        operator=operator,
        audit=audit_desk,
        market_days=market_days,
    )
