"""How things stood at a moment, from the facts up to then and no later one."""

from __future__ import annotations

from typing import Any

from kis_daemon.services.audit_state import FactRow, StateThen, state_then
from tests.services.builders import YESTERDAY, at

SLOT = {"symbol": "005930", "side": "BUY"}


def fact(clock: str, kind: str, *, correlation: str = "c1", **told: Any) -> FactRow:
    return (at(clock), kind, correlation, "engine", told)


def a_fill(clock: str, cumulative: int, *, side: str = "BUY", pnl: int | None = None) -> FactRow:
    told: dict[str, Any] = {
        "symbol": "005930",
        "side": side,
        "order_key": f"k-{side}",
        "realized_pnl": pnl,
        "fee": 10,
        "tax": 5,
    }
    return fact(clock, "order_filled", cumulative_quantity=cumulative, order_quantity=10, **told)


DAY = [
    fact("08:00", "daemon_started", mode="PAPER"),
    fact("08:01", "gate_changed", gate="OPEN", reasons=""),
    fact("09:00", "order_requested", quantity=10, price=100, **SLOT),
    fact("09:01", "order_submitted", order_no="7", **SLOT),
    a_fill("09:02", 4),
    fact("09:02", "position_opened", symbol="005930", quantity=4, cost=400, stop=90, target=130),
    a_fill("09:03", 10),
    fact("09:03", "position_changed", symbol="005930", quantity=10, cost=1_000, stop=90, target=130),
    fact("10:00", "position_mismatch", symbol="005930", ours=10, theirs=6),
    fact("11:00", "order_requested", quantity=6, price=None, symbol="005930", side="SELL"),
    fact("11:01", "order_cancelled", symbol="005930", side="SELL"),
    a_fill("12:00", 10, side="SELL", pnl=-77),
    fact("12:00", "position_closed", symbol="005930"),
    fact("15:40", "daemon_stopped", reason="asked to stop"),
]


def state_at(clock: str) -> StateThen:
    return state_then(DAY, at(clock))


def test_an_order_is_open_from_its_record_to_its_end() -> None:
    states = {clock: [told["state"] for told in state_at(clock).orders.values()] for clock in
              ("08:59", "09:00", "09:01", "09:02", "09:03", "11:00", "11:01")}  # fmt: skip

    assert list(states.values()) == [[], ["PENDING"], ["SUBMITTED"], ["PARTIAL"], [], ["PENDING"], []]


def test_a_position_is_what_the_last_fact_left_of_it() -> None:
    held = [state_at(clock).positions.get("005930", {}) for clock in ("09:01", "09:02", "09:59", "10:00", "12:00")]

    assert [(told.get("quantity"), told.get("cost")) for told in held] == [
        (None, None), (4, 400), (10, 1_000), (6, 600), (None, None)
    ]  # fmt: skip


def test_the_days_figures_count_each_order_once_and_its_day_only() -> None:
    state = state_at("12:00")
    before = state_then(DAY, at("12:00", YESTERDAY))

    assert (state.buys, state.sells, state.realized, state.fees) == (1, 1, -77, 45)
    assert (before.buys, before.realized, before.runs_since) == (0, 0, None)


def test_a_daemon_that_stopped_sends_nothing() -> None:
    running, stopped = state_at("15:39"), state_at("15:41")

    assert (running.gate, running.runs_since) == ("OPEN", at("08:00"))
    assert (stopped.gate, stopped.runs_since) == ("HALTED", None)


def test_more_shares_than_ours_are_not_ours() -> None:
    facts = [DAY[5], fact("10:00", "position_mismatch", symbol="005930", ours=4, theirs=8)]

    assert state_then(facts, at("10:01")).positions["005930"]["quantity"] == 4
