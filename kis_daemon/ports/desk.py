"""What a person decides about, as one transaction sees it: proposals, approvals, mandates."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from kis_daemon.domain.approvals import ProposalStatus, StoredApproval, StoredMandate, StoredProposal
    from kis_daemon.domain.orders import OrderKey


class DeskRows(Protocol):
    """The part of `Rows` that the approval desk needs. All of it waits for the database: nothing stands in here."""

    def add_snapshot(self, asof: datetime, source: str, payload: str) -> int:
        """Keep a market snapshot and return its number."""

    def add_stored_proposal(self, proposal: StoredProposal) -> None:
        """Keep a proposal with the payload it has."""

    def proposals(self, status: ProposalStatus | None, limit: int) -> tuple[StoredProposal, ...]:
        """Return the newest proposals (of that status), newest first."""

    def proposal(self, proposal_id: str) -> StoredProposal | None: ...

    def decide_proposal(self, proposal_id: str, status: ProposalStatus) -> bool:
        """Give a pending proposal its status; False, and nothing written, where it is not pending any more."""

    def add_rejection(self, proposal_id: str, rejected_by: str, at: datetime, reason: str) -> int:
        """Keep who rejected a proposal and why; return the number of the decision."""

    def approval(self, token_hash: str) -> StoredApproval | None:
        """Return the approval whose token has that hash."""

    def order_number(self, key: OrderKey) -> int | None:
        """Return the number that an order's request has in `orders`."""

    def add_mandate(self, stored: StoredMandate) -> None: ...

    def mandates(self) -> tuple[StoredMandate, ...]:
        """Return every mandate, in the order in which they were signed."""

    def revoke_mandate(self, mandate_id: str, at: datetime, by: str, reason: str) -> bool:
        """Revoke a mandate; False where it is unknown or revoked already."""

    def is_revoked(self, mandate_id: str) -> bool:
        """Whether somebody revoked that mandate."""
