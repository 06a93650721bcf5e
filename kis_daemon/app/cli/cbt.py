"""`cbt report|export|reset`: the virtual account of `--mode cbt`, told, written out, or begun anew.

Exit codes: 0 done, 1 no day of the account is over yet, 64 the command line, 75 a daemon runs, 78 what cannot be
opened.
"""

from __future__ import annotations

from pathlib import Path

import click

from kis_daemon.app.audit_places import settings_of
from kis_daemon.app.cbt.place import DEFAULT_CASH, Terms, VirtualPlace
from kis_daemon.app.cli.audit_story import reading
from kis_daemon.app.cli.stores import refusing, where
from kis_daemon.app.errors import ExitCode, UsageError
from kis_daemon.app.lock import InstanceLock
from kis_daemon.app.report.folder import ReportFolder, made, write_figures
from kis_daemon.app.report.subject import Subject
from kis_daemon.app.report.tables import figures_table
from kis_daemon.app.report.virtual import subject_of_account
from kis_daemon.app.report.words import words_in
from kis_daemon.clock import SystemClock
from kis_daemon.console.catalogue import Language, say
from kis_daemon.store.database import Database

NOTHING_YET = 1


@click.group(help="help.cbt")
def command() -> None:
    """The group; each command below works on the virtual account's own folder."""


@command.command(help="help.cbt_report")
@click.option("--report", "folder", type=click.Path(path_type=Path, file_okay=False), help="help.backtest_report")
@where
@click.pass_context
def report(ctx: click.Context, folder: Path | None, data_dir: Path, config_dir: Path) -> int:
    language: Language = ctx.find_root().obj
    opened = None if folder is None else ReportFolder.opened(folder)
    subject = _subject(data_dir, config_dir)
    if subject is None:
        return _nothing(language)
    _tell(subject, language)
    if opened is not None:
        click.echo(say(language, "report.told", file=opened.write(subject, language)))
    return ExitCode.OK


@command.command(help="help.cbt_export")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@where
@click.pass_context
def export(ctx: click.Context, folder: Path, data_dir: Path, config_dir: Path) -> int:
    language: Language = ctx.find_root().obj
    subject = _subject(data_dir, config_dir)
    if subject is None:
        return _nothing(language)
    write_figures(made(folder), subject)
    click.echo(say(language, "cbt.exported", folder=folder, trades=len(subject.result.trades)))
    return ExitCode.OK


@command.command(help="help.cbt_reset")
@click.option(
    "--cash", type=click.IntRange(1, 10**15), default=DEFAULT_CASH, show_default=True, help="help.cbt_reset_cash"
)
@click.option("--yes", is_flag=True, help="help.cbt_reset_yes")
@where
@click.pass_context
def reset(ctx: click.Context, cash: int, yes: bool, data_dir: Path, config_dir: Path) -> int:  # noqa: ARG001
    language: Language = ctx.find_root().obj
    if not yes:
        raise UsageError("usage.cbt_reset")
    now = SystemClock().now()
    with InstanceLock(data_dir, now=now, command="cbt reset"):
        aside = VirtualPlace.under(data_dir).begin_anew(Terms(cash=cash, since=now.date()))
    click.echo(say(language, "cbt.reset", cash=cash, aside=aside))
    return ExitCode.OK


def _subject(data_dir: Path, config_dir: Path) -> Subject | None:
    """Read what the account's records say; None where there are none, or no day is over."""
    place = VirtualPlace.under(data_dir)
    settings = place.settings(settings_of(data_dir, config_dir))
    if not Path(settings.database.removeprefix("sqlite:///")).is_file():
        return None
    database = Database(settings.database)
    with reading(database), refusing():
        return database.transact_now(lambda rows: subject_of_account(rows, place.terms()))


def _nothing(language: Language) -> int:
    click.echo(say(language, "cbt.nothing_yet"), err=True)
    return NOTHING_YET


def _tell(subject: Subject, language: Language) -> None:
    result = subject.result
    days, equity = len(result.equity), result.equity[-1].equity
    click.echo(
        say(
            language,
            "cbt.told",
            first=result.first,
            last=result.last,
            days=days,
            cash=result.start_cash,
            equity=equity,
        )
    )
    for name, value in figures_table(subject, words_in(language), language).rows:
        click.echo(f"  {name}: {value}")
