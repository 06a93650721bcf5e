"""A backtest as the subject of a report: the bars it was played on, and what must be said about them."""

from __future__ import annotations

from collections.abc import Sequence

from kis_daemon.app.backtest.breakout import ENTRY_RULE as AT_THE_OPEN
from kis_daemon.app.backtest.plan import BacktestPlan
from kis_daemon.app.backtest.result import BacktestResult, Fills
from kis_daemon.app.backtest.source import Source
from kis_daemon.app.report.benchmark import Benchmark
from kis_daemon.app.report.subject import Note, Subject, SymbolBars


def subject_of(
    results: Sequence[BacktestResult],
    plan: BacktestPlan,
    source: Source,
    params: tuple[str, ...],
    benchmark: Benchmark | None,
) -> Subject:
    """Return what is reported: the first result is the headline, the others stand beside it."""
    headline, *others = results
    names = {listing.symbol: listing.name for listing in source.prices.listings()}
    return Subject(
        result=headline,
        fills="open" if headline.rule == AT_THE_OPEN else headline.fills.value,
        compared={other.fills: other.metrics for other in others},
        symbols=tuple(
            SymbolBars(symbol=symbol, name=names[symbol], bars=source.prices.bars(symbol, plan.first, plan.last))
            for symbol in plan.symbols
        ),
        benchmark=benchmark,
        params=params,
        notes=_notes(headline, plan, benchmark),
    )


def _notes(result: BacktestResult, plan: BacktestPlan, benchmark: Benchmark | None) -> tuple[Note, ...]:
    matter = {"matter": result.bars_that_matter, "bars": result.bars}
    if result.rule == AT_THE_OPEN:
        of_the_rule = [Note(key="report.note.slippage_open"), Note(key="report.note.order_known")]
    else:
        order = "pessimistic" if result.fills is Fills.PESSIMISTIC else "path"
        of_the_rule = [
            Note(key="report.note.slippage_path", data={"share": plan.volume_share}),
            Note(key=f"report.note.order_{order}", data=matter),
        ]
    known = ("survivorship", "todays_list", "adjusted", "dividends")
    notes = [*(Note(key=f"report.note.{name}") for name in known), *of_the_rule, Note(key="report.note.ratios")]
    if benchmark is not None:
        notes.append(Note(key="report.note.benchmark", data={"name": benchmark.name}))
    return tuple(notes)
