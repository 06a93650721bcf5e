"""The door: what buyer and seller need of the order synchronizer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Protocol

from kis_daemon.domain.orders import Order, OrderIntent, OrderKey
from kis_daemon.services.approvals import Grant


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    order: Order


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Why the door stayed shut: a constant code and the reason."""

    code: str
    reason: str


class Outcomes:
    """Who waits for what becomes of an order; the first answer counts."""

    def __init__(self) -> None:
        self._waiting: dict[OrderKey, asyncio.Future[Order | Refused]] = {}

    async def of(self, key: OrderKey) -> Order | Refused:
        """Return what is told of the order; whoever is cancelled leaves the order as it is."""
        waiting = self._waiting[key] = asyncio.get_running_loop().create_future()
        return await asyncio.shield(waiting)

    def tell(self, key: OrderKey, outcome: Order | Refused) -> None:
        """Tell who waits for it, if anybody does."""
        waiting = self._waiting.pop(key, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(outcome)


class Door(Protocol):
    """Whoever wants an order passes it."""

    def place(self, intent: OrderIntent, grant: Grant, seen_at: float | None = None) -> Queued | Refused:
        """Let `intent` in, or say why not."""
