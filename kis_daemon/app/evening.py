"""The evening: the day that is over is lived again by a backtest, in a process of its own.

Rules of this room
    The daemon imports nothing of the backtest: the child does, at the lowest priority, for a bounded time. What it
    found is read from the file that it leaves.
    It fails alone: a day without its drift is told, and nothing else happens. Who stops the daemon ends the child.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

from kis_daemon.ports import Severity
from kis_daemon.services.journal import Journal

WITHIN_S = 300.0  # a day of forty symbols takes seconds; a child that takes longer is stuck
_NICEST = 19
_MOST_WORDS = 300


def drift_command(day: date, data_dir: Path, config_dir: Path) -> list[str]:
    """Return the command line that compares `day`."""
    where = ["--data-dir", str(data_dir), "--config-dir", str(config_dir)]
    return [sys.executable, "-m", "kis_daemon", "drift", "--date", day.isoformat(), *where]


def drift_file(log_dir: Path, day: date) -> Path:
    """Return where the drift of `day` is kept."""
    return log_dir / "drift" / f"drift_{day:%Y%m%d}.json"


class EveningDrift:
    """See the rules above. `command` compares a day and leaves its file at `file`."""

    def __init__(
        self,
        *,
        command: Callable[[date], Sequence[str]],
        file: Callable[[date], Path],
        journal: Journal,
        within_s: float = WITHIN_S,
    ) -> None:
        self._command = command
        self._file = file
        self._journal = journal
        self._within_s = within_s

    async def end_day(self, day: date) -> None:
        """Have `day` compared, and tell what came of it."""
        try:
            self._file(day).unlink(missing_ok=True)  # an older comparison is not this one
            await self._compare(day)
            told = json.loads(self._file(day).read_text("utf-8"))
            fact = self._journal.fact(
                "drift_compared",
                alerts=True,
                day=day.isoformat(),
                orders=len(told["orders"]),
                **told["counts"],
                cost=told["cost"],
            )
        except (OSError, ValueError, KeyError, TypeError, subprocess.SubprocessError) as error:
            fact = self._journal.fact(
                "drift_failed", severity=Severity.WARNING, alerts=True, day=day.isoformat(), reason=_why(error)
            )
        self._journal.note(fact)

    async def _compare(self, day: date) -> None:
        child = _started(self._command(day))
        try:
            _, said = await asyncio.to_thread(child.communicate, None, self._within_s)
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()
            if child.stderr is not None:
                child.stderr.close()
        if child.returncode != 0:
            lines = said.strip().splitlines()
            raise ValueError(f"exit {child.returncode}: {lines[-1] if lines else 'no reason given'}")


def _started(command: Sequence[str]) -> subprocess.Popen[str]:
    child = subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},  # found from any folder
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    os.setpriority(os.PRIO_PROCESS, child.pid, _NICEST)
    return child


def _why(error: Exception) -> str:
    if isinstance(error, subprocess.TimeoutExpired):
        return f"no end after {error.timeout:g} s"
    return f"{error}"[:_MOST_WORDS] or type(error).__name__
