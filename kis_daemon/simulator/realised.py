"""What was earned, day by day and symbol by symbol, told from the orders since the beginning.

Rules of this room
    Cost is the moving average without fees, as in the account. Orders of one day count in the order of their numbers:
    where purchases and sales of one symbol were filled crosswise, the parts may differ by the order, the sums do not.
    A profit is the sale less its share of the cost less the fee and tax of the sale. Shares whose purchase is not known
    are taken at what they were sold for.
    What a company does to its shares changes their number, never their cost.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from kis_daemon.domain.market import Side, Symbol, Won
from kis_daemon.simulator.exchange import Exchange
from kis_daemon.simulator.market_rules import CorporateAction
from kis_daemon.simulator.requests import Request


@dataclass(slots=True, kw_only=True)
class DayTrade:
    """One symbol on one day; `held` and `cost` are those of its end, `cost_sold` what the shares sold had cost."""

    day: date
    symbol: Symbol
    bought: int = 0
    bought_for: Won = 0
    buy_fee: Won = 0
    sold: int = 0
    sold_for: Won = 0
    sell_fee: Won = 0
    tax: Won = 0
    cost_sold: Won = 0
    held: int = 0
    cost: Won = 0

    @property
    def profit(self) -> Won:
        return self.sold_for - self.cost_sold - self.sell_fee - self.tax if self.sold else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """What an action made of the shares that were held the evening before."""

    action: CorporateAction
    before: int
    after: int


@dataclass(slots=True, kw_only=True)
class History:
    """Every day's trades and every right, oldest first."""

    trades: list[DayTrade] = field(default_factory=list)
    rights: list[Right] = field(default_factory=list)

    def between(self, first: date, last: date) -> list[DayTrade]:
        return [trade for trade in self.trades if first <= trade.day <= last]


def history_of(exchange: Exchange) -> History:
    """Return what the orders and the companies did, up to now."""
    history = History()
    held: dict[Symbol, tuple[int, Won]] = {}
    before = date.min
    for day, requests in sorted(exchange.orders.days.items()):
        _convert(exchange, history, held, before, day)
        before = day
        today: dict[Symbol, DayTrade] = {}
        for request in requests.values():
            if request.filled:
                trade = today.setdefault(request.symbol, DayTrade(day=day, symbol=request.symbol))
                held[request.symbol] = _book(trade, request, *held.get(request.symbol, (0, 0)))
        for trade in today.values():
            trade.held, trade.cost = held[trade.symbol]
        history.trades += today.values()
    if exchange.day is not None:
        _convert(exchange, history, held, before, exchange.day.date)
    return history


def _convert(
    exchange: Exchange, history: History, held: dict[Symbol, tuple[int, Won]], after: date, last: date
) -> None:
    for action in exchange.prices.actions_between(after, last):
        quantity, cost = held.get(action.symbol, (0, 0))
        if quantity:
            became = quantity * action.ratio_num // action.ratio_den
            held[action.symbol] = (became, cost)
            history.rights.append(Right(action=action, before=quantity, after=became))


def _book(trade: DayTrade, request: Request, quantity: int, cost: Won) -> tuple[int, Won]:
    """Enter one order's fills and return (shares, cost) after it."""
    if request.side is Side.BUY:
        trade.bought += request.filled
        trade.bought_for += request.amount
        trade.buy_fee += request.costs.fee
        return quantity + request.filled, cost + request.amount
    known = min(request.filled, quantity)
    share = cost * known // quantity if quantity else 0
    unknown = request.amount * (request.filled - known) // request.filled
    trade.sold += request.filled
    trade.sold_for += request.amount
    trade.sell_fee += request.costs.fee
    trade.tax += request.costs.tax
    trade.cost_sold += share + unknown
    return quantity - known, cost - share
