"""The desk at the open: fills a rule's orders at the day's first price, from the simulated account.

Rules of this room
    A purchase is as large as its share of the account at cost allows at the last close, and never more than the cash
    covers at the open. Fees and tax are those of the day; cash moves two trading days later, and can be spent before.
"""

from __future__ import annotations

from datetime import date, datetime

from kis_daemon.app.backtest.columns import Columns
from kis_daemon.app.backtest.result import BacktestTrade
from kis_daemon.domain.calendar import TradingCalendar
from kis_daemon.domain.costs import order_costs
from kis_daemon.domain.market import Side, Symbol, Won, price_limits
from kis_daemon.simulator.account import Account

_BILLION = 1_000_000_000


class OpeningDesk:
    """See the rules above. `trades` is everything that was filled, in its order."""

    def __init__(
        self, calendar: TradingCalendar, cash: Won, share_pct: float, commission_ppb: int, *, shares: int = 0
    ) -> None:
        self._calendar = calendar
        self._share = share_pct / 100
        self._commission_ppb = commission_ppb
        self._shares = shares
        self._account = Account(cash=cash)
        self._at_cost: Won = cash  # cash, and what is held at what it cost
        self._fees: dict[Symbol, Won] = {}  # of what is held: a buy's fee travels with its shares
        self._settles_on = date.min
        self._opens_at: datetime | None = None
        self.trades: list[BacktestTrade] = []

    def begin(self, day: date) -> None:
        """Begin a day with orders."""
        trading_day = self._calendar.trading_day(day)
        if trading_day is None:
            raise ValueError(f"{day}: expected a trading day")
        self._opens_at = trading_day.opens_at
        self._settles_on = self._calendar.settlement_date(day)
        self._account.roll(day)

    def buy(self, columns: Columns, at: int, rule: str, reason: str) -> BacktestTrade | None:
        """Buy at the open of bar `at`; None where nothing is offered, or nothing can be paid."""
        price, last = columns.opens[at], columns.closes[at - 1]
        if price >= price_limits(last, columns.market, columns.days[at])[1]:
            return None
        wanted = self._shares or int(self._at_cost * self._share) // last
        affordable = self._account.spendable * _BILLION // (price * (_BILLION + self._commission_ppb))
        quantity = min(wanted, affordable)
        if quantity < 1:
            return None
        return self._book(columns, at, Side.BUY, quantity, price, rule, reason)

    def sell(self, columns: Columns, at: int, rule: str, reason: str) -> BacktestTrade | None:
        """Sell all at the open of bar `at`; None where nothing is bid."""
        price = columns.opens[at]
        if price <= price_limits(columns.closes[at - 1], columns.market, columns.days[at])[0]:
            return None
        return self._book(columns, at, Side.SELL, self._account.quantity(columns.symbol), price, rule, reason)

    def _book(
        self, columns: Columns, at: int, side: Side, quantity: int, price: Won, rule: str, reason: str
    ) -> BacktestTrade:
        if self._opens_at is None:
            raise RuntimeError("desk without a day: expected one that was begun")
        amount = quantity * price
        costs = order_costs(side, amount, columns.market, columns.days[at], self._commission_ppb)
        realized = 0
        if side is Side.SELL:
            cost = self._account.holdings[columns.symbol].cost + self._fees.pop(columns.symbol)
            realized = amount - cost - costs.fee - costs.tax
        else:
            self._fees[columns.symbol] = costs.fee
        self._account.book(side, columns.symbol, quantity, amount, costs, self._settles_on)
        self._at_cost += realized
        trade = BacktestTrade(
            at=self._opens_at,
            symbol=columns.symbol,
            name=columns.name,
            side=side,
            quantity=quantity,
            amount=amount,
            fee=costs.fee,
            tax=costs.tax,
            realized_pnl=realized,
            rule=rule,
            reason=reason,
        )
        self.trades.append(trade)
        return trade
