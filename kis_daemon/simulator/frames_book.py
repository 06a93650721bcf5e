"""The ten levels of the stream: H0STASP0 and its NXT and unified sisters.

Source: the wire contract, section 5.5.2. The levels beyond the touch are made of the tick table; their sizes are
invented from the day's volume, the same for the same moment. A level beyond the limits, or of an empty side, is 0.
"""

from __future__ import annotations

from datetime import date

from kis_daemon.domain.market import Won, tick_size
from kis_daemon.simulator.board import Board
from kis_daemon.simulator.listing_view import ListingView
from kis_daemon.simulator.sessions import REFORM
from kis_daemon.simulator.wire import direction

# the second venue opened and the book got its middle price
FIELDS_62_SINCE = date(2025, 3, 4)
LEVELS = 10
_EMPTY = (0,) * LEVELS


def book_frame(
    board: Board,
    quoted: int,
    *,
    tr_id: str = "H0STASP0",
    width: int | None = None,
    second: int | None = None,
    view: ListingView | None = None,
) -> str:
    """Return the book of `board`, `quoted` shares at its touch; `width` None is what its day knows.

    `view` is told outside of continuous trading: with the price at which an auction would match.
    """
    asks, bids = levels(board, board.ask, 1), levels(board, board.bid, -1)
    ask_sizes, bid_sizes = _sizes(board, asks, quoted), _sizes(board, bids, quoted)
    base = board.base
    match = None if view is None else view.expected
    expected, quantity = (0, 0) if match is None else (match.price, match.volume)
    change = expected - base
    told: list[object] = [
        board.symbol,
        f"{board.traded_at if second is None else second:06d}",
        "0" if view is None else view.hour_code,
        *asks,
        *bids,
        *ask_sizes,
        *bid_sizes,
        sum(ask_sizes),
        sum(bid_sizes),
        0,
        0,
        expected,
        quantity,
        quantity,
        change,
        direction(change),
        f"{change * 100 / base if base else 0.0:.2f}",
        board.volume,
        0,
        0,
        0,
        0,
        "",
    ]
    told += _tail(board, tr_id, width)
    return f"0|{tr_id}|001|{'^'.join(map(str, told))}"


def _tail(board: Board, tr_id: str, width: int | None) -> list[int]:
    """Return what came after the 59th field, venue by venue and year by year."""
    middle = _middle(board)
    if tr_id == "H0STASP0":
        count = width or (63 if board.day >= REFORM else 62 if board.day >= FIELDS_62_SINCE else 59)
        return [middle, 0, 0, 2][: count - 59]
    tail = [middle, 0, 0, middle, 0, 0]
    if tr_id == "H0UNASP0" and board.day >= REFORM:
        tail.append(1)
    return tail


def levels(board: Board, touch: Won, way: int) -> tuple[Won, ...]:
    """Return ten prices from `touch` on, upwards or downwards (`way` 1 or -1); 0 where there is none."""
    if touch == 0:
        return _EMPTY
    prices: list[Won] = []
    price = touch
    while len(prices) < LEVELS and board.lower <= price <= board.upper:
        prices.append(price)
        below = price if way > 0 else price - 1  # the step down is that of the price below
        price += way * tick_size(below, board.market, board.day)
    return tuple(prices) + _EMPTY[len(prices) :]


def _sizes(board: Board, prices: tuple[Won, ...], quoted: int) -> list[int]:
    sizes = [(board.volume * (place + 3) + price) % 9973 + 27 if price else 0 for place, price in enumerate(prices)]
    if prices[0]:
        sizes[0] = quoted
    return sizes


def _middle(board: Board) -> Won:
    return (board.ask + board.bid) // 2 if board.ask and board.bid else 0
