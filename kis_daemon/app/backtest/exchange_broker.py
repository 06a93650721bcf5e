"""The account at the simulated exchange, behind the `Broker` port: the same rows as over the wire, without the wire.

Rules of this room
    A listing is read page by page, each page at its own moment, as KIS hands it out; so is the statement.
    What the exchange refuses is the error that the daemon makes of KIS's code for it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import NoReturn, TypeVar

from kis_daemon.app.backtest.calls import Calls
from kis_daemon.domain.market import Symbol, Won
from kis_daemon.domain.orders import Order, OrderIntent, OrderNo, OrderType
from kis_daemon.kis.budget import Priority
from kis_daemon.kis.capabilities import KisProfile, Purpose, is_offered, tr_id
from kis_daemon.kis.wire import Answer
from kis_daemon.kis.wire_errors import read_outcome
from kis_daemon.ports import (
    Accepted,
    AccountStatement,
    BrokerOrder,
    DayProfit,
    Holding,
    ListingChanged,
    NotOnThisVenue,
    OrderListing,
    Permit,
    TradeProfit,
    Withdrawn,
)
from kis_daemon.simulator.account import HoldingRow
from kis_daemon.simulator.requests import Placed, Refusal, Request
from kis_daemon.simulator.venue import Venue

T = TypeVar("T")

_LIMIT, _MARKET = "00", "01"
_RESTARTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sums:
    cash: Won
    holdings_value: Won


class ExchangeBroker:
    """See the rules above."""

    def __init__(self, venue: Venue, calls: Calls, profile: KisProfile) -> None:
        self._venue = venue
        self._calls = calls
        self._profile = profile
        self._rows: dict[int, tuple[Request, BrokerOrder]] = {}

    # orders

    async def submit(self, intent: OrderIntent, permit: Permit, *, urgent: bool) -> Accepted | Withdrawn:
        priority = Priority.EXIT if urgent else Priority.ENTRY
        if not await self._calls.command(priority, "", permit):
            return Withdrawn()
        return self._answered(
            self._venue.exchange.submit(
                side=intent.side,
                symbol=intent.symbol,
                division=_MARKET if intent.order_type is OrderType.MARKET else _LIMIT,
                quantity=intent.quantity,
                price=intent.price or 0,
                at=self._venue.now(),
            )
        )

    async def cancel(self, order: Order, permit: Permit) -> Accepted | Withdrawn:
        number = _number(order)
        if not await self._calls.command(Priority.CANCEL, "", permit):
            return Withdrawn()
        return self._answered(self._venue.exchange.cancel(number, None, self._venue.now()))

    async def modify(self, order: Order, quantity: int | None, price: Won, permit: Permit) -> Accepted | Withdrawn:
        number = _number(order)
        if not await self._calls.command(Priority.CANCEL, "", permit):
            return Withdrawn()
        at = self._venue.now()
        return self._answered(
            self._venue.exchange.modify(number, division=_LIMIT, quantity=quantity, price=price, at=at)
        )

    def _answered(self, placed: Placed | Refusal) -> Accepted:
        profile = self._venue.profile
        if isinstance(placed, Refusal):
            _refuse(profile.refused_rt, *profile.refusals[placed])
        self._venue.publish(placed.events)
        return Accepted(order_no=OrderNo(str(placed.request.number)), branch_no=profile.branch)

    async def orders(self, first: date, last: date) -> OrderListing:
        if first > last:
            raise ValueError(f"{first} to {last}: expected days in their order")

        def rows() -> list[Request]:
            return self._venue.exchange.orders_shown(self._venue.now(), first, last)

        requests = await self._paged(
            rows, self._venue.profile.listing_rows, Priority.ORDER_STATUS, tr_id(Purpose.ORDERS, self._profile)
        )
        listed = sorted((self._row(request) for request in requests), key=lambda row: row.at)
        return OrderListing(rows=tuple(listed))

    async def open_orders(self) -> OrderListing:
        today = self._venue.now().date()
        listing = await self.orders(today, today)
        return OrderListing(rows=tuple(row for row in listing.rows if row.remaining_quantity > 0))

    def _row(self, request: Request) -> BrokerOrder:
        """Return the row of a request: the same one as long as it has not changed, for it is asked for all day long."""
        known, row = self._rows.get(request.number, (None, None))
        if known is request and row is not None:
            now = (request.filled, request.cancelled, request.rejected)
            if now == (row.filled_quantity, row.cancelled_quantity, row.rejected_quantity):
                return row
        row = self._made(request)
        self._rows[request.number] = (request, row)  # numbers begin anew each day: the new request takes the place
        return row

    def _made(self, request: Request) -> BrokerOrder:
        is_market = request.division == _MARKET or request.price == 0
        return BrokerOrder(
            order_no=OrderNo(str(request.number)),
            original_no=None if request.original is None else OrderNo(str(request.original)),
            branch_no=self._venue.profile.branch,
            at=request.at.replace(microsecond=0),
            symbol=request.symbol,
            side=request.side,
            order_type=OrderType.MARKET if is_market else OrderType.LIMIT,
            quantity=request.quantity,
            price=request.price,
            filled_quantity=request.filled,
            filled_amount=request.amount,
            remaining_quantity=request.remaining,
            cancelled_quantity=request.cancelled,
            rejected_quantity=request.rejected,
        )

    # the account

    async def account(self) -> AccountStatement:
        for restart in range(_RESTARTS + 1):
            try:
                return await self._statement()
            except ListingChanged:
                if restart == _RESTARTS:
                    raise
        raise AssertionError("unreachable: the last restart returns or raises")

    async def _statement(self) -> AccountStatement:
        exchange = self._venue.exchange
        sums: list[_Sums] = []

        def rows() -> list[HoldingRow]:
            account = exchange.account_shown(self._venue.now())
            held = account.holdings.values()
            value = sum(row.quantity * exchange.price(row.symbol) for row in held)
            sums.append(_Sums(cash=account.cash_d2, holdings_value=value))
            return list(held)

        found = await self._paged(
            rows, self._venue.profile.balance_rows, Priority.ACCOUNT, tr_id(Purpose.BALANCE, self._profile)
        )
        if any(other != sums[0] for other in sums):
            raise ListingChanged("the sums differ between two pages")
        return AccountStatement(
            cash=sums[0].cash,
            holdings=tuple(self._holding(row) for row in found if row.quantity > 0),
            holdings_value=sums[0].holdings_value,
        )

    def _holding(self, row: HoldingRow) -> Holding:
        exchange = self._venue.exchange
        board = exchange.boards.get(row.symbol)
        return Holding(
            symbol=row.symbol,
            name=row.symbol if board is None else board.name,
            quantity=row.quantity,
            sellable=exchange.sellable(row.symbol),
            cost=row.cost,
            price=exchange.price(row.symbol),
        )

    async def _paged(self, rows: Callable[[], list[T]], size: int, priority: Priority, tr: str) -> list[T]:
        found: list[T] = []
        while True:
            await self._calls.ask(priority, tr)
            shown = rows()
            found += shown[len(found) : len(found) + size]
            if len(found) >= len(shown):
                return found

    async def buyable_quantity(self, symbol: Symbol, price: Won) -> int:  # noqa: ARG002  # of any symbol the same
        await self._calls.ask(Priority.ACCOUNT, tr_id(Purpose.BUYABLE, self._profile))
        return self._venue.exchange.buyable(price)

    async def sellable_quantity(self, symbol: Symbol) -> int:
        if not is_offered(Purpose.SELLABLE, self._profile):
            holdings = (await self.account()).holdings
            return next((holding.sellable for holding in holdings if holding.symbol == symbol), 0)
        await self._calls.ask(Priority.ACCOUNT)
        return self._venue.exchange.sellable(symbol)

    # what sales brought: our records stand in

    async def realized_today(self) -> Won:
        _not_here()

    async def realized_by_day(self, first: date, last: date) -> tuple[DayProfit, ...]:  # noqa: ARG002
        _not_here()

    async def realized_by_symbol(self, first: date, last: date) -> tuple[TradeProfit, ...]:  # noqa: ARG002
        _not_here()


def _number(order: Order) -> int:
    if order.order_no is None:
        raise ValueError("an order without its number can be neither changed nor cancelled")
    return int(order.order_no)


def _refuse(rt_cd: str, code: str, sentence: str) -> NoReturn:
    body = json.dumps({"rt_cd": rt_cd, "msg_cd": code, "msg1": sentence}).encode()
    read_outcome(Answer(status=200, body=body))
    raise AssertionError(f"unreachable: {code} is a refusal")


def _not_here() -> NoReturn:
    raise NotOnThisVenue("a backtest keeps its own trades")
