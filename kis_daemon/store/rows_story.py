"""What was kept of an order and of a moment, for whoever asks afterwards. Nothing is written here."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, String, or_, select, type_coerce

from kis_daemon.domain.calendar import KST
from kis_daemon.domain.orders import Order
from kis_daemon.ports import AccountFigures
from kis_daemon.store import schema
from kis_daemon.store.mapping import order_from_row
from kis_daemon.store.rows_base import BaseRows

_MOST = 20  # orders that one word may name


class StoryRows(BaseRows):
    """Questions of the audit that trading never asks."""

    def orders_named(self, text: str) -> tuple[Order, ...]:
        """Return the orders whose key begins with `text`, or whose broker's number or correlation id it is."""
        table = schema.order_state
        named = or_(
            table.c.idempotency_key.startswith(text, autoescape=True),
            table.c.order_no == (text.lstrip("0") or text),
            table.c.correlation_id == text,
        )
        rows = self._read(select(table).where(named).order_by(table.c.created_at, table.c.idempotency_key).limit(_MOST))
        return tuple(order_from_row(row) for row in rows)

    def facts(
        self,
        *,
        correlation_id: str | None = None,
        types: Sequence[str] = (),
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list[tuple[datetime, str, str, str, Mapping[str, Any]]]:
        """Return moment, type, correlation id, actor and payload of the facts of the chain that fit, in its order."""
        log = schema.event_log
        wanted: list[ColumnElement[bool]] = [log.c.prev_hash.is_not(None)]
        if correlation_id is not None:
            wanted.append(log.c.correlation_id == correlation_id)
        if types:
            wanted.append(log.c.event_type.in_(types))
        if since is not None:
            wanted.append(log.c.timestamp >= since)
        if until is not None:
            wanted.append(log.c.timestamp <= until)
        columns = (log.c.timestamp, log.c.event_type, log.c.correlation_id, log.c.actor, log.c.payload_json)
        found = self._read(select(*columns).where(*wanted).order_by(log.c.event_id))
        return [
            (at.astimezone(KST), kind, correlation or "", actor, json.loads(payload))
            for at, kind, correlation, actor, payload in found
        ]

    def approvals_of(self, correlation_id: str) -> tuple[Row[Any], ...]:
        """Return the proposals of that correlation, each with its approval, as they stand."""
        proposals, approvals = schema.proposals, schema.approvals
        columns = (
            proposals.c.proposal_id,
            proposals.c.payload_json,
            proposals.c.config_hash,
            proposals.c.git_commit_sha,
            approvals.c.approved_by,
            approvals.c.approved_at,
            approvals.c.token_used_at,
        )
        joined = proposals.join(approvals, proposals.c.proposal_id == approvals.c.proposal_id)
        wanted = select(*columns).select_from(joined).where(proposals.c.correlation_id == correlation_id)
        return tuple(self._read(wanted.order_by(approvals.c.approval_id)))

    def switch_at(self, at: datetime) -> Row[Any] | None:
        """Return the record of the kill switch that was the newest at that moment."""
        state = schema.system_state
        columns = (
            state.c.kill_switch_status,
            state.c.scope,
            state.c.kill_switch_reason,
            state.c.actor,
            type_coerce(state.c.timestamp, String).label("since"),
        )
        newest = select(*columns).where(state.c.timestamp <= at).order_by(state.c.state_id.desc()).limit(1)
        return self._read(newest).one_or_none()

    def figures_at(self, at: datetime) -> AccountFigures | None:
        """Return the newest snapshot of the account at that moment."""
        table = schema.account_snapshots
        row = self._read(
            select(table).where(table.c.snapshot_time <= at).order_by(table.c.snapshot_time.desc()).limit(1)
        ).one_or_none()
        if row is None:
            return None
        return AccountFigures(
            at=row.snapshot_time.astimezone(KST),
            cash=row.cash,
            holdings_value=row.holdings_value,
            realized_pnl=row.realized_pnl,
            open_pnl=row.unrealized_pnl,
            positions=row.position_count,
        )
