"""The kill switch and the gate: what may be sent at this moment.

Rules of this room
    The gate is derived at every question and never stored, so nothing automatic can disarm a stop.
    HALTED: nothing but cancels. EXIT_ONLY: what is held may be sold. OPEN: everything.
    No kill switch record means ACTIVE with scope ALL (C01). Only a person activates ALL; what activates
    by itself is ENTRIES.
"""

from __future__ import annotations

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
    quotes_fresh: bool = True
    calendar_covers_today: bool = True
    calendar_agrees: bool = True
    universe_ready: bool = True
    store_writable: bool = True
    order_evidence_sound: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class GateView:
    """The gate and every reason that keeps it from being more open."""

    gate: Gate
    reasons: tuple[str, ...] = ()

    def lets(self, side: Side) -> bool:
        """Whether an order of `side` may pass."""
        return self.gate is Gate.OPEN or (self.gate is Gate.EXIT_ONLY and side is Side.SELL)


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
        "quotes_stale": not conditions.quotes_fresh,
        "calendar_not_covered": not conditions.calendar_covers_today,
        "calendar_disagrees": not conditions.calendar_agrees,
        "universe_not_ready": not conditions.universe_ready,
        "store_not_writable": not conditions.store_writable,
        "order_evidence_in_doubt": not conditions.order_evidence_sound,
    }
    if any(closing.values()):
        return GateView(gate=Gate.EXIT_ONLY, reasons=tuple(name for name, holds in closing.items() if holds))
    return GateView(gate=Gate.OPEN)
