"""The mirror: written behind the commit, whole again after whatever broke it, and never quietly different."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from kis_daemon.domain.chain import row_of
from kis_daemon.ports import StoreError
from kis_daemon.services.audit_files import MirrorFiles
from tests.services.audited import OWNER, Audited, audited


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Audited]:
    with audited(tmp_path) as made:
        yield made


def test_every_committed_fact_is_a_line_with_its_hash(house: Audited) -> None:
    house.write("daemon_started", "order_filled")

    assert house.catch_up()

    told = [json.loads(line) for line in house.lines()]
    rows = house.database.transact_now(lambda rows: rows.event_texts())
    assert [(line["event_id"], line["event_type"], line["prev_hash"], line["hash"]) for line in told] == [
        (row[0], row[2], row[6], row[7]) for row in rows
    ]
    assert told[1]["payload"] == {"name": "삼성전자", "quantity": 3, "symbol": "005930"}


def test_a_line_is_written_after_the_commit_without_being_asked(house: Audited) -> None:
    writing = house.loop.create_task(house.mirror.run())
    house.write("daemon_started")
    at_once = house.lines()

    house.pass_time(2)

    assert at_once == []
    assert len(house.lines()) == 1
    writing.cancel()


def test_only_the_daemons_user_may_read_the_mirror(house: Audited) -> None:
    house.write("daemon_started")
    house.catch_up()

    assert {stat.S_IMODE(file.stat().st_mode) for file in house.mirror_folder.iterdir()} == {0o600}


def test_each_day_in_seoul_has_its_file(house: Audited) -> None:
    house.write("daemon_started")
    house.pass_days(1)
    house.write("day_started", "day_prepared")
    house.catch_up()

    assert [file.name for file in house.files.files()] == ["audit_20240305.json", "audit_20240306.json"]
    assert [len(file.read_text().splitlines()) for file in house.files.files()] == [1, 2]


def test_a_row_that_an_operator_inserted_is_mirrored_with_its_adoption(house: Audited) -> None:
    house.write("daemon_started")
    house.by_hand()
    house.catch_up()
    before = len(house.lines())
    house.adopt()
    house.write("day_started")
    house.catch_up()

    adopted, adoption, _ = map(row_of, house.lines()[before:])
    assert adopted is not None
    assert adopted[2:7] == (
        "kill_switch_deactivated",
        "manual-kill-switch-change",
        "operator",
        '{"reason": "checked"}',
        None,
    )
    assert adoption is not None
    assert adoption[2] == "event_adopted"
    assert house.verify().adopted == 1


def test_what_a_crash_kept_back_is_written_at_the_next_start(house: Audited) -> None:
    house.write("daemon_started")
    house.catch_up()
    house.write("order_requested", "order_submitted")

    after = house.again()
    after.catch_up()

    assert after.verify().events == 3
    after.close()


@pytest.mark.parametrize("torn", ['{"event_id":2,"timest', "\x00" * 700, '{"event_id":2'])
def test_a_line_that_a_crash_tore_is_written_anew(house: Audited, torn: str) -> None:
    house.write("daemon_started", "order_requested")
    house.catch_up()
    file = house.files.files()[0]
    file.write_text(house.lines()[0] + torn, "utf-8")

    after = house.again()
    after.catch_up()

    assert after.verify().events == 2
    after.close()


def test_a_mirror_that_is_gone_is_written_again_from_the_database(house: Audited) -> None:
    house.write("daemon_started")
    house.pass_days(1)
    house.by_hand()
    house.adopt()
    house.write("day_started")
    house.catch_up()
    before = {file.name: file.read_bytes() for file in house.files.files()}
    for file in house.files.files():
        file.unlink()

    after = house.again()
    after.catch_up()

    assert {file.name: file.read_bytes() for file in after.files.files()} == before
    after.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_told_once_and_caught_up(house: Audited, monkeypatch: pytest.MonkeyPatch) -> None:
    full = True
    write = os.write

    def written(descriptor: int, data: bytes) -> int:
        if full:
            raise OSError(28, "No space left on device")
        return write(descriptor, data)

    house.write("daemon_started")
    house.catch_up()
    monkeypatch.setattr("kis_daemon.services.audit_files.os.write", written)
    house.write("order_requested", "order_submitted")
    refused = [house.catch_up(), house.catch_up()]
    full = False

    assert house.catch_up()

    assert refused == [False, False]
    assert house.notifier.events == ["audit_mirror_failed", "audit_mirror_caught_up"]
    assert house.verify().events == 3


def test_trading_goes_on_while_the_disk_is_full(house: Audited, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_descriptor: int, _data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("kis_daemon.services.audit_files.os.write", refuse)
    writing = house.loop.create_task(house.mirror.run())
    house.write("order_requested")
    house.pass_time(200)
    house.write("order_submitted")
    monkeypatch.undo()
    house.pass_time(70)

    assert house.verify().events == 2
    writing.cancel()


def test_a_mirror_that_tells_more_than_the_database_stands_still_and_calls_a_person(house: Audited) -> None:
    house.write("daemon_started", "order_requested")
    house.catch_up()
    file = house.files.files()[0]
    line = json.loads(house.lines()[-1])
    file.write_text(house.lines()[0] + house.lines()[1].replace(line["hash"], "f" * 64), "utf-8")
    before = file.read_bytes()

    after = house.again()
    after.write("order_submitted")
    after.catch_up()
    after.catch_up()

    assert after.notifier.events == ["audit_mirror_diverged"]
    assert file.read_bytes() == before
    after.close()


def test_a_last_line_that_nobody_wrote_is_not_cut_off(house: Audited) -> None:
    house.write("daemon_started")
    house.catch_up()
    file = house.files.files()[0]
    file.write_text(house.lines()[0] + "something else\n", "utf-8")

    after = house.again()
    after.catch_up()

    assert after.notifier.events == ["audit_mirror_diverged"]
    assert file.read_text("utf-8").endswith("something else\n")
    after.close()


def test_the_folder_changes_hands_and_nothing_is_lost(tmp_path: Path) -> None:
    ours, theirs = MirrorFiles(tmp_path, "a.db"), MirrorFiles(tmp_path, "b.db")
    row = (1, "2026-03-03T00:00:10.000000Z", "t", "", "engine", "{}", "0" * 64, "1" * 64)
    ours.open()
    ours.append([row])
    theirs.open()
    theirs.append([(2, *row[1:])])

    assert [file.parent.name for file in ours.files()] == ["a.db"]
    assert ours.open() == row
    assert ours.files() == [tmp_path / "audit_20260303.json"]
    assert [file.parent.name for file in theirs.files()] == ["b.db"]
    ours.put_aside(tmp_path / "aside")
    assert (ours.open(), len(list((tmp_path / "aside").iterdir()))) == (None, 1)


def test_a_fact_of_an_earlier_day_stays_behind_those_of_the_later_one(tmp_path: Path) -> None:
    files = MirrorFiles(tmp_path, OWNER)
    late = (2, "2026-03-04T00:00:10.000000Z", "t", "", "engine", "{}", "0" * 64, "1" * 64)
    files.open()
    files.append([late])
    files.append([(3, "2026-03-03T00:00:10.000000Z", *late[2:])])

    assert [file.name for file in files.files()] == ["audit_20260304.json"]


def test_the_mirror_waits_while_the_database_is_away(house: Audited) -> None:
    house.write("daemon_started")
    transact = house.database.transact

    async def away(work: object) -> None:
        raise StoreError("the server is away")

    house.database.transact = away  # type: ignore[method-assign, assignment]
    assert not house.catch_up()
    house.database.transact = transact  # type: ignore[method-assign]

    assert house.catch_up()
    assert house.verify().events == 1
