"""Ours: `python -m bench.peers.run_ours FILE memory|journal [COPIES]`."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

from bench.peers.market import Loaded, the_calendar
from bench.peers.said import measured
from kis_daemon.app.backtest.breakout import BreakoutRules, run_breakout
from kis_daemon.app.backtest.plan import BacktestPlan
from kis_daemon.domain.market import Side

CASH = 10**15  # no limit


def main() -> None:
    copies = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    prices, calendar = Loaded(Path(sys.argv[1]), copies), the_calendar()
    symbols = tuple(listing.symbol for listing in prices.listings())
    days = [day.date for day in calendar.trading_days(prices.first_day, prices.last_day)]
    plan = BacktestPlan(symbols=symbols, first=days[1], last=days[-1], cash=CASH)
    rules = BreakoutRules(shares=1)
    gc.collect()

    def run() -> tuple[int, int]:
        result = run_breakout(plan, prices, calendar, rules, 0)
        open_cost: dict[str, int] = {}
        profit = sales = 0
        for trade in result.trades:
            if trade.side is Side.BUY:
                open_cost[trade.symbol] = trade.amount
            else:
                profit += trade.amount - open_cost[trade.symbol]
                sales += 1
        return profit, sales

    measured(len(symbols) * len(days), run)


if __name__ == "__main__":
    main()
