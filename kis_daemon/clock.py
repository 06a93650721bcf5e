"""Clocks: the wall's, and the view of a virtual loop's time.

Rules of this room
    Durations belong to the loop, dates to the `Clock` of ports.py. This is the only module that reads the wall clock.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from kis_daemon.domain.calendar import KST

_LONGEST_NAP_S = 30.0  # a suspended machine or a corrected clock is noticed within this time


class SystemClock:
    """The wall clock in Seoul."""

    def now(self) -> datetime:
        return datetime.now(KST)

    async def sleep_until(self, when: datetime) -> None:
        while (remaining := (when - self.now()).total_seconds()) > 0:
            await asyncio.sleep(min(remaining, _LONGEST_NAP_S))


class LoopClock:
    """The time of a loop, counted from `origin`: virtual wherever the loop's time is."""

    def __init__(self, loop: asyncio.AbstractEventLoop, origin: datetime) -> None:
        if origin.tzinfo is None:
            raise ValueError(f"origin {origin}: expected an aware time")
        self._loop = loop
        self._origin = origin.astimezone(KST)
        self._offset = loop.time()

    def now(self) -> datetime:
        return self._origin + timedelta(seconds=self._loop.time() - self._offset)

    async def sleep_until(self, when: datetime) -> None:
        while (remaining := (when - self.now()).total_seconds()) > 0:
            await asyncio.sleep(remaining)
