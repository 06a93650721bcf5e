"""What we hold, what we have begun and what we may spend: the state all services share, in memory.

Rules of this room
    The records are the truth; the book is rebuilt from them at start and changed only after they were.
    One live order per symbol and side. A slot is taken before the order is written and freed when it is terminal.
    Day counts (entries, losses in a row, realised profit) come from orders and trades, so a restart forgets none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from itertools import accumulate

from kis_daemon.domain.exits import ExitReason
from kis_daemon.domain.locks import SymbolLock
from kis_daemon.domain.market import Listing, Side, Symbol, Won
from kis_daemon.domain.orders import Order, OrderKey, OrderNo, OrderState, OrderType
from kis_daemon.domain.positions import Position, Trade
from kis_daemon.domain.risk import AccountFigures, Trial

# what of the book the records keep as marks, and a start reads back
EXTERNAL_MARK = "external_positions"
DAY_BASE_MARK = "day_base"
LEDGER_MARK = "ledger_cash"
FLOWS_MARK = "cash_flows"
WORST_MARK = "worst_of_the_day"
CLOSES_MARK = "last_closes"
EXAMINED_MARK = "examined_on"

_A_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class LastClose:
    """What a symbol closed at on its last trading day, and the trading day after which that was still its last."""

    day: date
    close: Won
    kept_on: date


@dataclass(slots=True)
class Book:
    """See the rules above.

    `statement_cash` is the broker's figure, moved on by what was booked since; `ledger_cash` is our own sum, None
    before the account was ever seen. `revision` counts the fills that were booked, `booked_at` says when a symbol's
    last one was. `external` shares are in the account and not ours; of a `locked` symbol nothing is bought, nor
    sold by itself, and what has an entry in `entry_locks` is not bought (domain/locks.py);
    `left_behind` are orders found between their row and their answer: True where a start found the row and the order
    may have been sent, False where it was not sent and the row is not known to be there.
    `in_account` are the shares of the last statement, `last_closes` what was held closed at and when, and
    `unexamined` the held symbols that may have been split since (corporate_actions.py), `examined_on` the day for which
    none is; `closed_at` is what the day goes on from.
    `first_order_day` is when the first order of this mode reached the broker, None before there was one;
    `is_first_day`, whether that was today or is still to come.
    `sellable_cap` is how many of ours the broker lets us sell, where that is fewer than we hold.
    `flows` is what was brought into the account, or taken out of it, past our trades; `statement_prices` are those of
    the last statement.
    `lowest_realized` and `longest_losing_run` are the worst that today has been, fill by fill.
    `on_name` hears every name that is learned.
    """

    positions: dict[Symbol, Position] = field(default_factory=dict)
    orders: dict[OrderKey, Order] = field(default_factory=dict)
    live: dict[tuple[Symbol, Side], OrderKey] = field(default_factory=dict)
    left_behind: dict[OrderKey, bool] = field(default_factory=dict)
    trades_today: list[Trade] = field(default_factory=list)
    listings: dict[Symbol, Listing] = field(default_factory=dict)
    names: dict[Symbol, str] = field(default_factory=dict)
    stopped_on: dict[Symbol, date] = field(default_factory=dict)
    external: dict[Symbol, int] = field(default_factory=dict)
    locked: dict[Symbol, SymbolLock] = field(default_factory=dict)
    entry_locks: dict[Symbol, SymbolLock] = field(default_factory=dict)
    sellable_cap: dict[Symbol, int] = field(default_factory=dict)
    in_account: dict[Symbol, int] = field(default_factory=dict)
    last_closes: dict[Symbol, LastClose] = field(default_factory=dict)
    unexamined: set[Symbol] = field(default_factory=set)
    examined_on: date | None = None
    closed_at: dict[Symbol, Won] = field(default_factory=dict)
    booked_at: dict[Symbol, datetime] = field(default_factory=dict)
    day: date = date.min
    statement_cash: Won = 0
    ledger_cash: Won | None = None
    holdings_value: Won = 0
    flows: Won = 0
    statement_prices: dict[Symbol, Won] = field(default_factory=dict)
    day_base_equity: Won = 0
    day_base_of: date | None = None
    revision: int = 0
    notional_today: Won = 0
    first_order_day: date | None = None
    is_first_day: bool = True
    trial: Trial | None = None
    worst_of: tuple[date, Won, int] = (date.min, 0, 0)
    lowest_realized: Won = 0
    longest_losing_run: int = 0
    on_name: Callable[[Symbol, str], None] | None = None

    # orders

    def begin(self, order: Order) -> None:
        """Take the slot of a new order; `ValueError` if it is taken."""
        slot = (order.intent.symbol, order.intent.side)
        if slot in self.live:
            raise ValueError(f"{slot[1]} of {slot[0]} is live already")
        self.live[slot] = order.key
        self.orders[order.key] = order

    def forget(self, order: Order) -> None:
        """Give back the slot of an order that was never written."""
        del self.live[(order.intent.symbol, order.intent.side)]
        del self.orders[order.key]

    def put(self, order: Order) -> None:
        """Keep the order's newer state; a terminal one gives its slot back."""
        self.orders[order.key] = order
        if order.order_no is not None and self.first_order_day is None:
            self.first_order_day = order.day
        slot = (order.intent.symbol, order.intent.side)
        if not order.is_live:
            self.free_slot(order)
        elif slot not in self.live:
            self.live[slot] = order.key

    def recover(self, order: Order) -> None:
        """Take over an order that the records hold at a start."""
        self.put(order)
        if order.state is OrderState.PENDING:
            self.left_behind[order.key] = True

    def free_slot(self, order: Order) -> None:
        """Let another order of its symbol and side be begun although the end of this one is not known."""
        slot = (order.intent.symbol, order.intent.side)
        if self.live.get(slot) == order.key:
            del self.live[slot]

    def live_order(self, symbol: Symbol, side: Side) -> Order | None:
        key = self.live.get((symbol, side))
        return None if key is None else self.orders[key]

    def live_orders(self) -> tuple[Order, ...]:
        return tuple(self.orders[key] for key in self.live.values())

    def has_number(self, day: date, branch_no: str, order_no: OrderNo) -> bool:
        """Whether an order of ours already has that number of the broker's; a branch left out may be any."""
        return any(
            (order.day, order.order_no) == (day, order_no)
            and (order.branch_no == branch_no or not (order.branch_no and branch_no))
            for order in self.orders.values()
        )

    def attempts(self, symbol: Symbol, rule: str, day: date, entry_seq: int) -> int:
        """Return how many orders were begun for that signal."""
        return sum(
            1
            for order in self.orders.values()
            if order.day == day
            and order.intent.symbol == symbol
            and order.intent.rule == rule
            and order.intent.entry_seq == entry_seq
        )

    def next_entry_seq(self, symbol: Symbol, day: date) -> int:
        """Return the number the next entry of `symbol` on `day` has: one more than entries that bought something."""
        return 1 + sum(
            1
            for order in self.orders.values()
            if order.day == day
            and order.intent.symbol == symbol
            and order.intent.side is Side.BUY
            and order.filled_quantity > 0
        )

    # trades and the account

    def put_trade(self, trade: Trade) -> None:
        """Keep the trade, over the one of the same order; remember a stop for its cool-down."""
        self.lowest_realized, self.longest_losing_run = self.worst_with(trade)
        self.trades_today = self._trades_with(trade)
        if trade.rule == ExitReason.ATR_STOP_LOSS:
            self.stopped_on[trade.symbol] = trade.at.date()

    def worst_with(self, trade: Trade) -> tuple[Won, int]:
        """Return the lowest realised sum and the longest run of losses that today has had once `trade` is known."""
        trades = self._trades_with(trade)
        realized = sum(known.realized_pnl for known in trades)
        return min(self.lowest_realized, realized), max(self.longest_losing_run, *_losing_runs(trades))

    def _trades_with(self, trade: Trade) -> list[Trade]:
        trades = [trade if known.order_key == trade.order_key else known for known in self.trades_today]
        return trades if trade in trades else [*trades, trade]

    def load_worst(self, written: str | None) -> None:
        """Take over what an earlier run of the same day wrote down; called before `start_day`."""
        day, lowest, run = (written or f"{date.min}|0|0").split("|")
        self.worst_of = date.fromisoformat(day), int(lowest), int(run)

    def start_day(self, day: date) -> None:
        """Begin the counts of `day`; orders of earlier days that are over are let go."""
        if day == self.day:
            return
        self.day = day
        self.is_first_day = self.first_order_day in (None, day)
        kept, lowest, run = self.worst_of
        self.lowest_realized, self.longest_losing_run = (lowest, run) if kept == day else (0, 0)
        self.trades_today = [trade for trade in self.trades_today if trade.at.date() == day]
        self.orders = {key: order for key, order in self.orders.items() if order.day == day or order.is_live}
        self.notional_today = sum(
            _notional(order) for order in self.orders.values() if order.day == day and order.intent.side is Side.BUY
        )

    @property
    def realized_today(self) -> Won:
        return sum(trade.realized_pnl for trade in self.trades_today)

    @property
    def worst_realized_today(self) -> Won:
        """The lowest that today's realised sum has been, trade by trade."""
        if not self.trades_today:
            return self.lowest_realized
        sums = accumulate((trade.realized_pnl for trade in self.trades_today), initial=0)
        return min(self.lowest_realized, *sums)

    @property
    def consecutive_losses(self) -> int:
        return _losing_runs(self.trades_today)[-1]

    def entries_today(self) -> int:
        return len(self._entries_today())

    def bought_today(self) -> frozenset[Symbol]:
        """Return the symbols that were bought today or are being bought."""
        return frozenset(order.intent.symbol for order in self._entries_today())

    def _entries_today(self) -> list[Order]:
        return [order for order in self.orders.values() if order.day == self.day and is_entry(order)]

    def _trial_entries(self, trial: Trial) -> int:
        return trial.earlier_entries + sum(
            1
            for order in self.orders.values()
            if order.day == self.day and order.created_at >= trial.since and is_entry(order)
        )

    def entries_since(self, moment: datetime) -> int:
        """Return how many entries were begun from `moment` on, whatever became of them."""
        return sum(1 for order in self.orders.values() if order.intent.side is Side.BUY and order.created_at >= moment)

    def figures(self, resting: Iterable[Symbol], now: datetime | None = None) -> AccountFigures:
        """Return what the limits are measured against at this moment."""
        buying = [self.orders[key] for (_, side), key in self.live.items() if side is Side.BUY]
        reserved = sum([_notional(order) - order.filled_amount for order in buying])
        runs = _losing_runs(self.trades_today)
        return AccountFigures(
            equity=self.statement_cash + self.holdings_value,
            cash=max(self.statement_cash - reserved, 0),
            day_base_equity=self.day_base_equity,
            realized_today=self.realized_today,
            entries_today=self.entries_today(),
            consecutive_losses=runs[-1],
            busy_symbols=frozenset([*self.positions, *(order.intent.symbol for order in buying)]),
            resting_symbols=frozenset(resting),
            exposure=self.holdings_value + reserved,
            entries_last_minute=0 if now is None else self.entries_since(now - _A_MINUTE),
            worst_realized_today=self.worst_realized_today,
            worst_losses_in_a_row=max(self.longest_losing_run, *runs),
            trial=self.trial,
            trial_entries=0 if self.trial is None else self._trial_entries(self.trial),
        )

    def rename(self, symbol: Symbol, name: str) -> None:
        """Learn the name of a symbol; an empty one teaches nothing."""
        if name:
            self.names[symbol] = name
            if self.on_name is not None:
                self.on_name(symbol, name)
            position = self.positions.get(symbol)
            if position is not None and position.name != name:
                self.positions[symbol] = replace(position, name=name)


def _losing_runs(trades: Sequence[Trade]) -> list[int]:
    """Return how many positions in a row were lost, after each of them; one sold in parts is one."""
    runs = [0]
    if not trades:
        return runs
    results: dict[str, Won] = {}
    for trade in trades:
        if trade.side is Side.SELL:
            position = trade.correlation_id or trade.order_key
            results[position] = results.pop(position, 0) + trade.realized_pnl
    for result in results.values():
        runs.append(runs[-1] + 1 if result < 0 else 0)
    return runs


def is_entry(order: Order) -> bool:
    """Whether `order` has bought something, or may yet."""
    return order.intent.side is Side.BUY and (order.is_live or order.filled_quantity > 0)


def _notional(order: Order) -> Won:
    if order.intent.order_type is OrderType.LIMIT and order.intent.price is not None:
        return order.intent.price * order.intent.quantity
    return 0
