"""What a virtual account came to, as the subject of a report: from its own records."""

from __future__ import annotations

from kis_daemon.app.backtest.metrics import measure
from kis_daemon.app.backtest.result import BacktestResult, BacktestTrade, DayEquity, Fills
from kis_daemon.app.cbt.place import Terms
from kis_daemon.app.report.subject import Note, Subject, SymbolBars
from kis_daemon.domain.market import Symbol
from kis_daemon.domain.strategy import ENTRY_RULE
from kis_daemon.store.rows import SqlRows

_NOTES = ("virtual_fills", "virtual_actions", "dividends", "ratios")


def subject_of_account(rows: SqlRows, terms: Terms) -> Subject | None:
    """Return what is to be told of the days that are over; None where none is."""
    summaries = rows.day_summaries()
    if not summaries:
        return None
    first, last = summaries[0].day, summaries[-1].day
    trades = tuple(
        BacktestTrade(
            at=trade.at,
            symbol=trade.symbol,
            name=trade.name,
            side=trade.side,
            quantity=trade.quantity,
            amount=trade.amount,
            fee=trade.fee,
            tax=trade.tax,
            realized_pnl=trade.realized_pnl,
            rule=trade.rule,
            reason=trade.reason,
        )
        for trade in rows.trades(first, last)
    )
    equity = tuple(DayEquity(day=day.day, cash=day.cash, holdings_value=day.equity - day.cash) for day in summaries)
    names: dict[Symbol, str] = {trade.symbol: trade.name for trade in trades}
    result = BacktestResult(
        rule=ENTRY_RULE,
        fills=Fills.PATH,
        symbols=tuple(names),
        first=first,
        last=last,
        start_cash=terms.cash,
        trades=trades,
        orders=(),
        equity=equity,
        bars=0,
        bars_that_matter=0,
        seconds=0.0,
        metrics=measure(terms.cash, trades, equity),
    )
    return Subject(
        result=result,
        fills="virtual",
        compared={},
        symbols=tuple(SymbolBars(symbol=symbol, name=name, bars=()) for symbol, name in names.items()),
        benchmark=None,
        params=(),
        notes=tuple(Note(key=f"report.note.{name}") for name in _NOTES),
        title="report.title_cbt",
    )
