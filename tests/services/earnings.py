"""What the sales of an account in memory brought, as a broker tells it: by symbol and by day."""

from __future__ import annotations

from datetime import date

from kis_daemon.domain.market import Symbol, Won
from kis_daemon.ports import DayProfit, TradeProfit


class Earnings:
    """One entry a sale; several of one symbol on one day are one row. All costs are told as the fee."""

    def __init__(self) -> None:
        self._sales: list[tuple[date, Symbol, int, Won, Won, Won]] = []

    def add(self, day: date, symbol: Symbol, quantity: int, amount: Won, cost: Won, costs: Won) -> None:
        """Take down that `quantity` shares bought for `cost` were sold for `amount`, less `costs`."""
        self._sales.append((day, symbol, quantity, amount, cost, costs))

    def by_symbol(self, first: date, last: date) -> tuple[TradeProfit, ...]:
        sales = [sale for sale in self._sales if first <= sale[0] <= last]
        return tuple(self._row(*key, sales) for key in sorted({sale[:2] for sale in sales}))

    def by_day(self, first: date, last: date) -> tuple[DayProfit, ...]:
        rows = self.by_symbol(first, last)
        return tuple(_day(day, rows) for day in sorted({row.day for row in rows}))

    def _row(self, day: date, symbol: Symbol, sales: list[tuple[date, Symbol, int, Won, Won, Won]]) -> TradeProfit:
        ours = [sale for sale in sales if sale[:2] == (day, symbol)]
        return TradeProfit(
            day=day,
            profit=sum(amount - cost - costs for _, _, _, amount, cost, costs in ours),
            bought=0,
            sold=sum(sale[3] for sale in ours),
            fee=sum(sale[5] for sale in ours),
            tax=0,
            interest=0,
            symbol=symbol,
            name="",
            bought_quantity=0,
            sold_quantity=sum(sale[2] for sale in ours),
        )


def _day(day: date, rows: tuple[TradeProfit, ...]) -> DayProfit:
    ours = [row for row in rows if row.day == day]
    return DayProfit(
        day=day,
        profit=sum(row.profit for row in ours),
        bought=0,
        sold=sum(row.sold for row in ours),
        fee=sum(row.fee for row in ours),
        tax=0,
        interest=0,
    )
