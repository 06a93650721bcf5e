"""No order without approval: proposals, approvals and mandates as facts, and what a token is good for.

Rules of this room (S0-P02, C28)
    A token is bound to one exact order and used once; only its hash is ever kept.
    A mandate is a standing approval within bounds: symbols, side, largest quantity and notional a day, expiry.
    A position carries an exit mandate of its own: SELL, at most what is held, until flat. No stop waits for a person.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from kis_daemon.domain.market import Side, Symbol, Won
from kis_daemon.domain.orders import OrderIntent


class ProposalStatus(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXECUTED = "executed"


class TokenRefusal(StrEnum):
    """Why a token does not let an order pass; the first four are the documents' own words (S1-T04)."""

    INVALID_SIGNATURE = "invalid_signature"
    EXPIRED = "expired"
    ALREADY_USED = "already used"
    NOT_FOUND = "Approval record not found"
    OTHER_ORDER = "token is bound to another order"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """An order proposed from a signal, with what was in force when it was."""

    proposal_id: str
    created_at: datetime
    correlation_id: str
    config_hash: str
    git_commit_sha: str
    schema_version: str
    intent: OrderIntent
    status: ProposalStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """The permission for one order. `token_hash` is the SHA-256 of the token, which itself is not kept."""

    proposal_id: str
    token_hash: str
    token_jti: str
    token_expires_at: datetime
    approved_by: str
    approved_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Mandate:
    """A standing approval. `symbols` empty means every symbol of the venue."""

    mandate_id: str
    signed_by: str
    signed_at: datetime
    expires_at: datetime
    side: Side
    symbols: tuple[Symbol, ...]
    max_quantity: int
    max_notional_a_day: Won


def mandate_refuses(
    mandate: Mandate, intent: OrderIntent, reference_price: Won, notional_today: Won, at: datetime
) -> str | None:
    """Return why `mandate` does not cover `intent` (`notional_today` won already used), or None where it does."""
    if at >= mandate.expires_at:
        return f"mandate {mandate.mandate_id} expired at {mandate.expires_at:%Y-%m-%d %H:%M}"
    if intent.side is not mandate.side:
        return f"mandate {mandate.mandate_id} is for {mandate.side}"
    if mandate.symbols and intent.symbol not in mandate.symbols:
        return f"mandate {mandate.mandate_id} does not name {intent.symbol}"
    if intent.quantity > mandate.max_quantity:
        return f"quantity {intent.quantity} > {mandate.max_quantity} of mandate {mandate.mandate_id}"
    notional = intent.quantity * reference_price
    if notional_today + notional > mandate.max_notional_a_day:
        return f"notional {notional_today + notional} > {mandate.max_notional_a_day} a day of {mandate.mandate_id}"
    return None
