"""A run of eight invented companies, and a report of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from kis_daemon.app.backtest.breakout import BreakoutRules, run_breakout
from kis_daemon.app.backtest.plan import BacktestPlan
from kis_daemon.app.backtest.result import Fills
from kis_daemon.app.backtest.source import Source, chosen, load_prices
from kis_daemon.app.report.backtested import subject_of
from kis_daemon.app.report.benchmark import benchmark_of
from kis_daemon.app.report.subject import Subject
from tests.backtest.basket import the_calendar
from tests.conftest import require_services
from tools.report_picture import write_invented_bars

FIRST, LAST = date(2020, 1, 2), date(2021, 3, 31)
COMMISSION_PPB = 140_527


def the_library(module: str) -> Any:
    """Return a module of plotly; absent, the test is skipped in words."""
    try:
        return import_module(module)
    except ModuleNotFoundError:
        require_services("no plotly in this environment: make venv-dev")


@cache
def the_source(folder: Path) -> Source:
    file = folder / "invented.csv"
    write_invented_bars(file, FIRST, LAST)
    return chosen(load_prices(file, the_calendar()), the_calendar(), (), None, None, history=20)


def a_subject(folder: Path, *, benchmark: str | None = "ZZ0005") -> Subject:
    """Return the breakout rule's run, with the figures of a second run beside it."""
    source = the_source(folder)
    plan = BacktestPlan(symbols=source.symbols, first=source.first, last=source.last)
    result = run_breakout(plan, source.prices, the_calendar(), BreakoutRules(), COMMISSION_PPB)
    against = None if benchmark is None else benchmark_of(benchmark, source.prices, source.first, source.last)
    beside = replace(result, fills=Fills.PESSIMISTIC)
    return subject_of([result, beside], plan, source, ("stop_atr=3",), against)
