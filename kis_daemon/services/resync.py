"""The resync: what must be asked anew, after the stream was away, before entries go on.

Rules of this room (C24, C25; requirements, section 8)
    What happened while nobody told us is unknown: orders, account and the price of every held symbol are asked for,
    each by a question that began after the stream came back. Until then the gate lets exits pass only.
    A symbol that cannot be asked about for a reason of its own (unknown, unreadable) holds up nobody else.
    The account waits while an order is live: a statement read between a fill and its booking would count it twice.
"""

from __future__ import annotations

from datetime import datetime

from kis_daemon.domain.market import Symbol
from kis_daemon.ports import Clock
from kis_daemon.services.book import Book


class Resync:
    """See the rules above. At the start nothing was asked, and nothing is known to have been missed."""

    def __init__(self, book: Book, clock: Clock) -> None:
        self._book = book
        self._clock = clock
        self._since: datetime | None = None
        self._looked: dict[Symbol, None] = {}

    def require(self) -> None:
        """The stream has just come (back): ask for everything from now on."""
        self._since = self._clock.now()
        self._looked.clear()

    def looked_at(self, symbol: Symbol) -> None:
        """The price of `symbol` was asked for, and told if there is any."""
        self._looked[symbol] = None

    def unseen(self) -> list[Symbol]:
        """Return the held symbols whose price is still to be asked for."""
        if self._since is None:
            return []
        return [symbol for symbol in self._book.positions if symbol not in self._looked]

    def is_done(self, reconciled: datetime | None, account_read: datetime | None) -> bool:
        """Whether all is known again, given when the last complete reconciliation and statement were asked for."""
        if self._since is None:
            return True
        if reconciled is None or reconciled < self._since:
            return False
        account_known = account_read is not None and account_read >= self._since
        if not (account_known or self._book.live_orders()):
            return False
        if self.unseen():
            return False
        self._since = None
        return True
