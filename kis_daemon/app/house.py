"""The house as it is composed: everything that lives while the daemon does, and who answers it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from kis_daemon.app.operator_outfit import OperatorOutfit
from kis_daemon.app.settings import Settings
from kis_daemon.console.http.desks import Desks
from kis_daemon.domain.approvals import Mandate
from kis_daemon.ports import Broker, Clock, MarketData, QuoteFeed, Records
from kis_daemon.services.audit_desk import AuditDesk
from kis_daemon.services.book import Book
from kis_daemon.services.circuit_breakers import CircuitBreakers
from kis_daemon.services.control import Control
from kis_daemon.services.histories import Histories
from kis_daemon.services.intake import Intake
from kis_daemon.services.journal import Journal
from kis_daemon.services.locks import Locks
from kis_daemon.services.looks import HeldLooks
from kis_daemon.services.mandates import Mandates
from kis_daemon.services.market_days import MarketDays
from kis_daemon.services.names import Names
from kis_daemon.services.order_synchronizer import OrderSynchronizer
from kis_daemon.services.poller import QuotePoller
from kis_daemon.services.proposal_desk import ProposalDesk
from kis_daemon.services.quote_desk import QuoteDesk
from kis_daemon.services.quote_metrics import QuoteFigures, StreamFigures, quote_figures
from kis_daemon.services.quotes import QuoteBoard
from kis_daemon.services.reconciler import Reconciler
from kis_daemon.services.risk_manager import RiskManager
from kis_daemon.services.timetable import Timetable
from kis_daemon.services.trader import Trader
from kis_daemon.services.watch_list import WatchList


class MeasuredFeed(QuoteFeed, Protocol):
    """A stream that tells of itself."""

    def metrics(self) -> StreamFigures: ...

    def reconnect(self) -> None: ...


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
    histories: Histories
    timetable: Timetable
    poller: QuotePoller
    looks: HeldLooks
    quote_desk: QuoteDesk
    names: Names
    watch_list: WatchList
    intake: Intake
    kis: Counterpart
    mandate: Mandate
    mandates: Mandates
    proposals: ProposalDesk
    desks: Desks
    operator: OperatorOutfit
    audit: AuditDesk | None
    market_days: MarketDays

    def quote_figures(self) -> QuoteFigures:
        """Return the figures of the quote path; called inside the running loop."""
        return quote_figures(self.board, self.quote_desk, self.kis.feed.metrics())
