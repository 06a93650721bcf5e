"""Opening a database, and the one way to run a transaction: whole, durable, or not at all."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, create_engine, inspect, text

from kis_daemon.domain.events import Event
from kis_daemon.ports import StoreError
from kis_daemon.store.database import Database, SchemaTooNew
from kis_daemon.store.rows import SqlRows
from kis_daemon.store.schema import SCHEMA_VERSION, metadata
from tests.services.builders import TEN_O_CLOCK
from tests.store.builders import a_database, a_file, by_hand

# S0-D05 with the columns of requirements L01; ours may have more
DOCUMENTED = {
    "event_log": "event_id timestamp event_type correlation_id actor payload_json prev_hash hash",
    "snapshots": "snapshot_id asof source payload_json",
    "proposals": "proposal_id created_at universe_snapshot_id config_hash git_commit_sha schema_version payload_json "
    "status",
    "approvals": "approval_id proposal_id token_hash token_expires_at token_used_at token_jti status approved_by "
    "approved_at rejection_reason",
    "orders": "order_id correlation_id status broker_order_id payload_json created_at",
    "fills": "fill_id order_id correlation_id broker_fill_id payload_json created_at",
    "system_state": "state_id timestamp kill_switch_status kill_switch_reason portfolio_value current_mdd "
    "active_positions",
    "schema_version": "schema_version applied_at description",
}


def an_event(name: str = "noted") -> Event:
    return Event(at=TEN_O_CLOCK, type=name)


def events_in(file: Path) -> list[str]:
    return [name for (name,) in by_hand(file, "SELECT event_type FROM event_log ORDER BY event_id")]


# --- the schema --------------------------------------------------------------------------------------------------


@pytest.fixture
def migrated(tmp_path: Path) -> Iterator[Engine]:
    engine = create_engine(f"sqlite:///{a_file(tmp_path)}")
    yield engine
    engine.dispose()


@pytest.fixture
def declared() -> Iterator[Engine]:
    """Return a database made of the tables as `schema.py` declares them, without any migration."""
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    yield engine
    engine.dispose()


def shape_of(engine: Engine, table: str) -> list[Any]:
    """Return columns with types and defaults, keys, checks and uniques of a table, in no particular order."""
    inspector = inspect(engine)
    with engine.connect() as connection:
        columns = connection.execute(text(f"PRAGMA table_info({table})")).fetchall()
    return [
        sorted(str(tuple(column)[1:]) for column in columns),
        sorted(str(check["sqltext"]) for check in inspector.get_check_constraints(table)),
        sorted(str(unique["column_names"]) for unique in inspector.get_unique_constraints(table)),
        sorted(f"{key['constrained_columns']} -> {key['referred_table']}" for key in inspector.get_foreign_keys(table)),
    ]


def test_the_migrations_make_the_schema(migrated: Engine) -> None:
    with migrated.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})

        assert compare_metadata(context, metadata) == []
        assert context.get_current_revision() == SCHEMA_VERSION


@pytest.mark.parametrize("table", metadata.tables)
def test_a_migrated_table_is_the_declared_one(migrated: Engine, declared: Engine, table: str) -> None:
    assert shape_of(migrated, table) == shape_of(declared, table)


@pytest.mark.parametrize("table", DOCUMENTED)
def test_the_documented_tables_have_their_columns(migrated: Engine, table: str) -> None:
    columns = {column["name"] for column in inspect(migrated).get_columns(table)}

    assert set(DOCUMENTED[table].split()) <= columns


def test_the_schema_version_is_recorded_with_its_time(tmp_path: Path) -> None:
    rows = by_hand(a_file(tmp_path), "SELECT schema_version, applied_at IS NOT NULL FROM schema_version")

    assert rows == [(SCHEMA_VERSION, 1)]


@pytest.mark.parametrize(
    "sql", ["UPDATE event_log SET payload_json = '{}'", "DELETE FROM event_log", "UPDATE event_log SET hash = NULL"]
)
def test_the_event_log_is_append_only_for_everybody(tmp_path: Path, sql: str) -> None:
    with a_database(tmp_path) as database:
        database.transact_now(lambda rows: rows.append(an_event()))

    with pytest.raises(Exception, match="event_log is append-only"):
        by_hand(a_file(tmp_path), sql)

    assert events_in(a_file(tmp_path)) == ["noted"]


# --- opening -----------------------------------------------------------------------------------------------------


def test_a_database_opened_twice_keeps_what_is_in_it(tmp_path: Path) -> None:
    file = tmp_path / "new.db"
    for name in ("first", "second"):
        database = Database(f"sqlite:///{file}")
        database.open()
        database.transact_now(lambda rows, name=name: rows.append(an_event(name)))  # type: ignore[misc]  # bound now
        database.close()

    assert events_in(file) == ["first", "second"]
    assert by_hand(file, "SELECT count(*) FROM schema_version") == [(1,)]


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


@pytest.mark.parametrize("url", ["mysql+aiomysql://daemon@127.0.0.1:1/x"])
def test_a_database_we_cannot_speak_to_is_a_store_error(url: str) -> None:
    assert isinstance(refused(url), StoreError)


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
