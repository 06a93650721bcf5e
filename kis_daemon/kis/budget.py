"""How many calls we may make, and who goes first: one scheduler per app key for every REST call.

Rules of this room
    KIS counts per app key over any second, at its own door. `CallLimit.of` makes the window longer by what the
    way there may differ from call to call, both ways; call_window.py keeps it.
    A slot is leave to call now. Whoever has one tells when the call leaves, and that it has ended.
    The more urgent class goes first, within a class the one who asked first. Nothing keeps history from
    starving behind a stream of more urgent calls: a day's exits matter more than its charts.
    All but keys, exits and cancels leave evenly spread, so that an exit behind a full queue waits for one slot
    and not for a whole window.
    A TR with a least distance of its own waits for it alone; others pass it.
    When every slot waits for its call to leave, one that has for long is taken back for a more urgent call.
    After KIS's "too many calls" step_back.py says who waits and who goes slowly.
    Time is the loop's, so that the order of slots is the same in every run.
"""

from __future__ import annotations

import asyncio
import itertools
import math
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

from kis_daemon.kis.call_window import GRAIN_S, CallWindow
from kis_daemon.kis.capabilities import KisProfile
from kis_daemon.kis.step_back import StepBack
from kis_daemon.ports import NoSlotInTime

JITTER_S = 0.05  # how much earlier or later than another a call may reach KIS
_SLACK_S = 0.01  # how late a loop's timer may fire without the next call leaving later for it
_LATE_S = 0.5  # a call that has not left by then may lose its slot; connecting takes a tenth of it


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

    @property
    def is_urgent(self) -> bool:
        """Whether it neither leaves evenly spread nor slowly after a refusal."""
        return self <= Priority.CANCEL

    @property
    def is_of_the_ledger(self) -> bool:
        """Whether it waits when the ledger of all customers is full."""
        return Priority.ORDER_STATUS <= self <= Priority.ACCOUNT


@dataclass(frozen=True, slots=True, kw_only=True)
class CallLimit:
    """At most `calls` in any `window_s` seconds."""

    calls: int
    window_s: float

    def __post_init__(self) -> None:
        if self.calls < 1 or self.window_s <= 0:
            raise ValueError(f"{self.calls} calls in {self.window_s} s: expected at least one, in more than no time")

    @classmethod
    def of(cls, calls_per_second: int, jitter_s: float = JITTER_S) -> CallLimit:
        """Return what keeps KIS at `calls_per_second`, though each call may be `jitter_s` early or late there."""
        return cls(calls=calls_per_second, window_s=1.0 + 2 * jitter_s)


# KIS notice of 2026-04-20: 18 a second, on paper 1. A new key has 3 for its first three days: that is a setting.
CALLS_PER_SECOND: dict[KisProfile, int] = {KisProfile.REAL: 18, KisProfile.PAPER: 1}
CALL_LIMITS: dict[KisProfile, CallLimit] = {
    profile: CallLimit.of(calls_per_second) for profile, calls_per_second in CALLS_PER_SECOND.items()
}

# The ledger's limit (EGW00215) is shared by all customers, and these two press on it most.
TR_SPACING_S: dict[str, float] = {"TTTC8434R": 1.0, "VTTC8434R": 1.0, "TTTC8908R": 0.25, "VTTC8908R": 0.25}


class Slot:
    """Leave to make one call, at once. Its holder tells the budget what became of it."""

    __slots__ = ("_budget", "_is_open", "given_at", "is_lost", "priority", "tr_id")

    def __init__(self, budget: Budget, priority: Priority, tr_id: str, given_at: float) -> None:
        self._budget = budget
        self._is_open = True
        self.priority = priority
        self.tr_id = tr_id
        self.given_at = given_at
        self.is_lost = False

    def leave(self) -> bool:
        """Tell that the call's bytes leave now; False: they may not, the slot was taken back."""
        if self._is_open:
            self._is_open = False
            self._budget.note_departure(self)
        return not self.is_lost

    def end(self) -> None:
        """Tell that the call is over; one that never left is counted no more."""
        if self._is_open:
            self._is_open = False
            self._budget.note_return(self)

    def lose(self) -> None:
        """Take it back from a call that has not left."""
        self.is_lost = True
        self.end()


_Lane: TypeAlias = tuple[Priority, str]
_Waiter: TypeAlias = tuple[int, asyncio.Future[Slot]]


class Budget:
    """See the rules above. `spacing_s`: the least seconds between two calls of one TR id."""

    def __init__(self, limit: CallLimit, spacing_s: Mapping[str, float] | None = None) -> None:
        self._window = CallWindow(limit.calls, limit.window_s)
        self._even_s = limit.window_s / limit.calls
        self._evenly_from = -math.inf
        self._spaced = {tr_id: CallWindow(1, seconds) for tr_id, seconds in (spacing_s or {}).items() if seconds > 0}
        self._step_back = StepBack()
        self._lanes: dict[_Lane, deque[_Waiter]] = {}
        self._under_way: list[Slot] = []
        self._numbers = itertools.count()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def waiting(self) -> int:
        """How many callers are waiting for a slot."""
        return sum(not future.done() for lane in self._lanes.values() for _, future in lane)

    @property
    def cooldown_s(self) -> float:
        """For how many seconds from now KIS's last "too many calls" keeps every call back; 0.0: it does not."""
        return max(0.0, self._step_back.waits_until(of_the_ledger=False) - asyncio.get_running_loop().time())

    @asynccontextmanager
    async def turn(self, priority: Priority, *, tr_id: str = "", within_s: float | None = None) -> AsyncIterator[Slot]:
        """Hold a slot for one call, and end it with the call."""
        slot = await self.slot(priority, tr_id=tr_id, within_s=within_s)
        try:
            yield slot
        finally:
            slot.end()

    async def slot(self, priority: Priority, *, tr_id: str = "", within_s: float | None = None) -> Slot:
        """Return when it is this caller's turn to call, once; `NoSlotInTime` if it is not within `within_s` s."""
        loop = asyncio.get_running_loop()
        lane = (priority, tr_id if tr_id in self._spaced else "")
        if not self._lanes and self._due(lane, now := loop.time()) <= now + GRAIN_S:
            return self._begin(lane, now)
        future: asyncio.Future[Slot] = loop.create_future()
        self._lanes.setdefault(lane, deque()).append((next(self._numbers), future))
        self._pump()
        expiry = None if within_s is None or future.done() else loop.call_later(within_s, self._expire, future)
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None:
                future.result().end()  # given in the very step in which its caller was cancelled
            raise
        finally:
            if expiry is not None:
                expiry.cancel()

    def refused(self, wait_s: float, *, by_the_ledger: bool = False) -> None:
        """Step back: KIS has had too many calls, ours or everybody's, and asks for `wait_s` seconds."""
        if wait_s > 0:
            now = asyncio.get_running_loop().time()
            self._step_back.refused(now, wait_s + GRAIN_S, by_the_ledger=by_the_ledger)
            self._pump()

    def note_departure(self, slot: Slot) -> None:
        """Count `slot` from now on; for the slot itself to call."""
        now = asyncio.get_running_loop().time()
        self._under_way.remove(slot)
        self._window.leave(now)
        if slot.tr_id:
            self._spaced[slot.tr_id].leave(now)
        self._pump()

    def note_return(self, slot: Slot) -> None:
        """Count `slot` no more; for the slot itself to call."""
        self._under_way.remove(slot)
        self._window.give_back()
        if slot.tr_id:
            self._spaced[slot.tr_id].give_back()
        if not slot.priority.is_urgent:
            self._evenly_from -= self._even_s
        self._pump()

    def _expire(self, future: asyncio.Future[Slot]) -> None:
        if not future.done():
            future.set_exception(NoSlotInTime("no slot came free in time", retry_after_s=self._soonest_s()))

    def _soonest_s(self) -> float:
        due = max(self._window.due(), self._step_back.waits_until(of_the_ledger=True))
        soonest_s = due - asyncio.get_running_loop().time()
        return max(0.0, soonest_s) if math.isfinite(soonest_s) else self._even_s

    def _pump(self) -> None:
        """Give out the slots that are due and set the timer for the next one."""
        if not self._lanes:
            return
        loop = asyncio.get_running_loop()
        while True:
            now = loop.time()
            lane, due = self._foremost(now)
            if lane is not None:
                self._lanes[lane].popleft()[1].set_result(self._begin(lane, now))
            elif not self._take_back(now, due):
                return

    def _foremost(self, now: float) -> tuple[_Lane | None, float]:
        """Return the lane whose first caller goes now; or None, and when the next one may."""
        foremost: tuple[Priority, int, _Lane] | None = None
        earliest = math.inf
        for lane in list(self._lanes):
            waiters = self._lanes[lane]
            while waiters and waiters[0][1].done():  # cancelled, or out of time
                waiters.popleft()
            if not waiters:
                del self._lanes[lane]
                continue
            due = self._due(lane, now)
            if due > now + GRAIN_S:
                earliest = min(earliest, due)
            elif foremost is None or (lane[0], waiters[0][0]) < foremost[:2]:
                foremost = (lane[0], waiters[0][0], lane)
        return (None, earliest) if foremost is None else (foremost[2], now)

    def _due(self, lane: _Lane, now: float) -> float:
        priority, tr_id = lane
        due = self._step_back.waits_until(of_the_ledger=priority.is_of_the_ledger)
        if tr_id:
            due = max(due, self._spaced[tr_id].due())
        if priority.is_urgent:
            return max(due, self._window.due())
        stretch = self._step_back.stretch(now)
        return max(due, self._window.due(stretch), self._evenly_from + self._even_s * (stretch - 1.0))

    def _begin(self, lane: _Lane, now: float) -> Slot:
        priority, tr_id = lane
        slot = Slot(self, priority, tr_id, now)
        self._under_way.append(slot)
        self._window.begin()
        if tr_id:
            self._spaced[tr_id].begin()
        if not priority.is_urgent:  # by its plan, not by the timer that fired late, or the lateness would add up
            self._evenly_from = max(self._evenly_from, now - _SLACK_S) + self._even_s
        return slot

    def _take_back(self, now: float, due: float) -> bool:
        """Take a late call's slot for a more urgent one and say so; else set the timer for when something may go."""
        if math.isinf(self._window.due()) and self._window.due() > 0 and self._lanes:
            first = min(priority for priority, _ in self._lanes)
            late = next((slot for slot in self._under_way if slot.priority > first), None)
            if late is not None:
                if late.given_at + _LATE_S <= now + GRAIN_S:
                    late.lose()
                    return True
                due = min(due, late.given_at + _LATE_S)
        self._set_timer(due)
        return False

    def _set_timer(self, due: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if math.isfinite(due):
            self._timer = asyncio.get_running_loop().call_at(due, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._pump()
