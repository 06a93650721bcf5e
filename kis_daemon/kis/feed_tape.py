"""The trades of each symbol in their order: what came twice or late is left out, what is missing is counted. Pure but
for its state.

Rules of this room (contract 5.5.1: there is no sequence number)
    The day's volume is the number: it must grow by exactly the shares traded. A step that does not fit is a gap.
    The same volume again is a duplicate; a smaller one, not later in time, is late: both are dropped and counted.
    A smaller volume that is later in time, or comes five times running, was not late: the one before it was wrong,
    and counting begins anew. A symbol must never fall silent because of one bad figure.
    The first trade of a day, and of a symbol that nobody asked for until now, is a beginning. What was missed while
    there was no connection is counted, but told by the connection itself.
"""

from __future__ import annotations

from datetime import datetime

from kis_daemon.domain.market import Quote, Symbol

DROPPED = -1
_LATE_IN_A_ROW = 5
_MOST_SYMBOLS = 1024  # far above what is registered in a day: garbage must not fill the memory


class _Last:
    __slots__ = ("at", "is_resumed", "late", "volume")

    def __init__(self, at: datetime, volume: int) -> None:
        self.at = at
        self.volume = volume
        self.late = 0
        self.is_resumed = False


class FeedTape:
    """See the rules above."""

    def __init__(self) -> None:
        self._last: dict[Symbol, _Last] = {}
        self.gaps = 0
        self.dropped = 0

    def resume(self) -> None:
        """Note that a new connection begins: something may be missing before the next trade of every symbol."""
        for last in self._last.values():
            last.is_resumed = True

    def forget(self, symbol: Symbol) -> None:
        """Note that the symbol is no longer listened to."""
        self._last.pop(symbol, None)

    def take(self, quote: Quote, size: int) -> int:
        """Return how many shares are missing before this trade of `size` (0: none), or `DROPPED`."""
        last = self._last.get(quote.symbol)
        if last is not None and size > 0 and quote.day_volume - last.volume == size:
            last.volume, last.at, last.late, last.is_resumed = quote.day_volume, quote.at, 0, False
            return 0
        return self._judge(last, quote, size)

    def _judge(self, last: _Last | None, quote: Quote, size: int) -> int:
        if last is None or quote.at.date() > last.at.date():
            if last is None and len(self._last) >= _MOST_SYMBOLS:
                del self._last[next(iter(self._last))]
            self._last[quote.symbol] = _Last(quote.at, quote.day_volume)
            return 0
        step = quote.day_volume - last.volume
        if step == 0 and size == 0 and quote.at >= last.at:
            last.at = quote.at  # no trade, but perhaps another touch or another state of the market
            return 0
        if step == 0 or (step < 0 and not self._was_wrong(last, quote)):
            self.dropped += 1
            return DROPPED
        is_resumed = last.is_resumed
        self._last[quote.symbol] = _Last(quote.at, quote.day_volume)
        missed = abs(step - size)
        if not missed:
            return 0
        self.gaps += 1
        return 0 if is_resumed else missed

    def _was_wrong(self, last: _Last, quote: Quote) -> bool:
        """Whether a volume that goes backwards tells that the one before it was wrong."""
        last.late += 1
        return last.late >= _LATE_IN_A_ROW or quote.at > last.at
