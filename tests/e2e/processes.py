"""The front door as operators and systemd use it: a process is started, watched from outside, and ended.

Rules of this room
    Every process gets a folder of its own as home and working folder, and no variable of whoever runs the tests.
    What a process does is seen from outside only: its output, its files, its exit code. Every wait has an end.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from kis_daemon.app.cli import main
from kis_daemon.app.settings_sources import VARIABLES
from tests.conftest import ROOT

T = TypeVar("T")

PATIENCE_S = 20.0
LONGEST_RUN_S = 240.0  # a machine that does much else at the same time
_GLANCE_S = 0.005


def environment(home: Path, variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return all the environment that a process in `home` has."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "LANGUAGE": "en",
        "AUTO_TRADE_LOG_DIR": str(home / "logs"),
        "HTTP_BIND": "off",  # every process would want the same port
        **(variables or {}),
    }


def run(
    arguments: Sequence[str | Path], home: Path, variables: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the front door to its end."""
    return subprocess.run(
        [sys.executable, str(ROOT / "main.py"), *map(str, arguments)],
        cwd=home,
        env=environment(home, variables),
        capture_output=True,
        text=True,
        timeout=LONGEST_RUN_S,
        check=False,
    )


class Running:
    """A process that is under way; what it has said so far stands in two files."""

    def __init__(
        self, arguments: Sequence[str | Path], home: Path, variables: Mapping[str, str] | None, name: str
    ) -> None:
        self._out = home / f"{name}.out"
        self._err = home / f"{name}.err"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, str(ROOT / "main.py"), *map(str, arguments)],
                cwd=home,
                env=environment(home, variables),
                stdout=out,
                stderr=err,
            )

    @property
    def said(self) -> str:
        return self._out.read_text("utf-8", errors="replace")

    @property
    def complained(self) -> str:
        return self._err.read_text("utf-8", errors="replace")

    def until(self, condition: Callable[[], T | None], what: str) -> T:
        """Return the first answer of `condition` that is true; fail where the process ends or time is over."""
        return until(condition, what, self)

    def until_said(self, words: str) -> None:
        self.until(lambda: words in self.said or None, words)

    def ended(self) -> int:
        """Return the exit code, once it has ended by itself or by a signal."""
        return self.process.wait(timeout=PATIENCE_S)

    def stopped(self) -> int:
        """Ask it to stop, as systemd does; return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.ended()

    def killed(self) -> None:
        """Take it away in the middle of whatever it does."""
        self.process.kill()
        self.process.wait(timeout=PATIENCE_S)


def until(condition: Callable[[], T | None], what: str, running: Running | None = None) -> T:
    """Return the first answer of `condition` that is true."""
    last = time.monotonic() + PATIENCE_S
    while True:
        answer = condition()
        if answer:
            return answer
        if running is not None and running.process.poll() is not None:
            pytest.fail(f"{what}: the process ended {running.process.returncode}\n{running.complained[-2000:]}")
        if time.monotonic() > last:
            pytest.fail(f"{what}: not within {PATIENCE_S:.0f} s\n{'' if running is None else running.said[-3000:]}")
        time.sleep(_GLANCE_S)


@contextmanager
def started(
    arguments: Sequence[str | Path], home: Path, variables: Mapping[str, str] | None = None, name: str = "daemon"
) -> Iterator[Running]:
    """Start the front door; whatever is left of it at the end is taken away."""
    running = Running(arguments, home, variables, name)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.killed()


def here(arguments: Sequence[str | Path], home: Path, variables: Mapping[str, str] | None = None) -> int:
    """Walk through the front door in this process, where a process of its own would show nothing more."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        for name in [*VARIABLES, "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"]:
            patch.delenv(name, raising=False)
        for name, value in environment(home, variables).items():
            patch.setenv(name, value)
        return main([str(argument) for argument in arguments])
