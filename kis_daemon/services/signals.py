"""Signals as facts: one line for every wish that became an order."""

from __future__ import annotations

from kis_daemon.domain.orders import OrderIntent
from kis_daemon.services.book import Book
from kis_daemon.services.journal import Journal


def note_signal(journal: Journal, book: Book, intent: OrderIntent) -> None:
    """Note that the signal behind `intent` was raised and let in."""
    journal.note(
        journal.fact(
            "signal_raised",
            correlation_id=intent.correlation_id,
            symbol=intent.symbol,
            name=book.names.get(intent.symbol, ""),
            side=intent.side.value,
            rule=intent.rule,
            reason=intent.reason,
            signal_id=intent.signal_id,
        )
    )
