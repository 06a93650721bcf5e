"""Which orders the exchange takes, what limit they get, and at which price a trade of the market fills them.

Pure functions of a request and a board; the rules are told at the top of `exchange`.
"""

from __future__ import annotations

from kis_daemon.domain.calendar import SessionPhase
from kis_daemon.domain.market import Side, Won, tick_size
from kis_daemon.simulator.board import Board
from kis_daemon.simulator.requests import DIVISIONS, HouseRules, Patience, Pricing, Refusal, Request

_CONTINUOUS_ONLY = (Pricing.BEST, Pricing.PRIORITY, Pricing.MIDDLE)


def takes(rules: HouseRules, code: str, phase: SessionPhase) -> bool:
    """Tell whether order type `code` may be entered now: an auction takes only what can wait for it."""
    if code not in rules.divisions:
        return False
    division = DIVISIONS[code]
    if phase in (
        SessionPhase.REGULAR,
        SessionPhase.CLOSED,
    ):  # CLOSED: a type of other hours, which takes all of its own
        return True
    return division.patience is Patience.DAY and division.pricing not in _CONTINUOUS_ONLY


def limit_of(board: Board, side: Side, code: str, price: Won) -> Won | Refusal:
    """Return the limit an order gets, 0 for any price, or why its price is refused."""
    division = DIVISIONS[code]
    if division.pricing in (Pricing.MARKET, Pricing.MIDDLE):
        return 0
    if division.pricing is Pricing.FIXED:  # before the open the last price is the close of the day before
        return board.price
    if not division.has_price:
        counter = division.pricing is Pricing.BEST
        return (board.ask if (side is Side.BUY) is counter else board.bid) or board.price
    if price <= 0 or price % tick_size(price, board.market, board.day):
        return Refusal.OFF_TICK
    if not board.lower <= price <= board.upper:
        return Refusal.BEYOND_LIMITS
    return price


def unit_to_hold(board: Board, code: str, limit: Won) -> Won:
    """Return what an open buy holds back a share: its limit, or the day's upper limit where it may pay any price."""
    return board.upper if limit == 0 or DIVISIONS[code].pricing is Pricing.LIMIT_THEN_MARKET else limit


def priority(request: Request) -> tuple[bool, Won, int]:
    """Market orders first, then the better price, then the earlier number."""
    price = -request.limit if request.side is Side.BUY else request.limit
    return request.limit != 0, price, request.number


def reaches(request: Request, price: Won) -> bool:
    """Tell whether an order would trade at `price`; 0 is an empty side of the book."""
    if price == 0:
        return False
    if request.limit == 0:
        return True
    return request.limit >= price if request.side is Side.BUY else request.limit <= price


def entry_price(request: Request, board: Board) -> Won:
    """Return the price at which an order that has just come would trade with the touch, 0 where it would not."""
    if DIVISIONS[request.division].pricing is Pricing.MIDDLE:
        return middle_price(request, board)
    touch = board.ask if request.side is Side.BUY else board.bid
    return touch if reaches(request, touch) else 0


def middle_price(request: Request, board: Board) -> Won:
    """Return the middle of the touch where somebody is there to meet the order, else 0.

    The other side's last trade tells that: who just sold at the bid would have sold to a buyer in the middle.
    """
    if not (board.ask and board.bid) or board.bought_last is (request.side is Side.BUY):
        return 0
    return (board.ask + board.bid) // 2


def wakes(request: Request, price: Won) -> bool:
    """Tell whether a trade at `price` wakes a stop: up to its trigger for a buy, down to it for a sale."""
    return price >= request.trigger if request.side is Side.BUY else price <= request.trigger


def turns_to_market(request: Request, phase: SessionPhase) -> bool:
    """Tell whether a limit order trades at any price now: the conditional one, in the closing auction."""
    return phase is SessionPhase.CLOSING_AUCTION and DIVISIONS[request.division].pricing is Pricing.LIMIT_THEN_MARKET


def fill_price(request: Request, board: Board, phase: SessionPhase, ask_before: Won, bid_before: Won) -> Won:
    """Return the price at which the trade just recorded fills a waiting order, 0 where it does not."""
    if DIVISIONS[request.division].pricing is Pricing.MIDDLE:
        return middle_price(request, board) if phase is SessionPhase.REGULAR else 0
    buying = request.side is Side.BUY
    touch = board.ask if buying else board.bid
    if phase is not SessionPhase.REGULAR:
        turned = turns_to_market(request, phase)
        return board.price if touch and (turned or reaches(request, board.price)) else 0
    if not reaches(request, touch):
        return 0
    limit = request.limit
    rested = limit and (ask_before > limit if buying else 0 < bid_before < limit)
    return limit if rested else touch
