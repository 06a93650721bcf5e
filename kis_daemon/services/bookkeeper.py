"""The bookkeeper: writes down what the broker's evidence says of our orders, each time in one transaction.

Rules of this room
    The broker tells sums, so a fill is the difference to what we have booked; what was booked is never booked again.
    Fill, order, position, trade and events of one piece of evidence are one transaction; the book follows it.
    A listing that tells less than we know is old, and changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from kis_daemon.domain import positions
from kis_daemon.domain.costs import order_costs
from kis_daemon.domain.market import Side, Won
from kis_daemon.domain.orders import Fill, Happening, Order, OrderKey
from kis_daemon.domain.positions import Position, ProtectionRules, Trade
from kis_daemon.ports import BrokerOrder, Clock, Rows, Severity
from kis_daemon.services.book import LEDGER_MARK, WORST_MARK, Book
from kis_daemon.services.journal import Fact, Journal

NOT_FOUND = "not found: "
"""How the refusal of an order begins that the broker provably never took; it may turn up all the same."""


class Bookkeeper:
    """Moves orders by evidence and keeps positions, trades and cash in step with them."""

    def __init__(
        self,
        *,
        book: Book,
        journal: Journal,
        clock: Clock,
        protection: ProtectionRules,
        commission_ppb: int,
        on_change: Callable[[Order], None],
    ) -> None:
        self._book = book
        self._journal = journal
        self._clock = clock
        self._protection = protection
        self._commission_ppb = commission_ppb
        self._on_change = on_change
        self._changed: dict[OrderKey, asyncio.Event] = {}
        self.listed_at: dict[OrderKey, datetime] = {}

    def changed(self, key: OrderKey) -> asyncio.Event:
        """Return the event that is set whenever that order moves."""
        return self._changed.setdefault(key, asyncio.Event())

    async def move(self, order: Order, happening: Happening, fact: Fact, **values: object) -> Order:
        """Move `order` by `happening`, with other fields set to `values`; write it with `fact` and return it."""
        moved = replace(order.moved(happening, self._clock.now()), **values)  # type: ignore[arg-type]  # field names
        await self._journal.transact(lambda rows: rows.save_order(moved), fact)
        self._settle(moved)
        return moved

    async def apply(self, order: Order, row: BrokerOrder) -> Order:
        """Bring `order` up to what the broker's `row` says of it and return it."""
        self.listed_at[order.key] = self._clock.now()
        moves: list[Order] = []
        facts: list[Fact] = []
        current = order
        fill: Fill | None = None
        if row.filled_quantity > order.filled_quantity:
            fill = self._fill(order, row)
            whole = row.filled_quantity >= order.intent.quantity
            current = replace(
                current.moved(Happening.FILLED if whole else Happening.PART_FILLED, self._clock.now()),
                filled_quantity=row.filled_quantity,
                filled_amount=row.filled_amount,
            )
            moves.append(current)
        # A row's filled sum below ours is an old listing: what it says of the rest is old too.
        known = row.filled_quantity == current.filled_quantity
        if known and current.is_live and row.remaining_quantity == 0 and current.remaining_quantity > 0:
            refused = row.rejected_quantity > 0 and current.filled_quantity == 0
            happening = Happening.REFUSED if refused else Happening.CANCELLED
            current = current.moved(happening, self._clock.now())
            if refused:
                current = replace(current, refusal="rejected by the exchange")
            moves.append(current)
            facts.append(self._ended(current))
        if not moves:
            return order
        await self._write(current, moves, fill, facts)
        return current

    async def found(self, order: Order, row: BrokerOrder) -> Order:
        """Give an order whose outcome was unknown the broker's order that proved to be it."""
        fact = self._journal.fact(
            "order_found",
            severity=Severity.WARNING,
            correlation_id=order.intent.correlation_id,
            symbol=order.intent.symbol,
            side=order.intent.side.value,
            order_no=row.order_no,
        )
        return await self.move(order, Happening.FOUND, fact, order_no=row.order_no, branch_no=row.branch_no, refusal="")

    async def not_found(self, order: Order, evidence: str) -> Order:
        """End an order that the broker provably never took."""
        fact = self._journal.fact(
            "order_not_found",
            severity=Severity.WARNING,
            correlation_id=order.intent.correlation_id,
            symbol=order.intent.symbol,
            side=order.intent.side.value,
            evidence=evidence,
        )
        return await self.move(order, Happening.NOT_FOUND, fact, refusal=NOT_FOUND + evidence)

    async def expire(self, order: Order, *, listed: bool) -> Order:
        """End a day order whose session is over; `listed` says whether a complete listing showed its remainder."""
        fact = self._journal.fact(
            "order_expired",
            severity=Severity.INFO if listed else Severity.ERROR,
            alerts=not listed,
            correlation_id=order.intent.correlation_id,
            symbol=order.intent.symbol,
            side=order.intent.side.value,
            remaining=order.remaining_quantity,
            listed=listed,
        )
        return await self.move(order, Happening.EXPIRED, fact)

    # the work of one fill

    def _fill(self, order: Order, row: BrokerOrder) -> Fill:
        intent = order.intent
        costs = order_costs(
            intent.side, row.filled_amount, intent.market, order.day, self._commission_ppb
        ) - order_costs(intent.side, order.filled_amount, intent.market, order.day, self._commission_ppb)
        return Fill(
            order_key=order.key,
            symbol=intent.symbol,
            side=intent.side,
            quantity=row.filled_quantity - order.filled_quantity,
            amount=row.filled_amount - order.filled_amount,
            cumulative_quantity=row.filled_quantity,
            fee=costs.fee,
            tax=costs.tax,
            at=self._clock.now(),
            correlation_id=intent.correlation_id,
        )

    async def _write(self, order: Order, moves: list[Order], fill: Fill | None, facts: list[Fact]) -> None:
        if fill is None:
            await self._journal.transact(lambda rows: _save_all(rows, moves), *facts)
            self._settle(order)
            return
        before = self._book.positions.get(fill.symbol)
        position, realized = self._position_after(order, fill, before)
        facts = [*self._fill_facts(order, fill, before, position, realized), *facts]

        cash = fill.amount - fill.fee - fill.tax if fill.side is Side.SELL else -(fill.amount + fill.fee)
        ledger = (self._book.ledger_cash or 0) + cash

        def work(rows: Rows) -> Trade:
            if not rows.add_fill(fill):
                raise ValueError(f"fill {fill.cumulative_quantity} of order {fill.order_key[:12]} was booked before")
            _save_all(rows, moves)
            trade = self._trade_after(order, fill, realized, rows.trade(order.key))
            rows.save_trade(trade)
            rows.set_mark(LEDGER_MARK, str(ledger))
            if fill.side is Side.SELL:
                lowest, run = self._book.worst_with(trade)
                rows.set_mark(WORST_MARK, f"{self._book.day.isoformat()}|{lowest}|{run}")
            if position is not None:
                rows.save_position(position)
            elif before is not None:
                rows.close_position(before, fill.at)
            return trade

        trade = await self._journal.transact(work, *facts)
        self._book.revision += 1
        self._book.booked_at[fill.symbol] = fill.at
        self._book.statement_cash += cash
        self._book.holdings_value += fill.amount if fill.side is Side.BUY else -fill.amount
        self._book.ledger_cash = ledger
        self._book.put_trade(trade)
        if position is not None:
            self._book.positions[fill.symbol] = _with_what_was_seen(position, self._book.positions.get(fill.symbol))
        else:
            self._book.positions.pop(fill.symbol, None)
        self._settle(order)

    def _position_after(self, order: Order, fill: Fill, before: Position | None) -> tuple[Position | None, Won]:
        if fill.side is Side.BUY:
            if before is not None:
                return positions.bought(before, fill, self._protection), 0
            made = positions.opened(
                fill,
                name=self._book.names.get(fill.symbol, ""),
                market=order.intent.market,
                atr=order.intent.atr,
                entry_day=order.day,
                entry_seq=order.intent.entry_seq,
                rules=self._protection,
            )
            return made, 0
        held = 0 if before is None else before.quantity
        if before is None or fill.quantity > held:
            # More was sold than we knew of: what we knew is gone, and the reconciler will say what is left.
            cost = 0 if before is None else before.cost + before.fees
            return None, fill.amount - cost - fill.fee - fill.tax
        return positions.sold(before, fill)

    def _trade_after(self, order: Order, fill: Fill, realized: Won, earlier: Trade | None) -> Trade:
        return Trade(
            order_key=order.key,
            symbol=fill.symbol,
            name=self._book.names.get(fill.symbol, ""),
            side=fill.side,
            quantity=order.filled_quantity,
            amount=order.filled_amount,
            fee=fill.fee + (earlier.fee if earlier else 0),
            tax=fill.tax + (earlier.tax if earlier else 0),
            realized_pnl=realized + (earlier.realized_pnl if earlier else 0),
            rule=order.intent.rule,
            reason=order.intent.reason,
            correlation_id=order.intent.correlation_id,
            at=fill.at,
        )

    # facts

    def _fill_facts(
        self, order: Order, fill: Fill, before: Position | None, after: Position | None, realized: Won
    ) -> list[Fact]:
        intent = order.intent
        name = self._book.names.get(fill.symbol, "")
        facts = [
            self._journal.fact(
                "order_filled",
                alerts=True,
                correlation_id=intent.correlation_id,
                symbol=fill.symbol,
                name=name,
                side=fill.side.value,
                quantity=fill.quantity,
                price=shown_price(fill.amount, fill.quantity),
                amount=fill.amount,
                fee=fill.fee,
                tax=fill.tax,
                cumulative_quantity=fill.cumulative_quantity,
                order_quantity=intent.quantity,
                rule=intent.rule,
                realized_pnl=realized if fill.side is Side.SELL else None,
                order_key=order.key,
            )
        ]
        if after is not None:
            facts.append(
                self._journal.fact(
                    "position_changed" if before is not None else "position_opened",
                    correlation_id=intent.correlation_id,
                    symbol=fill.symbol,
                    name=name,
                    quantity=after.quantity,
                    cost=after.cost,
                    stop=after.stop,
                    target=after.target,
                )
            )
        elif before is not None:
            facts.append(
                self._journal.fact(
                    "position_closed",
                    correlation_id=intent.correlation_id,
                    symbol=fill.symbol,
                    name=name,
                    rule=intent.rule,
                )
            )
        return facts

    def _ended(self, order: Order) -> Fact:
        rejected = bool(order.refusal)
        return self._journal.fact(
            "order_rejected" if rejected else "order_cancelled",
            severity=Severity.WARNING if rejected else Severity.INFO,
            alerts=rejected,
            correlation_id=order.intent.correlation_id,
            symbol=order.intent.symbol,
            name=self._book.names.get(order.intent.symbol, ""),
            side=order.intent.side.value,
            quantity=order.intent.quantity,
            filled=order.filled_quantity,
            code="",
            reason=order.refusal,
        )

    def _settle(self, order: Order) -> None:
        self._book.put(order)
        self.changed(order.key).set()
        if not order.is_live:
            self._changed.pop(order.key, None)
        self._on_change(order)


def shown_price(amount: Won, quantity: int) -> int | float:
    """Return the average price of `quantity` shares for `amount`: whole where it is, else with four decimals."""
    return amount // quantity if amount % quantity == 0 else round(amount / quantity, 4)


def _save_all(rows: Rows, orders: list[Order]) -> None:
    for order in orders:
        rows.save_order(order)


def _with_what_was_seen(position: Position, seen: Position | None) -> Position:
    """Return `position` with the highest price and the armed trailing that came in while it was being written."""
    if seen is None or seen.entry_day != position.entry_day or seen.entry_seq != position.entry_seq:
        return position
    return replace(
        position,
        highest=max(position.highest, seen.highest),
        trailing_armed=position.trailing_armed or seen.trailing_armed,
    )
