"""Following orders: what is live has somebody who ends it in time, and what hangs holds up no exit."""

from __future__ import annotations

import asyncio

from kis_daemon.domain.market import Side
from kis_daemon.domain.orders import Order, OrderState
from kis_daemon.ports import Accepted, NoAnswer, Permit, Withdrawn
from tests.services.builders import SAMSUNG, YESTERDAY, a_sent_order
from tests.services.fakes import Silence
from tests.services.order_path import OrderPath, lived


@lived
async def test_an_exit_waits_two_seconds_for_a_cancel_that_hangs(path: OrderPath) -> None:
    path.broker.depth[SAMSUNG] = 4
    path.buy()
    await path.passes(5)

    async def hangs(order: Order, permit: Permit) -> Accepted | Withdrawn:
        await asyncio.sleep(15)
        raise NoAnswer("a black hole")

    path.broker.cancel = hangs  # type: ignore[method-assign]
    path.sell(quantity=4)
    await path.passes(1.9)
    assert len(path.broker.sent) == 1
    await path.passes(0.2)

    assert [intent.side for intent in path.broker.sent] == [Side.BUY, Side.SELL]


@lived
async def test_an_order_that_was_found_late_is_cancelled_when_its_time_is_over(path: OrderPath) -> None:
    """What was given up and then appears is live: somebody must end it as any other."""
    path.broker.answers.append(Silence(arrived=True))
    path.broker.lag_s = 150
    path.buy()
    await path.passes(140)
    assert path.state() is OrderState.REJECTED
    path.broker.lag_s = 0

    await path.passes(300)

    assert path.broker.cancelled == ["1"]
    assert path.state() is OrderState.CANCELLED


@lived
async def test_the_live_order_of_a_slot_is_not_cancelled_by_yesterdays_number(path: OrderPath) -> None:
    path.book.recover(a_sent_order(day=YESTERDAY))

    await path.synchronizer.cancel_live(SAMSUNG, Side.BUY)

    assert path.broker.cancelled == []
