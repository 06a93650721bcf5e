"""`backtest sweep`: which parameters would have done best, and how little that may mean.

Exit codes: 0 done, 64 the command line, 78 the libraries or the database of the studies are not there, 130 interrupted;
after that, or after a kill, the same command goes on with the same study.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from kis_daemon.app.backtest.result import Fills
from kis_daemon.app.backtest.rules import Rule, settings_on_paper
from kis_daemon.app.backtest.source import chosen, load_prices
from kis_daemon.app.cli.backtest_options import replayed_options, symbols_of
from kis_daemon.app.errors import ConfigurationError, ExitCode, UsageError
from kis_daemon.app.files import load_calendar
from kis_daemon.app.sweep.space import longest_history, space_of
from kis_daemon.app.sweep.trial import Job, Metric
from kis_daemon.app.sweep.windows import parsed, windows
from kis_daemon.console.catalogue import Language, say

if TYPE_CHECKING:
    from kis_daemon.app.sweep.run import SweepPlan, Swept

_RESEARCH = ("optuna", "distributed")
_METRICS = click.Choice([str(metric) for metric in Metric])
_STEPS = 10  # lines of progress where nobody looks at a terminal


@click.command(help="help.backtest_sweep")
@replayed_options("NAME=LOW:HIGH[:STEP]", "help.sweep_params")
@click.option("--trials", type=click.IntRange(1, 1_000_000), default=100, show_default=True, help="help.sweep_trials")
@click.option("--metric", type=_METRICS, default=str(Metric.SHARPE), show_default=True, help="help.sweep_metric")
@click.option("--walk-forward", "walk", metavar="TRAIN/TEST", help="help.sweep_walk")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="help.sweep_seed")
@click.option("--study", metavar="NAME", help="help.sweep_study")
@click.option(
    "--storage",
    metavar="URL",
    default="sqlite:///data/sweeps.db",
    show_default=True,
    envvar="SWEEP_STORAGE",
    help="help.sweep_storage",
)
@click.option("--dask", metavar="ADDRESS", help="help.sweep_dask")
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
    jobs: int,
    config_dir: Path,
    trials: int,
    metric: str,
    walk: str | None,
    seed: int,
    study: str | None,
    storage: str,
    dask: str | None,
) -> int:
    language: Language = ctx.find_root().obj
    if json_file is not None and (json_file.is_dir() or not json_file.parent.is_dir()):
        raise UsageError("usage.backtest_json", value=json_file)
    with _needing_research():
        from kis_daemon.app.sweep import run, search, written

    calendar = load_calendar(config_dir)
    settings = settings_on_paper(config_dir)
    searched = space_of(Rule(rule), settings, params)
    source = chosen(
        load_prices(prices, calendar),
        calendar,
        symbols_of(symbols),
        first.date() if first is not None else None,
        last.date() if last is not None else None,
        longest_history(Rule(rule), settings, searched),
    )
    days = [day.date for day in calendar.trading_days(source.first, source.last)]
    plan = run.SweepPlan(
        job=Job(
            prices=prices.resolve(),
            config_dir=config_dir.resolve(),
            symbols=source.symbols,
            cash=cash,
            rule=Rule(rule),
            fills=Fills(fills),
            volume_share=volume_share,
        ),
        space=searched,
        days=(source.first, source.last),
        windows=() if walk is None else windows(days, *parsed(walk)),
        metric=Metric(metric),
        trials=trials,
        jobs=jobs,
        seed=seed,
        storage=storage,
        name="",
    )
    asked = json.dumps([run.question_of(plan, settings, plan.days), walk], sort_keys=True)
    plan = replace(plan, name=study or f"sweep-{hashlib.sha256(asked.encode()).hexdigest()[:12]}")
    click.echo(say(language, "sweep.begins", study=plan.name, trials=_total(plan), jobs=jobs), err=True)
    workers = search.processes(jobs) if dask is None else _on_dask(dask)
    with workers as executor, _progress(_total(plan), metric, language) as told:
        swept = run.sweep(plan, settings, executor, told)
    if json_file is not None:
        json_file.write_text(json.dumps(written.as_json(plan, swept), ensure_ascii=False, indent=1) + "\n", "utf-8")
    _tell(plan, swept, language)
    return ExitCode.OK


@contextmanager
def _needing_research() -> Iterator[None]:
    """Tell how the libraries of research are installed where they are not."""
    try:
        yield
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        if library not in _RESEARCH:
            raise
        raise ConfigurationError("usage.research_absent", library=library) from None


def _on_dask(address: str) -> AbstractContextManager[Executor]:
    with _needing_research():
        from kis_daemon.app.sweep.dask import workers
    return workers(address)


def _total(plan: SweepPlan) -> int:
    return plan.trials * len(plan.stretches)


@contextmanager
def _progress(total: int, metric: str, language: Language) -> Iterator[Callable[[int, float | None], None]]:
    """Show how far the search is: a bar on a terminal, else a line at every tenth."""
    console = Console(stderr=True)
    shown = -1

    def line(done: int, best: float | None) -> None:
        nonlocal shown
        if done * _STEPS // total > shown:
            shown = done * _STEPS // total
            click.echo(
                say(language, "sweep.progress", done=done, of=total, metric=metric, best=_figure(best)), err=True
            )

    if not console.is_terminal:
        yield line
        return
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("", total=total)

        def draw(done: int, best: float | None) -> None:
            bar.update(task, completed=done, description=f"{metric} {_figure(best)}")

        yield draw


def _tell(plan: SweepPlan, swept: Swept, language: Language) -> None:
    for stretch in swept.stretches:
        first, last = stretch.days
        if stretch.best is None:
            click.echo(say(language, "sweep.nothing", study=stretch.study, first=first, last=last))
            continue
        best = say(
            language,
            "sweep.best",
            study=stretch.study,
            first=first,
            last=last,
            trials=len(stretch.finished),
            metric=str(plan.metric),
            value=_figure(stretch.best.value),
            params=" ".join(plan.space.params(stretch.best.values)),
        )
        click.echo(best)
        if stretch.after is not None and stretch.outside is not None:
            after, until = stretch.after
            value = _figure(stretch.outside.value(plan.metric))
            click.echo(say(language, "sweep.after", first=after, last=until, metric=str(plan.metric), value=value))
    if swept.shuffled is not None:
        pct = {
            name: round(100 * getattr(swept.shuffled, name), 2) for name in ("actual", "p5", "median", "p95", "worst")
        }
        click.echo(say(language, "sweep.shuffled", shuffles=swept.shuffled.shuffles, **pct))
    for study, value in swept.edges:
        click.echo(say(language, "sweep.at_edge", study=study, value=value), err=True)
    if swept.falls_apart:
        click.echo(say(language, "sweep.falls_apart", metric=str(plan.metric)), err=True)


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
