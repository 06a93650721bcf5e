"""The replay: a day's decisions, derived again from its recorded inputs by the same code, and held against the journal.

Rules of this room
    Trader, buyer, seller, strategy and exits are the daemon's own; book, clock and the door's answers are as recorded.
    Compared are every wish that reached the door (symbol, side, rule, quantity, price, reason) and every fact that the
    three of them note (signals, denials, gaps, armed trailing, pending exits), in their order, with all their numbers.
    Not compared is what others do: the broker, the reconciler, the gate. Their doings are inputs here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, cast

from kis_daemon.domain.approvals import Mandate
from kis_daemon.domain.calendar import KST, TradingCalendar
from kis_daemon.domain.exits import Exit
from kis_daemon.domain.indicators import IndicatorSeries
from kis_daemon.domain.locks import SymbolLock
from kis_daemon.domain.market import Bar, Listing, Quote, Side, Symbol
from kis_daemon.domain.orders import Order, OrderIntent, OrderState, order_key
from kis_daemon.domain.positions import Position, Trade
from kis_daemon.domain.risk import Trial
from kis_daemon.domain.strategy import EntrySetup
from kis_daemon.ports import Notifier, Records, Rows
from kis_daemon.services.approvals import ApprovalDesk, Grant, Provenance
from kis_daemon.services.audit_recorder import FIGURES, bars_hash
from kis_daemon.services.audit_values import read
from kis_daemon.services.book import Book
from kis_daemon.services.buyer import Buyer
from kis_daemon.services.desks import TradingRules
from kis_daemon.services.door import Queued, Refused
from kis_daemon.services.journal import Fact, Journal
from kis_daemon.services.locks import Locks
from kis_daemon.services.risk_manager import RiskManager
from kis_daemon.services.seller import Seller
from kis_daemon.services.trader import Trader

COMPARED = ("signal_raised", "entry_denied", "gap_exit", "trailing_armed", "exit_pending", "exit_pending_cleared")
_REQUESTED = "order_requested"
_KINDS: Mapping[str, Any] = {
    "orders": Order,
    "positions": Position,
    "listings": Listing,
    "stopped_on": date,
    "locked": SymbolLock,
    "entry_locks": SymbolLock,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalFact:
    """A fact of the day as the journal has it."""

    at: datetime
    type: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Where replay and day part: the moment, the symbol, and what each of the two says."""

    at: datetime
    symbol: str
    what: str
    recorded: str
    replayed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What was replayed, from the first to the last recorded moment, and the first difference."""

    since: datetime | None
    until: datetime | None
    looks: int
    bars: int
    orders: int
    facts: int
    difference: Difference | None


class _Parted(Exception):
    def __init__(self, difference: Difference) -> None:
        super().__init__(str(difference))
        self.difference = difference


class _Moment:
    """The recorded clock."""

    def __init__(self) -> None:
        self.at = datetime.min.replace(tzinfo=KST)

    def now(self) -> datetime:
        return self.at

    async def sleep_until(self, when: datetime) -> None:
        raise AssertionError(f"a replay does not wait until {when}")


class _Notes(Journal):
    """Keeps what is noted, and tells nobody."""

    def __init__(self, clock: _Moment) -> None:
        super().__init__(cast("Records", None), clock, cast("Notifier", None))
        self.facts: list[Fact] = []

    def note(self, fact: Fact, also: Callable[[Rows], object] | None = None) -> None:  # noqa: ARG002  # nothing is written here
        self.facts.append(fact)

    def precede(self, fact: Fact) -> None:
        self.facts.append(fact)


class _Answers:
    """A door that answers as it did, and keeps what was asked of it."""

    def __init__(self, clock: _Moment) -> None:
        self._clock = clock
        self.answer = ""
        self.asked: OrderIntent | None = None

    def place(self, intent: OrderIntent, grant: Grant, seen_at: float | None = None) -> Queued | Refused:
        del grant, seen_at  # they decided then; the answer is known
        self.asked = intent
        if self.answer != "queued":
            return Refused(code=self.answer, reason="as recorded")
        now = self._clock.now()
        order = Order(
            key=order_key("", intent),
            mode="",
            intent=intent,
            state=OrderState.PENDING,
            day=now.date(),
            created_at=now,
            updated_at=now,
        )
        return Queued(order=order)


class _NoChance:
    def token_bytes(self, count: int) -> bytes:
        return bytes(count)


class Replayer:
    """One day."""

    def __init__(self, journal: Iterable[JournalFact], calendar: TradingCalendar) -> None:
        self._journal = list(journal)
        self._requested = {fact.payload.get("signal_id"): fact for fact in self._journal if fact.type == _REQUESTED}
        self._calendar = calendar
        self._clock = _Moment()
        self._notes = _Notes(self._clock)
        self._door = _Answers(self._clock)
        self._book = Book()
        self._trader: Trader | None = None
        self._desk: ApprovalDesk | None = None
        self._rules: TradingRules | None = None
        self._bars: dict[Symbol, tuple[Bar, ...]] = {}
        self._carried: Sequence[Any] = ()
        self._since: datetime | None = None
        self._looks = self._bars_read = self._orders = 0

    def run(self, lines: Iterable[Sequence[Any]]) -> Replay:
        """Replay the lines and return how it went."""
        difference = None
        try:
            for line in lines:
                self._follow(line)
            facts = self._compare_facts()
        except _Parted as parted:
            difference, facts = parted.difference, len(self._notes.facts)
        return Replay(
            since=self._since,
            until=None if self._since is None else self._clock.at,
            looks=self._looks,
            bars=self._bars_read,
            orders=self._orders,
            facts=facts,
            difference=difference,
        )

    def _follow(self, line: Sequence[Any]) -> None:
        what, at, changes, *told = line
        if what != "day" and self._trader is None:
            return  # the end of what another file began
        self._clock.at = datetime.fromisoformat(at)
        if what == "day":
            self._begin(*told)
        self._take(changes)
        match what:
            case "bars":
                self._take_bars(*told)
            case "opened":
                self._open()
            case "look":
                self._look(read(Quote, told[0]), told[1])
            case _:
                self._call(what, told)

    def _begin(self, rules: Any, mandates: Any, carried: Sequence[Any]) -> None:
        """A new trader, as after a start or in the morning."""
        self._since = self._since or self._clock.at
        self._book = Book()
        self._rules = read(TradingRules, rules)
        desk = ApprovalDesk(
            bytes(32),  # its tokens are read by nobody
            _NoChance(),
            self._clock,
            None,
            Provenance(config_hash="", git_commit_sha="", schema_version=""),
        )
        self._desk = desk
        self._stand_by(mandates)
        shared: dict[str, Any] = {"book": self._book, "rules": self._rules}
        placing: dict[str, Any] = {"journal": self._notes, "synchronizer": self._door, "approvals": desk}
        risk = RiskManager(calendar=self._calendar, clock=self._clock, quote=_no_quote, **shared)
        buyer = Buyer(risk=risk, **shared, **placing)
        locks = Locks(book=self._book, journal=self._notes, clock=self._clock, on_change=_nobody)
        seller = Seller(clock=self._clock, locks=locks, **shared, **placing)
        self._trader = Trader(buyer=buyer, seller=seller, calendar=self._calendar, clock=self._clock, **shared)
        self._carried = carried

    def _stand_by(self, mandates: Sequence[Any]) -> None:
        assert self._desk is not None
        self._desk.stand_by(tuple(read(Mandate, mandate) for mandate in mandates))

    def _open(self) -> None:
        """Give the desks what they carried over, and open the day."""
        assert self._trader is not None
        for symbol, rank, wanted, blocked_until, blocked_rule, forgotten in self._carried:
            if symbol in self._bars:
                self._learn(symbol)
            desk = self._trader._desk_of(symbol)
            desk.rank = rank
            desk.wanted = None if wanted is None else read(Exit, wanted)
            desk.exit_blocked_until = None if blocked_until is None else datetime.fromisoformat(blocked_until)
            desk.blocked_rule = blocked_rule
            if forgotten and isinstance(desk.setup, EntrySetup):
                self._trader.forget_setup(symbol, forgotten)
        self._trader.start_day()

    def _take(self, changes: Mapping[str, Any]) -> None:
        """Bring the book to what it was."""
        for name, told in changes.items():
            match name:
                case "figures":
                    day, *figures = told
                    for field, value in zip(FIGURES, [date.fromisoformat(day), *figures], strict=True):
                        setattr(self._book, field, value)
                case "live":
                    self._book.live = {(symbol, Side(side)): key for symbol, side, key in told}
                case "trial":
                    self._book.trial = None if told is None else read(Trial, told)
                case "trades":
                    self._book.trades_today = [read(Trade, trade) for trade in told]
                case _:
                    kept = getattr(self._book, name)
                    for key, value in told.items():
                        if value is None:
                            kept.pop(key, None)
                        else:
                            kept[key] = read(_KINDS[name], value) if name in _KINDS else value

    def _take_bars(self, symbol: Symbol, told_hash: str, kept: int, new: list[Any]) -> None:
        bars = self._bars.get(symbol, ())[:kept] + tuple(read(Bar, bar) for bar in new)
        if bars_hash(bars) != told_hash:
            self._part(symbol, "bars", told_hash[:12], bars_hash(bars)[:12])
        self._bars[symbol] = bars
        self._bars_read += len(new)

    def _learn(self, symbol: Symbol) -> None:
        assert self._trader is not None
        assert self._rules is not None
        bars = self._bars.get(symbol, ())
        series = IndicatorSeries(self._rules.entry.periods)
        series.feed_all(bars)
        self._trader.learn(
            symbol, series.values, lambda since: max((bar.high for bar in bars if bar.date > since), default=0)
        )

    def _call(self, what: str, told: Sequence[Any]) -> None:
        trader = self._trader
        assert trader is not None
        match what:
            case "mandates":
                self._stand_by(told[0])
            case "watch":
                trader.watch(told[0])
            case "learn":
                self._learn(told[0])
            case "forget":
                trader.forget_setup(told[0], told[1])
            case "change":
                trader.on_change(read(Order, told[0]))
            case "account":
                trader.on_account_change(told[0])
            case "refusal":
                trader.on_refusal(read(Order, told[0]), told[1])

    def _look(self, quote: Quote, answer: str) -> None:
        assert self._trader is not None
        self._looks += 1
        self._door.answer, self._door.asked = answer, None
        self._trader.on_quote(quote)
        asked: OrderIntent | None = self._last_asked()
        if (asked is None) != (answer == ""):
            recorded = answer or "nothing asked of the door"
            self._part(quote.symbol, "order", recorded, "nothing asked of the door" if asked is None else _told(asked))
        if asked is not None and answer == "queued":
            self._orders += 1
            self._compare_order(asked)

    def _last_asked(self) -> OrderIntent | None:
        return self._door.asked

    def _compare_order(self, intent: OrderIntent) -> None:
        """Hold an order that was let in against the journal's; one that was never written has none."""
        fact = self._requested.get(intent.signal_id)
        if fact is None:
            return
        ours = {
            "symbol": intent.symbol,
            "side": intent.side.value,
            "quantity": intent.quantity,
            "order_type": intent.order_type.value,
            "price": intent.price,
            "rule": intent.rule,
            "reason": intent.reason,
        }
        theirs = {name: fact.payload.get(name) for name in ours}
        if ours != theirs:
            name = next(name for name in ours if ours[name] != theirs[name])
            self._part(intent.symbol, name, str(theirs[name]), str(ours[name]))

    def _compare_facts(self) -> int:
        """Hold what was noted against the journal, in order, and return how many facts that were."""
        since = self._since
        theirs = [fact for fact in self._journal if fact.type in COMPARED and since is not None and fact.at >= since]
        ours = [fact.event for fact in self._notes.facts if fact.event.type in COMPARED]
        for index in range(max(len(ours), len(theirs))):
            our = ours[index] if index < len(ours) else None
            their = theirs[index] if index < len(theirs) else None
            told = "nothing" if our is None else _fact(our.type, our.payload)
            recorded = "nothing" if their is None else _fact(their.type, their.payload)
            if told != recorded:
                at = our.at if our is not None else (their.at if their is not None else self._clock.at)
                payload = our.payload if our is not None else (their.payload if their is not None else {})
                raise _Parted(
                    Difference(
                        at=at, symbol=str(payload.get("symbol", "")), what="fact", recorded=recorded, replayed=told
                    )
                )
        return len(ours)

    def _part(self, symbol: str, what: str, recorded: str, replayed: str) -> None:
        at = self._clock.at
        raise _Parted(Difference(at=at, symbol=symbol, what=what, recorded=recorded, replayed=replayed))


def _no_quote(_symbol: Symbol) -> None:
    """The door's answers are as recorded."""


def _nobody(_symbol: Symbol) -> None:
    """A replay changes no account."""


def _told(intent: OrderIntent) -> str:
    return f"{intent.side} {intent.quantity} at {intent.price or 'market'}, {intent.rule}: {intent.reason}"


def _fact(kind: str, payload: Mapping[str, Any]) -> str:
    """Return a fact as text; what a symbol is called is learned from the broker and decides nothing."""
    told = {name: value for name, value in payload.items() if name != "name"}
    return f"{kind} {json.dumps(told, sort_keys=True, ensure_ascii=False)}"
