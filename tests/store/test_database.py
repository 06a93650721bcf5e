"""Opening a database, and the one way to run a transaction: whole, durable, or not at all."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from kis_daemon.domain.events import Event
from kis_daemon.ports import StoreError
from kis_daemon.store.database import Database, SchemaTooNew
from kis_daemon.store.rows import SqlRows
from kis_daemon.store.schema import SCHEMA_VERSION
from tests.services.builders import TEN_O_CLOCK, a_position
from tests.store.builders import a_database, a_file, by_hand


def an_event(name: str = "noted") -> Event:
    return Event(at=TEN_O_CLOCK, type=name)


def events_in(file: Path) -> list[str]:
    return [name for (name,) in by_hand(file, "SELECT event_type FROM event_log ORDER BY event_id")]


# --- opening -----------------------------------------------------------------------------------------------------


def test_a_database_opened_twice_keeps_what_is_in_it(tmp_path: Path) -> None:
    file = tmp_path / "new.db"
    for name in ("first", "second"):
        database = Database(f"sqlite:///{file}")
        database.open()
        database.transact_now(lambda rows, name=name: rows.append(an_event(name)))  # type: ignore[misc]  # bound now
        database.close()

    assert events_in(file) == ["first", "second"]
    assert by_hand(file, "SELECT max(schema_version) FROM schema_version") == [(SCHEMA_VERSION,)]


leaks_are_another_tests_matter = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def refused(url: str) -> Exception:
    """Return how opening `url` is refused; whatever connection that left behind is collected."""
    try:
        Database(url).open()
    except Exception as error:  # noqa: BLE001  # each test says which
        caught = error
    else:
        pytest.fail(f"{url} was opened")
    for told in (caught, caught.__cause__, caught.__context__):
        if told is not None:
            told.__traceback__ = None  # its frames hold what is to be collected
    gc.collect()
    return caught


@leaks_are_another_tests_matter
def test_a_newer_schema_is_refused_with_words(tmp_path: Path) -> None:
    by_hand(a_file(tmp_path), "UPDATE alembic_version SET version_num = '9999'")

    error = refused(f"sqlite:///{a_file(tmp_path)}")

    assert isinstance(error, SchemaTooNew)
    assert f"9999 is newer than this program's {SCHEMA_VERSION}" in str(error)


def test_a_folder_that_is_not_there_is_said_in_one_line(tmp_path: Path) -> None:
    error = refused(f"sqlite:///{tmp_path}/nowhere/x.db")

    assert isinstance(error, StoreError)
    assert str(error).startswith("Database initialization failed: unable to open database file")
    assert "\n" not in str(error)


@leaks_are_another_tests_matter
def test_a_file_that_is_no_database_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"not a database, but long enough to be read as one" * 40)

    error = refused(f"sqlite:///{tmp_path}/x.db")

    assert isinstance(error, StoreError)
    assert "file is not a database" in str(error)


def test_a_refused_opening_leaves_no_connection_behind(tmp_path: Path) -> None:
    by_hand(a_file(tmp_path), "UPDATE alembic_version SET version_num = '9999'")

    assert isinstance(refused(f"sqlite:///{a_file(tmp_path)}"), SchemaTooNew)


@pytest.mark.parametrize(
    "url",
    ["sqlite:////nowhere/x.db?password=hunter2", "sqlite://daemon:hunter2@host/x.db", "mysql://daemon:hunter2@host/x"],
)
def test_a_password_in_the_url_is_never_shown(url: str) -> None:
    error = refused(url)

    told = "".join(str(told) for told in (error, error.__cause__, error.__context__))
    assert "hunter2" not in told


@pytest.mark.parametrize(
    "url",
    [
        "mysql+aiomysql://daemon@127.0.0.1:1/x",
        "mariadb://daemon@127.0.0.1:1/x",
        "postgresql://daemon@127.0.0.1:1/x",
        "postgresql+asyncpg://daemon@127.0.0.1:1/x",
        "mysql://daemon@127.0.0.1:1",
        "mysql+pymysql://daemon@127.0.0.1:1/x",
        "oracle://daemon@127.0.0.1:1/x",
        "trading.db",
        "",
    ],
)
def test_a_database_we_cannot_speak_to_is_a_store_error(url: str) -> None:
    error = refused(url)

    assert isinstance(error, StoreError)
    assert str(error).startswith("Database initialization failed: ")
    assert "\n" not in str(error)


def test_a_driver_is_loaded_by_its_own_database_only(tmp_path: Path) -> None:
    script = (
        "import asyncio, sys; from kis_daemon.store.database import Database\n"
        "d = Database(sys.argv[1]); d.open(); asyncio.run(d.transact(lambda rows: rows.mark('x'))); d.close()\n"
        "print([name for name in ('aiomysql', 'asyncpg', 'alembic', 'greenlet', 'sqlalchemy.ext.asyncio')"
        " if name in sys.modules])"
    )

    loaded = subprocess.run(
        [sys.executable, "-c", script, f"sqlite:///{a_file(tmp_path)}"], capture_output=True, text=True, check=True
    )

    assert loaded.stdout == "[]\n"


def test_the_file_is_durable_and_checked(tmp_path: Path) -> None:
    with a_database(tmp_path) as database:
        pragmas = {
            name: database.transact_now(
                lambda rows, name=name: rows._connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()  # type: ignore[misc]
            )
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }

    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


# --- transactions ------------------------------------------------------------------------------------------------


async def test_what_a_transaction_returns_comes_back(tmp_path: Path) -> None:
    with a_database(tmp_path) as database:
        assert await database.transact(lambda rows: rows.count_events()) == 0


async def test_a_unit_of_work_that_raises_leaves_nothing(tmp_path: Path) -> None:
    def work(rows: SqlRows) -> None:
        rows.append(an_event())
        rows.set_mark("day_base", "1")
        raise KeyError("in the middle")

    with a_database(tmp_path) as database:
        with pytest.raises(KeyError):
            await database.transact(work)

        assert database.transact_now(lambda rows: (rows.count_events(), rows.mark("day_base"))) == (0, None)


async def test_a_cancelled_transaction_is_committed_whole(tmp_path: Path) -> None:
    begun, let_go = threading.Event(), threading.Event()

    def work(rows: SqlRows) -> None:
        rows.append(an_event("first"))
        begun.set()
        assert let_go.wait(10)
        rows.append(an_event("second"))

    with a_database(tmp_path) as database:
        waiting = asyncio.create_task(database.transact(work))
        await asyncio.to_thread(begun.wait)

        waiting.cancel()
        let_go.set()
        await asyncio.gather(waiting, return_exceptions=True)

    assert events_in(a_file(tmp_path)) == ["first", "second"]


async def test_a_cancelled_transaction_that_fails_leaves_nothing(tmp_path: Path) -> None:
    begun, let_go = threading.Event(), threading.Event()

    def work(rows: SqlRows) -> None:
        rows.append(an_event("first"))
        begun.set()
        assert let_go.wait(10)
        raise KeyError("in the middle")

    with a_database(tmp_path) as database:
        waiting = asyncio.create_task(database.transact(work))
        await asyncio.to_thread(begun.wait)
        waiting.cancel()
        let_go.set()
        await asyncio.gather(waiting, return_exceptions=True)

    assert events_in(a_file(tmp_path)) == []


async def test_transactions_of_one_process_run_one_after_the_other(tmp_path: Path) -> None:
    with a_database(tmp_path) as database:
        await asyncio.gather(
            *(database.transact(lambda rows, n=n: rows.append(an_event(str(n)))) for n in range(9))  # type: ignore[misc]
        )

    assert events_in(a_file(tmp_path)) == [str(n) for n in range(9)]


async def test_a_database_that_is_not_open_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="not open"):
        await Database(f"sqlite:///{a_file(tmp_path)}").transact(lambda rows: None)


def test_an_operators_command_may_write_beside_the_daemon(tmp_path: Path) -> None:
    with a_database(tmp_path) as daemon, a_database(tmp_path) as command:
        for database, name in ((daemon, "first"), (command, "second"), (daemon, "third")):
            database.transact_now(lambda rows, name=name: rows.append(an_event(name)))  # type: ignore[misc]

        hashes = [(row.prev_hash, row.hash) for row in daemon.transact_now(lambda rows: rows.events())]

    assert [later[0] for later in hashes[1:]] == [earlier[1] for earlier in hashes[:-1]]


def test_no_position_is_torn_by_a_crash(tmp_path: Path) -> None:
    """There is no position file: a process that dies inside its transaction leaves the position as it was, whole."""
    with a_database(tmp_path) as database:
        database.transact_now(lambda rows: rows.save_position(a_position()))
    child = os.fork()
    if child == 0:
        with a_database(tmp_path) as database:

            def half(rows: SqlRows) -> None:
                rows.save_position(a_position(quantity=99, stop=1))
                os.kill(os.getpid(), signal.SIGKILL)

            database.transact_now(half)
    _, status = os.waitpid(child, 0)

    assert os.WTERMSIG(status) == signal.SIGKILL
    with a_database(tmp_path) as database:
        assert database.transact_now(lambda rows: rows.open_positions()) == (a_position(),)
