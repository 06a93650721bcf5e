"""The mornings of what is held: examined before its first price, re-based, locked, or left alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from kis_daemon.ports import BrokerUnreachable
from kis_daemon.services.book import CLOSES_MARK, EXAMINED_MARK, LastClose
from kis_daemon.services.corporate_actions import read_closes
from tests.services.builders import HYNIX, SAMSUNG, TODAY, YESTERDAY, a_position, at
from tests.services.trading import Floor, a_floor, a_listing, rising_bars

CLOSE = 70_000
STOP = 68_000


@contextmanager
def a_morning(folder: Path, **listing: int) -> Iterator[Floor]:
    """A floor at 07:00 with a position that yesterday closed at `CLOSE`; its timetable runs."""
    with a_floor(folder, now=at("07:00"), is_open=False) as floor:
        floor.carry()
        floor.release()
        floor.reconcile()
        floor.holds(a_position())
        floor.market.listings[SAMSUNG] = a_listing(symbol=SAMSUNG, **listing)
        bars = rising_bars(YESTERDAY)
        floor.market.bars[SAMSUNG] = (*bars[:-1], replace(bars[-1], close=CLOSE, high=CLOSE, low=CLOSE, open=CLOSE))
        floor.book.last_closes[SAMSUNG] = LastClose(day=bars[-1].date, close=CLOSE, kept_on=YESTERDAY)
        floor.start(floor.timetable.run())
        yield floor


def test_until_it_is_examined_a_position_is_neither_sold_nor_held_against_the_account(tmp_path: Path) -> None:
    with a_morning(tmp_path) as floor:
        floor.pass_time(1)
        assert floor.book.unexamined == {SAMSUNG}

        floor.broker.hold(SAMSUNG, 50)
        for _ in range(5):
            floor.pass_time(60)
            floor.reconcile()

        assert floor.position().quantity == 10
        assert floor.book.locked == {}


def test_an_ordinary_morning_changes_nothing(tmp_path: Path) -> None:
    with a_morning(tmp_path, base_price=CLOSE) as floor:
        before = floor.position()

        floor.wait_until("08:30")

        assert floor.position() == before
        assert (floor.book.unexamined, floor.book.locked) == (set(), {})
        assert floor.book.closed_at == {SAMSUNG: CLOSE}


def test_an_examination_that_was_made_is_written_down_and_one_that_failed_is_not(tmp_path: Path) -> None:
    with a_morning(tmp_path, base_price=CLOSE) as floor:
        floor.wait_until("08:30")
        assert floor.rows(lambda rows: rows.mark(EXAMINED_MARK)) == TODAY.isoformat()
        assert floor.book.examined_on == TODAY

    (tmp_path / "other").mkdir()
    with a_morning(tmp_path / "other", base_price=CLOSE) as floor:
        floor.broker.failing = BrokerUnreachable("a test")
        floor.wait_until("08:30")
        assert floor.rows(lambda rows: rows.mark(EXAMINED_MARK)) is None


def test_what_only_the_base_price_says_locks_the_symbol_and_calls_a_person(tmp_path: Path) -> None:
    with a_morning(tmp_path, base_price=CLOSE // 5) as floor:
        floor.wait_until("08:30")
        floor.go_to("09:00:30")

        floor.price(CLOSE // 5)

        assert floor.sent == []
        assert list(floor.book.locked) == [SAMSUNG]
        assert floor.told("corporate_action_unproven") == floor.told("position_unprotected") == 1


def test_an_examination_without_the_broker_ends_after_a_minute_and_is_told(tmp_path: Path) -> None:
    with a_morning(tmp_path, base_price=CLOSE) as floor:
        floor.broker.failing = BrokerUnreachable("a test")

        floor.wait_until("08:05")

        assert floor.told("examination_failed") == 1
        assert floor.book.unexamined == set()
        assert floor.book.locked == {}


def is_rights_day(floor: Floor) -> None:
    """Have the base price and the re-based history prove rights of 11 for 10 on what is held."""
    less = CLOSE * 10 // 11
    bars = floor.market.bars[SAMSUNG]
    floor.market.bars[SAMSUNG] = (*bars[:-1], replace(bars[-1], close=less, high=less, low=less, open=less))
    floor.market.listings[SAMSUNG] = replace(floor.market.listings[SAMSUNG], base_price=less)


def has_a_store_away_while(floor: Floor, is_away: Callable[[], bool]) -> None:
    """Have the store refuse from the moment on at which the account is known."""

    async def asked() -> bool:
        answer = await floor.reconciler.attempt()
        floor.store.refuses = is_away
        return answer

    floor.ask_account = asked


def test_a_store_that_does_not_take_an_examination_ends_nothing_and_is_asked_again(tmp_path: Path) -> None:
    with a_morning(tmp_path, base_price=CLOSE) as floor:
        is_rights_day(floor)
        has_a_store_away_while(floor, lambda: floor.now < at("08:00:20"))

        floor.wait_until("08:30")

        assert floor.told("examination_failed") == 1
        assert len(floor.events("position_rebased")) == 1
        assert floor.position().stop < STOP
        assert (floor.book.unexamined, floor.book.locked) == (set(), {})
        assert len(floor.events("day_prepared")) == 1


def test_a_store_that_stays_away_locks_what_was_split_and_arms_what_was_not(tmp_path: Path) -> None:
    """Levels of other shares sell at any price; those of the same ones go on protecting."""
    with a_morning(tmp_path, base_price=CLOSE) as floor:
        is_rights_day(floor)
        floor.holds(a_position(symbol=HYNIX))
        floor.market.listings[HYNIX] = a_listing(symbol=HYNIX)
        floor.market.bars[HYNIX] = rising_bars(YESTERDAY)
        has_a_store_away_while(floor, lambda: SAMSUNG not in floor.book.locked)
        floor.wait_until("08:30")
        floor.go_to("09:00:30")

        floor.price(STOP - 100)
        floor.price(STOP - 100, symbol=HYNIX)

        assert [intent.symbol for intent in floor.sent] == [HYNIX]
        assert list(floor.book.locked) == [SAMSUNG]
        assert [lock.symbol for lock in floor.rows(lambda rows: rows.symbol_locks())] == [SAMSUNG]
        assert floor.told("examination_failed") == floor.told("position_unprotected") == 1


def test_a_symbol_that_opens_beyond_its_limits_is_locked_and_not_sold(tmp_path: Path) -> None:
    with a_morning(tmp_path, base_price=CLOSE) as floor:
        floor.wait_until("08:30")
        floor.go_to("09:00:30")

        floor.price(14_000, open=14_000)

        assert floor.sent == []
        assert list(floor.book.locked) == [SAMSUNG]
        assert floor.told("corporate_action_unproven") == 1


def test_a_crash_within_the_limits_is_sold(tmp_path: Path) -> None:
    with a_morning(tmp_path, base_price=CLOSE) as floor:
        floor.wait_until("08:30")
        floor.go_to("09:00:30")

        floor.price(49_000, open=49_000)

        assert len(floor.sent) == 1


def test_liquidation_trading_is_told_and_nothing_is_sold(tmp_path: Path) -> None:
    with a_morning(tmp_path, base_price=CLOSE) as floor:
        floor.market.listings[SAMSUNG] = replace(floor.market.listings[SAMSUNG], in_liquidation=True)
        floor.wait_until("08:30")
        floor.go_to("09:00:30")

        floor.price(STOP - 100)

        assert floor.sent == []
        assert floor.told("held_in_liquidation") == 1


def test_the_closes_of_what_is_held_are_written_down_each_evening(tmp_path: Path) -> None:
    with a_morning(tmp_path, base_price=CLOSE) as floor:
        floor.wait_until("15:45")

        written = read_closes(floor.rows(lambda rows: rows.mark(CLOSES_MARK)))

    assert written[SAMSUNG].kept_on == TODAY
    assert isinstance(written[SAMSUNG].day, date)


@pytest.mark.parametrize("value", [None, "", "{}"])
def test_without_closes_nothing_is_known(value: str | None) -> None:
    assert read_closes(value) == {}
