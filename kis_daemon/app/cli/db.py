"""`db init|upgrade|downgrade|status|check`: the schema of the daemon's database (S0-D01, S0-D02, S4-R03)."""

from __future__ import annotations

from pathlib import Path

import click

from kis_daemon.app.cli.stores import named, opened, refusing, where
from kis_daemon.app.errors import ConfigurationError
from kis_daemon.store.schema import SCHEMA_VERSION


@click.group(help="help.db")
def command() -> None:
    """The group; each command below works on the daemon's database."""


@command.command(help="help.db_init")
@where
def init(data_dir: Path, config_dir: Path) -> None:
    with opened(data_dir, config_dir):
        click.echo("Database initialized successfully")


@command.command(help="help.db_upgrade")
@where
def upgrade(data_dir: Path, config_dir: Path) -> None:
    with opened(data_dir, config_dir):
        click.echo(f"schema {SCHEMA_VERSION}")


@command.command(help="help.db_downgrade")
@click.argument("version")
@where
def downgrade(version: str, data_dir: Path, config_dir: Path) -> None:
    database = named(data_dir, config_dir)
    with refusing():
        database.migrate(version)
        click.echo(f"schema {database.schema().version}")


@command.command(help="help.db_status")
@where
def status(data_dir: Path, config_dir: Path) -> None:
    database = named(data_dir, config_dir)
    with refusing():
        found = database.schema().version or "-"
    click.echo(f"{database}: schema {found}, program {SCHEMA_VERSION}")


@command.command(help="help.db_check")
@where
def check(data_dir: Path, config_dir: Path) -> None:
    database = named(data_dir, config_dir)
    with refusing():
        if not database.schema().is_current:
            raise ConfigurationError(f"{database}: the schema is not {SCHEMA_VERSION}: main.py db upgrade")
    click.echo(f"{database}: schema {SCHEMA_VERSION}")
