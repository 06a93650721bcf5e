"""What a symbol costs now: from the stream while it is fresh, else by one question, never too many of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from kis_daemon.domain.market import QuoteSource
from kis_daemon.ports import BrokerUnreachable, RateLimited, SymbolBlocked
from kis_daemon.services.quote_desk import QuoteAnswer, QuoteState
from tests.services.builders import SAMSUNG, a_quote, at
from tests.services.trading import Floor, a_floor, a_listing

REST = QuoteSource.REST


@pytest.fixture
def floor(tmp_path: Path) -> Iterator[Floor]:
    with a_floor(tmp_path) as made:
        made.market.listings[SAMSUNG] = a_listing()
        made.market.last[SAMSUNG] = a_quote(price=70_500, source=REST, at=at("10:01"))
        yield made


def ask(floor: Floor) -> QuoteAnswer | None:
    return floor.run(floor.quote_desk.get(SAMSUNG))


def told(floor: Floor) -> tuple[int, str, str]:
    answer = ask(floor)
    assert answer is not None
    return answer.quote.price, answer.quote.source.value, answer.state.value


# in session


def test_a_fresh_price_of_the_stream_is_the_answer(floor: Floor) -> None:
    floor.publish(a_quote(price=70_100))
    floor.wait_until("10:00:05")

    answer = ask(floor)

    assert answer is not None
    assert (answer.quote.price, answer.quote.source, answer.state) == (70_100, "kis-ws", QuoteState.HEALTHY)
    assert answer.age_s == pytest.approx(5.0)
    assert (floor.market.asked, floor.quote_desk.rest_fallbacks) == ([], 0)


def test_a_price_of_the_stream_older_than_five_seconds_is_asked_for(floor: Floor) -> None:
    floor.publish(a_quote(price=70_100))
    floor.wait_until("10:01")

    assert told(floor) == (70_500, "kis-rest", "HEALTHY")
    assert floor.quote_desk.rest_fallbacks == 1


def test_a_symbol_the_stream_never_told_of_is_asked_for_and_shown(floor: Floor) -> None:
    floor.wait_until("10:01")

    assert told(floor) == (70_500, "kis-rest", "HEALTHY")
    assert floor.board.price(SAMSUNG) == 70_500
    assert floor.book.listings[SAMSUNG] == a_listing()


def test_an_answer_of_the_last_five_seconds_is_not_asked_for_again_and_is_a_fallback(floor: Floor) -> None:
    floor.wait_until("10:01")
    ask(floor)
    floor.pass_time(4)

    assert told(floor) == (70_500, "kis-rest", "HEALTHY")
    assert len(floor.market.asked) == 1
    assert floor.quote_desk.rest_fallbacks == 2


def test_a_symbol_that_never_traded_has_no_price(floor: Floor) -> None:
    del floor.market.last[SAMSUNG]

    assert ask(floor) is None


def test_an_unknown_symbol_is_an_error(floor: Floor) -> None:
    floor.market.failing[SAMSUNG] = SymbolBlocked("unknown")

    with pytest.raises(SymbolBlocked):
        ask(floor)


# out of session


@pytest.mark.parametrize("clock", ["08:59:59", "15:30:01", "20:00:00"])
def test_out_of_session_the_answer_is_asked_for_although_the_stream_is_fresh(tmp_path: Path, clock: str) -> None:
    with a_floor(tmp_path, now=at(clock)) as floor:
        floor.market.listings[SAMSUNG] = a_listing()
        floor.market.last[SAMSUNG] = a_quote(price=70_500, source=REST, at=at(clock))
        floor.publish(a_quote(price=70_100, at=at(clock) - timedelta(seconds=1)))

        assert told(floor) == (70_500, "kis-rest", "HEALTHY")
        assert floor.quote_desk.rest_fallbacks == 1


# too many calls


def limit(floor: Floor, retry_after_s: float = 1.0) -> None:
    floor.market.failing[SAMSUNG] = RateLimited("EGW00201", code="EGW00201", retry_after_s=retry_after_s)


def test_within_the_cooldown_the_shown_price_is_told_with_its_age_and_nothing_is_asked(floor: Floor) -> None:
    floor.publish(a_quote(price=70_100))
    floor.wait_until("10:00:10")
    limit(floor)

    first = told(floor)
    floor.market.failing.clear()
    floor.pass_time(2.9)
    second = told(floor)

    assert first == second == (70_100, "kis-ws", "STALE")
    assert len(floor.market.asked) == 1


def test_without_a_price_young_enough_the_cooldown_is_an_error_that_says_when_to_come_again(floor: Floor) -> None:
    floor.publish(a_quote(price=70_100))
    floor.wait_until("10:01:01")
    limit(floor)

    with pytest.raises(RateLimited) as first:
        ask(floor)
    floor.pass_time(2)
    with pytest.raises(RateLimited) as second:
        ask(floor)

    assert (first.value.code, first.value.retry_after_s) == ("REST_RATE_LIMIT_COOLDOWN", 3.0)
    assert second.value.retry_after_s == pytest.approx(1.0, abs=0.01)
    assert len(floor.market.asked) == 1


def test_after_three_seconds_it_is_asked_again(floor: Floor) -> None:
    floor.wait_until("10:01")
    limit(floor)
    with pytest.raises(RateLimited):
        ask(floor)
    floor.market.failing.clear()

    floor.pass_time(3)

    assert told(floor) == (70_500, "kis-rest", "HEALTHY")


def test_a_longer_wait_that_the_broker_asks_for_is_kept(floor: Floor) -> None:
    limit(floor, retry_after_s=10.0)
    with pytest.raises(RateLimited):
        ask(floor)
    floor.pass_time(5)

    with pytest.raises(RateLimited) as still:
        ask(floor)

    assert still.value.retry_after_s == pytest.approx(5.0, abs=0.01)


def test_while_the_broker_cannot_be_reached_a_young_price_is_told(floor: Floor) -> None:
    floor.publish(a_quote(price=70_100))
    floor.wait_until("10:00:30")
    floor.market.failing[SAMSUNG] = BrokerUnreachable("a test")

    young = told(floor)
    floor.pass_time(31)

    assert young == (70_100, "kis-ws", "STALE")
    with pytest.raises(BrokerUnreachable):
        ask(floor)


# one question at a time


def test_callers_at_once_share_one_question(floor: Floor) -> None:
    floor.market.answer_takes_s = 1.0

    async def five() -> list[QuoteAnswer | None]:
        return await asyncio.gather(*(floor.quote_desk.get(SAMSUNG) for _ in range(5)))

    answers = floor.run(five())

    assert [answer and answer.quote.price for answer in answers] == [70_500] * 5
    assert len(floor.market.asked) == 1


def test_a_caller_that_goes_away_takes_no_other_ones_answer_with_it(floor: Floor) -> None:
    floor.market.answer_takes_s = 1.0

    async def first_leaves() -> QuoteAnswer | None:
        first = asyncio.create_task(floor.quote_desk.get(SAMSUNG))
        second = asyncio.create_task(floor.quote_desk.get(SAMSUNG))
        await asyncio.sleep(0.5)
        first.cancel()
        return await second

    answer = floor.run(first_leaves())

    assert answer is not None
    assert len(floor.market.asked) == 2


def test_an_urgent_look_waits_for_no_other(floor: Floor) -> None:
    floor.market.answer_takes_s = 1.0

    async def both() -> None:
        await asyncio.gather(floor.quote_desk.look(SAMSUNG), floor.quote_desk.look(SAMSUNG, urgent=True))

    floor.run(both())

    assert floor.market.urgent == [SAMSUNG]
    assert floor.market.times_of("snapshot")[0] == floor.market.times_of("snapshot")[1]
