"""What the HTTP desk may ask of the house, and nothing more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kis_daemon.services.approvals import TokenIssuer
from kis_daemon.services.circuit_breakers import CircuitBreakers
from kis_daemon.services.operations import OperatorServices
from kis_daemon.services.order_desk import OrderDesk
from kis_daemon.services.proposal_desk import ProposalDesk


@dataclass(frozen=True, slots=True, kw_only=True)
class Desks:
    """The services behind the pages; the callables answer at once."""

    proposals: ProposalDesk
    issuer: TokenIssuer
    orders: OrderDesk
    operations: OperatorServices
    breakers: CircuitBreakers
    health: Callable[[], Mapping[str, Any]]
    readiness: Callable[[], Mapping[str, Any]]
    reconnect: Callable[[], None]
