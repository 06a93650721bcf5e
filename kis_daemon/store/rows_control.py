"""The kill switch, and the approvals without which nothing is ordered."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, String, and_, bindparam, func, not_, or_, select, type_coerce, update

from kis_daemon.domain.approvals import Approval, Proposal, ProposalStatus, TokenRefusal
from kis_daemon.domain.calendar import KST
from kis_daemon.domain.safeguards import NEVER_RELEASED, KillSwitch, KillSwitchScope, KillSwitchStatus
from kis_daemon.store import schema
from kis_daemon.store.mapping import proposal_payload
from kis_daemon.store.rows_base import BaseRows, same

_SWITCH_ROWS = 100  # how far back a valid record is looked for behind releases without a reason


class ControlRows(BaseRows):
    """The part of `ports.Rows` that says what may be done."""

    def kill_switch(self) -> KillSwitch:
        state = self._switch_state()
        order = self._open_activation()
        if order is None:
            return state
        # C13: an activation by an operator's row stands until that row is closed, whatever the newest record says
        scopes = {order.scope} | ({state.scope} if state.is_active and state.since is not None else set())
        scope = KillSwitchScope.ALL if KillSwitchScope.ALL in scopes else KillSwitchScope.ENTRIES
        return replace(order, scope=scope, ignored_releases=state.ignored_releases)

    def _switch_state(self) -> KillSwitch:
        """Return the newest valid record of `system_state`."""
        ignored = 0
        for row in self._read(_NEWEST_STATES):
            if row.kill_switch_status == "inactive" and not (row.kill_switch_reason or "").strip():
                ignored += 1
                continue  # C14: a release without a reason is ignored, what was in force before it stays
            return KillSwitch(
                status=KillSwitchStatus(row.kill_switch_status),
                scope=KillSwitchScope(row.scope),
                reason=row.kill_switch_reason or "",
                actor=row.actor,
                since=_moment(row.since),
                ignored_releases=ignored,
            )
        return replace(NEVER_RELEASED, ignored_releases=ignored)

    def _open_activation(self) -> KillSwitch | None:
        """Return the widest activation that an operator's row of `kill_switch_events` keeps open."""
        row = self._read(_WIDEST_ACTIVATION).one_or_none()
        if row is None:
            return None
        return KillSwitch(
            status=KillSwitchStatus.ACTIVE,
            scope=KillSwitchScope(row[1]),
            reason=row[0],
            actor=row[2],
            since=_moment(row[3]),
        )

    def set_kill_switch(self, switch: KillSwitch, trigger_source: str = "manual") -> None:
        recorded = self._insert(
            schema.system_state,
            {
                "timestamp": switch.since,
                "kill_switch_status": switch.status.value,
                "kill_switch_reason": switch.reason,
                "scope": switch.scope.value,
                "actor": switch.actor,
            },
        )
        assert recorded.inserted_primary_key is not None
        if switch.is_active:
            self._insert(
                schema.kill_switch_events,
                {
                    "activated_at": switch.since,
                    "reason": switch.reason,
                    "scope": switch.scope.value,
                    "trigger_source": trigger_source,
                    "activated_by": switch.actor,
                    "state_id": recorded.inserted_primary_key[0],
                },
            )
            return
        self._write(
            _CLOSE_ACTIVATIONS,
            {
                "status": "deactivated",
                "deactivated_at": switch.since,
                "deactivated_by": switch.actor,
                "deactivated_reason": switch.reason,
            },
        )

    def add_proposal(self, proposal: Proposal) -> None:
        self._insert(
            schema.proposals,
            {
                "proposal_id": proposal.proposal_id,
                "created_at": proposal.created_at,
                "correlation_id": proposal.correlation_id,
                "config_hash": proposal.config_hash,
                "git_commit_sha": proposal.git_commit_sha,
                "schema_version": proposal.schema_version,
                "payload_json": proposal_payload(proposal),
                "status": proposal.status.value,
            },
        )

    def add_approval(self, approval: Approval) -> None:
        self._add_approval(approval, None)

    def add_spent_approval(self, proposal: Proposal, approval: Approval, at: datetime) -> None:
        self.add_proposal(replace(proposal, status=ProposalStatus.EXECUTED))
        self._add_approval(approval, at)

    def _add_approval(self, approval: Approval, used_at: datetime | None) -> None:
        self._insert(
            schema.approvals,
            {
                "proposal_id": approval.proposal_id,
                "token_hash": approval.token_hash,
                "token_jti": approval.token_jti,
                "token_expires_at": approval.token_expires_at,
                "token_used_at": used_at,
                "status": "approved",
                "approved_by": approval.approved_by,
                "approved_at": approval.approved_at,
            },
        )

    def use_approval(self, token_hash: str, at: datetime) -> TokenRefusal | None:
        known = {"its_token_hash": token_hash}
        if self._write(_USE, {**known, "at": at, "token_used_at": at}).rowcount == 1:
            self._write(_EXECUTE, {**known, "status": ProposalStatus.EXECUTED.value})
            return None
        used_at = self._read(_USED_AT, known).one_or_none()
        if used_at is None:
            return TokenRefusal.NOT_FOUND
        return TokenRefusal.ALREADY_USED if used_at[0] is not None else TokenRefusal.EXPIRED


def _moment(stored: object) -> datetime | None:
    """Return a stored UTC moment, or None where it is not one."""
    try:
        return datetime.fromisoformat(str(stored)).replace(tzinfo=UTC).astimezone(KST)
    except ValueError:
        return None


def _is_open() -> ColumnElement[bool]:
    """Whether an activation still stands: closing it by SQL needs a reason too (C14)."""
    table = schema.kill_switch_events
    is_closed = or_(table.c.status == "deactivated", table.c.deactivated_at.is_not(None))
    has_reason = func.trim(func.coalesce(table.c.deactivated_reason, "")) != ""
    return not_(and_(is_closed, has_reason))


# Built once, not with every look and every order. A moment is read as text: an operator's own INSERT may hold anything,
# and must not stop us from reading.
_STATE, _EVENTS, _APPROVALS, _PROPOSALS = (
    schema.system_state,
    schema.kill_switch_events,
    schema.approvals,
    schema.proposals,
)
_NEWEST_STATES = (
    select(
        _STATE.c.kill_switch_status,
        _STATE.c.kill_switch_reason,
        _STATE.c.scope,
        _STATE.c.actor,
        type_coerce(_STATE.c.timestamp, String).label("since"),
    )
    .order_by(_STATE.c.state_id.desc())
    .limit(_SWITCH_ROWS)
)
_WIDEST_ACTIVATION = (
    select(_EVENTS.c.reason, _EVENTS.c.scope, _EVENTS.c.activated_by, type_coerce(_EVENTS.c.activated_at, String))
    .where(_EVENTS.c.state_id.is_(None), _is_open())
    .order_by(_EVENTS.c.scope, _EVENTS.c.event_id.desc())  # 'all' comes before 'entries'
    .limit(1)
)
_CLOSE_ACTIVATIONS = update(_EVENTS).where(_is_open())
_TOKEN = and_(same(_APPROVALS, ("token_hash",)), _APPROVALS.c.status == "approved")
_USE = update(_APPROVALS).where(
    _TOKEN,
    _APPROVALS.c.token_used_at.is_(None),
    _APPROVALS.c.token_expires_at > bindparam("at", type_=_APPROVALS.c.token_expires_at.type),
)
_USED_AT = select(_APPROVALS.c.token_used_at).where(_TOKEN)
_EXECUTE = update(_PROPOSALS).where(
    _PROPOSALS.c.proposal_id == select(_APPROVALS.c.proposal_id).where(_TOKEN).scalar_subquery()
)
