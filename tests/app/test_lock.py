"""One daemon per data directory, asked of two real processes."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from kis_daemon.app.errors import AlreadyRunning, ConfigurationError, ExitCode
from kis_daemon.app.lock import InstanceLock
from kis_daemon.console.catalogue import Language
from tests.conftest import ROOT

NINE = datetime(2026, 3, 3, 9, 0, tzinfo=ZoneInfo("Asia/Seoul"))

HOLD = """
import sys
from datetime import datetime
from pathlib import Path
from kis_daemon.app.lock import InstanceLock
with InstanceLock(Path(sys.argv[1]), now=datetime.fromisoformat(sys.argv[2]), command="the first"):
    print("held", flush=True)
    sys.stdin.read()
"""


def a_lock(data_dir: Path, now: datetime = NINE) -> InstanceLock:
    return InstanceLock(data_dir, now=now, command="the second")


@contextmanager
def held_elsewhere(data_dir: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(data_dir), NINE.isoformat()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.stdin.close()


def test_a_second_process_is_refused_with_the_first_ones_name_and_changes_nothing(tmp_path: Path) -> None:
    with held_elsewhere(tmp_path) as first:
        before = (tmp_path / "instance.lock").read_bytes()

        with pytest.raises(AlreadyRunning) as caught, a_lock(tmp_path):
            pass

        line = caught.value.line(Language.EN)
        assert f"already running (pid {first.pid}, since 2026-03-03T09:00:00+09:00, the first)" in line
        assert caught.value.exit_code is ExitCode.ALREADY_RUNNING
        assert (tmp_path / "instance.lock").read_bytes() == before


def test_a_third_start_is_refused_after_the_second_was(tmp_path: Path) -> None:
    with held_elsewhere(tmp_path):
        for _ in range(2):
            with pytest.raises(AlreadyRunning), a_lock(tmp_path):
                pass


def test_the_lock_is_free_after_an_orderly_end_and_its_file_stays(tmp_path: Path) -> None:
    with held_elsewhere(tmp_path):
        pass

    with a_lock(tmp_path) as lock:
        assert lock.left_behind is None
        assert json.loads(lock.path.read_text())["pid"] == str(os.getpid())
    assert lock.path.read_text() == ""


def test_a_killed_holder_is_told_and_holds_nobody_up(tmp_path: Path) -> None:
    with held_elsewhere(tmp_path) as first:
        first.send_signal(signal.SIGKILL)
        first.wait()

        with a_lock(tmp_path, NINE + timedelta(seconds=3601)) as lock:
            assert lock.left_behind is not None
            assert lock.left_behind.pid == str(first.pid)
            assert lock.is_stale


def test_age_alone_never_frees_a_lock(tmp_path: Path) -> None:
    a_month_later = NINE + timedelta(days=30)

    with held_elsewhere(tmp_path), pytest.raises(AlreadyRunning), a_lock(tmp_path, a_month_later):
        pass


@pytest.mark.parametrize("text", ["not json", "[]", '{"pid": 1}', '{"pid": 1, "since": "?", "command": "x"}'])
def test_a_file_of_somebody_else_is_no_obstacle(text: str, tmp_path: Path) -> None:
    (tmp_path / "instance.lock").write_text(text)

    with a_lock(tmp_path) as lock:
        assert lock.left_behind is not None
        assert not lock.is_stale


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(ConfigurationError, match="data folder cannot be written"), a_lock(tmp_path / "file" / "x"):
        pass
