"""The backup folder: one file a backup, its manifest beside it, both readable by the daemon's user alone.

Rules of this room
    A backup is there when its manifest is: dump and manifest are written under another name, brought to the disk and
    renamed, the manifest last. What has no manifest is not counted and not touched.
    One backup is made at a time (a lock of the kernel's), so what stands under a temporary name is a dead one's.
    Errors carry a code and its numbers; the words are the catalogue's.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from kis_daemon.ports import StoreError

_ONLY_US = 0o600
_FOLDER_MODE = 0o700
_PART = ".part"
_MANIFEST = ".json"
_BLOCK = 1 << 20


class BackupRefused(StoreError):
    """What was asked for cannot be done, and nothing was changed; `code` and `data` say why and what to do."""

    def __init__(self, code: str, /, **data: object) -> None:
        super().__init__(f"{code}: {', '.join(f'{name}={value}' for name, value in data.items())}")
        self.code = code
        self.data = data


class NotAllowed(StoreError):
    """The account of the daemon may not do this on the server."""


class Unsound(Exception):
    """The backup is not what its manifest, or the database it was made of, says; the first difference."""

    def __init__(self, code: str, /, **data: object) -> None:
        super().__init__(f"{code}: {', '.join(f'{name}={value}' for name, value in data.items())}")
        self.code = code
        self.data = data


class Checked(StrEnum):
    """How far a backup was looked into."""

    RESTORED = "restored"  # into a scratch database, and the chain was followed there
    CHECKSUM = "checksum"  # the file alone: chain head and counts are those of the moment before it was made


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a backup holds, and when it was made. `counts` are the rows of each table."""

    kind: str
    database: str
    schema_version: str
    chain_head: str
    event_count: int
    counts: Mapping[str, int]
    checked: Checked
    size: int
    sha256: str
    made_at: datetime

    def to_json(self) -> str:
        told = asdict(self) | {"made_at": self.made_at.isoformat()}
        return json.dumps(told, indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """Return the manifest that `text` tells; `ValueError` where it is none."""
        told = json.loads(text)
        try:
            made_at = datetime.fromisoformat(told["made_at"])
            if made_at.tzinfo is None:
                raise ValueError("made_at without an offset")
            return cls(
                **{name: str(told[name]) for name in ("kind", "database", "schema_version", "chain_head", "sha256")},
                event_count=int(told["event_count"]),
                counts={str(name): int(count) for name, count in told["counts"].items()},
                checked=Checked(told["checked"]),
                size=int(told["size"]),
                made_at=made_at,
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{error}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """One file of the folder with its manifest."""

    file: Path
    manifest: Manifest


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Make the folder where there is none, and keep every other backup out of it; a dead one's litter is removed."""
    with on_disk(folder):
        folder.mkdir(parents=True, exist_ok=True, mode=_FOLDER_MODE)
        descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, _ONLY_US)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupRefused("busy", place=folder) from None
        for litter in folder.glob(f".*{_PART}*"):  # SQLite's own journal of one too
            litter.unlink(missing_ok=True)
        yield
    finally:
        os.close(descriptor)


def part_of(folder: Path, name: str) -> Path:
    """Return a new empty file for the dump that will be `name`."""
    if (folder / name).exists():
        raise BackupRefused("exists", place=folder / name)
    part = folder / f".{name}{_PART}"
    made_for_us(part)
    return part


def made_for_us(file: Path) -> None:
    """Make an empty file that nobody else may read."""
    with on_disk(file):
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _ONLY_US))


def kept(part: Path, name: str, manifest: Manifest) -> Backup:
    """Give a finished dump its name, and its manifest; both are on the disk when this returns."""
    file = part.with_name(name)
    noted = part.with_name(f".{name}{_MANIFEST}{_PART}")
    with on_disk(file):
        noted.touch(_ONLY_US)
        noted.write_text(manifest.to_json(), "utf-8")
        for one in (part, noted):
            synced(one)
        part.rename(file)
        noted.rename(f"{file}{_MANIFEST}")
        synced(file.parent)
    return Backup(file=file, manifest=manifest)


def named_backup(file: Path, folder: Path) -> Backup:
    """Return the backup that an operator means by `file`: a path, a name in the folder, or the manifest of one."""
    file = file.with_name(file.name.removesuffix(_MANIFEST))
    if not file.exists() and (folder / file).exists():
        file = folder / file
    if not file.is_file():
        raise BackupRefused("absent", place=file)
    try:
        text = Path(f"{file}{_MANIFEST}").read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise BackupRefused("no_manifest", place=file, manifest=f"{file.name}{_MANIFEST}") from None
    try:
        return Backup(file=file, manifest=Manifest.from_json(text))
    except ValueError as error:
        raise BackupRefused("manifest_unreadable", place=f"{file}{_MANIFEST}", reason=error) from None


def backups_of(folder: Path, kind: str, database: str) -> list[Backup]:
    """Return the backups of that database, newest first; what cannot be read is not among them."""
    found = list[Backup]()
    for noted in folder.glob(f"[!.]*{_MANIFEST}"):
        try:
            backup = named_backup(noted, folder)
        except BackupRefused:
            continue
        if (backup.manifest.kind, backup.manifest.database) == (kind, database):
            found.append(backup)
    return sorted(found, key=lambda one: (one.manifest.made_at, one.file.name), reverse=True)


def removed(backups: list[Backup]) -> list[Path]:
    """Delete these backups; the manifest goes first, so that a half is none."""
    for one in backups:
        with on_disk(one.file):
            Path(f"{one.file}{_MANIFEST}").unlink(missing_ok=True)
            one.file.unlink(missing_ok=True)
    return [one.file for one in backups]


def unchanged(backup: Backup) -> None:
    """Raise `Unsound` where the file is not the one that the manifest was written of."""
    told = backup.manifest
    with on_disk(backup.file):
        size = backup.file.stat().st_size
        if size != told.size:
            raise Unsound("size", found=size, expected=told.size)
        if sha256_of(backup.file) != told.sha256:
            raise Unsound("checksum")


def sha256_of(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def synced(place: Path) -> None:
    """Bring a file, or the names in a folder, to the disk."""
    descriptor = os.open(place, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def on_disk(place: Path) -> Iterator[None]:
    """Turn what the disk says into a refusal that names the place."""
    try:
        yield
    except OSError as error:
        raise BackupRefused("disk", place=place, reason=error.strerror or error) from None
