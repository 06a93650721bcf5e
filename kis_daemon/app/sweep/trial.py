"""One trial: a backtest with its parameters, in whatever process it is asked of.

Rules of this room
    A job is plain values and files by their names, so that it travels to another process or another machine.
    Prices are loaded once a process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from kis_daemon.app.backtest.plan import BacktestPlan
from kis_daemon.app.backtest.result import Fills
from kis_daemon.app.backtest.rules import Rule, run_rule, settings_on_paper
from kis_daemon.app.backtest.source import load_prices
from kis_daemon.app.errors import UsageError
from kis_daemon.app.files import load_calendar
from kis_daemon.app.settings import Settings
from kis_daemon.domain.calendar import TradingCalendar
from kis_daemon.domain.market import Side, Symbol, Won
from kis_daemon.simulator.price_file import FilePrices


class Metric(StrEnum):
    """What a sweep looks for."""

    TOTAL_RETURN = "total_return"
    CAGR = "cagr"
    SHARPE = "sharpe"
    SORTINO = "sortino"
    PROFIT_FACTOR = "profit_factor"
    EXPECTANCY = "expectancy"
    WIN_RATE = "win_rate"
    MAX_DRAWDOWN = "max_drawdown"

    @property
    def more_is_better(self) -> bool:
        return self is not Metric.MAX_DRAWDOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What every trial of a sweep shares."""

    prices: Path
    config_dir: Path
    symbols: tuple[Symbol, ...]
    cash: Won
    rule: Rule
    fills: Fills
    volume_share: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a trial came to: the figures of `Metrics` that are one number, and the profit of every sale in its order.

    `refused` says why the parameters do not fit together; then there are no figures.
    """

    figures: Mapping[str, float | None]
    profits: tuple[Won, ...] = ()
    refused: str = ""

    def value(self, metric: Metric) -> float | None:
        return self.figures.get(metric)


def tried(job: Job, days: tuple[date, date], params: tuple[str, ...]) -> Outcome:
    """Replay the days from the first to the last with these parameters."""
    settings, calendar, prices = _world(job.prices, job.config_dir)
    plan = BacktestPlan(
        symbols=job.symbols,
        first=days[0],
        last=days[1],
        cash=job.cash,
        fills=job.fills,
        volume_share=job.volume_share,
    )
    try:
        result = run_rule(job.rule, settings, params, plan, prices, calendar)
    except UsageError as error:  # each in its range, but not together
        return Outcome(figures={}, refused=str(error))
    figures = {
        name: value
        for name, value in asdict(result.metrics).items()
        if value is None or isinstance(value, (int, float))
    }
    return Outcome(figures=figures, profits=tuple(t.realized_pnl for t in result.trades if t.side is Side.SELL))


@lru_cache(maxsize=1)
def _world(prices: Path, config_dir: Path) -> tuple[Settings, TradingCalendar, FilePrices]:
    calendar = load_calendar(config_dir)
    return settings_on_paper(config_dir), calendar, load_prices(prices, calendar)
