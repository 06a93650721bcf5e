"""An event loop whose time is a number: the same coroutines, as fast as they go, with the same result each time.

Rules of this room
    Time moves only when nothing is ready, and then exactly to the next timer. Timers due together run in the order in
    which they were set. Executor calls run inline, so a database call takes no time.
    Peers inside the process speak over AF_UNIX sockets: what one end has written is readable at once, so looking once
    without waiting sees everything that is under way.
    A connect that is under way, and work announced with `outside()`, hold time still for a moment and then let it pass
    as the wall clock does: only so can a silent network still run into its time limit.
    With a pace, each jump is followed by a wait until the wall clock has caught up; input from outside may end it.
    A wait that nothing can end raises, instead of hanging.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import selectors
import time
from asyncio import events
from collections.abc import Callable, Iterator
from contextvars import Context
from typing import Any, Protocol, TypeVarTuple, Unpack

Ts = TypeVarTuple("Ts")

_STILL_S = 0.05  # how long a connect or outside work holds time still; loopback needs microseconds
_LOOK_S = 0.05  # how long one look at the outside lasts while something is held


class NothingCanEndThisWait(RuntimeError):
    """Every task waits for something that no timer and no peer will ever bring."""


class Pace(Protocol):
    """How many wall seconds the virtual seconds from `start` to `end` shall take."""

    def __call__(self, start: float, end: float) -> float: ...


def linear_pace(rate: float) -> Pace:
    """Return the pace at which `rate` virtual seconds take one wall second, at any hour."""

    def pace(start: float, end: float) -> float:
        return (end - start) / rate

    return pace


class _StableTimer(asyncio.TimerHandle):
    """A timer that stands behind those set before it for the same moment."""

    __slots__ = ("_order",)

    def __init__(
        self,
        when: float,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        loop: asyncio.AbstractEventLoop,
        context: Context | None,
        order: int,
    ) -> None:
        super().__init__(when, callback, args, loop, context)
        self._order = order

    def __lt__(self, other: object) -> bool:
        if isinstance(other, _StableTimer):
            return (self.when(), self._order) < (other.when(), other._order)
        return NotImplemented


class _TimeSelector(selectors.DefaultSelector):
    """Looks at the sockets without waiting; the wait itself is the loop's to arrange."""

    wait: Callable[[float | None], list[tuple[selectors.SelectorKey, int]]] | None = None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0) or self.wait is None:
            return ready
        return self.wait(timeout)

    def look(self, wall_s: float | None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait for a socket in wall time."""
        return super().select(wall_s)


class VirtualLoop(asyncio.SelectorEventLoop):
    """See the rules above. `pace` None jumps; `outside_input` says that a peer outside the process may wake it."""

    def __init__(self, pace: Pace | None = None, *, outside_input: bool = False) -> None:
        self._virtual_now = 0.0
        self._time_selector = _TimeSelector()
        super().__init__(self._time_selector)
        self._time_selector.wait = self._wait
        # asyncio's own resolution is the wall clock's; beyond 97 days it is finer than a float of seconds can step.
        self._clock_resolution = 1e-6
        self._pace = pace
        self._outside_input = outside_input
        self._due_wall: float | None = None
        self._held = 0
        self._held_since: float | None = None
        self._orders = itertools.count()

    def time(self) -> float:
        return self._virtual_now

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        self._check_closed()  # type: ignore[attr-defined]  # asyncio's own guard, not in its stubs
        timer = _StableTimer(when, callback, args, self, context, next(self._orders))
        heapq.heappush(self._scheduled, timer)  # type: ignore[attr-defined]  # asyncio's timer heap
        timer._scheduled = True  # type: ignore[attr-defined]
        return timer

    def run_in_executor(
        self,
        executor: object,  # noqa: ARG002  # there is none: the call runs here
        func: Callable[..., object],
        *args: object,
    ) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = self.create_future()
        try:
            future.set_result(func(*args))
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # noqa: BLE001  # as in an executor, what it raised is for who awaits it
            future.set_exception(error)
        return future

    async def sock_connect(self, sock: Any, address: Any) -> None:
        with self.outside():
            await super().sock_connect(sock, address)

    @contextlib.contextmanager
    def outside(self) -> Iterator[None]:
        """Say that something outside the process is at work: time stands still, then goes as the wall clock."""
        self._held += 1
        if self._held == 1:
            self._held_since = time.monotonic()
        try:
            yield
        finally:
            self._held -= 1

    def _wait(self, timeout: float | None) -> list[tuple[selectors.SelectorKey, int]]:
        if self._held:
            return self._wait_held(timeout)
        if timeout is None:
            if self._outside_input:
                return self._wait_for_outside()
            raise NothingCanEndThisWait(f"at virtual second {self._virtual_now:.6f}")
        target = self._moment_in(timeout)
        if self._pace is not None:
            ready = self._let_wall_catch_up(target)
            if ready:
                return ready
        self._virtual_now = target
        return []

    def _moment_in(self, timeout: float) -> float:
        """Return the next timer's own moment where `timeout` leads to it: the sum can miss it by a float's last bit."""
        timers: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined]  # asyncio's timer heap
        if timers and timers[0].when() - self._virtual_now == timeout:
            return timers[0].when()
        return self._virtual_now + timeout

    def _let_wall_catch_up(self, target: float) -> list[tuple[selectors.SelectorKey, int]]:
        assert self._pace is not None
        if self._due_wall is None:
            self._due_wall = time.monotonic()
        share = self._pace(self._virtual_now, target)
        due = self._due_wall + share
        wait = due - time.monotonic()
        if wait > 0:
            ready = self._time_selector.look(wait)
            if ready:
                left = max(due - time.monotonic(), 0.0)
                passed = 1 - left / share if share > 0 else 1.0
                self._virtual_now += (target - self._virtual_now) * min(max(passed, 0.0), 1.0)
                self._due_wall = due - left
                return ready
        self._due_wall = due
        return []

    def _wait_for_outside(self) -> list[tuple[selectors.SelectorKey, int]]:
        before = time.monotonic()
        ready = self._time_selector.look(None)
        if self._pace is not None:  # no timer was set: time passed as the pace says it does
            per_second = self._pace(self._virtual_now, self._virtual_now + 1.0)
            if per_second > 0:
                self._virtual_now += (time.monotonic() - before) / per_second
            self._due_wall = time.monotonic()
        return ready

    def _wait_held(self, timeout: float | None) -> list[tuple[selectors.SelectorKey, int]]:
        before = time.monotonic()
        look = _LOOK_S if timeout is None else min(timeout, _LOOK_S)
        ready = self._time_selector.look(look)
        after = time.monotonic()
        if self._held_since is not None and after - self._held_since > _STILL_S:
            passed = after - before
            self._virtual_now += passed if timeout is None else min(passed, timeout)
            self._due_wall = None
        return ready


def running_virtual_loop() -> VirtualLoop | None:
    """Return the running loop if it is a virtual one."""
    loop = events.get_running_loop()
    return loop if isinstance(loop, VirtualLoop) else None
