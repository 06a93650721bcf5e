"""What an operator works with, built and tied to the house: the services, who sells by hand, what stops by itself."""

from __future__ import annotations

from dataclasses import dataclass

from kis_daemon.app.modes import TradingMode, Venue
from kis_daemon.app.settings import Settings
from kis_daemon.domain.calendar import TradingCalendar
from kis_daemon.ports import Clock, Entropy, Notifier
from kis_daemon.services.approvals import ApprovalDesk
from kis_daemon.services.automatic_stops import AutomaticStops, StopRules
from kis_daemon.services.book import Book
from kis_daemon.services.closer import Closer
from kis_daemon.services.closings import CLOSINGS_MARK
from kis_daemon.services.control import Control
from kis_daemon.services.journal import Journal
from kis_daemon.services.kill_switch import ReleaseRules
from kis_daemon.services.operations import Operations
from kis_daemon.services.order_synchronizer import OrderSynchronizer
from kis_daemon.services.quotes import QuoteBoard


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorOutfit:
    """The three of them."""

    operations: Operations
    closer: Closer
    stops: AutomaticStops


def release_rules(settings: Settings) -> ReleaseRules:
    """Return what a release of the kill switch needs under these settings: in REAL the code, always (C01)."""
    key = settings.kill_switch_admin_key
    return ReleaseRules(
        code_always=settings.trading_mode is TradingMode.REAL,
        two_persons=settings.kill_switch_two_persons,
        admin_key="" if key is None else key.get_secret_value(),
    )


def operator_outfit(
    settings: Settings,
    *,
    book: Book,
    board: QuoteBoard,
    journal: Journal,
    control: Control,
    synchronizer: OrderSynchronizer,
    approvals: ApprovalDesk,
    calendar: TradingCalendar,
    clock: Clock,
    entropy: Entropy,
    notifier: Notifier,
) -> OperatorOutfit:
    """Build them; from then on facts reach `stops`, marks `closer`, and an activation gets its code."""
    switches = control.switches
    stops = AutomaticStops(
        book=book,
        journal=journal,
        switches=switches,
        clock=clock,
        rules=StopRules(),
        released_by="simulator" if settings.venue is Venue.SIMULATOR else "",
    )
    journal.observe(stops.on_fact)
    closer = Closer(
        book=book,
        board=board,
        journal=journal,
        synchronizer=synchronizer,
        approvals=approvals,
        calendar=calendar,
        clock=clock,
        on_settled=lambda text: switches.see_mark(CLOSINGS_MARK, text),
    )
    switches.watch_mark(CLOSINGS_MARK, closer.take)
    operations = Operations(
        book=book,
        board=board,
        journal=journal,
        switches=switches,
        closer=closer,
        clock=clock,
        entropy=entropy,
        notifier=notifier,
        rules=release_rules(settings),
    )
    control.on_active = operations.make_code
    return OperatorOutfit(operations=operations, closer=closer, stops=stops)
