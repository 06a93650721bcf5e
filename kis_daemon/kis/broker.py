"""The account at KIS, behind the `Broker` port.

Rules of this room
    An order or cancel is sent once (commands.py). Any error but `NoAnswer` means that nothing was ordered.
    A listing is whole or it is an error: all pages, no cursor twice, begun again when it changed in
    between.
    Days of more than three months ago stand behind another TR id.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import TypeVar

import structlog

from kis_daemon.domain.market import Symbol, Won
from kis_daemon.domain.orders import Order, OrderIntent
from kis_daemon.kis.budget import Priority
from kis_daemon.kis.capabilities import KisProfile, Purpose
from kis_daemon.kis.commands import Commands
from kis_daemon.kis.credentials import Credentials
from kis_daemon.kis.questions import Questions
from kis_daemon.kis.wire import Body, Question
from kis_daemon.kis.wire_balance import (
    ask_balance,
    ask_buyable,
    merged,
    read_buyable,
    read_holdings,
    read_totals,
)
from kis_daemon.kis.wire_orders import (
    Cursor,
    ask_cancel,
    ask_orders,
    ask_submit,
    at_cursor,
    next_cursor,
    read_accepted,
    read_orders,
)
from kis_daemon.ports import (
    Accepted,
    AccountStatement,
    BrokerOrder,
    Clock,
    ListingChanged,
    Permit,
    ProtocolError,
    Withdrawn,
)

log = structlog.get_logger(__name__)

T = TypeVar("T")

_NEW_TR_MONTHS = 3
_MAX_PAGES = 500
_RESTARTS = 3


class KisBroker:
    """See the rules above."""

    def __init__(
        self,
        questions: Questions,
        commands: Commands,
        credentials: Credentials,
        profile: KisProfile,
        clock: Clock,
    ) -> None:
        self._questions = questions
        self._commands = commands
        self._credentials = credentials
        self._profile = profile
        self._clock = clock

    async def submit(self, intent: OrderIntent, permit: Permit, *, urgent: bool) -> Accepted | Withdrawn:
        command = ask_submit(intent, self._credentials, self._profile)
        answer = await self._commands.send(command, permit, Priority.EXIT if urgent else Priority.ENTRY)
        return answer if isinstance(answer, Withdrawn) else read_accepted(answer)

    async def cancel(self, order: Order, permit: Permit) -> Accepted | Withdrawn:
        command = ask_cancel(order, self._credentials, self._profile)
        answer = await self._commands.send(command, permit, Priority.CANCEL)
        return answer if isinstance(answer, Withdrawn) else read_accepted(answer)

    async def orders(self, first: date, last: date) -> tuple[BrokerOrder, ...]:
        rows: list[BrokerOrder] = []
        for purpose, start, end in self._spans(first, last):
            question = ask_orders(start, end, purpose, self._credentials, self._profile)
            rows += await self._whole(question, Priority.ORDER_STATUS, _read_order_pages)
        return tuple(sorted(rows, key=lambda row: row.at))  # stable: KIS's order within a second

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

    async def account(self) -> AccountStatement:
        question = ask_balance(self._credentials, self._profile)
        return await self._whole(question, Priority.ACCOUNT, _read_account_pages)

    async def buyable_quantity(self, symbol: Symbol, price: Won) -> int:
        if price <= 0:
            raise ValueError(f"price {price}: expected more than zero won")
        question = ask_buyable(symbol, price, self._credentials, self._profile)
        return read_buyable(await self._questions.ask(question, Priority.ACCOUNT), price)

    async def _whole(self, question: Question, priority: Priority, read: Callable[[Sequence[Body]], T]) -> T:
        """Return all pages as `read` reads them; a listing that changes in between is begun again."""
        for restart in range(_RESTARTS + 1):
            try:
                return read(await self._pages(question, priority))
            except ListingChanged:
                if restart == _RESTARTS:
                    raise
                log.warning("listing_changed", tr_id=question.tr_id, restart=restart + 1)
        raise AssertionError("unreachable: the last restart returns or raises")

    async def _pages(self, question: Question, priority: Priority) -> list[Body]:
        pages: list[Body] = []
        seen: list[Cursor] = []
        cursor: Cursor | None = None
        while True:
            page = await self._questions.ask(question if cursor is None else at_cursor(question, cursor), priority)
            pages.append(page)
            cursor = next_cursor(page)
            if cursor is None:
                return pages
            if cursor in seen or len(pages) == _MAX_PAGES:
                raise ProtocolError(f"{question.tr_id}: page {len(pages)} leads back to an earlier one")
            seen.append(cursor)


def _read_order_pages(pages: Sequence[Body]) -> list[BrokerOrder]:
    rows: list[BrokerOrder] = []
    known: dict[tuple[date, str, str], BrokerOrder] = {}
    for page in pages:
        for row in read_orders(page):
            key = (row.at.date(), row.branch_no, row.order_no)
            if key in known:
                raise ListingChanged(f"order {row.order_no} stands on two pages")
            known[key] = row
            rows.append(row)
    return rows


def _read_account_pages(pages: Sequence[Body]) -> AccountStatement:
    totals = read_totals(pages)
    holdings = merged([holding for page in pages for holding in read_holdings(page)])
    return AccountStatement(cash=totals.cash, holdings=holdings, holdings_value=totals.holdings_value)


def _months_before(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, last))
