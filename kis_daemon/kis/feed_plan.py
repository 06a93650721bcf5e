"""Which symbols the stream carries: what is held, and of the candidates those nearest to a trigger. Pure but for its
state; times are the loop's.

Rules of this room
    Of KIS's 41 registrations 40 are planned for, the notice first. The last one is kept free, so that a symbol can
    enter before another has left.
    What is held is carried at once: the least important candidate leaves for it, whatever its age.
    Among candidates a place changes hands for a clearly nearer one only: after ten minutes at the least, six times an
    hour at the most, forced changes counted. KIS blocks keys that register and unregister in a loop.
    A symbol that KIS refuses gets no place.
    What nobody wants any more keeps its place until somebody needs it: leaving is a change too.
    A new connection, and the first new universe of a day, are a clean sheet.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from kis_daemon.domain.market import Symbol

PLANNED = 40
RESERVE = 1
SWAPS = 6
_ON_ITS_WAY_S = 10.0  # what is decided is sent a little later, and not always equally late
LIFE_S = 600.0 + _ON_ITS_WAY_S
SWAP_WINDOW_S = 3600.0 + _ON_ITS_WAY_S
_NEARER_BY = 3  # ranks: two neighbours that pass each other all day are not worth a swap
_GRAIN_S = 1e-3  # a loop may wake us this much early


class FeedPlan:
    """See the rules above. `notices`: how many registrations are not for symbols."""

    def __init__(self, notices: int) -> None:
        self._places = PLANNED - notices
        self._held: tuple[Symbol, ...] = ()
        self._ranks: dict[Symbol, int] = {}
        self._since: dict[Symbol, float] = {}
        self._barred: set[Symbol] = set()
        self._changes: deque[float] = deque(maxlen=SWAPS)

    def want(self, held: Sequence[Symbol], candidates: Sequence[Symbol]) -> int:
        """Replace what is wanted; return how many held symbols find no place."""
        distinct = tuple(dict.fromkeys(held))
        self._held = distinct[: self._places + RESERVE]
        self._ranks = {
            symbol: rank for rank, symbol in enumerate(dict.fromkeys(candidates)) if symbol not in self._held
        }
        return len(distinct) - len(self._held)

    def begin(self) -> None:
        """Take a clean sheet: nothing is carried yet, or all may change."""
        self._since.clear()
        self._barred.clear()

    def bar(self, symbol: Symbol) -> None:
        """Note that KIS refuses this symbol: it gets no place until the next clean sheet."""
        self._barred.add(symbol)
        self._since.pop(symbol, None)

    def sent(self, symbol: Symbol, now: float) -> None:
        """Note that its registration leaves now: its life begins here."""
        if symbol in self._since:
            self._since[symbol] = now

    def symbols(self, now: float) -> tuple[Symbol, ...]:
        """Return what is to be carried now, what is held first."""
        held = tuple(symbol for symbol in self._held if symbol not in self._barred)
        for symbol in held:
            self._since.setdefault(symbol, now)
        while len(self._since) > self._places and (leaving := self._least_important()) is not None:
            self._leave(leaving, now)
        while len(self._since) < self._places and (entering := self._waiting()) is not None:
            self._since[entering] = now
        while (swap := self._next_swap(now)) is not None:
            leaving, entering = swap
            self._leave(leaving, now)
            self._since[entering] = now
        others = (symbol for symbol in self._since if symbol not in self._held)
        return (*held, *others)

    def next_look_at(self) -> float | None:
        """Return when a swap that is wanted will be allowed; None: nothing is waiting."""
        entering = self._waiting()
        if entering is None:
            return None
        ends = [since + LIFE_S for symbol, since in self._since.items() if self._is_nearer(entering, symbol)]
        if not ends:
            return None
        return max(min(ends), self._changes[0] + SWAP_WINDOW_S) if len(self._changes) == SWAPS else min(ends)

    def _next_swap(self, now: float) -> tuple[Symbol, Symbol] | None:
        entering = self._waiting()
        if entering is None or (len(self._changes) == SWAPS and now + _GRAIN_S < self._changes[0] + SWAP_WINDOW_S):
            return None
        leaving = self._least_important(older_than=now + _GRAIN_S - LIFE_S)
        return (leaving, entering) if leaving is not None and self._is_nearer(entering, leaving) else None

    def _waiting(self) -> Symbol | None:
        """Return the nearest candidate without a place."""
        return next((name for name in self._ranks if name not in self._since and name not in self._barred), None)

    def _is_nearer(self, entering: Symbol, carried: Symbol) -> bool:
        return carried not in self._held and self._rank(carried) - self._rank(entering) >= _NEARER_BY

    def _rank(self, symbol: Symbol) -> int:
        """Return its place among the candidates; far behind all of them where it is wanted no more."""
        return self._ranks.get(symbol, len(self._ranks) + _NEARER_BY)

    def _least_important(self, older_than: float = float("inf")) -> Symbol | None:
        found = [symbol for symbol, since in self._since.items() if symbol not in self._held and since <= older_than]
        return max(found, key=self._rank, default=None)

    def _leave(self, symbol: Symbol, now: float) -> None:
        del self._since[symbol]
        self._changes.append(now)
