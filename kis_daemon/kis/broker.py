"""The account at KIS, behind the `Broker` port.

Rules of this room
    An order, change or cancel is sent once (commands.py). Any error but `NoAnswer` means that nothing was
    ordered.
    No change and no cancel without the order's branch: where we do not have it the open orders are asked first.
    Listings are whole or an error (listings.py); rows that cannot be read are in them as what they are.
    Days of more than three months ago stand behind another TR id.
"""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import structlog

from kis_daemon.domain.market import Symbol, Won
from kis_daemon.domain.orders import Order, OrderIntent, OrderNo
from kis_daemon.kis.budget import Priority
from kis_daemon.kis.capabilities import Generation, KisProfile, Purpose, is_offered
from kis_daemon.kis.commands import Commands
from kis_daemon.kis.credentials import Credentials
from kis_daemon.kis.listings import Listings
from kis_daemon.kis.questions import Questions
from kis_daemon.kis.wire_balance import (
    ask_balance,
    ask_buyable,
    ask_sellable,
    read_account_pages,
    read_buyable,
    read_sellable,
)
from kis_daemon.kis.wire_listing import ask_open_orders, ask_orders, read_open_pages, read_order_pages
from kis_daemon.kis.wire_orders import ask_cancel, ask_modify, ask_submit, read_accepted
from kis_daemon.kis.wire_profit import (
    ask_profit_by_day,
    ask_profit_by_symbol,
    ask_realized_today,
    read_days,
    read_realized_today,
    read_trades_by_symbol,
)
from kis_daemon.ports import (
    Accepted,
    AccountStatement,
    BrokerOrder,
    Clock,
    DayProfit,
    NothingToCancel,
    OrderListing,
    Permit,
    ProtocolError,
    TradeProfit,
    UnreadableOrder,
    Withdrawn,
)

log = structlog.get_logger(__name__)

_NEW_TR_MONTHS = 3


class KisBroker:
    """See the rules above."""

    def __init__(
        self,
        questions: Questions,
        commands: Commands,
        credentials: Credentials,
        profile: KisProfile,
        clock: Clock,
        generation: Generation = Generation.NEW,
    ) -> None:
        self._questions = questions
        self._listings = Listings(questions)
        self._commands = commands
        self._credentials = credentials
        self._profile = profile
        self._clock = clock
        self._generation = generation
        self._told: set[tuple[OrderNo | None, str]] = set()

    # orders

    async def submit(self, intent: OrderIntent, permit: Permit, *, urgent: bool) -> Accepted | Withdrawn:
        command = ask_submit(intent, self._credentials, self._profile, self._generation)
        answer = await self._commands.send(command, permit, Priority.EXIT if urgent else Priority.ENTRY)
        return answer if isinstance(answer, Withdrawn) else read_accepted(answer)

    async def cancel(self, order: Order, permit: Permit) -> Accepted | Withdrawn:
        order = await self._with_branch(order)
        command = ask_cancel(order, self._credentials, self._profile, self._generation)
        answer = await self._commands.send(command, permit, Priority.CANCEL)
        return answer if isinstance(answer, Withdrawn) else read_accepted(answer)

    async def modify(self, order: Order, quantity: int | None, price: Won, permit: Permit) -> Accepted | Withdrawn:
        order = await self._with_branch(order)
        command = ask_modify(order, quantity, price, self._credentials, self._profile, self._generation)
        answer = await self._commands.send(command, permit, Priority.CANCEL)
        return answer if isinstance(answer, Withdrawn) else read_accepted(answer)

    async def _with_branch(self, order: Order) -> Order:
        """Return `order` with the branch that a change of it must name (KRX_FWDG_ORD_ORGNO)."""
        if order.branch_no or order.order_no is None:
            return order
        listing = await self.open_orders()
        for row in listing:
            if row.order_no == order.order_no and row.symbol == order.intent.symbol and row.branch_no:
                return replace(order, branch_no=row.branch_no)
        if listing.may_hide(order.intent.symbol, order.order_no):
            raise ProtocolError(f"order {order.order_no}: the branch is unknown and its row cannot be read")
        raise NothingToCancel(f"order {order.order_no} is not among the open orders")

    async def orders(self, first: date, last: date) -> OrderListing:
        rows: list[BrokerOrder] = []
        unreadable: list[UnreadableOrder] = []
        for purpose, start, end in self._spans(first, last):
            question = ask_orders(start, end, purpose, self._credentials, self._profile, self._generation)
            part = await self._listings.whole(question, Priority.ORDER_STATUS, read_order_pages)
            rows += part.rows
            unreadable += part.unreadable
        self._tell(unreadable)
        return OrderListing(rows=tuple(rows), unreadable=tuple(unreadable))

    def _spans(self, first: date, last: date) -> list[tuple[Purpose, date, date]]:
        """Split `first` to `last` where the TR id changes."""
        if first > last:
            raise ValueError(f"{first} to {last}: expected days in their order")
        recent = _months_before(self._clock.now().date(), _NEW_TR_MONTHS)
        spans: list[tuple[Purpose, date, date]] = []
        if first < recent:
            spans.append((Purpose.OLD_ORDERS, first, min(last, recent - timedelta(days=1))))
        if last >= recent:
            spans.append((Purpose.ORDERS, max(first, recent), last))
        return spans

    async def open_orders(self) -> OrderListing:
        today = self._clock.now().date()
        question = ask_open_orders(today, self._credentials, self._profile, self._generation)
        listing = await self._listings.whole(
            question, Priority.ORDER_STATUS, lambda pages: read_open_pages(pages, today)
        )
        self._tell(listing.unreadable)
        return listing

    def _tell(self, unreadable: Sequence[UnreadableOrder]) -> None:
        """Log a row that cannot be read once, not at every look."""
        for row in unreadable:
            if (row.order_no, row.product) not in self._told:
                self._told.add((row.order_no, row.product))
                log.warning("order_row_unreadable", order_no=row.order_no, product=row.product, reason=row.reason)

    # the account

    async def account(self) -> AccountStatement:
        question = ask_balance(self._credentials, self._profile)
        return await self._listings.whole(question, Priority.ACCOUNT, read_account_pages)

    async def buyable_quantity(self, symbol: Symbol, price: Won) -> int:
        if price <= 0:
            raise ValueError(f"price {price}: expected more than zero won")
        question = ask_buyable(symbol, price, self._credentials, self._profile)
        return read_buyable(await self._questions.ask(question, Priority.ACCOUNT), price)

    async def sellable_quantity(self, symbol: Symbol) -> int:
        if is_offered(Purpose.SELLABLE, self._profile):
            question = ask_sellable(symbol, self._credentials, self._profile)
            return read_sellable(await self._questions.ask(question, Priority.ACCOUNT), symbol)
        holdings = (await self.account()).holdings
        return next((holding.sellable for holding in holdings if holding.symbol == symbol), 0)

    # what sales brought

    async def realized_today(self) -> Won:
        question = ask_realized_today(self._credentials, self._profile)
        return await self._listings.whole(question, Priority.HISTORY, read_realized_today)

    async def realized_by_day(self, first: date, last: date) -> tuple[DayProfit, ...]:
        question = ask_profit_by_day(first, last, self._credentials, self._profile)
        return await self._listings.whole(question, Priority.HISTORY, read_days)

    async def realized_by_symbol(self, first: date, last: date) -> tuple[TradeProfit, ...]:
        question = ask_profit_by_symbol(first, last, self._credentials, self._profile)
        return await self._listings.whole(question, Priority.HISTORY, read_trades_by_symbol)


def _months_before(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, last))
