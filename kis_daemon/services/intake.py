"""The intake: what comes from the stream goes to the board, the reconciler and control; and prices asked for when the
stream is silent.

Rules of this room (S2-Q03, S3-X06, C23, C24)
    A notice is a hint: it wakes the reconciler and changes nothing itself. So does every new connection.
    While the stream is down, or not the primary source, prices are asked for: held symbols first, then by rank.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta

import structlog

from kis_daemon.domain.calendar import SessionPhase, TradingCalendar
from kis_daemon.domain.market import Quote, Symbol
from kis_daemon.ports import (
    AccessRefused,
    BrokerError,
    BrokerUnreachable,
    Clock,
    ExecutionNotice,
    FeedState,
    MarketData,
    RateLimited,
)
from kis_daemon.services.book import Book
from kis_daemon.services.control import Control
from kis_daemon.services.hours import trading_phase
from kis_daemon.services.quotes import QuoteBoard
from kis_daemon.services.reconciler import Reconciler

log = structlog.get_logger("intake")

_SILENT_S = 900.0  # a held symbol without a trade for so long is asked about: the stream may have lost it


class Intake:
    """`ports.FeedSink`: takes what the stream brings."""

    def __init__(self, board: QuoteBoard, reconciler: Reconciler, control: Control) -> None:
        self._board = board
        self._reconciler = reconciler
        self._control = control

    def on_quote(self, quote: Quote) -> None:
        self._board.publish(quote)

    def on_notice(self, notice: ExecutionNotice) -> None:
        log.info(
            "execution_notice",
            kind=notice.kind.value,
            symbol=notice.symbol,
            side=notice.side.value,
            quantity=notice.quantity,
            price=notice.price,
            order_no=notice.order_no,
        )
        self._reconciler.wake()

    def on_feed_state(self, state: FeedState) -> None:
        came_up = state.connected and not self._control.feed.connected
        self._control.on_feed_state(state)
        if came_up:
            self._reconciler.wake()


class QuotePoller:
    """At every `interval_s` of the session: has what is held looked at again, asks for what the stream leaves out."""

    def __init__(
        self,
        *,
        market_data: MarketData,
        board: QuoteBoard,
        book: Book,
        control: Control,
        calendar: TradingCalendar,
        clock: Clock,
        interval_s: float,
        stream_is_primary: bool,
        symbols: Callable[[], Sequence[Symbol]],
        recheck: Callable[[], None],
        max_runs: int | None,
        on_runs_done: Callable[[], None],
    ) -> None:
        self._market_data = market_data
        self._board = board
        self._book = book
        self._control = control
        self._calendar = calendar
        self._clock = clock
        self._interval_s = interval_s
        self._stream_is_primary = stream_is_primary
        self._symbols = symbols
        self._recheck = recheck
        self._max_runs = max_runs
        self._on_runs_done = on_runs_done

    async def run(self) -> None:
        """Look and ask at every interval, until cancelled or `max_runs` rounds are done."""
        runs = 0
        while self._max_runs is None or runs < self._max_runs:
            await asyncio.sleep(self._interval_s)
            runs += 1
            if trading_phase(self._calendar, self._clock.now()) is not SessionPhase.CLOSED:
                self._recheck()
                await self._ask(self._wanting())
        self._on_runs_done()

    def _wanting(self) -> list[Symbol]:
        """Return the symbols that the stream leaves without a price or a listing: all, while it is not the source."""
        symbols = list(self._symbols())
        feed = self._control.feed
        if not (self._stream_is_primary and feed.connected):
            return symbols
        silent_since = self._clock.now() - timedelta(seconds=_SILENT_S)
        held = self._book.positions
        return [
            symbol
            for symbol in symbols
            if symbol not in self._book.listings
            or (symbol in held and (symbol not in feed.symbols or self._board.older_than(symbol, silent_since)))
        ]

    async def _ask(self, symbols: Sequence[Symbol]) -> None:
        for symbol in symbols:
            try:
                snapshot = await self._market_data.snapshot(symbol)
            except (BrokerUnreachable, RateLimited, AccessRefused) as error:
                log.warning("quote_poll_failed", symbol=symbol, code=error.code, reason=str(error))
                return  # the rest would meet the same; the next round asks again
            except BrokerError as error:
                log.warning("quote_poll_failed", symbol=symbol, code=error.code, reason=str(error))
                continue  # this symbol's own trouble
            self._book.listings[symbol] = snapshot.listing
            if snapshot.quote is not None:
                self._board.publish(snapshot.quote)
