"""The poller: asks for the prices that the stream does not bring.

Rules of this room (S2-Q03, S2-F03, S3-X06, C23, C24)
    While the stream is down, or not the primary source, every price is asked for at each interval.
    While it is down, what is held is asked for every few seconds at a sale's urgency, nearest to its stop first, and
    one at a time: a round rests as long as it took, so half of the calls stay free for orders.
    After the stream came back, after a gap in it and near a stop, a held symbol is asked about once, at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta

import structlog

from kis_daemon.domain.calendar import SessionPhase, TradingCalendar
from kis_daemon.domain.market import Symbol
from kis_daemon.ports import AccessRefused, BrokerError, BrokerUnreachable, Clock, RateLimited
from kis_daemon.services.book import Book
from kis_daemon.services.control import Control
from kis_daemon.services.hours import trading_phase
from kis_daemon.services.quote_desk import QuoteDesk
from kis_daemon.services.quotes import QuoteBoard

log = structlog.get_logger("poller")

_SILENT_S = 900.0  # a held symbol without a trade for so long is asked about: the stream may have lost it
_IN_A_ROW = 3  # symbols that fail one after the other: it is the broker, not they
_HELD_S = 3.0  # between two rounds over what is held while the stream is down


class QuotePoller:
    """See the rules above."""

    def __init__(
        self,
        *,
        desk: QuoteDesk,
        board: QuoteBoard,
        book: Book,
        control: Control,
        calendar: TradingCalendar,
        clock: Clock,
        interval_s: float,
        stream_is_primary: bool,
        symbols: Callable[[], Sequence[Symbol]],
        held: Callable[[], Sequence[Symbol]],
        max_runs: int | None,
        on_runs_done: Callable[[], None],
    ) -> None:
        self._desk = desk
        self._board = board
        self._book = book
        self._control = control
        self._calendar = calendar
        self._clock = clock
        self._interval_s = interval_s
        self._stream_is_primary = stream_is_primary
        self._symbols = symbols
        self._held = held
        self._max_runs = max_runs
        self._on_runs_done = on_runs_done
        self._wanted: dict[Symbol, None] = {}
        self._woken = asyncio.Event()

    def ask(self, symbol: Symbol) -> None:
        """Ask once for the price of `symbol`, as soon as may be."""
        self._wanted[symbol] = None
        self._woken.set()

    def wake(self) -> None:
        """Look at once what is to be asked: the stream went or came."""
        self._woken.set()

    async def run(self) -> None:
        """Ask, until cancelled or `max_runs` rounds are done."""
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(self._watch_held(), name="poller-held")
            await self._rounds()
            watching.cancel()

    # all, at every interval

    async def _rounds(self) -> None:
        runs = 0
        while self._max_runs is None or runs < self._max_runs:
            await asyncio.sleep(self._interval_s)
            runs += 1
            if self._in_session():
                await self._look_at(self._missing(), urgent=False)
        self._on_runs_done()

    def _missing(self) -> list[Symbol]:
        """Return the symbols that the stream leaves without a price or a listing: all, while it is not the source."""
        symbols = list(self._symbols())
        feed = self._control.feed
        held = self._book.positions
        if not self._stream_is_primary:
            return symbols
        if not feed.connected:
            return [symbol for symbol in symbols if symbol not in held]
        silent_since = self._clock.now() - timedelta(seconds=_SILENT_S)
        return [
            symbol
            for symbol in symbols
            if symbol not in self._book.listings
            or (symbol in held and (symbol not in feed.symbols or self._board.older_than(symbol, silent_since)))
        ]

    # what is held, at once

    async def _watch_held(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._woken.clear()
            began = loop.time()
            await self._look_at(self._urgent(), urgent=True)
            rest_s = max(_HELD_S, loop.time() - began) if self._urgent() else None
            try:
                async with asyncio.timeout(rest_s):
                    await self._woken.wait()
            except TimeoutError:
                continue

    def _urgent(self) -> list[Symbol]:
        """Return what to ask for now: all that is held while we are blind, else what was missed or is wanted."""
        if self._stream_is_primary and not self._control.feed.connected:
            blind = list(self._held()) if self._in_session() else []
        else:
            blind = self._control.resync.unseen()
        return list(dict.fromkeys([*blind, *self._wanted]))

    # asking

    async def _look_at(self, symbols: Sequence[Symbol], *, urgent: bool) -> None:
        """Ask for each; one symbol's trouble never keeps what is held from being looked at."""
        failures = 0
        for symbol in symbols:
            try:
                await self._desk.look(symbol, urgent=urgent)
            except (BrokerUnreachable, RateLimited, AccessRefused) as error:
                log.warning("quote_poll_failed", symbol=symbol, code=error.code, reason=str(error))
                failures += 1
                if not urgent or failures == _IN_A_ROW or isinstance(error, AccessRefused):
                    return  # the rest would meet the same; the next round asks again
                continue
            except BrokerError as error:  # this symbol's own trouble
                log.warning("quote_poll_failed", symbol=symbol, code=error.code, reason=str(error))
            failures = 0
            self._wanted.pop(symbol, None)
            self._control.resync.looked_at(symbol)

    def _in_session(self) -> bool:
        return trading_phase(self._calendar, self._clock.now()) is not SessionPhase.CLOSED
