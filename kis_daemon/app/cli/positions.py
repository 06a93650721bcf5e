"""`positions list|close|close-all`: what is held, and an operator's word that it be sold.

The word stands in the database; the daemon takes it up within a second, or when it is started. Exit codes: 0 asked for,
1 declined, 64 the command line, 78 a database that cannot be opened.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from kis_daemon.app.cli.stores import decline, language_of, opened, refuse_blanks, where, words
from kis_daemon.app.errors import UsageError
from kis_daemon.clock import SystemClock
from kis_daemon.console.catalogue import say
from kis_daemon.domain.market import as_symbol
from kis_daemon.domain.positions import Position
from kis_daemon.ports import Rows
from kis_daemon.services import closings
from kis_daemon.services.closings import Wish
from kis_daemon.services.operator_answers import Declined


@click.group(help="help.positions")
def command() -> None:
    """The group; each command below works on the daemon's database."""


@command.command("list", help="help.positions_list")
@where
@click.pass_context
def list_(ctx: click.Context, data_dir: Path, config_dir: Path) -> None:
    with opened(data_dir, config_dir) as database:
        _show(ctx, *database.transact_now(_held))


@command.command(help="help.positions_close")
@click.argument("symbol")
@words
@where
@click.pass_context
def close(ctx: click.Context, symbol: str, reason: str, by: str, data_dir: Path, config_dir: Path) -> None:
    try:
        wanted = as_symbol(symbol)
    except ValueError:
        raise UsageError("usage.symbols", value=symbol) from None
    refuse_blanks(reason, by)
    now = SystemClock().now()
    _ask(ctx, lambda rows: closings.ask_one(rows, now, wanted, reason, by), data_dir, config_dir)


@command.command("close-all", help="help.positions_close_all")
@words
@click.option("--yes", is_flag=True, help="help.positions_yes")
@click.option("--through-kill-switch", "confirmed", is_flag=True, help="help.positions_through")
@where
@click.pass_context
def close_all(
    ctx: click.Context, reason: str, by: str, yes: bool, confirmed: bool, data_dir: Path, config_dir: Path
) -> None:
    refuse_blanks(reason, by)
    if not yes:
        raise UsageError("usage.positions_yes")
    now = SystemClock().now()
    _ask(ctx, lambda rows: closings.ask_all(rows, now, reason, by, confirmed=confirmed), data_dir, config_dir)


def _ask(
    ctx: click.Context, ask: Callable[[Rows], tuple[Wish, ...] | Declined], data_dir: Path, config_dir: Path
) -> None:
    with opened(data_dir, config_dir) as database:
        asked = database.transact_now(lambda rows: ask(rows))
        if isinstance(asked, Declined):
            decline(ctx, asked)
        _show(ctx, *database.transact_now(_held))
    click.echo(say(language_of(ctx), "positions.asked", count=len(asked)))


def _held(rows: Rows) -> tuple[tuple[Position, ...], tuple[Wish, ...]]:
    return rows.open_positions(), closings.current(rows)


def _show(ctx: click.Context, held: tuple[Position, ...], wishes: tuple[Wish, ...]) -> None:
    language = language_of(ctx)
    if not held:
        click.echo(say(language, "positions.none"))
    for position in held:
        wish = next((wish for wish in wishes if wish.is_for(position)), None)
        line = say(
            language,
            "positions.line",
            symbol=position.symbol,
            name=position.name,
            quantity=position.quantity,
            average=round(position.average_price),
            stop=position.stop,
            target=position.target,
            day=position.entry_day.isoformat(),
            closing=None if wish is None else wish.rule.value,
            by=None if wish is None else wish.by,
        )
        click.echo(line)
