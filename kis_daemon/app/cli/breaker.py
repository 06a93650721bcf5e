"""`breaker status|reset`: the circuit breakers, beside a running daemon or without one."""

from __future__ import annotations

from pathlib import Path

import click

from kis_daemon.app.cli.stores import opened, where
from kis_daemon.app.errors import UsageError
from kis_daemon.clock import SystemClock
from kis_daemon.domain.breakers import Breaker
from kis_daemon.services import circuit_breakers


@click.group(help="help.breaker")
def command() -> None:
    """The group; each command below works on the daemon's database."""


@command.command(help="help.breaker_status")
@where
def status(data_dir: Path, config_dir: Path) -> None:
    now = SystemClock().now()
    with opened(data_dir, config_dir) as database:
        trips = {trip.breaker: trip for trip in database.transact_now(lambda rows: rows.breaker_trips())}
    for breaker in Breaker:
        trip = trips.get(breaker)
        if trip is None:
            click.echo(f"{breaker} CLOSED")
            continue
        until = "-" if trip.until is None else f"{trip.until:%Y-%m-%dT%H:%M:%S%z}"
        click.echo(
            f"{breaker} {trip.state(now)} trigger={trip.trigger} since={trip.at:%Y-%m-%dT%H:%M:%S%z} "
            f"cooldown_until={until} threshold={trip.threshold} actual={trip.actual}"
        )


@command.command(help="help.breaker_reset")
@click.option("--reason", required=True, help="help.kill_switch_reason")
@click.option("--by", required=True, help="help.kill_switch_by")
@click.option("--breaker", "name", type=click.Choice([known.value for known in Breaker]), help="help.breaker_name")
@where
def reset(reason: str, by: str, name: str | None, data_dir: Path, config_dir: Path) -> None:
    if not reason.strip() or not by.strip():
        raise UsageError("usage.kill_switch_words")
    now, only = SystemClock().now(), None if name is None else Breaker(name)
    with opened(data_dir, config_dir) as database:
        closed = database.transact_now(lambda rows: circuit_breakers.reset(rows, now, reason, by, only))
    if not closed:
        raise UsageError("usage.breaker_closed")
    for breaker in closed:
        click.echo(f"{breaker} CLOSED by={by.strip()} reason={reason.strip()}")
