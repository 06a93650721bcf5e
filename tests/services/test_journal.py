"""The journal: written down in order, once, and only then told."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest
import structlog

from kis_daemon.ports import Severity, StoreError
from kis_daemon.services.journal import Journal
from tests.services.builders import TEN_O_CLOCK, an_intent
from tests.services.fakes import BreakableRecords, HeardNotifier
from tests.services.order_path import OrderPath, lived, prepared
from tests.simulator.builders import HandClock
from tests.store.builders import a_database


@lived
async def test_notes_are_written_in_their_order(path: OrderPath) -> None:
    for name in ("first", "second", "third"):
        path.journal.note(path.journal.fact(name))
    await path.passes(1)

    assert path.events()[-3:] == ["first", "second", "third"]


@prepared
async def test_notes_stand_before_the_facts_of_the_next_transaction(path: OrderPath) -> None:
    path.journal.note(path.journal.fact("noted"))

    await path.journal.transact(
        lambda rows: rows.append(path.journal.fact("worked").event), path.journal.fact("concluded")
    )

    assert path.events()[-3:] == ["noted", "worked", "concluded"]


@prepared
async def test_the_rows_of_a_note_are_written_with_it(path: OrderPath) -> None:
    path.journal.note(
        path.journal.fact("order_rejected_gate"),
        also=lambda rows: rows.add_refused_request(an_intent(), TEN_O_CLOCK, "halted"),
    )

    await path.journal.write()

    assert path.by_hand("SELECT status FROM orders") == [("rejected",)]


@prepared
async def test_what_precedes_an_order_is_told_behind_its_transaction(path: OrderPath) -> None:
    path.journal.precede(path.journal.fact("signal_raised"))
    with structlog.testing.capture_logs() as before:
        await path.passes(1)

    with structlog.testing.capture_logs() as logged:
        await path.journal.transact(lambda rows: rows.append(path.journal.fact("claimed").event))
        await asyncio.sleep(0)

    assert before == []
    assert [line["event"] for line in logged] == ["signal_raised"]
    assert path.events()[-2:] == ["signal_raised", "claimed"]


@lived
async def test_what_preceded_an_order_that_could_not_be_written_is_written_later(path: OrderPath) -> None:
    path.records.broken = True
    path.journal.precede(path.journal.fact("signal_raised"))
    with pytest.raises(StoreError):
        await path.journal.transact(lambda rows: rows.append(path.journal.fact("claimed").event))
    path.records.broken = False

    await path.passes(5)

    assert path.events()[-1] == "signal_raised"


@prepared
async def test_rolled_back_notes_are_written_later_exactly_once(path: OrderPath) -> None:
    path.journal.note(path.journal.fact("first"))
    path.journal.note(path.journal.fact("second"))
    path.records.broken = True
    with pytest.raises(StoreError):
        await path.journal.write()
    path.records.broken = False

    path.journal.note(path.journal.fact("third"))
    await path.journal.write()
    await path.journal.write()

    assert path.events()[-3:] == ["first", "second", "third"]
    assert path.events().count("first") == 1


@prepared
async def test_a_unit_of_work_that_fails_takes_its_notes_and_facts_back(path: OrderPath) -> None:
    before = path.events()
    path.journal.note(path.journal.fact("noted"))

    def fail(_: object) -> None:
        raise KeyError("in the middle")

    with pytest.raises(KeyError):
        await path.journal.transact(fail, path.journal.fact("concluded", alerts=True))

    assert path.events() == before
    assert path.notifier.events == []


@prepared
async def test_nothing_noted_is_no_transaction(path: OrderPath) -> None:
    path.records.broken = True

    await path.journal.write()


@prepared
async def test_an_alert_is_told_with_its_data_and_once(path: OrderPath) -> None:
    fact = path.journal.fact(
        "order_rejected", severity=Severity.ERROR, alerts=True, correlation_id="c1", symbol="005930", quantity=10
    )

    await path.journal.write(fact)

    (alert,) = path.notifier.alerts
    assert (alert.event, alert.severity, alert.at) == ("order_rejected", Severity.ERROR, TEN_O_CLOCK)
    assert alert.data == {"symbol": "005930", "quantity": 10, "correlation_id": "c1"}


@prepared
async def test_a_fact_without_alert_goes_to_the_log_at_its_level(path: OrderPath) -> None:
    with structlog.testing.capture_logs() as lines:
        await path.journal.write(path.journal.fact("gate_changed", severity=Severity.WARNING, gate="HALTED"))

    assert lines == [{"event": "gate_changed", "gate": "HALTED", "log_level": "warning"}]
    assert path.notifier.alerts == []


@prepared
async def test_an_alert_of_a_transaction_that_failed_is_not_told(path: OrderPath) -> None:
    path.records.broken = True

    with pytest.raises(StoreError):
        await path.journal.write(path.journal.fact("order_filled", alerts=True))

    assert path.notifier.alerts == []


@prepared
async def test_a_fact_has_the_moment_it_was_made(path: OrderPath) -> None:
    fact = path.journal.fact("noted")
    await path.passes(5)

    assert fact.event.at == TEN_O_CLOCK


class Blocked:
    """A journal over the store's own thread, which a test can hold up."""

    def __init__(self, folder: Path) -> None:
        self.let_go = threading.Event()
        self.begun = threading.Event()
        self.folder = folder

    def block(self, _: object) -> None:
        self.begun.set()
        assert self.let_go.wait(10)


async def test_a_transaction_begun_meanwhile_does_not_write_notes_twice(tmp_path: Path) -> None:
    with a_database(tmp_path) as database:
        journal = Journal(BreakableRecords(database), HandClock(TEN_O_CLOCK), HeardNotifier())
        blocked = Blocked(tmp_path)
        journal.note(journal.fact("noted"))

        first = asyncio.create_task(journal.transact(blocked.block))
        await asyncio.to_thread(blocked.begun.wait)
        second = asyncio.create_task(journal.write(journal.fact("another")))
        await asyncio.sleep(0)
        blocked.let_go.set()
        await asyncio.gather(first, second)

        events = [row.event_type for row in database.transact_now(lambda rows: rows.events())]
    assert events == ["noted", "another"]


async def test_notes_of_a_cancelled_transaction_under_way_are_written_once(tmp_path: Path) -> None:
    with a_database(tmp_path) as database:
        journal = Journal(BreakableRecords(database), HandClock(TEN_O_CLOCK), HeardNotifier())
        blocked = Blocked(tmp_path)
        journal.note(journal.fact("noted"))
        writing = asyncio.create_task(journal.transact(blocked.block))
        await asyncio.to_thread(blocked.begun.wait)

        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        blocked.let_go.set()
        await journal.write(journal.fact("daemon_stopped"))

        events = [row.event_type for row in database.transact_now(lambda rows: rows.events())]
    assert events == ["noted", "daemon_stopped"]


async def test_notes_of_a_cancelled_transaction_that_had_not_begun_are_not_lost(tmp_path: Path) -> None:
    with a_database(tmp_path) as database:
        journal = Journal(BreakableRecords(database), HandClock(TEN_O_CLOCK), HeardNotifier())
        blocked = Blocked(tmp_path)
        busy = asyncio.create_task(journal.transact(blocked.block))
        await asyncio.to_thread(blocked.begun.wait)
        journal.note(journal.fact("noted"))
        writing = asyncio.create_task(journal.write())  # waits for its turn on the store's thread
        await asyncio.sleep(0)

        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        blocked.let_go.set()
        await busy
        await journal.write(journal.fact("daemon_stopped"))

        events = [row.event_type for row in database.transact_now(lambda rows: rows.events())]
    assert events == ["noted", "daemon_stopped"]
