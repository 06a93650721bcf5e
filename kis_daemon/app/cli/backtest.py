"""`backtest`: what the rules would have done on the bars of a file, and what came of it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path

import click

from kis_daemon.app.backtest.breakout import BreakoutRules, run_breakout
from kis_daemon.app.backtest.engine import run_backtest
from kis_daemon.app.backtest.parameters import with_parameters
from kis_daemon.app.backtest.plan import BacktestPlan
from kis_daemon.app.backtest.result import BacktestResult, Fills
from kis_daemon.app.backtest.source import chosen, load_prices
from kis_daemon.app.backtest.written import as_json
from kis_daemon.app.cli.trade import DOTENV
from kis_daemon.app.errors import ExitCode, UsageError
from kis_daemon.app.files import load_calendar
from kis_daemon.app.options import RunOptions
from kis_daemon.app.report.backtested import subject_of
from kis_daemon.app.report.benchmark import benchmark_of
from kis_daemon.app.report.folder import ReportFolder
from kis_daemon.app.settings import Settings, load_settings
from kis_daemon.app.settings_sources import dotenv_file, environment
from kis_daemon.console.catalogue import Language, say
from kis_daemon.domain.calendar import TradingCalendar
from kis_daemon.domain.market import Symbol, as_symbol
from kis_daemon.simulator.board import VOLUME_SHARE
from kis_daemon.simulator.prices import PriceBook

_VARIABLES = ("ORDER_QUANTITY", "MAX_QTY", "KIS_CALLS_PER_SECOND", "LANGUAGE")
_ATR, _BREAKOUT = "atr", "breakout"


@click.command(help="help.backtest")
@click.option("--prices", type=click.Path(path_type=Path, dir_okay=False), required=True, help="help.sim_prices")
@click.option("--symbols", metavar="CODES", help="help.backtest_symbols")
@click.option("--from", "first", type=click.DateTime(["%Y-%m-%d"]), help="help.backtest_from")
@click.option("--to", "last", type=click.DateTime(["%Y-%m-%d"]), help="help.backtest_to")
@click.option("--cash", type=click.IntRange(1, 10**15), default=100_000_000, show_default=True, help="help.sim_cash")
@click.option("--params", multiple=True, metavar="NAME=VALUE", help="help.backtest_params")
@click.option(
    "--rule", type=click.Choice([_ATR, _BREAKOUT]), default=_ATR, show_default=True, help="help.backtest_rule"
)
@click.option(
    "--fills",
    type=click.Choice([str(fills) for fills in Fills]),
    default=str(Fills.PATH),
    show_default=True,
    help="help.backtest_fills",
)
@click.option(
    "--volume-share",
    type=click.IntRange(1, 1_000_000),
    default=VOLUME_SHARE,
    show_default=True,
    help="help.backtest_volume",
)
@click.option("--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="help.backtest_json")
@click.option("--report", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="help.backtest_report")
@click.option("--benchmark", metavar="SYMBOL|FILE", help="help.backtest_benchmark")
@click.option("--jobs", type=click.IntRange(1, 256), default=1, show_default=True, help="help.backtest_jobs")
@click.option(
    "--config-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("config"),
    show_default=True,
    help="help.config_dir",
)
@click.pass_context
def command(
    ctx: click.Context,
    prices: Path,
    symbols: str | None,
    first: datetime | None,
    last: datetime | None,
    cash: int,
    params: tuple[str, ...],
    rule: str,
    fills: str,
    volume_share: int,
    json_file: Path | None,
    report: Path | None,
    benchmark: str | None,
    jobs: int,
    config_dir: Path,
) -> int:
    if json_file is not None and (json_file.is_dir() or not json_file.parent.is_dir()):
        raise UsageError("usage.backtest_json", value=json_file)
    wanted = _symbols(symbols)
    calendar = load_calendar(config_dir)
    settings = _settings(config_dir)
    breakout = BreakoutRules()
    if rule == _BREAKOUT:
        breakout = breakout.with_parameters(params)
    else:
        settings = with_parameters(settings, params)
    history = breakout.breakout_bars if rule == _BREAKOUT else settings.entry.min_bars
    source = chosen(
        load_prices(prices, calendar),
        calendar,
        wanted,
        first.date() if first is not None else None,
        last.date() if last is not None else None,
        history,
    )
    against = None if benchmark is None else benchmark_of(benchmark, source.prices, source.first, source.last)
    folder = None if report is None else ReportFolder.opened(report)
    plan = BacktestPlan(
        symbols=source.symbols, first=source.first, last=source.last, cash=cash, volume_share=volume_share
    )
    run: Callable[[Fills], BacktestResult] = (
        partial(_breakout, settings, plan, source.prices, calendar, breakout)
        if rule == _BREAKOUT
        else partial(_atr, settings, plan, source.prices, calendar)
    )
    asked = Fills(fills)
    # the worst case is told beside the usual one: the difference is what nobody knows from daily bars
    results = _all(run, (asked,) if asked is Fills.PATH or rule == _BREAKOUT else (asked, Fills.PATH), jobs)
    told = as_json(results[0])
    if len(results) > 1:
        told["compared"] = {Fills.PATH.value: as_json(results[1])["metrics"]}
    if json_file is not None:
        json_file.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", "utf-8")
    for result in results:
        _tell(result, ctx.find_root().obj)
    if folder is not None:
        written = folder.write(subject_of(results, plan, source, params, against), settings.language)
        click.echo(say(settings.language, "report.told", file=written))
    return ExitCode.OK


def _all(run: Callable[[Fills], BacktestResult], fills: Sequence[Fills], jobs: int) -> list[BacktestResult]:
    if jobs == 1 or len(fills) == 1:
        return [run(order) for order in fills]
    with ProcessPoolExecutor(min(jobs, len(fills))) as pool:
        return list(pool.map(run, fills))


def _atr(
    settings: Settings, plan: BacktestPlan, prices: PriceBook, calendar: TradingCalendar, fills: Fills
) -> BacktestResult:
    return run_backtest(settings, replace(plan, fills=fills), prices, calendar)


def _breakout(
    settings: Settings,
    plan: BacktestPlan,
    prices: PriceBook,
    calendar: TradingCalendar,
    rules: BreakoutRules,
    fills: Fills,
) -> BacktestResult:
    return run_breakout(replace(plan, fills=fills), prices, calendar, rules, settings.commission_ppb)


def _settings(config_dir: Path) -> Settings:
    """Return the settings of the daemon on paper; keys, addresses and modes do not matter here."""
    given = dotenv_file(DOTENV) | environment(os.environ)
    variables = {name: given[name] for name in _VARIABLES if name in given}
    # which symbols are traded is the price file's to say: an empty universe is no reason to refuse
    return load_settings(RunOptions(config_dir=config_dir, symbols=(Symbol("000000"),)), variables, None)


def _symbols(text: str | None) -> tuple[Symbol, ...]:
    if text is None:
        return ()
    try:
        return tuple(dict.fromkeys(as_symbol(part.strip()) for part in text.split(",")))
    except ValueError:
        raise UsageError("usage.backtest_codes", value=repr(text)) from None


def _tell(result: BacktestResult, language: object) -> None:
    spoken = language if isinstance(language, Language) else Language.KO
    metrics = result.metrics
    click.echo(
        say(
            spoken,
            "backtest.told",
            rule=result.rule,
            fills=result.fills.value,
            first=result.first,
            last=result.last,
            symbols=len(result.symbols),
            trades=metrics.trades,
            equity=result.equity[-1].equity,
            total=round(metrics.total_return * 100, 2),
            drawdown=round(metrics.max_drawdown * 100, 2),
            matter=result.bars_that_matter,
            bars=result.bars,
            rate=round(result.bars_per_second),
        )
    )
