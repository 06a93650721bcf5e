"""Which extreme of a day comes first, where the bar does not say: the usual order, or the one that hurts.

Rules of this room
    Pessimistic: for what is held at the open the low comes first, so that the stop is met before the target; for what
    is not, the high comes first, so that a breakout is bought before the fall.
    A bar matters where a position's exit is another one, or there is none, if its extremes change places: what is held
    at the open, or was bought on that day, is led along both paths. What is sold for its gap or its broken trend is
    sold at the first price, whatever comes.
"""

from __future__ import annotations

from dataclasses import replace

from kis_daemon.app.backtest.result import Fills
from kis_daemon.domain import exits, positions
from kis_daemon.domain.exits import ExitReason
from kis_daemon.domain.market import Quote, Side, Symbol
from kis_daemon.domain.positions import Position, ProtectionRules
from kis_daemon.domain.price_path import PathTick, intraday_path
from kis_daemon.services.book import Book
from kis_daemon.simulator.board import Board

_AT_THE_OPEN = (ExitReason.GAP_PROTECTION.value, ExitReason.TREND_BROKEN.value)


class Extremes:
    """Orders the extremes of each day, and counts the bars where that matters."""

    def __init__(self, book: Book, symbols: frozenset[Symbol], protection: ProtectionRules, fills: Fills) -> None:
        self._book = book
        self._symbols = symbols
        self._protection = protection
        self._fills = fills
        self._ticks = 0
        self._boards: list[Board] = []
        self._held: dict[Symbol, Position] = {}
        self._bought: dict[Symbol, Position] = {}
        self.that_matter = 0

    def path(self, board: Board, ticks_per_day: int) -> tuple[PathTick, ...]:
        """Return the trades of the day that begins; none of symbols that nobody watches."""
        position = self._book.positions.get(board.symbol)
        if board.bar is None or (position is None and board.symbol not in self._symbols):
            return ()
        self._ticks = ticks_per_day
        self._boards.append(board)
        if position is not None:
            self._held[board.symbol] = position
        return _path(board, ticks_per_day, None if self._fills is Fills.PATH else position is not None)

    def note(self, quote: Quote) -> None:
        """Take down what was bought on this day, as it was when bought: it may be sold before the close."""
        symbol = quote.symbol
        position = self._book.positions.get(symbol)
        if position is not None and symbol not in self._held and symbol not in self._bought:
            begun = replace(position, highest=0, trailing_armed=False)
            self._bought[symbol] = positions.protected(begun, self._protection, quote.at.date())

    def count(self) -> None:
        """Take in the day that has just closed."""
        for board in self._boards:
            if board.trades and self._matters(board):
                self.that_matter += 1
        self._boards.clear()
        self._held.clear()
        self._bought.clear()

    def _matters(self, board: Board) -> bool:
        held, bought = self._held.get(board.symbol), self._bought.get(board.symbol)
        position = held or bought
        if position is None or self._is_sold_at_the_open(board.symbol):
            return False
        ends = [
            self._end(position, path if held else _since(position, path), board)
            for path in (_path(board, self._ticks, low_first) for low_first in (True, False))
        ]
        return ends[0] != ends[1]

    def _is_sold_at_the_open(self, symbol: Symbol) -> bool:
        return any(
            order.intent.symbol == symbol and order.intent.side is Side.SELL and order.intent.rule in _AT_THE_OPEN
            for order in self._book.orders.values()
        )

    def _end(self, position: Position, path: tuple[PathTick, ...], board: Board) -> ExitReason | None:
        """Return why `position` is sold along `path`, None where it is not; the close comes too late to sell."""
        for tick in path[:-1]:
            position = positions.seen(position, tick.price, self._protection)
            found = exits.decide(position, tick.price, board.day, self._protection, None, None)
            if found is not None:
                return found.rule
        return None


def _path(board: Board, ticks: int, low_first: bool | None) -> tuple[PathTick, ...]:
    if board.bar is None:
        return ()
    return intraday_path(board.bar, board.market, board.base, ticks, low_first=low_first)


def _since(position: Position, path: tuple[PathTick, ...]) -> tuple[PathTick, ...]:
    """Return the trades after the first one at which `position` could have been bought."""
    paid = position.average_price
    begin = next((place for place, tick in enumerate(path) if tick.ask >= paid), len(path))
    return path[begin + 1 :]
