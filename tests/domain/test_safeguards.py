"""The kill switch and the gate: every condition, every reason, and what passes."""

from __future__ import annotations

from dataclasses import fields
from itertools import product
from typing import Any

import pytest

from kis_daemon.domain.market import Side
from kis_daemon.domain.safeguards import (
    NEVER_RELEASED,
    TRIGGER_SOURCES,
    AutomaticStop,
    Conditions,
    Gate,
    GateView,
    KillSwitch,
    KillSwitchScope,
    KillSwitchStatus,
    StopCause,
    gate,
    widest,
)
from tests.domain.builders import at


def a_switch(status: KillSwitchStatus, scope: KillSwitchScope = KillSwitchScope.ALL) -> KillSwitch:
    return KillSwitch(status=status, scope=scope, reason="r", actor="operator", since=at("08:00"))


RELEASED = a_switch(KillSwitchStatus.INACTIVE)
STOPPED = a_switch(KillSwitchStatus.ACTIVE)
NO_ENTRIES = a_switch(KillSwitchStatus.ACTIVE, KillSwitchScope.ENTRIES)

HALTING: list[tuple[dict[str, Any], str]] = [
    ({"kill_switch": STOPPED}, "kill_switch"),
    ({"stopping": True}, "stopping"),
    ({"ever_reconciled": False}, "never_reconciled"),
]
CLOSING: list[tuple[dict[str, Any], str]] = [
    ({"kill_switch": NO_ENTRIES}, "kill_switch_entries"),
    ({"reconciliation_current": False}, "reconciliation_old"),
    ({"broker_reachable": False}, "broker_unreachable"),
    ({"paused": True}, "paused"),
    ({"daily_loss_reached": True}, "daily_loss"),
    ({"losses_in_a_row_reached": True}, "consecutive_losses"),
    ({"loss_breaker_open": True}, "loss_breaker"),
    ({"api_breaker_open": True}, "api_breaker"),
    ({"quotes_fresh": False}, "quotes_stale"),
    ({"calendar_covers_today": False}, "calendar_not_covered"),
    ({"calendar_agrees": False}, "calendar_disagrees"),
    ({"universe_ready": False}, "universe_not_ready"),
    ({"store_writable": False}, "store_not_writable"),
    ({"order_evidence_sound": False}, "order_evidence_in_doubt"),
    ({"ready": False}, "not_ready"),
]


def under(*changes: dict[str, Any]) -> GateView:
    found: dict[str, Any] = {"kill_switch": RELEASED}
    for change in changes:
        found |= change
    return gate(Conditions(**found))


def test_a_healthy_daemon_lets_everything_through() -> None:
    assert under() == GateView(gate=Gate.OPEN, reasons=())


@pytest.mark.parametrize(("change", "reason"), HALTING)
def test_each_halting_condition_halts_and_says_so(change: dict[str, Any], reason: str) -> None:
    assert under(change) == GateView(gate=Gate.HALTED, reasons=(reason,))


@pytest.mark.parametrize(("change", "reason"), CLOSING)
def test_each_closing_condition_leaves_exits_only_and_says_so(change: dict[str, Any], reason: str) -> None:
    assert under(change) == GateView(gate=Gate.EXIT_ONLY, reasons=(reason,))


def test_every_condition_is_one_of_those() -> None:
    told = {name for change, _ in (*HALTING, *CLOSING) for name in change}

    assert told == {field.name for field in fields(Conditions)}


@pytest.mark.parametrize(("halting", "closing"), list(product(HALTING, CLOSING[1:])))
def test_a_halt_is_stronger_than_any_closing(
    halting: tuple[dict[str, Any], str], closing: tuple[dict[str, Any], str]
) -> None:
    assert under(halting[0], closing[0]) == GateView(gate=Gate.HALTED, reasons=(halting[1],))


def test_all_reasons_of_a_gate_are_told_in_one_order() -> None:
    assert under(*(change for change, _ in HALTING)).reasons == tuple(reason for _, reason in HALTING)
    assert under(*(change for change, _ in reversed(CLOSING))).reasons == tuple(reason for _, reason in CLOSING)


@pytest.mark.parametrize(
    ("opening", "buys", "sells"),
    [(Gate.OPEN, True, True), (Gate.EXIT_ONLY, False, True), (Gate.HALTED, False, False)],
)
def test_what_a_gate_lets_through(opening: Gate, buys: bool, sells: bool) -> None:
    view = GateView(gate=opening)

    assert (view.lets(Side.BUY), view.lets(Side.SELL)) == (buys, sells)


def test_no_record_means_stopped() -> None:
    assert NEVER_RELEASED.is_active
    assert NEVER_RELEASED.since is None
    assert gate(Conditions(kill_switch=NEVER_RELEASED)) == GateView(gate=Gate.HALTED, reasons=("kill_switch",))


@pytest.mark.parametrize(
    ("switch", "buys", "sells"),
    [(RELEASED, True, True), (NO_ENTRIES, False, True), (STOPPED, False, False), (NEVER_RELEASED, False, False)],
)
def test_the_switch_and_the_gate_forbid_the_same(switch: KillSwitch, buys: bool, sells: bool) -> None:
    view = gate(Conditions(kill_switch=switch))

    for side, free in ((Side.BUY, buys), (Side.SELL, sells)):
        assert switch.forbids(side) is not free
        assert view.lets(side) is free


def test_a_released_switch_of_either_scope_forbids_nothing() -> None:
    released = a_switch(KillSwitchStatus.INACTIVE, KillSwitchScope.ENTRIES)

    assert not any(released.forbids(side) for side in Side)
    assert gate(Conditions(kill_switch=released)).gate is Gate.OPEN


@pytest.mark.parametrize("cause", StopCause)
def test_nothing_automatic_can_choose_a_scope(cause: StopCause) -> None:
    stop = AutomaticStop(cause=cause, reason="r")

    assert "scope" not in {field.name for field in fields(AutomaticStop)}
    assert stop.switch(at("10:00")).scope is KillSwitchScope.ENTRIES
    assert not stop.switch(at("10:00")).forbids(Side.SELL)
    assert TRIGGER_SOURCES[cause]


@pytest.mark.parametrize(
    ("first", "second", "wins"),
    [
        (RELEASED, NO_ENTRIES, NO_ENTRIES),
        (NO_ENTRIES, STOPPED, STOPPED),
        (STOPPED, NO_ENTRIES, STOPPED),
        (NO_ENTRIES, RELEASED, NO_ENTRIES),
        (STOPPED, NEVER_RELEASED, STOPPED),
    ],
)
def test_two_switches_together_are_the_wider_one(first: KillSwitch, second: KillSwitch, wins: KillSwitch) -> None:
    assert widest(first, None, second) is wins


@pytest.mark.parametrize(
    ("conditions", "passes"),
    [
        ({"kill_switch": STOPPED}, True),
        ({"kill_switch": STOPPED, "paused": True}, True),
        ({"kill_switch": NO_ENTRIES}, True),
        ({}, True),
        ({"kill_switch": STOPPED, "stopping": True}, False),
        ({"kill_switch": STOPPED, "ever_reconciled": False}, False),
        ({"stopping": True}, False),
    ],
)
def test_a_close_all_passes_the_switch_and_nothing_else(conditions: dict[str, Any], passes: bool) -> None:
    assert gate(Conditions(**({"kill_switch": RELEASED} | conditions))).lets_close_all() is passes
