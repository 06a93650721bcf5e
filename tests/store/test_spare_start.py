"""The spare records at a start: what was left, and what another version or an operator left."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest

from kis_daemon.domain.exits import ExitReason
from kis_daemon.domain.safeguards import KillSwitch
from kis_daemon.ports import Rows, StoreError
from kis_daemon.store.spare_file import SpareFile
from tests.services.builders import TEN_O_CLOCK, a_position, a_trade
from tests.store.builders import a_database
from tests.store.spares import (
    HALTED,
    RELEASED,
    Troubled,
    accepted,
    filled,
    full_disk,
    held,
    hold,
    lived,
    note,
    spare,
    spare_path,
)
from tests.store.test_spare import a_sell, an_event, mended

T = TypeVar("T")

# --- a start ---------------------------------------------------------------------------------------------------------


@lived
async def test_a_start_with_lines_goes_on_where_the_database_can_only_be_read(primary: Troubled, folder: Path) -> None:
    async with spare(primary, folder, keeps_state=False) as records:
        await records.transact(hold)
        primary.away = "gone"
        await records.transact(note("stop_seen"))
    primary.away, primary.cannot_write = "", "database or disk is full"

    async with spare(primary, folder, keeps_state=False) as records:
        assert records.degraded == "database or disk is full"
        assert await records.transact(held) == (a_position(),)
        assert await records.transact(lambda rows: rows.claim_order(a_sell()))
        primary.cannot_write = ""
        await mended(records)

    assert primary.events() == ["stop_seen", "store_back"]


@lived
async def test_a_database_that_goes_right_after_its_opening_is_stood_in_for(primary: Troubled, folder: Path) -> None:
    async with spare(primary, folder) as records:
        await records.transact(hold)
        records._refresh_state()
    primary.away = "gone again"

    async with spare(primary, folder) as records:
        assert records.degraded == "gone again"
        assert await records.transact(held) == (a_position(),)


@lived
async def test_a_database_that_goes_right_after_its_opening_and_left_no_line_is_refused(
    primary: Troubled, folder: Path
) -> None:
    primary.away = "gone"
    with pytest.raises(StoreError, match="nothing stands in for it: gone"):
        async with spare(primary, folder):
            pass


def put(folder: Path, *lines: dict[str, Any]) -> None:
    file = SpareFile(spare_path(folder))
    file.open()
    for line in lines:
        file.append(line)
    file.close()


@lived
async def test_a_state_of_another_version_does_not_hinder_a_start_with_the_database(
    primary: Troubled, folder: Path
) -> None:
    primary.database.transact_now(hold)
    put(folder, {"state": [["save_position", [{"kind": "Holding", "fields": {}}]]]})

    async with spare(primary, folder) as records:
        assert records.degraded == ""
        assert records.take_refused() == ()
        assert await records.transact(held) == (a_position(),)


@lived
async def test_a_state_of_another_version_is_no_state_without_the_database(primary: Troubled, folder: Path) -> None:
    put(folder, {"state": [["save_position", [{"kind": "Holding", "fields": {}}]]]})
    with pytest.raises(StoreError, match="nothing stands in"):
        async with spare(primary, folder, primary_is_open=False):
            pass


_STRANGE: dict[str, dict[str, Any]] = {
    "kind": {"maybe": False, "writes": [["save_position", [{"kind": "Holding", "fields": {}}]]]},
    "field": {"maybe": False, "writes": [["save_position", [{"kind": "Position", "fields": {"shares": 3}}]]]},
    "method": {"maybe": False, "writes": [["save_everything", []]]},
    "arguments": {"maybe": False, "writes": [["set_mark", ["name", "value", "why"]]]},
    "value": {"maybe": False, "writes": [["close_position", ["005930", "today"]]]},
    "line": {"facts": []},
}


def copies(folder: Path) -> list[Path]:
    return list(folder.glob("order_journal.jsonl.unread-*"))


@pytest.mark.parametrize("strange", _STRANGE)
async def test_a_batch_of_another_version_is_kept_for_a_person_and_the_others_are_merged(
    tmp_path: Path, strange: str
) -> None:
    with a_database(tmp_path, durable=False) as database:
        primary = Troubled(database)
        async with spare(primary, tmp_path) as records:
            primary.away = "gone"
            await records.transact(note("before"))
        put(tmp_path, _STRANGE[strange])
        primary.away = ""

        async with spare(primary, tmp_path) as records:
            assert records.degraded == ""
            (refused,) = records.take_refused()

        (copy,) = copies(tmp_path)
        assert str(copy) in refused
        assert json.dumps(_STRANGE[strange], separators=(",", ":"))[1:-1] in copy.read_text()
        assert copy.stat().st_mode & 0o077 == 0
        assert primary.events() == ["before", "store_back"]


@lived
async def test_a_start_with_nothing_but_batches_of_another_version_trusts_the_database(
    primary: Troubled, folder: Path
) -> None:
    primary.database.transact_now(hold)
    put(folder, _STRANGE["kind"])

    async with spare(primary, folder) as records:
        assert records.degraded == ""
        assert await records.transact(held) == (a_position(),)


@lived
async def test_what_was_sold_is_not_held_by_an_older_state(primary: Troubled, folder: Path) -> None:
    async with spare(primary, folder) as records:
        await records.transact(hold)
        records._refresh_state()
        await records.transact(lambda rows: rows.close_position(a_position(), TEN_O_CLOCK))
        primary.away = "gone"
        await records.transact(note("stop_seen"))

    async with spare(primary, folder, primary_is_open=False) as records:
        assert await records.transact(held) == ()


@lived
async def test_a_state_replaces_whatever_stands_before_it(primary: Troubled, folder: Path) -> None:
    async with spare(primary, folder) as records:
        await records.transact(hold)
        records._refresh_state()
    put(folder, {"state": [["set_mark", ["day", "over"]]]})

    async with spare(primary, folder, primary_is_open=False) as records:
        assert await records.transact(held) == ()
        assert await records.transact(lambda rows: rows.mark("day")) == "over"


@lived
async def test_the_last_stops_outlive_a_start_without_the_database(primary: Troubled, folder: Path) -> None:
    yesterday = TEN_O_CLOCK - timedelta(days=1)
    order = replace(a_sell(), day=yesterday.date())

    def stopped(rows: Rows) -> None:
        rows.claim_order(order)
        rows.save_order(accepted(order))
        rows.save_order(filled(accepted(order)))
        rows.save_trade(replace(a_trade(order.key), at=yesterday, rule=ExitReason.ATR_STOP_LOSS.value))

    primary.database.transact_now(stopped)
    async with spare(primary, folder) as records:
        records._refresh_state()

    async with spare(primary, folder, primary_is_open=False) as records:
        assert await records.transact(lambda rows: rows.last_stops()) == (
            (a_trade(order.key).symbol, yesterday.date()),
        )


# --- the kill switch -------------------------------------------------------------------------------------------------


@lived
async def test_a_switch_that_an_operator_turned_is_kept_with_the_state(primary: Troubled, folder: Path) -> None:
    primary.database.transact_now(lambda rows: rows.set_kill_switch(RELEASED))
    async with spare(primary, folder) as records:
        records._refresh_state()
        primary.database.transact_now(lambda rows: rows.set_kill_switch(HALTED))
        await records.transact(lambda rows: rows.kill_switch())
        assert records._state_moved.is_set()
        records._refresh_state()

    async with spare(primary, folder, primary_is_open=False) as records:
        assert await records.transact(lambda rows: rows.kill_switch()) == HALTED


@lived
async def test_a_switch_turned_in_a_database_that_cannot_be_written_counts_at_once_and_after_a_start(
    primary: Troubled, folder: Path
) -> None:
    primary.database.transact_now(lambda rows: rows.set_kill_switch(RELEASED))
    async with spare(primary, folder) as records:
        primary.cannot_write = "read-only"
        await records.transact(note("stop_seen"))
        primary.database.transact_now(lambda rows: rows.set_kill_switch(HALTED))
        with pytest.raises(StoreError, match="read-only"):
            await records._mend_once()
        assert await records.transact(lambda rows: rows.kill_switch()) == HALTED

    primary.away = "gone"
    async with spare(primary, folder, primary_is_open=False) as records:
        assert await records.transact(lambda rows: rows.kill_switch()) == HALTED
        primary.away = primary.cannot_write = ""
        await mended(records)

    assert primary.database.transact_now(lambda rows: rows.kill_switch()) == HALTED
    assert primary.events() == ["stop_seen", "store_back"]


@lived
async def test_the_switch_that_a_failing_transaction_found_counts_in_memory(primary: Troubled, folder: Path) -> None:
    primary.database.transact_now(lambda rows: rows.set_kill_switch(RELEASED))

    def look_and_write(rows: Rows) -> KillSwitch:
        found = rows.kill_switch()
        rows.append(an_event("looked"))
        return found

    async with spare(primary, folder) as records:
        primary.cannot_write = "read-only"
        primary.database.transact_now(lambda rows: rows.set_kill_switch(HALTED))
        assert await records.transact(look_and_write) == HALTED


@lived
async def test_an_activation_that_waits_is_not_taken_back_by_what_the_database_still_says(
    primary: Troubled, folder: Path
) -> None:
    primary.database.transact_now(lambda rows: rows.set_kill_switch(RELEASED))
    async with spare(primary, folder) as records:
        primary.cannot_write = "read-only"
        await records.transact(lambda rows: rows.set_kill_switch(HALTED))
        with pytest.raises(StoreError, match="read-only"):
            await records._mend_once()
        assert await records.transact(lambda rows: rows.kill_switch()) == HALTED


@lived
async def test_a_switch_that_a_full_disk_did_not_take_counts_and_is_written_later(
    primary: Troubled, folder: Path
) -> None:
    primary.database.transact_now(lambda rows: rows.set_kill_switch(RELEASED))
    async with spare(primary, folder) as records:
        primary.cannot_write = "read-only"
        await records.transact(note("stop_seen"))
        primary.database.transact_now(lambda rows: rows.set_kill_switch(HALTED))
        with full_disk(records), pytest.raises(StoreError, match="read-only"):
            await records._mend_once()
        assert await records.transact(lambda rows: rows.kill_switch()) == HALTED
        with pytest.raises(StoreError, match="read-only"):
            await records._mend_once()

    async with spare(primary, folder, primary_is_open=False) as records:
        assert await records.transact(lambda rows: rows.kill_switch()) == HALTED
