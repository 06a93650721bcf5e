"""What is held is looked at in time, silence or not, and a person hears where a price is near its end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from kis_daemon.domain.market import QuoteSession
from kis_daemon.domain.positions import Position, ProtectionRules
from kis_daemon.ports import FeedState, OrderRefused
from kis_daemon.services.nearness import nearness
from tests.services.builders import HYNIX, SAMSUNG, TODAY, YESTERDAY, a_position, a_quote, at
from tests.services.trading import Floor, a_floor, a_listing

# bought at 70,000, stop 68,000, target 73,000: 70 % of the way down is 68,600, 80 % is 68,400, 80 % up is 72,400
NEAR, ALERTED = 68_600, 68_400


def held(**changes: Any) -> Position:
    return a_position(highest=70_000, trailing_armed=False, **changes)


@pytest.fixture
def floor(tmp_path: Path) -> Iterator[Floor]:
    with a_floor(tmp_path) as made:
        made.market.listings[SAMSUNG] = a_listing()
        made.start(made.poller.run())
        made.start(made.looks.run())
        yield made


# the intervals


def retries(floor: Floor, price: int, seconds: float) -> int:
    """Return how often a refused sale at `price` is tried again without a further quote."""
    floor.broker.answers.extend(OrderRefused("a test") for _ in range(100))
    floor.holds(held())
    floor.price(price)
    before = len(floor.sent)
    floor.pass_time(seconds)
    return len(floor.sent) - before


def test_what_is_held_is_looked_at_every_minute_without_a_price(floor: Floor) -> None:
    floor.trader.start_day()
    assert retries(floor, 74_000, 121) == 2


def test_near_its_stop_it_is_looked_at_every_fifteen_seconds(floor: Floor) -> None:
    assert retries(floor, 67_900, 61) == 4


def test_the_intervals_are_measured(floor: Floor) -> None:
    floor.holds(held())
    floor.price(70_000)
    floor.pass_time(200)
    floor.price(NEAR)
    floor.pass_time(100)

    metrics = floor.looks.metrics
    assert metrics.longest_s == pytest.approx(60.0, abs=0.1)
    assert metrics.longest_near_s == pytest.approx(15.0, abs=0.1)
    assert metrics.late == 0


def test_a_look_that_comes_late_is_counted(floor: Floor) -> None:
    floor.holds(held())
    floor.price(NEAR)
    floor.pass_time(20)
    floor.looks._looked_at[SAMSUNG] = (floor.now - timedelta(seconds=40), True)

    floor.pass_time(15)

    assert floor.looks.metrics.late == 1


def test_a_night_is_no_late_look(floor: Floor) -> None:
    floor.holds(held())
    floor.price(NEAR)
    floor.wait_until("15:40")
    floor.wait_until("09:10", TODAY + timedelta(days=1))

    assert floor.looks.metrics.late == 0


@pytest.mark.parametrize(("is_carried", "times"), [(True, 1), (False, 4)])
def test_near_its_stop_a_silent_symbol_is_asked_about(floor: Floor, is_carried: bool, times: int) -> None:
    floor.control.on_feed_state(FeedState(connected=True, symbols=(SAMSUNG,) if is_carried else ()))
    floor.pass_time(5)
    floor.holds(held())
    floor.price(NEAR)

    floor.pass_time(72)

    assert len({when.replace(microsecond=0) for when in floor.market.times_of("snapshot")}) == times


def test_a_symbol_that_is_near_no_longer_is_not_looked_at_late(floor: Floor) -> None:
    floor.holds(held())
    floor.price(NEAR)
    floor.pass_time(20)
    floor.price(70_000)
    floor.pass_time(200)

    assert floor.looks.metrics.late == 0


def test_far_from_its_stop_or_freshly_traded_it_is_not_asked_about(floor: Floor) -> None:
    floor.holds(held())
    floor.price(NEAR + 100)
    floor.pass_time(100)
    for _ in range(10):
        floor.price(NEAR)
        floor.pass_time(10)

    assert floor.market.asked == []


# nearness


@pytest.mark.parametrize(
    ("price", "to_stop", "to_target"), [(70_000, 0, 0), (69_000, 0.5, -1 / 3), (68_000, 1, -2 / 3), (73_000, -1.5, 1)]
)
def test_nearness_is_the_part_of_the_way_that_is_behind(price: int, to_stop: float, to_target: float) -> None:
    found = nearness(held(), price, TODAY, ProtectionRules())

    assert found.to_stop == pytest.approx(to_stop)
    assert found.to_target == pytest.approx(to_target)
    assert found.stop == 68_000


def test_a_trailing_level_counts_where_it_is_nearer() -> None:
    found = nearness(a_position(highest=72_500), 70_900, TODAY, ProtectionRules())  # its level is 70,500

    assert found.to_stop == pytest.approx(0.8)
    assert found.stop == 70_500


def test_a_stop_at_the_average_is_reached_or_not() -> None:
    level = replace(held(), stop=70_000)

    assert nearness(level, 70_000, TODAY, ProtectionRules()).to_stop == 1.0
    assert nearness(level, 70_100, TODAY, ProtectionRules()).to_stop == 0.0


# the alerts


def test_near_the_stop_is_told_once_until_it_was_left(floor: Floor) -> None:
    floor.holds(held())
    for price in (ALERTED, ALERTED - 100, ALERTED):
        floor.price(price)
        floor.pass_time(61)
    assert floor.told("near_stop") == 1

    floor.price(69_500)
    floor.pass_time(61)
    floor.price(ALERTED)
    floor.pass_time(61)

    assert floor.told("near_stop") == 2
    assert floor.events("near_stop")[0] == {"symbol": SAMSUNG, "name": "삼성전자", "price": ALERTED, "stop": 68_000}


def test_near_the_target_is_told_once(floor: Floor) -> None:
    floor.holds(held())
    floor.price(72_400)
    floor.pass_time(200)

    assert floor.told("near_target") == 1
    assert floor.events("near_target")[0]["target"] == 73_000


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"at": at("15:00", YESTERDAY)}, id="of yesterday"),
        pytest.param({"session": QuoteSession.AFTER_HOURS}, id="after hours"),
        pytest.param({"day_volume": 0}, id="before the first trade"),
    ],
)
def test_a_price_that_says_nothing_of_this_day_is_not_near(floor: Floor, changes: dict[str, Any]) -> None:
    floor.holds(held())
    floor.publish(a_quote(**({"price": ALERTED, "at": floor.now} | changes)))
    floor.pass_time(61)

    assert floor.told("near_stop") == 0


# the order of asking


def test_the_nearest_to_its_stop_comes_first_and_what_has_no_price_before_all(floor: Floor) -> None:
    floor.holds(held())
    floor.holds(held(symbol=HYNIX))
    floor.price(NEAR)
    assert floor.looks.by_nearness() == [HYNIX, SAMSUNG]

    floor.price(70_000, symbol=HYNIX)

    assert floor.looks.by_nearness() == [SAMSUNG, HYNIX]
