"""The morning's rehearsal: when it runs, how often, and what a restart knows of it. Time is virtual."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import date, datetime, time
from pathlib import Path

from kis_daemon.clock import LoopClock
from kis_daemon.domain.calendar import KST
from kis_daemon.ports import StoreError
from kis_daemon.services.journal import Journal
from kis_daemon.services.rehearsals import REHEARSAL_MARK, Rehearsals
from kis_daemon.store.database import Database
from kis_daemon.virtual_loop import VirtualLoop
from tests.services.fakes import BreakableRecords, HeardNotifier
from tests.services.trading import the_calendar
from tests.store.builders import a_database

MONDAY, TUESDAY, SATURDAY = date(2024, 3, 4), date(2024, 3, 5), date(2024, 3, 9)


def at(day: date, clock: str) -> datetime:
    return datetime.combine(day, time.fromisoformat(clock), KST)


@dataclass(slots=True)
class Seen:
    """When rehearsals were held, what was told, and what stood in the way of entries at the moments asked for."""

    held: list[datetime] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)


def live(
    database: Database, start: datetime, asked: list[datetime], outcomes: list[str], *, store_is_away: bool = False
) -> Seen:
    """Live from `start` through the moments `asked`; each rehearsal ends with the next of `outcomes`, "" after them."""
    seen, left = Seen(), list(outcomes)
    loop = VirtualLoop(None)

    async def story() -> None:
        clock, notifier = LoopClock(asyncio.get_running_loop(), start), HeardNotifier()
        records = BreakableRecords(database)
        records.broken = store_is_away
        journal = Journal(records, clock, notifier)

        async def rehearse(_day: date) -> str:
            seen.held.append(clock.now())
            return left.pop(0) if left else ""

        rehearsals = Rehearsals(rehearse, journal, the_calendar(), clock)
        tasks = [asyncio.create_task(rehearsals.run()), asyncio.create_task(journal.run())]
        for moment in asked:
            await clock.sleep_until(moment)
            seen.troubles.append(rehearsals.trouble())
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(ended, asyncio.CancelledError | StoreError)
        seen.events = notifier.events

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(story())
    return seen


def test_it_is_held_at_half_past_eight_and_entries_wait_for_it(tmp_path: Path) -> None:
    with a_database(tmp_path) as database:
        seen = live(database, at(TUESDAY, "08:00"), [at(TUESDAY, "08:29"), at(TUESDAY, "08:31")], [])

    assert seen.held == [at(TUESDAY, "08:30")]
    assert seen.troubles == ["the rehearsal of 08:30 has not run yet", ""]
    assert seen.events == ["rehearsal_passed"]


def test_a_later_start_rehearses_at_once(tmp_path: Path) -> None:
    with a_database(tmp_path) as database:
        seen = live(database, at(TUESDAY, "11:00"), [at(TUESDAY, "11:01")], [])

    assert seen.held == [at(TUESDAY, "11:00")]


def test_one_that_failed_is_tried_once_more(tmp_path: Path) -> None:
    with a_database(tmp_path) as database:
        asked = [at(TUESDAY, "08:45"), at(TUESDAY, "09:01")]
        seen = live(database, at(TUESDAY, "08:00"), asked, ["cash differs"])

    assert seen.held == [at(TUESDAY, "08:30"), at(TUESDAY, "09:00")]
    assert seen.troubles == ["the rehearsal failed: cash differs", ""]
    assert seen.events == ["rehearsal_failed", "rehearsal_passed"]


def test_one_that_failed_twice_keeps_the_day_closed_and_the_next_day_begins_anew(tmp_path: Path) -> None:
    with a_database(tmp_path) as database:
        asked = [at(MONDAY, "15:00"), at(TUESDAY, "08:31")]
        seen = live(database, at(MONDAY, "08:00"), asked, ["no end", "no end"])

    assert seen.held == [at(MONDAY, "08:30"), at(MONDAY, "09:00"), at(TUESDAY, "08:30")]
    assert seen.troubles == ["the rehearsal failed: no end", ""]


def test_a_restart_does_not_rehearse_a_passed_day_again(tmp_path: Path) -> None:
    with a_database(tmp_path) as database:
        database.transact_now(lambda rows: rows.set_mark(REHEARSAL_MARK, TUESDAY.isoformat()))
        seen = live(database, at(TUESDAY, "10:00"), [at(TUESDAY, "10:01"), at(TUESDAY, "15:00")], ["never asked"])

    assert seen.held == []
    assert seen.troubles == ["", ""]


def test_yesterdays_is_not_todays(tmp_path: Path) -> None:
    with a_database(tmp_path) as database:
        database.transact_now(lambda rows: rows.set_mark(REHEARSAL_MARK, MONDAY.isoformat()))
        seen = live(database, at(TUESDAY, "08:00"), [at(TUESDAY, "08:10")], [])

    assert seen.troubles == ["the rehearsal of 08:30 has not run yet"]


def test_no_rehearsal_on_a_day_without_trading(tmp_path: Path) -> None:
    with a_database(tmp_path) as database:
        seen = live(database, at(SATURDAY, "08:00"), [at(SATURDAY, "23:00")], [])

    assert seen.held == []


def test_a_store_that_is_away_costs_the_memory_of_it_and_nothing_else(tmp_path: Path) -> None:
    with a_database(tmp_path) as database:
        seen = live(database, at(TUESDAY, "08:00"), [at(TUESDAY, "08:31")], [], store_is_away=True)

    assert seen.troubles == [""]
