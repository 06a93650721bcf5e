"""The spare records: an exit can be written while the database is away, and nothing is lost or doubled afterwards."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from kis_daemon.domain.approvals import TokenRefusal
from kis_daemon.domain.events import Event
from kis_daemon.domain.orders import Happening, Order, OrderNo, OrderState
from kis_daemon.domain.safeguards import KillSwitch, KillSwitchScope, KillSwitchStatus
from kis_daemon.ports import OutcomeUnknown, Rows, StaleVersion, StoreError
from kis_daemon.store.database import Database
from kis_daemon.store.rows import SqlRows
from kis_daemon.store.spare import SpareRecords
from kis_daemon.store.spare_file import SpareFile
from tests.services.builders import TEN_O_CLOCK, a_fill, a_position, a_trade, an_exit, an_intent, an_order
from tests.store.builders import a_database

T = TypeVar("T")


class Noon:
    """A clock that stands."""

    def now(self) -> Any:
        return TEN_O_CLOCK

    async def sleep_until(self, when: Any) -> None:
        raise AssertionError(f"nobody waits for {when} here")


class Wobbly:
    """A database that can be away, and can commit without saying so."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.away = ""
        self.loses_answers = False

    async def transact(self, work: Callable[[SqlRows], T]) -> T:
        if self.away:
            raise StoreError(self.away)
        result = await self.database.transact(work)
        if self.loses_answers:
            self.away = "gone during COMMIT"
            raise OutcomeUnknown(self.away)
        return result


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with a_database(tmp_path, durable=False) as opened:
        yield opened


@pytest.fixture
def primary(database: Database) -> Wobbly:
    return Wobbly(database)


@asynccontextmanager
async def spare(primary: Wobbly, folder: Path, *, primary_is_open: bool = True) -> AsyncIterator[SpareRecords]:
    records = SpareRecords(primary, folder / "order_journal.jsonl", Noon())
    await records.open(primary_is_open=primary_is_open)
    try:
        yield records
    finally:
        records.close()


def an_event(name: str) -> Event:
    return Event(at=TEN_O_CLOCK, type=name, payload={"symbol": "005930"})


def a_sell() -> Order:
    return an_order(an_exit())


def sell_and_fill(order: Order) -> Callable[[Rows], None]:
    """A claim, its acceptance and its fill, as three services write them; in one unit of work here."""
    sent = replace(order.moved(Happening.ACCEPTED, TEN_O_CLOCK), order_no=OrderNo("77"), branch_no="00950")
    filled = replace(
        sent.moved(Happening.FILLED, TEN_O_CLOCK),
        filled_quantity=order.intent.quantity,
        filled_amount=order.intent.quantity * 70_000,
    )
    fill = a_fill(filled, order.intent.quantity)

    def work(rows: Rows) -> None:
        assert rows.claim_order(order)
        rows.append(an_event("order_requested"))
        rows.save_order(sent)
        rows.save_order(filled)
        assert rows.add_fill(fill)
        rows.save_trade(a_trade(order.key))
        rows.close_position(a_position(), TEN_O_CLOCK)

    return work


async def mended(records: SpareRecords) -> None:
    await records._mend_once()
    assert records.degraded == ""


async def test_an_exit_is_written_while_the_database_is_away_and_stands_in_it_afterwards(
    primary: Wobbly, tmp_path: Path
) -> None:
    order = a_sell()
    async with spare(primary, tmp_path) as records:
        await records.transact(lambda rows: rows.save_position(a_position()))
        primary.away = "server has gone away"

        await records.transact(sell_and_fill(order))

        assert records.degraded == "server has gone away"
        assert await records.transact(lambda rows: rows.open_positions()) == ()
        primary.away = ""
        await mended(records)

    database = primary.database
    stored = database.transact_now(lambda rows: rows.order(order.key))
    assert stored is not None
    assert stored.state is OrderState.FILLED
    assert database.transact_now(lambda rows: rows.count_fills()) == 1
    assert database.transact_now(lambda rows: rows.open_positions()) == ()
    types = [row.event_type for row in database.transact_now(lambda rows: rows.events())]
    assert types == ["order_requested", "store_back"]


async def test_an_entry_is_not_claimed_while_the_database_is_away(primary: Wobbly, tmp_path: Path) -> None:
    async with spare(primary, tmp_path) as records:
        primary.away = "locked"
        with pytest.raises(StoreError, match="entries wait"):
            await records.transact(lambda rows: rows.claim_order(an_order(an_intent())))
        primary.away = ""
        await mended(records)

    assert primary.database.transact_now(lambda rows: rows.all_orders()) == ()


async def test_what_was_left_by_a_crash_is_merged_by_the_next_start(primary: Wobbly, tmp_path: Path) -> None:
    order = a_sell()
    async with spare(primary, tmp_path) as records:
        primary.away = "gone"
        await records.transact(sell_and_fill(order))
    primary.away = ""
    async with spare(primary, tmp_path):
        pass

    assert primary.database.transact_now(lambda rows: rows.count_fills()) == 1
    async with spare(primary, tmp_path) as records:
        assert records.degraded == ""
    assert primary.database.transact_now(lambda rows: rows.count_fills()) == 1


async def test_a_start_without_the_database_knows_what_the_lines_say(primary: Wobbly, tmp_path: Path) -> None:
    released = KillSwitch(
        status=KillSwitchStatus.INACTIVE,
        scope=KillSwitchScope.ALL,
        reason="checked",
        actor="operator",
        since=TEN_O_CLOCK,
    )
    primary.database.transact_now(lambda rows: rows.set_kill_switch(released))
    async with spare(primary, tmp_path) as records:
        await records.transact(lambda rows: rows.save_position(a_position()))
        primary.away = "gone"
        await records.transact(lambda rows: rows.append(an_event("stop_seen")))

    async with spare(primary, tmp_path, primary_is_open=False) as records:
        assert records.degraded
        assert await records.transact(lambda rows: rows.open_positions()) == (a_position(),)
        assert (await records.transact(lambda rows: rows.kill_switch())).reason == "checked"
        assert await records.transact(lambda rows: rows.claim_order(a_sell()))
        primary.away = ""
        await mended(records)

    assert primary.database.transact_now(lambda rows: rows.order(a_sell().key)) is not None


async def test_a_start_without_database_and_without_lines_is_refused(primary: Wobbly, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="nothing stands in for it"):
        async with spare(primary, tmp_path, primary_is_open=False):
            pass


async def test_the_state_is_kept_on_the_disk_so_that_a_start_can_do_without_the_database(
    primary: Wobbly, tmp_path: Path
) -> None:
    async with spare(primary, tmp_path) as records:
        await records.transact(lambda rows: rows.save_position(a_position()))
        records._refresh_state()

    async with spare(primary, tmp_path, primary_is_open=False) as records:
        assert await records.transact(lambda rows: rows.open_positions()) == (a_position(),)


async def test_a_commit_whose_answer_was_lost_is_not_written_twice(primary: Wobbly, tmp_path: Path) -> None:
    order = a_sell()
    async with spare(primary, tmp_path) as records:
        primary.loses_answers = True
        await records.transact(sell_and_fill(order))  # is in the database, and in a line
        primary.loses_answers, primary.away = False, ""
        await mended(records)

    database = primary.database
    assert database.transact_now(lambda rows: rows.count_fills()) == 1
    types = [row.event_type for row in database.transact_now(lambda rows: rows.events())]
    assert types == ["order_requested", "store_back"]


async def test_a_merge_that_breaks_off_goes_on_where_it_was(primary: Wobbly, tmp_path: Path) -> None:
    async with spare(primary, tmp_path) as records:
        primary.away = "gone"
        for number in range(5):
            await records.transact(lambda rows, number=number: rows.append(an_event(f"fact_{number}")))  # type: ignore[misc]
        primary.away = ""
        whole = primary.transact
        written = 0

        async def breaks_off(work: Callable[[SqlRows], T]) -> T:
            nonlocal written
            if written == 3:
                raise StoreError("gone again")
            written += 1
            return await whole(work)

        primary.transact = breaks_off  # type: ignore[method-assign]
        with pytest.raises(StoreError):
            await records._mend_once()
        primary.transact = whole  # type: ignore[method-assign]
        await mended(records)

    types = [row.event_type for row in primary.database.transact_now(lambda rows: rows.events())]
    assert types == [*(f"fact_{number}" for number in range(5)), "store_back"]


async def test_somebody_elses_change_is_no_reason_to_stand_in(primary: Wobbly, tmp_path: Path) -> None:
    async with spare(primary, tmp_path) as records:
        with pytest.raises(StaleVersion):
            await records.transact(lambda rows: rows.save_order(replace(a_sell(), version=7)))
        assert records.degraded == ""


async def test_a_unit_of_work_that_fails_in_memory_leaves_no_trace(primary: Wobbly, tmp_path: Path) -> None:
    def work(rows: Rows) -> None:
        rows.save_position(a_position())
        rows.claim_order(a_sell())
        raise RuntimeError("half way")

    async with spare(primary, tmp_path) as records:
        primary.away = "gone"
        with pytest.raises(RuntimeError, match="half way"):
            await records.transact(work)
        assert await records.transact(lambda rows: rows.open_positions()) == ()
        assert await records.transact(lambda rows: rows.live_orders()) == ()


async def test_a_token_is_spent_once_in_memory_too(primary: Wobbly, tmp_path: Path) -> None:
    async with spare(primary, tmp_path) as records:
        primary.away = "gone"
        refusal = await records.transact(lambda rows: rows.use_approval("unknown", TEN_O_CLOCK))
        assert refusal is TokenRefusal.NOT_FOUND


# --- the file --------------------------------------------------------------------------------------------------------


def lines_of(path: Path) -> list[Any]:
    file = SpareFile(path)
    found = [line["n"] for line in file.open()]
    file.close()
    return found


def written(path: Path, *numbers: int) -> None:
    file = SpareFile(path)
    file.open()
    for number in numbers:
        file.append({"n": number})
    file.close()


def test_lines_come_back_in_their_order_and_go_on(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    written(path, 1, 2)
    written(path, 3)
    assert lines_of(path) == [1, 2, 3]


def test_only_its_owner_may_read_the_file(tmp_path: Path) -> None:
    written(tmp_path / "lines", 1)
    assert (tmp_path / "lines").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_torn_tail_does_not_count_and_what_stands_before_it_does(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "lines"
    written(path, 1, 2, 3)
    data = path.read_bytes()
    end = data.rindex(b"\n") + 1
    path.write_bytes(data[: end - cut] + bytes(cut) + data[end:])
    kept = lines_of(path)
    assert kept == [1, 2, 3][: len(kept)]
    assert len(kept) >= 2 or cut > 30
    written(path, 9)
    assert lines_of(path) == [*kept, 9]


def test_a_new_epoch_forgets_longer_lines_of_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    written(path, 10, 20, 30)
    file = SpareFile(path)
    file.open()
    file.clear()
    file.append({"n": 1})
    file.close()
    assert lines_of(path) == [1]


def test_a_line_of_a_damaged_middle_ends_what_counts(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    written(path, 1, 2, 3)
    data = bytearray(path.read_bytes())
    second = data.index(b'"n":2')
    data[second + 4] = ord("5")
    path.write_bytes(data)
    assert lines_of(path) == [1]


def test_a_disk_that_is_full_later_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    file = SpareFile(path, size=64 * 1024)
    file.open()
    taken = path.stat().st_blocks * 512
    file.append({"n": 1})
    assert taken >= 64 * 1024
    assert path.stat().st_blocks * 512 == taken
    file.close()


# --- failures of earlier systems -------------------------------------------------------------------------------------


async def test_idempotency_is_not_off_when_the_database_is_off(primary: Wobbly, tmp_path: Path) -> None:
    """One key is claimed once: while the database is away, after a restart without it, and when it is back."""
    order = a_sell()
    repeat = a_sell()
    resized = an_order(replace(an_exit(), quantity=3))
    claims: list[bool] = []
    async with spare(primary, tmp_path) as records:
        await records.transact(lambda rows: rows.save_position(a_position()))
        primary.away = "gone"
        claims.append(await records.transact(lambda rows: rows.claim_order(order)))
        claims.append(await records.transact(lambda rows: rows.claim_order(repeat)))
        claims.append(await records.transact(lambda rows: rows.claim_order(resized)))
    async with spare(primary, tmp_path, primary_is_open=False) as records:
        claims.append(await records.transact(lambda rows: rows.claim_order(repeat)))
        primary.away = ""
        await mended(records)
        claims.append(await records.transact(lambda rows: rows.claim_order(repeat)))

    assert claims == [True, False, False, False, False]
    assert primary.database.transact_now(lambda rows: len(rows.all_orders())) == 1
