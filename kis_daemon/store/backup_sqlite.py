"""A backup of a file: SQLite's online backup, put back by a rename.

Rules of this room
    The copy is one reading transaction: a daemon that writes is not held up (WAL), and nothing of it is half there.
    The copy is one file without a journal beside it.
    The present file is never written to: it goes aside with its `-wal` and `-shm`, under a name it can be opened by.
"""

from __future__ import annotations

import shutil
import sqlite3
import struct
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import URL

from kis_daemon.ports import StoreError
from kis_daemon.store.backup_files import BackupRefused, Unsound, made_for_us, on_disk, synced

_BUSY_TIMEOUT_S = 5.0
_HEADER = struct.Struct(">16xH10xI")  # of a page and how many there are (SQLite's file format, 1.3)
_LARGEST_PAGE = 65_536  # written as 1


class FileBackup:
    """How a database in a file is copied, tried and put back."""

    kind = "sqlite"
    suffix = "db"

    def __init__(self, url: URL) -> None:
        self.file = Path(url.database or ":memory:")
        self.name = self.file.stem
        self.shown = str(self.file)

    def refuse_absent(self) -> None:
        if not self.file.is_file():
            raise BackupRefused("no_database", place=self.file)

    def dump(self, into: Path) -> None:
        """Copy what is committed at this moment into the empty file `into`."""
        try:
            with (
                closing(sqlite3.connect(self.file, timeout=_BUSY_TIMEOUT_S)) as source,
                closing(sqlite3.connect(into)) as copy,
            ):
                copy.execute("PRAGMA synchronous = OFF")  # brought to the disk once, as a whole
                source.backup(copy)
                copy.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.Error as error:
            raise StoreError(f"{error} ({self.file})") from None

    def refuse_cut(self, file: Path) -> None:
        """Raise `Unsound` where pages are missing at the end: SQLite reads a page that is cut as if zeros followed."""
        with on_disk(file), file.open("rb") as stream:
            header = stream.read(_HEADER.size)
        if len(header) < _HEADER.size:
            raise Unsound("cut")
        page, pages = _HEADER.unpack(header)
        if file.stat().st_size != (_LARGEST_PAGE if page == 1 else page) * pages:
            raise Unsound("cut")

    @contextmanager
    def scratch(self, file: Path, _name: str) -> Iterator[URL]:
        """Restore into a file of its own for the time of a `with`."""
        with on_disk(file.parent), tempfile.TemporaryDirectory(prefix=".check-", dir=file.parent) as folder:
            yield _restored(file, Path(folder, "scratch.db"))

    def replace(self, file: Path, stamp: str, judge: Callable[[URL], None]) -> str | None:
        """Put the database of the backup in the place of the present one; return where that stands now."""
        beside = self.file.with_name(f".{self.file.name}.restoring")
        with on_disk(self.file.parent):
            self.file.parent.mkdir(parents=True, exist_ok=True)
            beside.unlink(missing_ok=True)
            try:
                judge(_restored(file, beside))
                synced(beside)
                aside = self._put_aside(stamp)
                beside.rename(self.file)
            finally:
                beside.unlink(missing_ok=True)
            synced(self.file.parent)
        return aside

    def _put_aside(self, stamp: str) -> str | None:
        aside = self.file.with_name(f"{self.file.stem}.aside-{stamp}{self.file.suffix}")
        if aside.exists():
            raise BackupRefused("exists", place=aside)
        # the journal first: an empty database, made by whoever opens the place now, would take it for its own
        for part in ("-wal", "-shm", ""):
            present = Path(f"{self.file}{part}")
            if present.exists():
                present.rename(f"{aside}{part}")
        return str(aside) if aside.exists() else None


def _restored(file: Path, into: Path) -> URL:
    made_for_us(into)
    shutil.copyfile(file, into)
    return URL.create("sqlite", database=str(into))
