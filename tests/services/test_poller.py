"""The questions that take the stream's place while it is silent, and those that follow what it missed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from kis_daemon.ports import BrokerUnreachable, FeedState, ProtocolError, RateLimited
from tests.services.builders import HYNIX, SAMSUNG, TODAY, a_position, a_quote, at
from tests.services.trading import Floor, a_floor, a_listing

DOWN = FeedState(connected=False, reason="a test")
UP = FeedState(connected=True, symbols=(SAMSUNG, HYNIX), resync_needed=True)


@pytest.fixture
def floor(tmp_path: Path) -> Iterator[Floor]:
    with a_floor(tmp_path) as made:
        made.trader.watch([SAMSUNG, HYNIX])
        for symbol in (SAMSUNG, HYNIX):
            made.market.listings[symbol] = made.book.listings[symbol] = a_listing(symbol=symbol)
        yield made


def asked_at(floor: Floor) -> list[datetime]:
    return sorted(set(floor.market.times_of("snapshot")))


# the stream is up


def test_while_the_stream_is_up_no_price_is_asked_for(floor: Floor) -> None:
    floor.start(floor.poller.run())

    floor.pass_time(600)

    assert floor.market.asked == []


def test_a_symbol_without_a_listing_is_asked_for_beside_the_stream(floor: Floor) -> None:
    del floor.book.listings[HYNIX]
    floor.start(floor.poller.run())

    floor.pass_time(121)

    assert floor.market.symbols_of("snapshot") == [HYNIX]
    assert HYNIX in floor.book.listings


def test_a_held_symbol_that_the_stream_does_not_carry_is_asked_for(floor: Floor) -> None:
    floor.holds(a_position(symbol=HYNIX))
    floor.control.on_feed_state(FeedState(connected=True, symbols=(SAMSUNG,)))
    floor.start(floor.poller.run())

    floor.pass_time(61)

    assert floor.market.symbols_of("snapshot") == [HYNIX]


def test_a_held_symbol_that_is_silent_for_a_quarter_of_an_hour_is_asked_for(floor: Floor) -> None:
    floor.holds(a_position())
    floor.price(70_000)
    floor.start(floor.poller.run())
    floor.pass_time(899)
    assert floor.market.asked == []

    floor.pass_time(2)

    assert floor.market.symbols_of("snapshot") == [SAMSUNG]


def test_a_gap_in_the_stream_leads_to_one_question(floor: Floor) -> None:
    floor.start(floor.poller.run())
    floor.pass_time(1)

    floor.intake.on_gap(HYNIX, 500)
    floor.pass_time(30)

    assert floor.market.symbols_of("snapshot") == floor.market.urgent == [HYNIX]


def test_a_gap_is_asked_about_until_there_is_an_answer(floor: Floor) -> None:
    floor.market.failing[HYNIX] = BrokerUnreachable("a test")
    floor.start(floor.poller.run())
    floor.pass_time(1)
    floor.intake.on_gap(HYNIX, 500)
    floor.pass_time(5)
    assert len(floor.market.asked) == 2

    floor.market.failing.clear()
    floor.pass_time(60)

    assert len(floor.market.asked) == 3


# the stream is down


def test_while_the_stream_is_down_prices_are_asked_for(floor: Floor) -> None:
    floor.intake.on_feed_state(DOWN)
    floor.start(floor.poller.run())

    floor.pass_time(121)

    assert floor.market.symbols_of("snapshot") == [SAMSUNG, HYNIX] * 2
    assert asked_at(floor) == [at("10:01"), at("10:02")]


def test_while_the_stream_is_down_what_is_held_is_asked_for_every_few_seconds_at_exit_urgency(floor: Floor) -> None:
    floor.holds(a_position(symbol=HYNIX))
    floor.start(floor.poller.run())
    floor.pass_time(1)

    floor.intake.on_feed_state(DOWN)
    floor.pass_time(10)

    assert floor.market.urgent == [HYNIX] * 4
    assert [f"{when:%H:%M:%S}" for when in asked_at(floor)] == ["10:00:01", "10:00:04", "10:00:07", "10:00:10"]


def test_what_is_held_is_asked_for_nearest_to_its_stop_first(floor: Floor) -> None:
    floor.holds(a_position(symbol=SAMSUNG, trailing_armed=False))
    floor.holds(a_position(symbol=HYNIX, trailing_armed=False))
    floor.publish(a_quote(symbol=SAMSUNG, price=70_500))
    floor.publish(a_quote(symbol=HYNIX, price=68_300))
    floor.start(floor.poller.run())
    floor.pass_time(1)

    floor.intake.on_feed_state(DOWN)
    floor.pass_time(1)

    assert floor.market.urgent == [HYNIX, SAMSUNG]


def test_a_round_rests_as_long_as_it_took_and_asks_one_at_a_time(floor: Floor) -> None:
    floor.holds(a_position(symbol=SAMSUNG))
    floor.holds(a_position(symbol=HYNIX))
    floor.market.answer_takes_s = 5.0
    floor.start(floor.poller.run())
    floor.pass_time(1)

    floor.intake.on_feed_state(DOWN)
    floor.pass_time(25)

    assert [f"{when:%M:%S}" for when in asked_at(floor)] == ["00:01", "00:06", "00:21", "00:26"]


def test_a_price_that_was_asked_for_sells_at_its_stop(floor: Floor) -> None:
    floor.holds(a_position())
    floor.market.last[SAMSUNG] = a_quote(price=67_900, at=at("10:00:01"))
    floor.start(floor.poller.run())
    floor.pass_time(1)

    floor.intake.on_feed_state(DOWN)
    floor.pass_time(1)

    assert floor.rules_sent() == ["ATR_STOP_LOSS"]


def test_a_listing_that_was_asked_for_is_kept(floor: Floor) -> None:
    floor.market.listings[SAMSUNG] = a_listing(suspended=True)
    floor.intake.on_feed_state(DOWN)
    floor.start(floor.poller.run())

    floor.pass_time(61)

    assert floor.book.listings[SAMSUNG].suspended


def test_where_questions_are_the_primary_source_they_are_asked_beside_the_stream(tmp_path: Path) -> None:
    with a_floor(tmp_path, stream_is_primary=False, interval_s=15.0) as floor:
        floor.trader.watch([SAMSUNG])
        floor.market.listings[SAMSUNG] = a_listing()
        floor.start(floor.poller.run())

        floor.pass_time(31)

        assert len(floor.market.asked) == 2


@pytest.mark.parametrize(("clock", "is_asked"), [("08:20", False), ("08:31", True), ("15:25", True), ("15:30", False)])
def test_prices_are_asked_for_in_session_only(tmp_path: Path, clock: str, is_asked: bool) -> None:
    with a_floor(tmp_path, now=at(clock, TODAY)) as floor:
        floor.trader.watch([SAMSUNG])
        floor.holds(a_position(symbol=HYNIX))
        for symbol in (SAMSUNG, HYNIX):
            floor.market.listings[symbol] = a_listing(symbol=symbol)
        floor.intake.on_feed_state(DOWN)
        floor.start(floor.poller.run())

        floor.pass_time(61)

        assert (SAMSUNG in floor.market.symbols_of("snapshot")) is is_asked
        assert (HYNIX in floor.market.symbols_of("snapshot")) is is_asked


def test_a_question_without_answer_ends_its_round_and_not_the_next(floor: Floor) -> None:
    floor.intake.on_feed_state(DOWN)
    floor.market.failing[SAMSUNG] = BrokerUnreachable("a test")
    floor.start(floor.poller.run())
    floor.pass_time(61)
    assert floor.market.symbols_of("snapshot") == [SAMSUNG]
    floor.market.failing.clear()

    floor.pass_time(60)

    assert floor.market.symbols_of("snapshot") == [SAMSUNG, SAMSUNG, HYNIX]


def test_a_symbols_own_trouble_does_not_end_the_round(floor: Floor) -> None:
    floor.intake.on_feed_state(DOWN)
    floor.market.failing[SAMSUNG] = ProtocolError("a test")
    floor.start(floor.poller.run())

    floor.pass_time(61)

    assert floor.market.symbols_of("snapshot") == [SAMSUNG, HYNIX]


def test_the_poller_ends_after_its_runs(tmp_path: Path) -> None:
    with a_floor(tmp_path, max_runs=3) as floor:
        poller = floor.start(floor.poller.run())
        floor.pass_time(179)
        assert (poller.done(), floor.runs_done) == (False, 0)

        floor.pass_time(2)

        assert (poller.done(), floor.runs_done) == (True, 1)


# the stream comes back


def blind_then_seeing(floor: Floor) -> None:
    floor.start(floor.reconciler.run())
    floor.start(floor.poller.run())
    floor.pass_time(1)
    floor.intake.on_feed_state(DOWN)
    floor.pass_time(1)


def test_entries_go_on_only_after_orders_account_and_held_prices_were_asked_for(floor: Floor) -> None:
    floor.holds(a_position())
    blind_then_seeing(floor)
    assert floor.control.gate().reasons == ("quotes_stale",)
    floor.market.answer_takes_s = 2.0
    asked = len(floor.broker.questions)

    floor.intake.on_feed_state(UP)
    floor.pass_time(1.5)
    reconciled = len(floor.broker.questions) > asked
    while_asking = floor.control.gate().reasons
    floor.pass_time(2)

    assert reconciled
    assert while_asking == ("quotes_stale",)
    assert floor.control.gate().reasons == ()


def test_a_reconciliation_begun_before_the_stream_came_back_is_no_resync(floor: Floor) -> None:
    blind_then_seeing(floor)
    floor.broker.failing = BrokerUnreachable("a test")

    floor.intake.on_feed_state(UP)
    floor.pass_time(1)
    while_failing = floor.control.gate().reasons
    floor.broker.failing = None
    floor.pass_time(5)

    assert "quotes_stale" in while_failing
    assert floor.control.gate().reasons == ()


def test_a_held_symbol_that_cannot_be_asked_about_holds_up_no_other(floor: Floor) -> None:
    floor.holds(a_position())
    floor.market.failing[SAMSUNG] = ProtocolError("a test")
    blind_then_seeing(floor)

    floor.intake.on_feed_state(UP)
    floor.pass_time(1)

    assert floor.control.gate().reasons == ()


@pytest.mark.parametrize("error", [BrokerUnreachable("a test"), RateLimited("a test", retry_after_s=1.0)])
def test_a_held_price_that_was_not_told_is_asked_for_again(floor: Floor, error: Exception) -> None:
    floor.holds(a_position())
    blind_then_seeing(floor)
    floor.market.failing[SAMSUNG] = error  # type: ignore[assignment]  # both are of the broker's
    floor.intake.on_feed_state(UP)
    floor.pass_time(2)
    assert "quotes_stale" in floor.control.gate().reasons

    floor.market.failing.clear()
    floor.pass_time(10)

    assert floor.control.gate().reasons == ()


def test_while_the_stream_is_down_a_held_symbol_without_answer_keeps_no_other_from_being_asked(floor: Floor) -> None:
    floor.holds(a_position(symbol=SAMSUNG))
    floor.holds(a_position(symbol=HYNIX))
    floor.market.failing[SAMSUNG] = BrokerUnreachable("HTTP 500 for this symbol")
    floor.start(floor.poller.run())

    floor.intake.on_feed_state(DOWN)
    floor.pass_time(60)

    assert floor.market.symbols_of("snapshot").count(HYNIX) >= 10
