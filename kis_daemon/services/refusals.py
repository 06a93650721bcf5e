"""Orders that the door refused: each a fact and a row of its own."""

from __future__ import annotations

from kis_daemon.domain.orders import OrderIntent
from kis_daemon.ports import Clock, Severity
from kis_daemon.services.book import Book
from kis_daemon.services.door import Refused
from kis_daemon.services.journal import Journal


class Refusals:
    """Tells what was refused, once for each signal and reason."""

    def __init__(self, journal: Journal, book: Book, clock: Clock) -> None:
        self._journal = journal
        self._book = book
        self._clock = clock
        self._told: dict[str, str] = {}

    def forget(self) -> None:
        """Tell everything again: a new day has begun."""
        self._told.clear()

    def refuse(
        self, intent: OrderIntent, code: str, reason: str, *, killed: bool = False, again: bool = False
    ) -> Refused:
        """Keep the refused request once for each signal and reason: a closed gate is not news at every tick.

        `again`: a person asked, who is answered each time.
        """
        refused = Refused(code=code, reason=reason)
        if self._told.get(intent.signal_id) == reason and not again:
            return refused
        self._told[intent.signal_id] = reason
        at = self._clock.now()
        event = "order_blocked_killswitch" if killed else f"order_rejected_{code}"
        self._journal.note(
            self._journal.fact(
                event,
                severity=Severity.ERROR if killed else Severity.WARNING,
                alerts=killed,
                correlation_id=intent.correlation_id,
                symbol=intent.symbol,
                name=self._book.names.get(intent.symbol, ""),
                side=intent.side.value,
                quantity=intent.quantity,
                rule=intent.rule,
                reason=reason,
                detail=intent.reason,
            ),
            also=lambda rows: rows.add_refused_request(intent, at, reason),
        )
        return refused
