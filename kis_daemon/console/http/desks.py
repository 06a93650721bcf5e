"""What the HTTP desk may ask of the house, and nothing more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from kis_daemon.domain.breakers import Breaker
from kis_daemon.services.approvals import TokenIssuer
from kis_daemon.services.circuit_breakers import BreakerStatus
from kis_daemon.services.operations import OperatorServices
from kis_daemon.services.order_desk import OrderDesk
from kis_daemon.services.proposal_desk import ProposalDesk


class Breakers(Protocol):
    """The circuit breakers as an operator meets them."""

    def status(self) -> tuple[BreakerStatus, ...]:
        """Return each as it stands."""

    async def reset(self, by: str, reason: str) -> tuple[Breaker, ...]:
        """Close what is open and return it; `StoreError` where that cannot be written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desks:
    """The services behind the pages; the callables answer at once."""

    proposals: ProposalDesk
    issuer: TokenIssuer
    orders: OrderDesk
    operations: OperatorServices
    breakers: Breakers
    health: Callable[[], Mapping[str, Any]]
    readiness: Callable[[], Mapping[str, Any]]
    reconnect: Callable[[], None]
