"""Days that open at 10:00: every gate goes by the session of the day, not by nine o'clock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest

from kis_daemon.domain.market import Side
from kis_daemon.domain.orders import OrderType
from kis_daemon.services.hours import trading_hours
from tests.services.builders import HYNIX, SAMSUNG, TODAY, a_position, at
from tests.services.trading import Floor, a_floor, a_listing, the_calendar

CSAT = date(2023, 11, 16)  # 10:00 to 16:30
NEW_YEAR = date(2024, 1, 2)  # 10:00 to 15:30
LATE = pytest.mark.parametrize("day", [CSAT, NEW_YEAR], ids=["CSAT", "first trading day of a year"])


@contextmanager
def a_day(folder: Path, day: date, clock: str) -> Iterator[Floor]:
    """Open a floor that holds HYNIX and would buy SAMSUNG; prices are asked for, no stream is needed."""
    folder.mkdir(exist_ok=True)
    with a_floor(folder, now=at(clock, day), stream_is_primary=False) as floor:
        floor.is_ready_to_buy()
        before = the_calendar().previous_trading_day(day).date
        floor.holds(a_position(symbol=HYNIX, entry_day=before, opened_at=at("10:00", before)))
        floor.reconcile()
        yield floor


def sent(floor: Floor) -> list[tuple[str, Side]]:
    return [(intent.symbol, intent.side) for intent in floor.sent]


def ask_for_both(floor: Floor) -> None:
    floor.price(70_000)
    floor.price(67_900, symbol=HYNIX)


@LATE
@pytest.mark.parametrize("clock", ["09:00:30", "09:30", "09:59:59"])
def test_before_ten_nothing_is_bought_and_nothing_sold(tmp_path: Path, day: date, clock: str) -> None:
    with a_day(tmp_path, day, clock) as floor:
        ask_for_both(floor)

        assert sent(floor) == []
        assert not floor.control.market_is_continuous()


@LATE
def test_from_ten_on_both_are(tmp_path: Path, day: date) -> None:
    with a_day(tmp_path, day, "10:00:01") as floor:
        ask_for_both(floor)

        assert sent(floor) == [(SAMSUNG, Side.BUY), (HYNIX, Side.SELL)]
        assert floor.control.market_is_continuous()


def test_nine_oclock_is_the_opening_of_any_other_day(tmp_path: Path) -> None:
    with a_day(tmp_path, TODAY, "09:00:30") as floor:
        ask_for_both(floor)

        assert sent(floor) == [(SAMSUNG, Side.BUY), (HYNIX, Side.SELL)]


def test_a_csat_day_trades_until_its_own_close(tmp_path: Path) -> None:
    """At 16:10 it trades on; from 16:20 on its auction takes no market order and no entry; at 16:31 it is over."""
    with a_day(tmp_path, CSAT, "16:10") as floor:
        floor.price(70_000)
        assert sent(floor) == [(SAMSUNG, Side.BUY)]

    with a_day(tmp_path / "auction", CSAT, "16:21") as floor:
        ask_for_both(floor)
        (sale,) = floor.sent
        assert (sale.symbol, sale.order_type, sale.price) == (HYNIX, OrderType.LIMIT, a_listing().lower_limit)

    with a_day(tmp_path / "after", CSAT, "16:31") as floor:
        ask_for_both(floor)
        assert sent(floor) == []


@LATE
def test_held_symbols_are_asked_for_in_the_session_of_the_day(tmp_path: Path, day: date) -> None:
    """The opening auction begins half an hour before the opening, at 09:30 on such a day."""
    with a_day(tmp_path, day, "09:05") as floor:
        floor.market.listings = {symbol: a_listing(symbol=symbol) for symbol in (SAMSUNG, HYNIX)}
        floor.start(floor.poller.run())
        floor.start(floor.looks.run())
        floor.wait_until("09:29", day)
        assert floor.market.asked == []

        floor.wait_until("10:05", day)

        assert HYNIX in floor.market.symbols_of("snapshot")


@LATE
def test_the_account_is_asked_each_minute_of_the_session_and_seldom_before(tmp_path: Path, day: date) -> None:
    with a_day(tmp_path, day, "06:00") as floor:
        floor.start(floor.reconciler.run())
        floor.pass_time(1)
        before = len(floor.broker.questions)
        floor.wait_until("09:29", day)
        night = len(floor.broker.questions) - before
        floor.wait_until("10:29", day)

        assert night <= 8
        assert len(floor.broker.questions) - before - night >= 55


@LATE
def test_the_hours_of_the_day_are_the_calendars(day: date) -> None:
    hours = trading_hours(the_calendar(), day)

    assert hours is not None
    assert hours.opens_at == at("10:00", day)
    assert hours.opening_auction_at == at("09:30", day)
