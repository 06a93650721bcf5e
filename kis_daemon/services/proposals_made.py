"""Making a proposal of positions from a market snapshot, and keeping both (S0-E03..E09)."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from kis_daemon.domain.allocation import MarketSnapshot
from kis_daemon.domain.approvals import ProposalStatus, StoredProposal
from kis_daemon.domain.events import Event
from kis_daemon.ports import Entropy, Rows
from kis_daemon.services.approvals import Provenance


def keep_proposal(
    rows: Rows,
    at: datetime,
    entropy: Entropy,
    snapshot: MarketSnapshot,
    snapshot_text: str,
    payload: Mapping[str, Any],
    provenance: Provenance,
) -> StoredProposal:
    """Keep the snapshot and the proposal made from it, in one transaction with the event; what is there stays."""
    correlation_id = str(uuid.UUID(bytes=entropy.token_bytes(16), version=4))
    number = rows.add_snapshot(snapshot.asof, snapshot.source, snapshot_text)
    text = json.dumps({**payload, "correlation_id": correlation_id}, sort_keys=True, ensure_ascii=False)
    proposal = StoredProposal(
        proposal_id=hashlib.sha256(f"{correlation_id}|{text}".encode()).hexdigest()[:32],
        created_at=at,
        correlation_id=correlation_id,
        config_hash=provenance.config_hash,
        git_commit_sha=provenance.git_commit_sha,
        schema_version=provenance.schema_version,
        status=ProposalStatus.PENDING,
        payload=text,
        snapshot_id=number,
    )
    rows.add_stored_proposal(proposal)
    rows.append(
        Event(
            at=at,
            type="proposal_created",
            correlation_id=correlation_id,
            payload={
                "proposal_id": proposal.proposal_id,
                "snapshot_id": number,
                "config_hash": proposal.config_hash,
                "git_commit_sha": proposal.git_commit_sha,
                "schema_version": proposal.schema_version,
                "payload_hash": proposal.payload_hash,
            },
        )
    )
    return proposal
