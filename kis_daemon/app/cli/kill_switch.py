"""`kill-switch status|activate|release`: the operator's hand on the switch, beside a running daemon or without one."""

from __future__ import annotations

from pathlib import Path

import click

from kis_daemon.app.cli.stores import opened, where
from kis_daemon.app.errors import UsageError
from kis_daemon.clock import SystemClock
from kis_daemon.domain.safeguards import KillSwitch, KillSwitchScope
from kis_daemon.services import control


@click.group(help="help.kill_switch")
def command() -> None:
    """The group; each command below works on the daemon's database."""


@command.command(help="help.kill_switch_status")
@where
def status(data_dir: Path, config_dir: Path) -> None:
    with opened(data_dir, config_dir) as database:
        _show(database.transact_now(lambda rows: rows.kill_switch()))


@command.command(help="help.kill_switch_activate")
@click.option("--reason", required=True, help="help.kill_switch_reason")
@click.option("--by", required=True, help="help.kill_switch_by")
@click.option(
    "--scope",
    type=click.Choice([scope.value for scope in KillSwitchScope]),
    default=KillSwitchScope.ALL.value,
    show_default=True,
    help="help.kill_switch_scope",
)
@where
def activate(reason: str, by: str, scope: str, data_dir: Path, config_dir: Path) -> None:
    _refuse_blanks(reason, by)
    now = SystemClock().now()
    with opened(data_dir, config_dir) as database:
        _show(database.transact_now(lambda rows: control.activate(rows, now, reason, by, KillSwitchScope(scope))))


@command.command(help="help.kill_switch_release")
@click.option("--reason", required=True, help="help.kill_switch_reason")
@click.option("--by", required=True, help="help.kill_switch_by")
@where
def release(reason: str, by: str, data_dir: Path, config_dir: Path) -> None:
    _refuse_blanks(reason, by)
    now = SystemClock().now()
    with opened(data_dir, config_dir) as database:
        _show(database.transact_now(lambda rows: control.release(rows, now, reason, by)))


def _refuse_blanks(reason: str, by: str) -> None:
    if not reason.strip() or not by.strip():
        raise UsageError("usage.kill_switch_words")


def _show(switch: KillSwitch) -> None:
    since = "-" if switch.since is None else f"{switch.since:%Y-%m-%dT%H:%M:%S%z}"
    click.echo(
        f"{switch.status.value.upper()} scope={switch.scope} since={since} by={switch.actor} reason={switch.reason}"
    )
