"""Ours: `python -m bench.peers.run_ours FILE loop|memory|journal [COPIES]`.

`loop` keeps the result alone, `memory` every order, fill, trade and fact in the daemon's records, `journal` writes
these into a database of the daemon's schema at the end; the empty database is made before.
"""

from __future__ import annotations

import gc
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from bench.peers.market import Loaded, the_calendar
from bench.peers.said import measured
from kis_daemon.app.backtest.breakout import BreakoutRules, run_breakout
from kis_daemon.app.backtest.order_records import OrderRecords
from kis_daemon.app.backtest.plan import BacktestPlan
from kis_daemon.app.backtest.result import BacktestResult
from kis_daemon.domain.market import Side
from kis_daemon.store.memory import MemoryRecords, Tables

CASH = 10**15  # no limit


def main() -> None:
    what = sys.argv[2]
    copies = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    prices, calendar = Loaded(Path(sys.argv[1]), copies), the_calendar()
    symbols = tuple(listing.symbol for listing in prices.listings())
    days = [day.date for day in calendar.trading_days(prices.first_day, prices.last_day)]
    plan = BacktestPlan(symbols=symbols, first=days[1], last=days[-1], cash=CASH)
    records = MemoryRecords()
    kept = None if what == "loop" else OrderRecords(records)
    with ExitStack() as stack:
        write = _journal(stack) if what == "journal" else None
        gc.collect()

        def run() -> tuple[int, int]:
            result = run_breakout(plan, prices, calendar, BreakoutRules(shares=1), 0, kept)
            if write is not None:
                write(records.tables)
            return earned(result)

        measured(len(symbols) * len(days), run)


def _journal(stack: ExitStack) -> Callable[[Tables], None]:
    """Return what writes the tables into a new database, which is gone with `stack`."""
    from kis_daemon.store.database import Database

    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-"))
    database = Database(f"sqlite:///{folder}/journal.db")
    database.open()
    stack.callback(database.close)
    return lambda tables: database.transact_now(lambda rows: rows.add_all(tables))


def earned(result: BacktestResult) -> tuple[int, int]:
    """Return what the finished trades brought without costs, and how many they are."""
    paid: dict[str, int] = {}
    profit = sales = 0
    for trade in result.trades:
        if trade.side is Side.BUY:
            paid[trade.symbol] = trade.amount
        else:
            profit += trade.amount - paid[trade.symbol]
            sales += 1
    return profit, sales


if __name__ == "__main__":
    main()
