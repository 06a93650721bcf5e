"""The looks: what is held is looked at, however silent the market is.

Rules of this room (S3-X06, C23; requirements, section 8: alerts)
    Prices are looked at when they come. Beside that every held symbol is looked at with its last price at least every
    `interval_s`, and every `near_s` once 70 % of the way to its stop are behind it. A look never waits for anybody.
    Near its stop a symbol is asked about once its price is that old; where the stream carries it, once it has said
    nothing for `interval_s`.
    A person hears once that 80 % of the way to stop or target are behind, and again only after it was left.
    The intervals are measured; one that was longer than promised is counted and told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from kis_daemon.domain.calendar import SessionPhase, TradingCalendar
from kis_daemon.domain.market import Quote, QuoteSession, Symbol
from kis_daemon.domain.positions import Position, ProtectionRules
from kis_daemon.ports import Clock, Severity
from kis_daemon.services.book import Book
from kis_daemon.services.hours import trading_phase
from kis_daemon.services.journal import Journal
from kis_daemon.services.nearness import Nearness, nearness
from kis_daemon.services.quotes import QuoteBoard

log = structlog.get_logger("looks")

NEAR = 0.70  # of the way to the stop: from here on the shorter interval
_ALERTED = 0.80  # of the way to stop or target: a person hears of it
_GRACE_S = 1.0  # a loop may be busy this long before a look is called late


@dataclass(frozen=True, slots=True, kw_only=True)
class LookTiming:
    """The longest intervals between two looks at a held symbol, in seconds."""

    interval_s: float = 60.0
    near_s: float = 15.0


@dataclass(slots=True)
class LookMetrics:
    """How the promise was kept: looks, those that were late, and the longest interval of a day, far and near."""

    looks: int = 0
    late: int = 0
    longest_s: float = 0.0
    longest_near_s: float = 0.0


class HeldLooks:
    """See the rules above."""

    def __init__(
        self,
        *,
        book: Book,
        board: QuoteBoard,
        journal: Journal,
        calendar: TradingCalendar,
        clock: Clock,
        protection: ProtectionRules,
        timing: LookTiming,
        look: Callable[[Quote], None],
        ask: Callable[[Symbol], None],
        is_carried: Callable[[Symbol], bool],
        on_round: Callable[[], None],
    ) -> None:
        self._book = book
        self._board = board
        self._journal = journal
        self._calendar = calendar
        self._clock = clock
        self._protection = protection
        self._timing = timing
        self._look = look
        self._ask = ask
        self._is_carried = is_carried
        self._on_round = on_round
        self._rounds_until = 0.0
        self._looked_at: dict[Symbol, tuple[datetime, bool]] = {}
        self._alerted: dict[tuple[Symbol, str], None] = {}
        self.metrics = LookMetrics()

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            is_closed = trading_phase(self._calendar, self._clock.now()) is SessionPhase.CLOSED
            if is_closed:
                self._looked_at.clear()  # the night is no interval
            else:
                self.look_around()
                self._tell_round()
            await asyncio.sleep(self._timing.interval_s if is_closed else self._timing.near_s)

    def _tell_round(self) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._rounds_until:
            self._rounds_until = now + self._timing.interval_s
            self._on_round()

    def look_around(self) -> None:
        """Look at every held symbol whose time has come, and at those that are near."""
        now = self._clock.now()
        held = self._book.positions
        for gone in [symbol for symbol in self._looked_at if symbol not in held]:
            del self._looked_at[gone]
        for key in [key for key in self._alerted if key[0] not in held]:
            del self._alerted[key]
        for symbol, position in tuple(held.items()):
            quote = self._board.quote(symbol)
            near = None if quote is None else self._near(position, quote, now)
            is_near = near is not None and near.to_stop >= NEAR
            if self._is_due(symbol, now, is_near):
                self._take_down(symbol, now, is_near)
                if quote is not None:
                    self._look(quote)
            if quote is not None and near is not None:
                self._tell(position, quote, near)
            if is_near and quote is not None and self._is_too_old(quote, now):
                self._ask(symbol)

    def by_nearness(self) -> list[Symbol]:
        """Return the held symbols, nearest to their stop first; those without a price of today before all."""
        now = self._clock.now()

        def key(symbol: Symbol) -> float:
            quote = self._board.quote(symbol)
            found = None if quote is None else self._near(self._book.positions[symbol], quote, now)
            return float("-inf") if found is None else -found.to_stop

        return sorted(self._book.positions, key=key)

    def _near(self, position: Position, quote: Quote, now: datetime) -> Nearness | None:
        """Return how near the position is, None where the quote says nothing about this day."""
        if quote.at.date() != now.date() or quote.session is QuoteSession.AFTER_HOURS or quote.day_volume <= 0:
            return None
        return nearness(position, quote.price, now.date(), self._protection)

    def _is_too_old(self, quote: Quote, now: datetime) -> bool:
        carried = self._is_carried(quote.symbol)
        return now - quote.at >= timedelta(seconds=self._timing.interval_s if carried else self._timing.near_s)

    def _is_due(self, symbol: Symbol, now: datetime, is_near: bool) -> bool:
        known = self._looked_at.get(symbol)
        if known is None or is_near:
            return True
        self._looked_at[symbol] = (known[0], False)
        # the next round is `near_s` away: what would be due before it is due now
        return (now - known[0]).total_seconds() + self._timing.near_s > self._timing.interval_s

    def _take_down(self, symbol: Symbol, now: datetime, is_near: bool) -> None:
        known = self._looked_at.get(symbol)
        self._looked_at[symbol] = (now, is_near)
        self.metrics.looks += 1
        if known is None:
            return
        seconds = (now - known[0]).total_seconds()
        if known[1]:  # it was near all this time, as far as we knew
            self.metrics.longest_near_s = max(self.metrics.longest_near_s, seconds)
        else:
            self.metrics.longest_s = max(self.metrics.longest_s, seconds)
        if seconds > (self._timing.near_s if known[1] else self._timing.interval_s) + _GRACE_S:
            self.metrics.late += 1
            log.warning("look_late", symbol=symbol, seconds=round(seconds, 3), near=known[1])

    def _tell(self, position: Position, quote: Quote, near: Nearness) -> None:
        self._tell_once(position, quote, "near_stop", near.to_stop, stop=near.stop)
        self._tell_once(position, quote, "near_target", near.to_target, target=position.target)

    def _tell_once(self, position: Position, quote: Quote, event: str, way: float, **level: int) -> None:
        key = (position.symbol, event)
        if way < NEAR:
            self._alerted.pop(key, None)
        if way < _ALERTED or key in self._alerted:
            return
        self._alerted[key] = None
        self._journal.note(
            self._journal.fact(
                event,
                severity=Severity.WARNING if event == "near_stop" else Severity.INFO,
                alerts=True,
                correlation_id=position.correlation_id,
                symbol=position.symbol,
                name=position.name,
                price=quote.price,
                **level,
            )
        )
