"""Backups on each kind of database: made beside a writer, tried, put back, and never believed when they are wrong."""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
import subprocess
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from kis_daemon.domain.chain import Broken
from kis_daemon.domain.events import Event
from kis_daemon.ports import StoreError
from kis_daemon.store import backup as room
from kis_daemon.store import backup_servers
from kis_daemon.store.backup import Backup, BackupRefused, Checked, Outcome, Unsound
from kis_daemon.store.backup_files import alone_in, sha256_of
from kis_daemon.store.backup_look import Look, examined, look
from kis_daemon.store.database import Database
from kis_daemon.store.migrate import migrate
from kis_daemon.store.schema import SCHEMA_VERSION
from kis_daemon.store.urls import database_url
from tests.conftest import require_services
from tests.services.builders import TEN_O_CLOCK, an_order
from tests.store.builders import a_file, by_hand
from tests.store.places import KINDS, FilePlace, Place, ServerPlace, Servers

ODD_PASSWORD = "p\"#'\\ :;=$%"
servers_only = pytest.mark.parametrize("mine", ["mariadb", "postgresql"], indirect=True)


@pytest.fixture(params=KINDS)
def mine(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Return a database of each kind that no other test uses: some of these put it aside."""
    if request.param == "sqlite":
        return FilePlace(a_file(tmp_path))
    client = "pg_dump" if request.param == "postgresql" else "mariadb-dump"
    if shutil.which(client) is None:
        require_services(f"{client} is not on this machine (apt-get install the client of {request.param})")
    made: Servers = request.getfixturevalue("servers")
    place = made.new(request.param)
    migrate(database_url(place.url))
    return place


def written(place: Place, *names: str) -> None:
    """Append an event of each name, and an order with the first of a database."""
    database = Database(place.url)
    database.open()
    if not database.transact_now(lambda rows: rows.count_events()):
        database.transact_now(lambda rows: rows.claim_order(an_order()))
    for name in names:
        database.transact_now(lambda rows, name=name: rows.append(Event(at=TEN_O_CLOCK, type=name)))  # type: ignore[misc]
    database.close()


def left(place: Place) -> Place:
    """Close the operator's own connection: nobody may be connected when a database changes places."""
    if isinstance(place, ServerPlace):
        place._desk.leave(place.name)
    return place


def seen(url: str) -> Look:
    return look(database_url(url))


def created(place: Place, folder: Path, now: datetime = TEN_O_CLOCK, *, keep: int | None = None) -> Outcome:
    return room.create(place.url, folder, now, keep=keep)


def refused(code: str, doing: Callable[[], object]) -> dict[str, Any]:
    with pytest.raises(BackupRefused) as caught:
        doing()
    assert caught.value.code == code
    return caught.value.data


def told_anew(backup: Backup, **changes: object) -> Backup:
    """Write the manifest with other figures, true for the file as it stands now."""
    noted = Path(f"{backup.file}.json")
    own = {"size": backup.file.stat().st_size, "sha256": sha256_of(backup.file)}
    noted.write_text(json.dumps(json.loads(noted.read_text("utf-8")) | own | changes), "utf-8")
    return room.find(backup.file, backup.file.parent)


# --- made ------------------------------------------------------------------------------------------------------------


def test_a_backup_is_tried_and_its_manifest_says_what_it_holds(mine: Place, tmp_path: Path) -> None:
    written(mine, "first", "second")
    folder = tmp_path / "data" / "backups"

    outcome = created(mine, folder)

    told, there = outcome.backup.manifest, seen(mine.url)
    assert (outcome.not_tried, told.checked) == ("", Checked.RESTORED)
    assert (told.chain_head, told.event_count, dict(told.counts)) == (there.head, 2, dict(there.counts))
    assert told.counts["order_state"] == 1
    assert (told.schema_version, told.made_at, told.kind) == (
        SCHEMA_VERSION,
        TEN_O_CLOCK,
        mine.kind.replace("mariadb", "mysql"),
    )
    assert (told.size, told.sha256) == (outcome.backup.file.stat().st_size, sha256_of(outcome.backup.file))
    assert room.check(mine.url, outcome.backup, TEN_O_CLOCK) == Outcome(backup=outcome.backup)
    assert room.newest(mine.url, folder) == outcome.backup


def test_only_the_daemons_user_reads_a_backup_and_nothing_else_is_left(mine: Place, tmp_path: Path) -> None:
    folder = tmp_path / "backups"

    backup = created(mine, folder).backup

    names = {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}
    assert names == {backup.file.name: 0o600, f"{backup.file.name}.json": 0o600, ".lock": 0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert backup.file.name.startswith(f"{backup.manifest.database}-20240305-100000-{SCHEMA_VERSION}.")


def test_a_backup_beside_a_writer_is_one_moment_of_its_chain(mine: Place, tmp_path: Path) -> None:
    written(mine, "before")
    stop, database = threading.Event(), Database(mine.url)
    database.open()

    def write() -> None:
        while not stop.is_set():
            database.transact_now(lambda rows: rows.append(Event(at=TEN_O_CLOCK, type="meanwhile")))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        outcomes = [created(mine, tmp_path / "backups", TEN_O_CLOCK + timedelta(seconds=s)) for s in range(2)]
    finally:
        stop.set()
        writer.join()
        database.close()

    counts = [outcome.backup.manifest.event_count for outcome in outcomes]
    assert 1 <= counts[0] < counts[1] <= seen(mine.url).events
    assert [room.check(mine.url, outcome.backup, TEN_O_CLOCK).not_tried for outcome in outcomes] == ["", ""]


def test_a_database_of_the_first_schema_is_backed_up_as_it_is(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'kis_trading.db'}"
    migrate(database_url(url), "0001")

    backup = room.create(url, tmp_path / "backups", TEN_O_CLOCK).backup

    assert backup.manifest.schema_version == "0001"
    assert seen(url).schema_version == "0001"
    room.restore(url, backup, TEN_O_CLOCK)
    assert seen(url).schema_version == "0001"


def test_the_newest_are_kept_and_those_of_others_left_alone(tmp_path: Path) -> None:
    mine, folder = FilePlace(a_file(tmp_path)), tmp_path / "backups"
    other = tmp_path / "other.db"
    shutil.copy(mine.file, other)
    foreign = room.create(f"sqlite:///{other}", folder, TEN_O_CLOCK - timedelta(days=9)).backup
    (folder / "kis_trading-by-hand.db").write_text("no manifest")

    made = [created(mine, folder, TEN_O_CLOCK + timedelta(days=day), keep=2) for day in range(4)]

    assert [len(outcome.removed) for outcome in made] == [0, 0, 1, 1]
    left_over = {file.name for file in folder.glob("[!.]*.db")}
    assert left_over == {
        made[2].backup.file.name,
        made[3].backup.file.name,
        foreign.file.name,
        "kis_trading-by-hand.db",
    }


def test_what_a_dead_one_left_is_removed_and_a_living_one_is_not_disturbed(tmp_path: Path) -> None:
    mine, folder = FilePlace(a_file(tmp_path)), tmp_path / "backups"
    folder.mkdir()
    (folder / ".kis_trading-1.db.part").write_text("half")
    (folder / ".kis_trading-1.db.part-journal").write_text("half")

    created(mine, folder)
    assert not list(folder.glob(".*.part*"))

    with alone_in(folder):
        refused("busy", lambda: created(mine, folder))
    refused("exists", lambda: created(mine, folder))


# --- not believed ----------------------------------------------------------------------------------------------------


def test_a_source_whose_chain_is_broken_gives_no_backup(mine: Place, tmp_path: Path) -> None:
    written(mine, "first", "second", "third")
    if mine.kind == "postgresql":
        mine.by_hand("ALTER TABLE event_log DISABLE TRIGGER ALL")
    else:
        mine.by_hand("DROP TRIGGER event_log_no_update")
    mine.by_hand("UPDATE event_log SET payload_json = '{\"x\":1}' WHERE event_type = 'second'")

    with pytest.raises(Broken, match="row_changed"):
        created(mine, tmp_path / "backups")

    assert [file.name for file in (tmp_path / "backups").iterdir()] == [".lock"]


def test_a_file_that_changed_is_unsound(mine: Place, tmp_path: Path) -> None:
    backup = created(mine, tmp_path / "backups").backup
    content = bytearray(backup.file.read_bytes())
    content[len(content) // 2] ^= 1
    backup.file.write_bytes(content)
    with pytest.raises(Unsound, match="checksum"):
        room.check(mine.url, backup, TEN_O_CLOCK)

    backup.file.write_bytes(content[:-300])
    with pytest.raises(Unsound, match="size"):
        room.check(mine.url, backup, TEN_O_CLOCK)

    for judge in (room.check, room.restore):  # a manifest that was written anew helps nobody
        with pytest.raises(Unsound, match=r"cut|unreadable"):
            judge(mine.url, told_anew(backup), TEN_O_CLOCK)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"chain_head": "0" * 64}, "head"),
        ({"chain_head": "a" * 64}, "anchor_missing"),
        ({"event_count": 1}, "counts"),
        ({"counts": {}}, "counts"),
        ({"schema_version": "0001"}, "schema"),
    ],
)
def test_a_backup_that_is_not_what_its_manifest_says_is_not_put_back(
    changes: dict[str, object], code: str, tmp_path: Path
) -> None:
    mine = FilePlace(a_file(tmp_path))
    written(mine, "first", "second")
    backup = told_anew(created(mine, tmp_path / "backups").backup, **changes)
    before = mine.file.read_bytes()

    for judge in (room.check, room.restore):
        with pytest.raises((Broken, Unsound), match=code):
            judge(mine.url, backup, TEN_O_CLOCK)

    assert mine.file.read_bytes() == before
    assert {file.name for file in tmp_path.iterdir()} <= {"kis_trading.db", "backups"}


def test_a_chain_edited_in_the_backup_is_named(tmp_path: Path) -> None:
    mine = FilePlace(a_file(tmp_path))
    written(mine, "first", "second")
    backup = created(mine, tmp_path / "backups").backup
    by_hand(backup.file, "DROP TRIGGER event_log_no_update")
    by_hand(backup.file, "UPDATE event_log SET actor = 'me', payload_json = '{}' WHERE event_id = 1")
    by_hand(backup.file, "UPDATE event_log SET event_type = 'x' WHERE event_id = 1")

    with pytest.raises(Broken, match="row_changed"):
        room.check(mine.url, told_anew(backup), TEN_O_CLOCK)


# --- put back --------------------------------------------------------------------------------------------------------


def test_what_is_put_back_is_the_database_of_then_and_the_present_one_stands_aside(mine: Place, tmp_path: Path) -> None:
    written(mine, "then")
    then = seen(mine.url)
    backup = created(mine, tmp_path / "backups").backup
    written(mine, "since")
    now = seen(mine.url)

    restored = room.restore(left(mine).url, backup, TEN_O_CLOCK + timedelta(hours=1))

    assert seen(mine.url) == then
    assert restored.aside is not None
    if mine.kind == "sqlite":
        aside = f"sqlite:///{restored.aside}"
    else:
        aside = mine.url.replace(mine.url.rpartition("/")[2], restored.aside)
    assert seen(aside) == now
    written(mine, "afterwards")
    assert examined(database_url(mine.url))[1].events == 2
    for url in (mine.url, aside):
        database = Database(url)
        database.open()
        with pytest.raises(StoreError, match="append-only"):
            database.transact_now(lambda rows: rows._connection.exec_driver_sql("DELETE FROM event_log"))
        database.close()


@servers_only
def test_references_stay_within_the_database_that_was_put_back(mine: Place, tmp_path: Path) -> None:
    written(mine, "then")
    backup = created(mine, tmp_path / "backups").backup
    room.restore(left(mine).url, backup, TEN_O_CLOCK)

    with pytest.raises(Exception, match=r"(?i)foreign key"):
        mine.by_hand("INSERT INTO adopted_events(event_id, row_hash, adopted_at) VALUES(99, 'x', NOW())")
    if mine.kind == "mariadb":
        stray = "SELECT count(*) FROM information_schema.KEY_COLUMN_USAGE WHERE REFERENCED_TABLE_SCHEMA <> TABLE_SCHEMA"
        assert mine.by_hand(stray) == [(0,)]
    rooms = (
        "pg_database WHERE datname" if mine.kind == "postgresql" else "information_schema.SCHEMATA WHERE SCHEMA_NAME"
    )
    own = make_url(mine.url).database
    assert len(mine.by_hand(f"SELECT 1 FROM {rooms} LIKE '{own}\\_%'")) == 1  # the one aside; no scratch is left


@servers_only
def test_a_database_that_is_not_there_is_made_and_an_empty_one_is_filled(mine: Place, tmp_path: Path) -> None:
    written(mine, "then")
    then = seen(mine.url)
    backup = created(mine, tmp_path / "backups").backup
    assert isinstance(mine, ServerPlace)
    mine.drop()

    assert room.restore(mine.url, backup, TEN_O_CLOCK).aside is None
    assert seen(mine.url) == then

    mine.drop()
    mine._desk.run(None, f"CREATE DATABASE {mine.name}", ())
    assert room.restore(mine.url, backup, TEN_O_CLOCK).aside is None
    assert seen(mine.url) == then


@servers_only
def test_a_database_that_others_are_connected_to_stays_where_it_is(mine: Place, tmp_path: Path) -> None:
    backup = created(mine, tmp_path / "backups").backup
    mine.by_hand("SELECT 1")

    assert refused("in_use", lambda: room.restore(mine.url, backup, TEN_O_CLOCK))["count"] == 1


def test_a_file_with_its_journal_goes_aside_whole(tmp_path: Path) -> None:
    mine = FilePlace(a_file(tmp_path))
    backup = created(mine, tmp_path / "backups").backup
    database = Database(mine.url)
    database.open()
    database.transact_now(lambda rows: rows.append(Event(at=TEN_O_CLOCK, type="in the journal only")))
    assert Path(f"{mine.file}-wal").stat().st_size > 0

    restored = room.restore(mine.url, backup, TEN_O_CLOCK)

    assert seen(mine.url).events == 0
    assert not Path(f"{mine.file}-wal").exists()
    database.close()
    assert seen(f"sqlite:///{restored.aside}").events == 1


# --- what an account may not do, and where its password goes ---------------------------------------------------------


def a_lesser_account(place: Place) -> str:
    """Return the URL of a user with an odd password who may do everything in this database and make no other."""
    assert isinstance(place, ServerPlace)
    password = ODD_PASSWORD.replace("'", "''").replace("\\", "\\\\" if place.kind == "mariadb" else "\\")
    user = f"lesser_{place.name}"
    if place.kind == "mariadb":
        made = f"CREATE USER {user} IDENTIFIED BY '{password}'; GRANT ALL ON {place.name}.* TO {user}"
        by_root = ["mariadb", "--no-defaults", "--user=root", f"--socket={place.server.folder / 's'}"]
        subprocess.run([*by_root, "--default-character-set=utf8mb4", f"--execute={made}"], check=True)
    else:
        place.by_hand(f"CREATE ROLE {user} LOGIN PASSWORD '{password}'")
        place.by_hand(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {user}")
        place.by_hand(f"GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {user}")
    return make_url(place.url).set(username=user, password=ODD_PASSWORD).render_as_string(hide_password=False)


@servers_only
def test_an_account_that_may_make_no_database_is_told_that_nothing_was_tried(mine: Place, tmp_path: Path) -> None:
    written(mine, "then")
    url = a_lesser_account(mine)

    outcome = room.create(url, tmp_path / "backups", TEN_O_CLOCK)

    told = outcome.backup.manifest
    assert "denied" in outcome.not_tried
    assert (told.checked, told.event_count, told.chain_head) == (Checked.CHECKSUM, 1, seen(mine.url).head)
    assert "denied" in room.check(url, outcome.backup, TEN_O_CLOCK).not_tried
    refused("beside_denied", lambda: (left(mine), room.restore(url, outcome.backup, TEN_O_CLOCK)))
    assert room.check(mine.url, outcome.backup, TEN_O_CLOCK).not_tried == ""  # who may, tries it


@servers_only
def test_no_password_is_in_an_argument_list_or_left_on_the_disk(
    mine: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    password, said, secrets = str(make_url(mine.url).password), list[str](), list[tuple[int, str]]()
    really = backup_servers._run

    def watched(command: Any, environment: Any, *files: Any) -> Any:
        said.extend([*command, *(value for name, value in environment.items() if name not in os.environ)])
        for file in tmp_path.glob("kis_daemon-*/secret"):
            secrets.append((stat.S_IMODE(file.stat().st_mode), file.read_text("utf-8")))
        return really(command, environment, *files)

    monkeypatch.setattr(backup_servers, "_run", watched)

    created(mine, tmp_path / "backups")

    assert said
    assert not [word for word in said if password in word]
    assert {mode for mode, _ in secrets} == {0o600}
    assert all(password in text for _, text in secrets)
    assert not list(tmp_path.glob("kis_daemon-*"))


# --- refused ---------------------------------------------------------------------------------------------------------


def test_what_cannot_be_done_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    mine, folder = FilePlace(a_file(tmp_path)), tmp_path / "backups"
    refused("none", lambda: room.newest(mine.url, folder))
    refused("no_database", lambda: room.create(f"sqlite:///{tmp_path}/absent.db", folder, TEN_O_CLOCK))
    (tmp_path / "empty.db").touch()
    refused("empty", lambda: room.create(f"sqlite:///{tmp_path}/empty.db", folder, TEN_O_CLOCK))
    refused("absent", lambda: room.find(Path("nothing.db"), folder))
    refused("disk", lambda: created(mine, mine.file))
    backup = created(mine, folder).backup

    refused("other_database", lambda: room.restore(f"sqlite:///{tmp_path}/simulated.db", backup, TEN_O_CLOCK))
    refused("other_kind", lambda: room.check("mysql://u@127.0.0.1/kis", backup, TEN_O_CLOCK))
    newer = told_anew(backup, schema_version="9999")
    refused("newer", lambda: room.restore(mine.url, newer, TEN_O_CLOCK))

    for text in ("", "[]", "{}", '{"kind": 1}', "\x00"):
        Path(f"{backup.file}.json").write_text(text, "utf-8")
        refused("manifest_unreadable", lambda: room.find(backup.file, folder))
        refused("none", lambda: room.newest(mine.url, folder))
    Path(f"{backup.file}.json").unlink()
    refused("no_manifest", lambda: room.find(Path(backup.file.name), folder))
    assert {file.name for file in tmp_path.iterdir()} == {"kis_trading.db", "empty.db", "backups"}


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine, folder = FilePlace(a_file(tmp_path)), tmp_path / "backups"
    backup = created(mine, folder).backup

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)

    later = TEN_O_CLOCK + timedelta(hours=1)
    for doing in (lambda: created(mine, folder, later), lambda: room.restore(mine.url, backup, later)):
        assert refused("disk", doing)["reason"] == "No space left on device"
    assert {file.name for file in folder.iterdir()} == {backup.file.name, f"{backup.file.name}.json", ".lock"}
    assert {file.name for file in tmp_path.iterdir()} == {"kis_trading.db", "backups"}


@servers_only
def test_a_program_that_is_not_there_is_named(mine: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert refused("program_absent", lambda: created(mine, tmp_path / "backups"))["package"].endswith("-client")


@pytest.mark.parametrize("kind", ["mysql", "postgresql"])
def test_a_server_that_does_not_answer_is_one_line(kind: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        room.create(f"{kind}://u:secret@127.0.0.1:1/kis", tmp_path / "backups", TEN_O_CLOCK)

    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)
