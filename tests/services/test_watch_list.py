"""What the stream is told to carry: held, named by the operator, then the nearest to a breakout."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kis_daemon.domain.market import Symbol
from kis_daemon.services.watch_list import WatchList
from tests.services.builders import HYNIX, SAMSUNG, a_position
from tests.services.trading import LEVEL, Floor, a_floor, indicators

NAVER, KAKAO = Symbol("035420"), Symbol("035720")


@pytest.fixture
def floor(tmp_path: Path) -> Iterator[Floor]:
    with a_floor(tmp_path, always=(KAKAO,)) as made:
        yield made


def a_list(floor: Floor, ready: dict[Symbol, int]) -> WatchList:
    """Return a list over symbols that are ready to be bought above `LEVEL`, with their last prices."""
    return WatchList(
        feed=floor.feed,
        always=(KAKAO,),
        held=lambda: list(floor.book.positions),
        indicators=lambda symbol: indicators() if symbol in ready else None,
        last_price=ready.get,
        rules=floor.terms.entry,
    )


def test_the_operators_symbols_are_wanted_from_the_start(floor: Floor) -> None:
    floor.start(floor.watch_list.run(floor.intake))
    floor.pass_time()

    assert floor.feed.wanted == [KAKAO]


def test_held_comes_first_then_the_operators_then_the_nearest_to_its_breakout(floor: Floor) -> None:
    floor.holds(a_position(symbol=HYNIX))

    a_list(floor, {SAMSUNG: LEVEL - 1000, NAVER: LEVEL - 100}).want((), (SAMSUNG, HYNIX, NAVER))

    assert floor.feed.wanted == [HYNIX, KAKAO, NAVER, SAMSUNG]


def test_what_cannot_be_bought_comes_last(floor: Floor) -> None:
    a_list(floor, {NAVER: LEVEL - 5000}).want((), (SAMSUNG, NAVER))

    assert floor.feed.wanted == [KAKAO, NAVER, SAMSUNG]


def test_the_feed_hears_only_of_what_changed(floor: Floor) -> None:
    prices = {SAMSUNG: LEVEL - 1000, NAVER: LEVEL - 100}
    watch_list = a_list(floor, prices)
    watch_list.want((), (SAMSUNG, NAVER))
    floor.feed.wanted = []
    watch_list.refresh()
    unchanged = floor.feed.wanted

    prices[SAMSUNG] = LEVEL
    watch_list.refresh()

    assert unchanged == []
    assert floor.feed.wanted == [KAKAO, SAMSUNG, NAVER]


def test_a_new_day_is_told_although_nothing_changed(floor: Floor) -> None:
    watch_list = a_list(floor, {})
    watch_list.want((), (SAMSUNG,))
    floor.feed.wanted = []

    watch_list.want((), (SAMSUNG,))

    assert floor.feed.wanted == [KAKAO, SAMSUNG]
