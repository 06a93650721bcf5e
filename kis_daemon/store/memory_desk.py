"""A person's decisions without a database: there are none. They wait for it, and each question says so."""

from __future__ import annotations

from datetime import datetime

from kis_daemon.domain.approvals import ProposalStatus, StoredApproval, StoredMandate, StoredProposal
from kis_daemon.domain.orders import OrderKey
from kis_daemon.ports import StoreError

_AWAY = "the database is away: proposals, approvals and mandates wait for it"


class DeskInMemory:
    """The part of `ports.Rows` that memory does not keep; only that nobody revoked anything is known."""

    def add_snapshot(self, asof: datetime, source: str, payload: str) -> int:  # noqa: ARG002
        raise StoreError(_AWAY)

    def add_stored_proposal(self, proposal: StoredProposal) -> None:  # noqa: ARG002
        raise StoreError(_AWAY)

    def proposals(self, status: ProposalStatus | None, limit: int) -> tuple[StoredProposal, ...]:  # noqa: ARG002
        raise StoreError(_AWAY)

    def proposal(self, proposal_id: str) -> StoredProposal | None:  # noqa: ARG002
        raise StoreError(_AWAY)

    def decide_proposal(self, proposal_id: str, status: ProposalStatus) -> bool:  # noqa: ARG002
        raise StoreError(_AWAY)

    def add_rejection(self, proposal_id: str, rejected_by: str, at: datetime, reason: str) -> int:  # noqa: ARG002
        raise StoreError(_AWAY)

    def approval(self, token_hash: str) -> StoredApproval | None:  # noqa: ARG002
        raise StoreError(_AWAY)

    def order_number(self, key: OrderKey) -> int | None:  # noqa: ARG002
        raise StoreError(_AWAY)

    def revoke_mandate(self, mandate_id: str, at: datetime, by: str, reason: str) -> bool:  # noqa: ARG002
        raise StoreError(_AWAY)

    def is_revoked(self, mandate_id: str) -> bool:  # noqa: ARG002  # no entry is claimed on the word of what stands in
        return False


class NoMandates:
    """What stands in for a database keeps no mandates."""

    def add_mandate(self, stored: StoredMandate) -> None:  # noqa: ARG002
        raise StoreError(_AWAY)

    def mandates(self) -> tuple[StoredMandate, ...]:
        raise StoreError(_AWAY)
