"""The intake: what comes from the stream goes to the board, the reconciler, control and the poller.

Rules of this room (S2-Q03, C24)
    A notice is a hint: it wakes the reconciler and changes nothing itself. So does every new connection.
    What the stream missed is asked for: after a new connection orders, account and held prices, after a gap the symbol.
"""

from __future__ import annotations

import structlog

from kis_daemon.domain.market import Quote, Symbol
from kis_daemon.ports import ExecutionNotice, FeedState
from kis_daemon.services.control import Control
from kis_daemon.services.journal import Journal
from kis_daemon.services.poller import QuotePoller
from kis_daemon.services.quotes import QuoteBoard
from kis_daemon.services.reconciler import Reconciler

log = structlog.get_logger("intake")


class Intake:
    """`ports.FeedSink`: takes what the stream brings."""

    def __init__(
        self, board: QuoteBoard, reconciler: Reconciler, control: Control, poller: QuotePoller, journal: Journal
    ) -> None:
        self._board = board
        self._journal = journal
        self._reconciler = reconciler
        self._control = control
        self._poller = poller

    def on_quote(self, quote: Quote) -> None:
        self._board.publish(quote)

    def on_notice(self, notice: ExecutionNotice) -> None:
        """Take down what was said, and ask the broker what is true."""
        self._journal.note(
            self._journal.fact(
                "execution_notice",
                kind=notice.kind.value,
                symbol=notice.symbol,
                side=notice.side.value,
                quantity=notice.quantity,
                price=notice.price,
                order_no=notice.order_no,
                told_at=notice.at.isoformat(),
            )
        )
        self._reconciler.wake()

    def on_gap(self, symbol: Symbol, missed: int) -> None:
        log.warning("quote_gap", symbol=symbol, missed=missed)
        self._poller.ask(symbol)

    def on_feed_state(self, state: FeedState) -> None:
        came_up = state.connected and (state.resync_needed or not self._control.feed.connected)
        self._control.on_feed_state(state)
        if came_up:
            self._control.resync.require()
            self._reconciler.wake()
        self._poller.wake()
