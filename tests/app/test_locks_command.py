"""`locks list|add|remove`: reason and name or nothing, an end that is to come, and one line a lock."""

from __future__ import annotations

from pathlib import Path

import pytest

from kis_daemon.app.cli import main
from kis_daemon.store.database import Database
from tests.store.builders import a_file


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("DATABASE_URL", "LANGUAGE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "simulated.db").write_bytes(a_file(tmp_path).read_bytes())
    return folder


def locks(data: Path, *words: str) -> int:
    return main(["locks", *words, "--data-dir", str(data), "--config-dir", str(data)])


def kept(data: Path) -> int:
    database = Database(f"sqlite:///{data / 'simulated.db'}")
    database.open()
    found = len(database.transact_now(lambda rows: rows.symbol_locks()))
    database.close()
    return found


def test_a_lock_is_added_listed_and_removed(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert locks(data, "add", "005930", "--reason", "earnings", "--by", "kim", "--hours", "4") == 0
    assert locks(data, "add", "000660", "--reason", "news", "--by", "lee") == 0
    assert locks(data, "list") == 0
    assert locks(data, "remove", "005930", "--reason", "out", "--by", "kim") == 0

    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("005930 locked scope=entries since=")
    assert "by=kim reason=earnings" in said[0]
    assert "until=- by=lee reason=news" in said[1]
    assert [line[:6] for line in said[2:]] == ["000660", "005930", "005930"]
    assert said[-1].startswith("005930 removed")
    assert kept(data) == 1


def test_the_audit_knows_who_locked_and_why(data: Path) -> None:
    locks(data, "add", "005930", "--reason", "earnings", "--by", "kim")
    locks(data, "remove", "005930", "--reason", "out", "--by", "lee")

    database = Database(f"sqlite:///{data / 'simulated.db'}")
    database.open()
    events = database.transact_now(lambda rows: [(row.event_type, row.actor) for row in rows.events()])
    database.close()
    assert events == [("symbol_locked", "kim"), ("symbol_unlocked", "lee")]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["add", "005930", "--reason", " ", "--by", "kim"], "사유와 이름"),
        (["add", "005930", "--by", "kim"], "--reason"),
        (["add", "5930", "--reason", "r", "--by", "kim"], "5930"),
        (["add", "005930", "--reason", "r", "--by", "kim", "--until", "2020-01-01"], "2020-01-01"),
        (["add", "005930", "--reason", "r", "--by", "kim", "--until", "soon"], "soon"),
        (["add", "005930", "--reason", "r", "--by", "kim", "--until", "2099-01-01", "--hours", "1"], "--hours"),
        (["add", "005930", "--reason", "r", "--by", "kim", "--hours", "0"], "--hours"),
        (["remove", "005930", "--reason", "r", "--by", "kim"], "005930"),
        (["remove", "005930", "--reason", "r", "--by", ""], "사유와 이름"),
    ],
)
def test_what_cannot_be_is_one_line_and_64(
    data: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert locks(data, *words) == 64

    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert kept(data) == 0
