"""The records of one connection: read, counted, and told to the sink.

Rules of this room
    A record that cannot be read is counted and left out, and so is one that came twice or late: neither reaches the
    sink. A gap is counted, and the sink hears of it once.
    Every record ends in exactly one counter (feed_metrics.py).
    Keys of encrypted notices belong to this connection.
"""

from __future__ import annotations

import structlog

from kis_daemon.kis.feed_metrics import FeedCounters
from kis_daemon.kis.feed_tape import DROPPED, FeedTape
from kis_daemon.kis.wire_frames import TRADES, Cipher, DataFrame, Trade, read_trade, read_trades
from kis_daemon.kis.wire_notices import read_notices
from kis_daemon.ports import Clock, FeedSink

log = structlog.get_logger(__name__)


class FeedRecords:
    """See the rules above. `heard_data` is set by the first record of real data."""

    def __init__(
        self, notices: str, account: str, clock: Clock, counters: FeedCounters, tape: FeedTape, sink: FeedSink
    ) -> None:
        self._notices = notices
        self._account = account
        self._clock = clock
        self._counters = counters
        self._tape = tape
        self._sink = sink
        self._ciphers: dict[str, Cipher] = {}
        self.heard_data = False

    def keep(self, tr_id: str, cipher: Cipher) -> None:
        """Open the frames of `tr_id` with this key from now on."""
        self._ciphers[tr_id] = cipher

    def take_one(self, payload: str) -> None:
        """Take the payload of a frame of one trade; `ProtocolError` if it cannot be read."""
        trade = read_trade(payload)
        if trade is None:
            self._counters.unpriced += 1
        else:
            self._take_trade(trade)

    def take(self, frame: DataFrame) -> None:
        """Take any frame; `ProtocolError` if it cannot be read as a whole."""
        if frame.tr_id == TRADES and not frame.encrypted:
            self._take_trades(frame)
        elif frame.tr_id == self._notices:
            self._take_notices(frame)
        else:
            self._counters.unknown += 1

    def unreadable(self, count: int, what: str) -> None:
        """Count what could not be read; only the first is a line in the log."""
        if self._counters.unreadable == 0:
            log.warning("feed_record_unreadable", what=what)
        self._counters.unreadable += count

    def _take_trades(self, frame: DataFrame) -> None:
        trades, unreadable = read_trades(frame.payload, frame.records)
        if unreadable:
            self.unreadable(unreadable, "trade")
        self._counters.unpriced += frame.records - len(trades) - unreadable
        for trade in trades:
            self._take_trade(trade)

    def _take_trade(self, trade: Trade) -> None:
        if not self.heard_data:
            self._note_data(TRADES)
        counters = self._counters
        counters.quoted_at = counters.heard_at
        quote, size = trade
        missed = self._tape.take(quote, size)
        if missed == DROPPED:
            return
        counters.quotes += 1
        self._sink.on_quote(quote)
        if missed:
            self._sink.on_gap(quote.symbol, missed)

    def _take_notices(self, frame: DataFrame) -> None:
        today = self._clock.now().date()
        notices, unreadable = read_notices(frame, self._ciphers.get(frame.tr_id), self._account, today)
        if unreadable:
            self.unreadable(unreadable, "notice")
        self._counters.notices += len(notices)
        self._counters.foreign += frame.records - len(notices) - unreadable
        if frame.records > unreadable and not self.heard_data:
            self._note_data(frame.tr_id)
        for notice in notices:
            self._sink.on_notice(notice)

    def _note_data(self, tr_id: str) -> None:
        self.heard_data = True
        self._counters.last_error, self._counters.attempts = "", 0
        log.info("first_message", tr_id=tr_id)
