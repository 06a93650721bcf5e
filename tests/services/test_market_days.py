"""Our calendar beside the broker's: asked once a day, and entries closed where they differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from kis_daemon.app.files import load_calendar
from kis_daemon.domain.market import Side
from kis_daemon.domain.safeguards import Gate
from kis_daemon.ports import BrokerUnreachable, MarketDay
from kis_daemon.services.market_days import MARKET_DAYS_MARK, MarketDays
from tests.conftest import ROOT
from tests.services.builders import HYNIX, SAMSUNG, TODAY, a_position, at
from tests.services.trading import WEDNESDAY, Floor, a_floor, a_listing, rising_bars

FRIDAY, SATURDAY, MONDAY = date(2024, 3, 8), date(2024, 3, 9), date(2024, 3, 11)


class Broker:
    """Tells the days of the real calendar, but for those a test turns round."""

    def __init__(self, *otherwise: date) -> None:
        self.otherwise = set(otherwise)
        self.asked: list[date] = []
        self.fails = False

    async def days(self, first: date, last: date) -> Sequence[MarketDay]:
        self.asked.append(first)
        if self.fails:
            raise BrokerUnreachable("no route", code="X1")
        calendar = load_calendar(ROOT / "config")
        days = [first + timedelta(days=count) for count in range((last - first).days + 1)]
        return [
            MarketDay(
                date=day,
                is_open=calendar.is_trading_day(day) != (day in self.otherwise),
                is_settlement=calendar.is_trading_day(day),
            )
            for day in days
        ]


@contextmanager
def a_week(folder: Path, broker: Broker, clock: str = "07:00", day: date = TODAY, **terms: Any) -> Iterator[Floor]:
    """Open a floor with a calendar of its own that holds HYNIX and may buy SAMSUNG; its timetable runs."""
    calendar = load_calendar(ROOT / "config")
    with a_floor(
        folder, now=at(clock, day), is_open=False, calendar=calendar, market_days=broker.days, **terms
    ) as floor:
        floor.carry()
        floor.release()
        floor.reconcile()
        floor.holds(a_position(symbol=HYNIX))
        for symbol in (SAMSUNG, HYNIX):
            floor.market.listings[symbol] = a_listing(symbol=symbol)
            floor.market.bars[symbol] = rising_bars(day + timedelta(days=14))
        floor.market_days.load(floor.rows(lambda rows: rows.mark(MARKET_DAYS_MARK)))
        floor.start(floor.timetable.run())
        yield floor


def test_a_broker_that_agrees_is_asked_once_a_day_and_closes_nothing(tmp_path: Path) -> None:
    broker = Broker()
    with a_week(tmp_path, broker, stream_is_primary=False) as floor:
        floor.wait_until("09:30", WEDNESDAY)

        assert broker.asked == [TODAY, WEDNESDAY]
        assert floor.told("calendar_disagrees") == 0
        floor.reconcile()
        assert floor.control.gate().gate is Gate.OPEN


def test_a_restart_does_not_ask_again_and_remembers_the_answer(tmp_path: Path) -> None:
    broker = Broker(TODAY)
    with a_week(tmp_path, broker) as floor:
        floor.wait_until("08:30")
        kept = floor.rows(lambda rows: rows.mark(MARKET_DAYS_MARK))

    again = MarketDays(ask=broker.days, calendar=floor.calendar, journal=floor.journal, clock=floor.clock)
    again.load(kept)

    assert again.differs_on(TODAY)
    assert not again.differs_on(WEDNESDAY)
    with a_week(tmp_path, broker, "10:00") as floor:
        floor.pass_time(1)

        assert broker.asked == [TODAY]
        assert floor.told("calendar_disagrees") == 1
        assert "calendar_disagrees" in floor.control.gate().reasons


def test_a_day_the_broker_closes_takes_no_entries_and_its_exits_go_on(tmp_path: Path) -> None:
    broker = Broker(TODAY)
    with a_week(tmp_path, broker, stream_is_primary=False) as floor:
        floor.wait_until("09:10")
        floor.reconcile()
        assert floor.control.gate().reasons == ("calendar_disagrees",)

        floor.price(70_000)
        floor.price(67_900, symbol=HYNIX)

        assert [(intent.symbol, intent.side) for intent in floor.sent] == [(HYNIX, Side.SELL)]
        assert floor.told("calendar_disagrees") == 1


def test_a_difference_ahead_calls_a_person_and_closes_nothing_today(tmp_path: Path) -> None:
    with a_week(tmp_path, Broker(FRIDAY), stream_is_primary=False) as floor:
        floor.wait_until("09:10")
        floor.reconcile()

        assert floor.control.gate().gate is Gate.OPEN
        (told,) = floor.events("calendar_disagrees")
        assert (told["closed_at_broker"], told["open_at_broker"], told["today"]) == ("2024-03-08", "", False)


def test_a_day_that_only_the_broker_opens_sells_in_the_usual_hours_and_buys_nothing(tmp_path: Path) -> None:
    with a_week(tmp_path, Broker(SATURDAY), day=FRIDAY, stream_is_primary=False) as floor:
        floor.wait_until("09:10", SATURDAY)
        floor.reconcile()

        floor.price(70_000)
        floor.price(67_900, symbol=HYNIX)

        assert [(intent.symbol, intent.side) for intent in floor.sent] == [(HYNIX, Side.SELL)]
        assert "calendar_disagrees" in floor.control.gate().reasons
        floor.wait_until("08:30", MONDAY)
        assert [row["day"] for row in floor.events("day_started")] == ["2024-03-08", "2024-03-11"]


def test_a_broker_that_does_not_answer_changes_nothing_and_is_asked_at_the_next_start(tmp_path: Path) -> None:
    broker = Broker(TODAY)
    broker.fails = True
    with a_week(tmp_path, broker, stream_is_primary=False) as floor:
        floor.wait_until("09:10")
        floor.reconcile()
        assert floor.control.gate().gate is Gate.OPEN
        assert len(floor.events("market_days_not_asked")) == 1

    broker.fails = False
    with a_week(tmp_path, broker, "10:00") as floor:
        floor.pass_time(1)

        assert broker.asked == [TODAY, TODAY]
        assert "calendar_disagrees" in floor.control.gate().reasons


def test_what_is_held_is_armed_before_the_days_are_asked_for(tmp_path: Path) -> None:
    broker = Broker()
    with a_week(tmp_path, broker, "10:00") as floor:
        floor.pass_time(1)

        assert floor.market.symbols_of("chart")[0] == HYNIX
        assert broker.asked == [TODAY]
        assert floor.book.unexamined == set()
