"""`backup create|check|restore`: the database once more, tried, and put back (C04, S0-R04, S4-D05).

Exit codes: 0 sound, 1 it does not hold (`check` of the newest: or it is older than a day), 64 the command line, 75 a
daemon runs on this data folder, 78 what cannot be done, with what to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import click

from kis_daemon.app.audit_places import mirror_folder, owner_of, settings_of
from kis_daemon.app.cli.audit_story import told_at
from kis_daemon.app.cli.stores import refusing, where
from kis_daemon.app.errors import ConfigurationError, UsageError
from kis_daemon.app.lock import InstanceLock
from kis_daemon.app.settings import Settings
from kis_daemon.clock import SystemClock
from kis_daemon.console.catalogue import Language, say
from kis_daemon.domain.calendar import KST
from kis_daemon.domain.chain import Broken
from kis_daemon.services.audit_files import MirrorFiles
from kis_daemon.store import backup as room
from kis_daemon.store.backup import Backup, BackupRefused, Outcome, Unsound
from kis_daemon.store.urls import database_url, shown

F = TypeVar("F", bound=Callable[..., Any])

UNSOUND = 1
OLD = timedelta(days=1)
_GRANTS = {
    "mysql": "GRANT ALL ON `{name}\\_%`.* TO ...",
    "postgresql": "ALTER ROLE ... CREATEDB",
}


@click.group(help="help.backup")
def command() -> None:
    """The group; each command below works on the daemon's database and the backup folder."""


def _folder_option(function: F) -> F:
    kind = click.Path(path_type=Path, file_okay=False)
    return click.option("--folder", type=kind, help="help.backup_folder")(function)


@command.command(help="help.backup_create")
@click.option("--keep", type=click.IntRange(1), metavar="N", help="help.backup_keep")
@_folder_option
@where
@click.pass_context
def create(ctx: click.Context, keep: int | None, folder: Path | None, data_dir: Path, config_dir: Path) -> int:
    language: Language = ctx.find_root().obj
    settings = settings_of(data_dir, config_dir)
    try:
        with _refusing():
            outcome = room.create(settings.database, folder or _folder(settings), SystemClock().now(), keep=keep)
    except (Broken, Unsound) as error:
        click.echo(say(language, "backup.not_made", text=_words(language, error)))
        return UNSOUND
    _show(language, "backup.made", settings, outcome)
    if outcome.removed:
        click.echo(say(language, "backup.removed", count=len(outcome.removed)))
    return 0


@command.command(help="help.backup_check")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@_folder_option
@where
@click.pass_context
def check(ctx: click.Context, file: Path | None, folder: Path | None, data_dir: Path, config_dir: Path) -> int:
    language: Language = ctx.find_root().obj
    settings = settings_of(data_dir, config_dir)
    kept, now = folder or _folder(settings), SystemClock().now()
    with _refusing():
        backup = room.newest(settings.database, kept) if file is None else room.find(file, kept)
    try:
        with _refusing():
            outcome = room.check(settings.database, backup, now)
    except (Broken, Unsound) as error:
        click.echo(say(language, "backup.broken", file=backup.file, text=_words(language, error)))
        return UNSOUND
    _show(language, "backup.sound", settings, outcome)
    age = now - backup.manifest.made_at
    minutes = max(0, int(age.total_seconds())) // 60
    click.echo(say(language, "backup.age", at=_told(backup), hours=minutes // 60, minutes=minutes % 60))
    if file is None and age > OLD:
        click.echo(say(language, "backup.stale"))
        return UNSOUND
    return 0


@command.command(help="help.backup_restore")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--yes", "is_meant", is_flag=True, help="help.backup_yes")
@_folder_option
@where
@click.pass_context
def restore(
    ctx: click.Context, file: Path, is_meant: bool, folder: Path | None, data_dir: Path, config_dir: Path
) -> int:
    language: Language = ctx.find_root().obj
    settings = settings_of(data_dir, config_dir)
    with _refusing():
        backup = room.find(file, folder or _folder(settings))
    events, database = backup.manifest.event_count, shown(database_url(settings.database))
    if not is_meant:
        raise UsageError("usage.backup_yes", file=backup.file, at=_told(backup), events=events, database=database)
    now = SystemClock().now()
    with InstanceLock(data_dir, now=now, command="backup restore"):
        try:
            with _refusing():
                restored = room.restore(settings.database, backup, now)
        except (Broken, Unsound) as error:
            click.echo(say(language, "backup.broken", file=backup.file, text=_words(language, error)))
            return UNSOUND
        mirror = _mirror_aside(settings, now)
    head = backup.manifest.chain_head
    told = {"database": database, "file": backup.file, "events": events, "at": _told(backup), "head": head}
    click.echo(say(language, "backup.restored", **told))
    if restored.aside is not None:
        click.echo(say(language, "backup.aside", place=restored.aside))
    if mirror is not None:
        click.echo(say(language, "backup.mirror_aside", place=mirror))
    click.echo(say(language, "backup.next"))
    return 0


def _mirror_aside(settings: Settings, now: datetime) -> Path | None:
    """Put the mirror of the database before aside: it tells of what the one restored does not know."""
    files = MirrorFiles(mirror_folder(settings), owner_of(settings.database))
    if not files.files():
        return None
    aside = mirror_folder(settings) / f"before_restore_{now:%Y%m%d_%H%M%S}"
    try:
        files.put_aside(aside)
    except OSError as error:
        raise ConfigurationError("backup.disk", place=aside, reason=error.strerror) from None
    return aside


def _show(language: Language, sentence: str, settings: Settings, outcome: Outcome) -> None:
    told = outcome.backup.manifest
    click.echo(
        say(
            language,
            sentence,
            file=outcome.backup.file,
            events=told.event_count,
            head=told.chain_head,
            schema=told.schema_version,
            kib=-(-told.size // 1024),
        )
    )
    if not outcome.not_tried:
        click.echo(say(language, "backup.tried"))
        return
    grant = _GRANTS[told.kind].format(name=database_url(settings.database).database)
    click.echo(say(language, "backup.not_tried", reason=outcome.not_tried, grant=grant))


def _words(language: Language, error: Broken | Unsound) -> str:
    room_of_words = "audit.broken" if isinstance(error, Broken) else "backup.unsound"
    told = error.data | {name: told_at(str(value)) for name, value in error.data.items() if name == "at"}
    return say(language, f"{room_of_words}.{error.code}", **told)


def _told(backup: Backup) -> str:
    return f"{backup.manifest.made_at.astimezone(KST):%Y-%m-%d %H:%M:%S}"


def _folder(settings: Settings) -> Path:
    return settings.data_dir / "backups"


@contextmanager
def _refusing() -> Iterator[None]:
    """Turn what the room refuses into one line and exit 78, in the operator's language where it has words."""
    with refusing():
        try:
            yield
        except BackupRefused as refused:
            raise ConfigurationError(f"backup.{refused.code}", **refused.data) from None
