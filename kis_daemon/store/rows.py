"""The rows as one transaction sees them: the SQL behind `ports.Rows`.

Rules of this room
    Every method is one or two statements on the connection it was given; none begins or ends a transaction.
    A row that exists already is told by the statement's own result or a unique key, never by looking first.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Connection, Row, String, func, insert, select, type_coerce, update
from sqlalchemy.exc import IntegrityError

from kis_daemon.domain.approvals import Approval, Proposal, ProposalStatus, TokenRefusal
from kis_daemon.domain.calendar import KST
from kis_daemon.domain.events import GENESIS_HASH, Event, chain_hash
from kis_daemon.domain.exits import ExitReason
from kis_daemon.domain.market import Symbol
from kis_daemon.domain.orders import LIVE_STATES, Fill, Order, OrderIntent, OrderKey, OrderState
from kis_daemon.domain.positions import Position, Trade
from kis_daemon.domain.safeguards import NEVER_RELEASED, KillSwitch, KillSwitchScope, KillSwitchStatus
from kis_daemon.ports import StaleVersion
from kis_daemon.store import schema
from kis_daemon.store.mapping import (
    intent_payload,
    order_from_row,
    order_to_row,
    position_from_row,
    position_to_row,
    trade_from_row,
    trade_to_row,
)

_ORDER_STATUS = {
    OrderState.FILLED: "filled",
    OrderState.CANCELLED: "cancelled",
    OrderState.REJECTED: "rejected",
}


_SWITCH_ROWS = 100  # how far back a valid record is looked for behind releases without a reason


class SqlRows:
    """`ports.Rows` over one connection in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # events

    def append(self, event: Event) -> None:
        previous = self.chain_head()
        self._connection.execute(
            insert(schema.event_log).values(
                timestamp=event.at,
                event_type=event.type,
                correlation_id=event.correlation_id,
                actor=event.actor,
                payload_json=json.dumps(dict(event.payload), sort_keys=True, separators=(",", ":"), ensure_ascii=False),
                prev_hash=previous,
                hash=chain_hash(previous, event),
            )
        )

    def chain_head(self) -> str:
        log = schema.event_log
        head = self._connection.execute(
            select(log.c.hash).where(log.c.hash.is_not(None)).order_by(log.c.event_id.desc()).limit(1)
        ).scalar_one_or_none()
        return head or GENESIS_HASH

    # kill switch

    def kill_switch(self) -> KillSwitch:
        state = schema.system_state
        # The moment is read as text: an operator's own INSERT may hold anything, and must not stop us from reading.
        columns = (
            state.c.kill_switch_status,
            state.c.kill_switch_reason,
            state.c.scope,
            state.c.actor,
            type_coerce(state.c.timestamp, String).label("since"),
        )
        newest = self._connection.execute(select(*columns).order_by(state.c.state_id.desc()).limit(_SWITCH_ROWS))
        ignored = 0
        for row in newest:
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

    def set_kill_switch(self, switch: KillSwitch) -> None:
        self._connection.execute(
            insert(schema.system_state).values(
                timestamp=switch.since,
                kill_switch_status=switch.status.value,
                kill_switch_reason=switch.reason,
                scope=switch.scope.value,
                actor=switch.actor,
            )
        )

    # approvals

    def add_proposal(self, proposal: Proposal) -> None:
        self._connection.execute(
            insert(schema.proposals).values(
                proposal_id=proposal.proposal_id,
                created_at=proposal.created_at,
                correlation_id=proposal.correlation_id,
                config_hash=proposal.config_hash,
                git_commit_sha=proposal.git_commit_sha,
                schema_version=proposal.schema_version,
                payload_json=intent_payload(proposal.intent),
                status=proposal.status.value,
            )
        )

    def add_approval(self, approval: Approval) -> None:
        self._connection.execute(
            insert(schema.approvals).values(
                proposal_id=approval.proposal_id,
                token_hash=approval.token_hash,
                token_jti=approval.token_jti,
                token_expires_at=approval.token_expires_at,
                status="approved",
                approved_by=approval.approved_by,
                approved_at=approval.approved_at,
            )
        )

    def use_approval(self, token_hash: str, at: datetime) -> TokenRefusal | None:
        table = schema.approvals
        used = self._connection.execute(
            update(table)
            .where(
                table.c.token_hash == token_hash,
                table.c.status == "approved",
                table.c.token_used_at.is_(None),
                table.c.token_expires_at > at,
            )
            .values(token_used_at=at)
        )
        row = self._connection.execute(
            select(table.c.proposal_id, table.c.token_used_at, table.c.token_expires_at).where(
                table.c.token_hash == token_hash, table.c.status == "approved"
            )
        ).one_or_none()
        if row is None:
            return TokenRefusal.NOT_FOUND
        if used.rowcount == 1:
            self._connection.execute(
                update(schema.proposals)
                .where(schema.proposals.c.proposal_id == row.proposal_id)
                .values(status=ProposalStatus.EXECUTED.value)
            )
            return None
        return TokenRefusal.ALREADY_USED if row.token_used_at is not None else TokenRefusal.EXPIRED

    # orders

    def claim_order(self, order: Order) -> bool:
        try:
            with self._connection.begin_nested():
                self._connection.execute(insert(schema.order_state).values(**order_to_row(order)))
        except IntegrityError:
            return False
        self._connection.execute(
            insert(schema.orders).values(
                idempotency_key=order.key,
                correlation_id=order.intent.correlation_id,
                status="pending",
                payload_json=intent_payload(order.intent),
                created_at=order.created_at,
            )
        )
        return True

    def save_order(self, order: Order) -> None:
        table = schema.order_state
        values = order_to_row(order)
        values.pop("idempotency_key")
        written = self._connection.execute(
            update(table)
            .where(table.c.idempotency_key == order.key, table.c.version == order.version - 1)
            .values(**values)
        )
        if written.rowcount != 1:
            raise StaleVersion(f"order {order.key[:12]}: version {order.version - 1} is not what is stored")
        self._connection.execute(
            update(schema.orders)
            .where(schema.orders.c.idempotency_key == order.key)
            .values(status=_ORDER_STATUS.get(order.state, "pending"), broker_order_id=order.order_no)
        )

    def add_refused_request(self, intent: OrderIntent, at: datetime, reason: str) -> None:
        payload = json.loads(intent_payload(intent)) | {"refused": reason}
        self._connection.execute(
            insert(schema.orders).values(
                correlation_id=intent.correlation_id,
                status="rejected",
                payload_json=json.dumps(payload, sort_keys=True, ensure_ascii=False),
                created_at=at,
            )
        )

    def order(self, key: OrderKey) -> Order | None:
        table = schema.order_state
        row = self._connection.execute(select(table).where(table.c.idempotency_key == key)).one_or_none()
        return None if row is None else order_from_row(row)

    def live_orders(self) -> tuple[Order, ...]:
        table = schema.order_state
        live = sorted(state.value for state in LIVE_STATES)
        return self._orders(select(table).where(table.c.status.in_(live)))

    def orders_of(self, day: date) -> tuple[Order, ...]:
        table = schema.order_state
        return self._orders(select(table).where(table.c.order_day == day))

    def _orders(self, query: Any) -> tuple[Order, ...]:
        table = schema.order_state
        rows = self._connection.execute(query.order_by(table.c.created_at, table.c.idempotency_key))
        return tuple(order_from_row(row) for row in rows)

    # fills, trades, positions

    def add_fill(self, fill: Fill) -> bool:
        order_id = self._connection.execute(
            select(schema.orders.c.order_id).where(schema.orders.c.idempotency_key == fill.order_key)
        ).scalar_one()
        try:
            with self._connection.begin_nested():
                written = self._connection.execute(
                    insert(schema.fills).values(
                        order_id=order_id,
                        idempotency_key=fill.order_key,
                        correlation_id=fill.correlation_id,
                        broker_fill_id=f"{fill.order_key[:12]}-{fill.cumulative_quantity}",
                        quantity=fill.quantity,
                        amount=fill.amount,
                        cumulative_quantity=fill.cumulative_quantity,
                        fee=fill.fee,
                        tax=fill.tax,
                        payload_json=json.dumps({"symbol": fill.symbol, "side": fill.side.value}, sort_keys=True),
                        created_at=fill.at,
                    )
                )
        except IntegrityError:
            return False
        assert written.inserted_primary_key is not None
        self._connection.execute(
            update(schema.order_state)
            .where(schema.order_state.c.idempotency_key == fill.order_key)
            .values(fill_id=written.inserted_primary_key[0])
        )
        return True

    def save_trade(self, trade: Trade) -> None:
        table = schema.trades
        values = trade_to_row(trade)
        key = values.pop("idempotency_key")
        written = self._connection.execute(update(table).where(table.c.idempotency_key == key).values(**values))
        if written.rowcount == 0:
            self._connection.execute(insert(table).values(idempotency_key=key, **values))

    def trade(self, key: OrderKey) -> Trade | None:
        table = schema.trades
        row = self._connection.execute(select(table).where(table.c.idempotency_key == key)).one_or_none()
        return None if row is None else trade_from_row(row)

    def trades(self, first: date, last: date) -> tuple[Trade, ...]:
        table = schema.trades
        rows = self._connection.execute(
            select(table).where(table.c.trade_day.between(first, last)).order_by(table.c.executed_at, table.c.trade_id)
        )
        return tuple(trade_from_row(row) for row in rows)

    def last_stops(self) -> tuple[tuple[Symbol, date], ...]:
        table = schema.trades
        rows = self._connection.execute(
            select(table.c.symbol, func.max(table.c.trade_day))
            .where(table.c.rule == ExitReason.ATR_STOP_LOSS.value)
            .group_by(table.c.symbol)
            .order_by(table.c.symbol)
        )
        return tuple((Symbol(symbol), day) for symbol, day in rows)

    def last_event_at(self) -> datetime | None:
        log = schema.event_log
        row = self._connection.execute(
            select(log.c.timestamp).where(log.c.actor == "engine").order_by(log.c.event_id.desc()).limit(1)
        ).scalar_one_or_none()
        return None if row is None else row.astimezone(KST)

    def save_position(self, position: Position) -> None:
        table = schema.positions
        values = position_to_row(position) | {"closed_at": None}  # a late fill may open a closed one again
        written = self._connection.execute(update(table).where(*_same_entry(position)).values(**values))
        if written.rowcount == 0:
            self._connection.execute(insert(table).values(**values))

    def save_levels(self, position: Position) -> None:
        self._connection.execute(
            update(schema.positions)
            .where(*_same_entry(position))
            .values(highest=position.highest, trailing_armed=position.trailing_armed)
        )

    def close_position(self, position: Position, at: datetime) -> None:
        self._connection.execute(
            update(schema.positions)
            .where(*_same_entry(position))
            .values(quantity=0, closed_at=at, version=position.version + 1)
        )

    def open_positions(self) -> tuple[Position, ...]:
        table = schema.positions
        rows = self._connection.execute(select(table).where(table.c.closed_at.is_(None)).order_by(table.c.position_id))
        return tuple(position_from_row(row) for row in rows)

    # marks

    def mark(self, name: str) -> str | None:
        table = schema.marks
        return self._connection.execute(select(table.c.value).where(table.c.name == name)).scalar_one_or_none()

    def set_mark(self, name: str, value: str) -> None:
        table = schema.marks
        written = self._connection.execute(update(table).where(table.c.name == name).values(value=value))
        if written.rowcount == 0:
            self._connection.execute(insert(table).values(name=name, value=value))

    # what audits and summaries read

    def count_events(self) -> int:
        return self._connection.execute(select(func.count()).select_from(schema.event_log)).scalar_one()

    def all_orders(self) -> tuple[Order, ...]:
        return self._orders(select(schema.order_state))

    def all_trades(self) -> tuple[Trade, ...]:
        return self.trades(date.min, date.max)

    def count_fills(self) -> int:
        return self._connection.execute(select(func.count()).select_from(schema.fills)).scalar_one()

    def count_refused_requests(self) -> int:
        table = schema.orders
        return self._connection.execute(
            select(func.count()).select_from(table).where(table.c.idempotency_key.is_(None))
        ).scalar_one()

    def events(self, after_id: int = 0) -> tuple[Row[Any], ...]:
        table = schema.event_log
        return tuple(
            self._connection.execute(select(table).where(table.c.event_id > after_id).order_by(table.c.event_id))
        )


def _moment(stored: object) -> datetime | None:
    """Return a stored UTC moment, or None where it is not one."""
    try:
        return datetime.fromisoformat(str(stored)).replace(tzinfo=UTC).astimezone(KST)
    except ValueError:
        return None


def _same_entry(position: Position) -> tuple[Any, ...]:
    table = schema.positions
    return (
        table.c.symbol == position.symbol,
        table.c.entry_day == position.entry_day,
        table.c.entry_seq == position.entry_seq,
    )
