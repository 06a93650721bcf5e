"""The database that a command works on: the one the daemon with the same directories and environment uses."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from kis_daemon.app.cli.trade import DOTENV
from kis_daemon.app.errors import ConfigurationError, Refusal
from kis_daemon.app.options import RunOptions
from kis_daemon.app.settings import load_settings
from kis_daemon.domain.market import Symbol
from kis_daemon.ports import StoreError
from kis_daemon.store.database import Database

F = TypeVar("F", bound=Callable[..., Any])


def where(function: F) -> F:
    """Give a command the two options that say where the daemon's files are."""
    for name in ("data", "config"):
        directory = click.Path(path_type=Path, file_okay=False)
        option = click.option(
            f"--{name}-dir", type=directory, default=Path(name), show_default=True, help=f"help.{name}_dir"
        )
        function = option(function)
    return function


@contextmanager
def opened(data_dir: Path, config_dir: Path) -> Iterator[Database]:
    """Open the database (made or brought up to date where needed) and close it at the end."""
    data_dir.mkdir(parents=True, exist_ok=True)
    database = Database(_url(data_dir, config_dir))
    try:
        database.open()
    except StoreError as error:
        raise ConfigurationError(str(error)) from None
    try:
        yield database
    finally:
        database.close()


def _url(data_dir: Path, config_dir: Path) -> str:
    """Return the URL in force. Broken settings must not keep an operator from the switch: then KIS's default serves."""
    # Which symbols are traded does not matter here; an empty universe is no reason to refuse.
    options = RunOptions(
        data_dir=data_dir, config_dir=config_dir, confirm_real_trading=True, symbols=(Symbol("000000"),)
    )
    try:
        return load_settings(options, os.environ, DOTENV).database
    except Refusal as refusal:
        url = os.environ.get("DATABASE_URL") or f"sqlite:///{data_dir / 'kis_trading.db'}"
        click.echo(f"{refusal} -> {url.rpartition('@')[2]}", err=True)
        return url
