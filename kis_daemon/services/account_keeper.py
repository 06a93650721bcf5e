"""The account keeper: holds the broker's account statement against the book.

Rules of this room (requirements C09, S3-X15; section 8, positions not ours; the wire contract, 4.3.6)
    Balances lag behind fills by seconds. A difference counts when two statements at least `apart_s` seconds apart say
    it, and the symbol's last fill is `lag_s` seconds old.
    The account outranks us for quantities and cash only: entry day, ATR, stop, target and highest are ours.
    Fewer shares than we know of are taken over. More shares that no fill explains are not ours to sell: they are kept
    as external, and the symbol is locked (a split would look like this): no automatic exit, a person is called.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from kis_daemon.domain.market import Symbol, Won
from kis_daemon.domain.positions import Position
from kis_daemon.ports import AccountFigures, AccountStatement, Clock, Holding, Rows, Severity
from kis_daemon.services.book import DAY_BASE_MARK, EXTERNAL_MARK, FLOWS_MARK, LEDGER_MARK, Book
from kis_daemon.services.journal import Fact, Journal
from kis_daemon.services.locks import Locks

_BETWEEN_SNAPSHOTS = timedelta(seconds=300)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Seconds: between the two statements of a difference, and how long a balance may lag behind a fill."""

    apart_s: float = 10.0
    lag_s: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Suspicion:
    value: int
    since: datetime


class AccountKeeper:
    """See the rules above."""

    def __init__(
        self,
        *,
        book: Book,
        journal: Journal,
        locks: Locks,
        clock: Clock,
        patience: Patience,
        on_change: Callable[[Symbol], None],
    ) -> None:
        self._book = book
        self._journal = journal
        self._locks = locks
        self._clock = clock
        self._patience = patience
        self._on_change = on_change
        self._suspicions: dict[str, _Suspicion] = {}
        self._kept: dict[Symbol, tuple[Won, bool]] = {}
        self._snapshot_at: datetime | None = None
        self._snapshot_revision = 0
        self._base_to_write = ""
        self.unexplained_cash = 0

    @property
    def is_suspicious(self) -> bool:
        """Whether a difference waits for its second statement."""
        return bool(self._suspicions)

    async def reconcile(self, statement: AccountStatement, *, in_session: bool = True) -> None:
        """Take `statement` in: quantities, what is sellable, cash, the day's base."""
        held = {holding.symbol: holding for holding in statement.holdings}
        for holding in statement.holdings:
            self._book.rename(holding.symbol, holding.name)
        self._book.statement_prices = {holding.symbol: holding.price for holding in statement.holdings if holding.price}
        self._book.in_account = {symbol: holding.quantity for symbol, holding in held.items()}
        for symbol in list(dict.fromkeys([*self._book.positions, *self._book.external, *held])):
            await self._compare(symbol, held.get(symbol))
            self._take_sellable(symbol, held.get(symbol))
        await self._compare_cash(statement)
        self._book.statement_cash = statement.cash
        self._book.holdings_value = statement.holdings_value
        await self._keep_day_base(statement)
        await self._keep_levels(self._snapshot(statement) if self._snapshot_is_due(in_session=in_session) else None)

    # quantities

    async def _compare(self, symbol: Symbol, holding: Holding | None) -> None:
        if symbol in self._book.unexamined:
            return  # a split looks like shares from nowhere
        position = self._book.positions.get(symbol)
        theirs = 0 if holding is None else holding.quantity
        ours = 0 if position is None else position.quantity
        difference = theirs - ours - self._book.external.get(symbol, 0)
        if not self._is_proven(symbol, difference, self._book.booked_at.get(symbol)):
            return
        if position is None or theirs == ours:  # with nothing of ours missing, it is the others' shares that changed
            await self._tell_external(symbol, theirs - ours)
        elif difference < 0:
            await self._adopt(position, max(theirs - self._book.external.get(symbol, 0), 0))
        else:
            await self._tell_external(symbol, theirs - ours)
            await self._lock(position, theirs)

    def _is_proven(self, what: str, difference: int, last_fill: datetime | None) -> bool:
        """Whether `difference` has been seen often and long enough; 0 clears the suspicion."""
        now = self._clock.now()
        if difference == 0:
            self._suspicions.pop(what, None)
            return False
        if last_fill is not None and now - last_fill < timedelta(seconds=self._patience.lag_s):
            self._suspicions.pop(what, None)
            return False
        known = self._suspicions.get(what)
        if known is None or known.value != difference:
            self._suspicions[what] = _Suspicion(value=difference, since=now)
            return False
        if now - known.since < timedelta(seconds=self._patience.apart_s):
            return False
        del self._suspicions[what]
        return True

    def _take_sellable(self, symbol: Symbol, holding: Holding | None) -> None:
        """Keep how many of our shares may be sold, where the broker lets us sell fewer than we hold (pitfall 15)."""
        position = self._book.positions.get(symbol)
        booked_at = self._book.booked_at.get(symbol)
        lagging = booked_at is not None and self._clock.now() - booked_at < timedelta(seconds=self._patience.lag_s)
        if position is None or holding is None or lagging:
            self._book.sellable_cap.pop(symbol, None)
            return
        free = max(holding.sellable - self._book.external.get(symbol, 0), 0)
        if free < position.quantity:
            self._book.sellable_cap[symbol] = free
        else:
            self._book.sellable_cap.pop(symbol, None)

    async def _tell_external(self, symbol: Symbol, quantity: int) -> None:
        external = {known: count for known, count in self._book.external.items() if known != symbol}
        if quantity > 0:
            external[symbol] = quantity
        fact = self._journal.fact(
            "external_position",
            severity=Severity.WARNING,
            alerts=True,
            symbol=symbol,
            name=self._book.names.get(symbol, ""),
            quantity=quantity,
        )
        value = json.dumps(external, sort_keys=True)
        await self._journal.transact(lambda rows: rows.set_mark(EXTERNAL_MARK, value), fact)
        self._book.external = external

    async def _lock(self, position: Position, theirs: int) -> None:
        reason = f"{theirs} shares held, {position.quantity} bought by us"
        self._locks.no_exit(position, reason, "position_mismatch", ours=position.quantity, theirs=theirs)
        await self._journal.write()
        self._on_change(position.symbol)

    async def _adopt(self, position: Position, left: int) -> None:
        """Take over that fewer shares are held than we know of: they were sold without us."""
        adopted = replace(
            position,
            quantity=left,
            cost=position.cost * left // position.quantity,
            fees=position.fees * left // position.quantity,
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
            theirs=left,
        )
        at = self._clock.now()

        # What others sold is no loss of ours: it leaves as shares, and comes in as cash that no trade explains.
        price = self._book.statement_prices.get(position.symbol, position.cost // position.quantity)
        flows = self._book.flows - (position.quantity - left) * price

        def work(rows: Rows) -> None:
            rows.set_mark(FLOWS_MARK, str(flows))
            if left == 0:
                self._locks.let_go(rows, position.symbol, "nothing of it is held any more")
                rows.close_position(position, at)
            else:
                rows.save_position(adopted)

        await self._journal.transact(work, fact)
        self._book.flows = flows
        if left == 0:
            self._locks.forget(position.symbol)
            del self._book.positions[position.symbol]
        else:
            self._book.positions[position.symbol] = adopted
        self._on_change(position.symbol)

    # cash

    async def _compare_cash(self, statement: AccountStatement) -> None:
        """Cash that no trade explains (a deposit, a cost we do not know) is told and taken over, once proven."""
        if self._book.ledger_cash is None:
            opened = self._journal.fact("account_opened", cash=statement.cash, holdings=len(statement.holdings))
            await self._take_cash(statement.cash, self._book.flows, opened)
            return
        difference = statement.cash - self._book.ledger_cash
        last_fill = max(self._book.booked_at.values(), default=None)
        if not self._is_proven("cash", difference, last_fill):
            return
        self.unexplained_cash += difference
        fact = self._journal.fact(
            "cash_unexplained",
            severity=Severity.WARNING,
            alerts=True,
            ours=self._book.ledger_cash,
            theirs=statement.cash,
            difference=difference,
        )
        await self._take_cash(statement.cash, self._book.flows + difference, fact)

    async def _take_cash(self, cash: Won, flows: Won, fact: Fact) -> None:
        def work(rows: Rows) -> None:
            rows.set_mark(LEDGER_MARK, str(cash))
            rows.set_mark(FLOWS_MARK, str(flows))

        await self._journal.transact(work, fact)
        self._book.ledger_cash, self._book.flows = cash, flows

    # what a restart needs

    async def _keep_day_base(self, statement: AccountStatement) -> None:
        """The day's first statement is the base of its loss limit, and outlives a restart (C15)."""
        today = self._clock.now().date()
        if self._book.day_base_of != today:
            self._book.day_base_of = today
            self._book.day_base_equity = statement.equity
            self._base_to_write = f"{today.isoformat()}|{statement.equity}"
        if value := self._base_to_write:  # until it is written: a restart must not find a later statement's
            await self._journal.transact(lambda rows: rows.set_mark(DAY_BASE_MARK, value))
            self._base_to_write = ""

    async def _keep_levels(self, snapshot: AccountFigures | None) -> None:
        """Keep the highest prices seen since the last statement, and the account's figures when it is time."""
        moved = [
            position
            for position in self._book.positions.values()
            if self._kept.get(position.symbol) != (position.highest, position.trailing_armed)
        ]
        if not moved and snapshot is None:
            return

        def work(rows: Rows) -> None:
            for position in moved:
                rows.save_levels(position)
            if snapshot is not None:
                rows.add_account_snapshot(snapshot)

        await self._journal.transact(work)
        for position in moved:
            self._kept[position.symbol] = (position.highest, position.trailing_armed)

    def _snapshot_is_due(self, *, in_session: bool) -> bool:
        """C38: every 300 s in session, and after every fill."""
        now = self._clock.now()
        after_a_fill = self._snapshot_revision != self._book.revision
        in_turn = in_session and (self._snapshot_at is None or now - self._snapshot_at >= _BETWEEN_SNAPSHOTS)
        if after_a_fill or in_turn:
            self._snapshot_at, self._snapshot_revision = now, self._book.revision
            return True
        return False

    def _snapshot(self, statement: AccountStatement) -> AccountFigures:
        prices = {holding.symbol: holding.price for holding in statement.holdings}
        ours = [position for position in self._book.positions.values() if prices.get(position.symbol)]
        return AccountFigures(
            at=self._clock.now(),
            cash=statement.cash,
            holdings_value=statement.holdings_value,
            realized_pnl=self._book.realized_today,
            open_pnl=sum(position.open_pnl(prices[position.symbol]) for position in ours),
            positions=len(self._book.positions),
        )
