"""The hours of a day, wherever it begins and whatever its hours are."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kis_daemon.domain.calendar import KST, TradingDay
from kis_daemon.domain.market import Side, Symbol
from kis_daemon.domain.safeguards import Gate
from kis_daemon.ports import BrokerUnreachable
from tests.services.builders import HYNIX, SAMSUNG, TODAY, YESTERDAY, a_position, a_quote, a_trade, at
from tests.services.trading import (
    WEDNESDAY,
    Floor,
    a_calendar_until,
    a_floor,
    a_listing,
    rising_bars,
)


class SlowSelector:
    """A selector that is asked, and answers when a test says so."""

    def __init__(self) -> None:
        self.asked_for: list[date] = []
        self._answer: asyncio.Future[tuple[Symbol, ...]] | None = None

    async def select(self, day: TradingDay) -> tuple[Symbol, ...]:
        self.asked_for.append(day.date)
        self._answer = asyncio.get_running_loop().create_future()
        return await self._answer

    def answer(self, symbols: tuple[Symbol, ...]) -> None:
        assert self._answer is not None
        self._answer.set_result(symbols)


@contextmanager
def a_running_day(folder: Path, now: datetime, **terms: Any) -> Iterator[Floor]:
    """Open a floor at `now` whose market answers for two symbols; the timetable is not started yet."""
    with a_floor(folder, now=now, is_open=False, **terms) as floor:
        floor.carry()
        floor.release()
        floor.reconcile()
        for symbol in (SAMSUNG, HYNIX):
            floor.market.listings[symbol] = a_listing(symbol=symbol)
            floor.market.bars[symbol] = rising_bars(now.date() + timedelta(days=7))
        yield floor


def times_of(floor: Floor, event: str) -> list[datetime]:
    rows = floor.rows(lambda rows: rows.events())
    return [row.timestamp.astimezone(KST) for row in rows if row.event_type == event]


@pytest.mark.parametrize(
    ("day", "prepared", "captured", "swept", "summed_up"),
    [
        pytest.param(TODAY, "08:00", "15:31", "15:35", "15:40", id="a normal day"),
        pytest.param(date(2016, 7, 29), "08:00", "15:01", "15:05", "15:10", id="the last close at 15:00"),
        pytest.param(date(2023, 11, 16), "09:00", "16:31", "16:35", "16:40", id="CSAT"),
        pytest.param(date(2024, 1, 2), "09:00", "15:31", "15:35", "15:40", id="first day of a year"),
    ],
)
def test_every_day_has_its_own_hours(
    tmp_path: Path, day: date, prepared: str, captured: str, swept: str, summed_up: str
) -> None:
    with a_running_day(tmp_path, at("00:05", day)) as floor:
        asked_before = len(floor.broker.questions)
        floor.start(floor.timetable.run())

        floor.wait_until("23:59", day)

        assert times_of(floor, "day_started") == [at(prepared, day)]
        assert floor.market.times_of("snapshot") == [at(prepared, day)]
        assert floor.market.times_of("chart") == [at(prepared, day), at(captured, day)]
        assert {when for when, _ in floor.broker.questions[asked_before:]} == {at(swept, day), at("20:05", day)}
        assert times_of(floor, "daily_summary") == [at(summed_up, day)]
        assert floor.days_over == [day]


def test_one_day_follows_the_other_over_weekends_and_holidays(tmp_path: Path) -> None:
    """Thursday 29 February; Friday is a holiday; then Monday and Tuesday."""
    with a_running_day(tmp_path, at("07:00", date(2024, 2, 29))) as floor:
        floor.start(floor.timetable.run())

        floor.wait_until("16:00", TODAY)

        assert floor.days_over == [date(2024, 2, 29), YESTERDAY, TODAY]
        assert times_of(floor, "day_started") == [at("08:00", day) for day in (date(2024, 2, 29), YESTERDAY, TODAY)]


def test_every_evenings_bar_is_learned_once(tmp_path: Path) -> None:
    with a_running_day(tmp_path, at("07:00", YESTERDAY)) as floor:
        floor.start(floor.timetable.run())

        floor.wait_until("16:00", TODAY)

        assert [last for _, last in floor.market.spans] == [date(2024, 2, 29), YESTERDAY, TODAY]


def test_a_start_in_mid_day_prepares_at_once(tmp_path: Path) -> None:
    with a_running_day(tmp_path, at("11:00"), universe=(SAMSUNG, HYNIX)) as floor:
        floor.holds(a_position(symbol=HYNIX))
        floor.market.last[HYNIX] = a_quote(symbol=HYNIX, at=at("10:59:58"))
        floor.start(floor.timetable.run())

        floor.pass_time()

        assert times_of(floor, "day_started") == [at("11:00")]
        assert floor.market.symbols_of("snapshot") == [HYNIX, SAMSUNG]
        assert floor.market.symbols_of("chart") == [HYNIX, SAMSUNG]
        assert floor.feed.wanted == [HYNIX, SAMSUNG]
        assert floor.board.price(HYNIX) == 70_000
        assert floor.control.universe_ready


def test_a_start_in_mid_day_buys_and_sells_from_then_on(tmp_path: Path) -> None:
    with a_running_day(tmp_path, at("11:00"), universe=(SAMSUNG,), stream_is_primary=False) as floor:
        floor.holds(a_position(symbol=HYNIX))
        floor.start(floor.timetable.run())
        floor.pass_time()

        floor.price(70_000)
        floor.price(67_900, symbol=HYNIX)

        assert [(intent.symbol, intent.side) for intent in floor.sent] == [(SAMSUNG, Side.BUY), (HYNIX, Side.SELL)]


@pytest.mark.parametrize(
    ("clock", "day"), [("15:45", TODAY), ("23:00", TODAY), ("07:59", WEDNESDAY)], ids=["evening", "night", "morning"]
)
def test_a_start_out_of_hours_waits_for_the_next_day(tmp_path: Path, clock: str, day: date) -> None:
    with a_running_day(tmp_path, at(clock, day)) as floor:
        floor.start(floor.timetable.run())

        floor.wait_until("09:00", WEDNESDAY)

        assert times_of(floor, "day_started") == [at("08:00", WEDNESDAY)]


def test_a_start_between_close_and_summary_still_captures_and_sums_up(tmp_path: Path) -> None:
    with a_running_day(tmp_path, at("15:36")) as floor:
        floor.start(floor.timetable.run())

        floor.wait_until("15:41")

        assert [last for _, last in floor.market.spans] == [YESTERDAY, TODAY]
        assert floor.days_over == [TODAY]


def test_a_day_the_calendar_does_not_cover_calls_a_person_each_day_and_closes_entries(tmp_path: Path) -> None:
    with a_running_day(tmp_path, at("07:00"), calendar=a_calendar_until(YESTERDAY)) as floor:
        floor.start(floor.timetable.run())

        floor.pass_time()
        told = floor.told("calendar_not_covered")
        view = floor.control.gate()
        floor.wait_until("12:00", WEDNESDAY)

        assert told == 1
        assert view.gate is Gate.EXIT_ONLY
        assert "calendar_not_covered" in view.reasons
        assert floor.told("calendar_not_covered") == 2
        assert times_of(floor, "day_started") == []


def test_a_listing_that_fails_is_noted_and_the_others_are_prepared(tmp_path: Path) -> None:
    with a_running_day(tmp_path, at("07:00"), universe=(SAMSUNG, HYNIX)) as floor:
        floor.market.failing[SAMSUNG] = BrokerUnreachable("no route", code="X1")
        floor.start(floor.timetable.run())

        floor.wait_until("08:01")

        assert floor.events("listing_failed") == [{"symbol": SAMSUNG, "code": "X1", "reason": "no route"}]
        assert list(floor.book.listings) == [HYNIX]
        assert floor.events("day_prepared") == [{"day": "2024-03-05", "listings": 1, "histories": 1}]


def test_an_empty_universe_closes_entries_and_goes_on_with_what_is_held(tmp_path: Path) -> None:
    with a_running_day(tmp_path, at("07:00"), universe=()) as floor:
        floor.holds(a_position())
        floor.start(floor.timetable.run())

        floor.wait_until("08:01")

        assert floor.told("universe_empty") == 1
        assert floor.feed.wanted == [SAMSUNG]
        assert "universe_not_ready" in floor.control.gate().reasons


def test_summing_up_keeps_the_highest_price_in_its_row(tmp_path: Path) -> None:
    with a_running_day(tmp_path, at("10:00"), universe=()) as floor:
        floor.holds(a_position(highest=70_000, trailing_armed=False))
        floor.start(floor.timetable.run())
        floor.pass_time(1)
        floor.price(70_500)
        assert floor.rows(lambda rows: rows.open_positions())[0].highest == 70_000
        floor.broker.failing = BrokerUnreachable("a test")  # or the sweep's statement would keep it too

        floor.wait_until("15:41")

        assert floor.rows(lambda rows: rows.open_positions())[0].highest == 70_500


def test_the_summary_tells_how_the_day_went(tmp_path: Path) -> None:
    with a_running_day(tmp_path, at("10:00"), universe=()) as floor:
        floor.holds(a_position(trailing_armed=False))
        floor.start(floor.timetable.run())
        floor.price(70_500)
        floor.book.put_trade(a_trade("1" * 64, symbol=HYNIX))  # type: ignore[arg-type]  # any key

        floor.wait_until("15:41")

        assert floor.told("daily_summary") == 1
        (summary,) = floor.events("daily_summary")
        assert summary["day"] == "2024-03-05"
        assert (summary["trades"], summary["realized_pnl"]) == (1, -21_417)
        assert (summary["open_pnl"], summary["positions"]) == (10 * 500 - 98, 1)
        assert summary["equity"] == summary["cash"] + 705_000


def test_the_bar_of_what_was_sold_today_is_captured_too(tmp_path: Path) -> None:
    """It is in no universe and not held any more, and the evening's comparison needs its day."""
    with a_running_day(tmp_path, at("10:00"), universe=()) as floor:
        floor.start(floor.timetable.run())
        floor.book.put_trade(a_trade("1" * 64, symbol=HYNIX))  # type: ignore[arg-type]  # any key

        floor.wait_until("15:41")

        assert [bar.date for bar in floor.histories.bars(HYNIX)][-1] == TODAY


def test_an_exit_that_rests_at_the_close_is_ended_by_the_sweep(tmp_path: Path) -> None:
    with a_running_day(tmp_path, at("15:00"), universe=()) as floor:
        floor.holds(a_position())
        floor.start(floor.timetable.run())
        floor.go_to("15:25")
        floor.price(67_900)
        order = floor.live(Side.SELL)

        floor.wait_until("15:36")

        assert not floor.book.orders[order.key].is_live
        assert len(floor.events("order_expired")) == 1


def test_the_keys_are_warmed_for_the_whole_day_an_hour_before_it(tmp_path: Path) -> None:
    """S3-T03: no token is issued at the open, when every call counts."""
    with a_running_day(tmp_path, at("00:05")) as floor:
        floor.start(floor.timetable.run())
        floor.wait_until("08:30")
        assert floor.prewarmed == [at("15:30")]


def test_exits_are_armed_before_the_keys_are_warmed(tmp_path: Path) -> None:
    """A key that KIS does not give may take minutes; a start in mid-session sells by the key that it has."""
    with a_running_day(tmp_path, at("11:00"), stream_is_primary=False) as floor:
        floor.holds(a_position(symbol=HYNIX))
        floor.keys_take_s = 300.0
        floor.start(floor.timetable.run())
        floor.pass_time(1)
        assert floor.prewarmed == [at("15:30")]

        floor.price(67_900, symbol=HYNIX)

        assert [(intent.symbol, intent.side) for intent in floor.sent] == [(HYNIX, Side.SELL)]
        assert times_of(floor, "day_started") == []


@pytest.mark.parametrize("entered", [TODAY, YESTERDAY], ids=["bought today", "examined this morning"])
def test_a_restart_in_mid_session_does_not_wait_for_an_examination_that_was_made(tmp_path: Path, entered: date) -> None:
    with a_running_day(tmp_path, at("11:00"), stream_is_primary=False) as floor:
        floor.holds(a_position(symbol=HYNIX, entry_day=entered))
        floor.book.examined_on = None if entered == TODAY else TODAY
        floor.market.answer_takes_s = 30.0
        floor.start(floor.timetable.run())
        floor.pass_time()

        floor.price(67_900, symbol=HYNIX)

        assert [(intent.symbol, intent.side) for intent in floor.sent] == [(HYNIX, Side.SELL)]


def test_what_is_held_is_ready_before_the_universe_is_asked_for(tmp_path: Path) -> None:
    """Two hundred candidates take minutes on paper; a stop does not wait for them."""
    with a_running_day(tmp_path, at("11:00"), universe=(SAMSUNG,), stream_is_primary=False) as floor:
        floor.holds(a_position(symbol=HYNIX))
        asking = SlowSelector()
        floor.timetable = floor.a_timetable(asking)
        floor.start(floor.timetable.run())
        floor.pass_time()
        assert asking.asked_for == [TODAY]
        assert floor.feed.wanted == [HYNIX]
        assert floor.market.symbols_of("snapshot") == floor.market.symbols_of("chart") == [HYNIX]

        floor.price(67_900, symbol=HYNIX)
        assert [(intent.symbol, intent.side) for intent in floor.sent] == [(HYNIX, Side.SELL)]
        assert "universe_not_ready" in floor.control.gate().reasons

        asking.answer((SAMSUNG,))
        floor.pass_time()
        assert "universe_not_ready" not in floor.control.gate().reasons
        assert floor.feed.wanted == [HYNIX, SAMSUNG]


def test_a_universe_that_fails_closes_entries_and_what_is_held_is_sold(tmp_path: Path) -> None:
    """S3-U26, U28."""
    with a_running_day(tmp_path, at("11:00"), universe=(), stream_is_primary=False) as floor:
        floor.holds(a_position(symbol=HYNIX))
        floor.start(floor.timetable.run())
        floor.pass_time()

        floor.price(70_000)
        floor.price(67_900, symbol=HYNIX)

        assert [(intent.symbol, intent.side) for intent in floor.sent] == [(HYNIX, Side.SELL)]
        assert floor.control.gate().gate is Gate.EXIT_ONLY


def test_yesterdays_universe_is_not_bought_while_todays_is_asked_for(tmp_path: Path) -> None:
    with a_running_day(tmp_path, at("07:00"), universe=(SAMSUNG,), stream_is_primary=False) as floor:
        floor.trader.watch((SAMSUNG,))
        floor.control.universe_ready = True
        floor.timetable = floor.a_timetable(SlowSelector())
        floor.start(floor.timetable.run())
        floor.go_to("09:30")

        floor.price(70_000)

        assert floor.sent == []
        assert floor.trader.symbols() == []
