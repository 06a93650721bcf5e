"""The way to the broker in a backtest: as long and as narrow as KIS's, without a wire.

Rules of this room
    Orders depend on when the account was last read and when an order arrives. So every question and every command takes
    its slot of the daemon's own budget and the simulator's latency, and keys are fetched when the daemon fetches them.
    The permit of a command is asked with no await before the moment at which its bytes would leave.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from kis_daemon.kis.budget import Budget, Priority, Slot
from kis_daemon.ports import Clock

_STREAM_KEY_LASTS = timedelta(hours=23)  # of its twenty-four; the last one is not used


@dataclass(slots=True)
class _Keys:
    """Which keys are there: the access token is good for its date, the stream key until its end."""

    token_of: date | None = None
    stream_until: datetime | None = None


class Calls:
    """Leave for one call after the other."""

    def __init__(self, budget: Budget, clock: Clock, latency_s: float) -> None:
        self._budget = budget
        self._clock = clock
        self._latency_s = latency_s
        self._keys = _Keys()
        self._fetching_token = asyncio.Lock()
        self._fetching_stream_key = asyncio.Lock()

    async def ask(self, priority: Priority, tr_id: str = "") -> None:
        """Return at the moment at which the broker answers a question."""
        await self.command(priority, tr_id, lambda: True)

    async def command(self, priority: Priority, tr_id: str, permit: Callable[[], bool]) -> bool:
        """Return at the moment at which the broker acts on a command; False where `permit` keeps it from leaving."""
        slot = await self._slot(priority, tr_id)
        try:
            if not permit():
                return False
            slot.leave()
            await asyncio.sleep(self._latency_s)
        finally:
            slot.end()
        return True

    async def warm(self) -> None:
        """Have both keys."""
        await asyncio.gather(self.token(), self.stream_key())

    async def token(self) -> None:
        """Have an access token of today."""
        if self._has_token():
            return
        async with self._fetching_token:
            if not self._has_token():
                asked_on = self._clock.now().date()
                await self._fetch()
                self._keys.token_of = asked_on

    async def stream_key(self) -> None:
        """Have a key for the stream."""
        async with self._fetching_stream_key:
            until = self._keys.stream_until
            if until is None or self._clock.now() >= until:
                asked_at = self._clock.now()
                await self._fetch()
                self._keys.stream_until = asked_at + _STREAM_KEY_LASTS

    def _has_token(self) -> bool:
        return self._keys.token_of == self._clock.now().date()

    async def _slot(self, priority: Priority, tr_id: str) -> Slot:
        while True:
            if not self._has_token():
                await self.token()
            slot = await self._budget.slot(priority, tr_id=tr_id)
            if self._has_token():
                return slot
            slot.end()

    async def _fetch(self) -> None:
        async with self._budget.turn(Priority.KEY) as slot:
            slot.leave()
            await asyncio.sleep(self._latency_s)
