"""The closer: sells what an operator wants sold, until it is gone.

Rules of this room (C10, S4-B04; section 8, opposite orders)
    It needs no price and no universe: an order at the market in continuous trading, at the day's lower limit in an
    auction or VI. Locked symbols too: that is what a person is called for.
    Every sale passes the one door with the position's exit mandate, at most what the broker lets be sold. One sale of a
    symbol at a time, whoever began it; what is left when it ends is sold by the next.
    What is being bought is cancelled first; shares that come all the same are sold as well.
    A sale that was refused waits before its next try, longer each time. A wish ends when nothing of it is left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from kis_daemon.domain.calendar import SessionPhase, TradingCalendar
from kis_daemon.domain.exits import Exit
from kis_daemon.domain.market import Side, Symbol, Won
from kis_daemon.domain.orders import OrderKey, OrderState
from kis_daemon.domain.positions import Position
from kis_daemon.ports import Clock, Severity, StoreError
from kis_daemon.services.approvals import ApprovalDesk, NotCovered
from kis_daemon.services.book import Book
from kis_daemon.services.closings import Wish, settle, wishes_of
from kis_daemon.services.door import Queued
from kis_daemon.services.hours import trading_phase
from kis_daemon.services.journal import Fact, Journal
from kis_daemon.services.order_synchronizer import OrderSynchronizer
from kis_daemon.services.quotes import QuoteBoard
from kis_daemon.services.seller import sale

log = structlog.get_logger("closer")

_LOOK_S = 1.0
_NIGHT_S = 30.0
_REFUSED_S = 10.0  # after a refusal, twice as long after each further one
_LONGEST_S = 320.0


class Closer:
    """See the rules above."""

    def __init__(
        self,
        *,
        book: Book,
        board: QuoteBoard,
        journal: Journal,
        synchronizer: OrderSynchronizer,
        approvals: ApprovalDesk,
        calendar: TradingCalendar,
        clock: Clock,
        on_settled: Callable[[str], None],
    ) -> None:
        self._book = book
        self._board = board
        self._journal = journal
        self._synchronizer = synchronizer
        self._approvals = approvals
        self._calendar = calendar
        self._clock = clock
        self._on_settled = on_settled
        self._woken = asyncio.Event()
        self._cancelled: dict[OrderKey, None] = {}
        self._told: dict[Symbol, str] = {}
        self.wishes: tuple[Wish, ...] = ()

    def take(self, text: str) -> None:
        """Take over the wishes that stand in the mark; a person hears of each new one."""
        try:
            wishes = wishes_of(text)
        except (ValueError, KeyError, TypeError) as error:
            self._tell("closings_unreadable", Severity.ERROR, reason=repr(error))
            return
        before, self.wishes = self.wishes, wishes
        for wish in wishes:
            if wish not in before:
                self._tell_wish("manual_exit_seen", Severity.WARNING, wish)
        if wishes:
            self._woken.set()

    def wish_for(self, position: Position) -> Wish | None:
        """Return the wish that `position` be sold, if there is one."""
        return next((wish for wish in self.wishes if wish.is_for(position)), None)

    async def run(self) -> None:
        """Sell what is wanted sold, until cancelled."""
        while True:
            if not self.wishes:
                self._woken.clear()
                await self._woken.wait()
            await self.look()
            is_closed = trading_phase(self._calendar, self._clock.now()) is SessionPhase.CLOSED
            await asyncio.sleep(_NIGHT_S if is_closed else _LOOK_S)

    async def look(self) -> None:
        """Look once at every wish: sell, cancel, or take it off the list."""
        done = []
        for wish in self.wishes:
            position = self._book.positions.get(wish.symbol)
            buy = self._book.live_order(wish.symbol, Side.BUY)
            if buy is not None and wish.is_for_buy(buy) and buy.order_no is not None and buy.key not in self._cancelled:
                self._cancelled[buy.key] = None
                await self._synchronizer.cancel_live(wish.symbol, Side.BUY)
            if position is not None and wish.is_for(position):
                self._sell(wish, position)
            elif buy is None or not wish.is_for_buy(buy):
                done.append(wish)
        if done:
            await self._settle(tuple(done))

    def _sell(self, wish: Wish, position: Position) -> None:
        now, symbol = self._clock.now(), wish.symbol
        phase, quote = trading_phase(self._calendar, now), self._board.quote(symbol)
        if phase is SessionPhase.CLOSED or symbol in self._book.unexamined or (quote is not None and quote.halted):
            return
        if self._book.live_order(symbol, Side.SELL) is not None or self._waits(wish, now):
            return
        floor: Won | None = None
        if phase is not SessionPhase.REGULAR or (quote is not None and quote.in_vi):
            listing = self._book.listings.get(symbol)
            if listing is None:
                return  # without the day's lower limit no order can rest in an auction
            floor = listing.lower_limit
        intent = sale(self._book, position, Exit(rule=wish.rule, reason=wish.reason), now.date(), floor)
        if intent is None:
            self._tell_once(wish, "the broker lets none of the shares be sold")
            return
        grant = self._approvals.for_exit(intent, position)
        if isinstance(grant, NotCovered):
            raise RuntimeError(grant.reason)  # sized from the very position the mandate is
        answer = self._synchronizer.place(intent, replace(grant, passes_switch=wish.passes_switch))
        if isinstance(answer, Queued):
            self._told.pop(symbol, None)
            self._journal.note(
                self._journal.fact(
                    "manual_exit_begun",
                    correlation_id=intent.correlation_id,
                    symbol=symbol,
                    name=position.name,
                    quantity=intent.quantity,
                    rule=intent.rule,
                    reason=intent.reason,
                    by=wish.by,
                    signal_id=intent.signal_id,
                    passes_switch=wish.passes_switch,
                )
            )
        else:
            self._tell_once(wish, f"{answer.code}: {answer.reason}")

    def _waits(self, wish: Wish, now: datetime) -> bool:
        """Whether the last tries were refused, or never sent, and the next one is not due yet."""
        tries = [
            order
            for order in self._book.orders.values()
            if order.day == now.date()
            and order.intent.symbol == wish.symbol
            and order.intent.side is Side.SELL
            and (order.state is OrderState.REJECTED or (order.state is OrderState.CANCELLED and order.order_no is None))
        ]
        if not tries:
            return False
        pause = min(_REFUSED_S * 2 ** (len(tries) - 1), _LONGEST_S)
        last = max(order.updated_at for order in tries)
        return last <= now < last + timedelta(seconds=pause)  # a clock that was set back blocks nothing

    async def _settle(self, done: tuple[Wish, ...]) -> None:
        facts = [self._fact("manual_exit_done", Severity.INFO, wish) for wish in done]
        try:
            text = await self._journal.transact(lambda rows: settle(rows, done), *facts)
        except StoreError as error:
            log.warning("closings_not_settled", reason=str(error))
            return
        self._on_settled(text)
        if not self.wishes:
            self._cancelled.clear()
            self._tell("closings_done", Severity.INFO)

    # telling

    def _tell(self, event: str, severity: Severity, **payload: str) -> None:
        self._journal.note(self._journal.fact(event, severity=severity, alerts=True, **payload))

    def _tell_wish(self, event: str, severity: Severity, wish: Wish, **payload: str) -> None:
        self._journal.note(self._fact(event, severity, wish, **payload))

    def _tell_once(self, wish: Wish, reason: str) -> None:
        if self._told.get(wish.symbol) != reason:
            self._told[wish.symbol] = reason
            self._tell_wish("manual_exit_waits", Severity.WARNING, wish, why=reason)

    def _fact(self, event: str, severity: Severity, wish: Wish, **payload: str) -> Fact:
        return self._journal.fact(
            event,
            severity=severity,
            alerts=True,
            symbol=wish.symbol,
            name=self._book.names.get(wish.symbol, ""),
            rule=wish.rule.value,
            reason=wish.reason,
            actor=wish.by,
            **payload,
        )
