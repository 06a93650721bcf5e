"""The database that a command works on: the one the daemon with the same directories and environment uses."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click
import structlog

from kis_daemon.app.errors import ConfigurationError, Refusal, UsageError
from kis_daemon.app.operator_outfit import release_rules
from kis_daemon.app.options import DOTENV, RunOptions
from kis_daemon.app.settings import Settings, load_settings
from kis_daemon.app.settings_database import database_url
from kis_daemon.app.settings_sources import Given, environment
from kis_daemon.console.catalogue import Language, say
from kis_daemon.domain.market import Symbol
from kis_daemon.ports import StoreError
from kis_daemon.services.kill_switch import ReleaseRules, words_missing
from kis_daemon.services.operator_answers import Declined
from kis_daemon.store.database import Database

DECLINED = 1

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


def rules_of_release(data_dir: Path, config_dir: Path) -> ReleaseRules:
    """Return what a release needs. Settings that cannot be read ask for the code: they may be those of real money."""
    try:
        return release_rules(_settings(data_dir, config_dir))
    except Refusal:
        return ReleaseRules(code_always=True)


def words(function: F) -> F:
    """Give a command the two options that every change needs; it refuses blanks by `refuse_blanks`."""
    for name in ("by", "reason"):
        function = click.option(f"--{name}", required=True, help=f"help.kill_switch_{name}")(function)
    return function


def refuse_blanks(reason: str, by: str) -> None:
    if words_missing(reason, by) is not None:
        raise UsageError("usage.kill_switch_words")


def language_of(ctx: click.Context) -> Language:
    found = ctx.find_root().obj
    return found if isinstance(found, Language) else Language.KO


def decline(ctx: click.Context, declined: Declined) -> NoReturn:
    """Say why not on stderr, and end with 1."""
    sentence = say(
        language_of(ctx), f"declined.{declined.code}", seconds=declined.retry_after_s, reason=declined.reason
    )
    click.echo(sentence, err=True)
    ctx.exit(DECLINED)


def _settings(data_dir: Path, config_dir: Path) -> Settings:
    # Which symbols are traded does not matter here; an empty universe is no reason to refuse.
    options = RunOptions(
        data_dir=data_dir, config_dir=config_dir, confirm_real_trading=True, symbols=(Symbol("000000"),)
    )
    return load_settings(options, os.environ, DOTENV)


def _url(data_dir: Path, config_dir: Path) -> str:
    """Return the URL in force. Broken settings must not keep an operator from the switch: then KIS's default serves."""
    try:
        return _settings(data_dir, config_dir).database
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
