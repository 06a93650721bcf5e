"""Signals as facts: one line for every wish that became an order."""

from __future__ import annotations

from kis_daemon.domain.events import Scalar
from kis_daemon.domain.orders import OrderIntent
from kis_daemon.ports import Severity
from kis_daemon.services.book import Book
from kis_daemon.services.journal import Journal


def note_signal(journal: Journal, book: Book, intent: OrderIntent, **numbers: Scalar) -> None:
    """Note that the signal behind `intent` was raised and let in, with the `numbers` it was checked by."""
    journal.precede(
        journal.fact(
            "signal_raised",
            severity=Severity.INFO,
            alerts=False,
            correlation_id=intent.correlation_id,
            symbol=intent.symbol,
            name=book.names.get(intent.symbol, ""),
            side=intent.side.value,
            rule=intent.rule,
            reason=intent.reason,
            signal_id=intent.signal_id,
            **numbers,
        )
    )
