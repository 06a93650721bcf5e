"""Proposals, approvals, tokens and approved orders over HTTP (S0-G, S0-X, L03, L04)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from aiohttp import web

from kis_daemon.console.http.access import Role, bearer_token
from kis_daemon.console.http.answers import BadRequest, answer, checked, error, parsed
from kis_daemon.console.http.bodies import ApproveBody, IssueTokenBody, PlaceOrderBody, RejectBody
from kis_daemon.console.http.desks import Desks
from kis_daemon.console.http.endpoints import Asked, Endpoint
from kis_daemon.domain.approvals import OrderRequest, ProposalStatus, StoredProposal
from kis_daemon.domain.market import Side
from kis_daemon.domain.orders import Order
from kis_daemon.services.approvals import IssueRequest, NotIssued
from kis_daemon.services.door import Refused
from kis_daemon.services.order_desk import Cause, NotPlaced
from kis_daemon.services.proposal_desk import NotDecided, Rejected

_NOT_DECIDED = {"PROPOSAL_NOT_FOUND": 404, "ISSUER_REFUSED": 502, "ISSUER_UNAVAILABLE": 503, "BROKER_UNREACHABLE": 503}
_NOT_ISSUED = {"PROPOSAL_NOT_FOUND": 404}
_NOT_PLACED = {
    Cause.NO_TOKEN: 401,
    Cause.SIGNATURE: 401,
    Cause.MALFORMED: 400,
    Cause.PRICE: 400,
    Cause.BUSY: 409,
    Cause.STORE: 503,
    Cause.BROKER: 503,
}


async def list_proposals(desks: Desks, asked: Asked) -> web.Response:
    told = asked.query.get("status", ProposalStatus.PENDING.value)
    if told != "all" and told not in tuple(ProposalStatus):
        return error(400, "BAD_REQUEST", f"status: expected all, {', '.join(ProposalStatus)}")
    found = await desks.proposals.listed(None if told == "all" else ProposalStatus(told))
    return answer({"proposals": [_proposal(each) for each in found]})


async def show_proposal(desks: Desks, asked: Asked) -> web.Response:
    found = await desks.proposals.shown(asked.parts["proposal_id"])
    if found is None:
        return error(404, "PROPOSAL_NOT_FOUND", "there is no such proposal")
    return answer(_proposal(found))


async def approve(desks: Desks, asked: Asked) -> web.Response:
    body = asked.body
    assert isinstance(body, ApproveBody)
    life = timedelta(seconds=body.expires_in_seconds)
    done = await desks.proposals.approve(asked.parts["proposal_id"], body.approved_by, life)
    if isinstance(done, NotDecided):
        return error(_NOT_DECIDED.get(done.code, 409), done.code, done.reason)
    told: dict[str, Any] = {
        "approval_id": done.approval_id,
        "proposal_id": done.proposal.proposal_id,
        "token": done.token,
        "token_hash": done.approval.token_hash,
        "token_jti": done.approval.token_jti,
        "token_expires_at": done.approval.token_expires_at,
    }
    if done.outcome is not None:
        told["order"] = _outcome(done.outcome)
    return answer(told)


async def reject(desks: Desks, asked: Asked) -> web.Response:
    body = asked.body
    assert isinstance(body, RejectBody)
    done = await desks.proposals.reject(asked.parts["proposal_id"], body.rejected_by, body.rejection_reason)
    if not isinstance(done, Rejected):
        return error(_NOT_DECIDED.get(done.code, 409), done.code, done.reason)
    return answer({"approval_id": done.approval_id, "proposal_id": done.proposal_id, "status": "rejected"})


async def issue_token(desks: Desks, asked: Asked) -> web.Response:
    body = asked.body
    assert isinstance(body, IssueTokenBody)
    request = IssueRequest(
        proposal_id=body.proposal_id,
        correlation_id=body.correlation_id,
        payload_hash=body.proposal_payload_hash,
        life=timedelta(seconds=body.expires_in_seconds),
    )
    issued = await desks.issuer.issue(request)
    if isinstance(issued, NotIssued):
        return error(_NOT_ISSUED.get(issued.code, 400), issued.code, issued.reason)
    return answer({"token": issued.token, "token_jti": issued.jti, "token_expires_at": issued.expires_at})


async def place_order(desks: Desks, asked: Asked) -> web.Response:
    def read() -> OrderRequest:
        try:
            body = checked(PlaceOrderBody, parsed(asked.raw))
        except BadRequest as wrong:
            raise ValueError(wrong.reason) from None
        wanted = body.order_intent
        return OrderRequest(symbol=wanted.symbol, side=Side(wanted.side), quantity=wanted.quantity, price=wanted.price)

    done = await desks.orders.place(bearer_token(asked.headers), read)
    if isinstance(done, NotPlaced):
        return error(_NOT_PLACED.get(done.cause, 403), done.event, done.reason)
    told: dict[str, Any] = {"order_id": done.order_id, "status": done.status}
    return answer(told | ({"reason": done.reason} if done.reason else {}))


def _proposal(proposal: StoredProposal) -> Mapping[str, Any]:
    return {
        "proposal_id": proposal.proposal_id,
        "created_at": proposal.created_at,
        "correlation_id": proposal.correlation_id,
        "config_hash": proposal.config_hash,
        "git_commit_sha": proposal.git_commit_sha,
        "schema_version": proposal.schema_version,
        "universe_snapshot_id": proposal.snapshot_id,
        "status": proposal.status.value,
        "payload": proposal.content,
        "payload_hash": proposal.payload_hash,
    }


def _outcome(outcome: Order | Refused) -> Mapping[str, Any]:
    if isinstance(outcome, Refused):
        return {"status": "refused", "code": outcome.code, "reason": outcome.reason}
    return {"status": outcome.state.value, "order_no": outcome.order_no, "idempotency_key": outcome.key}


_UNKNOWN, _DECIDED = "there is no such proposal", "it is not pending any more"
PAGES = (
    Endpoint(
        method="GET",
        path="/proposals",
        role=Role.VIEWER,
        summary="Proposals, the newest first; `status` is pending (default), approved, rejected, executed or all",
        handler=list_proposals,
    ),
    Endpoint(
        method="GET",
        path="/proposals/{proposal_id}",
        role=Role.VIEWER,
        summary="One proposal with its payload and the hash of it",
        handler=show_proposal,
        answers={404: _UNKNOWN},
    ),
    Endpoint(
        method="POST",
        path="/proposals/{proposal_id}/approve",
        role=Role.OPERATOR,
        summary="Approve: positions get their token, told here and never again; a signal's order is placed at once",
        handler=approve,
        body=ApproveBody,
        answers={404: _UNKNOWN, 409: f"{_DECIDED}, its time is over or the price has left its band", 502: "no token"},
    ),
    Endpoint(
        method="POST",
        path="/proposals/{proposal_id}/reject",
        role=Role.OPERATOR,
        summary="Reject, with a reason",
        handler=reject,
        body=RejectBody,
        answers={404: _UNKNOWN, 409: _DECIDED},
    ),
    Endpoint(
        method="POST",
        path="/issue_token",
        role=Role.OPERATOR,
        summary="Sign a token for a pending proposal; it is good for nothing before the proposal is approved with it",
        handler=issue_token,
        body=IssueTokenBody,
        answers={404: _UNKNOWN},
    ),
    Endpoint(
        method="POST",
        path="/place_order",
        role=Role.NOBODY,
        summary="Place an approved order: `Authorization: Bearer` is the approval token, good once",
        handler=place_order,
        body=PlaceOrderBody,
        answers={403: "refused: kill switch, token, symbol, limits, gate", 409: "an order is live already"},
        reads_late=True,
        role_header_only=True,
    ),
)
