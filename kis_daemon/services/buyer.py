"""The buyer: from a breakout to an order, or to the reason why not.

Rules of this room (requirements, section 8)
    Only in continuous trading, unhalted, under the upper limit, with nothing held or live in the symbol.
    Where a person approves each entry it is proposed instead, once a signal and day.
    A breakout is tried three times at most, and not again on a day on which the broker refused it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from kis_daemon.domain import risk
from kis_daemon.domain.calendar import SessionPhase
from kis_daemon.domain.market import Quote, Side, Symbol, move_ticks
from kis_daemon.domain.orders import OrderIntent, OrderState, OrderType, signal_id
from kis_daemon.domain.risk import Denied
from kis_daemon.domain.strategy import ENTRY_RULE, EntrySetup
from kis_daemon.services.approvals import ApprovalDesk, NotCovered
from kis_daemon.services.book import Book
from kis_daemon.services.desks import SymbolDesk, TradingRules
from kis_daemon.services.door import Door, Queued
from kis_daemon.services.journal import Journal
from kis_daemon.services.risk_manager import RiskManager
from kis_daemon.services.signals import note_signal

_MAX_ATTEMPTS = 3  # unfilled tries of one breakout; the fourth would chase it


class Buyer:
    """See the rules above."""

    def __init__(
        self,
        *,
        book: Book,
        journal: Journal,
        synchronizer: Door,
        approvals: ApprovalDesk,
        risk: RiskManager,
        rules: TradingRules,
        propose: Callable[[OrderIntent], None] = lambda _: None,
    ) -> None:
        self._book = book
        self._journal = journal
        self._synchronizer = synchronizer
        self._approvals = approvals
        self._risk = risk
        self._rules = rules
        self._propose = propose

    def look(self, desk: SymbolDesk, setup: EntrySetup, quote: Quote, phase: SessionPhase, seen_at: float) -> None:
        """Buy if all of it allows; a denial is kept with its numbers."""
        listing = self._book.listings.get(desk.symbol)
        if listing is None or risk.market_refuses(listing, quote, phase) or self._is_busy(desk.symbol):
            return
        today = quote.at.date()
        seq = self._book.next_entry_seq(desk.symbol, today)
        attempt = self._book.attempts(desk.symbol, ENTRY_RULE, today, seq)
        if attempt >= _MAX_ATTEMPTS or self._refused_by_broker(desk.symbol, today):
            return
        figures = self._risk.figures()
        verdict = self._risk.may_enter(desk.symbol, figures)
        if isinstance(verdict, Denied):
            self._deny(desk, verdict)
            return
        ticks = self._rules.entry.limit_ticks
        limit = min(move_ticks(risk.touch(quote), ticks, listing.market, today), listing.upper_limit)
        stop_distance = self._rules.protection.stop_atr * setup.atr
        quantity = self._risk.size(limit, stop_distance, figures)
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
        if self._rules.asks_a_person:
            self._ask_a_person(desk, intent, quote)
            return
        grant = self._approvals.for_entry(intent, limit, self._book.notional_today)
        if isinstance(grant, NotCovered):
            self._deny(desk, Denied(code="mandate", reason=grant.reason))
            return
        if isinstance(self._synchronizer.place(intent, grant, seen_at), Queued):
            note_signal(
                self._journal,
                self._book,
                intent,
                tick=quote.price,
                tick_at=quote.at.isoformat(),
                ask=quote.ask,
                equity=figures.equity,
                cash=figures.cash,
                busy=len(figures.busy_symbols),
                entries_today=figures.entries_today,
                losses_in_a_row=figures.consecutive_losses,
                realized_today=figures.realized_today,
                day_base_equity=figures.day_base_equity,
                stop_distance=round(stop_distance, 6),
                notional_today=self._book.notional_today,
            )
            self._book.notional_today += limit * quantity

    def _ask_a_person(self, desk: SymbolDesk, intent: OrderIntent, quote: Quote) -> None:
        """Propose the order of a signal, once."""
        told = f"proposed {intent.signal_id}"
        if told in desk.denied:
            return
        desk.denied.add(told)
        note_signal(self._journal, self._book, intent, tick=quote.price, tick_at=quote.at.isoformat(), ask=quote.ask)
        self._propose(intent)

    def _is_busy(self, symbol: Symbol) -> bool:
        book = self._book
        return (
            book.live_order(symbol, Side.BUY) is not None
            or book.live_order(symbol, Side.SELL) is not None
            or symbol in book.external
        )

    def _deny(self, desk: SymbolDesk, denied: Denied) -> None:
        """Say once a day and reason why a breakout is not bought."""
        if denied.code in desk.denied:
            return
        desk.denied.add(denied.code)
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
