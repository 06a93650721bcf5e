"""The order synchronizer: the one way to the broker. It writes, then sends once, then follows.

Rules of this room (architecture, sections 2 and 3; requirements S3-A, S3-I, C11, C28)
    `place` is the guard at the door: whoever wants an order passes it. It decides at once and never waits.
    Before the wire: kill switch read, approval used and PENDING written in one transaction. No row, no order.
    An order is sent once. Refused means nothing was ordered; anything else unproven is UNCONFIRMED and never resent.
    Once begun, claim and send are finished even when the daemon stops (`drain`).
    A time-out cancels what remains and then asks; it never assumes. An exit first withdraws a live buy of its symbol.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import perf_counter

import structlog

from kis_daemon.domain.approvals import Proposal, TokenRefusal
from kis_daemon.domain.market import Side, Symbol, Won
from kis_daemon.domain.orders import Happening, Order, OrderIntent, OrderKey, OrderState, order_key
from kis_daemon.domain.risk import Allowed, Denied
from kis_daemon.domain.safeguards import GateView
from kis_daemon.ports import (
    Accepted,
    AccessRefused,
    Broker,
    BrokerError,
    Clock,
    MarketClosed,
    NoAnswer,
    OrderRefused,
    OutcomeUnknown,
    Rows,
    Severity,
    StoreError,
    Withdrawn,
)
from kis_daemon.services.approvals import ApprovalDesk, Grant, token_hash
from kis_daemon.services.book import Book
from kis_daemon.services.bookkeeper import Bookkeeper
from kis_daemon.services.door import Outcomes, Queued, Refused
from kis_daemon.services.journal import Journal
from kis_daemon.services.order_follower import OrderFollower, OrderTiming, about
from kis_daemon.services.refusals import Refusals

log = structlog.get_logger("order_synchronizer")


class _Spent(RuntimeError):
    """The approval does not let the order be begun: nothing of the transaction stands."""

    def __init__(self, text: str, refusal: TokenRefusal) -> None:
        super().__init__(text)
        self.refusal = refusal


def _same_signal(known: Order, order: Order) -> bool:
    mine, theirs = order.intent, known.intent
    return known.key == order.key or (mine.side, mine.signal_id) == (theirs.side, theirs.signal_id)


def _passes(view: GateView, intent: OrderIntent, grant: Grant) -> bool:
    """Whether the order may pass; a confirmed close-all may while nothing but the kill switch stops it (C10)."""
    if grant.passes_switch and intent.side is Side.SELL:
        return view.lets(intent.side) or view.lets_close_all()
    return view.lets(intent.side)


def _tell_failure(sent: asyncio.Task[Order | None]) -> None:
    if not sent.cancelled() and (error := sent.exception()) is not None:
        log.error("order_answer_not_written", task=sent.get_name(), error=repr(error))


class OrderSynchronizer:
    """See the rules above."""

    def __init__(
        self,
        *,
        broker: Broker,
        journal: Journal,
        bookkeeper: Bookkeeper,
        book: Book,
        desk: ApprovalDesk,
        clock: Clock,
        mode: str,
        gate: Callable[[], GateView],
        risk: Callable[[OrderIntent], Allowed | Denied],
        last_price: Callable[[Symbol], Won | None],
        trades_continuously: Callable[[Symbol], bool],
        ask_broker: Callable[[], None],
        on_refusal: Callable[[Order, bool], None],
        timing: OrderTiming,
    ) -> None:
        self._broker = broker
        self._journal = journal
        self._bookkeeper = bookkeeper
        self._book = book
        self._desk = desk
        self._clock = clock
        self._mode = mode
        self._gate = gate
        self._risk = risk
        self._last_price = last_price
        self._trades_continuously = trades_continuously
        self._ask_broker = ask_broker
        self._on_refusal = on_refusal
        self._timing = timing
        self._queue: asyncio.Queue[tuple[Order, Grant, float]] = asyncio.Queue()
        self._sending: dict[OrderKey, asyncio.Task[Order | None]] = {}
        self._refusals = Refusals(journal, book, clock)
        self._refuse = self._refusals.refuse
        self._outcomes = Outcomes()
        self._found: asyncio.Queue[OrderKey] = asyncio.Queue()
        self._follower = OrderFollower(
            broker=broker,
            journal=journal,
            bookkeeper=bookkeeper,
            book=book,
            clock=clock,
            trades_continuously=trades_continuously,
            ask_broker=ask_broker,
            timing=timing,
        )
        self.tick_to_order_ms: list[float] = []

    # the door

    def place(self, intent: OrderIntent, grant: Grant, seen_at: float | None = None) -> Queued | Refused:
        """Let `intent` in, or say why not. `seen_at` is the `perf_counter` of the tick that wanted it."""
        view, again = self._gate(), grant.stored is not None
        if not _passes(view, intent, grant):
            killed = "kill_switch" in view.reasons[0]
            return self._refuse(intent, "gate", ",".join(view.reasons), killed=killed, again=again)
        refusal = self._desk.verify(grant.token, intent, grant.stored)
        if refusal is not None:
            return self._refuse(intent, "token", refusal.value, again=again)
        if self._book.live_order(intent.symbol, intent.side) is not None:
            return Refused(code="already_live", reason=f"{intent.side} of {intent.symbol} is live")
        key = order_key(self._mode, intent)
        if key in self._book.orders:
            return Refused(code="duplicate", reason=f"signal {intent.signal_id} was ordered before")
        verdict = self._risk(intent)
        if isinstance(verdict, Denied):
            return self._refuse(intent, "limit", f"{verdict.code}: {verdict.reason}", again=again)
        now = self._clock.now()
        order = Order(
            key=key,
            mode=self._mode,
            intent=intent,
            state=OrderState.PENDING,
            day=now.date(),
            created_at=now,
            updated_at=now,
        )
        self._book.begin(order)
        self._queue.put_nowait((order, grant, perf_counter() if seen_at is None else seen_at))
        return Queued(order=order)

    async def place_and_wait(self, intent: OrderIntent, grant: Grant) -> Order | Refused:
        """As `place`, and return what came of it: the order once it was sent and answered, or why there is none."""
        answer = self.place(intent, grant)
        if isinstance(answer, Refused):
            return answer
        return await self._outcomes.of(answer.order.key)

    # the way to the broker

    async def run(self) -> None:
        """Carry what `place` let in, each order on its own: one that waits never blocks another."""
        async with asyncio.TaskGroup() as carriers:
            for order in self._book.live_orders():
                carriers.create_task(self._follower.follow(order.key), name=f"follow-{order.key[:12]}")
            carriers.create_task(self._take_up_found(carriers), name="follow-found")
            while True:
                order, grant, seen_at = await self._queue.get()
                carriers.create_task(self._carry(order, grant, seen_at), name=f"carry-{order.key[:12]}")

    async def _take_up_found(self, carriers: asyncio.TaskGroup) -> None:
        while True:
            key = await self._found.get()
            if not self._follower.follows(key):
                carriers.create_task(self._follower.follow(key), name=f"follow-{key[:12]}")

    def start_day(self) -> None:
        """Forget what was told and asked of the days before."""
        self._refusals.forget()
        self._follower.start_day()

    async def drain(self) -> None:
        """Return when everything that was begun has its answer written down, or could not be: the start finds it."""
        while self._sending:
            await asyncio.wait(list(self._sending.values()))

    async def cancel_live(self, symbol: Symbol, side: Side) -> None:
        """Ask the broker once to cancel the live order of that slot, if it has a number."""
        await self._follower.cancel_live(symbol, side)

    def take_up(self, order: Order) -> None:
        """Follow an order that is live and that nobody follows: one that was found after all."""
        busy = order.key in self._sending or self._follower.follows(order.key)
        if order.is_live and order.order_no is not None and not busy:
            self._found.put_nowait(order.key)

    async def _carry(self, order: Order, grant: Grant, seen_at: float) -> None:
        sending = asyncio.create_task(self._claim_and_send(order, grant, seen_at), name=f"send-{order.key[:12]}")
        self._sending[order.key] = sending
        sending.add_done_callback(lambda done: self._sent(order.key, done))
        try:
            sent = await asyncio.shield(sending)
        except asyncio.CancelledError:
            sending.add_done_callback(_tell_failure)  # nobody waits for it any more but `drain`
            raise
        if sent is not None and sent.is_live:
            await self._follower.follow(sent.key)

    def _sent(self, key: OrderKey, done: asyncio.Task[Order | None]) -> None:
        self._sending.pop(key, None)
        sent = None if done.cancelled() or done.exception() is not None else done.result()
        self._outcomes.tell(key, sent or Refused(code="not_known", reason="nobody knows yet what became of it"))

    async def _claim_and_send(self, order: Order, grant: Grant, seen_at: float) -> Order | None:
        if order.intent.side is Side.SELL:
            await self._follower.withdraw_buy(order.intent.symbol)
        if not await self._claim(order, grant):
            return None
        return await self._send(order, grant, seen_at)

    async def _claim(self, order: Order, grant: Grant) -> bool:
        intent = order.intent
        requested = self._journal.fact(
            "order_requested",
            correlation_id=intent.correlation_id,
            symbol=intent.symbol,
            name=self._book.names.get(intent.symbol, ""),
            side=intent.side.value,
            quantity=intent.quantity,
            order_type=intent.order_type.value,
            price=intent.price,
            rule=intent.rule,
            reason=intent.reason,
            signal_id=intent.signal_id,
            order_key=order.key,
        )

        stored: list[Order] = []

        def work(rows: Rows) -> str | None:
            stored.clear()  # a unit of work may be run again
            if rows.kill_switch().forbids(intent.side) and not grant.passes_switch:
                return "kill_switch"
            if grant.mandate_id and rows.is_revoked(grant.mandate_id):
                return "mandate_revoked"
            if not rows.claim_order(order):
                stored.extend(known for known in rows.orders_of(order.day) if _same_signal(known, order))
                return "duplicate"
            if isinstance(grant.proposal, Proposal):
                rows.add_spent_approval(grant.proposal, grant.approval, self._clock.now())
            else:
                refusal = rows.use_approval(token_hash(grant.token), self._clock.now())
                if refusal is not None:
                    raise _Spent(f"approval of order {order.key[:12]}: {refusal.value}", refusal)
            rows.append(requested.event)
            return None

        try:
            refused = await self._journal.transact(work)
        except OutcomeUnknown as error:
            # Perhaps there is a row, and there will be no order. The slot stays taken until the records can be asked.
            self._book.left_behind[order.key] = False
            log.error("order_row_unknown", symbol=intent.symbol, side=intent.side.value, reason=str(error))
            return False
        except StoreError as error:
            # No row, no order. What is held is asked about again at the next price, after its back-off.
            self._book.forget(order)
            log.error("order_not_written", symbol=intent.symbol, side=intent.side.value, reason=str(error))
            self._on_refusal(order, False)
            self._outcomes.tell(order.key, Refused(code="store", reason=str(error)))
            return False
        except _Spent as spent:
            if grant.stored is None:
                raise  # minted a moment ago: only a broken record can refuse it
            self._book.forget(order)
            self._outcomes.tell(order.key, self._refuse(intent, "token", spent.refusal.value, again=True))
            return False
        if refused is None:
            self._journal.tell(requested)
            return True
        self._book.forget(order)
        for known in stored:  # the records know more than we do: evidence settles what became of it
            self._book.recover(known)
        self._outcomes.tell(order.key, self._refuse(intent, refused, refused, killed=refused == "kill_switch"))
        if refused == "duplicate":
            self._ask_broker()
        return False

    async def _send(self, order: Order, grant: Grant, seen_at: float) -> Order:
        intent = order.intent
        left = False

        def permit() -> bool:
            nonlocal left
            if not _passes(self._gate(), intent, grant) or self._book.orders.get(order.key) is not order:
                return False
            if intent.side is Side.BUY and self._book.live_order(intent.symbol, Side.SELL) is not None:
                return False  # an exit has begun meanwhile
            price = self._last_price(intent.symbol)
            if intent.side is Side.BUY and intent.price is not None and price is not None and price > intent.price:
                return False
            left = True
            self.tick_to_order_ms.append((perf_counter() - seen_at) * 1000)
            return True

        try:
            answer = await self._broker.submit(intent, permit, urgent=intent.side is Side.SELL)
        except OrderRefused as error:
            return await self._record_refusal(order, error, closed=isinstance(error, MarketClosed))
        except BrokerError as error:
            if not left:
                return await self._record_withdrawal(order, str(error))
            if isinstance(error, AccessRefused):  # judged before anything is routed: nothing was ordered
                return await self._record_refusal(order, error, closed=False)
            return await self._record_silence(order, error)
        if isinstance(answer, Withdrawn):
            return await self._record_withdrawal(order, ",".join(self._gate().reasons) or "price moved away")
        return await self._record_acceptance(order, answer)

    # what came back

    async def _record_acceptance(self, order: Order, answer: Accepted) -> Order:
        if self._book.has_number(order.day, answer.branch_no, answer.order_no):
            # an answer that was meant for another order: this one's is not known
            return await self._record_silence(order, NoAnswer(f"the number of another order: {answer.order_no}"))
        fact = about(self._journal, order, "order_submitted", order_no=answer.order_no, branch_no=answer.branch_no)
        moved = await self._bookkeeper.move(
            order, Happening.ACCEPTED, fact, order_no=answer.order_no, branch_no=answer.branch_no
        )
        self._ask_broker()
        return moved

    async def _record_refusal(self, order: Order, error: OrderRefused | AccessRefused, *, closed: bool) -> Order:
        fact = about(
            self._journal,
            order,
            "order_rejected",
            severity=Severity.WARNING if closed else Severity.ERROR,
            alerts=True,
            name=self._book.names.get(order.intent.symbol, ""),
            quantity=order.intent.quantity,
            code=error.code,
            reason=str(error),
        )
        moved = await self._bookkeeper.move(order, Happening.REFUSED, fact, refusal=f"{error.code} {error}".strip())
        self._on_refusal(moved, closed)
        self._ask_broker()
        return moved

    async def _record_silence(self, order: Order, error: BrokerError) -> Order:
        fact = about(
            self._journal,
            order,
            "order_unconfirmed",
            severity=Severity.WARNING,
            alerts=True,
            name=self._book.names.get(order.intent.symbol, ""),
            quantity=order.intent.quantity,
            reason=str(error),
        )
        moved = await self._bookkeeper.move(order, Happening.NO_ANSWER, fact)
        self._ask_broker()
        return moved

    async def _record_withdrawal(self, order: Order, reason: str) -> Order:
        fact = about(self._journal, order, "order_withdrawn", reason=reason)
        return await self._bookkeeper.move(order, Happening.WITHDRAWN, fact)
