"""The recorder: the trader, and beside it all that its decisions depend on.

Rules of this room
    What the trader decides follows from the calls it gets, the book it reads, the clock, and what the door answers.
    Each call outside of the quiet band is written down, with the parts of the book that changed since the last one;
    inside the band nothing is asked and nothing is written.
    A day begins with everything: rules, mandate, bars with their hash, what each desk carries over from the day before.
    The recorder decides nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any

from kis_daemon.domain import strategy
from kis_daemon.domain.approvals import Mandate
from kis_daemon.domain.calendar import TradingCalendar
from kis_daemon.domain.indicators import Indicators
from kis_daemon.domain.market import Bar, Quote, Symbol, Won
from kis_daemon.domain.orders import Order, OrderIntent
from kis_daemon.domain.risk import Trial
from kis_daemon.domain.strategy import NoSetup
from kis_daemon.ports import Clock
from kis_daemon.services.approvals import Grant
from kis_daemon.services.audit_inputs import InputFile
from kis_daemon.services.audit_values import written
from kis_daemon.services.book import Book
from kis_daemon.services.buyer import Buyer
from kis_daemon.services.desks import SymbolDesk, TradingRules
from kis_daemon.services.door import Door, Queued, Refused
from kis_daemon.services.seller import Seller
from kis_daemon.services.trader import Trader

FIGURES = (
    "day",
    "statement_cash",
    "holdings_value",
    "day_base_equity",
    "notional_today",
    "lowest_realized",
    "longest_losing_run",
    "is_first_day",
)
KEYED = ("orders", "positions", "listings", "external", "locked", "entry_locks", "sellable_cap", "stopped_on")


class BookWatch:
    """What of the book changed since it was asked last."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._figures: list[Any] = []
        self._keyed: dict[str, dict[Any, Any]] = {}
        self._trades: list[Any] = []
        self._live: dict[Any, Any] = {}
        self._trial: Trial | None = None

    def forget(self) -> None:
        """Tell everything the next time."""
        self._figures, self._keyed, self._trades, self._live, self._trial = [], {}, [], {}, None

    def changes(self) -> dict[str, Any]:
        """Return the changed parts by name; an entry that is gone is None."""
        book = self._book
        found: dict[str, Any] = {}
        figures = [getattr(book, name) for name in FIGURES]
        if figures != self._figures:
            self._figures = figures
            found["figures"] = figures
        for name in KEYED:
            now, before = getattr(book, name), self._keyed.get(name, {})
            if now != before:
                changed = {key: value for key, value in now.items() if before.get(key) != value}
                found[name] = changed | {key: None for key in before if key not in now}
                self._keyed[name] = dict(now)
        if book.trial != self._trial:
            self._trial = book.trial
            found["trial"] = book.trial
        if book.live != self._live:
            self._live = dict(book.live)
            found["live"] = [[symbol, side.value, key] for (symbol, side), key in self._live.items()]
        if book.trades_today != self._trades:
            self._trades = list(book.trades_today)
            found["trades"] = self._trades
        return found


class RecordedDoor:
    """The door of the order synchronizer, and what it answered last."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self.answer = ""

    def place(self, intent: OrderIntent, grant: Grant, seen_at: float | None = None) -> Queued | Refused:
        answer = self._door.place(intent, grant, seen_at)
        self.answer = "queued" if isinstance(answer, Queued) else answer.code
        return answer


class RecordedTrader(Trader):
    """A trader whose inputs are kept in `file`."""

    def __init__(
        self,
        *,
        book: Book,
        buyer: Buyer,
        seller: Seller,
        calendar: TradingCalendar,
        clock: Clock,
        rules: TradingRules,
        file: InputFile,
        door: RecordedDoor,
        mandates: Callable[[], tuple[Mandate, ...]],
        bars: Callable[[Symbol], tuple[Bar, ...]],
    ) -> None:
        super().__init__(book=book, buyer=buyer, seller=seller, calendar=calendar, clock=clock, rules=rules)
        self._file = file
        self._door = door
        self._mandates = mandates
        self._bars = bars
        self._watch = BookWatch(book)
        self._told_bars: dict[Symbol, tuple[Bar, ...]] = {}
        self._has_begun = False

    def start_day(self) -> None:
        self._watch.forget()
        self._told_bars.clear()
        carried = [_carried(desk, self._rules) for desk in self._desks.values()]
        self._tell("day", self._rules, self._mandates(), carried)
        self._has_begun = True
        for symbol in self._desks:
            self._tell_bars(symbol)
        self._tell("opened")
        super().start_day()

    def note_mandates(self) -> None:
        """Other mandates are in force from now on."""
        self._tell("mandates", written(self._mandates()))

    def watch(self, universe: Iterable[Symbol]) -> None:
        symbols = list(universe)
        self._tell("watch", symbols)
        super().watch(symbols)

    def learn(self, symbol: Symbol, indicators: Indicators | None, highest_since: Callable[[date], Won]) -> None:
        self._tell_bars(symbol)
        self._tell("learn", symbol)
        super().learn(symbol, indicators, highest_since)

    def forget_setup(self, symbol: Symbol, reason: str) -> None:
        self._tell("forget", symbol, reason)
        super().forget_setup(symbol, reason)

    def on_change(self, order: Order) -> None:
        self._tell("change", order)
        super().on_change(order)

    def on_account_change(self, symbol: Symbol) -> None:
        self._tell("account", symbol)
        super().on_account_change(symbol)

    def on_refusal(self, order: Order, market_closed: bool) -> None:
        self._tell("refusal", order, market_closed)
        super().on_refusal(order, market_closed)

    def _look(self, desk: SymbolDesk, quote: Quote, seen_at: float) -> None:
        self._begin()
        changes, now = self._watch.changes(), self._clock.now()
        self._door.answer = ""
        try:
            super()._look(desk, quote, seen_at)
        finally:
            self._file.add(["look", now, changes, quote, self._door.answer])

    def _begin(self) -> None:
        """A daemon has started: what it does before its day is prepared needs rules and mandate too."""
        if not self._has_begun:
            self._has_begun = True
            self._tell("day", self._rules, self._mandates(), [])

    def _tell(self, what: str, *told: Any) -> None:
        if what != "day":
            self._begin()
        self._file.add([what, self._clock.now(), self._watch.changes(), *told])

    def _tell_bars(self, symbol: Symbol) -> None:
        """Write down the bars of `symbol` with their hash, unless these are written already."""
        bars, told = self._bars(symbol), self._told_bars.get(symbol, ())
        if bars == told:
            return
        kept = len(told) if bars[: len(told)] == told else 0  # the rest is there already
        self._told_bars[symbol] = bars
        self._file.add(["bars", self._clock.now(), {}, symbol, bars_hash(bars), kept, bars[kept:]])


def bars_hash(bars: Sequence[Bar]) -> str:
    """Return the SHA-256 of bars as they are written down."""
    return hashlib.sha256(json.dumps(written(bars), separators=(",", ":")).encode()).hexdigest()


def _carried(desk: SymbolDesk, rules: TradingRules) -> list[Any]:
    """Return what a desk takes into the new day: its rank, an exit that stands, and why it may not buy."""
    blocked = None if desk.exit_blocked_until is None else desk.exit_blocked_until.isoformat()
    ours = strategy.setup(desk.indicators, rules.entry)
    forgotten = desk.setup.reason if isinstance(desk.setup, NoSetup) and desk.setup != ours else ""
    return [desk.symbol, desk.rank, written(desk.wanted), blocked, desk.blocked_rule, forgotten]
