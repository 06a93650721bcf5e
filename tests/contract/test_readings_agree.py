"""Two readings of one contract: after any session the client's account is the simulator's ledger, to the won.

Hypothesis makes the sessions; both profiles live through each of them over several days, on virtual time.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kis_daemon.domain.market import Market, Rounding, Side, Symbol, to_tick
from kis_daemon.domain.orders import Order, OrderIntent, OrderType
from kis_daemon.ports import Accepted, BrokerOrder, OrderRefused
from kis_daemon.simulator.requests import Request
from tests.contract.venues import KIS_VENUES, KisVenue, promised
from tests.services.builders import HYNIX, SAMSUNG, TODAY, a_sent_order, an_exit, an_intent

_STEPS = ("buy", "buy at market", "sell", "sell at market", "cancel", "modify", "wait", "next day")
_EXAMPLES = 12  # a session of each profile is a few seconds of a core for every hundred


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    what: str
    symbol: Symbol
    quantity: int
    percent: float
    seconds: float


steps = st.builds(
    Step,
    what=st.sampled_from(_STEPS),
    symbol=st.sampled_from([SAMSUNG, HYNIX]),
    quantity=st.integers(1, 60),
    percent=st.floats(-3.0, 3.0),
    seconds=st.floats(1.0, 4000.0),
)


@pytest.mark.parametrize("name", KIS_VENUES)
@settings(max_examples=_EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(session=st.lists(steps, min_size=5, max_size=25))
def test_the_clients_account_is_the_simulators_ledger_after_any_session(name: str, session: list[Step]) -> None:
    @promised(venues=(name,))
    async def story(venue: KisVenue) -> None:
        await live_through(venue, session)
        await compare(venue)

    story(name)


@promised(venues=KIS_VENUES)
async def test_a_session_of_every_step_really_trades(venue: KisVenue) -> None:
    """The property above would hold of sessions in which nothing happens, too."""
    session = [
        Step(what=what, symbol=symbol, quantity=20, percent=percent, seconds=1800.0)
        for what, percent in (
            ("buy at market", 0.0),
            ("buy", -2.0),
            ("modify", -1.0),
            ("wait", 0.0),
            ("sell", 1.0),
            ("cancel", 0.0),
            ("sell at market", 0.0),
            ("next day", 0.0),
            ("buy", 1.0),
        )
        for symbol in (SAMSUNG, HYNIX)
    ]
    await live_through(venue, session)
    await compare(venue)
    requests = [request for day in venue.simulator.exchange.orders.days.values() for request in day.values()]
    assert {Side.BUY, Side.SELL} == {request.side for request in requests if request.filled}
    assert any(request.original is not None for request in requests)
    assert len(venue.simulator.exchange.orders.days) > 1


async def live_through(venue: KisVenue, session: list[Step]) -> None:
    chance = Random(len(session))
    sent: list[Order] = []
    for step in session:
        try:
            await take(venue, step, sent, chance)
        except OrderRefused:
            continue  # the broker's no is an answer like any other


async def take(venue: KisVenue, step: Step, sent: list[Order], chance: Random) -> None:
    match step.what:
        case "wait":
            await idle(venue, venue.clock.now() + timedelta(seconds=step.seconds))
        case "next day":
            now = venue.clock.now()
            following = venue.simulator.exchange.calendar.next_trading_day(now.date())
            await idle(venue, following.opens_at + timedelta(seconds=step.seconds))
        case "cancel" | "modify" if sent:
            order = chance.choice(sent)
            if step.what == "cancel":
                await venue.broker.cancel(order, lambda: True)
            elif order.intent.order_type is OrderType.LIMIT:
                await venue.broker.modify(order, None, price_near(venue, step), lambda: True)
        case "buy" | "sell" | "buy at market" | "sell at market":
            intent = wish(venue, step)
            answer = await venue.broker.submit(intent, lambda: True, urgent=intent.side is Side.SELL)
            assert isinstance(answer, Accepted)
            sent.append(a_sent_order(intent, order_no=answer.order_no, branch_no=answer.branch_no))


async def idle(venue: KisVenue, until: datetime) -> None:
    """Let time pass with a question now and then, as a daemon asks them: no connection is kept for hours unused."""
    while (now := venue.clock.now()) < until:
        await venue.clock.sleep_until(min(until, now + timedelta(minutes=30)))
        await venue.broker.account()


def wish(venue: KisVenue, step: Step) -> OrderIntent:
    market = step.what.endswith("market")
    make = an_intent if step.what.startswith("buy") else an_exit
    return make(
        symbol=step.symbol,
        quantity=step.quantity,
        order_type=OrderType.MARKET if market else OrderType.LIMIT,
        price=None if market else price_near(venue, step),
    )


def price_near(venue: KisVenue, step: Step) -> int:
    price = venue.simulator.exchange.price(step.symbol)
    return to_tick(price * (1 + step.percent / 100), Rounding.NEAREST, Market.KOSPI, TODAY)


async def compare(venue: KisVenue) -> None:
    """Ask the client everything about the account, and hold it against the ledger itself."""
    await asyncio.sleep(30)
    exchange, account = venue.simulator.exchange, venue.simulator.exchange.account
    statement = await venue.broker.account()
    assert statement.cash == account.cash_d2
    assert {held.symbol: (held.quantity, held.cost, held.sellable) for held in statement.holdings} == {
        symbol: (row.quantity, row.cost, exchange.sellable(symbol))
        for symbol, row in account.holdings.items()
        if row.quantity
    }
    assert statement.equity == exchange.equity()
    days = list(exchange.orders.days)
    listing = await venue.broker.orders(days[0], max(days[-1], venue.clock.now().date()))
    assert not listing.unreadable
    assert [told(row) for row in listing] == [
        kept(request) for day in days for request in exchange.orders.days[day].values()
    ]
    for symbol in (SAMSUNG, HYNIX):
        assert await venue.broker.sellable_quantity(symbol) == max(exchange.sellable(symbol), 0)


def told(row: BrokerOrder) -> tuple[object, ...]:
    return (
        row.order_no,
        row.original_no,
        row.symbol,
        row.side,
        row.quantity,
        row.filled_quantity,
        row.filled_amount,
        row.remaining_quantity,
        row.cancelled_quantity,
        row.at.replace(microsecond=0),
    )


def kept(request: Request) -> tuple[object, ...]:
    return (
        str(request.number),
        None if request.original is None else str(request.original),
        request.symbol,
        request.side,
        request.quantity,
        request.filled,
        request.amount,
        request.remaining,
        request.cancelled,
        request.at.replace(microsecond=0),
    )
