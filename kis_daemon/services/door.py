"""The door: what buyer and seller need of the order synchronizer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from kis_daemon.domain.orders import Order, OrderIntent
from kis_daemon.services.approvals import Grant


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    order: Order


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Why the door stayed shut: a constant code and the reason."""

    code: str
    reason: str


class Door(Protocol):
    """Whoever wants an order passes it."""

    def place(self, intent: OrderIntent, grant: Grant, seen_at: float | None = None) -> Queued | Refused:
        """Let `intent` in, or say why not."""
