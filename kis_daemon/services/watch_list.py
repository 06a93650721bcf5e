"""The watch list: which symbols the stream is to carry, in the order of their importance.

Rules of this room (S2-E04, S2-Q08; the wire contract, registrations)
    What is held comes first, nearest to its stop first; then what an operator named (`KIS_WS_SYMBOLS`), always and from
    the start; then the universe, nearest to its breakout first. What cannot be bought today comes last.
    The feed decides how fast places change; between two days it hears of an order only when it is a new one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kis_daemon.domain import strategy
from kis_daemon.domain.indicators import Indicators
from kis_daemon.domain.market import Symbol, Won
from kis_daemon.domain.strategy import EntryRules, EntrySetup
from kis_daemon.ports import FeedSink, QuoteFeed


class WatchList(QuoteFeed):
    """The feed, told what matters in the order of these rules."""

    def __init__(
        self,
        *,
        feed: QuoteFeed,
        always: Sequence[Symbol],
        held: Callable[[], Sequence[Symbol]],
        indicators: Callable[[Symbol], Indicators | None],
        last_price: Callable[[Symbol], Won | None],
        rules: EntryRules,
    ) -> None:
        self._feed = feed
        self._always = tuple(always)
        self._held = held
        self._indicators = indicators
        self._last_price = last_price
        self._rules = rules
        self._candidates: tuple[Symbol, ...] = ()
        self._told: tuple[list[Symbol], list[Symbol]] | None = None

    async def run(self, sink: FeedSink) -> None:
        """Connect, register, read and reconnect until cancelled."""
        self.refresh()
        await self._feed.run(sink)

    def want(self, held: Sequence[Symbol], candidates: Sequence[Symbol] = ()) -> None:
        """Carry these from now on, in our order; what was bought since comes with what is held."""
        self._candidates = tuple(dict.fromkeys([*held, *candidates]))
        self._told = None
        self.refresh()

    def refresh(self) -> None:
        """Tell the feed what matters now, if that has changed."""
        first = list(dict.fromkeys([*self._held(), *self._always]))
        others = [symbol for symbol in self._candidates if symbol not in first]
        wanted = first, sorted(others, key=self._way_to_breakout)
        if wanted != self._told:
            self._told = wanted
            self._feed.want(*wanted)

    def _way_to_breakout(self, symbol: Symbol) -> float:
        """Return how far the price is below its breakout, as a part of it; what cannot be bought is farthest."""
        setup = strategy.setup(self._indicators(symbol), self._rules)
        price = self._last_price(symbol)
        if not isinstance(setup, EntrySetup) or price is None:
            return float("inf")
        return (setup.level - price) / setup.level
