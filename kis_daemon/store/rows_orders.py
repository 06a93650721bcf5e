"""Orders, fills and trades. What exists already is told by the statement's own result, never by looking first."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any

from sqlalchemy import and_, func, insert, or_, select, update

from kis_daemon.domain.exits import ExitReason
from kis_daemon.domain.market import Symbol
from kis_daemon.domain.orders import LIVE_STATES, Fill, Order, OrderIntent, OrderKey, OrderState
from kis_daemon.domain.positions import Trade
from kis_daemon.ports import StaleVersion
from kis_daemon.store import schema
from kis_daemon.store.mapping import intent_payload, order_from_row, order_to_row, trade_from_row, trade_to_row
from kis_daemon.store.rows_base import BaseRows

_ORDER_STATUS = {
    OrderState.FILLED: "filled",
    OrderState.CANCELLED: "cancelled",
    OrderState.REJECTED: "rejected",
}


class OrderRows(BaseRows):
    """The part of `ports.Rows` that deals with orders and what became of them."""

    def claim_order(self, order: Order) -> bool:
        table = schema.order_state
        claimed = or_(
            table.c.idempotency_key == order.key,
            and_(
                table.c.mode == order.mode,
                table.c.side == order.intent.side.value,
                table.c.signal_id == order.intent.signal_id,
            ),
        )
        if not self._insert_unless(table, claimed, order_to_row(order)):
            return False
        self._write(
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
        written = self._write(
            update(table)
            .where(table.c.idempotency_key == order.key, table.c.version == order.version - 1)
            .values(**values)
        )
        if written.rowcount != 1:
            raise StaleVersion(f"order {order.key[:12]}: version {order.version - 1} is not what is stored")
        self._write(
            update(schema.orders)
            .where(schema.orders.c.idempotency_key == order.key)
            .values(status=_ORDER_STATUS.get(order.state, "pending"), broker_order_id=order.order_no)
        )

    def add_refused_request(self, intent: OrderIntent, at: datetime, reason: str) -> None:
        payload = json.loads(intent_payload(intent)) | {"refused": reason}
        self._write(
            insert(schema.orders).values(
                correlation_id=intent.correlation_id,
                status="rejected",
                payload_json=json.dumps(payload, sort_keys=True, ensure_ascii=False),
                created_at=at,
            )
        )

    def order(self, key: OrderKey) -> Order | None:
        table = schema.order_state
        row = self._read(select(table).where(table.c.idempotency_key == key)).one_or_none()
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
        rows = self._read(query.order_by(table.c.created_at, table.c.idempotency_key))
        return tuple(order_from_row(row) for row in rows)

    def add_fill(self, fill: Fill) -> bool:
        order_id = self._read(
            select(schema.orders.c.order_id).where(schema.orders.c.idempotency_key == fill.order_key)
        ).scalar_one()
        table = schema.fills
        known = and_(table.c.idempotency_key == fill.order_key, table.c.cumulative_quantity == fill.cumulative_quantity)
        values = {
            "order_id": order_id,
            "idempotency_key": fill.order_key,
            "correlation_id": fill.correlation_id,
            "broker_fill_id": f"{fill.order_key[:12]}-{fill.cumulative_quantity}",
            "quantity": fill.quantity,
            "amount": fill.amount,
            "cumulative_quantity": fill.cumulative_quantity,
            "fee": fill.fee,
            "tax": fill.tax,
            "payload_json": json.dumps({"symbol": fill.symbol, "side": fill.side.value}, sort_keys=True),
            "created_at": fill.at,
        }
        if not self._insert_unless(table, known, values):
            return False
        order = schema.order_state
        fill_id = select(table.c.fill_id).where(known).scalar_subquery()
        self._write(update(order).where(order.c.idempotency_key == fill.order_key).values(fill_id=fill_id))
        return True

    def save_trade(self, trade: Trade) -> None:
        values = trade_to_row(trade)
        key = {"idempotency_key": values.pop("idempotency_key")}
        self._put(schema.trades, schema.trades.c.idempotency_key == trade.order_key, key, values)

    def trade(self, key: OrderKey) -> Trade | None:
        table = schema.trades
        row = self._read(select(table).where(table.c.idempotency_key == key)).one_or_none()
        return None if row is None else trade_from_row(row)

    def trades(self, first: date, last: date) -> tuple[Trade, ...]:
        table = schema.trades
        rows = self._read(
            select(table).where(table.c.trade_day.between(first, last)).order_by(table.c.executed_at, table.c.trade_id)
        )
        return tuple(trade_from_row(row) for row in rows)

    def last_stops(self) -> tuple[tuple[Symbol, date], ...]:
        table = schema.trades
        rows = self._read(
            select(table.c.symbol, func.max(table.c.trade_day))
            .where(table.c.rule == ExitReason.ATR_STOP_LOSS.value)
            .group_by(table.c.symbol)
            .order_by(table.c.symbol)
        )
        return tuple((Symbol(symbol), day) for symbol, day in rows)

    def all_orders(self) -> tuple[Order, ...]:
        return self._orders(select(schema.order_state))

    def all_trades(self) -> tuple[Trade, ...]:
        return self.trades(date.min, date.max)

    def count_fills(self) -> int:
        return int(self._read(select(func.count()).select_from(schema.fills)).scalar_one())

    def count_refused_requests(self) -> int:
        table = schema.orders
        return int(
            self._read(select(func.count()).select_from(table).where(table.c.idempotency_key.is_(None))).scalar_one()
        )
