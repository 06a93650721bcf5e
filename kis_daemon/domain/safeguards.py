"""The kill switch and the gate: what may be sent at this moment.

Rules of this room
    The gate is derived at every question and never stored, so nothing automatic can disarm a stop.
    HALTED: nothing but cancels. EXIT_ONLY: what is held may be sold. OPEN: everything.
    No kill switch record means ACTIVE with scope ALL (C01). Only a person activates ALL; what activates by itself is an
    `AutomaticStop`, which has no scope to choose: it is ENTRIES.
    Two switches together are the wider one. A close-all is an operator's and passes the switch, but nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from kis_daemon.domain.market import Side


class KillSwitchStatus(StrEnum):
    ACTIVE = "active"
    INACTIVE = "inactive"


class KillSwitchScope(StrEnum):
    ALL = "all"
    ENTRIES = "entries"


@dataclass(frozen=True, slots=True, kw_only=True)
class KillSwitch:
    """The newest valid record of the switch; `since` is None when there is none.

    `ignored_releases` counts the releases without a reason that stand after it (C14).
    """

    status: KillSwitchStatus
    scope: KillSwitchScope
    reason: str
    actor: str
    since: datetime | None
    ignored_releases: int = 0

    @property
    def is_active(self) -> bool:
        return self.status is KillSwitchStatus.ACTIVE

    def forbids(self, side: Side) -> bool:
        """Whether an order of `side` must not be sent."""
        return self.is_active and (self.scope is KillSwitchScope.ALL or side is Side.BUY)


class StopCause(StrEnum):
    """What may stop entries without a person."""

    HARD_LOSS = "hard_loss"
    DRAWDOWN = "drawdown"
    EQUITY_MISMATCH = "equity_mismatch"
    UNKNOWN_ORDERS = "unknown_orders"
    STREAM_KEY_IN_USE = "stream_key_in_use"
    REPEATED_REJECTS = "repeated_rejects"


TRIGGER_SOURCES: Mapping[StopCause, str] = {
    StopCause.HARD_LOSS: "circuit_breaker_cascade",
    StopCause.DRAWDOWN: "circuit_breaker_cascade",
    StopCause.EQUITY_MISMATCH: "critical_error",
    StopCause.UNKNOWN_ORDERS: "critical_error",
    StopCause.STREAM_KEY_IN_USE: "system_health",
    StopCause.REPEATED_REJECTS: "exchange_emergency",
}
"""What `kill_switch_events.trigger_source` says of each (L17)."""

AUTOMATIC_ACTOR = "engine"


@dataclass(frozen=True, slots=True, kw_only=True)
class AutomaticStop:
    """An activation by the daemon itself: it can stop entries and nothing more."""

    cause: StopCause
    reason: str

    def switch(self, at: datetime) -> KillSwitch:
        """Return the switch as this stop sets it."""
        return KillSwitch(
            status=KillSwitchStatus.ACTIVE,
            scope=KillSwitchScope.ENTRIES,
            reason=f"{self.cause}: {self.reason}",
            actor=AUTOMATIC_ACTOR,
            since=at,
        )


def widest(first: KillSwitch, *others: KillSwitch | None) -> KillSwitch:
    """Return the one that stops most; the first of equals."""
    return max((first, *(other for other in others if other is not None)), key=_width)


def _width(switch: KillSwitch) -> int:
    return 0 if not switch.is_active else 1 if switch.scope is KillSwitchScope.ENTRIES else 2


NEVER_RELEASED = KillSwitch(
    status=KillSwitchStatus.ACTIVE,
    scope=KillSwitchScope.ALL,
    reason="no record: active until an operator releases it",
    actor="engine",
    since=None,
)


class Gate(StrEnum):
    OPEN = "OPEN"
    EXIT_ONLY = "EXIT_ONLY"
    HALTED = "HALTED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """Everything the gate is derived from. Defaults are those of a healthy, reconciled daemon."""

    kill_switch: KillSwitch
    stopping: bool = False
    ever_reconciled: bool = True
    reconciliation_current: bool = True
    broker_reachable: bool = True
    paused: bool = False
    daily_loss_reached: bool = False
    losses_in_a_row_reached: bool = False
    loss_breaker_open: bool = False
    api_breaker_open: bool = False
    quotes_fresh: bool = True
    calendar_covers_today: bool = True
    calendar_agrees: bool = True
    universe_ready: bool = True
    store_writable: bool = True
    order_evidence_sound: bool = True
    ready: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class GateView:
    """The gate and every reason that keeps it from being more open."""

    gate: Gate
    reasons: tuple[str, ...] = ()

    def lets(self, side: Side) -> bool:
        """Whether an order of `side` may pass."""
        return self.gate is Gate.OPEN or (self.gate is Gate.EXIT_ONLY and side is Side.SELL)

    def lets_close_all(self) -> bool:
        """Whether an operator's confirmed close-all may sell: the kill switch alone does not stop it (C10)."""
        return self.gate is not Gate.HALTED or self.reasons == ("kill_switch",)


def gate(conditions: Conditions) -> GateView:
    """Return what may be sent under `conditions`."""
    switch = conditions.kill_switch
    halting = {
        "kill_switch": switch.is_active and switch.scope is KillSwitchScope.ALL,
        "stopping": conditions.stopping,
        "never_reconciled": not conditions.ever_reconciled,
    }
    if any(halting.values()):
        return GateView(gate=Gate.HALTED, reasons=tuple(name for name, holds in halting.items() if holds))
    closing = {
        "kill_switch_entries": switch.is_active,
        "reconciliation_old": not conditions.reconciliation_current,
        "broker_unreachable": not conditions.broker_reachable,
        "paused": conditions.paused,
        "daily_loss": conditions.daily_loss_reached,
        "consecutive_losses": conditions.losses_in_a_row_reached,
        "loss_breaker": conditions.loss_breaker_open,
        "api_breaker": conditions.api_breaker_open,
        "quotes_stale": not conditions.quotes_fresh,
        "calendar_not_covered": not conditions.calendar_covers_today,
        "calendar_disagrees": not conditions.calendar_agrees,
        "universe_not_ready": not conditions.universe_ready,
        "store_not_writable": not conditions.store_writable,
        "order_evidence_in_doubt": not conditions.order_evidence_sound,
        "not_ready": not conditions.ready,
    }
    if any(closing.values()):
        return GateView(gate=Gate.EXIT_ONLY, reasons=tuple(name for name, holds in closing.items() if holds))
    return GateView(gate=Gate.OPEN)
