"""What watches over losses, locks and mandates, tied together and to the control that asks the records for them.

Rules of this room
    They look whenever the control reads the kill switch, in its transaction: one question for all of them.
"""

from __future__ import annotations

from collections.abc import Callable

from kis_daemon.domain.approvals import Mandate
from kis_daemon.domain.breakers import BreakerRules
from kis_daemon.domain.calendar import TradingCalendar
from kis_daemon.domain.market import Symbol, Won
from kis_daemon.domain.risk import RiskLimits
from kis_daemon.ports import Clock
from kis_daemon.services.book import Book
from kis_daemon.services.circuit_breakers import CircuitBreakers
from kis_daemon.services.control import Control
from kis_daemon.services.drawdown import Drawdown
from kis_daemon.services.journal import Journal
from kis_daemon.services.locks import Locks
from kis_daemon.services.loss_alarms import LossAlarms
from kis_daemon.services.mandate_watch import MandateWatch
from kis_daemon.services.outages import Outages


def watched_by(
    control: Control,
    locks: Locks,
    *,
    book: Book,
    journal: Journal,
    calendar: TradingCalendar,
    clock: Clock,
    limits: RiskLimits,
    rules: BreakerRules,
    price: Callable[[Symbol], Won | None],
    outages: Outages,
    mandates: Callable[[], tuple[Mandate, ...]],
) -> CircuitBreakers:
    """Have `control` look with all of them, and return the circuit breakers."""
    drawdown = Drawdown(book, clock, price)
    breakers = CircuitBreakers(
        book=book,
        journal=journal,
        calendar=calendar,
        clock=clock,
        rules=rules,
        drawdown=drawdown,
        outages=outages,
    )
    control.ask_breakers(breakers.is_open)
    alarms = LossAlarms(book=book, journal=journal, limits=limits, rules=rules, drawdown=drawdown)
    for lookout in (locks, breakers, alarms, MandateWatch(mandates, journal, clock)):
        control.look_with(lookout)
    return breakers
