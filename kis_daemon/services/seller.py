"""The seller: keeps a position's highest price, and from an exit's reason to its order.

Rules of this room (requirements, section 8; S3-P)
    Gap, stop, target, trailing, trend break, in this order; one exit of a position at a time.
    A locked symbol and one in liquidation trading are not sold by themselves, nor one whose open no limits explain.
    Market orders in continuous trading; in an auction or VI a limit at the day's lower limit, which takes the auction's
    price. What the broker refused is tried again after its back-off; a person is told once, and once when it is over.
"""

from __future__ import annotations

from datetime import date, timedelta

from kis_daemon.domain import exits, positions, strategy
from kis_daemon.domain.calendar import SessionPhase
from kis_daemon.domain.exits import Exit, ExitReason
from kis_daemon.domain.market import Quote, Side, Won
from kis_daemon.domain.orders import Order, OrderIntent, OrderState, OrderType, signal_id
from kis_daemon.domain.positions import Position
from kis_daemon.ports import Clock, Severity
from kis_daemon.services.approvals import ApprovalDesk, NotCovered
from kis_daemon.services.book import Book
from kis_daemon.services.desks import SymbolDesk, TradingRules
from kis_daemon.services.door import Door, Queued
from kis_daemon.services.journal import Journal
from kis_daemon.services.locks import Locks
from kis_daemon.services.signals import note_signal

CLOSED_BACKOFF = timedelta(minutes=5)  # after "market closed": PENDING_EXIT_BACKOFF_MINUTES (L14)
_BEYOND_LIMITS = 0.305  # a day's limits are 30 %, and a tick
REFUSED_BACKOFF = timedelta(seconds=10)  # after any other refusal: the reconciler reads the account meanwhile


def sale(book: Book, position: Position, wanted: Exit, today: date, floor: Won | None) -> OrderIntent | None:
    """Return the next order that sells `position`, at the market or not under `floor`; None if none may be sold."""
    quantity = min(position.quantity, book.sellable_cap.get(position.symbol, position.quantity))
    if quantity <= 0:
        return None
    rule, seq = wanted.rule.value, position.entry_seq
    attempt = book.attempts(position.symbol, rule, today, seq)
    return OrderIntent(
        symbol=position.symbol,
        market=position.market,
        side=Side.SELL,
        quantity=quantity,
        order_type=OrderType.MARKET if floor is None else OrderType.LIMIT,
        price=floor,
        signal_id=signal_id(today, position.symbol, rule, seq, attempt),
        rule=rule,
        reason=wanted.reason,
        correlation_id=position.correlation_id,
        entry_seq=seq,
        atr=0.0,
    )


class Seller:
    """See the rules above."""

    def __init__(
        self,
        *,
        book: Book,
        journal: Journal,
        locks: Locks,
        synchronizer: Door,
        approvals: ApprovalDesk,
        clock: Clock,
        rules: TradingRules,
    ) -> None:
        self._book = book
        self._journal = journal
        self._locks = locks
        self._synchronizer = synchronizer
        self._approvals = approvals
        self._clock = clock
        self._rules = rules

    def look(self, desk: SymbolDesk, position: Position, quote: Quote, phase: SessionPhase, seen_at: float) -> None:
        """Take the price in, and sell if it asks for it."""
        today = quote.at.date()
        if desk.symbol in self._book.locked:
            self._tell_blocked(desk, "LOCKED", self._book.locked[desk.symbol].reason)
            return
        listing = self._book.listings.get(desk.symbol)
        if listing is not None and listing.in_liquidation:
            self._tell_blocked(desk, "LIQUIDATION", "liquidation trading has no rule")
            return
        if self._is_beyond_belief(position, quote):
            return
        opening_gap = None
        if desk.opened_on != today and desk.symbol in self._book.listings and quote.open > 0:
            desk.opened_on = today
            opening_gap = self._opening_gap(position, quote, today)
        # The day's high counts for a position of an earlier day, also where a restart has not seen it happen.
        highest = max(quote.price, quote.high) if position.entry_day < today else quote.price
        seen = positions.seen(position, highest, self._rules.protection)
        if seen is not position:
            self._book.positions[desk.symbol] = seen
            if seen.trailing_armed and not position.trailing_armed:
                self._note_armed(seen)
        decided = exits.decide(
            seen, quote.price, today, self._rules.protection, opening_gap, self.broken_trend(desk, seen)
        )
        if decided is not None and decided.rule is ExitReason.GAP_PROTECTION:
            desk.wanted = decided  # the gap is looked at once; what it decided stands until it is sold
        wanted = desk.wanted or decided
        if wanted is not None:
            self._sell(desk, seen, wanted, quote, phase, seen_at)

    def _is_beyond_belief(self, position: Position, quote: Quote) -> bool:
        """Lock a symbol that opens where no day's limits let it: its levels are of other shares (section 8)."""
        close = self._book.closed_at.get(position.symbol)
        if not close or not quote.open or abs(quote.open / close - 1) <= _BEYOND_LIMITS:
            return False
        reason = f"open {quote.open}, our last close {close}"
        self._locks.no_exit(position, reason, "corporate_action_unproven")
        return True

    def catch_up(self, position: Position, highest: int) -> None:
        """Let completed bars after the entry day count that no price of ours has shown (section 8, days missed)."""
        seen = positions.seen(position, highest, self._rules.protection)
        if seen is not position:
            self._book.positions[position.symbol] = seen

    def broken_trend(self, desk: SymbolDesk, position: Position) -> str | None:
        """Return why the trend under `position` is broken, judged on completed bars since its entry day."""
        if desk.indicators is None or desk.indicators.last.date < position.entry_day:
            return None
        return strategy.trend_break(desk.indicators, self._rules.trend_break)

    def refused(self, desk: SymbolDesk, order: Order, market_closed: bool) -> None:
        """The broker refused an exit: it waits before its next try, and a person is told once (S3-P)."""
        desk.block_exit(self._clock.now(), CLOSED_BACKOFF if market_closed else REFUSED_BACKOFF)
        self._tell_blocked(desk, order.intent.rule, order.refusal)

    def ended(self, desk: SymbolDesk, order: Order) -> None:
        """An exit ended with something left to sell: one that was never sent or was rejected waits before the next."""
        never_sent = order.state is OrderState.CANCELLED and order.order_no is None
        if never_sent or order.state is OrderState.REJECTED:
            desk.block_exit(self._clock.now(), REFUSED_BACKOFF)

    def _tell_blocked(self, desk: SymbolDesk, rule: str, reason: str) -> None:
        if desk.blocked_rule != rule:
            desk.blocked_rule = rule
            self._tell_pending("exit_pending", desk, reason)

    def sold_out(self, desk: SymbolDesk) -> None:
        """Nothing is held any more: what was pending is cleared."""
        if desk.blocked_rule:
            self._tell_pending("exit_pending_cleared", desk, "")
        desk.exit_blocked_at = desk.exit_blocked_until = None
        desk.blocked_rule = ""
        desk.wanted = None

    def _opening_gap(self, position: Position, quote: Quote, today: date) -> exits.Gap | None:
        listing = self._book.listings.get(position.symbol)
        if listing is None:
            return None
        found = exits.gap(position, quote.open, listing.base_price, today, self._rules.gap)
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

    def _sell(
        self,
        desk: SymbolDesk,
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
        if desk.is_exit_blocked(now):
            return
        listing = self._book.listings.get(desk.symbol)
        market_order = phase is SessionPhase.REGULAR and not quote.in_vi
        if not market_order and listing is None:
            return  # without the day's lower limit no order can rest in an auction; the next price asks again
        floor = None if market_order or listing is None else listing.lower_limit
        intent = sale(self._book, position, wanted, now.date(), floor)
        if intent is None:
            self._tell_blocked(desk, wanted.rule.value, "the broker lets none of the shares be sold")
            return
        grant = self._approvals.for_exit(intent, position)
        if isinstance(grant, NotCovered):
            raise RuntimeError(grant.reason)  # sized from the very position the mandate is
        if isinstance(self._synchronizer.place(intent, grant, seen_at), Queued):
            note_signal(
                self._journal,
                self._book,
                intent,
                tick=quote.price,
                tick_at=quote.at.isoformat(),
                held=position.quantity,
                stop=position.stop,
                target=position.target,
                highest=position.highest,
            )

    def _tell_pending(self, event: str, desk: SymbolDesk, reason: str) -> None:
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
            also=lambda rows: rows.save_levels(position),
        )
