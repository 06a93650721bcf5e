"""The reconciler: asks the broker what is true and brings journal, book and account together.

Rules of this room (requirements C09, C29, S3-X11..X15, S3-R; architecture, section 3)
    A question that failed says nothing: it is never read as flat, cancelled or gone.
    The order listing is the truth about orders, the account statement about quantities and cash; entry day, ATR, stop,
    target and highest are ours and never overwritten.
    An order of unknown outcome is found by evidence only: same symbol, side, quantity, type and price, not before we
    sent it, and explained by no other order of ours. Two candidates are ambiguous: a person is called.
    A difference between statement and book counts when two statements in a row say it and no order is under way.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from kis_daemon.domain.calendar import TradingCalendar
from kis_daemon.domain.market import Side, Symbol
from kis_daemon.domain.orders import Happening, Order, OrderState
from kis_daemon.domain.positions import Position
from kis_daemon.ports import (
    AccountStatement,
    Broker,
    BrokerError,
    BrokerOrder,
    Clock,
    Holding,
    Rows,
    Severity,
)
from kis_daemon.services.book import Book
from kis_daemon.services.bookkeeper import Bookkeeper
from kis_daemon.services.evidence import Verdict, judge, row_of
from kis_daemon.services.journal import Fact, Journal

_LISTING_DAYS = 90  # how far back a start looks for orders it left open; older ones call a person


@dataclass(frozen=True, slots=True, kw_only=True)
class Cadence:
    """Seconds between two questions: with orders open, in session, and out of it."""

    busy_s: float = 3.0
    session_s: float = 60.0
    night_s: float = 1800.0
    unreachable_s: float = 60.0


class Reconciler:
    """See the rules above."""

    def __init__(
        self,
        *,
        broker: Broker,
        book: Book,
        journal: Journal,
        bookkeeper: Bookkeeper,
        calendar: TradingCalendar,
        clock: Clock,
        cadence: Cadence,
    ) -> None:
        self._broker = broker
        self._book = book
        self._journal = journal
        self._bookkeeper = bookkeeper
        self._calendar = calendar
        self._clock = clock
        self._cadence = cadence
        self._wanted = asyncio.Event()
        self._suspected: dict[Symbol, int] = {}
        self._settling: dict[str, list[datetime]] = {}
        self._suspected_cash = 0
        self.unexplained_cash = 0
        self.last_success: datetime | None = None
        self.failing_since: datetime | None = None
        self.evidence_sound = True
        self.rounds = 0

    def wake(self) -> None:
        """Ask the broker now: something has just changed or was hinted at."""
        self._wanted.set()

    async def run(self) -> None:
        """Reconcile again and again: at once when woken, else at the cadence of the hour."""
        while True:
            self._wanted.clear()
            await self.attempt()
            try:
                async with asyncio.timeout(self._pause_s()):
                    await self._wanted.wait()
            except TimeoutError:
                continue

    async def attempt(self) -> bool:
        """Reconcile once; False if the broker could not be asked."""
        self.rounds += 1
        try:
            await self.run_once()
        except BrokerError as error:
            await self._note_failure(error)
            return False
        await self._note_success()
        return True

    async def run_once(self) -> None:
        """Bring orders, then account, in line with the broker; raises what the broker's side raised."""
        today = self._clock.now().date()
        await self._reconcile_orders(today)
        if self._book.live_orders():
            return  # a statement read between a fill and its booking would count it twice
        revision = self._book.revision
        statement = await self._broker.account()
        if revision == self._book.revision:
            await self._reconcile_account(statement)
        else:
            self._wanted.set()  # something was booked meanwhile: this statement is of before

    @property
    def longest_pause_s(self) -> float:
        """How long a healthy reconciler may be silent."""
        return self._cadence.night_s + self._cadence.session_s

    # orders

    async def _reconcile_orders(self, today: date) -> None:
        asked = self._book.live_orders()
        if not asked and self.last_success is not None:
            return
        oldest = min((order.day for order in asked), default=today)
        first = max(oldest, today - timedelta(days=_LISTING_DAYS))
        asked_at = self._clock.now()
        listing = await self._broker.orders(first, today)
        for known in asked:
            order = self._book.orders.get(known.key, known)
            if order.state is OrderState.PENDING and order.updated_at < asked_at and self.last_success is None:
                order = await self._wake_up_silent(order)
            if order.state is OrderState.UNCONFIRMED:
                order = await self._resolve(order, listing, asked_at)
            if order.order_no is None:
                continue
            row = row_of(order, listing)
            if row is None:
                continue  # listings lag by seconds; what is not there yet is asked for again
            order = await self._bookkeeper.apply(order, row)
            if order.state in (OrderState.SUBMITTED, OrderState.PARTIAL) and self._session_over(order.day):
                await self._bookkeeper.expire(order)

    async def _wake_up_silent(self, order: Order) -> Order:
        """A PENDING order found at start was cut off between its row and its answer."""
        fact = self._journal.fact(
            "order_unconfirmed",
            severity=Severity.WARNING,
            alerts=True,
            correlation_id=order.intent.correlation_id,
            symbol=order.intent.symbol,
            name=self._book.names.get(order.intent.symbol, ""),
            side=order.intent.side.value,
            quantity=order.intent.quantity,
            reason="the daemon stopped before an answer was written",
        )
        return await self._bookkeeper.move(order, Happening.NO_ANSWER, fact)

    async def _resolve(self, order: Order, listing: tuple[BrokerOrder, ...], asked_at: datetime) -> Order:
        claimed = {(o.day, o.order_no) for o in self._book.orders.values() if o.order_no is not None}
        looks = self._settling.setdefault(order.key, [])
        sellable = await self._sellable(order.intent.symbol) if order.intent.side is Side.SELL else None
        verdict, row = judge(order, listing, claimed, looks, asked_at, sellable)
        match verdict:
            case Verdict.FOUND:
                assert row is not None
                del self._settling[order.key]
                return await self._bookkeeper.found(order, row)
            case Verdict.NOT_FOUND:
                evidence = f"not in {len(looks)} complete listings until {asked_at:%H:%M:%S}"
                del self._settling[order.key]
                return await self._bookkeeper.not_found(order, evidence)
            case Verdict.AMBIGUOUS:
                self._tell_ambiguous(order)
        return order

    async def _sellable(self, symbol: Symbol) -> int:
        statement = await self._broker.account()
        return next((holding.sellable for holding in statement.holdings if holding.symbol == symbol), 0)

    def _tell_ambiguous(self, order: Order) -> None:
        if not self.evidence_sound:
            return
        self.evidence_sound = False
        self._journal.note(
            self._journal.fact(
                "order_ambiguous",
                severity=Severity.ERROR,
                alerts=True,
                correlation_id=order.intent.correlation_id,
                symbol=order.intent.symbol,
                name=self._book.names.get(order.intent.symbol, ""),
                side=order.intent.side.value,
                quantity=order.intent.quantity,
            )
        )

    def _session_over(self, day: date) -> bool:
        trading_day = self._calendar.trading_day(day)
        return trading_day is None or self._clock.now() >= trading_day.closes_at + timedelta(minutes=1)

    # the account

    async def _reconcile_account(self, statement: AccountStatement) -> None:
        held = {holding.symbol: holding for holding in statement.holdings}
        for holding in statement.holdings:
            self._book.rename(holding.symbol, holding.name)
        for symbol in list(dict.fromkeys([*self._book.positions, *held])):
            await self._compare(symbol, held.get(symbol))
        await self._compare_cash(statement)
        self._book.statement_cash = statement.cash
        self._book.holdings_value = statement.holdings_value
        await self._keep_day_base(statement)

    async def _keep_day_base(self, statement: AccountStatement) -> None:
        """The day's first statement is the base of its loss limit, and outlives a restart (C15)."""
        today = self._clock.now().date()
        if self._book.day_base_of == today:
            return
        self._book.day_base_of = today
        self._book.day_base_equity = statement.equity
        value = f"{today.isoformat()}|{statement.equity}"
        await self._journal.transact(lambda rows: rows.set_mark("day_base", value))

    async def _compare(self, symbol: Symbol, holding: Holding | None) -> None:
        position = self._book.positions.get(symbol)
        theirs = 0 if holding is None else holding.quantity
        ours = 0 if position is None else position.quantity
        foreign = self._book.external.get(symbol, 0)
        if theirs == ours + foreign:
            self._suspected.pop(symbol, None)
            return
        if self._suspected.get(symbol) != theirs:
            self._suspected[symbol] = theirs  # balances lag behind fills: one more statement has to say so
            self._wanted.set()
            return
        del self._suspected[symbol]
        if position is None:
            self._tell_external(symbol, theirs)
        else:
            await self._adopt(position, theirs)

    def _tell_external(self, symbol: Symbol, quantity: int) -> None:
        if quantity == 0:
            self._book.external.pop(symbol, None)
        else:
            self._book.external[symbol] = quantity
        self._journal.note(
            self._journal.fact(
                "external_position",
                severity=Severity.WARNING,
                alerts=True,
                symbol=symbol,
                name=self._book.names.get(symbol, ""),
                quantity=quantity,
            )
        )

    async def _adopt(self, position: Position, theirs: int) -> None:
        """Take the broker's quantity; our entry, ATR, stop, target and highest stay (C09, S3-X15)."""
        adopted = replace(
            position,
            quantity=theirs,
            cost=position.cost * theirs // position.quantity,
            fees=position.fees * theirs // position.quantity,
            version=position.version + 1,
        )
        fact = self._journal.fact(
            "position_mismatch",
            severity=Severity.ERROR,
            alerts=True,
            correlation_id=position.correlation_id,
            symbol=position.symbol,
            name=position.name,
            ours=position.quantity,
            theirs=theirs,
        )
        at = self._clock.now()

        def work(rows: Rows) -> None:
            if theirs == 0:
                rows.close_position(position, at)
            else:
                rows.save_position(adopted)

        await self._journal.transact(work, fact)
        if theirs == 0:
            del self._book.positions[position.symbol]
        else:
            self._book.positions[position.symbol] = adopted

    async def _compare_cash(self, statement: AccountStatement) -> None:
        """Cash that no trade explains (a deposit, a fee we do not know) is told and taken over, once seen twice."""
        if self._book.ledger_cash is None:
            opened = self._journal.fact("account_opened", cash=statement.cash, holdings=len(statement.holdings))
            await self._take_cash(statement.cash, opened)
            return
        difference = statement.cash - self._book.ledger_cash
        if difference != self._suspected_cash:
            self._suspected_cash = difference
            if difference != 0:
                self._wanted.set()
            return
        if difference == 0:
            return
        self._suspected_cash = 0
        self.unexplained_cash += difference
        fact = self._journal.fact(
            "cash_unexplained",
            severity=Severity.WARNING,
            alerts=True,
            ours=self._book.ledger_cash,
            theirs=statement.cash,
            difference=difference,
        )
        await self._take_cash(statement.cash, fact)

    async def _take_cash(self, cash: int, fact: Fact) -> None:
        await self._journal.transact(lambda rows: rows.set_mark("ledger_cash", str(cash)), fact)
        self._book.ledger_cash = cash

    # how it goes

    async def _note_failure(self, error: BrokerError) -> None:
        now = self._clock.now()
        if self.failing_since is None:
            self.failing_since = now
        await self._journal.write(
            self._journal.fact("reconciliation_failed", severity=Severity.WARNING, code=error.code, reason=str(error))
        )

    async def _note_success(self) -> None:
        now = self._clock.now()
        if self.failing_since is not None:
            outage = (now - self.failing_since).total_seconds()
            self.failing_since = None
            await self._journal.write(self._journal.fact("broker_reachable", alerts=True, seconds=round(outage, 3)))
        self.last_success = now

    def _pause_s(self) -> float:
        if self.failing_since is not None or self._book.live_orders():
            return self._cadence.busy_s
        now = self._clock.now()
        day = self._calendar.trading_day(now.date()) if self._covers_today() else None
        if day is None or now > day.closes_at + timedelta(minutes=15):
            return self._cadence.night_s
        until_open = (day.opening_auction_at - now).total_seconds()
        return min(max(until_open, 1.0), self._cadence.night_s) if until_open > 0 else self._cadence.session_s

    def _covers_today(self) -> bool:
        return self._calendar.covers(self._clock.now().date())
