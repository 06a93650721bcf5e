"""What a run came to: read from the records, the board and, in the simulator, held against its own account."""

from __future__ import annotations

import resource
from collections.abc import Mapping
from typing import Any

from kis_daemon.app.house import House
from kis_daemon.domain.performance import orders_by_state, percentile, perform
from kis_daemon.domain.positions import Trade
from kis_daemon.services.bookkeeper import shown_price
from kis_daemon.store.rows import SqlRows


def summarize(
    house: House,
    rows: SqlRows,
    *,
    exit_code: int,
    days: int,
    simulator_account: Mapping[str, object] | None,
) -> dict[str, Any]:
    """Return the summary; money in won, latencies in milliseconds, memory in MiB.

    `cash` is our own ledger of every won booked, `holdings_value` what is held at the last prices seen: both are ours,
    so that their equality with `simulator_account` says something.
    """
    trades = rows.all_trades()
    positions = tuple(house.book.positions.values())
    prices = house.board.prices(house.book.positions)
    result = perform(trades, [position for position in positions if position.symbol in prices], prices)
    cash = house.book.ledger_cash if house.book.ledger_cash is not None else house.book.statement_cash
    latencies = house.synchronizer.tick_to_order_ms
    summary: dict[str, Any] = {
        "exit_code": exit_code,
        "days": days,
        "trades": [_trade(trade) for trade in trades],
        "orders_by_state": orders_by_state(rows.all_orders()),
        "refused_requests": rows.count_refused_requests(),
        "fills": rows.count_fills(),
        "realized_pnl": result.realized_pnl,
        "open_pnl": result.open_pnl,
        "fees": result.fees,
        "tax": result.tax,
        "cash": cash,
        "holdings_value": result.holdings_value,
        "equity": cash + result.holdings_value,
        "unexplained_cash": house.reconciler.unexplained_cash,
        "positions": [
            {
                "symbol": position.symbol,
                "name": position.name,
                "quantity": position.quantity,
                "average_price": shown_price(position.cost, position.quantity),
                "price": prices.get(position.symbol),
                "stop": position.stop,
                "target": position.target,
            }
            for position in positions
        ],
        "journal_hash": rows.chain_head(),
        "events": rows.count_events(),
        "tick_to_order_ms": {"p50": _rounded(latencies, 0.5), "p99": _rounded(latencies, 0.99)},
        "rss_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }
    if simulator_account is not None:
        summary["simulator_account"] = {
            "cash": simulator_account["cash"],
            "holdings": simulator_account["holdings"],
            "holdings_value": simulator_account["holdings_value"],
        }
    return summary


def _trade(trade: Trade) -> dict[str, Any]:
    return {
        "symbol": trade.symbol,
        "name": trade.name,
        "side": trade.side.value,
        "date": trade.at.date().isoformat(),
        "time": trade.at.strftime("%H:%M:%S"),
        "price": shown_price(trade.amount, trade.quantity),
        "quantity": trade.quantity,
        "reason": trade.rule,
        "numbers": trade.reason,
        "realized_pnl": trade.realized_pnl,
        "order_key": trade.order_key,
    }


def _rounded(values: list[float], share: float) -> float | None:
    found = percentile(values, share)
    return None if found is None else round(found, 3)
