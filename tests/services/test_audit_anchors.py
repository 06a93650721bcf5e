"""Anchors: what they say, and that the chain between two of them is sealed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from kis_daemon.ports import StoreError
from tests.services.audited import Audited, audited


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Audited]:
    with audited(tmp_path) as made:
        yield made


def test_an_anchor_names_head_number_and_count_to_a_person_too(house: Audited) -> None:
    house.write("daemon_started", "order_filled")
    head = house.database.transact_now(lambda rows: rows.chain_head())

    house.anchor("day_end")

    told = house.notifier.alerts[-1]
    row = house.database.transact_now(lambda rows: rows.last_text("audit_anchored"))
    assert row is not None
    assert (told.event, told.data["head"], told.data["event_id"], told.data["count"]) == ("audit_anchored", head, 2, 2)
    assert json.loads(row[5])["occasion"] == "day_end"
    assert row[6] == head


def test_a_log_with_anchors_and_adopted_rows_is_sound(house: Audited) -> None:
    house.anchor()
    house.write("daemon_started")
    house.by_hand()
    house.adopt()
    house.anchor("day_end")
    house.by_hand("again")
    house.write("order_filled")
    house.adopt()
    house.anchor("day_end")
    house.catch_up()

    report = house.verify()

    assert (report.anchors, report.adopted, report.tail) == (3, 2, 0)


def test_a_restart_goes_on_from_the_last_anchor(house: Audited) -> None:
    house.write("daemon_started")
    house.anchor()
    house.write("order_filled")

    after = house.again()
    after.write("daemon_started")
    after.anchor()
    after.catch_up()

    assert (after.verify().anchors, after.verify().events) == (2, 5)
    after.close()


def test_what_is_noted_and_not_yet_written_is_under_the_anchor(house: Audited) -> None:
    house.journal.note(house.journal.fact("feed_up"))

    house.anchor()

    row = house.database.transact_now(lambda rows: rows.last_text("audit_anchored"))
    assert row is not None
    assert json.loads(row[5])["count"] == 1


def test_a_database_that_is_away_costs_an_anchor_and_nothing_else(house: Audited) -> None:
    house.write("daemon_started")
    house.anchor()
    house.write("order_filled")
    transact = house.database.transact

    async def away(work: object) -> None:
        raise StoreError("the server is away")

    house.database.transact = away  # type: ignore[method-assign, assignment]
    house.anchor()
    house.database.transact = transact  # type: ignore[method-assign]
    house.anchor()
    house.catch_up()

    assert house.verify().anchors == 2
