"""Circuit breakers: one for losses, one for the broker's answers. They close entries, and open them again bit by bit.

Rules of this room (S4-B, L18, C16)
    CLOSED: nothing is wrong. OPEN: no entries until the cool-down is over. HALF_OPEN: few entries, of a part of their
    size; good trades close it, bad ones open it again. Exits never ask a breaker.
    A trip and its cool-down are facts; the state follows from them and from the time, so a restart knows it at once.
    A trip without an end (an operator's own row) lasts until a person resets it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from kis_daemon.domain.market import Side
from kis_daemon.domain.positions import Trade


class Breaker(StrEnum):
    LOSS = "loss"
    API = "api"


class BreakerState(StrEnum):
    CLOSED = "CLOSED"
    OPEN = "OPEN"
    HALF_OPEN = "HALF_OPEN"


class BreakerEvent(StrEnum):
    TRIP = "trip"
    COOLDOWN = "cool-down over"
    SUCCESS = "success"
    RESET = "reset"


BREAKER: Mapping[BreakerState, Mapping[BreakerEvent, BreakerState]] = {
    BreakerState.CLOSED: {BreakerEvent.TRIP: BreakerState.OPEN},
    BreakerState.OPEN: {BreakerEvent.COOLDOWN: BreakerState.HALF_OPEN, BreakerEvent.RESET: BreakerState.CLOSED},
    BreakerState.HALF_OPEN: {
        BreakerEvent.TRIP: BreakerState.OPEN,
        BreakerEvent.SUCCESS: BreakerState.CLOSED,
        BreakerEvent.RESET: BreakerState.CLOSED,
    },
}


class Trigger(StrEnum):
    """Why a breaker opened; the words of the table `circuit_breaker_events` (L18)."""

    MAX_DAILY_LOSS = "max_daily_loss"
    MAX_DRAWDOWN = "max_drawdown"
    RAPID_LOSS = "rapid_loss"
    CONSECUTIVE_LOSSES = "consecutive_losses"
    POSITION_LIMIT = "position_limit"
    EXCHANGE_ERROR = "exchange_error"
    NETWORK_ISSUE = "network_issue"
    MANUAL = "manual"


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerRules:
    """When the breakers open, for how long, and what closes them. Drawdown is measured against the highest equity."""

    warn_drawdown_pct: float = 10.0
    max_drawdown_pct: float = 15.0
    loss_cooldown_hours: float = 24.0
    api_failure_pct: float = 50.0
    api_window_s: float = 300.0
    api_min_calls: int = 20
    api_cooldown_hours: float = 0.5
    trial_size_pct: float = 25.0
    trial_entries: int = 3
    trial_good_trades: int = 3
    trial_bad_trades: int = 2
    trial_hours: float = 4.0
    trial_drawdown_pct: float = 12.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trip:
    """One opening. `until` is the end of its cool-down, None where only a person ends it."""

    breaker: Breaker
    trigger: Trigger
    at: datetime
    until: datetime | None
    threshold: float | None = None
    actual: float | None = None

    def state(self, now: datetime) -> BreakerState:
        """Return what the breaker is at `now`, as long as nothing has closed it."""
        return BreakerState.OPEN if self.until is None or now < self.until else BreakerState.HALF_OPEN


def breaker_of(trigger: Trigger) -> Breaker:
    """Return the breaker that a trip without a name belongs to."""
    return Breaker.API if trigger in (Trigger.EXCHANGE_ERROR, Trigger.NETWORK_ISSUE) else Breaker.LOSS


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialResult:
    """How the trial has gone so far; `last_bad_at` is the moment of the last failure."""

    good: int = 0
    bad: int = 0
    last_bad_at: datetime | None = None


def trial_of(trades: Iterable[Trade], since: datetime) -> TrialResult:
    """Return how many positions were sold with a profit and with a loss since; one sold in parts is one."""
    results: dict[str, tuple[int, datetime]] = {}
    for trade in trades:
        if trade.side is Side.SELL and trade.at >= since:
            position = trade.correlation_id or trade.order_key
            before = results.get(position, (0, trade.at))
            results[position] = (before[0] + trade.realized_pnl, max(before[1], trade.at))
    lost = [at for result, at in results.values() if result < 0]
    return TrialResult(
        good=sum(1 for result, _ in results.values() if result > 0), bad=len(lost), last_bad_at=max(lost, default=None)
    )


def drawdown_pct(peak: int, equity: int) -> float:
    """Return how far `equity` is below `peak`, in percent of it."""
    return max(0.0, (peak - equity) / peak * 100) if peak > 0 else 0.0
