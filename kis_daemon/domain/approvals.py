"""No order without approval: proposals, approvals and mandates as facts, and what a token is good for.

Rules of this room (S0-P02, C28)
    A token is bound to one exact order and used once; only its hash is ever kept.
    A mandate is a standing approval within bounds: symbols, side, largest quantity and notional a day, expiry.
    A position carries an exit mandate of its own: SELL, at most what is held, until flat. No stop waits for a person.
    What a person decides about is a stored proposal: an order of a signal, or positions to be bought (allocation.py).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any

from kis_daemon.domain.market import Market, Side, Symbol, Won
from kis_daemon.domain.orders import OrderIntent, OrderType


class ApprovalPolicy(StrEnum):
    """Who approves an entry: a standing mandate, or a person each time."""

    MANDATE = "mandate"
    MANUAL = "manual"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRules:
    """Who approves entries. A person has `wait_s` seconds, while the price falls no more than `band_pct` percent."""

    policy: ApprovalPolicy = ApprovalPolicy.MANDATE
    wait_s: float = 300.0
    band_pct: float = 1.0


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
class ProposalTerms:
    """Until when, and down to which price, a person may approve an order; its limit is the highest price."""

    expires_at: datetime
    lowest_price: Won


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """An order proposed from a signal, with what was in force when it was; `terms` where a person decides."""

    proposal_id: str
    created_at: datetime
    correlation_id: str
    config_hash: str
    git_commit_sha: str
    schema_version: str
    intent: OrderIntent
    status: ProposalStatus
    terms: ProposalTerms | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredProposal:
    """A proposal as the records hold it; `payload` is the JSON that its approval is bound to."""

    proposal_id: str
    created_at: datetime
    correlation_id: str
    config_hash: str
    git_commit_sha: str
    schema_version: str
    status: ProposalStatus
    payload: str
    snapshot_id: int | None = None

    @property
    def payload_hash(self) -> str:
        """Return the hex SHA-256 of the payload."""
        return hashlib.sha256(self.payload.encode()).hexdigest()

    @property
    def content(self) -> Mapping[str, Any]:
        """Return the payload as a mapping, empty where it is none."""
        try:
            content = json.loads(self.payload)
        except ValueError:
            return {}
        return content if isinstance(content, dict) else {}

    @property
    def is_of_a_signal(self) -> bool:
        """Whether it is one exact order, which is placed by the daemon at its approval."""
        return "signal_id" in self.content

    def intent(self) -> OrderIntent:
        """Return the order that a signal's proposal asks for; `ValueError` where the payload is not one."""
        try:
            told = {part.name: self.content[part.name] for part in fields(OrderIntent)}
            kinds = {"market": Market(told["market"]), "side": Side(told["side"])}
            return OrderIntent(**(told | kinds | {"order_type": OrderType(told["order_type"])}))
        except (KeyError, TypeError) as error:
            raise ValueError(f"proposal {self.proposal_id} holds no order: {error!r}") from None

    def terms(self) -> ProposalTerms | None:
        """Return until when and down to which price it may be approved, None where it says nothing of it."""
        content = self.content
        try:
            expires_at = datetime.fromisoformat(content["expires_at"])
            return ProposalTerms(expires_at=expires_at, lowest_price=int(content["lowest_price"]))
        except (KeyError, TypeError, ValueError):
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """An order that somebody asked for, before anything of it was believed."""

    symbol: str
    side: Side
    quantity: int
    price: Won | None
    correlation_id: str = ""


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
class StoredApproval:
    """What the records say of a token's approval."""

    approval_id: int
    proposal_id: str
    token_expires_at: datetime
    token_used_at: datetime | None


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


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMandate:
    """A mandate as the records hold it: signed over all of its bounds, for one mode, until revoked."""

    mandate: Mandate
    mode: str
    signature: str
    revoked_at: datetime | None = None
    revoked_by: str = ""
    revoked_reason: str = ""


def mandate_text(mandate: Mandate, mode: str) -> str:
    """Return what a mandate's signature is made over: every bound of it, and the mode."""
    return json.dumps(
        [
            mandate.mandate_id,
            mode,
            mandate.signed_by,
            int(mandate.signed_at.timestamp()),
            int(mandate.expires_at.timestamp()),
            mandate.side.value,
            list(mandate.symbols),
            mandate.max_quantity,
            mandate.max_notional_a_day,
        ],
        ensure_ascii=False,
    )


def positions_cover(proposal: StoredProposal, intent: OrderIntent) -> bool:
    """Whether `intent` buys one of the positions that `proposal` asks for."""
    positions = proposal.content.get("positions")
    if intent.side is not Side.BUY or not isinstance(positions, list):
        return False
    return any(isinstance(each, dict) and each.get("symbol") == intent.symbol for each in positions)


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
