"""The reconciler: asks the broker what is true of our orders and of the account, again and again.

Rules of this room (requirements C29, S3-X11..X15, S3-R; architecture, section 3)
    A question that failed says nothing: it is never read as flat, cancelled or gone.
    Every order of the day is held against the listing, terminal ones too: a fill after a cancel happens, and counts.
    An order of unknown outcome is settled by evidence only (`evidence`). While it is in doubt it does not keep what is
    held from being sold: an exit's slot is freed, and further exits are capped by what the broker says is sellable.
    One reconciliation at a time.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from kis_daemon.domain.calendar import SessionPhase, TradingCalendar
from kis_daemon.domain.market import Side
from kis_daemon.domain.orders import Happening, Order, OrderKey, OrderState
from kis_daemon.ports import Broker, BrokerError, Clock, OrderListing, Severity, StoreError
from kis_daemon.services.account_keeper import AccountKeeper
from kis_daemon.services.book import Book
from kis_daemon.services.bookkeeper import NOT_FOUND, Bookkeeper
from kis_daemon.services.evidence import Verdict, judge, row_of
from kis_daemon.services.hours import trading_hours, trading_phase
from kis_daemon.services.journal import Journal
from kis_daemon.services.outages import Outages

_LISTING_DAYS = 90  # how far back a start looks for orders it left open; older ones call a person
_RESTS_AFTER = timedelta(minutes=3)  # an open order is looked after closely for so long after its last change
_EXPIRES_AFTER = timedelta(minutes=4)  # the closing auction's fills are in the listing by then


@dataclass(frozen=True, slots=True, kw_only=True)
class Cadence:
    """Seconds between two questions: with orders moving, with orders that rest, with a difference in doubt, in session,
    about orders that have ended, and out of session."""

    busy_s: float = 3.0
    resting_s: float = 15.0
    doubt_s: float = 10.0
    session_s: float = 60.0
    ended_s: float = 120.0
    night_s: float = 1800.0


class Reconciler:
    """See the rules above."""

    def __init__(
        self,
        *,
        broker: Broker,
        book: Book,
        journal: Journal,
        bookkeeper: Bookkeeper,
        account: AccountKeeper,
        calendar: TradingCalendar,
        clock: Clock,
        cadence: Cadence,
        outages: Outages,
    ) -> None:
        self._broker = broker
        self._book = book
        self._journal = journal
        self._bookkeeper = bookkeeper
        self._account = account
        self._calendar = calendar
        self._clock = clock
        self._cadence = cadence
        self._outages = outages
        self._wanted = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self._settling: dict[OrderKey, list[float]] = {}
        self._ambiguous: dict[OrderKey, None] = {}
        self._listed_at: datetime | None = None
        self._hinted = False
        self.last_success: datetime | None = None
        self.success_asked_at: datetime | None = None
        self.account_asked_at: datetime | None = None
        self.failing_since: datetime | None = None
        self.rounds = 0

    @property
    def evidence_sound(self) -> bool:
        """Whether no order is ambiguous and none turned up after it was thought never taken."""
        return not self._ambiguous

    @property
    def unexplained_cash(self) -> int:
        """The sum of cash that no trade explained so far, in won."""
        return self._account.unexplained_cash

    @property
    def longest_pause_s(self) -> float:
        """How long a healthy reconciler may be silent."""
        return self._cadence.night_s + self._cadence.session_s

    def wake(self) -> None:
        """Ask the broker now: something has just changed or was hinted at."""
        self._hinted = True
        self._wanted.set()

    async def run(self) -> None:
        """Reconcile again and again: at once when woken, else at the cadence of the hour."""
        while True:
            self._wanted.clear()
            await self._attempt()
            try:
                async with asyncio.timeout(self._pause_s()):
                    await self._wanted.wait()
            except TimeoutError:
                continue

    async def attempt(self) -> bool:
        """Reconcile orders and account once; False if the broker could not be asked or the store not written."""
        self._hinted = True
        return await self._attempt()

    async def _attempt(self) -> bool:
        async with self._one_at_a_time:
            self.rounds += 1
            asked_at = self._clock.now()
            try:
                await self.run_once()
                await self._note_success(asked_at)
            except BrokerError as error:
                self._outages.failed(error)
                self._note_failure(error.code, str(error))
                return False
            except StoreError as error:
                self._note_failure("store", str(error))
                return False
            return True

    async def run_once(self) -> None:
        """Bring orders, then account, in line with the broker; raises what the broker's side raised."""
        await self._reconcile_orders()
        if self._book.live_orders():
            return  # a statement read between a fill and its booking would count it twice
        revision = self._book.revision
        asked_at = self._clock.now()
        statement = await self._broker.account()
        if revision == self._book.revision and not self._book.live_orders():
            await self._account.reconcile(statement, in_session=self._in_session())
            self.account_asked_at = asked_at
        else:
            self._wanted.set()  # something was begun or booked meanwhile: this statement is of before

    # orders

    async def _reconcile_orders(self) -> None:
        today = self._clock.now().date()
        orders = tuple(self._book.orders.values())
        if not orders or not self._listing_is_due():
            return
        oldest = min((order.day for order in orders if not _is_over(order)), default=today)
        first = max(oldest, today - timedelta(days=_LISTING_DAYS))
        asked_at, asked_at_s = self._clock.now(), asyncio.get_running_loop().time()
        # A listing proves nothing about an order that was not yet in doubt when it was asked for.
        doubted = [order.key for order in orders if order.state is OrderState.UNCONFIRMED]
        self._hinted = False  # before asking: a hint that comes meanwhile is of after this listing
        try:
            listing = await self._broker.orders(first, today)
        except BrokerError:
            self._hinted = True
            raise
        self._listed_at = asked_at
        failed: StoreError | None = None
        for known in orders:
            order = self._book.orders.get(known.key)
            if order is None or order.day < first:
                continue
            try:
                await self._reconcile_order(order, listing, asked_at, asked_at_s if order.key in doubted else None)
            except StoreError as error:  # one order's trouble is not the others'
                failed = failed or error
        if failed is not None:
            raise failed

    def _listing_is_due(self) -> bool:
        """Whether the orders are to be asked for: while any is open or in doubt, after a hint, and now and then.

        A difference in the account is held against the orders first: it may be a fill that nobody told of.
        """
        if self._hinted or self._listed_at is None or self._book.live_orders() or self._settling:
            return True
        if self._account.is_suspicious:
            return True
        return self._clock.now() - self._listed_at >= timedelta(seconds=self._cadence.ended_s)

    async def _reconcile_order(
        self, order: Order, listing: OrderListing, asked_at: datetime, asked_at_s: float | None
    ) -> None:
        if order.state is OrderState.PENDING:
            if order.key not in self._book.left_behind:
                return  # its own sending is under way
            if not self._book.left_behind[order.key]:
                await self._settle_unsent(order)
                return
            order = await self._wake_up_silent(order)
        if order.state is OrderState.UNCONFIRMED or order.refusal.startswith(NOT_FOUND):
            order = await self._resolve(order, listing, asked_at_s)
        if order.order_no is None:
            return
        row = row_of(order, listing)
        if row is not None:
            order = await self._bookkeeper.apply(order, row)
        # Listings lag by seconds, not by days: a row still missing on a later day is not coming any more.
        # A row that cannot be read may be this one.
        hidden = listing.may_hide(order.intent.symbol, order.order_no)
        is_told = row is not None or (order.day < asked_at.date() and not hidden)
        if order.state in (OrderState.SUBMITTED, OrderState.PARTIAL) and is_told and self._session_over(order.day):
            await self._bookkeeper.expire(order, listed=row is not None)

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
        moved = await self._bookkeeper.move(order, Happening.NO_ANSWER, fact)
        self._book.left_behind.pop(order.key)
        return moved

    async def _settle_unsent(self, order: Order) -> None:
        """End an order that was never sent, and whose row the database may have taken or not."""
        if self._journal.degraded:
            return
        stored = await self._journal.transact(lambda rows: rows.order(order.key))
        if stored is None:
            self._book.forget(order)
        else:
            fact = self._journal.fact(
                "order_withdrawn",
                correlation_id=order.intent.correlation_id,
                symbol=order.intent.symbol,
                side=order.intent.side.value,
                order_key=order.key,
                reason="nobody knew whether its row was written",
            )
            await self._bookkeeper.move(stored, Happening.WITHDRAWN, fact)
        self._book.left_behind.pop(order.key)

    async def _resolve(self, order: Order, listing: OrderListing, asked_at_s: float | None) -> Order:
        """Settle an order of unknown outcome, or one that was thought never taken and turns up after all."""
        explained = {(o.day, o.order_no) for o in self._book.orders.values() if o.order_no is not None}
        # what was said to be not found is looked for in every listing that comes anyway, and causes none
        counts = order.state is OrderState.UNCONFIRMED and asked_at_s is not None
        looks = self._settling.setdefault(order.key, []) if counts else []
        still_whole = None
        if order.state is OrderState.UNCONFIRMED and order.intent.side is Side.SELL:
            still_whole = await self._still_whole(order)
        verdict, row = judge(
            order, listing, explained, looks, asked_at_s or 0.0, still_whole, session_over=self._session_over(order.day)
        )
        if verdict is Verdict.FOUND and row is not None:
            self._settling.pop(order.key, None)
            self._ambiguous.pop(order.key, None)
            if order.state is OrderState.REJECTED:
                self._ambiguous[order.key] = None  # our word was wrong once: entries wait for a person
                self._tell_ambiguous(order)
            return await self._bookkeeper.found(order, row)
        if order.state is not OrderState.UNCONFIRMED:
            return order
        if verdict is Verdict.NOT_FOUND:
            self._settling.pop(order.key, None)
            self._ambiguous.pop(order.key, None)
            return await self._bookkeeper.not_found(
                order, f"{len(looks)} complete listings in {looks[-1] - looks[0]:.0f} s"
            )
        if verdict is Verdict.AMBIGUOUS and order.key not in self._ambiguous:
            self._ambiguous[order.key] = None
            self._tell_ambiguous(order)
        if verdict in (Verdict.AMBIGUOUS, Verdict.DOUBTFUL) and order.intent.side is Side.SELL:
            self._book.free_slot(order)  # what is held must be sellable all the same (exits first)
        return order

    async def _still_whole(self, order: Order) -> bool:
        """Whether all the shares of the symbol, ours and others', are still sellable: no sell of ours took any."""
        symbol = order.intent.symbol
        statement = await self._broker.account()
        sellable = next((holding.sellable for holding in statement.holdings if holding.symbol == symbol), 0)
        position = self._book.positions.get(symbol)
        ours = 0 if position is None else position.quantity
        foreign = self._book.external.get(symbol, 0)
        if sellable < ours + foreign:
            self._book.sellable_cap[symbol] = max(sellable - foreign, 0)
            return False
        self._book.sellable_cap.pop(symbol, None)
        return True

    def _tell_ambiguous(self, order: Order) -> None:
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
        hours = trading_hours(self._calendar, day)
        return hours is None or self._clock.now() >= hours.closes_at + _EXPIRES_AFTER

    def _something_moves(self) -> bool:
        """Whether an order is in doubt, or open and has changed a short while ago; what a person must judge is not."""
        recently = self._clock.now() - _RESTS_AFTER
        return any(
            order.key not in self._ambiguous
            and (order.updated_at > recently or order.state in (OrderState.PENDING, OrderState.UNCONFIRMED))
            for order in self._book.live_orders()
        )

    def _in_session(self) -> bool:
        return trading_phase(self._calendar, self._clock.now()) is not SessionPhase.CLOSED

    # how it goes

    def _note_failure(self, code: str, reason: str) -> None:
        if self.failing_since is None:
            self.failing_since = self._outages.since or self._clock.now()
        self._journal.note(
            self._journal.fact("reconciliation_failed", severity=Severity.WARNING, code=code, reason=reason)
        )

    async def _note_success(self, asked_at: datetime) -> None:
        now = self._clock.now()
        self._outages.answered()
        if self.failing_since is not None:
            outage = (now - self.failing_since).total_seconds()
            await self._journal.write(self._journal.fact("broker_reachable", alerts=True, seconds=round(outage, 3)))
            self.failing_since = None
        self.last_success, self.success_asked_at = now, asked_at

    def _pause_s(self) -> float:
        if self.failing_since is not None or self._something_moves():
            return self._cadence.busy_s
        if self._book.live_orders():
            return self._cadence.resting_s
        if self._account.is_suspicious:
            return self._cadence.doubt_s
        now = self._clock.now()
        day = trading_hours(self._calendar, now.date())
        if day is None or now > day.closes_at + timedelta(minutes=15):
            return self._cadence.night_s
        until_open = (day.opening_auction_at - now).total_seconds()
        return min(max(until_open, 1.0), self._cadence.night_s) if until_open > 0 else self._cadence.session_s


def _is_over(order: Order) -> bool:
    return not order.is_live
