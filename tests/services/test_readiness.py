"""The readiness desk: what it finds, when it tells, and what it lets pass. Time is virtual."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

from kis_daemon.clock import LoopClock
from kis_daemon.domain.readiness import Blocker
from kis_daemon.services.journal import Journal
from kis_daemon.services.readiness import ReadinessDesk
from kis_daemon.virtual_loop import VirtualLoop
from tests.services.builders import TEN_O_CLOCK
from tests.services.fakes import HeardNotifier
from tests.services.trading import the_calendar
from tests.store.builders import a_database


def test_nothing_is_well_before_it_was_looked_at(tmp_path: Path) -> None:
    story, _ = lived(tmp_path, TEN_O_CLOCK, [], looked=False)

    assert story == [(False, (Blocker.DISK_ALMOST_FULL, Blocker.WS_DISCONNECTED))]


def test_a_change_is_told_once(tmp_path: Path) -> None:
    story, told = lived(tmp_path, TEN_O_CLOCK, ["full", "full", "", "", "full"])

    assert [lets for lets, _ in story] == [False, False, True, True, False]
    assert told == ["readiness_blocked", "readiness_passed", "readiness_blocked"]


def test_at_night_nobody_is_woken_for_it(tmp_path: Path) -> None:
    _, told = lived(tmp_path, TEN_O_CLOCK - timedelta(hours=4), ["full", "full"])

    assert told == []


def test_before_the_opening_a_person_still_has_time(tmp_path: Path) -> None:
    _, told = lived(tmp_path, TEN_O_CLOCK - timedelta(minutes=74), ["full"])

    assert told == ["readiness_blocked"]


def test_with_invented_money_it_closes_nothing_and_tells_nobody(tmp_path: Path) -> None:
    story, told = lived(tmp_path, TEN_O_CLOCK, ["full"], binds=False)

    assert story == [(True, (Blocker.DISK_ALMOST_FULL,))]
    assert told == []


def lived(
    folder: Path, start: datetime, disk: list[str], *, binds: bool = True, looked: bool = True
) -> tuple[list[tuple[bool, tuple[Blocker, ...]]], list[str]]:
    """Return what each look let pass and found, ten seconds apart, and what was told."""
    found: list[tuple[bool, tuple[Blocker, ...]]] = []
    notifier = HeardNotifier()

    async def story() -> None:
        clock = LoopClock(asyncio.get_running_loop(), start)
        with a_database(folder) as database:
            left = list(disk)
            desk = ReadinessDesk(
                {
                    Blocker.DISK_ALMOST_FULL: lambda: left.pop(0) if len(left) > 1 else left[0],
                    Blocker.WS_DISCONNECTED: lambda: "",
                },
                Journal(database, clock, notifier),
                the_calendar(),
                clock,
                binds=binds,
            )
            if not looked:
                found.append((desk.lets_enter(), desk.last.blockers))
                return
            task = asyncio.create_task(desk.run())
            for _ in disk:
                await asyncio.sleep(5)
                found.append((desk.lets_enter(), desk.last.blockers))
                await asyncio.sleep(5)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    with asyncio.Runner(loop_factory=lambda: VirtualLoop(None)) as runner:
        runner.run(story())
    return found, notifier.events
