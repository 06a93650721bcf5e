"""Readiness: what has to be well before anything is bought with real money.

Rules of this room (S2-G, L05, S3-C06)
    A blocker closes entries and nothing else: what is held can be sold whatever is missing.
    The first three names are the documents' own; the others are named in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Blocker(StrEnum):
    MISSING_REQUIRED_ENV = "MISSING_REQUIRED_ENV"
    WS_DISCONNECTED = "WS_DISCONNECTED"
    WS_ERROR_PRESENT = "WS_ERROR_PRESENT"
    CLOCK_SKEWED = "CLOCK_SKEWED"
    CALENDAR_NOT_COVERED = "CALENDAR_NOT_COVERED"
    DATABASE_AWAY = "DATABASE_AWAY"
    DISK_ALMOST_FULL = "DISK_ALMOST_FULL"
    ALERTS_NOT_DELIVERED = "ALERTS_NOT_DELIVERED"
    BACKUP_TOO_OLD = "BACKUP_TOO_OLD"
    KILL_SWITCH_NOT_KNOWN = "KILL_SWITCH_NOT_KNOWN"
    REHEARSAL_NOT_PASSED = "REHEARSAL_NOT_PASSED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Something that is not well, and what of it, in words that say what to do."""

    blocker: Blocker
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """What was found at one look. `binds`: entries wait for it (real money); else it is only told."""

    found: tuple[Found, ...]
    binds: bool

    @property
    def can_trade(self) -> bool:
        """Whether nothing is missing, so that new positions may be opened with real money."""
        return not self.found

    @property
    def closes_entries(self) -> bool:
        return self.binds and not self.can_trade

    @property
    def blockers(self) -> tuple[Blocker, ...]:
        return tuple(one.blocker for one in self.found)
