"""The inputs of a day in one file: `data/inputs/YYYYMMDD.jsonl.gz`, from which its decisions can be derived again.

Rules of this room
    Lines are added and never changed: what stands in one is frozen, or the line's own. It is in memory until the next
    write, seconds later, and becomes text then: no decision waits for that. Each write is a gzip member of its own, so
    that a crash costs the last seconds and the rest can be read, by `zcat` too.
    Trading never waits for this file and never fails for it. What could not be written is counted and told.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import zlib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from kis_daemon.ports import Alert, Clock, Notifier, Severity
from kis_daemon.services.audit_values import written

_PAUSE_S = 5.0
_GZIP = 31  # zlib's number for a gzip stream of the usual window
_MAGIC = b"\x1f\x8b\x08"
_MOST_WAITING = 100_000  # lines; a disk that is full for long must not fill the memory too


class InputFile:
    """Takes lines, and writes them to the file of their day."""

    def __init__(self, folder: Path, clock: Clock, notifier: Notifier) -> None:
        self._folder = folder
        self._clock = clock
        self._notifier = notifier
        self._waiting: list[tuple[date, list[Any]]] = []
        self._noted = asyncio.Event()
        self._turn = asyncio.Lock()
        self._lost = 0

    def path(self, day: date) -> Path:
        return self._folder / f"{day:%Y%m%d}.jsonl.gz"

    def add(self, line: list[Any]) -> None:
        """Take a line of what happens now."""
        if len(self._waiting) >= _MOST_WAITING:
            self._lost += 1
            return
        day = self._clock.now().date()
        self._waiting.append((day, line))
        self._noted.set()

    async def run(self) -> None:
        """Write what is added, until cancelled."""
        while True:
            await self._noted.wait()
            self._noted.clear()
            await asyncio.sleep(_PAUSE_S)
            await self.flush()

    async def flush(self) -> None:
        """Write what waits; a disk that does not take it is asked again with the next lines."""
        async with self._turn:
            waiting, self._waiting = self._waiting, []
            try:
                await asyncio.to_thread(self._write, waiting)
            except OSError as error:
                self._lost += len(waiting)
                self._notifier.tell(
                    Alert(
                        event="inputs_not_recorded",
                        severity=Severity.WARNING,
                        at=self._clock.now(),
                        data={"reason": str(error), "lines": self._lost},
                    )
                )

    async def tell_size(self, day: date) -> None:
        """Tell how much the day's inputs take."""
        await self.flush()
        path = self.path(day)
        size = path.stat().st_size if path.exists() else 0
        data: dict[str, str | int | float | bool | None] = {
            "day": day.isoformat(),
            "kib": round(size / 1024, 1),
            "lost": self._lost,
        }
        self._notifier.tell(Alert(event="inputs_recorded", severity=Severity.INFO, at=self._clock.now(), data=data))

    def _write(self, waiting: list[tuple[date, list[Any]]]) -> None:
        for day in sorted({day for day, _ in waiting}):
            text = "".join(f"{_text(line)}\n" for at, line in waiting if at == day)
            self._folder.mkdir(parents=True, exist_ok=True)
            left = memoryview(gzip.compress(text.encode(), mtime=0))
            descriptor = os.open(self.path(day), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                while left:
                    left = left[os.write(descriptor, left) :]
            finally:
                os.close(descriptor)


def _text(line: list[Any]) -> str:
    return json.dumps(written(line), separators=(",", ":"), ensure_ascii=False)


def read_lines(path: Path) -> Iterator[list[Any]]:
    """Yield the lines of a day; a write that a crash or a full disk cut off is passed over."""
    rest = path.read_bytes()
    while rest:
        member = zlib.decompressobj(wbits=_GZIP)
        try:
            text = member.decompress(rest)
        except zlib.error:
            text = b""
        if member.eof:
            rest = member.unused_data
            for line in text.splitlines():
                told = json.loads(line)
                if isinstance(told, list):
                    yield told
        else:
            following = rest.find(_MAGIC, 1)
            rest = rest[following:] if following > 0 else b""
