"""A run that may not begin, and one that ends unexpectedly: what is told, written, and found by the next start."""

import json
import time
from contextlib import suppress
from pathlib import Path

import pytest

from kis_daemon.app.cli import main
from kis_daemon.app.settings_sources import VARIABLES
from kis_daemon.services.poller import QuotePoller
from tests.conftest import ROOT
from tests.e2e.records import broken_links, events

REAL_KEYS = {
    "TRADING_MODE": "REAL",
    "REAL_KIS_APP_KEY": "a-secret-key",
    "REAL_KIS_APP_SECRET": "a-secret-word",
    "REAL_KIS_ACCOUNT_NO": "50123456-01",
    "EXECUTION_JWT_SECRET": "for tests only " * 4,
}


@pytest.fixture(autouse=True)
def empty_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start every test in a folder without `.env`, in English, with no variable of ours."""
    monkeypatch.chdir(tmp_path)
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANGUAGE", "en")


def a_day(*more: str) -> list[str]:
    return ["--mode", "trade", "--sim-days", "1", "--sim-speed", "0", "--config-dir", str(ROOT / "config"), *more]


def test_who_ends_the_countdown_to_real_money_has_written_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in REAL_KEYS.items():
        monkeypatch.setenv(name, value)
    options = ("--config-dir", str(ROOT / "config"), "--symbols", "005930", "--confirm-real-trading")
    slept: list[float] = []

    def interrupted(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupted)

    with suppress(KeyboardInterrupt, SystemExit):
        assert main(["--mode", "trade", *options]) != 0

    out = capsys.readouterr().out
    assert "REAL MONEY" in out
    assert "begins in 8 s" in out
    assert "a-secret" not in out
    assert len(slept) == 3
    assert list(tmp_path.iterdir()) == []


def test_an_unexpected_error_ends_the_house_with_70_and_the_next_start_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def breaks(_: QuotePoller) -> None:
        raise ZeroDivisionError("inside")

    with monkeypatch.context() as patch:
        patch.setattr(QuotePoller, "run", breaks)
        broken = main(a_day())
    err = capsys.readouterr().err
    whole = main(a_day())

    database = tmp_path / "data" / "simulated.db"
    lines = [json.loads(line) for line in (tmp_path / "logs" / "kis_daemon.jsonl").read_text("utf-8").splitlines()]
    traces = [line["exception"] for line in lines if line["event"] == "unexpected_error"]
    assert (broken, whole) == (70, 0)
    assert err == "Ends by an unexpected error: ExceptionGroup\n"
    assert ["ZeroDivisionError: inside" in trace for trace in traces] == [True]
    assert [name for name, _ in events(database, "daemon_started")] == ["daemon_started"] * 2
    assert [payload["reason"] for _, payload in events(database, "daemon_stopped")] == [
        "unexpected error",
        "asked to stop",
    ]
    assert broken_links(database) == []
