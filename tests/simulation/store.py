"""The daemon's database, with the weather it has to live through.

A power cut is a crash of the host at a transaction: before its commit nothing of it is on the disk, after it all is,
and the caller never hears which. SQLite's own write-ahead log is cut at a random byte behind the last commit, which is
what a torn write leaves. A store may also be away, locked, full, slow, or commit and lose its answer.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from kis_daemon.ports import Clock, OutcomeUnknown, Rows, StoreError
from kis_daemon.store.database import Database
from kis_daemon.store.rows import SqlRows
from kis_daemon.store.spare import SpareRecords
from kis_daemon.store.spare_file import SpareFile

T = TypeVar("T")


class PowerCut(Exception):
    """The host died here: nothing of its process goes on."""


class StoreWeather:
    """What the next transactions meet. `crash` kills the host; a dead host's transactions change nothing."""

    def __init__(self, crash: Callable[[], None]) -> None:
        self._crash = crash
        self.dead = False
        self.away = ""
        self.slow_s = 0.0
        self.full = False
        self.tears_line = False
        self.cut_before: int | None = None
        self.cut_after: int | None = None
        self.lose_answer: int | None = None
        self.transactions = 0

    def before(self) -> None:
        if self.dead:
            raise PowerCut
        self.transactions += 1
        if self.away:
            raise StoreError(self.away)
        if self.cut_before == self.transactions:
            self.die()

    def after(self) -> None:
        if self.cut_after == self.transactions:
            self.die()
        if self.lose_answer == self.transactions:
            raise OutcomeUnknown("connection lost during COMMIT")

    def die(self) -> None:
        if self.dead:
            raise PowerCut  # once is enough
        self.dead = True
        self._crash()
        raise PowerCut


class SimDatabase(Database):
    """`Database` in a memory-backed file under a `StoreWeather`."""

    def __init__(self, path: Path, weather: StoreWeather) -> None:
        super().__init__(f"sqlite:///{path}")
        self._weather = weather

    async def transact(self, work: Callable[[SqlRows], T]) -> T:
        if self._weather.slow_s:
            await asyncio.sleep(self._weather.slow_s)
        loop = asyncio.get_running_loop()
        return await asyncio.shield(loop.run_in_executor(None, self._meet, work))

    def _meet(self, work: Callable[[SqlRows], T]) -> T:
        self._weather.before()
        result = self.transact_now(work)
        self._weather.after()
        return result


class SimSpareFile(SpareFile):
    """A spare file whose host may die in the middle of a line."""

    def __init__(self, path: Path, weather: StoreWeather) -> None:
        super().__init__(path, size=256 * 1024)
        self._weather = weather

    def append(self, line: dict[str, Any]) -> None:
        if self._weather.dead:
            raise PowerCut
        if self._weather.full:
            raise StoreError("no space left on device")
        if self._weather.tears_line:
            self._weather.tears_line = False
            assert self._fd is not None
            os.pwrite(self._fd, b'0badc0de {"epoch":1,"number":1,"wri', self._offset)
            self._weather.die()
        super().append(line)


class SimRecords(SpareRecords):
    """The daemon's records on a host that may die: a dead one's transactions do nothing, in memory neither."""

    def __init__(self, primary: SimDatabase, path: Path, clock: Clock, weather: StoreWeather) -> None:
        super().__init__(primary, path, clock, keeps_state=True)
        self._weather = weather
        self._file = SimSpareFile(path, weather)

    async def _in_turn(self, work: Callable[[Rows], T]) -> T:
        if self._weather.dead:
            raise PowerCut
        return await super()._in_turn(work)


def tear(path: Path, cut: int) -> None:
    """Append `cut` bytes of a frame that was never finished to the write-ahead log of the database at `path`."""
    log = path.with_name(path.name + "-wal")
    if log.exists() and cut:
        with log.open("ab") as file:
            file.write(bytes(cut))
