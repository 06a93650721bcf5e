"""Orders, fills and trades. What exists already is told by the statement's own result, never by looking first."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, or_, select, update

from kis_daemon.domain.approvals import OrderRequest
from kis_daemon.domain.exits import ExitReason
from kis_daemon.domain.market import Symbol
from kis_daemon.domain.orders import LIVE_STATES, Fill, Order, OrderIntent, OrderKey, OrderState
from kis_daemon.domain.positions import Trade
from kis_daemon.ports import StaleVersion, WriteRefused
from kis_daemon.store import schema
from kis_daemon.store.mapping import intent_payload, order_from_row, order_to_row, trade_from_row, trade_to_row
from kis_daemon.store.rows_base import BaseRows, same

_ORDER_STATUS = {
    OrderState.FILLED: "filled",
    OrderState.CANCELLED: "cancelled",
    OrderState.REJECTED: "rejected",
}

# Built once, not with every order
_STATE, _FILLS = schema.order_state, schema.fills
_KEY = ("idempotency_key",)
_CLAIMED = or_(same(_STATE, _KEY), same(_STATE, ("mode", "side", "signal_id")))
_BOOKED = same(_FILLS, ("idempotency_key", "cumulative_quantity"))
_ORDER = select(_STATE).where(same(_STATE, _KEY))
_ORDER_ID = select(schema.orders.c.order_id).where(same(schema.orders, _KEY))
_TRADE = select(schema.trades).where(same(schema.trades, _KEY))
_POINT_AT_FILL = (
    update(_STATE).where(same(_STATE, _KEY)).values(fill_id=select(_FILLS.c.fill_id).where(_BOOKED).scalar_subquery())
)


def begun_order(order: Order) -> dict[str, Any]:
    """Return the row of `orders` for an order that is claimed."""
    return {
        "idempotency_key": order.key,
        "correlation_id": order.intent.correlation_id,
        "status": "pending",
        "payload_json": intent_payload(order.intent),
        "created_at": order.created_at,
    }


def order_outcome(order: Order) -> dict[str, Any]:
    """Return what of that row follows the order."""
    return {"status": _ORDER_STATUS.get(order.state, "pending"), "broker_order_id": order.order_no}


def booked_fill(fill: Fill, order_id: int) -> dict[str, Any]:
    """Return the row of `fills`."""
    return {
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


class OrderRows(BaseRows):
    """The part of `ports.Rows` that deals with orders and what became of them."""

    def claim_order(self, order: Order) -> bool:
        if not self._insert_unless(schema.order_state, _CLAIMED, order_to_row(order)):
            return False
        self._insert(schema.orders, begun_order(order))
        return True

    def save_order(self, order: Order) -> None:
        values = order_to_row(order)
        before = {"idempotency_key": values.pop("idempotency_key"), "version": order.version - 1}
        if self._update(schema.order_state, before, values) != 1:
            raise StaleVersion(f"order {order.key[:12]}: version {order.version - 1} is not what is stored")
        self._update(schema.orders, {"idempotency_key": order.key}, order_outcome(order))

    def add_refused_request(self, intent: OrderIntent | OrderRequest, at: datetime, reason: str) -> None:
        payload = json.loads(intent_payload(intent)) | {"refused": reason}
        self._insert(
            schema.orders,
            {
                "correlation_id": intent.correlation_id,
                "status": "rejected",
                "payload_json": json.dumps(payload, sort_keys=True, ensure_ascii=False),
                "created_at": at,
            },
        )

    def order(self, key: OrderKey) -> Order | None:
        row = self._read(_ORDER, {"its_idempotency_key": key}).one_or_none()
        return None if row is None else order_from_row(row)

    def first_order_day(self, mode: str) -> date | None:
        table = schema.order_state
        reached = select(func.min(table.c.order_day)).where(table.c.mode == mode, table.c.order_no.is_not(None))
        first: date | None = self._read(reached).scalar_one_or_none()
        return first

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
        order_id = self._read(_ORDER_ID, {"its_idempotency_key": fill.order_key}).scalar_one_or_none()
        if order_id is None:
            raise WriteRefused(f"fill of order {fill.order_key[:12]}: there is no such order")
        if not self._insert_unless(schema.fills, _BOOKED, booked_fill(fill, order_id)):
            return False
        known = {"idempotency_key": fill.order_key, "cumulative_quantity": fill.cumulative_quantity}
        self._write(_POINT_AT_FILL, {f"its_{name}": value for name, value in known.items()})
        return True

    def save_trade(self, trade: Trade) -> None:
        values = trade_to_row(trade)
        key = {"idempotency_key": values.pop("idempotency_key")}
        self._put(schema.trades, key, values)

    def trade(self, key: OrderKey) -> Trade | None:
        row = self._read(_TRADE, {"its_idempotency_key": key}).one_or_none()
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
