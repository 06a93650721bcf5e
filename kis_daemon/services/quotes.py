"""The quote board: the newest price of every symbol, and whoever waits for it.

Rules of this room (S2-Q, L06, S3-F08)
    The newest wins: a quote older than the one shown, or of a smaller day volume in the same second, is dropped.
    An answer has the time of its asking, a trade its own: a trade of more volume than the answer that is shown, or of
    as much in the same second, is newer although its time is earlier.
    A price of zero is no price. Listeners are called directly, in the order in which they asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from kis_daemon.domain.market import Quote, QuoteSource, Symbol, Won

FRESH = timedelta(seconds=5)
"""How old a price may be that stands for the present one, and that may open a position (S2-Q02)."""


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

    def __len__(self) -> int:
        return len(self._quotes)

    def listen(self, listener: Callable[[Quote], None]) -> None:
        """Call `listener` with every quote that is published from now on."""
        self._listeners.append(listener)

    def publish(self, quote: Quote) -> None:
        """Show `quote` and tell the listeners, unless it is old or has no price."""
        shown = self._quotes.get(quote.symbol)
        if quote.price <= 0 or (
            shown is not None
            and quote.at <= shown.at
            and (quote.day_volume < shown.day_volume or (quote.at < shown.at and not _is_later_trade(quote, shown)))
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


def _is_later_trade(quote: Quote, shown: Quote) -> bool:
    """Whether `quote`, of an earlier time and no less volume, is news beside an answer that was asked for."""
    if shown.source is not QuoteSource.REST or quote.at.date() != shown.at.date():
        return False
    return quote.day_volume > shown.day_volume or quote.at >= shown.at.replace(microsecond=0)
