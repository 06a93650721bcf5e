"""The quote desk: answers what a symbol costs now, from the stream while it is fresh, else by a question.

Rules of this room (S2-Q01..Q06, S2-F05, S2-F06, L06, C12)
    In session a price of the stream not older than five seconds is the answer; everything else is asked for, and
    counted as a fallback. An answer of the last five seconds is not asked for again.
    One question a symbol at a time: who comes meanwhile takes its outcome. What was answered goes to the board too.
    After "too many calls" a symbol is left alone for three seconds at least. Meanwhile, or while the broker cannot be
    reached, what is shown is told with its age while it is young enough; else the caller hears when to come again.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from kis_daemon.domain.calendar import TradingCalendar
from kis_daemon.domain.market import Quote, QuoteSource, Symbol
from kis_daemon.ports import BrokerError, BrokerUnreachable, Clock, MarketData, RateLimited
from kis_daemon.services.book import Book
from kis_daemon.services.hours import trading_hours
from kis_daemon.services.outages import Outages
from kis_daemon.services.quotes import FRESH, QuoteBoard

COOLDOWN_S = 3.0
COOLDOWN_CODE = "REST_RATE_LIMIT_COOLDOWN"
_YOUNG_ENOUGH_S = 60.0  # the longest interval between two looks at a held symbol: older is no price to show


class QuoteState(StrEnum):
    HEALTHY = "HEALTHY"
    STALE = "STALE"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteAnswer:
    """A price, how old it is and whether it is fresh; its source is the quote's."""

    quote: Quote
    age_s: float
    state: QuoteState


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """How the last question went: a quote, none (it never traded), or an error."""

    at: float
    quote: Quote | None = None
    error: BrokerError | None = None


class QuoteDesk:
    """See the rules above."""

    def __init__(
        self,
        *,
        market_data: MarketData,
        board: QuoteBoard,
        book: Book,
        outages: Outages,
        calendar: TradingCalendar,
        clock: Clock,
    ) -> None:
        self._market_data = market_data
        self._board = board
        self._book = book
        self._outages = outages
        self._calendar = calendar
        self._clock = clock
        self._one_at_a_time: dict[tuple[Symbol, bool], asyncio.Lock] = {}
        self._outcomes: dict[tuple[Symbol, bool], _Outcome] = {}
        self._cooling_until: dict[Symbol, float] = {}
        self.rest_fallbacks = 0

    async def get(self, symbol: Symbol) -> QuoteAnswer | None:
        """Return the price of `symbol`, None if it never traded; raises `BrokerError` where there is none to show.

        `RateLimited` of code `REST_RATE_LIMIT_COOLDOWN` says when to ask again.
        """
        now = self._clock.now()
        shown = self._board.quote(symbol)
        if shown is not None and self._is_fresh(shown, now):
            if shown.source is QuoteSource.REST:
                self.rest_fallbacks += 1
                return self._told(shown)
            if self._in_session(now):
                return self._told(shown)
        self.rest_fallbacks += 1
        try:
            found = await self.look(symbol)
        except (RateLimited, BrokerUnreachable):
            cached = self._board.quote(symbol)
            if cached is not None and self._age_s(cached) <= _YOUNG_ENOUGH_S:
                return self._told(cached)
            raise
        return None if found is None else self._told(found)

    async def look(self, symbol: Symbol, *, urgent: bool = False) -> Quote | None:
        """Ask for listing and price of `symbol`, keep both, and return the price; None if it never traded.

        `urgent` goes as early as a sale does. Raises what the broker's side raised.
        """
        key = (symbol, urgent)
        came_at = asyncio.get_running_loop().time()
        lock = self._one_at_a_time.setdefault(key, asyncio.Lock())
        was_asked = lock.locked()
        async with lock:
            outcome = self._outcomes.get(key)
            if not was_asked or outcome is None or outcome.at < came_at:
                outcome = self._outcomes[key] = await self._ask(symbol, urgent)
        if outcome.error is not None:
            raise outcome.error
        return outcome.quote

    async def _ask(self, symbol: Symbol, urgent: bool) -> _Outcome:
        loop = asyncio.get_running_loop()
        left_s = self._cooling_until.get(symbol, 0.0) - loop.time()
        if left_s > 0:
            return _Outcome(at=loop.time(), error=_cooldown(symbol, left_s))
        try:
            snapshot = await self._market_data.snapshot(symbol, urgent=urgent)
        except RateLimited as error:
            self._outages.failed(error)
            pause_s = max(COOLDOWN_S, error.retry_after_s)
            self._cooling_until[symbol] = loop.time() + pause_s
            return _Outcome(at=loop.time(), error=_cooldown(symbol, pause_s))
        except BrokerError as error:
            self._outages.failed(error)
            return _Outcome(at=loop.time(), error=error)
        self._outages.answered()
        self._book.listings[symbol] = snapshot.listing
        if snapshot.quote is not None:
            self._board.publish(snapshot.quote)
        return _Outcome(at=loop.time(), quote=snapshot.quote)

    def _told(self, quote: Quote) -> QuoteAnswer:
        age_s = self._age_s(quote)
        return QuoteAnswer(
            quote=quote, age_s=age_s, state=QuoteState.HEALTHY if age_s <= FRESH.total_seconds() else QuoteState.STALE
        )

    def _age_s(self, quote: Quote) -> float:
        return max((self._clock.now() - quote.at).total_seconds(), 0.0)

    def _is_fresh(self, quote: Quote, now: datetime) -> bool:
        return now - quote.at <= FRESH

    def _in_session(self, now: datetime) -> bool:
        hours = trading_hours(self._calendar, now.date())
        return hours is not None and hours.opens_at <= now <= hours.closes_at


def _cooldown(symbol: Symbol, left_s: float) -> RateLimited:
    return RateLimited(f"{symbol} is left alone after too many calls", code=COOLDOWN_CODE, retry_after_s=left_s)
