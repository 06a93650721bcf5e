"""Where persons decide: the desks of proposals and of approved orders, and the mandate that a start signs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, time, timedelta

from kis_daemon.app.modes import Venue
from kis_daemon.app.settings import Settings
from kis_daemon.domain.approvals import Mandate
from kis_daemon.domain.calendar import KST, TradingCalendar
from kis_daemon.domain.indicators import Indicators
from kis_daemon.domain.market import Side, Symbol, Won
from kis_daemon.domain.orders import Order, OrderIntent
from kis_daemon.domain.risk import Denied
from kis_daemon.ports import Clock, Records
from kis_daemon.services.approvals import ApprovalDesk, Grant, RecordsIssuer
from kis_daemon.services.book import Book
from kis_daemon.services.door import Refused
from kis_daemon.services.journal import Journal
from kis_daemon.services.mandates import SIGNED_BY_A_START
from kis_daemon.services.order_desk import OrderDesk
from kis_daemon.services.proposal_desk import ProposalDesk
from kis_daemon.services.risk_manager import RiskManager

_MANDATE_DAYS = 365
_MANDATE_NOTIONAL_A_DAY = 10_000_000_000  # paper money; the risk limits bind long before


class Persons:
    """The desks that share one idea of what is forbidden at this moment."""

    def __init__(
        self,
        *,
        settings: Settings,
        journal: Journal,
        records: Records,
        book: Book,
        clock: Clock,
        approvals: ApprovalDesk,
        risk: RiskManager,
        look: Callable[[Symbol], Awaitable[object]],
        last_price: Callable[[Symbol], Won | None],
        trades_continuously: Callable[[Symbol], bool],
        place: Callable[[OrderIntent, Grant], Awaitable[Order | Refused]],
    ) -> None:
        self._risk = risk
        self._journal = journal
        self._book = book
        self._clock = clock
        self._approvals = approvals
        self._look = look
        self._last_price = last_price
        self._trades_continuously = trades_continuously
        self._place = place
        self.issuer = RecordsIssuer(approvals.mint, records)
        self.proposals = ProposalDesk(
            journal=journal,
            issuer=self.issuer,
            clock=clock,
            provenance=approvals.provenance,
            terms=settings.approvals,
            look=look,
            last_price=last_price,
            forbids=self.forbids,
            place=place,
        )

    def order_desk(self, indicators: Callable[[Symbol], Indicators | None]) -> OrderDesk:
        """Return the desk of approved orders."""
        return OrderDesk(
            journal=self._journal,
            book=self._book,
            clock=self._clock,
            approvals=self._approvals,
            look=self._look,
            last_price=self._last_price,
            indicators=indicators,
            forbids=self.forbids,
            place=self._place,
        )

    def forbids(self, intent: OrderIntent) -> str | None:
        """Return why an order that a person wants is not allowed now, None where it is."""
        if not self._trades_continuously(intent.symbol):
            return f"{intent.symbol} does not trade continuously now"
        verdict = self._risk.check(intent)
        return verdict.reason if isinstance(verdict, Denied) else None


def run_mandate(settings: Settings, clock: Clock, calendar: TradingCalendar) -> Mandate:
    """The standing mandate that a start signs for its run; in REAL --confirm-real-trading signs it (C28)."""
    now = clock.now()
    expires_at = now + timedelta(days=_MANDATE_DAYS)
    if settings.venue is Venue.SIMULATOR:  # nobody is there to sign another one in the middle of a simulated decade
        expires_at = max(expires_at, datetime.combine(calendar.last, time.max, KST))
    venue = {Venue.SIMULATOR: "simulator", Venue.KIS_PAPER: "paper account"}.get(
        settings.venue, "real account with --confirm-real-trading"
    )
    return Mandate(
        mandate_id=f"{settings.trading_mode.value.lower()}-{now:%Y%m%d%H%M%S}",
        signed_by=f"{SIGNED_BY_A_START}the {venue}",
        signed_at=now,
        expires_at=expires_at,
        side=Side.BUY,
        symbols=(),
        max_quantity=settings.risk.max_quantity,
        max_notional_a_day=_MANDATE_NOTIONAL_A_DAY,
    )
