"""The approval desk: mints the single-use token that every order needs, and checks it at the door.

Rules of this room (C28, S0-G, S0-X)
    A token is a JWT (HS256) bound to one exact order: signal, symbol, side, quantity, price. Only its hash is kept.
    One that a person approved positions with is bound to the proposal's payload, and good for one of its positions.
    Entries are covered by a standing mandate; exits by the position's own: SELL, at most what is held.
    The secret stands in the mint and nowhere else; who asks for tokens is given an issuer that does not show it.
    Using the token and claiming the order are one transaction, in the order synchronizer.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import jwt

from kis_daemon.domain.approvals import (
    Approval,
    Mandate,
    Proposal,
    ProposalStatus,
    StoredProposal,
    TokenRefusal,
    mandate_refuses,
    mandate_text,
    positions_cover,
)
from kis_daemon.domain.market import Side, Won
from kis_daemon.domain.orders import OrderIntent
from kis_daemon.domain.positions import Position
from kis_daemon.ports import Clock, Entropy, Records

_ALGORITHM = "HS256"
_TOKEN_LIFE = timedelta(minutes=10)  # an order waits for its turn for seconds; an hour-old signal is not this order
_LOOKS_LIKE_A_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,512}\.[A-Za-z0-9_-]{1,1024}\.[A-Za-z0-9_-]{1,128}", re.ASCII)
_CLAIMS: Mapping[str, type | tuple[type, ...]] = {"jti": str, "exp": (int, float), "sub": str, "bound": str}


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """What was in force when a proposal was made (S0-A07)."""

    config_hash: str
    git_commit_sha: str
    schema_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A minted token with the rows that make it good: they are written in the transaction that uses it.

    A stored proposal is one that a person approved: its rows stand there already. `mandate_id` is the standing mandate
    behind it, whose revocation counts up to that transaction.
    `passes_switch`: it is a sale of a close-all that an operator confirmed, which the kill switch does not stop (C10).
    """

    token: str
    proposal: Proposal | StoredProposal
    approval: Approval
    mandate_id: str = ""
    passes_switch: bool = False

    @property
    def stored(self) -> StoredProposal | None:
        """Return the proposal that a person approved, None where a mandate did."""
        return self.proposal if isinstance(self.proposal, StoredProposal) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotCovered:
    """No mandate covers the order, and why."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedToken:
    token: str
    jti: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a token that we signed says."""

    jti: str
    proposal_id: str
    bound: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueRequest:
    """What a token is asked for (L04)."""

    proposal_id: str
    correlation_id: str
    payload_hash: str
    life: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class NotIssued:
    """Why no token was issued: a constant code and the reason."""

    code: str
    reason: str


class TokenIssuer(Protocol):
    """Who issues tokens for the approval desk, which never sees the secret (C03, S0-G11)."""

    async def issue(self, request: IssueRequest) -> SignedToken | NotIssued:
        """Return a token for the proposal as it stands; `StoreError` where it cannot be looked up."""


def token_hash(token: str) -> str:
    """Return the hex SHA-256 that stands for a token in the records."""
    return hashlib.sha256(token.encode()).hexdigest()


class TokenMint:
    """Signs and reads tokens. Holds the secret; nobody else does."""

    def __init__(self, secret: bytes, entropy: Entropy, clock: Clock) -> None:
        self._secret = secret
        self._entropy = entropy
        self._clock = clock

    def new_id(self) -> str:
        """Return a random id (UUID 4)."""
        return str(uuid.UUID(bytes=self._entropy.token_bytes(16), version=4))

    def sign(self, jti: str, proposal_id: str, bound: str, life: timedelta) -> SignedToken:
        """Return a token that is good for `life` from now on."""
        expires_at = self._clock.now() + life
        claims = {"jti": jti, "exp": expires_at.timestamp(), "sub": proposal_id, "bound": bound}
        return SignedToken(token=jwt.encode(claims, self._secret, algorithm=_ALGORITHM), jti=jti, expires_at=expires_at)

    def read(self, token: str) -> Claims | TokenRefusal:
        """Return what `token` says, or why it says nothing: not signed by us, or expired by our clock."""
        if not _LOOKS_LIKE_A_TOKEN.fullmatch(token):
            return TokenRefusal.INVALID_SIGNATURE
        try:
            # Expiry is judged by our clock below: the library reads the wall's.
            claims = jwt.decode(
                token,
                self._secret,
                algorithms=[_ALGORITHM],
                options={"verify_exp": False, "verify_iat": False, "require": list(_CLAIMS)},
            )
        except (jwt.InvalidTokenError, ValueError, RecursionError):
            return TokenRefusal.INVALID_SIGNATURE
        if not all(isinstance(claims[name], kind) for name, kind in _CLAIMS.items()):
            return TokenRefusal.INVALID_SIGNATURE
        if not claims["exp"] > self._clock.now().timestamp():
            return TokenRefusal.EXPIRED
        return Claims(jti=claims["jti"], proposal_id=claims["sub"], bound=claims["bound"])

    def sign_mandate(self, mandate: Mandate, mode: str) -> str:
        """Return the signature over all bounds of a mandate (hex HMAC-SHA256)."""
        text = f"mandate|{mandate_text(mandate, mode)}"
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()

    def vouches_for(self, mandate: Mandate, mode: str, signature: str) -> bool:
        """Whether that signature is ours and the mandate is as it was signed."""
        return hmac.compare_digest(self.sign_mandate(mandate, mode).encode(), signature.encode())


class RecordsIssuer:
    """`TokenIssuer` over the records: a token only for a proposal that stands there as the asker says."""

    def __init__(self, mint: TokenMint, records: Records) -> None:
        self._mint = mint
        self._records = records

    async def issue(self, request: IssueRequest) -> SignedToken | NotIssued:
        proposal = await self._records.transact(lambda rows: rows.proposal(request.proposal_id))
        if proposal is None:
            return NotIssued(code="PROPOSAL_NOT_FOUND", reason=f"there is no proposal {request.proposal_id}")
        if proposal.status is not ProposalStatus.PENDING:
            return NotIssued(code="PROPOSAL_NOT_PENDING", reason=f"the proposal is {proposal.status}")
        if proposal.correlation_id != request.correlation_id:
            return NotIssued(code="CORRELATION_MISMATCH", reason="the proposal has another correlation_id")
        if not hmac.compare_digest(proposal.payload_hash, request.payload_hash):
            return NotIssued(code="PAYLOAD_MISMATCH", reason="the proposal has another payload")
        return self._mint.sign(self._mint.new_id(), proposal.proposal_id, bound_of(proposal), request.life)


class ApprovalDesk:
    """Mints from mandates and verifies."""

    def __init__(
        self, secret: bytes, entropy: Entropy, clock: Clock, mandate: Mandate | None, provenance: Provenance
    ) -> None:
        self.mint = TokenMint(secret, entropy, clock)
        self._clock = clock
        self._mandates: tuple[Mandate, ...] = () if mandate is None else (mandate,)
        self._provenance = provenance

    @property
    def mandates(self) -> tuple[Mandate, ...]:
        """Return the standing mandates that are asked, in their order."""
        return self._mandates

    @property
    def provenance(self) -> Provenance:
        return self._provenance

    def stand_by(self, mandates: tuple[Mandate, ...]) -> None:
        """Mint from these mandates from now on."""
        self._mandates = mandates

    def for_entry(self, intent: OrderIntent, reference_price: Won, notional_today: Won) -> Grant | NotCovered:
        """Mint a token for `intent` from the first mandate that covers it; `reference_price` values it."""
        reason = "no mandate was signed"
        for mandate in self._mandates:
            refused = mandate_refuses(mandate, intent, reference_price, notional_today, self._clock.now())
            if refused is None:
                return self._grant(intent, f"mandate {mandate.mandate_id} of {mandate.signed_by}", mandate.mandate_id)
            reason = refused
        return NotCovered(reason=reason)

    def for_exit(self, intent: OrderIntent, position: Position) -> Grant | NotCovered:
        """Mint a token for `intent` from the position's exit mandate; no clock and no person can withhold it."""
        if intent.side is not Side.SELL or intent.symbol != position.symbol:
            return NotCovered(reason=f"the exit mandate of {position.symbol} covers only its sale")
        if intent.quantity > position.quantity:
            return NotCovered(reason=f"{intent.quantity} shares asked of {position.quantity} held")
        return self._grant(intent, f"exit mandate of {position.symbol} {position.entry_day} {position.entry_seq}")

    def verify(self, token: str, intent: OrderIntent, stored: StoredProposal | None = None) -> TokenRefusal | None:
        """Return why `token` does not let `intent` pass, or None. Use and record are checked with the claim.

        `stored` is the proposal of positions that the token may be bound to.
        """
        claims = self.mint.read(token)
        if isinstance(claims, TokenRefusal):
            return claims
        if claims.bound == _bound(intent):
            return None
        is_its = stored is not None and (claims.proposal_id, claims.bound) == (stored.proposal_id, bound_of(stored))
        return None if stored is not None and is_its and positions_cover(stored, intent) else TokenRefusal.OTHER_ORDER

    def _grant(self, intent: OrderIntent, approved_by: str, mandate_id: str = "") -> Grant:
        now = self._clock.now()
        jti = self.mint.new_id()
        bound = _bound(intent)
        proposal_id = hashlib.sha256(f"{jti}|{bound}".encode()).hexdigest()[:32]
        signed = self.mint.sign(jti, proposal_id, bound, _TOKEN_LIFE)
        return Grant(
            token=signed.token,
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
                token_hash=token_hash(signed.token),
                token_jti=jti,
                token_expires_at=signed.expires_at,
                approved_by=approved_by,
                approved_at=now,
            ),
            mandate_id=mandate_id,
        )


def bound_of(proposal: StoredProposal) -> str:
    """Return the text that ties a token to what a person approves: one exact order, or positions."""
    if proposal.is_of_a_signal:
        return _bound(proposal.intent())
    return f"proposal|{proposal.payload_hash}"


def _bound(intent: OrderIntent) -> str:
    """Return the text that ties a token to one exact order."""
    price = "market" if intent.price is None else str(intent.price)
    return f"{intent.signal_id}|{intent.side}|{intent.symbol}|{intent.quantity}|{intent.order_type}|{price}"
