"""Proposals, decisions and mandates: what a person approves, and what the records say of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, func, select, update

from kis_daemon.domain.approvals import (
    Mandate,
    ProposalStatus,
    StoredApproval,
    StoredMandate,
    StoredProposal,
)
from kis_daemon.domain.calendar import KST
from kis_daemon.domain.market import Side, Symbol
from kis_daemon.domain.orders import OrderKey
from kis_daemon.store import schema
from kis_daemon.store.rows_base import BaseRows, same

_PROPOSALS, _APPROVALS, _MANDATES = schema.proposals, schema.approvals, schema.mandates
_DECIDE = update(_PROPOSALS).where(
    and_(same(_PROPOSALS, ("proposal_id",)), _PROPOSALS.c.status == ProposalStatus.PENDING.value)
)
_REVOKE = update(_MANDATES).where(and_(same(_MANDATES, ("mandate_id",)), _MANDATES.c.revoked_at.is_(None)))
_REVOKED = select(_MANDATES.c.mandate_id).where(
    and_(same(_MANDATES, ("mandate_id",)), _MANDATES.c.revoked_at.is_not(None))
)


class DeskRows(BaseRows):
    """The part of `ports.Rows` that a person's decisions need."""

    def add_snapshot(self, asof: datetime, source: str, payload: str) -> int:
        kept = self._insert(schema.snapshots, {"asof": asof, "source": source, "payload_json": payload})
        assert kept.inserted_primary_key is not None
        return int(kept.inserted_primary_key[0])

    def add_stored_proposal(self, proposal: StoredProposal) -> None:
        self._insert(
            _PROPOSALS,
            {
                "proposal_id": proposal.proposal_id,
                "created_at": proposal.created_at,
                "universe_snapshot_id": proposal.snapshot_id,
                "correlation_id": proposal.correlation_id,
                "config_hash": proposal.config_hash,
                "git_commit_sha": proposal.git_commit_sha,
                "schema_version": proposal.schema_version,
                "payload_json": proposal.payload,
                "status": proposal.status.value,
            },
        )

    def proposals(self, status: ProposalStatus | None, limit: int) -> tuple[StoredProposal, ...]:
        query = select(_PROPOSALS).order_by(_PROPOSALS.c.created_at.desc(), _PROPOSALS.c.proposal_id).limit(limit)
        if status is not None:
            query = query.where(_PROPOSALS.c.status == status.value)
        return tuple(_proposal(row) for row in self._read(query))

    def proposal(self, proposal_id: str) -> StoredProposal | None:
        row = self._read(select(_PROPOSALS).where(_PROPOSALS.c.proposal_id == proposal_id)).one_or_none()
        return None if row is None else _proposal(row)

    def decide_proposal(self, proposal_id: str, status: ProposalStatus) -> bool:
        return self._write(_DECIDE, {"its_proposal_id": proposal_id, "status": status.value}).rowcount == 1

    def add_rejection(self, proposal_id: str, rejected_by: str, at: datetime, reason: str) -> int:
        kept = self._insert(
            _APPROVALS,
            {
                "proposal_id": proposal_id,
                "status": "rejected",
                "approved_by": rejected_by,
                "approved_at": at,
                "rejection_reason": reason,
            },
        )
        assert kept.inserted_primary_key is not None
        return int(kept.inserted_primary_key[0])

    def approval(self, token_hash: str) -> StoredApproval | None:
        row = self._read(
            select(_APPROVALS).where(_APPROVALS.c.token_hash == token_hash, _APPROVALS.c.status == "approved")
        ).one_or_none()
        if row is None:
            return None
        return StoredApproval(
            approval_id=row.approval_id,
            proposal_id=row.proposal_id,
            token_expires_at=row.token_expires_at.astimezone(KST),
            token_used_at=None if row.token_used_at is None else row.token_used_at.astimezone(KST),
        )

    def order_number(self, key: OrderKey) -> int | None:
        table = schema.orders
        found = self._read(select(func.max(table.c.order_id)).where(table.c.idempotency_key == key))
        number = found.scalar_one_or_none()
        return None if number is None else int(number)

    def add_mandate(self, stored: StoredMandate) -> None:
        mandate = stored.mandate
        self._insert(
            _MANDATES,
            {
                "mandate_id": mandate.mandate_id,
                "mode": stored.mode,
                "signed_by": mandate.signed_by,
                "signed_at": mandate.signed_at,
                "expires_at": mandate.expires_at,
                "side": mandate.side.value,
                "symbols": ",".join(mandate.symbols),
                "max_quantity": mandate.max_quantity,
                "max_notional_a_day": mandate.max_notional_a_day,
                "signature": stored.signature,
            },
        )

    def mandates(self) -> tuple[StoredMandate, ...]:
        rows = self._read(select(_MANDATES).order_by(_MANDATES.c.signed_at, _MANDATES.c.mandate_id))
        return tuple(_mandate(row) for row in rows)

    def revoke_mandate(self, mandate_id: str, at: datetime, by: str, reason: str) -> bool:
        values = {"revoked_at": at, "revoked_by": by, "revoked_reason": reason}
        return self._write(_REVOKE, {"its_mandate_id": mandate_id, **values}).rowcount == 1

    def is_revoked(self, mandate_id: str) -> bool:
        return self._read(_REVOKED, {"its_mandate_id": mandate_id}).one_or_none() is not None


def _proposal(row: Row[Any]) -> StoredProposal:
    return StoredProposal(
        proposal_id=row.proposal_id,
        created_at=row.created_at.astimezone(KST),
        correlation_id=row.correlation_id,
        config_hash=row.config_hash,
        git_commit_sha=row.git_commit_sha or "",
        schema_version=row.schema_version,
        status=ProposalStatus(row.status),
        payload=row.payload_json,
        snapshot_id=row.universe_snapshot_id,
    )


def _mandate(row: Row[Any]) -> StoredMandate:
    return StoredMandate(
        mandate=Mandate(
            mandate_id=row.mandate_id,
            signed_by=row.signed_by,
            signed_at=row.signed_at.astimezone(KST),
            expires_at=row.expires_at.astimezone(KST),
            side=Side(row.side),
            symbols=tuple(Symbol(symbol) for symbol in row.symbols.split(",") if symbol),
            max_quantity=row.max_quantity,
            max_notional_a_day=row.max_notional_a_day,
        ),
        mode=row.mode,
        signature=row.signature,
        revoked_at=None if row.revoked_at is None else row.revoked_at.astimezone(KST),
        revoked_by=row.revoked_by,
        revoked_reason=row.revoked_reason,
    )
