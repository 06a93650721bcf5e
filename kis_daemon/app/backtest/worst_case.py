"""Which extreme of a day comes first, where the bar does not say: the usual order, or the one that hurts.

Rules of this room
    Pessimistic: for what is held at the open the low comes first, so that the stop is met before the target; for what
    is not, the high comes first, so that a breakout is bought before the fall.
    A bar matters where its range holds both ends of a position: the stop in force and its target, or, for a position
    begun that day, its stop below the price it was bought at.
"""

from __future__ import annotations

from kis_daemon.app.backtest.result import Fills
from kis_daemon.domain.exits import ExitReason
from kis_daemon.domain.market import Side, Symbol
from kis_daemon.domain.positions import Position, ProtectionRules, trailing_level
from kis_daemon.domain.price_path import PathTick, intraday_path
from kis_daemon.services.book import Book
from kis_daemon.simulator.board import Board

_FALLS = (ExitReason.ATR_STOP_LOSS.value, ExitReason.TRAILING_STOP.value)


class Extremes:
    """Orders the extremes of each day, and counts the bars where that matters."""

    def __init__(self, book: Book, symbols: frozenset[Symbol], protection: ProtectionRules, fills: Fills) -> None:
        self._book = book
        self._symbols = symbols
        self._protection = protection
        self._fills = fills
        self._boards: list[Board] = []
        self._held: dict[Symbol, Position] = {}
        self.that_matter = 0

    def path(self, board: Board, ticks_per_day: int) -> tuple[PathTick, ...]:
        """Return the trades of the day that begins; none of symbols that nobody watches."""
        position = self._book.positions.get(board.symbol)
        if board.bar is None or (position is None and board.symbol not in self._symbols):
            return ()
        self._boards.append(board)
        if position is not None:
            self._held[board.symbol] = position
        low_first = None if self._fills is Fills.PATH else position is not None
        return intraday_path(board.bar, board.market, board.base, ticks_per_day, low_first=low_first)

    def count(self) -> None:
        """Take in the day that has just closed."""
        for board in self._boards:
            if board.trades and self._matters(board):
                self.that_matter += 1
        self._boards.clear()
        self._held.clear()

    def _matters(self, board: Board) -> bool:
        held = self._held.get(board.symbol)
        if held is not None:
            trailing = trailing_level(held, self._protection, board.day)
            lower = held.stop if trailing is None else max(held.stop, trailing)
            return board.low <= lower and board.high >= held.target
        today = [trade for trade in self._book.trades_today if trade.symbol == board.symbol]
        if not any(trade.side is Side.BUY for trade in today):
            return False
        position = self._book.positions.get(board.symbol)
        if position is not None:
            return board.low <= position.stop
        return any(trade.rule in _FALLS for trade in today)
