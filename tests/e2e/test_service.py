"""The daemon as a service: what systemd is told, how it stops, and that there is only one of it."""

import os
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.e2e.processes import Running, run, started
from tests.e2e.records import events, log_lines, summary_of


class ServiceManager:
    """Stands where systemd listens: a datagram socket, and all that was sent to it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(str(path))
        self._told: list[str] = []

    @property
    def told(self) -> list[str]:
        """Return every line so far."""
        while True:
            try:
                self._told += self._socket.recv(4096).decode().splitlines()
            except BlockingIOError:
                return self._told

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[ServiceManager]:
    listening = ServiceManager(tmp_path / "notify")
    yield listening
    listening.close()


def a_long_day(home: Path, pace: str = "2000") -> list[str | Path]:
    """Return the command line of a simulated day that takes seconds of ours."""
    where = ("--config-dir", ROOT / "config", "--data-dir", home / "data")
    return ["--mode", "trade", "--sim-days", "1", "--sim-speed", pace, "--symbols", "005930,000660", *where]


def the_day_is_prepared(home: Path) -> list[object]:
    return [*events(home / "data" / "simulated.db", "day_prepared")]


@pytest.fixture
def watched(tmp_path: Path, manager: ServiceManager) -> Iterator[Running]:
    variables = {"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": str(120_000_000)}
    with started(a_long_day(tmp_path), tmp_path, variables) as daemon:
        yield daemon


def test_systemd_hears_ready_once_the_broker_was_asked_then_that_it_lives_then_that_it_stops(
    watched: Running, manager: ServiceManager, tmp_path: Path
) -> None:
    watched.until(lambda: "READY=1" in manager.told, "READY=1")
    reconciled = events(tmp_path / "data" / "simulated.db", "account_opened")
    watched.until(lambda: "WATCHDOG=1" in manager.told, "WATCHDOG=1")
    code = watched.stopped()

    told = list(dict.fromkeys(line for line in manager.told if not line.startswith("STATUS=")))
    status = next(line for line in manager.told if line.startswith("STATUS="))
    assert code == 0
    assert told == ["READY=1", "WATCHDOG=1", "STOPPING=1"]
    assert manager.told.count("READY=1") == 1
    assert len(reconciled) == 1
    assert "HALTED" not in status  # the gate's first answer is known


def test_nothing_is_sent_where_nobody_listens(tmp_path: Path) -> None:
    with started(a_long_day(tmp_path), tmp_path, {"NOTIFY_SOCKET": str(tmp_path / "nobody")}) as daemon:
        daemon.until(lambda: the_day_is_prepared(tmp_path), "the day was prepared")
        assert daemon.stopped() == 0
        assert daemon.complained == ""


@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_is_drained_written_down_and_ends_with_0(name: signal.Signals, tmp_path: Path) -> None:
    with started(a_long_day(tmp_path), tmp_path) as daemon:
        daemon.until(lambda: the_day_is_prepared(tmp_path), "the day was prepared")
        daemon.process.send_signal(name)
        assert (daemon.ended(), daemon.complained) == (0, "")

    last = events(tmp_path / "data" / "simulated.db")[-1]
    assert last == ("daemon_stopped", {"reason": "asked to stop"})
    assert log_lines(tmp_path)[-1]["event"] == "daemon_stopped"
    assert "Result, trading days" in daemon.said  # S3-X11: the summary is told at every end


def test_of_two_starts_the_second_is_refused_with_the_name_of_the_first(tmp_path: Path) -> None:
    lock = tmp_path / "data" / "instance.lock"
    with started(a_long_day(tmp_path), tmp_path) as first:
        first.until(lambda: the_day_is_prepared(tmp_path), "the day was prepared")
        inode = lock.stat().st_ino
        second = run(a_long_day(tmp_path), tmp_path)
        assert first.process.poll() is None
        assert first.stopped() == 0

    assert (second.returncode, second.stdout, second.stderr.count("\n")) == (75, "", 1)
    assert re.search(rf"\bpid {first.process.pid}\b", second.stderr)
    assert (lock.stat().st_ino, lock.stat().st_size) == (inode, 0)


def test_a_lock_that_a_killed_daemon_left_behind_keeps_nobody_out(tmp_path: Path) -> None:
    lock = tmp_path / "data" / "instance.lock"
    with started(a_long_day(tmp_path), tmp_path) as daemon:
        daemon.until(lambda: the_day_is_prepared(tmp_path), "the day was prepared")
        daemon.killed()
    assert str(daemon.process.pid) in lock.read_text("utf-8")
    os.utime(lock, (0, 0))

    ended = run([*a_long_day(tmp_path, pace="0"), "--summary-json", tmp_path / "s.json"], tmp_path)

    summary = summary_of(tmp_path / "s.json")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert (summary["cash"], summary["unexplained_cash"]) == (summary["simulator_account"]["cash"], 0)
    assert [name for name, _ in events(tmp_path / "data" / "simulated.db", "daemon_started")] == ["daemon_started"] * 2
