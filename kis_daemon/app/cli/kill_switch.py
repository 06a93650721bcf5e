"""`kill-switch status|activate|release`: the operator's hand on the switch, beside a running daemon or without one.

Exit codes: 0 done, 1 declined (the reason stands on stderr), 64 the command line, 78 a database that cannot be opened.
"""

from __future__ import annotations

from pathlib import Path

import click

from kis_daemon.app.cli.stores import decline, language_of, opened, refuse_blanks, rules_of_release, where, words
from kis_daemon.app.entropy import SystemEntropy
from kis_daemon.clock import SystemClock
from kis_daemon.console.catalogue import say
from kis_daemon.domain.release_codes import RANDOM_BYTES
from kis_daemon.domain.safeguards import KillSwitchScope
from kis_daemon.services import kill_switch
from kis_daemon.services.kill_switch import ReleaseTry
from kis_daemon.services.operator_answers import Declined, Source, SwitchView
from kis_daemon.services.switch_file import NAME, SwitchFile


@click.group(help="help.kill_switch")
def command() -> None:
    """The group; each command below works on the daemon's database."""


@command.command(help="help.kill_switch_status")
@where
@click.pass_context
def status(ctx: click.Context, data_dir: Path, config_dir: Path) -> None:
    now, rules = SystemClock().now(), rules_of_release(data_dir, config_dir)
    with opened(data_dir, config_dir) as database:
        _show(ctx, database.transact_now(lambda rows: kill_switch.view(rows, now, rules)), data_dir)


@command.command(help="help.kill_switch_activate")
@words
@click.option(
    "--scope",
    type=click.Choice([scope.value for scope in KillSwitchScope]),
    default=KillSwitchScope.ALL.value,
    show_default=True,
    help="help.kill_switch_scope",
)
@where
@click.pass_context
def activate(ctx: click.Context, reason: str, by: str, scope: str, data_dir: Path, config_dir: Path) -> None:
    refuse_blanks(reason, by)
    wanted = kill_switch.wanted(SystemClock().now(), reason, by, KillSwitchScope(scope))
    chance, rules = SystemEntropy().token_bytes(RANDOM_BYTES), rules_of_release(data_dir, config_dir)
    with opened(data_dir, config_dir) as database:
        made = database.transact_now(
            lambda rows: kill_switch.activate_by_person(rows, wanted, source=Source.COMMAND, chance=chance, rules=rules)
        )
    _show(ctx, made.view, data_dir)
    click.echo(say(language_of(ctx), "switch.code", code=made.confirmation_code))


@command.command(help="help.kill_switch_release")
@words
@click.option("--code", default="", metavar="CODE", help="help.kill_switch_code")
@click.option("--force", is_flag=True, help="help.kill_switch_force")
@where
@click.pass_context
def release(ctx: click.Context, reason: str, by: str, code: str, force: bool, data_dir: Path, config_dir: Path) -> None:
    refuse_blanks(reason, by)
    key = click.prompt("KILL_SWITCH_ADMIN_KEY", hide_input=True, err=True) if force else ""
    wish = ReleaseTry(
        reason=reason,
        by=by,
        source=Source.COMMAND,
        confirmation_code=code,
        admin_key=key,
        file_present=SwitchFile(data_dir).scope() is not None,
    )
    now, rules = SystemClock().now(), rules_of_release(data_dir, config_dir)
    with opened(data_dir, config_dir) as database:
        released = database.transact_now(lambda rows: kill_switch.try_release(rows, now, wish, rules))
    if isinstance(released, Declined):
        decline(ctx, released)
    _show(ctx, released.view, data_dir)
    if not released.is_complete:
        click.echo(say(language_of(ctx), "switch.second_person", by=released.view.first_release_by))


def _show(ctx: click.Context, view: SwitchView, data_dir: Path) -> None:
    switch, language = view.switch, language_of(ctx)
    since = "-" if switch.since is None else f"{switch.since:%Y-%m-%dT%H:%M:%S%z}"
    click.echo(
        f"{switch.status.value.upper()} scope={switch.scope} since={since} by={switch.actor} reason={switch.reason}"
    )
    if SwitchFile(data_dir).scope() is not None:
        click.echo(say(language, "switch.file", file=data_dir / NAME))
    if view.locked_until is not None:
        click.echo(say(language, "switch.locked", until=f"{view.locked_until:%H:%M:%S}"))
