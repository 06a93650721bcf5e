"""What a backtest came to, as plain values: for a report, a file, a test."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from kis_daemon.domain.market import Side, Symbol, Won


class Fills(StrEnum):
    """In which order a day's extremes come: the nearer first, or the one that hurts first."""

    PATH = "path"
    PESSIMISTIC = "pessimistic"


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestTrade:
    """A booked order: all its fills, its costs, and for a sale the profit it realised. `rule` is why, in one word."""

    at: datetime
    symbol: Symbol
    name: str
    side: Side
    quantity: int
    amount: Won
    fee: Won
    tax: Won
    realized_pnl: Won
    rule: str
    reason: str

    @property
    def price(self) -> float:
        """The average price of its fills."""
        return self.amount / self.quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestOrder:
    """An order as it ended, filled or not. `price` is its limit, None at the market; `filled_amount` before costs."""

    at: datetime
    symbol: Symbol
    side: Side
    quantity: int
    price: Won | None
    filled_quantity: int
    rule: str
    state: str
    filled_amount: Won = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DayEquity:
    """The account after a day."""

    day: date
    cash: Won
    holdings_value: Won

    @property
    def equity(self) -> Won:
        return self.cash + self.holdings_value


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """The figures of a run. Ratios are parts of one; None where there is nothing to divide by.

    `cagr` is by calendar years, `sharpe` and `sortino` by 252 trading days without a riskless rate, `turnover` what was
    bought and sold a year over the mean equity, `exposure` the mean part of equity that was held.
    """

    total_return: float
    cagr: float | None
    max_drawdown: float
    sharpe: float | None
    sortino: float | None
    trades: int
    wins: int
    win_rate: float | None
    profit_factor: float | None
    expectancy: float | None
    realized_pnl: Won
    fees: Won
    tax: Won
    turnover: float | None
    exposure: float
    exit_reasons: dict[str, int]
    monthly_returns: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestResult:
    """One run. `bars` is how many symbol-days with trade were replayed, in `seconds` without loading them.

    `bars_that_matter` counts the days of a symbol on which the order of high and low decides what is done.
    """

    rule: str
    fills: Fills
    symbols: tuple[Symbol, ...]
    first: date
    last: date
    start_cash: Won
    trades: tuple[BacktestTrade, ...]
    orders: tuple[BacktestOrder, ...]
    equity: tuple[DayEquity, ...]
    bars: int
    bars_that_matter: int
    seconds: float
    metrics: Metrics

    @property
    def bars_per_second(self) -> float:
        return self.bars / self.seconds if self.seconds > 0 else 0.0
