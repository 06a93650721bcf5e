"""The loss alarms: a person hears that a loss limit comes near or was reached, once a day each.

Rules of this room (S4-M05, S4-M08; C15, C16)
    Nothing is decided here: the gate, the risk manager and the breakers do. A restart may tell once more.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from kis_daemon.domain import risk
from kis_daemon.domain.breakers import BreakerRules
from kis_daemon.domain.risk import RiskLimits
from kis_daemon.ports import Rows, Severity
from kis_daemon.services.book import Book
from kis_daemon.services.drawdown import Drawdown
from kis_daemon.services.journal import Journal


class LossAlarms:
    """See the rules above."""

    def __init__(
        self, *, book: Book, journal: Journal, limits: RiskLimits, rules: BreakerRules, drawdown: Drawdown
    ) -> None:
        self._book = book
        self._journal = journal
        self._limits = limits
        self._rules = rules
        self._drawdown = drawdown
        self._told: set[str] = set()
        self._day = date.min

    def begin(self) -> None:
        """Nothing of it is in the records."""

    def read(self, rows: Rows) -> None:
        """Nothing of it is in the records."""

    def look(self) -> None:
        """Tell what is near or reached, and was not told today."""
        if self._book.day != self._day:
            self._day = self._book.day
            self._told.clear()
        figures, limits = self._book.figures(()), self._limits
        lost: dict[str, int | float] = {
            "realized_pnl": min(figures.realized_today, figures.worst_realized_today),
            "limit_pct": limits.max_daily_loss_pct,
        }
        if risk.daily_loss_reached(figures, limits):
            self._tell("daily_loss_reached", Severity.ERROR, **lost)
        elif risk.daily_loss_near(figures, limits):
            self._tell("daily_loss_warning", Severity.WARNING, **lost)
        if risk.losses_in_a_row_reached(figures, limits):
            self._tell("losses_in_a_row", Severity.WARNING, losses=limits.max_consecutive_losses)
        if self._drawdown.pct >= self._rules.warn_drawdown_pct:
            self._tell(
                "drawdown_warning",
                Severity.WARNING,
                drawdown_pct=round(self._drawdown.pct, 2),
                limit_pct=self._rules.max_drawdown_pct,
                peak=self._drawdown.peak,
            )

    def _tell(self, event: str, severity: Severity, **data: float) -> None:
        if event not in self._told:
            self._told.add(event)
            told: dict[str, Any] = data
            self._journal.note(self._journal.fact(event, severity=severity, alerts=True, **told))
