"""A result as JSON: `bars`, `bars_per_second`, `trades`, `equity`, `metrics`, and what the run was."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Any

from kis_daemon.app.backtest.result import BacktestResult, BacktestTrade

_DECIMALS = 6


def as_json(result: BacktestResult) -> dict[str, Any]:
    """Return the result as plain values; money in won, ratios as parts of one."""
    return {
        "rule": result.rule,
        "fills": result.fills.value,
        "symbols": list(result.symbols),
        "from": result.first.isoformat(),
        "to": result.last.isoformat(),
        "start_cash": result.start_cash,
        "bars": result.bars,
        "seconds": round(result.seconds, _DECIMALS),
        "bars_per_second": round(result.bars_per_second, 1),
        "bars_that_matter": result.bars_that_matter,
        "orders_by_state": dict(sorted(Counter(order.state for order in result.orders).items())),
        "metrics": _rounded(asdict(result.metrics)),
        "equity": [
            {
                "date": day.day.isoformat(),
                "equity": day.equity,
                "cash": day.cash,
                "holdings_value": day.holdings_value,
            }
            for day in result.equity
        ],
        "trades": [_trade(trade) for trade in result.trades],
    }


def _trade(trade: BacktestTrade) -> dict[str, Any]:
    price = trade.price
    return {
        "date": trade.at.date().isoformat(),
        "time": trade.at.strftime("%H:%M:%S"),
        "symbol": trade.symbol,
        "name": trade.name,
        "side": trade.side.value,
        "price": int(price) if price == int(price) else round(price, 2),
        "quantity": trade.quantity,
        "amount": trade.amount,
        "fee": trade.fee,
        "tax": trade.tax,
        "reason": trade.rule,
        "numbers": trade.reason,
        "realized_pnl": trade.realized_pnl,
    }


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(part) for key, part in value.items()}
    return round(value, _DECIMALS) if isinstance(value, float) else value
