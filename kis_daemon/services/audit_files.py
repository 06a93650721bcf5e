"""The files of the mirror: `audit_YYYYMMDD.json`, one fact a line, readable by the daemon's user alone.

Rules of this room (S3-L13)
    Lines are only ever added. What is cut off is a last line that a crash left without its end.
    A folder holds the mirror of one database at a time, named in `owner`; the files of another one stand in a folder
    of its name until it is that one's turn again. Nothing is deleted.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path

from kis_daemon.domain.calendar import KST
from kis_daemon.domain.chain import Row, line_of, row_of

_BLOCK = 1 << 16
_ONLY_US = 0o600


class MirrorUnreadable(Exception):
    """The last line of the mirror is whole, and not one of ours."""


class MirrorFiles:
    """The mirror of the database `owner` in `folder`. Every call may raise `OSError`."""

    def __init__(self, folder: Path, owner: str) -> None:
        self._folder = folder
        self._owner = owner
        self._day = date.min
        self._hour = ""
        self._day_of_hour = date.min

    def where(self) -> Path:
        """Return the folder that this database's files stand in, whoever's turn it is."""
        known = self._known_owner()
        return self._folder if known in (None, self._owner) else self._folder / self._owner

    def files(self) -> list[Path]:
        """Return the files, oldest first."""
        return sorted(self.where().glob("audit_[0-9]*.json"))

    def open(self) -> Row | None:
        """Make the folder ours and return the last row that was mirrored; `MirrorUnreadable` where nobody can tell."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        known = self._known_owner()
        if known != self._owner:
            if known is not None:
                _move(self._folder, self._folder / known)
            _move(self._folder / self._owner, self._folder)
            _append(self._folder / "owner.new", f"{self._owner}\n", anew=True)
            (self._folder / "owner.new").replace(self._folder / "owner")
        for file in reversed(self.files()):
            line = _last_line(file)
            if line:
                row = row_of(line)
                if row is None:
                    raise MirrorUnreadable(f"{file}: {line[:80]!r}")
                self._day = datetime.strptime(file.stem[-8:], "%Y%m%d").replace(tzinfo=KST).date()
                return row
        return None

    def put_aside(self, target: Path) -> None:
        """Move the files into `target`: their database begins anew."""
        _move(self.where(), target)

    def append(self, rows: Iterable[Row]) -> None:
        """Add the rows, each to the file of its day in Seoul, or of a later one that was begun already."""
        day, lines = self._day, list[str]()
        for row in rows:
            if row[6] is not None and (later := self._day_of(row[1])) > day:
                self._write(day, lines)
                day, lines = later, []
            lines.append(line_of(row))
        self._write(day, lines)

    def _write(self, day: date, lines: list[str]) -> None:
        if lines:
            _append(self._folder / f"audit_{day:%Y%m%d}.json", "".join(lines))
        self._day = day

    def _day_of(self, at: str) -> date:
        if at[:13] != self._hour:  # Seoul is whole hours away from UTC
            self._hour = at[:13]
            self._day_of_hour = datetime.strptime(at[:13], "%Y-%m-%dT%H").replace(tzinfo=UTC).astimezone(KST).date()
        return self._day_of_hour

    def _known_owner(self) -> str | None:
        try:
            return (self._folder / "owner").read_text("utf-8").strip() or None
        except FileNotFoundError:
            return None


def _move(source: Path, target: Path) -> None:
    for file in sorted(source.glob("audit_[0-9]*.json")):
        target.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.replace(target / file.name)


def _append(file: Path, text: str, *, anew: bool = False) -> None:
    flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if anew else os.O_APPEND)
    descriptor = os.open(file, flags, _ONLY_US)
    try:
        left = memoryview(text.encode("utf-8"))
        while left:
            left = left[os.write(descriptor, left) :]
    finally:
        os.close(descriptor)


def _last_line(file: Path) -> str:
    """Return the last whole line, "" without one; what stands behind it is cut off."""
    with file.open("r+b") as stream:
        size = stream.seek(0, os.SEEK_END)
        tail = b""
        while len(tail) < size and tail.count(b"\n") < 2:
            start = max(size - len(tail) - max(_BLOCK, len(tail)), 0)
            stream.seek(start)
            tail = stream.read(size - start)
        whole = tail[: tail.rfind(b"\n") + 1]
        if len(whole) < len(tail):
            stream.truncate(size - len(tail) + len(whole))
    return whole[whole.rfind(b"\n", 0, -1) + 1 :].decode("utf-8", "replace")
