"""The operator's chat: every command, who is heard, and what is never said."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from kis_daemon.console.catalogue import Language
from kis_daemon.console.operator_chat import OperatorChat
from kis_daemon.console.telegram_inbox import Message
from kis_daemon.domain.safeguards import Gate, KillSwitchScope
from kis_daemon.services.kill_switch import ReleaseRules
from tests.services.builders import a_position
from tests.services.trading import Floor, a_floor

OURS = "99"


@pytest.fixture
def floor(tmp_path: Path) -> Iterator[Floor]:
    with a_floor(tmp_path) as made:
        yield made


class Chat:
    def __init__(self, floor: Floor, language: Language = Language.EN) -> None:
        self.floor = floor
        self._chat = OperatorChat(
            chat_id=OURS,
            operations=floor.operations,
            journal=floor.journal,
            gate=floor.control.gate,
            clock=floor.clock,
            language=language,
        )

    def __call__(self, text: str, *, chat_id: str = OURS, is_late: bool = False) -> str:
        message = Message(chat_id=chat_id, sender="telegram:kim", text=text, is_late=is_late)
        return self.floor.run(self._chat.hear(message))


@pytest.fixture
def chat(floor: Floor) -> Chat:
    return Chat(floor)


@pytest.mark.parametrize(
    ("text", "scope", "reason"),
    [
        ("/kill", KillSwitchScope.ALL, "by Telegram"),
        ("/kill smoke in the server room", KillSwitchScope.ALL, "smoke in the server room"),
        ("/kill entries lunch", KillSwitchScope.ENTRIES, "lunch"),
        ("/kill ALL fire", KillSwitchScope.ALL, "fire"),
        ("/KILL@our_bot fire", KillSwitchScope.ALL, "fire"),
    ],
)
def test_kill_stops_at_once_and_tells_the_code(
    floor: Floor, chat: Chat, text: str, scope: KillSwitchScope, reason: str
) -> None:
    answer = chat(text)

    switch = floor.control.switch
    assert (switch.is_active, switch.scope, switch.reason, switch.actor) == (True, scope, reason, "telegram:kim")
    assert re.search(r"\b[0-9A-F]{6}\b", answer)


def test_kill_says_how_many_positions_have_no_protection(floor: Floor, chat: Chat) -> None:
    floor.holds(a_position())

    assert "1 positions have no protection" in chat("/kill fire")


def test_release_needs_the_code_and_a_reason(floor: Floor, chat: Chat) -> None:
    code = re.search(r"\b[0-9A-F]{6}\b", chat("/kill fire"))
    assert code is not None

    refused = [chat("/release"), chat("/release 00000G it is over"), chat(f"/release {code[0]}")]
    halted = floor.control.gate().gate
    answer = chat(f"/release {code[0].lower()} it is over")

    assert refused == [
        "A reason and a name are needed",
        "That is not the confirmation code",
        "A reason and a name are needed",
    ]
    assert halted is Gate.HALTED
    assert answer.splitlines() == ["Kill switch released", "Gate: OPEN"]


def test_the_code_stands_in_no_log_and_no_record(floor: Floor, chat: Chat, capsys: pytest.CaptureFixture[str]) -> None:
    code = re.search(r"\b[0-9A-F]{6}\b", chat("/kill fire"))
    floor.run(floor.control.refresh())

    assert code is not None
    assert code[0] not in capsys.readouterr().out
    assert not any(code[0] in row.payload_json for row in floor.rows(lambda rows: rows.events()))


def test_a_second_person_is_asked_for(tmp_path: Path) -> None:
    with a_floor(tmp_path, release=ReleaseRules(two_persons=True)) as floor:
        chat = Chat(floor)
        code = re.search(r"\b[0-9A-F]{6}\b", chat("/kill fire"))
        assert code is not None

        assert "second person" in chat(f"/release {code[0]} it is over")
        assert floor.control.switch.is_active


def test_pause_and_resume(floor: Floor, chat: Chat) -> None:
    paused = chat("/pause lunch")
    gate = floor.control.gate().reasons
    resumed = chat("/resume")

    assert paused.startswith("PAUSED: no entries since 2024-03-05 ")
    assert paused.endswith("by telegram:kim: lunch. Exits go on")
    assert gate == ("paused",)
    assert resumed.startswith("RUNNING")
    assert floor.control.gate().gate is Gate.OPEN


def test_status_tells_gate_switch_pause_and_what_is_held(floor: Floor, chat: Chat) -> None:
    floor.holds(a_position())
    floor.price(70_500)

    lines = chat("/status").splitlines()
    stopped = chat("/kill entries lunch") and chat("/status").splitlines()

    assert lines[:2] == ["Gate: OPEN", "Kill switch: released"]
    assert lines[3] == "Positions: 1, open +4,902 KRW"
    assert stopped[:2] == [
        "Gate: EXIT_ONLY (kill_switch_entries)",
        "Kill switch: ACTIVE, scope entries: lunch (telegram:kim)",
    ]


def test_positions_tells_each_with_its_stop(floor: Floor, chat: Chat) -> None:
    nothing = chat("/positions")
    floor.holds(a_position())
    floor.price(70_500)

    assert nothing == "Nothing is held"
    assert chat("/positions") == ("삼성전자(005930) 10 at 70,000 KRW, now 70,500 KRW, +4,902 KRW, stop 68,000 KRW")


@pytest.mark.parametrize("text", ["/help", "/start"])
def test_help_names_every_command(chat: Chat, text: str) -> None:
    answer = chat(text)

    assert all(name in answer for name in ("/kill", "/release", "/pause", "/resume", "/status", "/positions"))


def test_the_chat_speaks_korean(floor: Floor) -> None:
    assert Chat(floor, Language.KO)("/kill 화재").startswith("킬스위치 작동, 범위 전체 주문. 해제 코드: ")


def test_what_is_no_command_is_not_answered_and_an_unknown_one_is(chat: Chat) -> None:
    assert chat("good morning") == ""
    assert chat("") == ""
    assert chat("/buy 005930") == "I do not know that command: /help"


@pytest.mark.parametrize(
    "text", ["/kill", "/pause", "/release ABC123 over", "/resume", "/status", "/positions", "/help"]
)
def test_a_stranger_is_not_answered_and_does_nothing(floor: Floor, chat: Chat, text: str) -> None:
    assert chat(text, chat_id="666") == ""

    assert floor.control.gate().gate is Gate.OPEN
    assert floor.events("telegram_stranger") == [{"chat_id": "666", "count": 1}]


def test_a_strangers_flood_is_one_event_an_hour(floor: Floor, chat: Chat) -> None:
    for _ in range(50):
        chat("/kill", chat_id="666")
    floor.pass_time(3601)
    chat("/kill", chat_id="666")

    assert floor.events("telegram_stranger") == [
        {"chat_id": "666", "count": 1},
        {"chat_id": "666", "count": 50},
    ]


def test_a_crowd_of_strangers_fills_no_log(floor: Floor, chat: Chat) -> None:
    for number in range(150):
        chat("/kill", chat_id=str(1000 + number))

    assert len(floor.events("telegram_stranger")) == 100


@pytest.mark.parametrize(("text", "done"), [("/kill fire", True), ("/pause lunch", True), ("/resume", False)])
def test_what_is_heard_late_may_stop_and_may_not_let_go_on(floor: Floor, chat: Chat, text: str, done: bool) -> None:
    if not done:
        floor.pause()
    before = floor.control.gate().gate

    answer = chat(text, is_late=True)

    assert (floor.control.gate().gate is not before) is done
    assert answer.startswith("/resume was sent while I was not listening") is not done


def test_a_late_release_releases_nothing(floor: Floor, chat: Chat) -> None:
    code = re.search(r"\b[0-9A-F]{6}\b", chat("/kill fire"))
    assert code is not None

    chat(f"/release {code[0]} it is over", is_late=True)

    assert floor.control.switch.is_active


def test_a_database_that_is_away_is_told(floor: Floor, chat: Chat) -> None:
    floor.store.broken = True

    assert chat("/pause lunch").startswith("Nothing was changed: the database does not answer")
    assert chat("/status").startswith("Gate: ")
