"""How things stood at a moment: positions, open orders, gate and day, from the facts up to then (S0-A06).

Pure: facts in, state out. The order of the facts is the chain's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, TypeAlias

from kis_daemon.domain.calendar import KST

FactRow: TypeAlias = "tuple[datetime, str, str, str, Mapping[str, Any]]"
"""Moment, type, correlation id, actor, payload."""

ENDS = ("order_cancelled", "order_rejected", "order_withdrawn", "order_expired", "order_not_found")
STATES = {
    "order_requested": "PENDING",
    "order_submitted": "SUBMITTED",
    "order_unconfirmed": "UNCONFIRMED",
    "order_found": "SUBMITTED",
}
POSITIONS = ("position_opened", "position_changed", "position_closed", "position_mismatch", "position_rebased")
ASKED = (
    *ENDS,
    *STATES,
    *POSITIONS,
    "order_filled",
    "gate_changed",
    "daemon_started",
    "daemon_stopped",
    "daily_summary",
)


@dataclass(slots=True)
class StateThen:
    """What the facts come to. Entries of `positions` and `orders` are payloads, the newest values over the older."""

    gate: str = ""
    gate_reasons: str = ""
    gate_since: datetime | None = None
    runs_since: datetime | None = None
    positions: dict[str, dict[str, Any]] = field(default_factory=dict)
    orders: dict[tuple[str, str, str], dict[str, Any]] = field(default_factory=dict)
    day: date = date.min
    realized: int = 0
    buys: int = 0
    sells: int = 0
    fees: int = 0
    last_summary: Mapping[str, Any] | None = None


def state_then(facts: Iterable[FactRow], at: datetime) -> StateThen:
    """Return the state that the facts up to `at` come to."""
    state = StateThen(day=at.astimezone(KST).date())
    filled: set[str] = set()
    for when, kind, correlation_id, _, told in facts:
        if when > at:
            continue
        slot = (correlation_id, str(told.get("symbol", "")), str(told.get("side", "")))
        if kind in STATES:
            state.orders[slot] = {**state.orders.get(slot, {}), **told, "state": STATES[kind]}
        elif kind in ENDS:
            state.orders.pop(slot, None)
        elif kind == "order_filled":
            _take_fill(state, slot, told, is_today=when.astimezone(KST).date() == state.day, filled=filled)
        elif kind in POSITIONS:
            _take_position(state, kind, told)
        elif kind == "gate_changed":
            state.gate, state.gate_reasons, state.gate_since = told["gate"], told["reasons"], when
        elif kind == "daemon_started":
            state.runs_since = when
        elif kind == "daemon_stopped":
            state.runs_since = None
            state.gate, state.gate_reasons, state.gate_since = "HALTED", "stopped", when
        elif kind == "daily_summary":
            state.last_summary = told
    return state


def _take_fill(
    state: StateThen, slot: tuple[str, str, str], told: Mapping[str, Any], *, is_today: bool, filled: set[str]
) -> None:
    if told["cumulative_quantity"] >= told["order_quantity"]:
        state.orders.pop(slot, None)
    elif slot in state.orders:
        state.orders[slot] |= {"state": "PARTIAL", "filled": told["cumulative_quantity"]}
    if not is_today:
        return
    if told["order_key"] not in filled:
        filled.add(told["order_key"])
        state.buys += told["side"] == "BUY"
        state.sells += told["side"] == "SELL"
    state.realized += told["realized_pnl"] or 0
    state.fees += told["fee"] + told["tax"]


def _take_position(state: StateThen, kind: str, told: Mapping[str, Any]) -> None:
    symbol = told["symbol"]
    if kind == "position_rebased" and told["quantity"] and symbol in state.positions:
        state.positions[symbol] = state.positions[symbol] | dict(told)
    elif kind in ("position_closed", "position_rebased") or (kind == "position_mismatch" and not told["theirs"]):
        state.positions.pop(symbol, None)
    elif kind != "position_mismatch":
        state.positions[symbol] = dict(told)
    elif symbol in state.positions and told["theirs"] < told["ours"]:  # more than ours are not ours
        before = state.positions[symbol]
        state.positions[symbol] = before | {
            "quantity": told["theirs"],
            "cost": before["cost"] * told["theirs"] // told["ours"],
        }
