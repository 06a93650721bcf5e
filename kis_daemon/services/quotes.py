"""The quote board: the newest price of every symbol, and whoever waits for it.

Rules of this room (S2-Q, L06, S3-F08)
    The newest wins: a quote older than the one shown, or of a smaller day volume in the same second, is dropped.
    A price of zero is no price. Listeners are called directly, in the order in which they asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from kis_daemon.domain.market import Quote, Symbol, Won


@dataclass(slots=True)
class QuoteMetrics:
    """Counters of the board."""

    upserts: int = 0
    dropped: int = 0


class QuoteBoard:
    """See the rules above."""

    def __init__(self) -> None:
        self._quotes: dict[Symbol, Quote] = {}
        self._listeners: list[Callable[[Quote], None]] = []
        self.metrics = QuoteMetrics()

    def listen(self, listener: Callable[[Quote], None]) -> None:
        """Call `listener` with every quote that is published from now on."""
        self._listeners.append(listener)

    def publish(self, quote: Quote) -> None:
        """Show `quote` and tell the listeners, unless it is old or has no price."""
        shown = self._quotes.get(quote.symbol)
        if quote.price <= 0 or (
            shown is not None
            and (quote.at < shown.at or (quote.at == shown.at and quote.day_volume < shown.day_volume))
        ):
            self.metrics.dropped += 1
            return
        self._quotes[quote.symbol] = quote
        self.metrics.upserts += 1
        for listener in self._listeners:
            listener(quote)

    def quote(self, symbol: Symbol) -> Quote | None:
        return self._quotes.get(symbol)

    def price(self, symbol: Symbol) -> Won | None:
        quote = self._quotes.get(symbol)
        return None if quote is None else quote.price

    def prices(self, symbols: Iterable[Symbol]) -> dict[Symbol, Won]:
        """Return the last price of each symbol that has one."""
        return {symbol: quote.price for symbol in symbols if (quote := self._quotes.get(symbol)) is not None}

    def older_than(self, symbol: Symbol, moment: datetime) -> bool:
        """Whether the symbol has no quote, or its quote is from before `moment`."""
        quote = self._quotes.get(symbol)
        return quote is None or quote.at < moment
