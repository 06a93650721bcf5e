"""What stops entries without a person: each cause from the fact it hears, and never more than entries."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kis_daemon.domain.market import Side
from kis_daemon.domain.safeguards import AutomaticStop, Gate, KillSwitchScope, StopCause
from kis_daemon.ports import FeedState, MarketClosed, OrderRefused, Severity
from kis_daemon.services.operator_answers import Source
from tests.conftest import ROOT
from tests.services.builders import HYNIX, SAMSUNG, a_position, a_trade
from tests.services.trading import Floor, a_floor

STOP = 67_900


@pytest.fixture
def floor(tmp_path: Path) -> Iterator[Floor]:
    with a_floor(tmp_path) as made:
        made.journal.observe(made.stops.on_fact)
        yield made


def reject(floor: Floor, times: int, *, every_s: float = 1.0, severity: Severity = Severity.ERROR) -> None:
    for _ in range(times):
        floor.journal.note(floor.journal.fact("order_rejected", severity=severity, reason="no"))
        floor.pass_time(every_s)


def leave_unanswered(floor: Floor, times: int) -> None:
    for _ in range(times):
        floor.journal.note(floor.journal.fact("order_unconfirmed", reason="no answer"))
        floor.pass_time(1)


def lose(floor: Floor) -> None:
    floor.book.put_trade(a_trade("0" * 64, realized_pnl=-500_000))  # type: ignore[arg-type]  # any key
    floor.run(floor.control.refresh())


def lose_shares(floor: Floor) -> None:
    """Have most of what we hold be gone from the account, twice in a row."""
    floor.holds(a_position())
    floor.broker.hold(SAMSUNG, 2, 140_000)
    for _ in range(2):
        floor.reconcile()
        floor.pass_time(11)


CAUSES: tuple[tuple[StopCause, Callable[[Floor], None]], ...] = (
    (StopCause.REPEATED_REJECTS, lambda floor: reject(floor, 10)),
    (StopCause.UNKNOWN_ORDERS, lambda floor: leave_unanswered(floor, 5)),
    (StopCause.HARD_LOSS, lose),
    (StopCause.EQUITY_MISMATCH, lose_shares),
    (
        StopCause.STREAM_KEY_IN_USE,
        lambda floor: floor.control.on_feed_state(FeedState(connected=False, reason="OPSP8996", key_in_use=True)),
    ),
    (
        StopCause.DRAWDOWN,
        lambda floor: floor.journal.note(
            floor.journal.fact("circuit_breaker_opened", trigger="max_drawdown", threshold=15.0, actual=15.2)
        ),
    ),
)


@pytest.mark.parametrize(("cause", "happens"), CAUSES, ids=[cause for cause, _ in CAUSES])
def test_each_cause_stops_entries_at_once_and_leaves_exits(
    floor: Floor, cause: StopCause, happens: Callable[[Floor], None]
) -> None:
    happens(floor)
    at_once = floor.control.switch
    floor.run(floor.control.refresh())
    floor.holds(a_position(symbol=HYNIX))
    floor.price(STOP, symbol=HYNIX)

    recorded = floor.rows(lambda rows: rows.kill_switch())
    assert (at_once.is_active, at_once.scope) == (True, KillSwitchScope.ENTRIES)
    assert (recorded.is_active, recorded.scope, recorded.actor) == (True, KillSwitchScope.ENTRIES, "engine")
    assert recorded.reason.startswith(cause)
    assert floor.control.gate().gate is Gate.EXIT_ONLY
    assert [(intent.symbol, intent.side) for intent in floor.sent] == [(HYNIX, Side.SELL)]
    assert floor.told("automatic_stop") == 1


def test_every_cause_has_its_test() -> None:
    assert {cause for cause, _ in CAUSES} == set(StopCause)


def test_fewer_or_slower_rejects_stop_nothing(floor: Floor) -> None:
    reject(floor, 9)
    floor.pass_time(300)
    reject(floor, 9, every_s=40)

    assert not floor.control.switch.is_active


def test_rejects_of_a_closed_market_stop_nothing(floor: Floor) -> None:
    reject(floor, 20, severity=Severity.WARNING)

    assert not floor.control.switch.is_active


@pytest.mark.parametrize(("error", "stops"), [(OrderRefused("no", code="1"), True), (MarketClosed("closed"), False)])
def test_orders_that_the_broker_refuses_are_counted(floor: Floor, error: OrderRefused, stops: bool) -> None:
    floor.holds(a_position())
    floor.broker.answers.extend([error] * 40)
    for _ in range(40):
        floor.price(STOP)
        floor.pass_time(10.5)

    assert floor.control.switch.is_active is stops


def test_a_small_difference_of_the_account_stops_nothing(floor: Floor) -> None:
    floor.holds(a_position())
    floor.broker.hold(SAMSUNG, 9, 630_000)
    for _ in range(2):
        floor.reconcile()
        floor.pass_time(11)

    assert floor.told("position_mismatch") == 1
    assert not floor.control.switch.is_active


def test_a_deposit_stops_nothing(floor: Floor) -> None:
    """C16: cash that no trade explains asks a person."""
    floor.broker.pay_in(5_000_000)
    for _ in range(2):
        floor.reconcile()
        floor.pass_time(11)

    assert floor.told("cash_unexplained") == 1
    assert not floor.control.switch.is_active


def test_a_persons_wider_stop_stays_as_wide(floor: Floor) -> None:
    floor.activate(KillSwitchScope.ALL)

    reject(floor, 30)
    floor.run(floor.control.refresh())

    assert floor.control.switch.scope is KillSwitchScope.ALL
    assert floor.told("automatic_stop") == 0


def test_a_person_who_stops_all_in_the_same_moment_is_not_loosened(floor: Floor) -> None:
    floor.stops.trip(AutomaticStop(cause=StopCause.DRAWDOWN, reason="15 %"))
    floor.run(
        floor.operations.activate_kill_switch(
            scope=KillSwitchScope.ALL, reason="a test", by="kim", source=Source.COMMAND
        )
    )

    floor.run(floor.control.refresh())

    assert floor.control.switch.scope is KillSwitchScope.ALL


def test_a_release_stands_although_the_days_loss_does(floor: Floor) -> None:
    lose(floor)
    floor.run(floor.control.refresh())

    floor.release()
    for _ in range(3):
        floor.run(floor.control.refresh())

    assert not floor.control.switch.is_active
    assert floor.control.gate().reasons == ("daily_loss",)


def test_a_stop_of_our_own_survives_a_restart(tmp_path: Path) -> None:
    with a_floor(tmp_path) as before:
        before.stops.trip(AutomaticStop(cause=StopCause.DRAWDOWN, reason="15 %"))
        before.pass_time(1)

    with a_floor(tmp_path, is_open=False) as after:
        after.run(after.control.refresh())

        assert (after.control.switch.is_active, after.control.switch.scope) == (True, KillSwitchScope.ENTRIES)


@pytest.mark.parametrize(("released_by", "stays"), [("", True), ("simulator", False)])
def test_only_where_nobody_is_there_a_new_day_releases_a_stop_of_our_own(
    tmp_path: Path, released_by: str, stays: bool
) -> None:
    with a_floor(tmp_path, released_by=released_by) as floor:
        floor.stops.trip(AutomaticStop(cause=StopCause.DRAWDOWN, reason="15 %"))
        floor.run(floor.control.refresh())

        floor.run(floor.stops.end_day(floor.now.date()))

        assert floor.control.switch.is_active is stays


def test_a_persons_stop_is_never_released_by_a_new_day(tmp_path: Path) -> None:
    with a_floor(tmp_path, released_by="simulator") as floor:
        floor.activate(KillSwitchScope.ENTRIES)

        floor.run(floor.stops.end_day(floor.now.date()))

        assert floor.control.switch.is_active


# nothing automatic can stop all, nothing automatic can pass the switch: read from the source

_SERVICES = ROOT / "kis_daemon" / "services"
_BY_PERSONS = {"kill_switch.py", "switches.py", "switch_file.py", "closings.py", "operations.py"}


def _attributes(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def test_only_what_persons_use_names_the_scope_all() -> None:
    naming = {file.name for file in _SERVICES.glob("*.py") if "KillSwitchScope.ALL" in _attributes(file)}

    assert naming <= _BY_PERSONS


def test_an_activation_by_a_person_is_called_where_persons_speak() -> None:
    """`activate`, `activate_by_person` and `wanted` take a scope: no other room of the services calls them."""
    calling = set()
    for file in _SERVICES.glob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        called = {ast.unparse(node.func).rpartition(".")[2] for node in ast.walk(tree) if isinstance(node, ast.Call)}
        if called & {"activate", "activate_by_person", "set_kill_switch"}:
            calling.add(file.name)

    assert calling == {"kill_switch.py", "switches.py", "operations.py"}


def test_only_a_confirmed_close_all_passes_the_switch() -> None:
    passing = set()
    for file in sorted((ROOT / "kis_daemon").rglob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        if any(isinstance(node, ast.keyword) and node.arg == "passes_switch" for node in ast.walk(tree)):
            passing.add(file.name)

    assert passing == {"closings.py", "closer.py"}
