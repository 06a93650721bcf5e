"""One daemon per data directory: a file lock that the kernel gives up when its holder dies.

Rules of this room (S3-M07, C20)
    The lock is the kernel's (`flock`), never the file's existence or age: the file is not deleted, and not written
    before it is owned. What it holds (pid, start, command) is for people.
    The stale time of 3600 s is only reported: text left behind by a dead process says that it did not end in order.
"""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType

from kis_daemon.app.errors import AlreadyRunning, ConfigurationError

STALE_AFTER_S = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who owns a lock, as it wrote itself down; `?` where the text cannot be read."""

    pid: str = "?"
    since: str = "?"
    command: str = "?"

    def age_s(self, now: datetime) -> float | None:
        """Return how long ago it started, or None where that cannot be told."""
        try:
            return (now - datetime.fromisoformat(self.since)).total_seconds()
        except (TypeError, ValueError):  # unreadable, or a naive time of another program
            return None


class InstanceLock:
    """Holds `data/instance.lock` for the time of a `with`; a second holder is refused with the first one's name."""

    def __init__(self, data_dir: Path, *, now: datetime, command: str) -> None:
        self.path = data_dir / "instance.lock"
        self.left_behind: Holder | None = None
        self._now = now
        self._command = command
        self._fd = -1

    @property
    def is_stale(self) -> bool:
        """Whether what a dead process left behind is older than the stale time. For the log; nothing depends on it."""
        age = None if self.left_behind is None else self.left_behind.age_s(self._now)
        return age is not None and age > STALE_AFTER_S

    def __enter__(self) -> InstanceLock:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise ConfigurationError("config.data_dir", place=self.path.parent, reason=error.strerror) from None
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _read(fd) or Holder()
            os.close(fd)
            raise AlreadyRunning("lock.held", place=self.path, **asdict(holder)) from None
        self._fd = fd
        self.left_behind = _read(fd)
        _write(fd, Holder(pid=str(os.getpid()), since=self._now.isoformat("T", "seconds"), command=self._command))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.ftruncate(self._fd, 0)  # still owned: an orderly end leaves an empty file
        os.close(self._fd)
        self._fd = -1


def _read(fd: int) -> Holder | None:
    """Return who is written in the file, None where it is empty."""
    raw = os.pread(fd, 4096, 0)
    if not raw.strip():
        return None
    try:
        told = json.loads(raw)
        return Holder(**{name: str(told[name]) for name in ("pid", "since", "command")})
    except (ValueError, KeyError, TypeError):
        return Holder()


def _write(fd: int, holder: Holder) -> None:
    text = json.dumps(asdict(holder), ensure_ascii=False) + "\n"
    os.ftruncate(fd, 0)
    os.pwrite(fd, text.encode(), 0)
    os.fsync(fd)


def refuse_beside_another(data_dir: Path) -> None:
    """Raise `AlreadyRunning` if a living process has written its name into the lock's file.

    It only looks: a daemon that starts at this very moment is not kept from it.
    """
    path = data_dir / "instance.lock"
    try:
        fd = os.open(path, os.O_RDONLY)
    except OSError:
        return
    try:
        holder = _read(fd)
    finally:
        os.close(fd)
    if holder is not None and _is_alive(holder.pid):
        raise AlreadyRunning("lock.held", place=path, **asdict(holder))


def _is_alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, ValueError, OverflowError):
        return False
    except PermissionError:
        return True  # somebody else's
    return True
