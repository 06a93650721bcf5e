"""`backtest`: what the rules would have done on the bars of a file, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import click

from kis_daemon.app.backtest.plan import BacktestPlan
from kis_daemon.app.backtest.result import BacktestResult, Fills
from kis_daemon.app.backtest.rules import Rule, history_of, run_rule, settings_on_paper
from kis_daemon.app.backtest.source import chosen, load_prices
from kis_daemon.app.backtest.written import as_json
from kis_daemon.app.cli.backtest_options import replayed_options, symbols_of
from kis_daemon.app.errors import ExitCode, UsageError
from kis_daemon.app.files import load_calendar
from kis_daemon.app.report.backtested import subject_of
from kis_daemon.app.report.benchmark import benchmark_of
from kis_daemon.app.report.folder import ReportFolder
from kis_daemon.app.settings import Settings
from kis_daemon.console.catalogue import Language, say
from kis_daemon.domain.calendar import TradingCalendar
from kis_daemon.simulator.prices import PriceBook


class WithSweep(click.Command):
    """The command, and `sweep` as its first word."""

    @property
    def commands(self) -> dict[str, click.Command]:
        from kis_daemon.app.cli.backtest_sweep import command as sweep

        return {"sweep": sweep}

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        child = self.commands.get(args[0]) if args else None
        if child is None:
            return super().make_context(info_name, args, parent, **extra)
        return child.make_context(f"{info_name} {args[0]}", args[1:], parent, **extra)


@click.command(cls=WithSweep, help="help.backtest")
@replayed_options("NAME=VALUE", "help.backtest_params")
@click.option("--report", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="help.backtest_report")
@click.option("--benchmark", metavar="SYMBOL|FILE", help="help.backtest_benchmark")
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
    wanted = symbols_of(symbols)
    calendar = load_calendar(config_dir)
    settings = settings_on_paper(config_dir)
    source = chosen(
        load_prices(prices, calendar),
        calendar,
        wanted,
        first.date() if first is not None else None,
        last.date() if last is not None else None,
        history_of(Rule(rule), settings, params),
    )
    against = None if benchmark is None else benchmark_of(benchmark, source.prices, source.first, source.last)
    folder = None if report is None else ReportFolder.opened(report)
    plan = BacktestPlan(
        symbols=source.symbols, first=source.first, last=source.last, cash=cash, volume_share=volume_share
    )
    run = partial(_run, Rule(rule), settings, params, plan, source.prices, calendar)
    asked = Fills(fills)
    # the worst case is told beside the usual one: the difference is what nobody knows from daily bars
    results = _all(run, (asked,) if asked is Fills.PATH or rule == Rule.BREAKOUT else (asked, Fills.PATH), jobs)
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


def _run(
    rule: Rule,
    settings: Settings,
    params: Sequence[str],
    plan: BacktestPlan,
    prices: PriceBook,
    calendar: TradingCalendar,
    fills: Fills,
) -> BacktestResult:
    return run_rule(rule, settings, params, replace(plan, fills=fills), prices, calendar)


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
