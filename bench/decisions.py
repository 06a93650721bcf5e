"""What a price costs between board and door, and what a new day's indicators cost, beside a bare loop.

Rules of this room
    A pass is short and alone in its thread; its time is the processor time of this process. A round's figure is the
    best of its passes: what comes from beside it (another process in the same cache) only ever adds.
    The bare loop calls a function that does nothing for the same quotes: what Python takes before anything is done.
    The board is the daemon's, its listener the daemon's trader, who takes down what each decision was made from; that
    this becomes text and is written, seconds later, is not measured. Quotes are made before the clock is read.
    A decision ends with the intent, at a door that stays shut. The order's single-use token is not part of it: it is
    measured by itself. What the order then costs is measured in orders.py.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random

from bench.figures import Figure
from bench.processes import ROOT, BenchError
from kis_daemon.app.entropy import SeededEntropy
from kis_daemon.app.files import load_calendar
from kis_daemon.domain.approvals import Mandate
from kis_daemon.domain.calendar import KST, TradingCalendar
from kis_daemon.domain.exits import GapRules
from kis_daemon.domain.indicators import IndicatorPeriods, Indicators, IndicatorSeries
from kis_daemon.domain.market import (
    Bar,
    Listing,
    Market,
    Quote,
    QuoteSession,
    QuoteSource,
    Side,
    Symbol,
    Won,
    price_limits,
)
from kis_daemon.domain.orders import OrderIntent, OrderType, SignalId
from kis_daemon.domain.positions import Position, ProtectionRules
from kis_daemon.domain.risk import RiskLimits
from kis_daemon.domain.strategy import EntryRules, TrendBreakRules
from kis_daemon.ports import Alert
from kis_daemon.services.approvals import ApprovalDesk, Grant, Provenance
from kis_daemon.services.audit_inputs import InputFile
from kis_daemon.services.audit_recorder import RecordedDoor, RecordedTrader
from kis_daemon.services.book import Book
from kis_daemon.services.buyer import Buyer
from kis_daemon.services.desks import TradingRules
from kis_daemon.services.door import Refused
from kis_daemon.services.journal import Journal
from kis_daemon.services.locks import Locks
from kis_daemon.services.quotes import QuoteBoard
from kis_daemon.services.risk_manager import RiskManager
from kis_daemon.services.seller import Seller
from kis_daemon.store.memory import MemoryRecords

QUIET_US, DECISION_US, INDICATORS_MS = 1.5, 20.0, 10.0
FLOOR, QUIET = "bare loop over quotes", "tick inside the quiet band"
NEW_HIGH, BREAKOUT, STOP = "decision: a new high", "decision: a breakout, sized", "decision: a stop"
TOKEN = "token of an exit, by its mandate"
INDICATORS = "indicators of a new day, 40 x 250 bars"

_DAY = date(2026, 3, 3)
_AT = datetime(2026, 3, 3, 10, 0, tzinfo=KST)
_SYMBOLS = tuple(Symbol(f"{100_000 + 10 * number:06}") for number in range(40))
_BARS = 250
_ENTRY, _LEVEL = 70_000, 80_000


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionPlan:
    """How many figures, of the best of how many passes, of how many prices."""

    rounds: int = 5
    passes: int = 5
    ticks: int = 10_000
    decisions: int = 1_000


DECISIONS = DecisionPlan()
DECISIONS_QUICK = DecisionPlan(rounds=1, passes=2, ticks=2_000, decisions=200)


def decisions(plan: DecisionPlan) -> list[Figure]:
    """Measure ticks, decisions and indicators."""
    calendar = load_calendar(ROOT / "config")
    histories = [_bars(calendar, Random(number)) for number in range(len(_SYMBOLS))]
    values: dict[str, list[float]] = {}
    for _ in range(plan.rounds):
        for name, measure, count in (
            (FLOOR, _floor, plan.ticks),
            (QUIET, _quiet, plan.ticks),
            (NEW_HIGH, _new_high, plan.decisions),
            (BREAKOUT, _breakout, plan.decisions),
            (STOP, _stop, plan.decisions),
            (TOKEN, _token, plan.decisions),
        ):
            best = min(measure(calendar, count) for _ in range(plan.passes))
            values.setdefault(name, []).append(best / count * 1e6)
        best = min(_indicators(histories) for _ in range(plan.passes))
        values.setdefault(INDICATORS, []).append(best * 1e3)
    most = {QUIET: QUIET_US, NEW_HIGH: DECISION_US, BREAKOUT: DECISION_US, STOP: DECISION_US}
    figures = [
        Figure(name=name, unit="µs CPU", values=values[name], beside=FLOOR, most=most.get(name))
        for name in (FLOOR, QUIET, NEW_HIGH, BREAKOUT, STOP, TOKEN)
    ]
    return [*figures, Figure(name=INDICATORS, unit="ms CPU", values=values[INDICATORS], most=INDICATORS_MS)]


# passes: seconds of the processor


def _floor(_calendar: TradingCalendar, count: int) -> float:
    return _timed(_nothing, _quotes(count, lambda number: _ENTRY + number % 7))


def _quiet(calendar: TradingCalendar, count: int) -> float:
    desk = _Desk(calendar)
    for quote in _quotes(len(_SYMBOLS), lambda _: _ENTRY, before_s=1):
        desk.board.publish(quote)
    return _timed(desk.board.publish, _quotes(count, lambda number: _ENTRY - number % 7))


def _new_high(calendar: TradingCalendar, count: int) -> float:
    """Each price is the highest so far: the position moves and its band is drawn anew; nothing is sold."""
    desk = _Desk(calendar)
    return _timed(desk.board.publish, _quotes(count, lambda number: _ENTRY + 1 + number // len(_SYMBOLS)))


def _breakout(calendar: TradingCalendar, count: int) -> float:
    """Each price is a breakout: checked, sized, made an intent."""
    desk = _Desk(calendar, holds=False)
    return _timed(desk.board.publish, _quotes(count, lambda _: _LEVEL + 100))


def _stop(calendar: TradingCalendar, count: int) -> float:
    """Each price is under the stop: decided and made an intent."""
    desk = _Desk(calendar)
    return _timed(desk.board.publish, _quotes(count, lambda _: _ENTRY - 3_000))


def _token(_calendar: TradingCalendar, count: int) -> float:
    desk = _approvals()
    return _timed(lambda _: desk.for_exit(*_SALE), _quotes(count, lambda _: _ENTRY))


def _indicators(histories: Sequence[Sequence[Bar]]) -> float:
    periods = IndicatorPeriods()
    gc.collect()
    begun = time.process_time()
    for bars in histories:
        series = IndicatorSeries(periods)
        series.feed_all(bars)
        _ = series.values
    return time.process_time() - begun


def _timed(act: Callable[[Quote], object], quotes: Sequence[Quote]) -> float:
    gc.collect()
    begun = time.process_time()
    for quote in quotes:
        act(quote)
    return time.process_time() - begun


def _nothing(_quote: Quote) -> None:
    """The floor: a call, and nothing in it."""


# what they work on


class _ShutDoor:
    def place(self, intent: OrderIntent, grant: Grant, seen_at: float | None = None) -> Refused:  # noqa: ARG002  # the same answer to all
        return Refused(code="shut", reason="measuring")


class _OneToken(ApprovalDesk):
    """Gives everybody the same grant."""

    def __init__(self, grant: Grant) -> None:
        self._one = grant

    def for_entry(self, intent: OrderIntent, reference_price: Won, notional_today: Won) -> Grant:  # noqa: ARG002  # the same answer to all
        return self._one

    def for_exit(self, intent: OrderIntent, position: Position) -> Grant:  # noqa: ARG002  # the same answer to all
        return self._one


class _StandingClock:
    def now(self) -> datetime:
        return _AT

    async def sleep_until(self, when: datetime) -> None:
        raise RuntimeError(f"slept until {when}: expected no wait")


class _Deaf:
    def tell(self, alert: Alert) -> None:
        """Nobody listens."""


class _Desk:
    """The daemon's board and trader over forty symbols, all held or all ready to be bought."""

    def __init__(self, calendar: TradingCalendar, *, holds: bool = True) -> None:
        clock, book = _StandingClock(), Book(statement_cash=10_000_000_000, day=_DAY, day_base_equity=10_000_000_000)
        journal = Journal(MemoryRecords(), clock, _Deaf())
        grant = _approvals().for_exit(*_SALE)
        if not isinstance(grant, Grant):
            raise BenchError(grant.reason)
        approvals = _OneToken(grant)
        rules = TradingRules(
            entry=EntryRules(),
            protection=ProtectionRules(),
            trend_break=TrendBreakRules(),
            gap=GapRules(),
            limits=replace(RiskLimits(), max_positions=len(_SYMBOLS)),
            commission_ppb=140_000,
        )
        door = RecordedDoor(_ShutDoor())
        buyer = Buyer(
            book=book,
            journal=journal,
            synchronizer=door,
            approvals=approvals,
            risk=RiskManager(book=book, calendar=calendar, clock=clock, rules=rules, quote=lambda _: None),
            rules=rules,
        )
        locks = Locks(book=book, journal=journal, clock=clock, on_change=lambda _: None)
        seller = Seller(
            book=book,
            journal=journal,
            locks=locks,
            synchronizer=door,
            approvals=approvals,
            clock=clock,
            rules=rules,
        )
        trader = RecordedTrader(
            book=book,
            buyer=buyer,
            seller=seller,
            calendar=calendar,
            clock=clock,
            rules=rules,
            file=InputFile(Path(), clock, _Deaf()),  # nobody has it write
            door=door,
            mandates=lambda: (_MANDATE,),
            bars=lambda _: (),
        )
        self.board = QuoteBoard()
        self.board.listen(trader.on_quote)
        before = calendar.previous_trading_day(_DAY).date
        for symbol in _SYMBOLS:
            book.listings[symbol] = _listing(symbol)
            if holds:
                book.positions[symbol] = _position(symbol, before)
        trader.start_day()
        trader.watch(_SYMBOLS)
        for symbol in _SYMBOLS:
            trader.learn(symbol, _strong(before), lambda _: 0)


def _approvals() -> ApprovalDesk:
    provenance = Provenance(config_hash="", git_commit_sha="", schema_version="")
    return ApprovalDesk(b"s" * 32, SeededEntropy("bench"), _StandingClock(), None, provenance)


def _quotes(count: int, price: Callable[[int], int], before_s: int = 0) -> list[Quote]:
    """Return `count` trades of the symbols in turn, each newer than the one before it."""
    return [
        Quote(
            symbol=_SYMBOLS[number % len(_SYMBOLS)],
            price=price(number),
            at=_AT - timedelta(seconds=before_s),
            ask=price(number),
            bid=price(number) - 100,
            open=_ENTRY,
            high=price(number),
            low=_ENTRY - 3_000,
            day_volume=1_000 + number - before_s * 100,
            session=QuoteSession.REGULAR,
            halted=False,
            in_vi=False,
            source=QuoteSource.STREAM,
        )
        for number in range(count)
    ]


def _listing(symbol: Symbol) -> Listing:
    lower, upper = price_limits(_ENTRY, Market.KOSPI, _DAY)
    return Listing(
        symbol=symbol,
        name="",
        market=Market.KOSPI,
        base_price=_ENTRY,
        upper_limit=upper,
        lower_limit=lower,
        suspended=False,
        under_administration=False,
        in_liquidation=False,
    )


def _position(symbol: Symbol, entered: date) -> Position:
    return Position(
        symbol=symbol,
        name="",
        market=Market.KOSPI,
        quantity=10,
        cost=_ENTRY * 10,
        fees=0,
        entry_day=entered,
        entry_seq=1,
        opened_at=_AT - timedelta(days=1),
        atr=1_500.0,
        stop=_ENTRY - 3_000,
        target=_ENTRY * 2,
        highest=_ENTRY,
        trailing_armed=False,
        correlation_id="bench",
    )


def _strong(day: date) -> Indicators:
    last = Bar(date=day, open=_LEVEL, high=_LEVEL, low=_LEVEL - 100, close=_LEVEL, volume=1_000_000)
    return Indicators(bars=_BARS, last=last, atr=1_500.0, atr_spike=1.0, adx=30.0, sma=60_000.0, highest_high=_LEVEL)


def _bars(calendar: TradingCalendar, chance: Random) -> list[Bar]:
    days = calendar.trading_days(_DAY - timedelta(days=2 * _BARS), _DAY)[-_BARS:]
    bars, close = [], 50_000
    for day in days:
        open_, close = close, max(close + chance.randint(-900, 950), 1_000)
        high, low = max(open_, close) + chance.randint(0, 500), min(open_, close) - chance.randint(0, 500)
        bars.append(Bar(date=day.date, open=open_, high=high, low=low, close=close, volume=100_000))
    return bars


_MANDATE = Mandate(
    mandate_id="bench",
    signed_by="bench",
    signed_at=_AT,
    expires_at=_AT,
    side=Side.BUY,
    symbols=(),
    max_quantity=1,
    max_notional_a_day=1,
)
_HELD = _position(_SYMBOLS[0], _DAY)
_SALE = (
    OrderIntent(
        symbol=_HELD.symbol,
        market=_HELD.market,
        side=Side.SELL,
        quantity=_HELD.quantity,
        order_type=OrderType.MARKET,
        price=None,
        signal_id=SignalId("bench"),
        rule="ATR_STOP_LOSS",
        reason="",
        correlation_id="bench",
        entry_seq=1,
        atr=0.0,
    ),
    _HELD,
)
