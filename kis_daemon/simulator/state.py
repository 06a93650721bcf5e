"""The simulated account on disk: one JSON file, replaced whole: a crash leaves the old one or the new one.

The days that are over never change; their part of the text is made once.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import Any

from kis_daemon.domain.calendar import KST
from kis_daemon.domain.costs import Costs
from kis_daemon.domain.market import Side, Symbol
from kis_daemon.simulator.account import Account, DaySums, HoldingRow
from kis_daemon.simulator.exchange import Exchange
from kis_daemon.simulator.market_state import market_of
from kis_daemon.simulator.requests import Channel, Request, RequestKind

VERSION = 1
# orders of days longer over than this are forgotten: the listing is asked for three months at most
KEPT_DAYS = 70


class StateError(ValueError):
    """The state file cannot be used; the message names it and says why."""


class StateFile:
    """Writes the state of an exchange to `path`, and nothing where that is None."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._past: dict[date, str] = {}

    def save(self, exchange: Exchange, now: datetime, desk: dict[str, Any] | None = None) -> None:
        """Replace the file by the present state; `desk` is what only the counter knows."""
        if self._path is None:
            return
        today = exchange.day.date if exchange.day is not None else None
        orders = []
        for day in list(exchange.orders.days)[-KEPT_DAYS:]:
            if day == today:
                orders.append(_orders_text(exchange, day))
                continue
            if day not in self._past:
                self._past[day] = _orders_text(exchange, day)
            orders.append(self._past[day])
        head = json.dumps(
            {
                "version": VERSION,
                "now": now.isoformat(),
                "day": today.isoformat() if today else None,
                "next_number": exchange.orders.next_number,
                "account": asdict(exchange.account),
                "market": market_of(exchange),
                "desk": desk,
            },
            default=date.isoformat,
        )
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_name(self._path.name + ".new")
        fresh.write_text(f'{head[:-1]}, "orders": {{{", ".join(orders)}}}}}\n', encoding="utf-8")
        fresh.replace(self._path)


def load(path: Path) -> dict[str, Any] | None:
    """Return the saved state as it was written, None where there is no file; `StateError` if it is unreadable."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    try:
        state = json.loads(text)
    except ValueError as error:
        raise StateError(f"{path}: expected the JSON that the simulator wrote ({error})") from None
    if not isinstance(state, dict) or state.get("version") != VERSION:
        raise StateError(f"{path}: expected a simulator state of version {VERSION}")
    return state


def saved_at(path: Path) -> datetime | None:
    """Return the moment of the last save: where a simulation that is continued begins."""
    state = load(path)
    return None if state is None else datetime.fromisoformat(state["now"]).astimezone(KST)


def account_of(state: dict[str, Any]) -> Account:
    """Return the account as it was saved."""
    saved = state["account"]
    return Account(
        cash=saved["cash"],
        unsettled=[(date.fromisoformat(day), amount) for day, amount in saved["unsettled"]],
        holdings={
            Symbol(symbol): HoldingRow(**{**row, "settles_on": date.fromisoformat(row["settles_on"])})
            for symbol, row in saved["holdings"].items()
        },
        held_back=saved["held_back"],
        today=DaySums(**saved["today"]),
        day_before=DaySums(**saved["day_before"]),
        opening_equity=saved["opening_equity"],
        day=date.fromisoformat(saved.get("day") or state["day"]) if state["day"] else date.min,
    )


def orders_of(state: dict[str, Any]) -> dict[date, list[Request]]:
    """Return the orders as they were saved, by day."""
    return {date.fromisoformat(day): [_order(row) for row in rows] for day, rows in state["orders"].items()}


def _orders_text(exchange: Exchange, day: date) -> str:
    rows = [asdict(request) for request in exchange.orders.days[day].values()]
    return f'"{day.isoformat()}": {json.dumps(rows, default=datetime.isoformat)}'


def _order(row: dict[str, Any]) -> Request:
    woken = row.get("triggered_at")
    return Request(
        **{
            **row,
            "kind": RequestKind(row["kind"]),
            "symbol": Symbol(row["symbol"]),
            "side": Side(row["side"]),
            "at": datetime.fromisoformat(row["at"]).astimezone(KST),
            "costs": Costs(**row["costs"]),
            "triggered_at": datetime.fromisoformat(woken).astimezone(KST) if woken else None,
            "channel": Channel(row.get("channel", Channel.API)),
        }
    )
