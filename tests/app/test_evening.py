"""The evening's child: what it found is told; whatever happens to it, nothing else does."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest

from kis_daemon.app.evening import EveningDrift, drift_file
from kis_daemon.app.files import load_calendar
from kis_daemon.app.household import Household
from kis_daemon.app.options import RunOptions
from kis_daemon.app.settings import load_settings
from kis_daemon.clock import SystemClock
from kis_daemon.domain.market import Symbol
from kis_daemon.services.journal import Journal
from kis_daemon.store.memory import MemoryRecords
from tests.app.test_settings import PAPER_KEYS
from tests.conftest import ROOT
from tests.e2e.processes import until
from tests.services.fakes import HeardNotifier

DAY = date(2026, 3, 3)
COUNTS = {"matched": 3, "price_differs": 1, "quantity_differs": 0, "missing_live": 0, "missing_in_backtest": 0}
LEAVES = (
    "import json, os; json.dump({{'counts': {counts}, 'cost': 700, 'orders': [1, 2, 3, 4], 'nice': os.nice(0)}}, "
    "open({file!r}, 'w'))"
)


class Evening:
    """An evening whose child is a line of Python."""

    def __init__(self, logs: Path, program: str, within_s: float = 20.0) -> None:
        self.file = drift_file(logs, DAY)
        self.file.parent.mkdir(parents=True)
        self.records, self.heard = MemoryRecords(), HeardNotifier()
        self.journal = Journal(self.records, SystemClock(), self.heard)
        self.drift = EveningDrift(
            command=lambda _: self.command(program.format(file=str(self.file), counts=COUNTS)),
            file=lambda _: self.file,
            journal=self.journal,
            within_s=within_s,
        )

    def command(self, program: str) -> Sequence[str]:
        return [sys.executable, "-c", program]

    async def told(self) -> list[dict[str, object]]:
        await self.journal.write()
        return [{"event": event.type, **event.payload} for event in self.records.tables.events]


async def test_what_the_child_found_is_written_and_told_with_its_numbers(tmp_path: Path) -> None:
    evening = Evening(tmp_path, LEAVES)

    await evening.drift.end_day(DAY)

    assert await evening.told() == [
        {"event": "drift_compared", "day": "2026-03-03", "orders": 4, **COUNTS, "cost": 700},
    ]
    assert evening.heard.events == ["drift_compared"]


async def test_the_child_has_the_lowest_priority(tmp_path: Path) -> None:
    evening = Evening(tmp_path, "import time; time.sleep(0.3); " + LEAVES)

    await evening.drift.end_day(DAY)

    assert json.loads(evening.file.read_text("utf-8"))["nice"] == 19


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        pytest.param("raise SystemExit('no bars of that day')", "exit 1: no bars of that day", id="it refuses"),
        pytest.param("import os; os.kill(os.getpid(), 9)", "exit -9: no reason given", id="it is killed"),
        pytest.param("import time; time.sleep(60)", "no end after 0.5 s", id="it does not end"),
        pytest.param("open({file!r}, 'w').write('[')", "Expecting value", id="its file is torn"),
        pytest.param("pass", "No such file", id="it leaves none"),
    ],
)
async def test_a_child_that_fails_is_told_and_nothing_is_raised(tmp_path: Path, program: str, reason: str) -> None:
    evening = Evening(tmp_path, program, within_s=0.5 if "sleep" in program else 20.0)

    await evening.drift.end_day(DAY)

    (told,) = await evening.told()
    assert told["event"] == "drift_failed"
    assert reason in str(told["reason"])


async def test_an_older_comparison_is_not_taken_for_this_one(tmp_path: Path) -> None:
    evening = Evening(tmp_path, "pass")
    evening.file.write_text(json.dumps({"counts": COUNTS, "cost": 0, "orders": []}), "utf-8")

    await evening.drift.end_day(DAY)

    assert [told["event"] for told in await evening.told()] == ["drift_failed"]


async def test_who_stops_the_daemon_ends_the_child(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    program = f"import os, time; print(os.getpid(), file=open('{file}', 'w'), flush=True); time.sleep(60)"
    evening = Evening(tmp_path / "logs", program)
    task = asyncio.create_task(evening.drift.end_day(DAY))
    pid = await asyncio.to_thread(until, lambda: file.exists() and file.read_text().strip(), "the child")

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    with pytest.raises(ProcessLookupError):
        os.kill(int(str(pid)), 0)


@pytest.mark.parametrize(
    ("variables", "asked", "compares"),
    [
        pytest.param({}, None, False, id="the embedded simulator: a day is over before a child has started"),
        pytest.param({}, True, True, id="the embedded simulator, when asked to"),
        pytest.param(PAPER_KEYS, None, True, id="KIS"),
        pytest.param(PAPER_KEYS, False, False, id="KIS, when asked not to"),
    ],
)
def test_evenings_are_compared_where_a_day_is_a_day(
    tmp_path: Path, variables: dict[str, str], asked: bool | None, compares: bool
) -> None:
    options = RunOptions(config_dir=ROOT / "config", data_dir=tmp_path, symbols=(Symbol("005930"),), drift=asked)
    household = Household(load_settings(options, variables, None), options, load_calendar(ROOT / "config"))

    assert household.compares_days is compares


def test_the_daemon_has_nothing_of_the_backtest_in_its_memory() -> None:
    program = (
        "import sys, kis_daemon.app.run, kis_daemon.app.on_kis, kis_daemon.app.on_simulator, kis_daemon.app.evening;"
        "print([name for name in sys.modules if 'backtest' in name or name == 'kis_daemon.app.drift'])"
    )

    said = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)

    assert said.stdout.strip() == "[]"
