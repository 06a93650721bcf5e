"""`db init`: make the database or bring it to the newest schema (S0-D01, S0-D02)."""

from __future__ import annotations

from pathlib import Path

import click

from kis_daemon.app.cli.stores import opened, where


@click.group(help="help.db")
def command() -> None:
    """The group; each command below works on the daemon's database."""


@command.command(help="help.db_init")
@where
def init(data_dir: Path, config_dir: Path) -> None:
    with opened(data_dir, config_dir):
        click.echo("Database initialized successfully")
