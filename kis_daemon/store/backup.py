"""Backups: made beside a running daemon, tried by restoring, put back without losing what was there.

Rules of this room
    A backup is believed when it has been restored into a scratch database, its chain followed to the end there, and
    head and counts compared with the database that it was made of. Where the server does not let us, it says so.
    The database may move on while it is copied: the copy must hold what stood before, and its head must be of the
    chain that stands after.
    Putting back deletes nothing: what was there stands beside, under another name.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

from sqlalchemy import URL

from kis_daemon.ports import StoreError
from kis_daemon.store.backup_files import (
    Backup,
    BackupRefused,
    Checked,
    Manifest,
    NotAllowed,
    Unsound,
    alone_in,
    backups_of,
    kept,
    named_backup,
    part_of,
    removed,
    sha256_of,
    unchanged,
)
from kis_daemon.store.backup_look import EVENTS, Look, examined, has_link, look
from kis_daemon.store.schema import SCHEMA_VERSION
from kis_daemon.store.urls import database_url

__all__ = ["Backup", "BackupRefused", "Checked", "Manifest", "Outcome", "Restored", "Unsound", "check", "create"]
__all__ += ["find", "newest", "restore"]


class Way(Protocol):
    """How one kind of database is copied, tried and put back."""

    @property
    def kind(self) -> str: ...

    @property
    def suffix(self) -> str: ...

    name: str
    shown: str

    def refuse_absent(self) -> None: ...

    def dump(self, into: Path) -> None: ...

    def refuse_cut(self, file: Path) -> None: ...

    def scratch(self, file: Path, name: str, /) -> AbstractContextManager[URL]: ...

    def replace(self, file: Path, stamp: str, judge: Callable[[URL], None]) -> str | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A sound backup. `not_tried` says why it was not restored on trial, "" where it was."""

    backup: Backup
    not_tried: str = ""
    removed: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What stands in the database now, and where the one before it stands; None where there was none."""

    backup: Backup
    aside: str | None


def create(url: str, folder: Path, now: datetime, *, keep: int | None = None) -> Outcome:
    """Make a backup of the database at `url` and try it; of the sound ones `keep` remain, the newest."""
    target, way = _way(url)
    with alone_in(folder):
        way.refuse_absent()
        before = look(target)
        if before.schema_version is None:
            raise BackupRefused("empty", place=way.shown)
        name = f"{_file_name(way.name)}-{now:%Y%m%d-%H%M%S}-{before.schema_version}.{way.suffix}"
        part = part_of(folder, name)
        try:
            way.dump(part)
            way.refuse_cut(part)
            found, not_tried = _tried(way, part, now, (before.head,))
            if found is not None:
                _refuse_other(found, before, look(target), is_of_the_chain=has_link(target, found.head))
            told = _manifest(way, part, now, found or before, Checked.CHECKSUM if found is None else Checked.RESTORED)
            backup = kept(part, name, told)
        finally:
            part.unlink(missing_ok=True)
        surplus = [] if keep is None else backups_of(folder, way.kind, way.name)[keep:]
        return Outcome(backup=backup, not_tried=not_tried, removed=tuple(removed(surplus)))


def newest(url: str, folder: Path) -> Backup:
    """Return the newest backup of the database at `url`; refused where there is none."""
    _, way = _way(url)
    found = backups_of(folder, way.kind, way.name)
    if not found:
        raise BackupRefused("none", place=folder, database=way.shown)
    return found[0]


def find(file: Path, folder: Path) -> Backup:
    """Return the backup that an operator means by `file`."""
    return named_backup(file, folder)


def check(url: str, backup: Backup, now: datetime) -> Outcome:
    """Try a backup once more, on the server of `url` where it is of one; `Unsound` or `Broken` where it does not
    hold."""
    _, way = _way(url)
    _refuse_other_kind(way, backup)
    unchanged(backup)
    way.refuse_cut(backup.file)
    found, not_tried = _tried(way, backup.file, now, (backup.manifest.chain_head,))
    if found is not None:
        _refuse_untold(found, backup.manifest)
    return Outcome(backup=backup, not_tried=not_tried)


def restore(url: str, backup: Backup, now: datetime) -> Restored:
    """Put the backup in the place of the database at `url`. Nobody may have that open."""
    _, way = _way(url)
    told = backup.manifest
    _refuse_other_kind(way, backup)
    if way.kind == "sqlite" and told.database != way.name:
        raise BackupRefused("other_database", place=backup.file, of=told.database, database=way.shown)
    if told.schema_version > SCHEMA_VERSION:
        raise BackupRefused("newer", place=backup.file, schema=told.schema_version, ours=SCHEMA_VERSION)
    unchanged(backup)
    way.refuse_cut(backup.file)

    def judge(restored: URL) -> None:
        with _reading():
            _refuse_untold(examined(restored, (told.chain_head,))[0], told)

    aside = way.replace(backup.file, f"{now:%Y%m%d_%H%M%S}", judge)
    return Restored(backup=backup, aside=aside)


def _way(text: str) -> tuple[URL, Way]:
    url = database_url(text)
    match url.get_backend_name():
        case "sqlite":
            from kis_daemon.store.backup_sqlite import FileBackup

            return url, FileBackup(url)
        case "postgresql":
            from kis_daemon.store.backup_postgresql import PostgresqlBackup

            return url, PostgresqlBackup(url)
        case _:
            from kis_daemon.store.backup_mysql import MySqlBackup

            return url, MySqlBackup(url)


def _tried(way: Way, file: Path, now: datetime, heads: tuple[str, ...]) -> tuple[Look | None, str]:
    """Restore on trial and follow the chain; return what stands there, or why that was not allowed."""
    try:
        with way.scratch(file, f"{now:%Y%m%d_%H%M%S}_{os.getpid()}") as scratch, _reading():
            return examined(scratch, heads)[0], ""
    except NotAllowed as error:
        return None, str(error)


@contextmanager
def _reading() -> Iterator[None]:
    """What cannot be read after it was restored is no backup."""
    try:
        yield
    except StoreError as error:
        raise Unsound("unreadable", reason=error) from None


def _manifest(way: Way, part: Path, now: datetime, found: Look, checked: Checked) -> Manifest:
    return Manifest(
        kind=way.kind,
        database=way.name,
        schema_version=found.schema_version or "",
        chain_head=found.head,
        event_count=found.events,
        counts=found.counts,
        checked=checked,
        size=part.stat().st_size,
        sha256=sha256_of(part),
        made_at=now,
    )


def _refuse_other(found: Look, before: Look, after: Look, *, is_of_the_chain: bool) -> None:
    """Raise where the copy is not one of a moment between `before` and `after`."""
    if found.schema_version != before.schema_version:
        raise Unsound("schema", found=found.schema_version, expected=before.schema_version)
    if not before.events <= found.events <= after.events:
        raise Unsound("counts", table=EVENTS, found=found.events, expected=before.events)
    if not is_of_the_chain:
        raise Unsound("head", found=found.head, expected=after.head)
    if before == after:
        _refuse_other_counts(found, before)


def _refuse_untold(found: Look, told: Manifest) -> None:
    """Raise where what was restored is not what the manifest says; a later moment will do where nobody had looked."""
    if found.schema_version != told.schema_version:
        raise Unsound("schema", found=found.schema_version, expected=told.schema_version)
    if told.checked is Checked.CHECKSUM:
        if found.events < told.event_count:
            raise Unsound("counts", table=EVENTS, found=found.events, expected=told.event_count)
        return
    if found.head != told.chain_head:
        raise Unsound("head", found=found.head, expected=told.chain_head)
    expected = replace(found, counts={**told.counts, EVENTS: told.event_count})
    _refuse_other_counts(found, expected)


def _refuse_other_counts(found: Look, expected: Look) -> None:
    for table in sorted({*found.counts, *expected.counts}):
        ours, theirs = found.counts.get(table, 0), expected.counts.get(table, 0)
        if ours != theirs:
            raise Unsound("counts", table=table, found=ours, expected=theirs)


def _refuse_other_kind(way: Way, backup: Backup) -> None:
    if backup.manifest.kind != way.kind:
        raise BackupRefused("other_kind", place=backup.file, kind=backup.manifest.kind, database=way.shown)


def _file_name(database: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in database).lstrip(".") or "_"
