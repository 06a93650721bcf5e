"""The audit's commands after a simulated day: what they say, in both languages, and their exit codes."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.e2e.processes import here


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Live the default day once; every test works on a copy."""
    home = tmp_path_factory.mktemp("day")
    where = ("--config-dir", ROOT / "config", "--data-dir", home / "data")
    assert here(["--mode", "trade", "--sim-days", "1", "--sim-speed", "0", *where], home) == 0
    return home


@pytest.fixture
def home(day: Path, tmp_path: Path) -> Path:
    # The mirror knows its database by its place, so the copy's folder is the owner's anew.
    copy = tmp_path / "home"
    shutil.copytree(day, copy)
    return copy


def audit(home: Path, *arguments: str | Path, language: str = "en") -> int:
    where = ("--config-dir", ROOT / "config", "--data-dir", home / "data")
    return here(["audit", *arguments, *where], home, {"LANGUAGE": language})


def mirror(home: Path) -> Path:
    return home / "logs" / "audit"


def verify(home: Path, *arguments: str | Path) -> int:
    return audit(home, "verify", "--mirror", mirror(home), *arguments)


def database(home: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(home / "data" / "simulated.db")
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    return connection


def test_a_day_is_sound_with_its_own_mirror(day: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit(day, "verify") == 0

    said = capsys.readouterr().out
    assert "SOUND: " in said
    assert "1 files of the mirror" in said
    assert "Unanchored since 2026-03-03 15:40:00: 1 events" in said


def test_the_mirror_alone_is_sound_and_so_is_a_file_of_it(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit(home, "verify", "--file", mirror(home)) == 0
    assert audit(home, "verify", "--file", mirror(home) / "audit_20260303.json") == 0
    assert capsys.readouterr().out.count("SOUND") == 2


def test_an_edit_is_broken_and_named(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(database(home)) as connection, connection:
        connection.execute("UPDATE event_log SET payload_json = '{}' WHERE event_id = 14")

    assert verify(home) == 1

    assert "BROKEN: event 14 (day_prepared, 2026-03-03 08:00:52) is not what was written" in capsys.readouterr().out


def test_a_cut_everywhere_is_unanchored_and_the_log_or_a_message_sees_it(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = mirror(home) / "audit_20260303.json"
    file.write_text("".join(file.read_text("utf-8").splitlines(keepends=True)[:30]), "utf-8")
    with closing(database(home)) as connection, connection:
        head = connection.execute(
            "SELECT prev_hash FROM event_log WHERE event_type = 'audit_anchored' ORDER BY event_id DESC"
        ).fetchone()[0]
        connection.execute("DELETE FROM event_log WHERE event_id > 30")

    assert verify(home) == 0
    assert verify(home, "--anchor", head) == 1
    assert verify(home, "--log", home / "logs" / "kis_daemon.jsonl") == 1

    said = capsys.readouterr().out
    assert "Unanchored since 2026-03-03 07:30:00: " in said
    assert said.count(f"BROKEN: the anchor {head} is not in the log") == 2


def test_another_database_is_verified_without_a_mirror(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit(home, "verify", "--database", f"sqlite:///{home / 'data' / 'simulated.db'}") == 0
    assert "Not held against a mirror" in capsys.readouterr().out


def test_why_tells_the_whole_way_of_an_order(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit(home, "why", "10005") == 0
    assert audit(home, "why", "8490416", language="ko") == 0

    said = capsys.readouterr().out
    for part in (
        "카카오(035720) sell 148, stop: filled. Order 10005",
        "tick     80,700 KRW",
        "bars up to 2026-02-27",
        "signal   stop: price 80700 <= stop 80800",
        "checks   gate OPEN; held 148, stop 80,800 KRW",
        "approval exit mandate of 035720",
        "journal  written before it was sent",
        "wire     taken by the broker as 10005",
        "notice   filled 148 × 80,700 KRW, told for 2026-03-03T",
        "realised -678,534 KRW",
        "에코프로비엠(247540) 매수 111주",
        "총자산 100,000,000원, 가용 현금 100,000,000원, 보유 0종목",
    ):
        assert part in said


def test_state_tells_how_things_stood(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit(home, "state", "--at", "2026-03-03T14:38:24.5") == 0
    assert audit(home, "state", "--at", "2026-03-03T07:00+09:00") == 0

    said, before = capsys.readouterr().out.split("State at 2026-03-03 07:00:00")
    assert "Kill switch: INACTIVE" in said
    assert "Gate: OPEN since 2026-03-03 08:00:01" in said
    assert "Positions: 5" in said
    assert "Open orders: 1\n  카카오(035720) sell 148: submitted" in said
    assert "5 buys, 0 sells, realised +0 KRW" in said
    assert "Kill switch: ACTIVE (no record)" in before
    assert "Daemon: not running" in before


def test_replay_decides_the_same_and_names_what_differs(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit(home, "replay", "2026-03-03") == 0
    with closing(database(home)) as connection, connection:
        (payload,) = connection.execute(
            "SELECT payload_json FROM event_log WHERE event_type = 'order_requested'"
        ).fetchone()
        told = json.dumps(json.loads(payload) | {"quantity": 1})
        connection.execute("UPDATE event_log SET payload_json = ? WHERE payload_json = ?", (told, payload))

    assert audit(home, "replay", "20260303") == 1

    said = capsys.readouterr().out
    assert "EQUAL" in said
    assert "DIFFERENT at 09:00:10.000000, 247540, quantity: recorded 1; replayed 111" in said


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (["why", "nothing"], 64, "nothing: no order has this key"),
        (["state", "--at", "soon"], 64, "--at soon: expected a moment"),
        (["replay", "2026-03-09"], 78, "20260309.jsonl.gz: no inputs of that day"),
        (["verify", "--database", "sqlite:///empty.db"], 78, "empty.db: no database is there"),
        (["verify", "--file", "."], 78, "no audit_YYYYMMDD.json is there"),
        (["verify", "--file", "absent.json"], 64, "absent.json"),
    ],
)
def test_what_cannot_be_answered_is_one_line(
    home: Path, arguments: list[str], code: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit(home, *arguments) == code

    assert line in capsys.readouterr().err
    assert not (home / "empty.db").exists()


def test_help_is_spoken(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert here(["audit", "--help"], tmp_path, {"LANGUAGE": "ko"}) == 0
    assert here(["audit", "verify", "--help"], tmp_path) == 0

    said = capsys.readouterr().out
    assert "기록을 검증하고" in said
    assert "Head of an anchor that was sent to you" in said
