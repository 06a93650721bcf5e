"""`universe [--date] [--explain] [--json]`: the day's symbols, and why each candidate stayed or went.

Exit codes: 0 a universe, 1 none (the reason is told), 64 the command line, 75 a daemon runs and has kept none, 78 the
configuration.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import datetime
from pathlib import Path

import click

from kis_daemon.app.cli.stores import warnings_on_stderr, where
from kis_daemon.app.files import load_calendar
from kis_daemon.app.options import DOTENV, RunOptions
from kis_daemon.app.settings import load_settings
from kis_daemon.app.universe_run import Explained, select_universe
from kis_daemon.console.catalogue import Language, say
from kis_daemon.console.terminal import Screen
from kis_daemon.console.universe_table import universe_table
from kis_daemon.services.universe_survey import Told

NONE_CHOSEN = 1


@click.command(help="help.universe")
@click.option("--date", "day", type=click.DateTime(["%Y-%m-%d", "%Y%m%d"]), help="help.universe_date")
@click.option("--explain", is_flag=True, help="help.universe_explain")
@click.option("--json", "as_json", is_flag=True, help="help.universe_json")
@click.option("--sim-clock", is_flag=True, help="help.sim_clock")
@where
@click.pass_context
def command(
    ctx: click.Context,
    day: datetime | None,
    explain: bool,
    as_json: bool,
    sim_clock: bool,
    data_dir: Path,
    config_dir: Path,
) -> int:
    language: Language = ctx.find_root().obj
    options = RunOptions(data_dir=data_dir, config_dir=config_dir, confirm_real_trading=True, sim_clock=sim_clock)
    settings = load_settings(options, os.environ, DOTENV)
    screen = Screen(sys.stderr)
    with warnings_on_stderr():
        found = select_universe(
            settings,
            options,
            load_calendar(config_dir),
            None if day is None else day.date(),
            progress_on(screen, language),
        )
    screen.progress("")
    if as_json:
        click.echo(json.dumps({**(found.report or {}), "failure": found.failure}, ensure_ascii=False, indent=1))
    else:
        _show(found, language, explain)
    return NONE_CHOSEN if found.failure else 0


def _show(found: Explained, language: Language, explain: bool) -> None:
    if found.report is not None:
        colour = sys.stdout.isatty()
        click.echo(universe_table(found.report, language, explain=explain or bool(found.failure), colour=colour))
    if found.kept:
        click.echo(say(language, "universe.kept"))
    if found.failure:
        click.echo(say(language, "universe.failure", reason=found.failure), err=True)


def progress_on(screen: Screen, language: Language) -> Told:
    """Return what shows on a terminal how far the questions are; what is printed stays clean of it."""

    def tell(what: str, done: int, of: int) -> None:
        screen.progress(say(language, "universe.progress", what=say(language, f"universe.{what}"), done=done, of=of))

    return tell
