"""A server that breaks off, freezes, dies or quarrels: what was begun is whole, and the caller is told what holds."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from kis_daemon.domain.events import GENESIS_HASH, Event
from kis_daemon.ports import OutcomeUnknown, StoreError
from kis_daemon.store import server as server_room
from kis_daemon.store.database import Database
from kis_daemon.store.rows import SqlRows
from tests.services.builders import TEN_O_CLOCK
from tests.store.places import KINDS, Place, ServerPlace
from tests.store.proxies import Cut, Wire, wire_to

servers_only = pytest.mark.parametrize("place", ["mariadb", "postgresql"], indirect=True)


def an_event(name: str = "noted") -> Event:
    return Event(at=TEN_O_CLOCK, type=name)


def names_in(place: Place) -> list[str]:
    return [name for (name,) in place.by_hand("SELECT event_type FROM event_log ORDER BY event_id")]


@asynccontextmanager
async def wired(place: Place) -> AsyncIterator[tuple[Database, Wire]]:
    """Return the database of `place`, opened over a wire."""
    assert isinstance(place, ServerPlace)
    async with wire_to(place.server.port) as wire:
        database = Database(place.server.url(place.name, port=wire.port))
        await asyncio.to_thread(database.open)
        try:
            yield database, wire
        finally:
            await database.aclose()
            database.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the limits that cost seconds cost parts of one."""
    monkeypatch.setattr(server_room, "_ATTEMPT_S", 0.4)
    monkeypatch.setattr(server_room, "_PAUSES_S", (0.01, 0.02))
    monkeypatch.setattr(server_room, "_SETTLING_PAUSES_S", (0.0, 0.05))


# --- the line breaks -------------------------------------------------------------------------------------------------


@servers_only
async def test_a_connection_that_was_lost_meanwhile_is_replaced(place: Place) -> None:
    async with wired(place) as (database, wire):
        await database.transact(lambda rows: rows.append(an_event("first")))
        wire.cut()
        await database.transact(lambda rows: rows.append(an_event("second")))

    assert names_in(place) == ["first", "second"]


@servers_only
async def test_a_connection_lost_in_the_middle_runs_the_work_again(place: Place) -> None:
    runs = 0

    async with wired(place) as (database, wire):

        def work(rows: SqlRows) -> None:
            nonlocal runs
            runs += 1
            rows.append(an_event(f"run {runs}"))
            if runs == 1:
                wire.cut()
            rows.set_mark("name", str(runs))

        await database.transact(work)

    assert runs == 2
    assert names_in(place) == ["run 2"]


@servers_only
@pytest.mark.parametrize(("cut", "runs"), [(Cut.BEFORE_COMMIT, 2), (Cut.AFTER_COMMIT, 1)])
async def test_a_commit_without_an_answer_is_settled_by_the_chain(place: Place, cut: Cut, runs: int) -> None:
    seen = 0

    def work(rows: SqlRows) -> str:
        nonlocal seen
        seen += 1
        rows.append(an_event())
        return "result"

    async with wired(place) as (database, wire):
        await database.transact(lambda rows: rows.mark("connected"))
        wire.cut_at = cut
        result = await database.transact(work)

        assert wire.cuts == 1

    assert (result, seen) == ("result", runs)
    assert names_in(place) == ["noted"]


@servers_only
@pytest.mark.parametrize("cut", Cut)
async def test_a_commit_without_an_event_to_look_for_is_unknown(place: Place, cut: Cut) -> None:
    async with wired(place) as (database, wire):
        await database.transact(lambda rows: rows.mark("connected"))
        wire.cut_at = cut

        with pytest.raises(OutcomeUnknown, match="during COMMIT"):
            await database.transact(lambda rows: rows.set_mark("name", "1"))

        mark = await database.transact(lambda rows: rows.mark("name"))

    assert mark == (None if cut is Cut.BEFORE_COMMIT else "1")


@servers_only
@pytest.mark.usefixtures("impatient")
async def test_a_commit_that_nobody_can_be_asked_about_is_unknown(place: Place) -> None:
    async with wired(place) as (database, wire):
        await database.transact(lambda rows: rows.mark("connected"))
        wire.cut_at, wire.refuses = Cut.AFTER_COMMIT, True

        with pytest.raises(OutcomeUnknown):
            await database.transact(lambda rows: rows.append(an_event("first")))

        wire.refuses = False
        await database.transact(lambda rows: rows.append(an_event("second")))

    assert names_in(place) == ["first", "second"]


@servers_only
async def test_a_read_whose_commit_was_lost_is_read_again(place: Place) -> None:
    async with wired(place) as (database, wire):
        await database.transact(lambda rows: rows.mark("connected"))
        wire.cut_at = Cut.BEFORE_COMMIT

        assert await database.transact(lambda rows: rows.chain_head()) == GENESIS_HASH


@servers_only
@pytest.mark.usefixtures("impatient")
async def test_a_server_that_says_nothing_costs_its_time_limit(place: Place) -> None:
    async with wired(place) as (database, wire):
        await database.transact(lambda rows: rows.append(an_event("first")))
        wire.freeze()
        began = asyncio.get_running_loop().time()

        with pytest.raises(StoreError, match="TimeoutError"):
            await database.transact(lambda rows: rows.append(an_event("lost")))

        assert asyncio.get_running_loop().time() - began < 4
        wire.cut()
        wire.thaw()
        await database.transact(lambda rows: rows.append(an_event("second")))

    assert names_in(place) == ["first", "second"]


@servers_only
async def test_a_server_that_is_away_is_a_store_error_without_the_password(place: Place) -> None:
    async with wired(place) as (database, wire):
        await database.transact(lambda rows: rows.mark("connected"))
        wire.refuses = True
        wire.cut()

        with pytest.raises(StoreError) as told:
            await database.transact(lambda rows: rows.append(an_event()))

    assert "private-to-the-tests" not in f"{told.value}{told.value.__cause__}"


@servers_only
async def test_a_cancelled_transaction_is_committed_whole(place: Place) -> None:
    async with wired(place) as (database, _wire):
        running = asyncio.create_task(database.transact(lambda rows: rows.append(an_event())))
        await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    assert names_in(place) == ["noted"]


@servers_only
async def test_a_unit_of_work_that_raises_leaves_nothing(place: Place) -> None:
    def work(rows: SqlRows) -> None:
        rows.append(an_event())
        raise KeyError("in the middle")

    async with wired(place) as (database, wire):
        with pytest.raises(KeyError):
            await database.transact(work)
        await database.transact(lambda rows: rows.append(an_event("next")))

        assert wire.connections == 2  # one looked at the schema, one worked and was not thrown away

    assert names_in(place) == ["next"]


# --- quarrels --------------------------------------------------------------------------------------------------------


QUARRELS = {
    "mariadb": "SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213, MESSAGE_TEXT = 'Deadlock found'",
    "postgresql": "DO $$ BEGIN RAISE EXCEPTION 'deadlock detected' USING ERRCODE = '40P01'; END $$",
}
"""What each server says to the transaction that it ends in favour of another one."""


@servers_only
@pytest.mark.parametrize(("times", "runs"), [(1, 2), (2, 3), (9, 3)])
@pytest.mark.usefixtures("impatient")
async def test_a_deadlock_is_run_again_a_few_times(place: Place, database: Database, times: int, runs: int) -> None:
    seen = 0

    def work(rows: SqlRows) -> None:
        nonlocal seen
        seen += 1
        rows.append(an_event(f"run {seen}"))
        if seen <= times:
            rows._connection.exec_driver_sql(QUARRELS[place.kind])

    if times < runs:
        await database.transact(work)
    else:
        with pytest.raises(StoreError, match=r"(?i)deadlock"):
            await database.transact(work)

    assert seen == runs
    assert names_in(place) == ([f"run {runs}"] if times < runs else [])


PIPES: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}


def let_go(writer: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
    assert writer.stdin is not None
    writer.stdin.write(b"go\n")
    writer.stdin.flush()
    return writer


@pytest.mark.parametrize("place", KINDS, indirect=True)
def test_two_processes_never_fork_the_chain(place: Place) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-m", "tests.store.writer", place.url, name, "60"], **PIPES)
        for name in ("a", "b")
    ]
    for writer in writers:  # both are open before either begins
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"open\n"
    said = [writer.communicate(timeout=60)[1] for writer in [let_go(writer) for writer in writers]]

    assert [writer.returncode for writer in writers] == [0, 0], said
    rows = place.by_hand("SELECT prev_hash, hash, event_type FROM event_log ORDER BY event_id")
    assert [row[0] for row in rows] == [GENESIS_HASH, *(row[1] for row in rows[:-1])]
    order = [row[2] for row in rows]
    assert sorted(order) == ["a"] * 60 + ["b"] * 60
    assert order != sorted(order), "they did not write at the same time"


async def test_transactions_of_one_process_run_one_after_the_other(place: Place, database: Database) -> None:
    await asyncio.gather(
        *(database.transact(lambda rows, n=n: rows.append(an_event(str(n)))) for n in range(9))  # type: ignore[misc]
    )

    assert names_in(place) == [str(n) for n in range(9)]


@servers_only
def test_the_session_is_as_the_requirements_have_it(place: Place, database: Database) -> None:
    def work(rows: SqlRows) -> tuple[Any, ...]:
        if place.kind == "postgresql":
            asked = ["transaction_isolation", "timezone", "server_encoding", "lock_timeout"]
            return tuple(rows._connection.exec_driver_sql(f"SHOW {name}").scalar_one() for name in asked)
        asked = ["tx_isolation", "time_zone", "character_set_connection", "innodb_lock_wait_timeout", "autocommit"]
        row = rows._connection.exec_driver_sql(f"SELECT {', '.join('@@' + name for name in asked)}").one()
        return tuple(row)

    session = database.transact_now(work)

    if place.kind == "postgresql":
        assert session == ("read committed", "UTC", "UTF8", "5s")
    else:
        assert session == ("READ-COMMITTED", "+00:00", "utf8mb4", 5, 0)
