"""`trading status|pause|resume`: whether entries pass, beside a running daemon or before one. Exits never wait."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import click

from kis_daemon.app.cli.stores import decline, language_of, opened, refuse_blanks, where, words
from kis_daemon.clock import SystemClock
from kis_daemon.console.catalogue import say
from kis_daemon.ports import Rows
from kis_daemon.services import pauses
from kis_daemon.services.operator_answers import Declined, PauseView


@click.group(help="help.trading")
def command() -> None:
    """The group; each command below works on the daemon's database."""


@command.command(help="help.trading_status")
@where
@click.pass_context
def status(ctx: click.Context, data_dir: Path, config_dir: Path) -> None:
    with opened(data_dir, config_dir) as database:
        _show(ctx, database.transact_now(lambda rows: pauses.current(rows)))


@command.command(help="help.trading_pause")
@words
@where
@click.pass_context
def pause(ctx: click.Context, reason: str, by: str, data_dir: Path, config_dir: Path) -> None:
    _change(ctx, pauses.pause, reason, by, data_dir, config_dir)


@command.command(help="help.trading_resume")
@words
@where
@click.pass_context
def resume(ctx: click.Context, reason: str, by: str, data_dir: Path, config_dir: Path) -> None:
    _change(ctx, pauses.resume, reason, by, data_dir, config_dir)


def _change(
    ctx: click.Context,
    change: Callable[[Rows, datetime, str, str], PauseView | Declined],
    reason: str,
    by: str,
    data_dir: Path,
    config_dir: Path,
) -> None:
    refuse_blanks(reason, by)
    now = SystemClock().now()
    with opened(data_dir, config_dir) as database:
        view = database.transact_now(lambda rows: change(rows, now, reason, by))
    if isinstance(view, Declined):
        decline(ctx, view)
    _show(ctx, view)


def _show(ctx: click.Context, view: PauseView) -> None:
    since = None if view.since is None else f"{view.since:%Y-%m-%d %H:%M}"
    name = "trading.paused" if view.paused else "trading.running"
    click.echo(say(language_of(ctx), name, since=since, by=view.by or None, reason=view.reason or None))
