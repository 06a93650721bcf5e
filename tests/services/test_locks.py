"""Symbol locks: one place that locks, two meanings kept apart, and an operator's word honoured within a second."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from kis_daemon.domain.locks import LockScope, operators_lock
from kis_daemon.domain.market import Symbol
from kis_daemon.services import locks
from tests.services.builders import HYNIX, SAMSUNG, TEN_O_CLOCK, a_lock, a_position
from tests.services.trading import Floor, a_floor

BREAKOUT = 70_000
STOP = 67_000


@pytest.fixture
def floor(tmp_path: Path) -> Iterator[Floor]:
    with a_floor(tmp_path) as made:
        made.is_ready_to_buy()
        yield made


def by_hand(floor: Floor, symbol: Symbol = SAMSUNG, hours: float | None = None) -> None:
    """Lock `symbol` as the command does beside the daemon, and let a second pass."""
    until = None if hours is None else floor.now + timedelta(hours=hours)
    asked = operators_lock(symbol, "earnings", "kim", floor.now, until)
    floor.records.transact_now(lambda rows: locks.lock(rows, asked))
    floor.run(floor.control.refresh())


def test_an_operators_lock_closes_entries_in_its_symbol(floor: Floor) -> None:
    by_hand(floor)

    floor.price(BREAKOUT)

    assert floor.sent == []
    assert floor.events("entry_denied")[0]["code"] == "locked"
    assert "earnings" in floor.events("entry_denied")[0]["reason"]
    assert floor.told("symbol_lock_seen") == 1


def test_an_operators_lock_never_keeps_what_is_held_from_being_sold(floor: Floor) -> None:
    floor.holds(a_position())
    by_hand(floor)

    floor.price(STOP)

    assert floor.rules_sent() == ["ATR_STOP_LOSS"]


def test_a_lock_on_one_symbol_is_none_on_another(floor: Floor) -> None:
    by_hand(floor, HYNIX)

    floor.price(BREAKOUT)

    assert len(floor.sent) == 1


def test_a_lock_that_is_over_binds_nobody_and_is_taken_away(floor: Floor) -> None:
    by_hand(floor, hours=0.5)
    floor.price(BREAKOUT)
    assert floor.sent == []

    floor.pass_time(1_801)
    floor.reconcile()
    floor.run(floor.control.refresh())
    floor.price(BREAKOUT + 100)

    assert len(floor.sent) == 1
    assert floor.events("symbol_unlocked")[0]["reason"] == "its time is over"
    assert floor.rows(lambda rows: rows.symbol_locks()) == ()


def test_removing_a_lock_opens_entries_again(floor: Floor) -> None:
    by_hand(floor)

    floor.records.transact_now(lambda rows: locks.unlock(rows, SAMSUNG, floor.now, "they are out", "lee"))
    floor.run(floor.control.refresh())
    floor.price(BREAKOUT)

    assert len(floor.sent) == 1
    assert floor.told("symbol_unlock_seen") == 1


def test_removing_the_daemons_own_lock_lets_the_stop_go_at_the_next_price(floor: Floor) -> None:
    floor.holds(a_position())
    floor.locks.no_exit(floor.position(), "ratio 0.5", "corporate_action_unproven")
    floor.price(STOP)
    assert floor.sent == []

    floor.records.transact_now(lambda rows: locks.unlock(rows, SAMSUNG, floor.now, "no split", "kim"))
    floor.run(floor.control.refresh())
    floor.price(STOP)

    assert floor.rules_sent() == ["ATR_STOP_LOSS"]


def test_the_daemons_own_lock_calls_a_person_and_is_in_the_records(floor: Floor) -> None:
    floor.holds(a_position())

    floor.locks.no_exit(floor.position(), "ratio 0.5", "corporate_action_unproven")

    assert floor.told("corporate_action_unproven") == floor.told("position_unprotected") == 1
    (kept,) = floor.rows(lambda rows: rows.symbol_locks())
    assert (kept.symbol, kept.scope, kept.by, kept.reason) == (SAMSUNG, LockScope.ALL, "engine", "ratio 0.5")


def test_a_lock_made_while_the_records_are_read_is_not_lost(floor: Floor) -> None:
    floor.holds(a_position())
    floor.locks.begin()
    floor.records.transact_now(lambda rows: floor.locks.read(rows))

    floor.locks.no_exit(floor.position(), "ratio 0.5", "corporate_action_unproven")
    floor.locks.look()

    assert list(floor.book.locked) == [SAMSUNG]


def test_both_kinds_stand_beside_each_other(floor: Floor) -> None:
    floor.holds(a_position())
    by_hand(floor)
    floor.locks.no_exit(floor.position(), "ratio 0.5", "corporate_action_unproven")
    floor.run(floor.control.refresh())

    assert list(floor.book.locked) == list(floor.book.entry_locks) == [SAMSUNG]
    assert {lock.scope for lock in floor.rows(lambda rows: rows.symbol_locks())} == set(LockScope)
    floor.records.transact_now(lambda rows: locks.unlock(rows, SAMSUNG, floor.now, "all known", "kim"))
    floor.run(floor.control.refresh())
    assert (floor.book.locked, floor.book.entry_locks) == ({}, {})


def test_locks_outlive_a_restart(floor: Floor) -> None:
    by_hand(floor)
    floor.book.entry_locks = {}

    floor.rows(lambda rows: floor.locks.load(rows))

    assert list(floor.book.entry_locks) == [SAMSUNG]


@pytest.mark.parametrize(("reason", "by"), [("", "kim"), ("earnings", " ")])
def test_a_lock_by_hand_needs_a_reason_and_a_name(floor: Floor, reason: str, by: str) -> None:
    with pytest.raises(ValueError, match="needs a reason and a name"):
        operators_lock(SAMSUNG, reason, by, TEN_O_CLOCK, None)
    with pytest.raises(ValueError, match="needs a reason and a name"):
        floor.rows(lambda rows: locks.unlock(rows, SAMSUNG, TEN_O_CLOCK, reason, by))


def test_an_operator_never_locks_exits() -> None:
    assert operators_lock(SAMSUNG, "earnings", "kim", TEN_O_CLOCK, None) == a_lock(reason="earnings")
    with pytest.raises(ValueError, match="over already"):
        operators_lock(SAMSUNG, "earnings", "kim", TEN_O_CLOCK, TEN_O_CLOCK)
