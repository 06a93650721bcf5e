"""Between rows and values: one pair of functions a value."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

from sqlalchemy import Row

from kis_daemon.domain.approvals import OrderRequest, Proposal
from kis_daemon.domain.calendar import KST
from kis_daemon.domain.market import Market, Side, Symbol
from kis_daemon.domain.orders import Order, OrderIntent, OrderKey, OrderNo, OrderState, OrderType, SignalId
from kis_daemon.domain.positions import Position, Trade

_written = json.JSONEncoder(sort_keys=True, ensure_ascii=False).encode  # made once: it costs more than a short text
_INTENT = tuple(field.name for field in fields(OrderIntent))
_REQUEST = tuple(field.name for field in fields(OrderRequest))


def _plain(intent: OrderIntent | OrderRequest) -> dict[str, Any]:
    """Return the fields by name; plain values all, so that nothing has to be copied in depth."""
    names = _INTENT if isinstance(intent, OrderIntent) else _REQUEST
    return {name: getattr(intent, name) for name in names}


def intent_payload(intent: OrderIntent | OrderRequest) -> str:
    """Return the intent as key-sorted JSON."""
    return _written(_plain(intent))


def proposal_payload(proposal: Proposal) -> str:
    """Return what a proposal is about, with its terms where a person decides, as key-sorted JSON."""
    payload = _plain(proposal.intent)
    if proposal.terms is not None:
        payload["expires_at"] = proposal.terms.expires_at.isoformat()
        payload["lowest_price"] = proposal.terms.lowest_price
    return json.dumps(payload, sort_keys=True, ensure_ascii=False)


def order_to_row(order: Order) -> dict[str, Any]:
    intent = order.intent
    return {
        "idempotency_key": order.key,
        "mode": order.mode,
        "signal_id": intent.signal_id,
        "correlation_id": intent.correlation_id,
        "symbol": intent.symbol,
        "market": intent.market.value,
        "entry_seq": intent.entry_seq,
        "atr": intent.atr,
        "side": intent.side.value,
        "quantity": intent.quantity,
        "order_type": intent.order_type.value,
        "price": intent.price,
        "rule": intent.rule,
        "reason": intent.reason,
        "status": order.state.value,
        "order_day": order.day,
        "order_no": order.order_no,
        "branch_no": order.branch_no,
        "filled_quantity": order.filled_quantity,
        "filled_amount": order.filled_amount,
        "refusal": order.refusal,
        "created_at": order.created_at,
        "updated_at": order.updated_at,
        "version": order.version,
    }


def order_from_row(row: Row[Any]) -> Order:
    return Order(
        key=OrderKey(row.idempotency_key),
        mode=row.mode,
        intent=OrderIntent(
            symbol=Symbol(row.symbol),
            market=Market(row.market),
            side=Side(row.side),
            quantity=row.quantity,
            order_type=OrderType(row.order_type),
            price=row.price,
            signal_id=SignalId(row.signal_id),
            rule=row.rule,
            reason=row.reason,
            correlation_id=row.correlation_id,
            entry_seq=row.entry_seq,
            atr=row.atr,
        ),
        state=OrderState(row.status),
        day=row.order_day,
        created_at=row.created_at.astimezone(KST),
        updated_at=row.updated_at.astimezone(KST),
        order_no=None if row.order_no is None else OrderNo(row.order_no),
        branch_no=row.branch_no,
        filled_quantity=row.filled_quantity,
        filled_amount=row.filled_amount,
        refusal=row.refusal,
        version=row.version,
    )


def trade_to_row(trade: Trade) -> dict[str, Any]:
    return {
        "idempotency_key": trade.order_key,
        "correlation_id": trade.correlation_id,
        "symbol": trade.symbol,
        "stock_name": trade.name,
        "side": trade.side.value,
        "quantity": trade.quantity,
        "amount": trade.amount,
        "fee": trade.fee,
        "tax": trade.tax,
        "realized_pnl": trade.realized_pnl,
        "rule": trade.rule,
        "reason": trade.reason,
        "trade_day": trade.at.astimezone(KST).date(),
        "executed_at": trade.at,
    }


def trade_from_row(row: Row[Any]) -> Trade:
    return Trade(
        order_key=OrderKey(row.idempotency_key),
        symbol=Symbol(row.symbol),
        name=row.stock_name,
        side=Side(row.side),
        quantity=row.quantity,
        amount=row.amount,
        fee=row.fee,
        tax=row.tax,
        realized_pnl=row.realized_pnl,
        rule=row.rule,
        reason=row.reason,
        correlation_id=row.correlation_id,
        at=row.executed_at.astimezone(KST),
    )


def position_to_row(position: Position) -> dict[str, Any]:
    return {
        "symbol": position.symbol,
        "stock_name": position.name,
        "market": position.market.value,
        "quantity": position.quantity,
        "cost": position.cost,
        "fees": position.fees,
        "atr": position.atr,
        "stop": position.stop,
        "target": position.target,
        "highest": position.highest,
        "trailing_armed": position.trailing_armed,
        "entry_day": position.entry_day,
        "entry_seq": position.entry_seq,
        "opened_at": position.opened_at,
        "correlation_id": position.correlation_id,
        "version": position.version,
    }


def position_from_row(row: Row[Any]) -> Position:
    return Position(
        symbol=Symbol(row.symbol),
        name=row.stock_name,
        market=Market(row.market),
        quantity=row.quantity,
        cost=row.cost,
        fees=row.fees,
        atr=row.atr,
        stop=row.stop,
        target=row.target,
        highest=row.highest,
        trailing_armed=row.trailing_armed,
        entry_day=row.entry_day,
        entry_seq=row.entry_seq,
        opened_at=row.opened_at.astimezone(KST),
        correlation_id=row.correlation_id,
        version=row.version,
    )
