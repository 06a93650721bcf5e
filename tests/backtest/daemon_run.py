"""The same days through the daemon on the embedded simulator, and every difference to a backtest."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from kis_daemon.app.backtest.result import BacktestResult
from kis_daemon.domain.market import Symbol
from kis_daemon.services.bookkeeper import shown_price
from tests.conftest import ROOT
from tests.e2e.processes import LONGEST_RUN_S, environment
from tests.e2e.records import summary_of

Row = tuple[Any, ...]

_ORDERS = "SELECT created_at, symbol, side, quantity, price, filled_quantity, status, rule FROM order_state"


def daemon_summary(
    home: Path, prices: Path, symbols: Sequence[Symbol], first: date, days: int, longest_s: float = LONGEST_RUN_S
) -> tuple[dict[str, Any], list[Row]]:
    """Return the summary of the daemon's run, and the orders that its database holds."""
    arguments = [
        *("--mode", "trade", "--symbols", ",".join(symbols), "--sim-prices", prices, "--sim-speed", "0"),
        *("--sim-start", first.isoformat(), "--sim-days", str(days), "--config-dir", ROOT / "config"),
        *("--data-dir", home / "data", "--summary-json", home / "summary.json"),
    ]
    ended = subprocess.run(
        [sys.executable, str(ROOT / "main.py"), *map(str, arguments)],
        cwd=home,
        env=environment(home),
        capture_output=True,
        text=True,
        timeout=longest_s,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    with closing(sqlite3.connect(home / "data" / "simulated.db")) as database:
        orders = database.execute(_ORDERS).fetchall()
    return summary_of(home / "summary.json"), orders


def in_utc(at: datetime) -> str:
    """Return a moment as the database keeps it."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"


def compared(result: BacktestResult, summary: dict[str, Any], orders: list[Row]) -> list[str]:
    """Return every order and trade that only one of the two has, and a difference in what is left."""
    theirs: dict[str, list[Row]] = {
        "trade": [
            (t["date"], t["time"], t["symbol"], t["side"], t["quantity"], t["price"], t["reason"], t["numbers"])
            for t in summary["trades"]
        ],
        "order": [(str(order[0]), *order[1:]) for order in orders],
        "account": [(summary["cash"], summary["holdings_value"])],
    }
    ours: dict[str, list[Row]] = {
        "trade": [
            (
                f"{t.at:%Y-%m-%d}",
                f"{t.at:%H:%M:%S}",
                t.symbol,
                t.side.value,
                t.quantity,
                shown_price(t.amount, t.quantity),
                t.rule,
                t.reason,
            )
            for t in result.trades
        ],
        "order": [
            (
                in_utc(o.at),
                o.symbol,
                o.side.value,
                o.quantity,
                o.price,
                o.filled_quantity,
                o.state,
                o.rule,
            )
            for o in result.orders
        ],
        "account": [(result.equity[-1].cash, result.equity[-1].holdings_value)],
    }
    return [
        f"{kind} only in the {who}: {row}"
        for kind in ours
        for who, rows, others in (("daemon", theirs[kind], ours[kind]), ("backtest", ours[kind], theirs[kind]))
        for row in sorted(set(rows) - set(others), key=str)
    ]
