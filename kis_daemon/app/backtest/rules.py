"""The two rules that a backtest can replay, and what each needs: parameters, history, settings.

One way from `--rule` and `--params` to a result, for a single run and for every trial of a sweep.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

from kis_daemon.app.backtest.breakout import LIMITS, BreakoutRules, run_breakout
from kis_daemon.app.backtest.engine import run_backtest
from kis_daemon.app.backtest.parameters import path_of, with_parameters
from kis_daemon.app.backtest.plan import BacktestPlan
from kis_daemon.app.backtest.result import BacktestResult
from kis_daemon.app.options import DOTENV, RunOptions
from kis_daemon.app.settings import Settings, load_settings
from kis_daemon.app.settings_ranges import RANGES
from kis_daemon.app.settings_sources import dotenv_file, environment
from kis_daemon.domain.calendar import TradingCalendar
from kis_daemon.domain.market import Symbol
from kis_daemon.simulator.prices import PriceBook

_VARIABLES = ("ORDER_QUANTITY", "MAX_QTY", "KIS_CALLS_PER_SECOND", "LANGUAGE")


class Rule(StrEnum):
    """The daemon's own rules, or the fast breakout."""

    ATR = "atr"
    BREAKOUT = "breakout"


def settings_on_paper(config_dir: Path) -> Settings:
    """Return the settings of the daemon on paper; keys, addresses and modes do not matter here."""
    given = dotenv_file(DOTENV) | environment(os.environ)
    variables = {name: given[name] for name in _VARIABLES if name in given}
    # which symbols are traded is the price file's to say: an empty universe is no reason to refuse
    return load_settings(RunOptions(config_dir=config_dir, symbols=(Symbol("000000"),)), variables, None)


def history_of(rule: Rule, settings: Settings, params: Sequence[str]) -> int:
    """Return how many bars the rule wants before its first day; `UsageError` for parameters it does not have."""
    if rule is Rule.BREAKOUT:
        return BreakoutRules().with_parameters(params).breakout_bars
    return with_parameters(settings, params).entry.min_bars


def full_name(rule: Rule, name: str) -> str:
    """Return the one name of a parameter that may be written short."""
    return name if rule is Rule.BREAKOUT else path_of(name)


def is_whole(rule: Rule, name: str) -> bool | None:
    """Whether a parameter (by its full name) is a whole number; None where it is no number at all."""
    if rule is Rule.BREAKOUT:
        return isinstance(LIMITS[name][0], int) if name in LIMITS else None
    return RANGES[name].whole if name in RANGES else None


def run_rule(
    rule: Rule,
    settings: Settings,
    params: Sequence[str],
    plan: BacktestPlan,
    prices: PriceBook,
    calendar: TradingCalendar,
) -> BacktestResult:
    """Replay `plan` by `rule` with these parameters."""
    if rule is Rule.BREAKOUT:
        rules = BreakoutRules().with_parameters(params)
        return run_breakout(plan, prices, calendar, rules, settings.commission_ppb)
    return run_backtest(with_parameters(settings, params), plan, prices, calendar)
