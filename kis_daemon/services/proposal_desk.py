"""The proposal desk: what waits for a person, and what the person decided.

Rules of this room (S0-G, C03, C28)
    It never sees the secret: tokens come from an issuer. Only a token's hash is kept.
    A decision counts once: of two at the same time one finds the proposal pending.
    A signal's proposal is placed by the daemon at its approval, within its time and price band, and its token is told
    to nobody. One that nobody answers in time is rejected; so is what an earlier run left.
    A proposal of positions returns its token, once, and is placed by whoever shows it (order_desk.py).
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from kis_daemon.domain.approvals import (
    Approval,
    ApprovalRules,
    Proposal,
    ProposalStatus,
    ProposalTerms,
    StoredProposal,
)
from kis_daemon.domain.market import Symbol, Won
from kis_daemon.domain.orders import Order, OrderIntent
from kis_daemon.ports import BrokerError, Clock, Rows, Severity, StoreError
from kis_daemon.services.approvals import (
    Grant,
    IssueRequest,
    NotIssued,
    Provenance,
    SignedToken,
    TokenIssuer,
    token_hash,
)
from kis_daemon.services.door import Refused
from kis_daemon.services.journal import Fact, Journal

log = structlog.get_logger("proposals")

ROOM = "gui"
LISTED = 100
_TIMEOUT_REASON = "nobody answered in time"
_LEFT_REASON = "left by an earlier run"
_STORE_PAUSE_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    """`token` is told here and nowhere else, and only for positions; `outcome` is what became of a signal's order."""

    approval_id: int
    proposal: StoredProposal
    approval: Approval
    token: str | None
    outcome: Order | Refused | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    approval_id: int
    proposal_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotDecided:
    """Why a decision was not taken: a constant code and the reason."""

    code: str
    reason: str


class ProposalDesk:
    """See the rules above."""

    def __init__(
        self,
        *,
        journal: Journal,
        issuer: TokenIssuer,
        clock: Clock,
        provenance: Provenance,
        terms: ApprovalRules,
        look: Callable[[Symbol], Awaitable[object]],
        last_price: Callable[[Symbol], Won | None],
        forbids: Callable[[OrderIntent], str | None],
        place: Callable[[OrderIntent, Grant], Awaitable[Order | Refused]] | None,
    ) -> None:
        self._journal = journal
        self._issuer = issuer
        self._clock = clock
        self._provenance = provenance
        self._terms = terms
        self._look = look
        self._last_price = last_price
        self._forbids = forbids
        self._place = place
        self._open: dict[str, datetime] = {}
        self._changed = asyncio.Event()

    # proposals of signals

    def propose(self, intent: OrderIntent) -> None:
        """Have a person asked whether `intent` may be ordered; returns at once."""
        now = self._clock.now()
        terms = ProposalTerms(
            expires_at=now + timedelta(seconds=self._terms.wait_s),
            lowest_price=int((intent.price or 0) * (100 - self._terms.band_pct) / 100),
        )
        proposal = Proposal(
            proposal_id=hashlib.sha256(f"{now.isoformat()}|{intent.signal_id}".encode()).hexdigest()[:32],
            created_at=now,
            correlation_id=intent.correlation_id,
            config_hash=self._provenance.config_hash,
            git_commit_sha=self._provenance.git_commit_sha,
            schema_version=self._provenance.schema_version,
            intent=intent,
            status=ProposalStatus.PENDING,
            terms=terms,
        )
        self._journal.note(
            self._journal.fact(
                "proposal_created",
                severity=Severity.WARNING,
                alerts=True,
                correlation_id=intent.correlation_id,
                proposal_id=proposal.proposal_id,
                symbol=intent.symbol,
                side=intent.side.value,
                quantity=intent.quantity,
                price=intent.price,
                lowest_price=terms.lowest_price,
                until=f"{terms.expires_at:%H:%M:%S}",
                reason=intent.reason,
            ),
            also=lambda rows: rows.add_proposal(proposal),
        )
        self._open[proposal.proposal_id] = terms.expires_at
        self._changed.set()

    async def begin(self) -> None:
        """Reject what an earlier run proposed and nobody answered: its prices are gone."""
        try:
            pending = await self._journal.transact(lambda rows: rows.proposals(ProposalStatus.PENDING, LISTED))
            for proposal in pending:
                if proposal.is_of_a_signal:
                    await self._expire(proposal.proposal_id, _LEFT_REASON)
        except StoreError as error:
            log.warning("proposals_not_read", reason=str(error))

    async def run(self) -> None:
        """Reject what nobody answers in time, until cancelled."""
        while True:
            due = min(self._open.items(), key=lambda item: item[1], default=None)
            wait_s = None if due is None else (due[1] - self._clock.now()).total_seconds()
            if due is not None and wait_s is not None and wait_s <= 0:
                await self._give_up(due[0])
                continue
            self._changed.clear()
            try:
                async with asyncio.timeout(wait_s):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def _give_up(self, proposal_id: str) -> None:
        try:
            await self._expire(proposal_id, _TIMEOUT_REASON)
        except StoreError as error:
            log.warning("proposal_not_expired", proposal_id=proposal_id, reason=str(error))
            await asyncio.sleep(_STORE_PAUSE_S)
            return
        self._open.pop(proposal_id, None)

    async def _expire(self, proposal_id: str, reason: str) -> None:
        decided = await self._reject(proposal_id, "engine", reason, "proposal_expired")
        if isinstance(decided, Rejected):
            self._open.pop(proposal_id, None)

    # what a person asks

    async def listed(self, status: ProposalStatus | None) -> tuple[StoredProposal, ...]:
        """Return the newest proposals of that status; `StoreError` where they cannot be read."""
        return await self._journal.transact(lambda rows: rows.proposals(status, LISTED))

    async def shown(self, proposal_id: str) -> StoredProposal | None:
        return await self._journal.transact(lambda rows: rows.proposal(proposal_id))

    async def approve(self, proposal_id: str, approved_by: str, life: timedelta) -> Approved | NotDecided:
        """Approve a pending proposal; `StoreError` where that cannot be written, and then nothing is."""
        proposal = await self.shown(proposal_id)
        if proposal is None:
            return _unknown(proposal_id)
        if proposal.status is not ProposalStatus.PENDING:
            return _decided(proposal)
        intent: OrderIntent | None = None
        if proposal.is_of_a_signal:
            intent = proposal.intent()
            try:
                await self._look(intent.symbol)  # what was seen last may be old: nobody buys on that
            except BrokerError as error:
                return NotDecided(code="BROKER_UNREACHABLE", reason=str(error))
            refused = self._why_not(proposal, intent)
            if refused is not None:
                return refused
        signed = await self._issued(proposal, life)
        if isinstance(signed, NotDecided):
            return signed
        approval = Approval(
            proposal_id=proposal_id,
            token_hash=token_hash(signed.token),
            token_jti=signed.jti,
            token_expires_at=signed.expires_at,
            approved_by=approved_by,
            approved_at=self._clock.now(),
        )
        granted = self._decision(proposal, "approval_granted", approved_by, f"token {signed.jti}")
        approval_id = await self._decide(
            proposal_id, ProposalStatus.APPROVED, granted, lambda rows: _keep(rows, approval)
        )
        if approval_id is None:
            return _decided(await self.shown(proposal_id) or proposal)
        approved = Approved(approval_id=approval_id, proposal=proposal, approval=approval, token=signed.token)
        if intent is None or self._place is None:
            return approved
        grant = Grant(token=signed.token, proposal=proposal, approval=approval)
        return replace(approved, token=None, outcome=await self._place(intent, grant))

    async def reject(self, proposal_id: str, rejected_by: str, reason: str) -> Rejected | NotDecided:
        """Reject a pending proposal; `StoreError` where that cannot be written."""
        return await self._reject(proposal_id, rejected_by, reason, "approval_rejected")

    # inside

    async def _reject(self, proposal_id: str, by: str, reason: str, event: str) -> Rejected | NotDecided:
        proposal = await self.shown(proposal_id)
        if proposal is None:
            return _unknown(proposal_id)
        now = self._clock.now()
        fact = self._decision(proposal, event, by, reason)
        number = await self._decide(
            proposal_id,
            ProposalStatus.REJECTED,
            fact,
            lambda rows: rows.add_rejection(proposal_id, by, now, reason),
        )
        if number is None:
            return _decided(await self.shown(proposal_id) or proposal)
        return Rejected(approval_id=number, proposal_id=proposal_id)

    async def _decide(
        self, proposal_id: str, status: ProposalStatus, fact: Fact, keep: Callable[[Rows], int]
    ) -> int | None:
        """Write a decision with its fact; None, and nothing written, where another was taken before."""

        def work(rows: Rows) -> int | None:
            if not rows.decide_proposal(proposal_id, status):
                return None
            number = keep(rows)
            rows.append(fact.event)
            return number

        number = await self._journal.transact(work)
        if number is not None:
            self._journal.tell(fact)
            self._open.pop(proposal_id, None)
        return number

    async def _issued(self, proposal: StoredProposal, life: timedelta) -> SignedToken | NotDecided:
        """Ask the issuer; a failure is told to a person (S1-T09)."""
        terms = proposal.terms()
        if terms is not None:
            life = min(life, terms.expires_at - self._clock.now())
        request = IssueRequest(
            proposal_id=proposal.proposal_id,
            correlation_id=proposal.correlation_id,
            payload_hash=proposal.payload_hash,
            life=life,
        )
        try:
            signed = await self._issuer.issue(request)
        except StoreError as error:
            self._tell_failure(proposal, "503 Service Unavailable", str(error))
            return NotDecided(code="ISSUER_UNAVAILABLE", reason=str(error))
        if isinstance(signed, NotIssued):
            self._tell_failure(proposal, "502 Bad Gateway", signed.reason)
            return NotDecided(code="ISSUER_REFUSED", reason=signed.reason)
        return signed

    def _tell_failure(self, proposal: StoredProposal, status: str, reason: str) -> None:
        self._journal.note(
            self._journal.fact(
                "token_issuance_failed",
                severity=Severity.ERROR,
                alerts=True,
                correlation_id=proposal.correlation_id,
                proposal_id=proposal.proposal_id,
                status=status,
                reason=reason,
            )
        )

    def _why_not(self, proposal: StoredProposal, intent: OrderIntent) -> NotDecided | None:
        """Return why a signal's order must not be approved now: its time, its price, the account's limits."""
        terms = proposal.terms()
        if terms is None or self._clock.now() >= terms.expires_at:
            return NotDecided(code="PROPOSAL_EXPIRED", reason="its time is over")
        price = self._last_price(intent.symbol)
        if price is None or not terms.lowest_price <= price <= (intent.price or 0):
            reason = f"the price is {price}, expected {terms.lowest_price} to {intent.price}"
            return NotDecided(code="PRICE_LEFT_THE_BAND", reason=reason)
        forbidden = self._forbids(intent)
        return None if forbidden is None else NotDecided(code="RISK_DENIED", reason=forbidden)

    def _decision(self, proposal: StoredProposal, event: str, by: str, reason: str) -> Fact:
        fact = self._journal.fact(
            event, correlation_id=proposal.correlation_id, proposal_id=proposal.proposal_id, by=by, reason=reason
        )
        return fact.said_by(ROOM)


def _keep(rows: Rows, approval: Approval) -> int:
    rows.add_approval(approval)
    kept = rows.approval(approval.token_hash)
    if kept is None:
        raise StoreError("an approval was written and is not there")
    return kept.approval_id


def _unknown(proposal_id: str) -> NotDecided:
    return NotDecided(code="PROPOSAL_NOT_FOUND", reason=f"there is no proposal {proposal_id}")


def _decided(proposal: StoredProposal) -> NotDecided:
    return NotDecided(code="PROPOSAL_NOT_PENDING", reason=f"the proposal is {proposal.status}")
