"""`backup create|check|restore` as an operator calls them: what they say in both languages, and their exit codes."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from kis_daemon.app.lock import InstanceLock
from kis_daemon.clock import SystemClock
from kis_daemon.console.catalogue_en import SENTENCES
from kis_daemon.domain.events import Event
from kis_daemon.store import backup as room
from kis_daemon.store.database import Database
from kis_daemon.store.schema import SCHEMA_VERSION
from tests.conftest import ROOT
from tests.e2e.processes import here
from tests.store.builders import a_file, by_hand

WHERE = ("--config-dir", ROOT / "config")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a folder with the database of a simulated account: two events in it."""
    data = tmp_path / "data"
    data.mkdir()
    a_file(data).rename(data / "simulated.db")
    append(tmp_path, "first", "second")
    return tmp_path


def append(home: Path, *names: str) -> None:
    database = Database(url(home))
    database.open()
    for name in names:
        database.transact_now(lambda rows, name=name: rows.append(Event(at=SystemClock().now(), type=name)))  # type: ignore[misc]
    database.close()


def url(home: Path) -> str:
    return f"sqlite:///{home / 'data' / 'simulated.db'}"


def events(home: Path) -> list[str]:
    return [name for (name,) in by_hand(home / "data" / "simulated.db", "SELECT event_type FROM event_log")]


def backup(home: Path, *arguments: str | Path, language: str = "en") -> int:
    variables = {"LANGUAGE": language}
    return here(["backup", *arguments, *WHERE, "--data-dir", home / "data"], home, variables)


def an_old_one(home: Path, *, days: float) -> Path:
    """Make a backup of some days ago."""
    made_at = SystemClock().now() - timedelta(days=days)
    return room.create(url(home), home / "data" / "backups", made_at).backup.file


def test_a_backup_is_made_and_checked(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert backup(home, "create") == 0
    assert backup(home, "check") == 0
    assert backup(home, "check", language="ko") == 0

    made, sound, korean = re.split(r"(?=SOUND|정상)", capsys.readouterr().out)
    assert re.match(
        rf"BACKUP .*/backups/simulated-\d{{8}}-\d{{6}}-{SCHEMA_VERSION}\.db: 2 events, head [0-9a-f]{{12}}, "
        rf"schema {SCHEMA_VERSION}",
        made,
    )
    assert "Restored on trial: chain, head and counts are as they were" in made
    assert re.search(r"Made at 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d, 0 h 0 min ago", sound)
    assert "사건 2건" in korean
    assert "0시간 0분 전" in korean


def test_the_newest_must_be_younger_than_a_day_and_a_named_one_may_be_old(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = an_old_one(home, days=1.5)

    assert backup(home, "check") == 1
    assert "OLD: the newest backup is older than a day" in capsys.readouterr().out
    assert backup(home, "check", old.name) == 0
    assert "36 h 0 min ago" in capsys.readouterr().out
    assert backup(home, "create", "--keep", "1") == 0
    assert "Removed: 1 older ones" in capsys.readouterr().out
    assert backup(home, "check") == 0


def test_a_broken_backup_is_named_and_is_1(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = an_old_one(home, days=0.5)
    file.write_bytes(file.read_bytes()[:-1])

    assert backup(home, "check") == 1
    assert backup(home, "restore", file, "--yes") == 1

    assert re.search(rf"BROKEN: {file}: it has [\d,]+ bytes, the manifest says", capsys.readouterr().out)
    assert events(home) == ["first", "second"]


def test_a_database_whose_chain_is_broken_is_not_kept(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = home / "data" / "simulated.db"
    by_hand(file, "DROP TRIGGER event_log_no_update")
    by_hand(file, "UPDATE event_log SET event_type = 'other' WHERE event_id = 2")

    assert backup(home, "create") == 1

    assert "NOT KEPT: event 2 (other, " in capsys.readouterr().out
    assert not list((home / "data" / "backups").glob("*.db"))


def test_a_restore_puts_database_and_mirror_aside_and_says_what_is_next(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = an_old_one(home, days=0.1)
    append(home, "since")
    mirror = home / "logs" / "audit"
    mirror.mkdir(parents=True)
    (mirror / "audit_20260303.json").write_text("what the daemon mirrored\n", "utf-8")

    assert backup(home, "restore", file.name, "--yes") == 0

    said = capsys.readouterr().out
    assert events(home) == ["first", "second"]
    assert "RESTORED sqlite:///" in said
    aside = re.search(r"What was there stands in (\S+\.db)$", said, re.MULTILINE)
    assert aside is not None
    assert by_hand(Path(aside[1]), "SELECT count(*) FROM event_log") == [(3,)]
    told = re.search(r"Its audit mirror stands in (\S+);", said)
    assert told is not None
    assert (Path(told[1]) / "audit_20260303.json").read_text("utf-8") == "what the daemon mirrored\n"
    assert "Next: main.py kill-switch status" in said
    assert here(["audit", "verify", "--database", url(home), *map(str, WHERE)], home) == 0


def test_a_restore_is_refused_while_a_daemon_runs_and_without_yes(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = an_old_one(home, days=0.1)
    append(home, "since")

    assert backup(home, "restore", file) == 64
    with InstanceLock(home / "data", now=SystemClock().now(), command="--mode trade"):
        assert backup(home, "restore", file, "--yes") == 75

    said = capsys.readouterr().err
    assert "(2 events) would take the place of sqlite:///" in said
    assert "add --yes" in said
    assert "already running (pid " in said
    assert said.count("\n") == 2
    assert events(home) == ["first", "second", "since"]


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (["check"], 78, "no backup of data/simulated.db is there; run main.py backup create"),
        (["check", "nothing.db"], 78, "nothing.db: no such backup; expected a file, or a name in the backup folder"),
        (["restore", "nothing.db", "--yes"], 78, "no such backup"),
        (["restore"], 64, "FILE"),
        (["create", "--keep", "0"], 64, "--keep"),
        (["create", "--folder", "/dev/null/x"], 78, "/dev/null/x: Not a directory; free space or rights are missing"),
        (["create", "--data-dir", "elsewhere"], 78, "elsewhere/simulated.db: no database is there"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    home: Path, arguments: list[str], code: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert here(["backup", *arguments, *map(str, WHERE)], home) == code

    said = capsys.readouterr().err
    assert line in said
    assert said.count("\n") == 1


def test_a_manifest_is_json_with_what_a_monitor_wants(home: Path) -> None:
    told = json.loads(Path(f"{an_old_one(home, days=0)}.json").read_text("utf-8"))

    assert set(told) == {
        "kind",
        "database",
        "schema_version",
        "chain_head",
        "event_count",
        "counts",
        "checked",
        "size",
        "sha256",
        "made_at",
    }
    assert datetime.fromisoformat(told["made_at"]).tzinfo is not None


def test_everything_the_room_may_refuse_has_words() -> None:
    codes = set[str]()
    for file in (ROOT / "kis_daemon" / "store").glob("backup*.py"):
        text = file.read_text("utf-8")
        codes |= {f"backup.{code}" for code in re.findall(r'BackupRefused\(\s*"(\w+)"', text)}
        codes |= {f"backup.unsound.{code}" for code in re.findall(r'Unsound\(\s*"(\w+)"', text)}

    assert len(codes) > 15
    assert codes <= SENTENCES.keys()


def test_help_is_spoken(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert here(["backup", "--help"], tmp_path, {"LANGUAGE": "ko"}) == 0
    for name in ("create", "check", "restore"):
        assert here(["backup", name, "--help"], tmp_path) == 0

    said = capsys.readouterr().out
    assert "데이터베이스를 백업하고, 시험하고, 되돌립니다." in said
    assert "help." not in said
