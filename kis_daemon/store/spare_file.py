"""The spare file: lines that outlive a power cut and a full disk, for the time in which the database is away.

Rules of this room
    The space is taken in advance, so a disk that is full later changes nothing. Each line is on the disk when `append`
    returns.
    The first line opens an epoch, and may hold a state: both are there, or neither. It is written twice, first in the
    middle of the file, so that a power cut in the middle of it leaves the one before it or its copy.
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
    """Open it once; what it returns are the lines of the epoch in force."""

    def __init__(self, path: Path, size: int = SIZE) -> None:
        self._path = path
        self._size = size
        self._copy_at = size // 2
        self._fd: int | None = None
        self._offset = 0
        self._epoch = 0
        self._number = 0

    def open(self) -> list[dict[str, Any]]:
        """Take the space and return the lines that are there; one that only opens the epoch is none."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            os.fchmod(self._fd, 0o600)
            _take_space(self._fd, self._size)
            lines = self._read()
            if self._number == 0:
                self.clear()
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
            if self._number == 0 and len(data) <= self._copy_at:
                self._write(self._fd, data, self._copy_at)
            self._write(self._fd, data, self._offset)
        except OSError as error:
            raise StoreError(f"{self._path}: {error.strerror}") from error
        self._offset += len(data)
        self._number += 1

    def _write(self, fd: int, data: bytes, offset: int) -> None:
        if os.pwrite(fd, data, offset) != len(data):
            raise StoreError(f"{self._path}: no space left")
        os.fdatasync(fd)

    def clear(self, state: list[list[Any]] | None = None) -> None:
        """Begin a new epoch, with `state`: nothing of what stands there counts any more.

        After a `StoreError` either counts, the one before or the new one: clear again before a line is put there.
        """
        before = (self._epoch, self._offset, self._number)
        self._epoch, self._offset, self._number = (self._epoch + 1, 0, 0)
        try:
            self.append({} if state is None else {"state": state})
        except BaseException:
            self._epoch, self._offset, self._number = before
            raise

    def keep_aside(self) -> Path:
        """Copy what is there to a file that nobody clears, and return its path."""
        assert self._fd is not None
        try:
            data = os.pread(self._fd, self._offset, 0)
            path = self._path.with_name(f"{self._path.name}.unread-{zlib.crc32(data):08x}")
            path.touch(0o600)
            with path.open("wb") as copy:
                copy.write(data)
                copy.flush()
                os.fsync(copy.fileno())
        except OSError as error:
            raise StoreError(f"{self._path}: {error.strerror}") from error
        return path

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _read(self) -> list[dict[str, Any]]:
        assert self._fd is not None
        data = os.pread(self._fd, os.fstat(self._fd).st_size, 0)
        lines = self._lines(data)
        if not lines:
            copy = data[self._copy_at : data.find(b"\n", self._copy_at) + 1]
            lines = self._lines(copy + data[len(copy) :])
            if lines:
                self._write(self._fd, copy, 0)
        return [line for line in lines if line["number"] or "state" in line]

    def _lines(self, data: bytes) -> list[dict[str, Any]]:
        """Return the whole lines at the beginning of `data`, and stand behind them."""
        lines: list[dict[str, Any]] = []
        while (end := data.find(b"\n", self._offset)) >= 0:
            line = _unframed(data[self._offset : end])
            if line is None or line["number"] != self._number or (self._number and line["epoch"] != self._epoch):
                break
            self._epoch = line["epoch"]
            self._number += 1
            self._offset = end + 1
            lines.append(line)
        return lines


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
