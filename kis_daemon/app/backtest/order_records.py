"""What the fast rule orders, written down as the daemon writes: claim, outcome, fill, trade, and facts in a chain.

Rules of this room
    Every order goes through the domain's own table of moves and the `Rows` of the records; nothing is rounded off.
    It passes no door: nobody approved it, no broker gave it its number, and no fact says that it was submitted. A
    reader sees that by its mode too. The answer and the fill are of one moment, the open at which it is traded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from kis_daemon.app.backtest.result import BacktestTrade
from kis_daemon.domain.events import Event, Scalar
from kis_daemon.domain.market import Market, Side
from kis_daemon.domain.orders import (
    Fill,
    Happening,
    Order,
    OrderIntent,
    OrderNo,
    OrderState,
    OrderType,
    move,
    order_key,
    signal_id,
)
from kis_daemon.domain.positions import Trade
from kis_daemon.store.memory import MemoryRecords, MemoryRows

MODE = "BACKTEST"


class OrderRecords:
    """Keeps the orders of a run in `records`."""

    def __init__(self, records: MemoryRecords) -> None:
        self._records = records
        self._last_no = 0

    def keep(self, trade: BacktestTrade, market: Market) -> None:
        """Write down an order and what became of it, in one transaction: there is no wire in between."""
        day = trade.at.date()
        signal = signal_id(day, trade.symbol, trade.rule, 1, 1)
        self._last_no += 1
        intent = OrderIntent(
            symbol=trade.symbol,
            market=market,
            side=trade.side,
            quantity=trade.quantity,
            order_type=OrderType.MARKET,
            price=None,
            signal_id=signal,
            rule=trade.rule,
            reason=trade.reason,
            correlation_id=signal,
            entry_seq=1,
            atr=0.0,
        )
        pending = Order(
            key=order_key(MODE, intent),
            mode=MODE,
            intent=intent,
            state=OrderState.PENDING,
            day=day,
            created_at=trade.at,
            updated_at=trade.at,
        )
        number = OrderNo(str(self._last_no))

        def work(rows: MemoryRows) -> None:
            _claim(rows, pending, trade)
            _fill(rows, pending, trade, number)

        self._records.transact_now(work)


def _claim(rows: MemoryRows, order: Order, trade: BacktestTrade) -> None:
    rows.claim_order(order)
    told: dict[str, Scalar] = {
        "symbol": trade.symbol,
        "name": trade.name,
        "side": trade.side.value,
        "quantity": trade.quantity,
        "order_type": order.intent.order_type.value,
        "price": None,
        "rule": trade.rule,
        "reason": trade.reason,
        "signal_id": order.intent.signal_id,
        "order_key": order.key,
    }
    rows.append(_fact("order_requested", order, told))


def _fill(rows: MemoryRows, pending: Order, trade: BacktestTrade, number: OrderNo) -> None:
    submitted = replace(pending, state=move(pending.state, Happening.ACCEPTED), order_no=number, version=2)
    rows.save_order(submitted)
    rows.save_order(
        replace(
            submitted,
            state=move(submitted.state, Happening.FILLED),
            filled_quantity=trade.quantity,
            filled_amount=trade.amount,
            version=3,
        )
    )
    rows.add_fill(
        Fill(
            order_key=pending.key,
            symbol=trade.symbol,
            side=trade.side,
            quantity=trade.quantity,
            amount=trade.amount,
            cumulative_quantity=trade.quantity,
            fee=trade.fee,
            tax=trade.tax,
            at=trade.at,
            correlation_id=pending.intent.correlation_id,
        )
    )
    rows.save_trade(
        Trade(
            order_key=pending.key,
            symbol=trade.symbol,
            name=trade.name,
            side=trade.side,
            quantity=trade.quantity,
            amount=trade.amount,
            fee=trade.fee,
            tax=trade.tax,
            realized_pnl=trade.realized_pnl,
            rule=trade.rule,
            reason=trade.reason,
            correlation_id=pending.intent.correlation_id,
            at=trade.at,
        )
    )
    told: dict[str, Scalar] = {
        "symbol": trade.symbol,
        "side": trade.side.value,
        "order_key": pending.key,
        "name": trade.name,
        "quantity": trade.quantity,
        "price": trade.amount // trade.quantity,
        "amount": trade.amount,
        "fee": trade.fee,
        "tax": trade.tax,
        "cumulative_quantity": trade.quantity,
        "order_quantity": trade.quantity,
        "rule": trade.rule,
        "realized_pnl": trade.realized_pnl if trade.side is Side.SELL else None,
    }
    rows.append(_fact("order_filled", pending, told))


def _fact(kind: str, order: Order, told: Mapping[str, Scalar]) -> Event:
    return Event(at=order.created_at, type=kind, correlation_id=order.intent.correlation_id, payload=told)
