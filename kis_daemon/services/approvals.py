"""The approval desk: mints the single-use token that every order needs, and checks it at the door.

Rules of this room (C28, S0-G, S0-X)
    A token is a JWT (HS256) bound to one exact order: signal, symbol, side, quantity, price. Only its hash is kept.
    Entries are covered by the operator's standing mandate; exits by the position's own: SELL, at most what is held.
    Using the token and claiming the order are one transaction, in the order synchronizer.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta

import jwt

from kis_daemon.domain.approvals import (
    Approval,
    Mandate,
    Proposal,
    ProposalStatus,
    TokenRefusal,
    mandate_refuses,
)
from kis_daemon.domain.market import Side, Won
from kis_daemon.domain.orders import OrderIntent
from kis_daemon.domain.positions import Position
from kis_daemon.ports import Clock, Entropy

_ALGORITHM = "HS256"
_TOKEN_LIFE = timedelta(minutes=10)  # an order waits for its turn for seconds; an hour-old signal is not this order


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """What was in force when a proposal was made (S0-A07)."""

    config_hash: str
    git_commit_sha: str
    schema_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A minted token with the rows that make it good: they are written in the transaction that uses it.

    `passes_switch`: it is a sale of a close-all that an operator confirmed, which the kill switch does not stop (C10).
    """

    token: str
    proposal: Proposal
    approval: Approval
    passes_switch: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NotCovered:
    """No mandate covers the order, and why."""

    reason: str


def token_hash(token: str) -> str:
    """Return the hex SHA-256 that stands for a token in the records."""
    return hashlib.sha256(token.encode()).hexdigest()


class ApprovalDesk:
    """Mints from mandates and verifies. Holds the secret; nobody else does."""

    def __init__(
        self, secret: bytes, entropy: Entropy, clock: Clock, mandate: Mandate | None, provenance: Provenance
    ) -> None:
        self._secret = secret
        self._entropy = entropy
        self._clock = clock
        self._mandate = mandate
        self._provenance = provenance

    def for_entry(self, intent: OrderIntent, reference_price: Won, notional_today: Won) -> Grant | NotCovered:
        """Mint a token for `intent` from the standing mandate; `reference_price` values it."""
        if self._mandate is None:
            return NotCovered(reason="no mandate was signed")
        refused = mandate_refuses(self._mandate, intent, reference_price, notional_today, self._clock.now())
        if refused is not None:
            return NotCovered(reason=refused)
        return self._mint(intent, f"mandate {self._mandate.mandate_id} of {self._mandate.signed_by}")

    def for_exit(self, intent: OrderIntent, position: Position) -> Grant | NotCovered:
        """Mint a token for `intent` from the position's exit mandate; no clock and no person can withhold it."""
        if intent.side is not Side.SELL or intent.symbol != position.symbol:
            return NotCovered(reason=f"the exit mandate of {position.symbol} covers only its sale")
        if intent.quantity > position.quantity:
            return NotCovered(reason=f"{intent.quantity} shares asked of {position.quantity} held")
        return self._mint(intent, f"exit mandate of {position.symbol} {position.entry_day} {position.entry_seq}")

    def verify(self, token: str, intent: OrderIntent) -> TokenRefusal | None:
        """Return why `token` does not let `intent` pass, or None. Use and record are checked with the claim."""
        try:
            # Expiry is judged by our clock below: the library reads the wall's.
            claims = jwt.decode(
                token,
                self._secret,
                algorithms=[_ALGORITHM],
                options={"verify_exp": False, "verify_iat": False, "require": ["jti", "exp", "bound"]},
            )
        except jwt.InvalidTokenError:
            return TokenRefusal.INVALID_SIGNATURE
        if claims["exp"] <= self._clock.now().timestamp():
            return TokenRefusal.EXPIRED
        if claims["bound"] != _bound(intent):
            return TokenRefusal.OTHER_ORDER
        return None

    def _mint(self, intent: OrderIntent, approved_by: str) -> Grant:
        now = self._clock.now()
        expires_at = now + _TOKEN_LIFE
        jti = self._entropy.token_bytes(16).hex()
        bound = _bound(intent)
        proposal_id = hashlib.sha256(f"{jti}|{bound}".encode()).hexdigest()[:32]
        token = jwt.encode(
            {"jti": jti, "exp": expires_at.timestamp(), "sub": proposal_id, "bound": bound},
            self._secret,
            algorithm=_ALGORITHM,
        )
        return Grant(
            token=token,
            proposal=Proposal(
                proposal_id=proposal_id,
                created_at=now,
                correlation_id=intent.correlation_id,
                config_hash=self._provenance.config_hash,
                git_commit_sha=self._provenance.git_commit_sha,
                schema_version=self._provenance.schema_version,
                intent=intent,
                status=ProposalStatus.APPROVED,
            ),
            approval=Approval(
                proposal_id=proposal_id,
                token_hash=token_hash(token),
                token_jti=jti,
                token_expires_at=expires_at,
                approved_by=approved_by,
                approved_at=now,
            ),
        )


def _bound(intent: OrderIntent) -> str:
    """Return the text that ties a token to one exact order."""
    price = "market" if intent.price is None else str(intent.price)
    return f"{intent.signal_id}|{intent.side}|{intent.symbol}|{intent.quantity}|{intent.order_type}|{price}"
