"""The queue at a price: what stands before a resting order, and what a trade of the market leaves for it.

Rules of this room
    An order that rests at the touch or behind it joins what stands there: the shares that the touch shows. One that
    betters the touch stands first.
    A trade at an order's price first takes what stands before it. A trade through the price has taken all of that.
    An order changed to a new price or number joins anew; one that only lost a part keeps its place.
"""

from __future__ import annotations

from kis_daemon.domain.market import Side, Won
from kis_daemon.domain.price_path import PathTick
from kis_daemon.simulator.board import Board
from kis_daemon.simulator.matching import middle_price, reaches
from kis_daemon.simulator.requests import DIVISIONS, Pricing, Request


def stands_before(request: Request, board: Board) -> int:
    """Return the shares before an order that begins to rest at its limit."""
    tick = board.last_tick
    if tick is None or request.limit == 0:
        return 0
    touch = board.bid if request.side is Side.BUY else board.ask
    if touch == 0:
        return 0
    betters = request.limit > touch if request.side is Side.BUY else request.limit < touch
    return 0 if betters else tick.volume


def left_for(request: Request, board: Board, tick: PathTick) -> tuple[Won, int]:
    """Return (price, shares) that the trade just recorded leaves for a resting order; shares 0 where nothing."""
    if DIVISIONS[request.division].pricing is Pricing.MIDDLE:  # nobody else stands in the middle
        middle = middle_price(request, board)
        return middle, tick.volume if middle else 0
    buying = request.side is Side.BUY
    limit = request.limit
    touch = board.ask if buying else board.bid
    if touch == 0:  # nobody is on the other side
        return limit, 0
    if limit == 0:
        return touch, tick.volume
    if tick.price == limit and touch != limit:  # somebody traded with those who stand at this price
        passed = tick.volume - request.ahead
        request.ahead = max(-passed, 0)
        return limit, max(passed, 0)
    if not reaches(request, touch):
        return limit, 0
    request.ahead = 0
    return limit, tick.volume
