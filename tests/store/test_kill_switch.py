"""The switch, the pause and the sales by hand on each kind of database, beside what an operator writes by SQL."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kis_daemon.domain.market import Side
from kis_daemon.domain.release_codes import LOCKOUT, TRIES
from kis_daemon.domain.safeguards import AutomaticStop, KillSwitchScope, StopCause
from kis_daemon.services import closings, kill_switch, pauses
from kis_daemon.services.kill_switch import ReleaseRules, ReleaseTry
from kis_daemon.services.operator_answers import Declined, DeclinedCode, Released, Source
from kis_daemon.store.database import Database
from tests.services.builders import HYNIX, SAMSUNG, TEN_O_CLOCK, a_position
from tests.store.places import Place

REAL = ReleaseRules(code_always=True)
CHANCE = bytes.fromhex("a0a1a2") + bytes(16)
WISH = ReleaseTry(reason="checked", by="kim", source=Source.API, confirmation_code="A0A1A2")
LONG = "긴 사유 \u0000 " * 500


def activated(database: Database) -> None:
    wanted = kill_switch.wanted(TEN_O_CLOCK, LONG, "kim", KillSwitchScope.ALL)
    database.transact_now(
        lambda rows: kill_switch.activate_by_person(rows, wanted, source=Source.API, chance=CHANCE, rules=REAL)
    )


def released(database: Database, wish: ReleaseTry = WISH) -> Released | Declined:
    return database.transact_now(lambda rows: kill_switch.try_release(rows, TEN_O_CLOCK, wish, REAL))


def test_a_code_is_found_again_and_releases_its_activation(database: Database) -> None:
    activated(database)

    assert isinstance(released(database), Released)
    assert not database.transact_now(lambda rows: rows.kill_switch()).is_active


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO system_state(timestamp, kill_switch_status, kill_switch_reason)"
        " VALUES({now}, 'active', 'by hand')",
        "INSERT INTO kill_switch_events (activated_at, reason) VALUES ({now}, 'by hand')",
    ],
)
def test_the_code_of_before_does_not_release_what_sql_has_activated(database: Database, place: Place, sql: str) -> None:
    activated(database)
    place.by_hand(sql.replace("{now}", place.now))

    before = released(database)
    made = database.transact_now(lambda rows: kill_switch.make_code(rows, TEN_O_CLOCK, CHANCE))
    after = released(database)

    assert isinstance(before, Declined)
    assert before.code is DeclinedCode.CODE_UNKNOWN
    assert made is not None
    assert isinstance(after, Released)


def test_a_lockout_is_kept(database: Database) -> None:
    activated(database)
    wrong = ReleaseTry(reason="checked", by="kim", source=Source.API, confirmation_code="000000")
    for _ in range(TRIES):
        released(database, wrong)

    answer = released(database)

    assert isinstance(answer, Declined)
    assert (answer.code, answer.retry_after_s) == (DeclinedCode.LOCKED_OUT, int(LOCKOUT / timedelta(seconds=1)) + 1)


def test_a_stop_of_our_own_leaves_exits_and_keeps_its_source(database: Database, place: Place) -> None:
    activated(database)
    released(database)
    stop = AutomaticStop(cause=StopCause.UNKNOWN_ORDERS, reason="5 orders")
    database.transact_now(lambda rows: kill_switch.stop_by_itself(rows, TEN_O_CLOCK, stop))

    switch = database.transact_now(lambda rows: rows.kill_switch())

    assert (switch.forbids(Side.BUY), switch.forbids(Side.SELL)) == (True, False)
    assert place.by_hand("SELECT scope, trigger_source FROM kill_switch_events ORDER BY event_id") == [
        ("all", "api"),
        ("entries", "critical_error"),
    ]


def test_a_pause_and_what_is_to_be_sold_are_kept(database: Database) -> None:
    activated(database)
    for symbol in (SAMSUNG, HYNIX):
        database.transact_now(lambda rows, symbol=symbol: rows.save_position(a_position(symbol=symbol)))  # type: ignore[misc]

    asked = database.transact_now(lambda rows: closings.ask_all(rows, TEN_O_CLOCK, LONG, "kim" * 50, confirmed=True))

    assert not isinstance(asked, Declined)
    assert database.transact_now(lambda rows: closings.current(rows)) == asked
    assert [wish.symbol for wish in asked] == [SAMSUNG, HYNIX]
    assert database.transact_now(lambda rows: pauses.current(rows)).paused
    left = database.transact_now(lambda rows: closings.settle(rows, asked[:1]))
    assert [wish.symbol for wish in closings.wishes_of(left)] == [HYNIX]
