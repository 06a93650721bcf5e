"""The switch in the records: who may turn it, with which words and codes; every rule refused and granted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kis_daemon.domain.release_codes import LOCKOUT, TRIES
from kis_daemon.domain.safeguards import AutomaticStop, KillSwitchScope, StopCause
from kis_daemon.services import kill_switch
from kis_daemon.services.kill_switch import CODE_MARK, ReleaseRules, ReleaseTry
from kis_daemon.services.operator_answers import Activated, Declined, DeclinedCode, Released, Source
from kis_daemon.store.database import Database
from kis_daemon.store.memory import MemoryRecords
from tests.services.builders import at
from tests.store.builders import a_database, by_hand

NOW = at("10:00")
KEY = "the admin key of these tests"
CHANCE = bytes.fromhex("a0a1a2") + bytes(16)
CODE = "A0A1A2"
PAPER = ReleaseRules(admin_key=KEY)
REAL = ReleaseRules(code_always=True, admin_key=KEY)
TWO = ReleaseRules(two_persons=True)

Records = Database | MemoryRecords


@pytest.fixture(params=["file", "memory"])
def records(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Records]:
    if request.param == "memory":
        yield MemoryRecords()
        return
    with a_database(tmp_path, durable=False) as database:
        yield database


def activated(records: Records, moment: datetime = NOW, **changes: Any) -> Activated:
    scope = changes.pop("scope", KillSwitchScope.ALL)
    wanted = kill_switch.wanted(moment, "a test", "kim", scope)
    given: dict[str, Any] = {"source": Source.COMMAND, "chance": CHANCE, "rules": PAPER} | changes
    return records.transact_now(lambda rows: kill_switch.activate_by_person(rows, wanted, **given))


def released(
    records: Records, rules: ReleaseRules = PAPER, moment: datetime = NOW, **changes: Any
) -> Released | Declined:
    wish = replace(ReleaseTry(reason="checked", by="kim", source=Source.COMMAND), **changes)
    return records.transact_now(lambda rows: kill_switch.try_release(rows, moment, wish, rules))


def is_active(records: Records) -> bool:
    return records.transact_now(lambda rows: rows.kill_switch().is_active)


def code_of(answer: Released | Declined) -> DeclinedCode | None:
    return answer.code if isinstance(answer, Declined) else None


@pytest.mark.parametrize(
    ("rules", "wish", "refused"),
    [
        # a command on paper money needs words only
        (PAPER, {}, None),
        (PAPER, {"reason": " "}, DeclinedCode.WORDS_MISSING),
        (PAPER, {"by": ""}, DeclinedCode.WORDS_MISSING),
        (PAPER, {"by": "\u200b\x00"}, DeclinedCode.WORDS_MISSING),
        (PAPER, {"file_present": True}, DeclinedCode.FILE_PRESENT),
        # what is given is checked all the same
        (PAPER, {"confirmation_code": CODE}, None),
        (PAPER, {"confirmation_code": "FFFFFF"}, DeclinedCode.CODE_WRONG),
        # API and Telegram need one of the two (C14)
        (PAPER, {"source": Source.API}, DeclinedCode.CODE_NEEDED),
        (PAPER, {"source": Source.TELEGRAM}, DeclinedCode.CODE_NEEDED),
        (PAPER, {"source": Source.API, "confirmation_code": CODE.lower()}, None),
        (PAPER, {"source": Source.API, "admin_key": KEY}, None),
        (PAPER, {"source": Source.API, "admin_key": KEY + "x"}, DeclinedCode.KEY_WRONG),
        (PAPER, {"source": Source.API, "confirmation_code": CODE, "reason": ""}, DeclinedCode.WORDS_MISSING),
        (PAPER, {"source": Source.API, "admin_key": KEY, "by": ""}, DeclinedCode.WORDS_MISSING),
        (TWO, {"source": Source.API, "admin_key": KEY}, DeclinedCode.KEY_UNKNOWN),
        # with real money every way in does (C01)
        (REAL, {}, DeclinedCode.CODE_NEEDED),
        (REAL, {"confirmation_code": CODE}, None),
        (REAL, {"admin_key": KEY}, None),
        (REAL, {"admin_key": KEY, "file_present": True}, DeclinedCode.FILE_PRESENT),
    ],
)
def test_each_rule_of_a_release_is_refused_and_granted(
    records: Records, rules: ReleaseRules, wish: dict[str, Any], refused: DeclinedCode | None
) -> None:
    activated(records)

    answer = released(records, rules, **wish)

    assert code_of(answer) == refused
    assert is_active(records) is (refused is not None)


def test_the_first_start_is_active_and_in_real_nobody_has_its_code(records: Records) -> None:
    answer = released(records, REAL, confirmation_code=CODE)

    assert code_of(answer) is DeclinedCode.CODE_UNKNOWN
    assert is_active(records)


def test_what_is_not_active_is_not_released(records: Records) -> None:
    activated(records)
    released(records)

    assert code_of(released(records)) is DeclinedCode.NOT_ACTIVE


def test_five_wrong_codes_lock_out_even_the_right_one_and_the_key(records: Records) -> None:
    activated(records)
    wrong = [code_of(released(records, confirmation_code=f"00000{number}")) for number in range(TRIES)]

    late = NOW + LOCKOUT - timedelta(seconds=1)
    answers = [
        released(records, moment=late, confirmation_code=CODE),
        released(records, moment=late, admin_key=KEY),
    ]
    after = released(records, moment=NOW + LOCKOUT, confirmation_code=CODE)

    assert wrong == [DeclinedCode.CODE_WRONG] * TRIES
    assert [code_of(answer) for answer in answers] == [DeclinedCode.LOCKED_OUT] * 2
    assert isinstance(answers[0], Declined)
    assert 0 < answers[0].retry_after_s <= 2
    assert isinstance(after, Released)


def test_codes_and_keys_are_counted_together_and_a_new_code_forgives_nothing(records: Records) -> None:
    activated(records)
    for number in range(TRIES):
        if number == TRIES - 1:
            activated(records)
        wish: dict[str, Any] = {"admin_key": "guessed"} if number % 2 else {"confirmation_code": "FFFFFF"}
        released(records, **wish)

    assert code_of(released(records, confirmation_code=CODE)) is DeclinedCode.LOCKED_OUT


def test_a_lockout_outlives_a_restart(tmp_path: Path) -> None:
    with a_database(tmp_path) as before:
        activated(before)
        for _ in range(TRIES):
            released(before, confirmation_code="FFFFFF")

    with a_database(tmp_path) as after:
        assert code_of(released(after, confirmation_code=CODE)) is DeclinedCode.LOCKED_OUT
        view = after.transact_now(lambda rows: kill_switch.view(rows, NOW, PAPER))
        assert view.locked_until == NOW + LOCKOUT


def test_the_lockout_does_not_keep_a_command_on_paper_from_releasing(records: Records) -> None:
    activated(records)
    for _ in range(TRIES):
        released(records, confirmation_code="FFFFFF")

    assert isinstance(released(records), Released)


def test_a_code_releases_its_own_activation_and_no_later_one(records: Records) -> None:
    activated(records)
    released(records, confirmation_code=CODE)
    records.transact_now(lambda rows: kill_switch.activate(rows, at("11:00"), "again", "lee", KillSwitchScope.ALL))

    assert code_of(released(records, REAL, confirmation_code=CODE)) is DeclinedCode.CODE_UNKNOWN


def test_an_activation_without_a_code_is_given_one_once(records: Records) -> None:
    records.transact_now(lambda rows: kill_switch.activate(rows, NOW, "by hand", "lee", KillSwitchScope.ALL))

    made = records.transact_now(lambda rows: kill_switch.make_code(rows, NOW, CHANCE))
    again = records.transact_now(lambda rows: kill_switch.make_code(rows, NOW, bytes(19)))

    assert made is not None
    assert made[0] == CODE
    assert again is None
    assert isinstance(released(records, REAL, confirmation_code=CODE), Released)


def test_two_persons_release_and_one_person_twice_does_not(records: Records) -> None:
    activated(records)

    first = released(records, TWO, by="kim")
    same = released(records, TWO, by="KIM ")
    assert is_active(records)
    second = released(records, TWO, by="lee", moment=NOW + timedelta(minutes=10))

    assert [isinstance(answer, Released) and answer.is_complete for answer in (first, same, second)] == [
        False,
        False,
        True,
    ]
    assert not is_active(records)


def test_the_second_person_needs_the_code_too(records: Records) -> None:
    activated(records)
    rules = replace(TWO, code_always=True)
    released(records, rules, by="kim", confirmation_code=CODE)

    assert code_of(released(records, rules, by="lee")) is DeclinedCode.CODE_NEEDED
    assert is_active(records)


def test_an_activation_makes_the_first_person_ask_again(records: Records) -> None:
    activated(records)
    released(records, TWO, by="kim")
    activated(records, NOW + timedelta(seconds=1))

    answer = released(records, TWO, by="lee", moment=NOW + timedelta(seconds=2))

    assert isinstance(answer, Released)
    assert not answer.is_complete


def test_an_activation_never_makes_the_switch_narrower(records: Records) -> None:
    activated(records, scope=KillSwitchScope.ALL)

    again = activated(records, scope=KillSwitchScope.ENTRIES)

    assert again.view.switch.scope is KillSwitchScope.ALL


@pytest.mark.parametrize("cause", StopCause)
def test_what_stops_by_itself_stops_entries_only(records: Records, cause: StopCause) -> None:
    activated(records)
    released(records)
    stop = AutomaticStop(cause=cause, reason="too much")

    assert records.transact_now(lambda rows: kill_switch.stop_by_itself(rows, NOW, stop))

    switch = records.transact_now(lambda rows: rows.kill_switch())
    assert (switch.is_active, switch.scope) == (True, KillSwitchScope.ENTRIES)


def test_what_stops_by_itself_never_loosens_what_a_person_stopped(records: Records) -> None:
    activated(records, scope=KillSwitchScope.ALL)
    before = records.transact_now(lambda rows: rows.kill_switch())
    stop = AutomaticStop(cause=StopCause.HARD_LOSS, reason="too much")

    assert not records.transact_now(lambda rows: kill_switch.stop_by_itself(rows, NOW, stop))

    assert records.transact_now(lambda rows: rows.kill_switch()) == before


def test_words_are_kept_as_every_database_takes_them(records: Records) -> None:
    wanted = kill_switch.wanted(NOW, "a\x00b\ud800\n" + "x" * 5000, "k" * 300, KillSwitchScope.ALL)

    records.transact_now(
        lambda rows: kill_switch.activate_by_person(rows, wanted, source=Source.API, chance=CHANCE, rules=PAPER)
    )

    switch = records.transact_now(lambda rows: rows.kill_switch())
    assert len(switch.reason) == kill_switch.LONGEST_REASON
    assert len(switch.actor) == kill_switch.LONGEST_NAME
    assert switch.reason.startswith("a b")


def test_no_code_and_no_key_stands_in_the_records(tmp_path: Path) -> None:
    with a_database(tmp_path) as database:
        made = activated(database)
        released(database, confirmation_code="FFFFF1")
        released(database, admin_key="not the admin key")
        log = database.transact_now(lambda rows: [row.payload_json for row in rows.events()])
        mark = database.transact_now(lambda rows: rows.mark(CODE_MARK))

    texts = [*log, str(mark)]
    assert made.confirmation_code == CODE
    assert not any(word in text for text in texts for word in (CODE, "FFFFF1", "not the admin key", KEY))
    assert any(made.view.code_hash in text for text in log)
    assert json.loads(str(mark))["wrong"] == 2


@pytest.mark.parametrize(("source", "told"), [(Source.API, "api"), (Source.COMMAND, "manual")])
def test_where_an_activation_came_from_stands_in_its_row(tmp_path: Path, source: Source, told: str) -> None:
    with a_database(tmp_path) as database:
        activated(database, source=source)
        released(database)
        stop = AutomaticStop(cause=StopCause.DRAWDOWN, reason="15 %")
        database.transact_now(lambda rows: kill_switch.stop_by_itself(rows, NOW, stop))

    sources = by_hand(tmp_path / "kis_trading.db", "SELECT trigger_source FROM kill_switch_events ORDER BY event_id")
    assert sources == [(told,), ("circuit_breaker_cascade",)]
