"""The front door: arguments in, an exit code out.

Rules of this room
    One file a command. `--mode` is the daemon itself; the commands of `COMMANDS` are imported when they are called, so
    that help answers at once and each is free to need what it needs.
    Every refusal is one line on stderr. `main` is the outermost edge: nothing passes it but an exit code.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import click

from kis_daemon import __version__
from kis_daemon.app.cli.spoken import SpokenContext, spoken
from kis_daemon.app.cli.trade import OPTIONS, options_of, trade, written
from kis_daemon.app.errors import LOGGED, ConfigurationError, ExitCode, Refusal, UsageError
from kis_daemon.app.options import DOTENV
from kis_daemon.console.catalogue import Language, say

COMMANDS: Mapping[str, str] = {
    "simulator": "kis_daemon.app.cli.simulator",
    "universe": "kis_daemon.app.cli.universe",
    "kill-switch": "kis_daemon.app.cli.kill_switch",
    "locks": "kis_daemon.app.cli.locks",
    "trading": "kis_daemon.app.cli.trading",
    "positions": "kis_daemon.app.cli.positions",
    "breaker": "kis_daemon.app.cli.breaker",
    "db": "kis_daemon.app.cli.db",
    "audit": "kis_daemon.app.cli.audit",
    "backup": "kis_daemon.app.cli.backup",
    "proposals": "kis_daemon.app.cli.proposals",
    "mandates": "kis_daemon.app.cli.mandates",
    "backtest": "kis_daemon.app.cli.backtest",
    "cbt": "kis_daemon.app.cli.cbt",
    "drift": "kis_daemon.app.cli.drift",
}
"""Commands beside `--mode`: each module offers its click command as `command`."""


class FrontDoor(click.Group):
    """The group whose own options are the daemon's."""

    context_class = SpokenContext

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        try:
            command = import_module(module).command
        except ModuleNotFoundError as error:
            if error.name != module:
                raise
            raise UsageError("usage.command_absent", command=cmd_name) from None
        assert isinstance(command, click.Command)
        return spoken(command)

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, f"help.{name.replace('-', '_')}") for name in COMMANDS])


def _front_door() -> FrontDoor:
    @click.pass_context
    def callback(ctx: click.Context, /, **values: Any) -> int | None:
        given = written(ctx)
        if ctx.invoked_subcommand is None:
            return trade(options_of(values, given))
        if given:
            raise UsageError("usage.options_before_command", option=given[0], command=ctx.invoked_subcommand)
        return None

    door = FrontDoor(
        callback=callback,
        params=list(OPTIONS),
        help="help.main",
        invoke_without_command=True,
        subcommand_metavar="[COMMAND]",
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    )
    version = click.version_option(__version__, message="kis_daemon %(version)s")
    decorated = version(door)
    assert isinstance(decorated, FrontDoor)
    return decorated


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line says (`sys.argv` by default) and return the exit code; never raises."""
    language = _language(os.environ)
    try:
        answer = _front_door().main(args=argv, standalone_mode=False, obj=language)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return ExitCode.USAGE
    except click.ClickException as error:
        return _refuse(" ".join(error.format_message().split()), ExitCode.USAGE)
    except click.Abort:
        return ExitCode.INTERRUPTED
    except Refusal as refusal:
        return _refuse(refusal.line(language), refusal.exit_code)
    except Exception as error:  # noqa: BLE001 - the last net before the exit code
        if LOGGED not in getattr(error, "__notes__", ()):
            traceback.print_exception(error)
        return _refuse(say(language, "unexpected", message=type(error).__name__), ExitCode.UNEXPECTED)
    return int(answer) if isinstance(answer, int) else ExitCode.OK


def _refuse(line: str, code: ExitCode) -> int:
    click.echo(line, err=True)
    return code


def _language(environ: Mapping[str, str]) -> Language:
    """Return the operator's language from the environment, else from `.env`."""
    said = environ.get("LANGUAGE", "").strip()
    if not said:
        from kis_daemon.app.settings_sources import dotenv_file

        try:
            said = dotenv_file(DOTENV).get("LANGUAGE", "")
        except ConfigurationError:
            said = ""  # whoever needs the file refuses it
    return Language.of(said)
