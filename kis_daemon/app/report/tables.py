"""The tables of a report, as rows of finished texts: figures, months, exit reasons, symbols."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from kis_daemon.app.backtest.metrics import Curve, curve_of
from kis_daemon.app.backtest.result import BacktestTrade, Metrics
from kis_daemon.app.report.subject import Subject, SymbolBars
from kis_daemon.app.report.words import NONE, Words, money, percent, ratio, reason_word
from kis_daemon.console.catalogue import Language
from kis_daemon.domain.market import Side, Won

Row: TypeAlias = tuple[str, ...]

_MONTHS = range(1, 13)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A heading row and the rows under it."""

    head: Row
    rows: tuple[Row, ...]


def benchmark_curve(subject: Subject) -> Curve | None:
    """Return the figures of the benchmark over the days of the run."""
    if subject.benchmark is None:
        return None
    days = [day.day for day in subject.result.equity]
    return curve_of(days, subject.benchmark.worth(days, subject.result.start_cash))


def figures_table(subject: Subject, words: Words, language: Language) -> Table:
    """Return every figure of the run, with those of the compared runs and of the benchmark beside it."""
    runs = {words(f"report.fills.{subject.fills}"): subject.result.metrics}
    runs |= {words(f"report.fills.{fills}"): metrics for fills, metrics in subject.compared.items()}
    curve = benchmark_curve(subject)
    columns = [_figures(metrics, language) for metrics in runs.values()]
    head = [words("report.figure"), *runs]
    if curve is not None and subject.benchmark is not None:
        columns.append(_of_curve(curve))
        head.append(subject.benchmark.name)
    names = list(columns[0])
    rows = [(words(f"report.metric.{name}"), *(column.get(name, "") for column in columns)) for name in names]
    return Table(head=tuple(head), rows=tuple(rows))


def _figures(metrics: Metrics, language: Language) -> dict[str, str]:
    return {
        "total_return": percent(metrics.total_return, sign=True),
        "cagr": percent(metrics.cagr, sign=True),
        "max_drawdown": percent(-metrics.max_drawdown),
        "sharpe": ratio(metrics.sharpe),
        "sortino": ratio(metrics.sortino),
        "trades": f"{metrics.trades:,}",
        "win_rate": percent(metrics.win_rate),
        "profit_factor": ratio(metrics.profit_factor),
        "expectancy": money(language, metrics.expectancy, sign=True),
        "realized_pnl": money(language, metrics.realized_pnl, sign=True),
        "exposure": percent(metrics.exposure),
        "turnover": ratio(metrics.turnover),
        "fees": money(language, metrics.fees),
        "tax": money(language, metrics.tax),
        "costs": money(language, metrics.fees + metrics.tax),
    }


def _of_curve(curve: Curve) -> dict[str, str]:
    return {
        "total_return": percent(curve.total_return, sign=True),
        "cagr": percent(curve.cagr, sign=True),
        "max_drawdown": percent(-curve.max_drawdown),
        "sharpe": ratio(curve.sharpe),
        "sortino": ratio(curve.sortino),
    }


def months_table(metrics: Metrics, words: Words) -> Table:
    """Return what each month brought, a row a year, and the year's own return at its end."""
    years: dict[str, dict[int, float]] = {}
    for month, part in metrics.monthly_returns.items():
        year, _, number = month.partition("-")
        years.setdefault(year, {})[int(number)] = part
    rows: list[Row] = []
    for year, months in years.items():
        grown = 1.0
        for part in months.values():
            grown *= 1 + part
        cells = (percent(months[number], sign=True) if number in months else "" for number in _MONTHS)
        rows.append((year, *cells, percent(grown - 1, sign=True)))
    head = (words("report.year"), *(words(f"report.month.{number}") for number in _MONTHS), words("report.whole_year"))
    return Table(head=head, rows=tuple(rows))


def reasons_table(trades: Iterable[BacktestTrade], words: Words, language: Language) -> Table:
    """Return how often each exit rule sold and what came of it, the most frequent first."""
    profits: dict[str, list[Won]] = {}
    for trade in trades:
        if trade.side is Side.SELL:
            profits.setdefault(trade.rule, []).append(trade.realized_pnl)
    sales = sum(len(found) for found in profits.values())
    rows = [
        (
            reason_word(words, rule),
            f"{len(found):,}",
            percent(len(found) / sales),
            percent(sum(pnl > 0 for pnl in found) / len(found)),
            money(language, sum(found), sign=True),
            money(language, sum(found) / len(found), sign=True),
        )
        for rule, found in sorted(profits.items(), key=lambda item: (-len(item[1]), item[0]))
    ]
    names = ("reason", "sales", "share", "won", "realized", "mean")
    return Table(head=tuple(words(f"report.column.{name}") for name in names), rows=tuple(rows))


def symbols_table(
    symbols: Sequence[SymbolBars], trades: Sequence[BacktestTrade], words: Words, language: Language
) -> Table:
    """Return what each symbol was bought and sold for, in the order of the run; those never traded stand last."""
    rows: list[Row] = []
    for shown in symbols:
        mine = [trade for trade in trades if trade.symbol == shown.symbol]
        sold = [trade.realized_pnl for trade in mine if trade.side is Side.SELL]
        rows.append(
            (
                shown.symbol,
                shown.name,
                f"{len(mine) - len(sold):,}",
                f"{len(sold):,}",
                percent(sum(pnl > 0 for pnl in sold) / len(sold)) if sold else NONE,
                money(language, sum(sold), sign=True) if sold else NONE,
                money(language, sum(trade.fee + trade.tax for trade in mine)) if mine else NONE,
            )
        )
    rows.sort(key=lambda row: row[2] == row[3] == "0")
    names = ("symbol", "name", "buys", "sells", "won", "realized", "costs")
    return Table(head=tuple(words(f"report.column.{name}") for name in names), rows=tuple(rows))
