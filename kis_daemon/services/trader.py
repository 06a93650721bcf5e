"""The trader: from a price to an order, in one synchronous stretch.

Rules of this room (architecture, section 2; requirements, section 8)
    Only trades of the regular session are looked at. Inside a symbol's quiet band nothing can change: two comparisons.
    A held symbol is asked for its exit, any other one for its entry. Exits need neither history nor universe.
    What the door refuses is asked again at the next price; an exit that the market refused waits out its back-off.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from time import perf_counter

from kis_daemon.domain import exits, positions, risk, strategy
from kis_daemon.domain.calendar import SessionPhase, TradingCalendar
from kis_daemon.domain.exits import Exit, ExitReason, GapRules
from kis_daemon.domain.indicators import Indicators
from kis_daemon.domain.market import Quote, Side, Symbol, Won, move_ticks
from kis_daemon.domain.orders import Order, OrderIntent, OrderState, OrderType, signal_id
from kis_daemon.domain.positions import Position, ProtectionRules
from kis_daemon.domain.risk import Denied, RiskLimits
from kis_daemon.domain.strategy import ENTRY_RULE, EntryRules, EntrySetup, NoSetup, TrendBreakRules
from kis_daemon.ports import Clock, Severity
from kis_daemon.services.approvals import ApprovalDesk, Grant, NotCovered
from kis_daemon.services.book import Book
from kis_daemon.services.journal import Journal
from kis_daemon.services.order_synchronizer import OrderSynchronizer, Queued, Refused

_NOTHING = 1 << 62  # a price no symbol reaches
_MAX_ENTRY_ATTEMPTS = 3  # unfilled tries of one breakout; the fourth would chase it
CLOSED_BACKOFF = timedelta(minutes=5)  # after "market closed": PENDING_EXIT_BACKOFF_MINUTES (L14)
REFUSED_BACKOFF = timedelta(seconds=10)  # after any other refusal: the reconciler reads the account meanwhile


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingRules:
    """All that decides, as configured."""

    entry: EntryRules
    protection: ProtectionRules
    trend_break: TrendBreakRules
    gap: GapRules
    limits: RiskLimits
    commission_ppb: int


@dataclass(slots=True)
class _Desk:
    """What the trader knows of one symbol. `low`, `high`: the quiet band, empty (0, 0) until the first look."""

    symbol: Symbol
    low: Won = 0
    high: Won = 0
    setup: EntrySetup | NoSetup = field(default_factory=lambda: NoSetup(reason="no history yet"))
    indicators: Indicators | None = None
    rank: int = -1
    opened_on: date | None = None
    wanted: Exit | None = None
    exit_blocked_until: datetime | None = None
    blocked_rule: str = ""
    denied: str = ""


class Trader:
    """See the rules above."""

    def __init__(
        self,
        *,
        book: Book,
        journal: Journal,
        synchronizer: OrderSynchronizer,
        desk: ApprovalDesk,
        calendar: TradingCalendar,
        clock: Clock,
        rules: TradingRules,
    ) -> None:
        self._book = book
        self._journal = journal
        self._synchronizer = synchronizer
        self._desk = desk
        self._calendar = calendar
        self._clock = clock
        self._rules = rules
        self._desks: dict[Symbol, _Desk] = {}

    # what changes outside of prices

    def watch(self, universe: Iterable[Symbol]) -> None:
        """Look for entries in these symbols, in this order, and in no other."""
        for desk in self._desks.values():
            desk.rank = -1
        for rank, symbol in enumerate(universe):
            self._desk_of(symbol).rank = rank
        self._open_all_bands()

    def start_day(self) -> None:
        """Forget what held for the day before only; every symbol is looked at again at its first price."""
        for desk in self._desks.values():
            desk.wanted = None
            desk.denied = ""
        self._open_all_bands()

    def learn(self, symbol: Symbol, indicators: Indicators | None) -> None:
        """Take over the values after the last completed bar of `symbol`."""
        desk = self._desk_of(symbol)
        desk.indicators = indicators
        desk.setup = strategy.setup(indicators, self._rules.entry)
        desk.low = desk.high = 0

    def on_change(self, order: Order) -> None:
        """An order moved, and perhaps the position of its symbol: its band no longer holds."""
        desk = self._desk_of(order.intent.symbol)
        desk.low = desk.high = 0
        if desk.symbol not in self._book.positions:
            self._end_exit(desk)

    def on_refusal(self, order: Order, market_closed: bool) -> None:
        """The broker refused an order: an exit waits before its next try, and a person is told once (S3-P)."""
        if order.intent.side is not Side.SELL:
            return
        desk = self._desk_of(order.intent.symbol)
        desk.exit_blocked_until = self._clock.now() + (CLOSED_BACKOFF if market_closed else REFUSED_BACKOFF)
        if desk.blocked_rule != order.intent.rule:
            desk.blocked_rule = order.intent.rule
            self._tell_pending("exit_pending", desk, order.refusal)

    # prices

    def on_quote(self, quote: Quote) -> None:
        """Decide what this price asks for."""
        desk = self._desks.get(quote.symbol)
        if desk is None or desk.low < quote.price < desk.high:
            return
        self._look(desk, quote, perf_counter())

    def _look(self, desk: _Desk, quote: Quote, seen_at: float) -> None:
        day = self._calendar.trading_day(quote.at.date()) if self._calendar.covers(quote.at.date()) else None
        if day is None or not day.opens_at <= quote.at <= day.closes_at:
            return
        phase = day.phase(self._clock.now())
        position = self._book.positions.get(desk.symbol)
        if position is not None:
            self._look_at_exit(desk, position, quote, phase, seen_at)
        elif desk.rank >= 0 and isinstance(desk.setup, EntrySetup) and quote.price > desk.setup.level:
            self._look_at_entry(desk, desk.setup, quote, phase, seen_at)
        desk.low, desk.high = self._band(desk, quote.at.date())

    def _band(self, desk: _Desk, on: date) -> tuple[Won, Won]:
        position = self._book.positions.get(desk.symbol)
        if position is not None:
            if desk.wanted is not None or self._broken(desk, position) is not None:
                return 0, 0
            return exits.quiet_band(position, on, self._rules.protection)
        if desk.rank < 0 or isinstance(desk.setup, NoSetup):
            return -1, _NOTHING
        return -1, desk.setup.level + 1

    # entries

    def _look_at_entry(self, desk: _Desk, setup: EntrySetup, quote: Quote, phase: SessionPhase, seen_at: float) -> None:
        listing = self._book.listings.get(desk.symbol)
        if (
            phase is not SessionPhase.REGULAR
            or listing is None
            or quote.halted
            or quote.in_vi
            or listing.suspended
            or listing.under_administration
            or listing.in_liquidation
            or quote.ask <= 0
            or quote.price >= listing.upper_limit
            or self._book.live_order(desk.symbol, Side.BUY) is not None
            or self._book.live_order(desk.symbol, Side.SELL) is not None
            or desk.symbol in self._book.external
        ):
            return
        today = quote.at.date()
        seq = self._book.next_entry_seq(desk.symbol, today)
        attempt = self._book.attempts(desk.symbol, ENTRY_RULE, today, seq)
        if attempt >= _MAX_ENTRY_ATTEMPTS or self._refused_by_broker(desk.symbol, today):
            return
        figures = self._book.figures(self._resting(today))
        verdict = risk.check_entry(desk.symbol, figures, self._rules.limits)
        if isinstance(verdict, Denied):
            self._deny(desk, verdict)
            return
        limit = min(move_ticks(quote.ask, self._rules.entry.limit_ticks, listing.market, today), listing.upper_limit)
        quantity = risk.entry_quantity(
            limit,
            self._rules.protection.stop_atr * setup.atr,
            figures,
            self._rules.limits,
            self._rules.commission_ppb,
        )
        if isinstance(quantity, Denied):
            self._deny(desk, quantity)
            return
        signal = signal_id(today, desk.symbol, ENTRY_RULE, seq, attempt)
        intent = OrderIntent(
            symbol=desk.symbol,
            market=listing.market,
            side=Side.BUY,
            quantity=quantity,
            order_type=OrderType.LIMIT,
            price=limit,
            signal_id=signal,
            rule=ENTRY_RULE,
            reason=setup.reason(quote.price),
            correlation_id=signal,
            entry_seq=seq,
            atr=setup.atr,
        )
        grant = self._desk.for_entry(intent, limit, self._book.notional_today)
        if isinstance(grant, NotCovered):
            self._deny(desk, Denied(code="mandate", reason=grant.reason))
            return
        if isinstance(self._place(intent, grant, seen_at), Queued):
            self._book.notional_today += limit * quantity

    def _deny(self, desk: _Desk, denied: Denied) -> None:
        """Say once a day and reason why a breakout is not bought."""
        if desk.denied == denied.code:
            return
        desk.denied = denied.code
        self._journal.note(
            self._journal.fact("entry_denied", symbol=desk.symbol, code=denied.code, reason=denied.reason)
        )

    def _refused_by_broker(self, symbol: Symbol, today: date) -> bool:
        """Whether the broker said no to an entry of `symbol` today; the same question has the same answer."""
        return any(
            order.state is OrderState.REJECTED
            and order.day == today
            and order.intent.symbol == symbol
            and order.intent.side is Side.BUY
            for order in self._book.orders.values()
        )

    def _resting(self, today: date) -> list[Symbol]:
        """Return the symbols whose cool-down after a stop is not over: `cooldown_days` trading days, its own the first."""
        days = self._rules.entry.cooldown_days
        return [
            symbol
            for symbol, stopped in self._book.stopped_on.items()
            if stopped == today or len(self._calendar.trading_days(stopped, today)) - 1 < days
        ]

    # exits

    def _look_at_exit(self, desk: _Desk, position: Position, quote: Quote, phase: SessionPhase, seen_at: float) -> None:
        today = quote.at.date()
        opening_gap = None
        if desk.opened_on != today:
            desk.opened_on = today
            opening_gap = self._opening_gap(position, quote, today)
        seen = positions.seen(position, quote.price, self._rules.protection)
        if seen is not position:
            self._book.positions[desk.symbol] = seen
            if seen.trailing_armed and not position.trailing_armed:
                self._note_armed(seen)
        decided = exits.decide(seen, quote.price, today, self._rules.protection, opening_gap, self._broken(desk, seen))
        if decided is not None and decided.rule is ExitReason.GAP_PROTECTION:
            desk.wanted = decided  # the gap is looked at once; what it decided stands until it is sold
        wanted = desk.wanted or decided
        if wanted is not None:
            self._sell(desk, seen, wanted, quote, phase, seen_at)

    def _opening_gap(self, position: Position, quote: Quote, today: date) -> exits.Gap | None:
        listing = self._book.listings.get(position.symbol)
        if listing is None:
            return None
        found = exits.gap(position, quote.open or quote.price, listing.base_price, today, self._rules.gap)
        if found is not None and found.triggered:
            self._journal.note(
                self._journal.fact(
                    "gap_exit",
                    severity=Severity.WARNING,
                    alerts=True,
                    correlation_id=position.correlation_id,
                    symbol=position.symbol,
                    name=position.name,
                    open_price=found.open_price,
                    reference=found.reference.value,
                    reference_price=found.reference_price,
                    raw_gap_pct=round(found.raw_gap_pct, 6),
                    threshold_pct=found.threshold_pct,
                    triggered=True,
                    reason=ExitReason.GAP_PROTECTION.value,
                )
            )
        return found

    def _broken(self, desk: _Desk, position: Position) -> str | None:
        if desk.indicators is None or desk.indicators.last.date < position.entry_day:
            return None
        return strategy.trend_break(desk.indicators, self._rules.trend_break)

    def _sell(
        self,
        desk: _Desk,
        position: Position,
        wanted: Exit,
        quote: Quote,
        phase: SessionPhase,
        seen_at: float,
    ) -> None:
        now = self._clock.now()
        if phase is SessionPhase.CLOSED or quote.halted:
            return
        if self._book.live_order(desk.symbol, Side.SELL) is not None:
            return
        if desk.exit_blocked_until is not None and now < desk.exit_blocked_until:
            return
        listing = self._book.listings.get(desk.symbol)
        market_order = phase is SessionPhase.REGULAR and not quote.in_vi
        if not market_order and listing is None:
            return  # without the day's lower limit no order can rest in an auction; the next price asks again
        floor = None if market_order or listing is None else listing.lower_limit
        rule = wanted.rule.value
        today = now.date()
        seq = position.entry_seq
        attempt = self._book.attempts(desk.symbol, rule, today, seq)
        intent = OrderIntent(
            symbol=desk.symbol,
            market=position.market,
            side=Side.SELL,
            quantity=position.quantity,
            order_type=OrderType.MARKET if floor is None else OrderType.LIMIT,
            price=floor,
            signal_id=signal_id(today, desk.symbol, rule, seq, attempt),
            rule=rule,
            reason=wanted.reason,
            correlation_id=position.correlation_id,
            entry_seq=seq,
            atr=0.0,
        )
        grant = self._desk.for_exit(intent, position)
        if isinstance(grant, NotCovered):
            raise RuntimeError(grant.reason)  # sized from the very position the mandate is
        self._place(intent, grant, seen_at)

    def _end_exit(self, desk: _Desk) -> None:
        """Nothing is held any more: what was pending is cleared."""
        if desk.blocked_rule:
            self._tell_pending("exit_pending_cleared", desk, "")
        desk.exit_blocked_until = None
        desk.blocked_rule = ""
        desk.wanted = None

    # small things

    def _place(self, intent: OrderIntent, grant: Grant, seen_at: float) -> Queued | Refused:
        placed = self._synchronizer.place(intent, grant, seen_at)
        if isinstance(placed, Queued):
            self._journal.note(
                self._journal.fact(
                    "signal_raised",
                    correlation_id=intent.correlation_id,
                    symbol=intent.symbol,
                    name=self._book.names.get(intent.symbol, ""),
                    side=intent.side.value,
                    rule=intent.rule,
                    reason=intent.reason,
                    signal_id=intent.signal_id,
                )
            )
        return placed

    def _tell_pending(self, event: str, desk: _Desk, reason: str) -> None:
        self._journal.note(
            self._journal.fact(
                event,
                severity=Severity.WARNING,
                alerts=True,
                symbol=desk.symbol,
                name=self._book.names.get(desk.symbol, ""),
                rule=desk.blocked_rule,
                reason=reason,
            )
        )

    def _note_armed(self, position: Position) -> None:
        self._journal.note(
            self._journal.fact(
                "trailing_armed",
                correlation_id=position.correlation_id,
                symbol=position.symbol,
                name=position.name,
                highest=position.highest,
            ),
            also=lambda rows: rows.save_position(position),
        )

    def _desk_of(self, symbol: Symbol) -> _Desk:
        desk = self._desks.get(symbol)
        if desk is None:
            desk = self._desks[symbol] = _Desk(symbol)
        return desk

    def _open_all_bands(self) -> None:
        for desk in self._desks.values():
            desk.low = desk.high = 0

    def listings_needed(self) -> list[Symbol]:
        """Return the symbols whose listing of the day is wanted: held first, then by rank."""
        ranked = sorted((desk for desk in self._desks.values() if desk.rank >= 0), key=lambda desk: desk.rank)
        return list(dict.fromkeys([*self._book.positions, *(desk.symbol for desk in ranked)]))
