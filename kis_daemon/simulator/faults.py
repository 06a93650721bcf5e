"""What can go wrong on demand: one planned fault, what it meets, and a plan of them.

Rules of this room
    A fault waits for its moment (`at`; none means from the start), then for the next thing that it matches: a request,
    a frame, a registration, an order. Faults of the market and of the door have nothing to match: they happen at once.
    It happens `times` times, 0 is every time; what it did not meet within `within_s` of its moment is forgotten.
    A field that is empty matches everything; path and TR id may hold `*` and `?`. A path is matched at its end.
    Durations are seconds of the simulated clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fnmatch import fnmatchcase
from random import Random
from typing import Any

from kis_daemon.domain.calendar import KST
from kis_daemon.simulator.faults_kinds import KINDS, SEEDED_KINDS, FaultKind, KindRules


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a fault is held against: a request, a registration, or a frame."""

    what: str
    path: str = ""
    tr_id: str = ""
    symbol: str = ""
    side: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One planned fault; see the rules of this room."""

    kind: FaultKind
    at: datetime | None = None
    times: int = 1
    path: str = ""
    tr_id: str = ""
    symbol: str = ""
    side: str = ""
    for_s: float | None = None
    value: int | None = None
    accepted: bool = False
    within_s: float | None = None

    @property
    def rules(self) -> KindRules:
        return KINDS[self.kind]

    @property
    def lasts_s(self) -> float:
        """Return how long it lasts, in seconds."""
        return (self.rules.for_s or 0.0) if self.for_s is None else self.for_s

    @property
    def number(self) -> int:
        """Return its number: a count, a percentage, seconds; what it is depends on the kind."""
        return (self.rules.value or 0) if self.value is None else self.value

    def matches(self, scene: Scene) -> bool:
        """Tell whether `scene` is what it waits for."""
        path = self.path or self.rules.path
        return (
            (not path or fnmatchcase(scene.path, f"*{path}"))
            and (not self.tr_id or fnmatchcase(scene.tr_id, self.tr_id))
            and self.symbol in ("", scene.symbol)
            and self.side in ("", scene.side)
        )

    def shown(self) -> dict[str, Any]:
        """Return the fault as a plan file writes it."""
        told: dict[str, Any] = {"kind": self.kind.value, "times": self.times}
        if self.at is not None:
            told["at"] = self.at.isoformat()
        for name in ("path", "tr_id", "symbol", "side", "accepted"):
            if getattr(self, name):
                told[name] = getattr(self, name)
        for name in ("for_s", "value", "within_s"):
            if getattr(self, name) is not None:
                told[name] = getattr(self, name)
        return told


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultPlan:
    """The faults of a run."""

    faults: tuple[Fault, ...] = ()

    @classmethod
    def seeded(
        cls,
        seed: int,
        day: date,
        every: float = 60.0,
        *,
        kinds: Sequence[FaultKind] = SEEDED_KINDS,
        opens: str = "09:00",
        closes: str = "15:30",
    ) -> FaultPlan:
        """Return a fault every `every` seconds of `day`, each waiting until the next one's moment at most."""
        chance = Random(f"faults|{seed}|{day}")
        at, end = (datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=KST) for clock in (opens, closes))
        faults = []
        while at < end:
            faults.append(Fault(kind=chance.choice(kinds), at=at, within_s=every))
            at += timedelta(seconds=every)
        return cls(faults=tuple(faults))
