"""The spare records beside a database that hangs, and on the way back to it."""

from __future__ import annotations

import asyncio
import os
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from kis_daemon.domain.orders import OrderState
from kis_daemon.ports import OutcomeUnknown, Rows, StoreError, WriteRefused
from kis_daemon.store.rows import SqlRows
from kis_daemon.store.spare_file import SpareFile
from tests.services.builders import TEN_O_CLOCK, a_fill, a_position, an_intent, an_order
from tests.store.builders import a_database
from tests.store.spares import Troubled, accepted, filled, full_disk, held, hold, lived, note, spare
from tests.store.test_spare import a_sell, an_event, lines_of, mended, sell_and_fill, written

T = TypeVar("T")

# --- a database that hangs -------------------------------------------------------------------------------------------


async def seconds_of(doing: Awaitable[object]) -> float:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    await doing
    return loop.time() - begun


@lived
async def test_an_exit_waits_five_seconds_for_a_database_that_hangs(primary: Troubled, folder: Path) -> None:
    async with spare(primary, folder) as records:
        primary.hangs_before_s = 42.0
        assert await seconds_of(records.transact(lambda rows: rows.claim_order(a_sell()))) == 5.0
        assert records.degraded
        assert await seconds_of(records.transact(note("next"))) == 0.0


@lived
async def test_what_was_given_up_before_its_turn_is_written_by_the_merge_only(primary: Troubled, folder: Path) -> None:
    async with spare(primary, folder) as records:
        primary.hangs_before_s = 42.0
        await records.transact(sell_and_fill(a_sell()))
        primary.hangs_before_s = 0.0
        await asyncio.sleep(60)
        assert primary.events() == []
        await mended(records)

    assert primary.database.transact_now(lambda rows: rows.count_fills()) == 1
    assert primary.events() == ["order_requested", "store_back"]


@lived
async def test_what_was_given_up_in_its_commit_is_not_written_twice(primary: Troubled, folder: Path) -> None:
    async with spare(primary, folder) as records:
        primary.hangs_after_s = 42.0
        await records.transact(sell_and_fill(a_sell()))
        primary.hangs_after_s = 0.0
        await mended(records)  # asked behind what was given up

    assert primary.database.transact_now(lambda rows: rows.count_fills()) == 1
    assert primary.events() == ["order_requested", "store_back"]


@lived
async def test_an_exit_does_not_wait_behind_a_merge_and_is_merged_with_it(primary: Troubled, folder: Path) -> None:
    async with spare(primary, folder) as records:
        primary.away = "gone"
        await records.transact(note("first"))
        primary.away, primary.hangs_after_s = "", 1.5
        mending = asyncio.create_task(records._mend_once())
        await asyncio.sleep(4)  # in the middle of the first line
        assert await seconds_of(records.transact(sell_and_fill(a_sell()))) == 0.0
        await mending
        assert records.degraded == ""

    assert primary.events() == ["first", "order_requested", "store_back"]


@lived
async def test_nobody_waits_longer_than_two_seconds_for_the_last_step_of_a_return(
    primary: Troubled, folder: Path
) -> None:
    async with spare(primary, folder) as records:
        primary.away = "gone"
        await records.transact(note("first"))
        primary.away, primary.hangs_before_s = "", 8.0
        mending = asyncio.create_task(records._mend_once())
        await asyncio.sleep(24.5)  # looked, asked what is written, wrote the line
        assert await seconds_of(records.transact(note("second"))) == 1.5
        with pytest.raises(StoreError, match="no answer within 2 s"):
            await mending
        assert records.degraded
        primary.hangs_before_s = 0.0
        await mended(records)

    assert [name for name in primary.events() if name != "store_back"] == ["first", "second"]


# --- a merge that does not come out even -----------------------------------------------------------------------------


@lived
async def test_a_merge_that_broke_off_before_its_end_puts_no_older_levels_back(primary: Troubled, folder: Path) -> None:
    armed = a_position(highest=99_000, trailing_armed=True)

    def arm(rows: Rows) -> None:
        rows.append(an_event("trailing_armed"))
        rows.save_levels(armed)

    async with spare(primary, folder, keeps_state=False) as records:
        await records.transact(hold)
        primary.away = "gone"
        await records.transact(lambda rows: rows.save_levels(a_position(highest=80_000)))
        await records.transact(arm)
        primary.away, primary.hangs_before_s = "", 1.0
        mending = asyncio.create_task(records._mend_once())
        await asyncio.sleep(4.5)  # both are written, the file is not cleared
        mending.cancel()
        primary.hangs_before_s = 0.0
    written_again: list[int] = []
    whole = primary.transact

    async def watched(work: Callable[[SqlRows], T]) -> T:
        result = await whole(work)
        written_again.extend(position.highest for position in primary.database.transact_now(held))
        return result

    primary.transact = watched  # type: ignore[method-assign]
    async with spare(primary, folder, keeps_state=False) as records:
        assert await records.transact(held) == (armed,)
    assert set(written_again) == {armed.highest}


@lived
async def test_a_batch_whose_order_is_not_there_is_set_aside_and_a_person_can_be_told(
    primary: Troubled, folder: Path
) -> None:
    """A backup was restored meanwhile."""
    order = a_sell()
    async with spare(primary, folder) as records:
        await records.transact(lambda rows: rows.claim_order(order))
        primary.away = "gone"

        def fill(rows: Rows) -> None:
            assert rows.add_fill(a_fill(filled(accepted(order)), order.intent.quantity))
            rows.append(an_event("order_filled"))

        await records.transact(fill)
        await records.transact(note("after"))
        (folder / "restored").mkdir()
        with a_database(folder / "restored", durable=False) as restored:
            primary.database, primary.away = restored, ""
            await mended(records)
            assert primary.events() == ["store_merge_refused", "after", "store_back"]
        (reason,) = records.take_refused()
        assert "no such order" in reason


@lived
async def test_a_fill_of_no_order_is_a_refused_write(primary: Troubled, folder: Path) -> None:
    fill = a_fill(filled(accepted(a_sell())), 1)
    with pytest.raises(WriteRefused, match="no such order"):
        primary.database.transact_now(lambda rows: rows.add_fill(fill))


def noted(rows: Rows) -> None:
    """What a journal puts back: a note and its row."""
    rows.append(an_event("entry_refused"))
    rows.add_refused_request(an_intent(), TEN_O_CLOCK, "too late")


@pytest.mark.parametrize("facts", [(), ("later",)])
@pytest.mark.parametrize("committed", [True, False])
async def test_notes_put_back_after_an_unknown_outcome_are_written_once(
    tmp_path: Path, committed: bool, facts: tuple[str, ...]
) -> None:
    def entry(rows: Rows) -> None:
        noted(rows)
        rows.claim_order(an_order(an_intent()))
        rows.append(an_event("entry_requested"))

    def later(rows: Rows) -> None:
        noted(rows)
        rows.set_mark("later", "done")
        for fact in facts:
            rows.append(an_event(fact))

    with a_database(tmp_path, durable=False) as database:
        primary = Troubled(database)
        async with spare(primary, tmp_path) as records:
            await records.transact(hold)
            primary.loses_answers = True
            with pytest.raises(OutcomeUnknown):
                await records.transact(entry)
            await records.transact(sell_and_fill(a_sell()))  # queued behind it: the notes are not back yet
            await records.transact(later)
            primary.loses_answers, primary.away = False, ""
            if not committed:
                restored = tmp_path / "before"
                restored.mkdir()
                with a_database(restored, durable=False) as other:
                    other.transact_now(hold)
                    primary.database = other
                    await mended(records)
                    await ends_even(primary, 1)
                return
            await mended(records)
        await ends_even(primary, 2)


async def ends_even(primary: Troubled, orders: int) -> None:
    rows_of = primary.database.transact_now
    assert primary.events().count("entry_refused") == 1
    assert rows_of(lambda rows: rows.count_refused_requests()) == 1
    assert rows_of(lambda rows: rows.mark("later")) == "done"
    assert len(rows_of(lambda rows: rows.all_orders())) == orders
    sold = rows_of(lambda rows: rows.order(a_sell().key))
    assert sold is not None
    assert sold.state is OrderState.FILLED


@lived
async def test_notes_put_back_tell_nothing_of_the_lines_before_them(primary: Troubled, folder: Path) -> None:
    """They are in the chain, and so would tell a start that an exit in front of them is written, which is not."""

    def entry(rows: Rows) -> None:
        noted(rows)
        rows.claim_order(an_order(an_intent()))

    async with spare(primary, folder) as records:
        primary.loses_answers = True
        with pytest.raises(OutcomeUnknown):
            await records.transact(entry)
        await records.transact(sell_and_fill(a_sell()))
        await records.transact(noted)
        await records.transact(lambda rows: rows.set_mark("later", "done"))
    primary.loses_answers, primary.away = False, ""
    async with spare(primary, folder) as records:
        assert records.degraded == ""

    await ends_even(primary, 2)


@lived
async def test_a_fact_told_again_after_an_unknown_outcome_tells_nothing_of_the_lines_before_it(
    primary: Troubled, folder: Path
) -> None:
    def stop_and_sell(rows: Rows) -> None:
        rows.set_mark("stop", "seen")
        rows.append(an_event("stop_seen"))

    def again(rows: Rows) -> None:
        rows.append(an_event("newer_note"))
        stop_and_sell(rows)

    async with spare(primary, folder) as records:
        primary.loses_answers = True
        with full_disk(records), pytest.raises(OutcomeUnknown):
            await records.transact(stop_and_sell)
        await records.transact(sell_and_fill(a_sell()))
        await records.transact(again)
    primary.loses_answers, primary.away = False, ""
    async with spare(primary, folder) as records:
        assert records.degraded == ""

    assert primary.database.transact_now(lambda rows: rows.count_fills()) == 1
    assert primary.events().count("stop_seen") == 1


# --- the file --------------------------------------------------------------------------------------------------------


def test_an_epoch_that_cannot_begin_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = SpareFile(tmp_path / "lines")
    file.open()
    file.append({"n": 1})
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", lambda *_: 0)
        with pytest.raises(StoreError, match="no space left"):
            file.clear([])
    file.append({"n": 2})
    file.close()
    assert lines_of(tmp_path / "lines") == [1, 2]


@pytest.mark.parametrize("whole", [9, 30, 60, 90])
def test_an_epoch_torn_in_its_first_line_is_read_from_its_copy(tmp_path: Path, whole: int) -> None:
    path = tmp_path / "lines"
    written(path, 1)
    file = SpareFile(path)
    file.open()
    before = path.read_bytes()
    file.clear([["set_mark", ["name", "value " * 20]]])
    file.close()
    after = path.read_bytes()
    path.write_bytes(after[:whole] + before[whole : len(before) // 2] + after[len(before) // 2 :])

    for _ in range(2):
        file = SpareFile(path)
        (line,) = file.open()
        assert line["state"] == [["set_mark", ["name", "value " * 20]]]
        file.append({"n": 1})
        assert path.read_bytes()[: len(after) // 2].count(b'"n":1') == 1
        file.clear(line["state"])
        file.close()


def test_an_epoch_torn_in_its_copy_has_not_begun(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    written(path, 1, 2)
    data = bytearray(path.read_bytes())
    torn = b'%08x {"epoch":2,"number":0,"sta' % zlib.crc32(b"")
    data[len(data) // 2 : len(data) // 2 + len(torn)] = torn
    path.write_bytes(data)
    assert lines_of(path) == [1, 2]


@lived
async def test_a_state_that_a_full_disk_refused_is_written_once_it_can_be(primary: Troubled, folder: Path) -> None:
    async with spare(primary, folder) as records:
        keeping = asyncio.create_task(records.mend())
        await records.transact(hold)
        clear, refusals = records._file.clear, [StoreError("no space left")] * 2

        def refuses(state: list[list[Any]] | None = None) -> None:
            if refusals:
                raise refusals.pop()
            clear(state)

        records._file.clear = refuses  # type: ignore[method-assign]
        await asyncio.sleep(16)
        keeping.cancel()

    async with spare(primary, folder, primary_is_open=False) as records:
        assert await records.transact(held) == (a_position(),)
