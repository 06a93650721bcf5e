"""The migrations on each kind of database: what they make, what they keep, what they refuse, and that they can die."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import CheckConstraint, Connection, UniqueConstraint, create_engine, inspect

from kis_daemon.domain.events import Event
from kis_daemon.ports import StoreError
from kis_daemon.store import database as database_room
from kis_daemon.store.database import Database, SchemaTooNew, ScriptChanged
from kis_daemon.store.migrate import migrate
from kis_daemon.store.schema import SCHEMA_VERSION, metadata
from kis_daemon.store.scripts import checksums
from kis_daemon.store.server import server_engine
from kis_daemon.store.urls import database_url
from tests.services.builders import TEN_O_CLOCK, a_lock, an_order
from tests.store.places import KINDS, FilePlace, Place, Servers

RELEASED = {("sqlite", "0001"): "b40120ff3efe7a4e268fb9ce01a89d23e3022ee22732848e1cb86fa6350dd68f"}
"""Scripts that stand in a released version: never changed, only followed."""

# S0-D05, S3-L12, S3-L10, S4 with the columns of requirements L01, L17, L18; ours may have more
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
    "order_state": "idempotency_key order_no fill_id status version",
    "trades": "idempotency_key",
    "positions": "symbol quantity version",
    "account_snapshots": "snapshot_id",
    "symbol_cache": "stock_code stock_name updated_at",
    "daily_summary": "trade_date",
    "kill_switch_events": "activated_at reason trigger_source activated_by positions_closed orders_cancelled "
    "balance_before balance_after equity_before equity_after action_log_json system_state_json deactivated_at "
    "deactivated_by deactivated_reason status severity",
    "circuit_breaker_events": "trigger_type threshold_value actual_value context_json cooldown_hours "
    "cooldown_expires_at status severity resolved_by",
}


@pytest.fixture(params=KINDS)
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Return a database with nothing in it, of each kind."""
    if request.param == "sqlite":
        return FilePlace(tmp_path / "new.db")
    made: Servers = request.getfixturevalue("servers")
    return made.new(request.param)


def asked(place: Place, question: Callable[[Connection], Any]) -> Any:
    """Return what `question` finds out on a plain connection."""
    url = database_url(place.url)
    if place.kind == "sqlite":
        engine = create_engine(url)
        with engine.connect() as connection:
            answer = question(connection)
        engine.dispose()
        return answer

    async def ask() -> Any:
        async with server_engine(url).connect() as connection:
            return await connection.run_sync(question)

    return asyncio.run(ask())


def opened(place: Place) -> Database:
    database = Database(place.url)
    database.open()
    return database


def with_data(place: Place) -> None:
    """Open the database, leave an order and two events in it."""
    database = opened(place)
    database.transact_now(lambda rows: rows.claim_order(an_order()))
    for name in ("first", "second"):
        database.transact_now(lambda rows, name=name: rows.append(Event(at=TEN_O_CLOCK, type=name)))  # type: ignore[misc]
    database.close()


def is_another_type(_context: object, _inspected: object, _metadata: object, found: Any, declared: Any) -> bool | None:
    """Leave it to Alembic, but for MariaDB's own names of a truth, a 64-bit float and a long text."""
    same = {("TINYINT", "Boolean"), ("DOUBLE", "Float"), ("LONGTEXT", "Text")}
    return False if (type(found).__name__, type(declared).__name__) in same else None


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Migrate without a child: a second less each time."""
    monkeypatch.setattr(database_room, "_migrate", migrate)


# --- what they make --------------------------------------------------------------------------------------------------


def test_a_released_script_is_as_it_was() -> None:
    assert {key: checksums(key[0])[key[1]] for key in RELEASED} == RELEASED


def test_the_migrations_make_the_declared_schema(place: Place) -> None:
    def differences(connection: Connection) -> Any:
        return compare_metadata(
            MigrationContext.configure(connection, opts={"compare_type": is_another_type}), metadata
        )

    assert asked(place, differences) == []


def test_the_documented_tables_have_their_columns(place: Place) -> None:
    def columns(connection: Connection) -> dict[str, set[str]]:
        inspector = inspect(connection)
        return {table: {column["name"] for column in inspector.get_columns(table)} for table in DOCUMENTED}

    found = asked(place, columns)

    assert {table: set(names.split()) - found[table] for table, names in DOCUMENTED.items()} == {
        table: set() for table in DOCUMENTED
    }


def test_keys_checks_and_references_are_the_same_everywhere(place: Place) -> None:
    def rules(connection: Connection) -> Any:
        inspector = inspect(connection)
        return {
            table: (
                sorted(sorted(unique["column_names"]) for unique in inspector.get_unique_constraints(table)),
                sorted(key["referred_table"] for key in inspector.get_foreign_keys(table)),
                len([check for check in inspector.get_check_constraints(table) if check["name"]]),
            )
            for table in metadata.tables
        }

    found = asked(place, rules)

    for name, table in metadata.tables.items():
        uniques, references, checks = found[name]
        declared = [[column.name] for column in table.columns if column.unique]
        declared += [sorted(rule.columns.keys()) for rule in table.constraints if isinstance(rule, UniqueConstraint)]
        assert uniques == sorted(map(list, {tuple(columns) for columns in declared})), name
        assert references == sorted(key.column.table.name for key in table.foreign_keys), name
        assert checks >= sum(isinstance(rule, CheckConstraint) for rule in table.constraints), name


def test_each_version_is_recorded_with_its_script(place: Place) -> None:
    rows = place.by_hand("SELECT schema_version, applied_at IS NOT NULL, checksum FROM schema_version ORDER BY 1")

    ours = checksums("sqlite" if place.kind == "sqlite" else "mysql")
    assert rows == [(version, 1, checksum) for version, checksum in sorted(ours.items())]
    assert rows[-1][0] == SCHEMA_VERSION


# --- what they keep --------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("in_this_process")
def test_a_database_goes_down_and_up_with_its_data(empty: Place) -> None:
    with_data(empty)

    Database(empty.url).migrate("0001")
    below = Database(empty.url).schema()
    left = empty.by_hand("SELECT status FROM order_state")
    database = opened(empty)

    kept = database.transact_now(lambda rows: (rows.all_orders(), [row.event_type for row in rows.events()]))
    database.transact_now(lambda rows: rows.append(Event(at=TEN_O_CLOCK, type="third")))
    hashes = [(row.prev_hash, row.hash) for row in database.transact_now(lambda rows: rows.events())]
    database.close()
    assert (below.version, left) == ("0001", [("PENDING",)])
    assert kept == ((an_order(),), ["first", "second"])
    assert [later[0] for later in hashes[1:]] == [earlier[1] for earlier in hashes[:-1]]


@pytest.mark.usefixtures("in_this_process")
def test_a_database_of_the_first_schema_is_brought_up_with_its_data(empty: Place) -> None:
    Database(empty.url).migrate("0001")
    empty.by_hand(f"INSERT INTO event_log(timestamp, event_type, payload_json) VALUES({empty.now}, 'old', '{{}}')")

    database = opened(empty)

    assert [row.type for row in database.transact_now(lambda rows: rows.unadopted_events())] == ["old"]
    database.close()


@pytest.mark.usefixtures("in_this_process")
def test_what_was_locked_is_locked_after_the_way_up_and_down(empty: Place) -> None:
    Database(empty.url).migrate("0002")
    kept = '{"000660": "20 shares held", "005930": "ratio 0.5"}'
    empty.by_hand("INSERT INTO marks (name, value) VALUES ('locked_symbols', ?)", kept)
    empty.by_hand("INSERT INTO marks (name, value) VALUES ('ledger_cash', '7')")

    database = opened(empty)
    locks = database.transact_now(lambda rows: rows.symbol_locks())
    database.transact_now(lambda rows: rows.lock_symbol(a_lock()))
    database.close()

    assert [(lock.symbol, lock.scope, lock.by, lock.reason) for lock in locks] == [
        ("000660", "all", "engine", "20 shares held"),
        ("005930", "all", "engine", "ratio 0.5"),
    ]
    assert empty.by_hand("SELECT name FROM marks") == [("ledger_cash",)]
    Database(empty.url).migrate("0002")
    assert empty.by_hand("SELECT value FROM marks WHERE name = 'locked_symbols'") == [(kept,)]
    opened(empty).close()
    assert empty.by_hand("SELECT count(*) FROM symbol_locks") == [(2,)]


@pytest.mark.parametrize("version", ["0000", "9999", "base", "head"])
def test_only_a_version_of_ours_can_be_asked_for(tmp_path: Path, version: str) -> None:
    with pytest.raises(StoreError, match="expected 0001 to"):
        Database(f"sqlite:///{tmp_path}/x.db").migrate(version)


# --- what they refuse ------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("in_this_process")
def test_a_newer_schema_is_refused_and_left_alone(empty: Place) -> None:
    opened(empty).close()
    empty.by_hand("UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(SchemaTooNew, match=f"9999 is newer than this program's {SCHEMA_VERSION}"):
        opened(empty)
    with pytest.raises(SchemaTooNew):
        Database(empty.url).migrate("0001")

    assert empty.by_hand("SELECT version_num FROM alembic_version") == [("9999",)]


@pytest.mark.usefixtures("in_this_process")
def test_a_changed_script_is_refused(empty: Place) -> None:
    opened(empty).close()
    empty.by_hand("UPDATE schema_version SET checksum = ? WHERE schema_version = '0001'", "0" * 64)

    with pytest.raises(ScriptChanged, match="migration 0001 is not the one that made this database"):
        opened(empty)


# --- how they end ----------------------------------------------------------------------------------------------------


def test_two_starts_at_once_migrate_once(empty: Place) -> None:
    script = (
        "import sys; from kis_daemon.store.database import Database; d = Database(sys.argv[1]); d.open(); d.close()"
    )
    starts = [
        subprocess.Popen([sys.executable, "-c", script, empty.url], stderr=subprocess.PIPE, text=True) for _ in range(2)
    ]
    said = [start.communicate()[1] for start in starts]

    assert [start.returncode for start in starts] == [0, 0], said
    assert empty.by_hand("SELECT count(*) FROM schema_version") == [(len(checksums("sqlite")),)]


@pytest.mark.parametrize("way", ["up", "down"])
def test_a_migration_that_died_is_finished_by_the_next(empty: Place, way: str) -> None:
    # All points: `python -m tests.store.crashing URL up 1`. Only MariaDB has halves; the others undo it all.
    every = {"up": 9, "down": 4} if empty.kind == "mariadb" else {"up": 23, "down": 8}
    died = subprocess.run(
        [sys.executable, "-m", "tests.store.crashing", empty.url, way, str(every[way])],
        capture_output=True,
        text=True,
        check=False,
    )

    assert died.returncode == 0, died.stderr
    assert int(died.stdout) >= 1
