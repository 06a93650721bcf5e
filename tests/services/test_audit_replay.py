"""Recorded inputs: written outside the quiet band only, read again after a crash, and enough to decide anew."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from kis_daemon.domain.market import Quote
from kis_daemon.domain.orders import Order, OrderKey, OrderNo
from kis_daemon.services.audit_inputs import InputFile, read_lines
from kis_daemon.services.audit_recorder import RecordedDoor, RecordedTrader
from kis_daemon.services.audit_replay import COMPARED, JournalFact, Replay, Replayer
from kis_daemon.services.audit_values import read, written
from kis_daemon.services.buyer import Buyer
from kis_daemon.services.desks import TradingRules
from kis_daemon.services.seller import Seller
from tests.services.builders import (
    SAMSUNG,
    TODAY,
    a_mandate,
    a_position,
    a_quote,
    a_sent_order,
    a_trade,
)
from tests.services.trading import LEVEL, Floor, a_floor, a_listing, rising_bars, the_calendar


class Recorded:
    """A floor whose trader is recorded, as compose builds it."""

    def __init__(self, floor: Floor, folder: Path) -> None:
        self.floor = floor
        self.file = InputFile(folder, floor.clock, floor.notifier)
        self.bars = {SAMSUNG: rising_bars(date(2024, 3, 4))}
        old = floor.trader
        rules: TradingRules = old._rules
        shared: dict[str, Any] = {"book": floor.book, "rules": rules}
        self.door = RecordedDoor(floor.synchronizer)
        placing: dict[str, Any] = {
            "journal": floor.journal,
            "synchronizer": self.door,
            "approvals": old._buyer._approvals,
        }
        self.trader = floor.trader = RecordedTrader(
            buyer=Buyer(risk=floor.risk, **shared, **placing),
            seller=Seller(clock=floor.clock, locks=floor.locks, **shared, **placing),
            calendar=floor.calendar,
            clock=floor.clock,
            file=self.file,
            door=self.door,
            mandates=lambda: (a_mandate(),),
            bars=lambda symbol: self.bars.get(symbol, ()),
            **shared,
        )
        floor.board._listeners[:] = [self.trader.on_quote]

    def ready(self) -> None:
        """Have the morning behind us: the universe, the listing, the history."""
        self.trader.start_day()
        self.trader.watch([SAMSUNG])
        self.floor.book.listings[SAMSUNG] = a_listing()
        self.learn()

    def learn(self) -> None:
        from kis_daemon.domain.indicators import IndicatorSeries

        series = IndicatorSeries(self.trader._rules.entry.periods)
        series.feed_all(self.bars[SAMSUNG])
        self.trader.learn(SAMSUNG, series.values, lambda since: 0)

    def lines(self) -> list[list[Any]]:
        self.floor.run(self.file.flush())
        return list(read_lines(self.file.path(TODAY)))

    def looks(self) -> list[list[Any]]:
        return [line for line in self.lines() if line[0] == "look"]

    def journal(self) -> list[JournalFact]:
        types = [*COMPARED, "order_requested"]
        facts = self.floor.rows(lambda rows: rows.facts(types=types))
        return [JournalFact(at=at, type=kind, payload=payload) for at, kind, _, _, payload in facts]

    def replayed(self, lines: list[list[Any]] | None = None, journal: list[JournalFact] | None = None) -> Replay:
        return Replayer(self.journal() if journal is None else journal, the_calendar()).run(
            self.lines() if lines is None else lines
        )


@pytest.fixture
def day(tmp_path: Path) -> Iterator[Recorded]:
    (tmp_path / "floor").mkdir()
    with a_floor(tmp_path / "floor", mandate=a_mandate()) as floor:
        recorded = Recorded(floor, tmp_path / "inputs")
        recorded.ready()
        yield recorded


def a_whole_day(day: Recorded) -> None:
    """Buy a breakout, hold it through its highs, and be stopped out."""
    day.floor.broker.depth[SAMSUNG] = 1_000
    for price in (69_000, 69_100, 70_000):
        day.floor.price(price)
        day.floor.pass_time(20)
    day.floor.reconcile()
    for price in (70_000, 71_000, 70_900, 60_000):
        day.floor.price(price)
        day.floor.pass_time(20)
    day.floor.reconcile()


# --- values ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value", [a_quote(), a_position(), a_sent_order(), a_trade(OrderKey("k" * 64)), a_listing(), a_mandate()]
)
def test_a_value_comes_back_as_it_went(value: Any) -> None:
    told = json.loads(json.dumps(written(value)))

    assert read(type(value), told) == value


def test_an_order_without_a_number_comes_back_without_one() -> None:
    order = replace(a_sent_order(), order_no=None)

    assert read(Order, json.loads(json.dumps(written(order)))) == order
    assert read(Order, written(replace(order, order_no=OrderNo("7")))).order_no == "7"


# --- what is written -------------------------------------------------------------------------------------------------


def test_inside_the_quiet_band_nothing_is_written(day: Recorded) -> None:
    for price in (69_000, 69_100, 69_200, 69_300):
        day.floor.price(price)

    assert [line[3][1] for line in day.looks()] == [69_000]


def test_a_look_tells_the_price_the_changes_of_the_book_and_the_doors_answer(day: Recorded) -> None:
    day.floor.price(69_000)
    day.floor.price(LEVEL + 100)

    first, second = day.looks()
    assert (first[4], second[4]) == ("", "queued")
    assert second[2] == {}  # nothing changed between the two
    assert read(Quote, second[3]).price == LEVEL + 100


def test_only_new_bars_are_written_after_the_first_time(day: Recorded) -> None:
    day.bars[SAMSUNG] = (*day.bars[SAMSUNG], replace(day.bars[SAMSUNG][-1], date=TODAY))
    day.learn()

    bars = [line for line in day.lines() if line[0] == "bars"]
    assert [(line[5], len(line[6])) for line in bars] == [(0, 250), (250, 1)]


def test_the_file_is_read_as_far_as_it_is_whole(day: Recorded) -> None:
    day.floor.price(69_000)
    before = day.lines()
    path = day.file.path(TODAY)
    whole = path.read_bytes()
    path.write_bytes(whole + gzip.compress(b'["look"]\n')[:-9] + gzip.compress(b'["after"]\n'))

    assert list(read_lines(path)) == [*before, ["after"]]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_disk_that_is_full_costs_lines_and_is_told(day: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_descriptor: int, _data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("kis_daemon.services.audit_inputs.os.write", refuse)
    day.floor.price(69_000)
    day.floor.run(day.file.flush())
    monkeypatch.undo()
    day.floor.run(day.file.tell_size(TODAY))

    assert day.floor.notifier.events[-2:] == ["inputs_not_recorded", "inputs_recorded"]
    assert day.floor.notifier.alerts[-1].data["lost"] == day.floor.notifier.alerts[-2].data["lines"]


# --- the replay ------------------------------------------------------------------------------------------------------


def test_a_day_is_decided_again_with_the_same_numbers(day: Recorded) -> None:
    a_whole_day(day)

    result = day.replayed()

    assert day.floor.rules_sent() == ["TREND_ATR_BREAKOUT", "ATR_STOP_LOSS"]
    assert result.difference is None
    assert (result.orders, result.bars) == (2, 250)
    assert result.facts >= 3


def test_a_restart_in_the_middle_of_the_day_is_replayed(day: Recorded) -> None:
    day.floor.broker.depth[SAMSUNG] = 1_000
    day.floor.price(LEVEL + 100)
    day.floor.pass_time(20)
    day.floor.reconcile()
    again = Recorded(day.floor, day.file.path(TODAY).parent)
    day.floor.run(day.file.flush())
    again.floor.price(60_000)
    again.floor.pass_time(20)
    again.ready()

    result = again.replayed()

    assert day.floor.rules_sent() == ["TREND_ATR_BREAKOUT", "ATR_STOP_LOSS"]
    assert (result.difference, result.orders) == (None, 2)


@pytest.mark.parametrize(("name", "value"), [("quantity", 1), ("price", 70_400), ("reason", "because")])
def test_another_number_in_the_journal_is_named(day: Recorded, name: str, value: object) -> None:
    a_whole_day(day)
    journal = [
        replace(fact, payload={**fact.payload, name: value}) if fact.type == "order_requested" else fact
        for fact in day.journal()
    ]

    difference = day.replayed(journal=journal).difference

    assert difference is not None
    assert (difference.symbol, difference.what, difference.recorded) == (SAMSUNG, name, str(value))


def test_a_fact_that_the_journal_does_not_have_is_named(day: Recorded) -> None:
    a_whole_day(day)
    journal = [fact for fact in day.journal() if fact.type != "trailing_armed"]

    difference = day.replayed(journal=journal).difference

    assert difference is not None
    assert (difference.what, difference.replayed.split()[0]) == ("fact", "trailing_armed")


def test_an_order_that_the_inputs_do_not_give_is_named(day: Recorded) -> None:
    a_whole_day(day)
    lines = day.lines()
    place = next(index for index, line in enumerate(lines) if line[0] == "look" and line[4] == "queued")
    lines[place][3][1] = 69_000  # no breakout any more

    difference = day.replayed(lines=lines).difference

    assert difference is not None
    assert (difference.what, difference.replayed) == ("order", "nothing asked of the door")
    assert difference.at == datetime.fromisoformat(lines[place][1])


def test_bars_that_are_not_those_that_were_hashed_are_named(day: Recorded) -> None:
    a_whole_day(day)
    lines = day.lines()
    bars = next(line for line in lines if line[0] == "bars")
    bars[6][-1][2] += 100

    difference = day.replayed(lines=lines).difference

    assert difference is not None
    assert difference.what == "bars"


def test_inputs_that_begin_in_the_middle_are_passed_over_until_a_beginning() -> None:
    result = Replayer([], the_calendar()).run([["account", "2024-03-05T10:00:00+09:00", {}, SAMSUNG]])

    assert (result.since, result.difference, result.looks) == (None, None, 0)


def test_a_day_on_which_persons_approve_replays_equal(tmp_path: Path) -> None:
    (tmp_path / "floor").mkdir()
    with a_floor(tmp_path / "floor", mandate=a_mandate(), asks_a_person=True) as floor:
        recorded = Recorded(floor, tmp_path / "inputs")
        recorded.ready()

        a_whole_day(recorded)
        replay = recorded.replayed()

        assert replay.difference is None
        assert (replay.orders, replay.facts) == (0, 1)


def test_mandates_that_changed_meanwhile_replay_equal(tmp_path: Path) -> None:
    (tmp_path / "floor").mkdir()
    with a_floor(tmp_path / "floor", mandate=a_mandate()) as floor:
        recorded = Recorded(floor, tmp_path / "inputs")
        recorded.ready()
        floor.trader._buyer._approvals.stand_by(())
        recorded.trader._mandates = lambda: ()
        recorded.trader.note_mandates()

        a_whole_day(recorded)
        replay = recorded.replayed()

        assert replay.difference is None
        assert (replay.orders, replay.facts) == (0, 1)
