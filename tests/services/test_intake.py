"""What the stream brings goes where it belongs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kis_daemon.domain.market import Side
from kis_daemon.domain.orders import OrderNo
from kis_daemon.ports import ExecutionNotice, FeedState, NoticeKind
from tests.services.builders import HYNIX, SAMSUNG, a_position, a_quote, at
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
