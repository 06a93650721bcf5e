"""How many calls we may make, and who goes first: one scheduler per app key for every REST call.

Rules of this room
    In no rolling window do more than `calls` slots begin; KIS counts per app key over any second.
    A slot is a moment, not a thing held: who got one calls at once.
    The more urgent class goes first, within a class the one who asked first.
    After KIS's "too many calls" nothing goes until the pause is over.
    Time is the loop's, so that the order of slots is the same in every run.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import deque
from dataclasses import dataclass
from enum import IntEnum

from kis_daemon.kis.capabilities import KisProfile

_GRAIN_S = 1e-6  # loops may fire a timer this much early; every slot is planned this much later


class Priority(IntEnum):
    """Who goes first; a lower number is more urgent."""

    KEY = 0  # without an access token nobody goes
    EXIT = 1
    CANCEL = 2
    ORDER_STATUS = 3
    ENTRY = 4
    ACCOUNT = 5
    QUOTE = 6
    HISTORY = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class CallLimit:
    """At most `calls` in any `window_s` seconds."""

    calls: int
    window_s: float

    def __post_init__(self) -> None:
        if self.calls < 1 or self.window_s <= 0:
            raise ValueError(f"{self.calls} calls in {self.window_s} s: expected at least one, in more than no time")


# KIS notice of 2026-04-20: 18 a second, on paper 1; a distributed gateway counts late, so we stay below.
CALL_LIMITS: dict[KisProfile, CallLimit] = {
    KisProfile.REAL: CallLimit(calls=15, window_s=1.0),
    KisProfile.PAPER: CallLimit(calls=1, window_s=1 / 0.9),
}


class Budget:
    """See the rules above."""

    def __init__(self, limit: CallLimit) -> None:
        self._limit = limit
        self._begun: deque[float] = deque(maxlen=limit.calls)
        self._waiting: list[tuple[Priority, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()
        self._paused_until = 0.0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def waiting(self) -> int:
        """How many callers are waiting for a slot."""
        return sum(not future.done() for _, _, future in self._waiting)

    async def slot(self, priority: Priority) -> None:
        """Return when it is this caller's turn to call, once."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (priority, next(self._numbers), future))
        self._pump()
        await future

    def pause(self, seconds: float) -> None:
        """Let nobody go for `seconds` from now; a longer pause under way stays."""
        if seconds <= 0:
            return
        now = asyncio.get_running_loop().time()
        self._paused_until = max(self._paused_until, now + seconds + _GRAIN_S)
        self._pump()

    def _pump(self) -> None:
        """Give out the slots that are due and set the timer for the next one."""
        loop = asyncio.get_running_loop()
        while self._waiting:
            if self._waiting[0][2].done():  # its caller was cancelled
                heapq.heappop(self._waiting)
                continue
            due = self._next_due()
            if due > loop.time() + _GRAIN_S:
                self._set_timer(loop, due)
                return
            _, _, future = heapq.heappop(self._waiting)
            self._begun.append(loop.time())
            future.set_result(None)

    def _next_due(self) -> float:
        due = self._paused_until
        if len(self._begun) == self._limit.calls:
            due = max(due, self._begun[0] + self._limit.window_s + 2 * _GRAIN_S)
        return due

    def _set_timer(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_at(due, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._pump()
