"""The faults of a running simulator: those that wait, those that are armed, and the list of what happened.

Rules of this room
    A fault is armed at its moment and waits there for what it matches; each one that happens is written down with its
    moment and with what it met. Faults that only wait cost nothing: `on_armed` says when there is something to look at.
    What an armed fault does is its room's affair: `faults_rest`, `faults_stream`, `faults_market`, `faults_door`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import count
from typing import Any

from kis_daemon.ports import Clock
from kis_daemon.simulator.faults import Fault, FaultPlan, Scene
from kis_daemon.simulator.faults_kinds import Area


class Stage(StrEnum):
    """How far a planned fault is."""

    WAITING = "waiting"
    ARMED = "armed"
    DONE = "done"
    MISSED = "missed"


@dataclass(slots=True, kw_only=True, eq=False)
class Planned:
    """A fault under its number; `left` None is every time."""

    number: int
    fault: Fault
    left: int | None
    stage: Stage = Stage.WAITING
    times_fired: int = 0
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fired:
    """A fault that happened: when, which, and on what."""

    at: datetime
    number: int
    kind: str
    on: str
    tr_id: str = ""
    symbol: str = ""


@dataclass(slots=True)
class FaultDesk:
    """Keeps the plan and arms its faults; lives inside the simulator's `async with`."""

    clock: Clock
    fired: list[Fired] = field(default_factory=list)
    on_armed: list[Callable[[], None]] = field(default_factory=list)
    at_once: dict[Area, Callable[[Planned], None]] = field(default_factory=dict)
    armed: list[Planned] = field(default_factory=list)
    _planned: dict[int, Planned] = field(default_factory=dict)
    _timers: dict[int, asyncio.Task[None]] = field(default_factory=dict)
    _errands: set[asyncio.Task[None]] = field(default_factory=set)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))
    _group: asyncio.TaskGroup | None = None

    def begin(self, group: asyncio.TaskGroup) -> None:
        """Own the timers from now on."""
        self._group = group

    def add(self, plan: FaultPlan) -> list[int]:
        """Take the faults of `plan` and return their numbers."""
        if self._group is None:
            raise RuntimeError("faults before the simulator's async with: expected one that runs")
        numbers = []
        for fault in plan.faults:
            planned = Planned(number=next(self._numbers), fault=fault, left=fault.times or None)
            self._planned[planned.number] = planned
            numbers.append(planned.number)
            if fault.at is None or fault.at <= self.clock.now():
                self._arm(planned)
            else:
                self._later(planned, fault.at, self._arm)
        return numbers

    def clear(self) -> None:
        """Forget every fault that has not happened yet, and what happened; what has begun goes on to its end."""
        for task in self._timers.values():
            task.cancel()
        self._timers.clear()
        self._planned.clear()
        self.armed.clear()
        self.fired.clear()
        self._changed()

    def stop(self) -> None:
        """End everything that waits for its moment."""
        for task in (*self._timers.values(), *self._errands):
            task.cancel()
        self._timers.clear()

    async def pause(self, seconds: float) -> None:
        """Return when `seconds` of the simulator's clock have passed."""
        await self.clock.sleep_until(self.clock.now() + timedelta(seconds=seconds))

    def errand(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Own what a fault has begun until it is over; the task may be cancelled."""
        assert self._group is not None
        task = self._group.create_task(work, name="fault that goes on")
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)
        return task

    def later(self, seconds: float, act: Callable[[], None]) -> asyncio.Task[None]:
        """Do `act` in `seconds` of the simulator's clock."""

        async def wait() -> None:
            await self.pause(seconds)
            act()

        return self.errand(wait())

    @property
    def planned_any(self) -> bool:
        """Whether a plan was handed over and not cleared."""
        return bool(self._planned)

    def has(self, area: Area) -> bool:
        """Tell whether a fault of `area` is armed."""
        return any(planned.fault.rules.area is area for planned in self.armed)

    def matching(self, area: Area, scene: Scene) -> list[Planned]:
        """Return the armed faults of `area` that `scene` could meet, in the order in which they were planned."""
        return [planned for planned in self.armed if planned.fault.rules.area is area and planned.fault.matches(scene)]

    def fire(self, planned: Planned, scene: Scene) -> None:
        """Write down that it happened; one that has happened often enough is armed no longer."""
        kind = planned.fault.kind.value
        self.fired.append(
            Fired(
                at=self.clock.now(),
                number=planned.number,
                kind=kind,
                on=scene.what,
                tr_id=scene.tr_id,
                symbol=scene.symbol,
            )
        )
        planned.times_fired += 1
        if planned.left is not None:
            planned.left -= 1
            if planned.left == 0:
                self._end(planned, Stage.DONE)

    def miss(self, planned: Planned, why: str = "") -> None:
        """Give it up: it could not happen."""
        if planned.stage is Stage.ARMED:
            planned.why = why
            self._end(planned, Stage.DONE if planned.times_fired else Stage.MISSED)

    def shown(self) -> dict[str, list[dict[str, Any]]]:
        """Return the plan and what happened, as `/__sim/faults` lists them."""
        planned = [
            {"number": p.number, "stage": p.stage.value, "fired": p.times_fired, "why": p.why, **p.fault.shown()}
            for p in self._planned.values()
        ]
        fired = [
            {
                "at": f.at.isoformat(),
                "number": f.number,
                "kind": f.kind,
                "on": f.on,
                "tr_id": f.tr_id,
                "symbol": f.symbol,
            }
            for f in self.fired
        ]
        return {"planned": planned, "fired": fired}

    # --- inside ---------------------------------------------------------------------------------------------

    def _arm(self, planned: Planned) -> None:
        act = self.at_once.get(planned.fault.rules.area)
        planned.stage = Stage.ARMED
        self.armed.append(planned)
        if planned.fault.within_s is not None:
            self._later(planned, self.clock.now() + timedelta(seconds=planned.fault.within_s), self.miss)
        if act is not None:
            act(planned)
        self._changed()

    def _end(self, planned: Planned, stage: Stage) -> None:
        planned.stage = stage
        self.armed.remove(planned)
        self._changed()

    def _later(self, planned: Planned, at: datetime, act: Callable[[Planned], None]) -> None:
        assert self._group is not None

        async def wait() -> None:
            await self.clock.sleep_until(at)
            if self._timers.get(planned.number) is asyncio.current_task():
                del self._timers[planned.number]
            act(planned)

        self._timers[planned.number] = self._group.create_task(wait(), name=f"fault {planned.number}")

    def _changed(self) -> None:
        for listener in self.on_armed:
            listener()
