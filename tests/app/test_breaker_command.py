"""`breaker status|reset`: what is open, and a person who closes it with a reason and a name."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from kis_daemon.app.cli import main
from kis_daemon.clock import SystemClock
from kis_daemon.domain.breakers import Breaker, Trigger, Trip
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


def tripped(data: Path) -> None:
    now = SystemClock().now()
    database = Database(f"sqlite:///{data / 'simulated.db'}")
    database.open()
    for breaker, hours in ((Breaker.LOSS, 5), (Breaker.API, -1)):
        trip = Trip(
            breaker=breaker,
            trigger=Trigger.MAX_DRAWDOWN,
            at=now - timedelta(hours=2),
            until=now + timedelta(hours=hours),
            threshold=15.0,
            actual=15.2,
        )
        database.transact_now(lambda rows, trip=trip: rows.add_breaker_trip(trip))  # type: ignore[misc]
    database.close()


def breaker(data: Path, *words: str) -> int:
    return main(["breaker", *words, "--data-dir", str(data), "--config-dir", str(data)])


def test_both_breakers_are_shown_and_reset(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    breaker(data, "status")
    tripped(data)
    breaker(data, "status")
    assert breaker(data, "reset", "--reason", "looked", "--by", "kim", "--breaker", "loss") == 0
    breaker(data, "status")

    said = capsys.readouterr().out.splitlines()
    assert said[:2] == ["loss CLOSED", "api CLOSED"]
    assert said[2].startswith("loss OPEN trigger=max_drawdown since=")
    assert said[2].endswith("threshold=15.0 actual=15.2")
    assert said[3].startswith("api HALF_OPEN")
    assert said[4] == "loss CLOSED by=kim reason=looked"
    assert [line.split()[1] for line in said[5:]] == ["CLOSED", "HALF_OPEN"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["reset", "--by", "kim", "--reason", " "], "사유와 이름"),
        (["reset", "--by", "kim"], "--reason"),
        (["reset", "--by", "kim", "--reason", "r", "--breaker", "other"], "other"),
        (["reset", "--by", "kim", "--reason", "r"], "작동 중인 서킷브레이커가 없습니다"),
    ],
)
def test_what_cannot_be_is_one_line_and_64(
    data: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert breaker(data, *words) == 64

    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
