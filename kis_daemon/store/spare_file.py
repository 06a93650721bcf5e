"""The spare file: lines that outlive a power cut and a full disk, for the time in which the database is away.

Rules of this room
    The space is taken in advance, so a disk that is full later changes nothing. Each line is on the disk when `append`
    returns.
    A line is a checksum and a JSON object with its epoch and number. What follows a line that does not fit (a torn
    one, or one of an earlier epoch) does not count: it was never finished, so nobody acted on it.
"""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path
from typing import Any

from kis_daemon.ports import StoreError

SIZE = 4 * 1024 * 1024  # some thousand orders


class SpareFile:
    """Open it once; `lines` are those of the epoch in force, the first of which only opens it."""

    def __init__(self, path: Path, size: int = SIZE) -> None:
        self._path = path
        self._size = size
        self._fd: int | None = None
        self._offset = 0
        self._epoch = 0
        self._number = 0

    def open(self) -> list[dict[str, Any]]:
        """Take the space and return the lines that are there, without the one that opens the epoch."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            os.fchmod(self._fd, 0o600)
            _take_space(self._fd, self._size)
            lines = self._read()
            if self._number == 0:
                self._begin()
        except OSError as error:
            self.close()
            raise StoreError(f"{self._path}: {error.strerror}") from error
        return lines

    def append(self, line: dict[str, Any]) -> None:
        """Put `line` behind the others; `StoreError`, and nothing there, if it cannot be."""
        if self._fd is None:
            raise StoreError(f"{self._path}: not open")
        data = _framed({"epoch": self._epoch, "number": self._number, **line})
        try:
            if os.pwrite(self._fd, data, self._offset) != len(data):
                raise StoreError(f"{self._path}: no space left")
            os.fdatasync(self._fd)
        except OSError as error:
            raise StoreError(f"{self._path}: {error.strerror}") from error
        self._offset += len(data)
        self._number += 1

    def clear(self) -> None:
        """Begin a new epoch: nothing of what stands there counts any more."""
        self._begin()

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _begin(self) -> None:
        self._epoch += 1
        self._offset = self._number = 0
        self.append({})

    def _read(self) -> list[dict[str, Any]]:
        assert self._fd is not None
        data = os.pread(self._fd, os.fstat(self._fd).st_size, 0)
        lines: list[dict[str, Any]] = []
        while (end := data.find(b"\n", self._offset)) >= 0:
            line = _unframed(data[self._offset : end])
            if line is None or line["number"] != self._number or (self._number and line["epoch"] != self._epoch):
                break
            self._epoch = line["epoch"]
            self._number += 1
            self._offset = end + 1
            lines.append(line)
        return lines[1:]


def _framed(line: dict[str, Any]) -> bytes:
    text = json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _unframed(data: bytes) -> dict[str, Any] | None:
    """Return the object in a line, None where it is torn or foreign."""
    checksum, _, text = data.partition(b" ")
    try:
        if int(checksum, 16) != zlib.crc32(text):
            return None
        line = json.loads(text)
    except ValueError:
        return None
    fits = isinstance(line, dict) and isinstance(line.get("epoch"), int) and isinstance(line.get("number"), int)
    return line if fits else None


def _take_space(fd: int, size: int) -> None:
    missing = size - os.fstat(fd).st_size
    if missing > 0:
        os.posix_fallocate(fd, 0, size)
        os.fsync(fd)
