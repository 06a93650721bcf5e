"""What the stream brings, and the questions that take its place while it is silent."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from kis_daemon.domain.market import Side
from kis_daemon.domain.orders import OrderNo
from kis_daemon.ports import BrokerUnreachable, ExecutionNotice, FeedState, NoticeKind, OrderRefused, ProtocolError
from tests.services.builders import HYNIX, SAMSUNG, TODAY, a_position, a_quote, at
from tests.services.trading import Floor, a_floor, a_listing

DOWN = FeedState(connected=False, reason="a test")
UP = FeedState(connected=True, symbols=(SAMSUNG,))


@pytest.fixture
def floor(tmp_path: Path) -> Iterator[Floor]:
    with a_floor(tmp_path) as made:
        made.trader.watch([SAMSUNG, HYNIX])
        for symbol in (SAMSUNG, HYNIX):
            made.market.listings[symbol] = made.book.listings[symbol] = a_listing(symbol=symbol)
        yield made


def a_notice(kind: NoticeKind = NoticeKind.FILLED) -> ExecutionNotice:
    return ExecutionNotice(
        kind=kind,
        order_no=OrderNo("1"),
        original_no=None,
        symbol=SAMSUNG,
        side=Side.SELL,
        quantity=10,
        price=70_000,
        at=at("10:00"),
    )


def questions(floor: Floor) -> int:
    return len(floor.broker.questions)


# the sink


def test_a_quote_goes_to_the_board(floor: Floor) -> None:
    floor.intake.on_quote(a_quote())

    assert floor.board.quote(SAMSUNG) == a_quote()


@pytest.mark.parametrize("kind", list(NoticeKind))
def test_a_notice_is_a_hint_that_asks_the_broker_and_changes_nothing(floor: Floor, kind: NoticeKind) -> None:
    floor.holds(a_position())
    floor.start(floor.reconciler.run())
    floor.pass_time(1)
    before, position = questions(floor), floor.position()

    floor.notice(a_notice(kind))

    assert questions(floor) > before
    assert floor.position() == position


def test_a_new_connection_asks_the_broker_and_a_lost_one_does_not(floor: Floor) -> None:
    floor.start(floor.reconciler.run())
    floor.pass_time(1)
    before = questions(floor)

    floor.intake.on_feed_state(DOWN)
    floor.pass_time()
    lost = questions(floor)
    floor.intake.on_feed_state(UP)
    floor.pass_time()

    assert lost == before
    assert questions(floor) > before
    assert floor.control.feed == UP


# the poller


def asked_at(floor: Floor) -> list[datetime]:
    return sorted(set(floor.market.times_of("snapshot")))


def test_while_the_stream_is_up_no_price_is_asked_for(floor: Floor) -> None:
    floor.start(floor.poller.run())

    floor.pass_time(600)

    assert floor.market.asked == []


def test_while_the_stream_is_up_what_is_held_is_looked_at_every_interval(floor: Floor) -> None:
    floor.holds(a_position())
    floor.start(floor.poller.run())
    floor.broker.answers.append(OrderRefused("a test"))
    floor.price(67_900)
    assert floor.rules_sent() == ["ATR_STOP_LOSS"]

    floor.pass_time(61)

    assert floor.rules_sent() == ["ATR_STOP_LOSS"] * 2


def test_a_symbol_without_a_listing_is_asked_for_beside_the_stream(floor: Floor) -> None:
    del floor.book.listings[HYNIX]
    floor.start(floor.poller.run())

    floor.pass_time(121)

    assert floor.market.symbols_of("snapshot") == [HYNIX]
    assert HYNIX in floor.book.listings


def test_a_held_symbol_that_the_stream_does_not_carry_is_asked_for(floor: Floor) -> None:
    floor.holds(a_position(symbol=HYNIX))
    floor.intake.on_feed_state(UP)
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


def test_while_the_stream_is_down_prices_are_asked_for_held_symbols_first(floor: Floor) -> None:
    floor.holds(a_position(symbol=HYNIX))
    floor.intake.on_feed_state(DOWN)
    floor.start(floor.poller.run())

    floor.pass_time(121)

    assert floor.market.symbols_of("snapshot") == [HYNIX, SAMSUNG] * 2
    assert asked_at(floor) == [at("10:01"), at("10:02")]


def test_a_price_that_was_asked_for_sells_at_its_stop(floor: Floor) -> None:
    floor.holds(a_position())
    floor.intake.on_feed_state(DOWN)
    floor.market.quotes[SAMSUNG] = a_quote(price=67_900, at=at("10:01"))
    floor.start(floor.poller.run())

    floor.pass_time(61)

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
        floor.market.listings[SAMSUNG] = a_listing()
        floor.intake.on_feed_state(DOWN)
        floor.start(floor.poller.run())

        floor.pass_time(61)

        assert bool(floor.market.asked) is is_asked


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
