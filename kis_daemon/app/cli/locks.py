"""`locks list|add|remove`: what must not be bought for now, beside a running daemon or without one."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import click

from kis_daemon.app.cli.stores import opened, where
from kis_daemon.app.errors import UsageError
from kis_daemon.clock import SystemClock
from kis_daemon.domain.calendar import KST
from kis_daemon.domain.locks import SymbolLock, operators_lock
from kis_daemon.domain.market import Symbol, as_symbol
from kis_daemon.services import locks


@click.group(help="help.locks")
def command() -> None:
    """The group; each command below works on the daemon's database."""


@command.command(name="list", help="help.locks_list")
@where
def list_(data_dir: Path, config_dir: Path) -> None:
    now = SystemClock().now()
    with opened(data_dir, config_dir) as database:
        for known in database.transact_now(lambda rows: rows.symbol_locks()):
            _show(known, "over" if known.is_over(now) else "locked")


@command.command(help="help.locks_add")
@click.argument("symbol")
@click.option("--reason", required=True, help="help.kill_switch_reason")
@click.option("--by", required=True, help="help.kill_switch_by")
@click.option("--until", help="help.locks_until")
@click.option("--hours", type=click.FloatRange(min=0, min_open=True, max=24 * 366), help="help.locks_hours")
@where
def add(
    symbol: str, reason: str, by: str, until: str | None, hours: float | None, data_dir: Path, config_dir: Path
) -> None:
    now = SystemClock().now()
    if until is not None and hours is not None:
        raise UsageError("usage.locks_two_ends")
    expires_at = None if hours is None else now + timedelta(hours=hours)
    if until is not None:
        expires_at = _moment(until)
        if expires_at <= now:
            raise UsageError("usage.locks_until", value=until)
    _refuse_blanks(reason, by)
    asked = operators_lock(_symbol(symbol), reason, by, now, expires_at)
    with opened(data_dir, config_dir) as database:
        database.transact_now(lambda rows: locks.lock(rows, asked))
    _show(asked, "locked")


@command.command(help="help.locks_remove")
@click.argument("symbol")
@click.option("--reason", required=True, help="help.kill_switch_reason")
@click.option("--by", required=True, help="help.kill_switch_by")
@where
def remove(symbol: str, reason: str, by: str, data_dir: Path, config_dir: Path) -> None:
    _refuse_blanks(reason, by)
    named, now = _symbol(symbol), SystemClock().now()
    with opened(data_dir, config_dir) as database:
        gone = database.transact_now(lambda rows: locks.unlock(rows, named, now, reason, by))
    if not gone:
        raise UsageError("usage.locks_none", symbol=named)
    for known in gone:
        _show(known, "removed")


def _symbol(text: str) -> Symbol:
    try:
        return as_symbol(text.strip())
    except ValueError:
        raise UsageError("usage.locks_symbol", value=text) from None


def _moment(text: str) -> datetime:
    """Return a moment as it was written, in Seoul where it names no offset; a date alone is that day's beginning."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError("usage.locks_until", value=text) from None
    return moment.replace(tzinfo=KST) if moment.tzinfo is None else moment.astimezone(KST)


def _refuse_blanks(reason: str, by: str) -> None:
    if not reason.strip() or not by.strip():
        raise UsageError("usage.kill_switch_words")


def _show(known: SymbolLock, state: str) -> None:
    until = "-" if known.expires_at is None else f"{known.expires_at:%Y-%m-%dT%H:%M:%S%z}"
    click.echo(
        f"{known.symbol} {state} scope={known.scope} since={known.since:%Y-%m-%dT%H:%M:%S%z} until={until} "
        f"by={known.by} reason={known.reason}"
    )
