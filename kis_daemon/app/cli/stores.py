"""The database that a command works on: the one the daemon with the same directories and environment uses."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click
import structlog

from kis_daemon.app.cli.trade import DOTENV
from kis_daemon.app.errors import ConfigurationError, Refusal
from kis_daemon.app.options import RunOptions
from kis_daemon.app.settings import load_settings
from kis_daemon.app.settings_database import database_url
from kis_daemon.app.settings_sources import Given, environment
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


def named(data_dir: Path, config_dir: Path) -> Database:
    """Return the database, not opened and not changed."""
    data_dir.mkdir(parents=True, exist_ok=True)
    return Database(_url(data_dir, config_dir))


@contextmanager
def refusing() -> Iterator[None]:
    """Turn what the store says into one line and exit 78."""
    try:
        yield
    except StoreError as error:
        raise ConfigurationError(str(error)) from None


@contextmanager
def opened(data_dir: Path, config_dir: Path) -> Iterator[Database]:
    """Open the database (made or brought up to date where needed) and close it at the end."""
    database = named(data_dir, config_dir)
    with refusing():
        database.open()
    try:
        with refusing():
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
        given = {name: Given(value=value, place=name) for name, value in environment(os.environ).items()}
        url = database_url(given) or f"sqlite:///{data_dir / 'kis_trading.db'}"
        click.echo(f"{refusal} -> {url.rpartition('@')[2]}", err=True)
        return url


@contextmanager
def warnings_on_stderr() -> Iterator[None]:
    """Have warnings of the rooms below told beside the answer, and nothing less."""
    before = structlog.get_config()
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger("warning"),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    try:
        yield
    finally:
        structlog.configure(**before)
