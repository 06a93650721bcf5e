"""What the stream tells without a trade: the parts of the day, and each symbol that is halted or interrupted.

Rules of this room
    A part of the day is told at its beginning; a running auction tells what it expects every five minutes.
    An interruption is told when it begins and when it has ended, a halt when it is called and when it is lifted.
    An index is told when trades have moved it, once a second at most.
    Only what is registered is told: a day on which nobody listens costs a dozen timers.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from kis_daemon.domain.calendar import TradingDay
from kis_daemon.domain.market import Symbol
from kis_daemon.simulator.channels import ChannelKind, book_width
from kis_daemon.simulator.frames_book import book_frame
from kis_daemon.simulator.frames_index import IndexTeller
from kis_daemon.simulator.frames_status import expected_frame, status_frame
from kis_daemon.simulator.interruptions import Interruption
from kis_daemon.simulator.stream import Stream
from kis_daemon.simulator.venue import Venue

AUCTION_TOLD_EVERY = timedelta(minutes=5)
INDEX_TOLD_EVERY = timedelta(seconds=1)


class Herald:
    """Announces to the stream what its clock and the market's commands bring."""

    def __init__(self, venue: Venue, stream: Stream) -> None:
        self._venue = venue
        self._stream = stream

    async def run(self) -> None:
        """Announce day after day until cancelled, or until prices or calendar end."""
        exchange = self._venue.exchange
        async with asyncio.TaskGroup() as group:
            self._listen(group)
            teller = group.create_task(self._tell_indices(), name="herald of the indices")
            day = exchange.day
            while day is not None:
                for at, begins in _agenda(day):
                    if at > self._venue.now():
                        await self._venue.clock.sleep_until(at)
                        self._tell_all(opens_a_part=begins)
                last = min(exchange.prices.last_day, exchange.calendar.last)
                rest = exchange.calendar.trading_days(day.date + timedelta(days=1), last) if day.date < last else ()
                day = rest[0] if rest else None
            teller.cancel()

    def tell(self, symbol: Symbol) -> None:
        """Tell the state of one symbol to whoever registered it."""
        self._status(only=symbol)
        self._expected(only=symbol)

    # --- inside ---------------------------------------------------------------------------------------------

    def _listen(self, group: asyncio.TaskGroup) -> None:
        """Hear of interruptions beside whoever ends them: the player took its place before us."""
        exchange = self._venue.exchange
        others = exchange.on_interruption

        def begun(interruption: Interruption) -> None:
            others(interruption)
            group.create_task(self._interrupted(interruption), name=f"herald of {interruption.symbol}")

        exchange.on_interruption = begun

    async def _interrupted(self, interruption: Interruption) -> None:
        self.tell(interruption.symbol)
        await self._venue.clock.sleep_until(interruption.ends_at)
        self._status(only=interruption.symbol)

    async def _tell_indices(self) -> None:
        teller = IndexTeller()
        while True:
            await self._stream.moved.wait()
            now = self._venue.now()
            for channel, code in self._stream.registered(ChannelKind.INDEX):
                frame = teller.frame(self._venue, code, now, tr_id=channel.tr_id)
                if frame is not None:
                    self._stream.on_announcement(channel.tr_id, code, frame)
            self._stream.moved.clear()
            await self._venue.clock.sleep_until(now + INDEX_TOLD_EVERY)

    def _tell_all(self, *, opens_a_part: bool) -> None:
        if opens_a_part:
            self._status()
        self._expected()

    def _status(self, only: Symbol | None = None) -> None:
        now = self._venue.now()
        for channel, key in self._stream.registered(ChannelKind.STATUS):
            view = self._venue.exchange.listing(Symbol(key), now)
            if view is not None and only in (None, key):
                self._stream.on_announcement(channel.tr_id, key, status_frame(view, tr_id=channel.tr_id))

    def _expected(self, only: Symbol | None = None) -> None:
        now, settings = self._venue.now(), self._venue.settings
        for channel, key in self._stream.registered(ChannelKind.EXPECTED):
            view = self._venue.exchange.listing(Symbol(key), now)
            if view is not None and view.expected is not None and only in (None, key):
                self._stream.on_announcement(channel.tr_id, key, expected_frame(view, now, tr_id=channel.tr_id))
        for channel, key in self._stream.registered(ChannelKind.BOOK):
            view = self._venue.exchange.listing(Symbol(key), now)
            if view is None or view.expected is None or only not in (None, key):
                continue
            quoted = view.board.last_tick.volume if view.board.last_tick is not None else 0
            second = int(f"{now:%H%M%S}")
            frame = book_frame(
                view.board, quoted, tr_id=channel.tr_id, width=book_width(settings), second=second, view=view
            )
            self._stream.on_announcement(channel.tr_id, key, frame)


def _agenda(day: TradingDay) -> list[tuple[datetime, bool]]:
    """Return the moments of `day` that are told, and whether a part of the day begins there."""
    moments = [(at, True) for at in (day.opening_auction_at, day.opens_at, day.closing_auction_at, day.closes_at)]
    for begins, ends in ((day.opening_auction_at, day.opens_at), (day.closing_auction_at, day.closes_at)):
        count = (ends - begins) // AUCTION_TOLD_EVERY
        moments += [(begins + place * AUCTION_TOLD_EVERY, False) for place in range(1, count)]
    return sorted(moments)
