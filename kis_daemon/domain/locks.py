"""Symbol locks: what must not be done in one symbol, why, who says so, and until when.

Rules of this room (requirements, section 8)
    `entries` is an operator's word: nothing of the symbol is bought; what is held goes on being protected.
    `all` is never said by a person: the daemon itself no longer knows what it holds (a corporate action that is not
    proven, shares that no fill explains). Nothing is bought, nothing is sold by itself, and a person is called.
    A lock whose time is over binds nobody. A symbol has one lock of each scope at most: the newer word counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from kis_daemon.domain.market import Symbol


class LockScope(StrEnum):
    ENTRIES = "entries"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolLock:
    """One lock. `expires_at` None: until somebody takes it away."""

    symbol: Symbol
    scope: LockScope
    reason: str
    by: str
    since: datetime
    expires_at: datetime | None = None

    def is_over(self, at: datetime) -> bool:
        """Whether its time is over."""
        return self.expires_at is not None and at >= self.expires_at


def operators_lock(symbol: Symbol, reason: str, by: str, since: datetime, expires_at: datetime | None) -> SymbolLock:
    """Return the lock that a person asks for; `ValueError` without a reason and a name, or where it is over at once."""
    if not reason.strip() or not by.strip():
        raise ValueError("a lock needs a reason and a name")
    if expires_at is not None and expires_at <= since:
        raise ValueError(f"a lock until {expires_at:%Y-%m-%d %H:%M} is over already")
    return SymbolLock(
        symbol=symbol,
        scope=LockScope.ENTRIES,
        reason=reason.strip(),
        by=by.strip(),
        since=since,
        expires_at=expires_at,
    )
