"""The simulated account: cash by settlement day, shares, what they cost, and what open orders hold back.

Rules of this room
    A trade moves cash on its settlement day (T+2): `cash` is the sum of today (D+0), `cash_on` that of
    a later day, `cash_d2` all.
    Shares move at once. What may be spent is D+2 cash less what open buys hold back, so that the proceeds of a sale
    are reusable the same day. An open buy holds back its amount with the commission: cash never goes below zero.
    Cost is the moving average without fees, kept as a sum; a sale takes its share of it, rounded down.
    A holding sold out stays as a row of zero shares until its last trade has settled.
    Money paid in counts at once. Only settled money leaves: the proceeds of a sale are for buying until they settle.
    After a split the sum of the cost stays; what does not make a whole share is paid out at the day's base price.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date

from kis_daemon.domain.costs import Costs
from kis_daemon.domain.market import Side, Symbol, Won


@dataclass(slots=True, kw_only=True)
class HoldingRow:
    """Shares of one symbol: how many, what they cost in sum, and what moved today and on the day before."""

    symbol: Symbol
    quantity: int = 0
    cost: Won = 0
    bought_today: int = 0
    sold_today: int = 0
    bought_before: int = 0
    sold_before: int = 0
    settles_on: date = date.min


@dataclass(slots=True, kw_only=True)
class DaySums:
    """What was traded on one day, in won."""

    bought: Won = 0
    sold: Won = 0
    costs: Won = 0


@dataclass(slots=True, kw_only=True)
class Account:
    """The ledger; plain numbers in, plain numbers out, and a date with everything that moves."""

    cash: Won
    unsettled: list[tuple[date, Won]] = field(default_factory=list)  # ascending, one entry a settlement day
    holdings: dict[Symbol, HoldingRow] = field(default_factory=dict)
    held_back: Won = 0
    today: DaySums = field(default_factory=DaySums)
    day_before: DaySums = field(default_factory=DaySums)
    opening_equity: Won = 0
    day: date = date.min  # the last one that was begun

    def copied(self) -> Account:
        """Return the account as it stands, untouched by what comes."""
        return replace(
            self,
            unsettled=list(self.unsettled),
            holdings={symbol: replace(row) for symbol, row in self.holdings.items()},
            today=replace(self.today),
            day_before=replace(self.day_before),
        )

    def cash_on(self, day: date) -> Won:
        """Return the cash once everything due by `day` is settled."""
        return self.cash + sum(amount for due, amount in self.unsettled if due <= day)

    @property
    def cash_d2(self) -> Won:
        """Return the cash with every trade settled."""
        return self.cash + sum(amount for _, amount in self.unsettled)

    @property
    def spendable(self) -> Won:
        """Return what may be spent on further buys, commission included."""
        return self.cash_d2 - self.held_back

    @property
    def withdrawable(self) -> Won:
        """Return what may leave the account today: never more than is there on any day to come."""
        lowest = running = self.cash
        for _, amount in self.unsettled:
            running += amount
            lowest = min(lowest, running)
        return max(min(lowest, self.spendable), 0)

    def quantity(self, symbol: Symbol) -> int:
        row = self.holdings.get(symbol)
        return row.quantity if row is not None else 0

    def roll(self, day: date) -> None:
        """Begin `day`: settle what is due, and today's movements become those of the day before."""
        while self.unsettled and self.unsettled[0][0] <= day:
            self.cash += self.unsettled.pop(0)[1]
        self.day_before, self.today = self.today, DaySums()
        self.held_back = 0
        self.day = day
        for symbol, row in list(self.holdings.items()):
            row.bought_before, row.sold_before = row.bought_today, row.sold_today
            row.bought_today = row.sold_today = 0
            if row.quantity == 0 and row.settles_on <= day:
                del self.holdings[symbol]

    def book(self, side: Side, symbol: Symbol, quantity: int, amount: Won, costs: Costs, settles_on: date) -> None:
        """Enter one execution: shares and cost now, cash on `settles_on`."""
        row = self.holdings.setdefault(symbol, HoldingRow(symbol=symbol))
        paid = costs.fee + costs.tax
        if side is Side.BUY:
            row.quantity += quantity
            row.cost += amount
            row.bought_today += quantity
            self.today.bought += amount
            change = -amount - paid
        else:
            if quantity > row.quantity:
                raise ValueError(f"sale of {quantity} {symbol}: only {row.quantity} are held")
            row.cost -= row.cost * quantity // row.quantity
            row.quantity -= quantity
            row.sold_today += quantity
            self.today.sold += amount
            change = amount - paid
        row.settles_on = settles_on
        self.today.costs += paid
        if self.unsettled and self.unsettled[-1][0] == settles_on:
            change += self.unsettled.pop()[1]
        self.unsettled.append((settles_on, change))

    def convert(self, symbol: Symbol, ratio_num: int, ratio_den: int, base: Won) -> None:
        """Let `ratio_num` shares stand where `ratio_den` stood; a part of a share is paid at `base`."""
        row = self.holdings.get(symbol)
        if row is None or row.quantity == 0:
            return
        parts = row.quantity * ratio_num
        row.quantity, left = divmod(parts, ratio_den)
        row.cost -= row.cost * left // parts
        self.cash += base * left // ratio_den
