"""The log and its mirror as they lie on a disk, and somebody who owns that disk."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from kis_daemon.domain.chain import Broken, Report, Row, lines_of, row_hash
from kis_daemon.domain.events import Event
from kis_daemon.services.audit_verify import verified
from kis_daemon.store.database import Database
from tests.domain.chains import CHANGES, PLACES, Log, attacked, judged, means_the_same, mirrored
from tests.services.audited import Audited, audited
from tests.services.builders import TEN_O_CLOCK
from tests.store.places import Place

_COLUMNS = "event_id INTEGER PRIMARY KEY, timestamp, event_type, correlation_id, actor, payload_json, prev_hash, hash"


def a_life(house: Audited) -> Log:
    """Live for a while; return the log as its files tell it."""
    house.anchor()
    for number in range(6):
        house.write("daemon_started", "order_requested", "order_submitted", "order_filled")
        if number % 2:
            house.by_hand(f'number {number} "quoted"')
            house.write("gate_changed")
            house.adopt()
        if number == 3:
            house.anchor("day_end")
            house.pass_days(1)
    house.anchor("day_end")
    house.write("daemon_stopped")
    house.catch_up()
    rows = house.database.transact_now(lambda rows: rows.event_texts())
    adopted = dict(house.database.transact_now(lambda rows: rows.adoptions()))
    heads = [row[6] or "" for row in rows if row[2] == "audit_anchored"]
    return Log(rows=rows, lines=house.lines(), heads=heads, adopted=adopted)


def laid_down(log: Log, file: Path, mirror: Path) -> None:
    """Write the log into a copy of the database as its owner can: without triggers, without constraints."""
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("DROP TABLE event_log")  # and its triggers with it
        connection.execute(f"CREATE TABLE event_log({_COLUMNS})")
        stored = [(row[0], _stored(row[1]), *row[2:]) for row in log.rows]
        connection.executemany("INSERT INTO event_log VALUES(?,?,?,?,?,?,?,?)", stored)
        connection.execute("DELETE FROM adopted_events")
        adopted = [(number, told, "2024-03-05 01:00:00.000000") for number, told in log.adopted.items()]
        connection.executemany("INSERT INTO adopted_events VALUES(?,?,?)", adopted)
    mirror.write_text("".join(log.lines), "utf-8", newline="\n")


def _stored(at: str) -> str:
    return f"{at[:10]} {at[11:-1]}" if len(at) == 27 and at[10] == "T" and at[-1] == "Z" else at


def found(file: Path, mirror: Path, *heads: str) -> Report | Broken:
    return asyncio.run(_found(file, mirror, *heads))


async def _found(file: Path, mirror: Path, *heads: str) -> Report | Broken:
    database = Database(f"sqlite:///{file}")
    database.open()
    try:
        return await verified(database, lines_of([mirror]), heads)
    except Broken as broken:
        return broken
    finally:
        await database.aclose()


def test_changes_of_real_files_are_seen_or_said_to_have_been_possible(tmp_path: Path) -> None:
    met = campaign(tmp_path, seed=7, count=120)

    assert met.total() == 120
    assert met["broken"] > 90


def campaign(folder: Path, seed: int, count: int) -> Counter[str]:
    """Try `count` changes on copies of real files; return how they were met, and fail where one was not seen."""
    chance = random.Random(seed)
    (folder / "live").mkdir()
    copy, mirror = folder / "copy.db", folder / "audit_20240305.json"
    log, empty = _a_log_of(folder / "live")
    met: Counter[str] = Counter()
    copy.write_bytes(empty)
    laid_down(log, copy, mirror)
    assert isinstance(found(copy, mirror, *log.heads), Report)

    while met.total() < count:
        how, where = chance.choice(list(CHANGES)), chance.choice(PLACES)
        after = attacked(chance, log, how, where)
        if after == log or (where != "mirror" and means_the_same(log, after)):
            continue
        copy.write_bytes(empty)
        laid_down(after, copy, mirror)

        told = found(copy, mirror)

        expected = judged(log, after)
        assert expected != "UNSEEN"
        assert isinstance(told, Broken) == (expected != "unanchored"), f"{met.total()}: {how} of {where}"
        met["broken" if isinstance(told, Broken) else "unanchored"] += 1
    return met


def _a_log_of(folder: Path) -> tuple[Log, bytes]:
    with audited(folder) as house:
        empty = house.file.read_bytes()
        return a_life(house), empty


def test_bytes_that_are_no_text_are_a_difference(tmp_path: Path) -> None:
    (tmp_path / "live").mkdir()
    log, empty = _a_log_of(tmp_path / "live")
    copy, mirror = tmp_path / "copy.db", tmp_path / "audit_20240305.json"
    copy.write_bytes(empty)
    laid_down(log, copy, mirror)
    mirror.write_bytes(mirror.read_bytes().replace("삼성".encode(), b"\xff\xfe", 1))

    assert isinstance(found(copy, mirror), Broken)


def test_a_mirror_of_changed_rows_fits_them(tmp_path: Path) -> None:
    log, _ = _a_log_of(tmp_path)

    assert mirrored(log.rows) == log.lines


# --- the same texts on every database --------------------------------------------------------------------------------


def an_event(number: int) -> Event:
    at = TEN_O_CLOCK.replace(microsecond=number * 1000)
    return Event(
        at=at, type="order_filled", correlation_id=f"c{number}", payload={"n": number, "name": '삼성 "전자"\\'}
    )


async def test_a_log_is_examined_on_every_database(database: Database, place: Place) -> None:
    for number in range(5):
        await database.transact(lambda rows, number=number: rows.append(an_event(number)))  # type: ignore[misc]
    place.by_hand(
        "INSERT INTO event_log(timestamp, event_type, correlation_id, payload_json) "
        f"VALUES({place.now}, 'kill_switch_deactivated', 'by-hand', ?)",
        '{"reason": "a b"}',
    )
    unadopted = (await verified(database)).unadopted
    await database.transact(lambda rows: rows.adopt_events(TEN_O_CLOCK))

    report = await verified(database)

    rows: list[Row] = await database.transact(lambda rows: rows.event_texts())
    assert (unadopted, report.unadopted, report.adopted, report.events) == ((6,), (), 1, 6)
    assert rows[1][:6] == (
        2, "2024-03-05T01:00:00.001000Z", "order_filled", "c1", "engine", '{"n":1,"name":"삼성 \\"전자\\"\\\\"}'
    )  # fmt: skip
    assert [row[0] for row in await database.transact(lambda rows: rows.event_texts(2, 3))] == [3, 4, 5]
    assert await database.transact(lambda rows: rows.adoptions()) == ((6, row_hash(rows[5])),)
    assert await database.transact(lambda rows: rows.last_text("event_adopted")) == rows[6]
    assert await database.transact(lambda rows: rows.last_text("nothing")) is None


async def test_an_empty_log_is_sound_on_every_database(database: Database) -> None:
    assert (await verified(database)).events == 0


@pytest.mark.parametrize("column", ["payload_json", "event_type", "correlation_id", "timestamp"])
async def test_an_edit_that_got_past_the_triggers_is_seen_on_every_database(
    database: Database, place: Place, column: str
) -> None:
    for number in range(3):
        await database.transact(lambda rows, number=number: rows.append(an_event(number)))  # type: ignore[misc]
    rows = place.by_hand("SELECT timestamp, event_type, correlation_id, payload_json, prev_hash, hash FROM event_log")
    changed = dict(
        zip(("timestamp", "event_type", "correlation_id", "payload_json", "prev", "own"), rows[1], strict=True)
    )
    await _emptied(place)
    for number, row in enumerate(rows, 1):
        values = list(row)
        if number == 2:
            changed[column] = str(changed[column]).replace("1", "2", 1).replace("order_filled", "order_found")
            values = list(changed.values())
        if place.kind == "postgresql":
            from datetime import datetime

            values[0] = datetime.fromisoformat(str(values[0]))
        place.by_hand(
            "INSERT INTO event_log(timestamp, event_type, correlation_id, payload_json, prev_hash, hash, event_id, "
            f"actor) VALUES(?, ?, ?, ?, ?, ?, {number}, 'engine')",
            *values,
        )

    with pytest.raises(Broken) as broken:
        await verified(database)

    assert (broken.value.code, broken.value.data["event_id"]) == ("row_changed", 2)


async def _emptied(place: Place) -> None:
    from tests.store.places import ServerPlace

    if isinstance(place, ServerPlace):
        place.empty()
        return
    for trigger in place.by_hand("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'event_log'"):
        place.by_hand(f"DROP TRIGGER {trigger[0]}")
    place.by_hand("DELETE FROM event_log")
