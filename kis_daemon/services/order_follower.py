"""The follower: watches an order that was sent until it is over, and ends it in its time.

Rules of this room (requirements, section 8; architecture, section 3)
    A time-out cancels what remains and then asks; it never assumes. A cancel is no proof either: the listing is.
    Only today's numbers are cancelled: yesterday's may be another order's today.
    An exit first withdraws a live buy of its symbol, and waits two seconds for that at most, whatever the broker does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from kis_daemon.domain.market import Side, Symbol
from kis_daemon.domain.orders import Order, OrderKey, OrderType
from kis_daemon.ports import Broker, BrokerError, Clock, Severity
from kis_daemon.services.book import Book
from kis_daemon.services.bookkeeper import Bookkeeper
from kis_daemon.services.journal import Fact, Journal

_OPPOSITE_WAIT_S = 2.0  # how long an exit waits for a live buy of its symbol to be withdrawn
_ASK_AGAIN_S = 15.0  # how long the broker's evidence of a cancel is waited for before asking again


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderTiming:
    """How long an order may stay unfilled, in seconds of continuous trading (section 8)."""

    entry_s: float = 45.0
    exit_s: float = 135.0


class OrderFollower:
    """See the rules above."""

    def __init__(
        self,
        *,
        broker: Broker,
        journal: Journal,
        bookkeeper: Bookkeeper,
        book: Book,
        clock: Clock,
        trades_continuously: Callable[[Symbol], bool],
        ask_broker: Callable[[], None],
        timing: OrderTiming,
    ) -> None:
        self._broker = broker
        self._journal = journal
        self._bookkeeper = bookkeeper
        self._book = book
        self._clock = clock
        self._trades_continuously = trades_continuously
        self._ask_broker = ask_broker
        self._timing = timing
        self._followed: dict[OrderKey, None] = {}
        self._cancel_asked_at: dict[OrderKey, datetime] = {}
        self._withdrawing: dict[OrderKey, asyncio.Task[None]] = {}

    def start_day(self) -> None:
        """Forget what was asked of the days before."""
        self._cancel_asked_at.clear()

    def follows(self, key: OrderKey) -> bool:
        return key in self._followed

    async def follow(self, key: OrderKey) -> None:
        """Wait until the order is terminal; cancel what remains of it when its time is over."""
        is_exit = self._book.orders[key].intent.side is Side.SELL
        loop = asyncio.get_running_loop()
        deadline = loop.time() + (self._timing.exit_s if is_exit else self._timing.entry_s)
        self._followed[key] = None
        try:
            while (order := self._book.orders.get(key)) is not None and order.is_live:
                changed = self._bookkeeper.changed(key)
                changed.clear()
                try:
                    async with asyncio.timeout_at(deadline):
                        await changed.wait()
                except TimeoutError:
                    deadline = loop.time() + _ASK_AGAIN_S
                    await self._end_in_time(order)
        finally:
            self._followed.pop(key, None)

    async def _end_in_time(self, order: Order) -> None:
        """Cancel what remains of an order whose time is over, unless its time does not run."""
        intent = order.intent
        rests = intent.side is Side.SELL and intent.order_type is OrderType.LIMIT
        if order.order_no is None:
            return  # an unknown outcome has no number to cancel
        if rests or not self._trades_continuously(intent.symbol):
            return  # auctions, halts and VI stop the time; what rests at the lower limit is matched at their end
        asked_at = self._cancel_asked_at.get(order.key)
        listed_at = self._bookkeeper.listed_at.get(order.key)
        if asked_at is not None and (listed_at is None or listed_at <= asked_at):
            return  # asked already, and no listing has shown a remainder since
        self._cancel_asked_at[order.key] = self._clock.now()
        await self._cancel_rest(order, "time is over")

    async def cancel_live(self, symbol: Symbol, side: Side) -> None:
        """Ask the broker once to cancel the live order of that slot, if it has a number."""
        order = self._book.live_order(symbol, side)
        if order is not None and order.order_no is not None:
            await self._cancel_rest(order, "withdrawn")

    async def withdraw_buy(self, symbol: Symbol) -> None:
        """Have a live buy of `symbol` cancelled before its exit; return after two seconds whatever came of it."""
        buy = self._book.live_order(symbol, Side.BUY)
        if buy is None:
            return
        asking = self._withdrawing.get(buy.key)
        if asking is None:
            asking = asyncio.create_task(self.cancel_live(symbol, Side.BUY), name=f"withdraw-{buy.key[:12]}")
            self._withdrawing[buy.key] = asking
            asking.add_done_callback(lambda _: self._withdrawing.pop(buy.key, None))
        try:
            async with asyncio.timeout(_OPPOSITE_WAIT_S):
                await asyncio.shield(asking)
                while (now := self._book.live_order(symbol, Side.BUY)) is not None and now.key == buy.key:
                    changed = self._bookkeeper.changed(buy.key)
                    changed.clear()
                    await changed.wait()
        except TimeoutError:
            return  # what is held is sold now; what the buy may still bring is sold by a second attempt

    async def _cancel_rest(self, order: Order, why: str) -> None:
        if order.day != self._clock.now().date():
            return
        try:
            await self._broker.cancel(order, lambda: True)
        except BrokerError as error:
            # Already filled, unreachable or unanswered: in each case only the listing can say what is true.
            fact = about(self._journal, order, "order_cancel_unproven", code=error.code, reason=str(error))
        else:
            fact = about(self._journal, order, "order_cancel_requested", reason=why)
        self._journal.note(fact)
        self._ask_broker()


def about(
    journal: Journal,
    order: Order,
    event: str,
    *,
    severity: Severity = Severity.INFO,
    alerts: bool = False,
    **payload: str | int | float | None,
) -> Fact:
    """Return a fact about `order`, with what every one of them says."""
    return journal.fact(
        event,
        severity=severity,
        alerts=alerts,
        correlation_id=order.intent.correlation_id,
        symbol=order.intent.symbol,
        side=order.intent.side.value,
        order_key=order.key,
        **payload,
    )
