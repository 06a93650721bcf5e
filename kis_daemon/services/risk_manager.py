"""The risk manager: one for the account; what may be bought, how much of it, and how near the limits are.

Rules of this room (S3-F04..F07, C15; requirements, section 8)
    Everything is derived from the book, and the book from stored orders, fills and trades: a restart forgets nothing.
    The buyer asks it for its sizes; the door asks it for every order, whoever wants it. A sale is never denied.
    What was won or lost today (당일 실현 손익) is the base of the limits; what is open (계좌 평가손익) is only shown.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from kis_daemon.domain import risk
from kis_daemon.domain.calendar import TradingCalendar
from kis_daemon.domain.first_steps import check_first_day, first_quantity
from kis_daemon.domain.market import Quote, Side, Symbol, Won
from kis_daemon.domain.orders import OrderIntent
from kis_daemon.domain.risk import AccountFigures, Allowed, Denied
from kis_daemon.ports import Clock
from kis_daemon.services.book import Book
from kis_daemon.services.desks import TradingRules
from kis_daemon.services.hours import trading_phase
from kis_daemon.services.quotes import FRESH


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskStatus:
    """How the account stands. `realized_pnl` (당일 실현 손익) is measured against `daily_loss_limit`; `open_pnl` (계좌
    평가손익) is what the positions would bring now, None while a price is missing. They differ, and both are right."""

    day: date
    equity: Won
    day_base_equity: Won
    realized_pnl: Won
    worst_realized_pnl: Won
    daily_loss_limit: Won
    open_pnl: Won | None
    exposure: Won
    positions: int
    entries_today: int
    losses_in_a_row: int
    resting: tuple[Symbol, ...]
    entry_locks: tuple[Symbol, ...]
    no_exit_locks: tuple[Symbol, ...]


class RiskManager:
    """See the rules above. `quote` is the last price of a symbol."""

    def __init__(
        self,
        *,
        book: Book,
        calendar: TradingCalendar,
        clock: Clock,
        rules: TradingRules,
        quote: Callable[[Symbol], Quote | None],
    ) -> None:
        self._book = book
        self._calendar = calendar
        self._clock = clock
        self._rules = rules
        self._quote = quote

    def figures(self) -> AccountFigures:
        """Return what the limits are measured against now."""
        now = self._clock.now()
        return self._book.figures(self.resting(now.date()), now)

    def may_enter(self, symbol: Symbol, figures: AccountFigures) -> Allowed | Denied:
        """Return whether a position in `symbol` may be begun."""
        return self._closed_to(symbol) or risk.check_entry(symbol, figures, self._rules.limits)

    def size(self, limit_price: Won, stop_distance: float, figures: AccountFigures) -> int | Denied:
        """Return how many shares to buy at most `limit_price` each, or why none."""
        rules = self._rules
        quantity = risk.entry_quantity(limit_price, stop_distance, figures, rules.limits, rules.commission_ppb)
        if isinstance(quantity, Denied):
            return quantity
        return first_quantity(quantity, figures.entries_today, rules.first_steps)

    def check(self, intent: OrderIntent) -> Allowed | Denied:
        """Return whether `intent` may pass the door. What is held may always be sold."""
        if intent.side is Side.SELL:
            return Allowed()
        symbol, now = intent.symbol, self._clock.now()
        quote, listing = self._quote(symbol), self._book.listings.get(symbol)
        refused = (
            self._closed_to(symbol)
            or self._not_ours(symbol)
            or risk.market_refuses(listing, quote, trading_phase(self._calendar, now))
        )
        if refused is not None:
            return refused
        assert quote is not None
        assert listing is not None
        if now - quote.at > FRESH:
            return Denied(code="stale", reason=f"the last price of {symbol} is of {quote.at:%H:%M:%S}")
        wrong = None if intent.price is None else risk.price_refused(intent.price, listing, now.date())
        if wrong is not None:
            return wrong
        price = risk.touch(quote) if intent.price is None else intent.price
        return risk.check_order(symbol, intent.quantity, price, self.figures(), self._rules.limits)

    def _not_ours(self, symbol: Symbol) -> Denied | None:
        count = self._book.external.get(symbol)
        if not count:
            return None
        return Denied(code="external", reason=f"{count} shares of {symbol} are in the account, not ours")

    def daily_loss_reached(self) -> bool:
        return risk.daily_loss_reached(self._book.figures(()), self._rules.limits)

    def losses_in_a_row_reached(self) -> bool:
        return risk.losses_in_a_row_reached(self._book.figures(()), self._rules.limits)

    def resting(self, today: date) -> list[Symbol]:
        """Return the symbols still cooling down after a stop: for `cooldown_days` trading days, its own the first."""
        days = self._rules.entry.cooldown_days
        if days <= 0:
            return []
        return [
            symbol
            for symbol, stopped in self._book.stopped_on.items()
            if stopped == today
            or (self._calendar.covers(stopped) and len(self._calendar.trading_days(stopped, today)) - 1 < days)
        ]

    def status(self, price: Callable[[Symbol], Won | None]) -> RiskStatus:
        """Return how the account stands; `price` is the last one of a symbol."""
        book, figures = self._book, self.figures()
        prices = {symbol: price(symbol) for symbol in book.positions}
        known = [
            position.open_pnl(found)
            for symbol, position in book.positions.items()
            if (found := prices[symbol]) is not None
        ]
        return RiskStatus(
            day=self._clock.now().date(),
            equity=figures.equity,
            day_base_equity=figures.day_base_equity,
            realized_pnl=figures.realized_today,
            worst_realized_pnl=figures.worst_realized_today,
            daily_loss_limit=-int(figures.day_base_equity * self._rules.limits.max_daily_loss_pct / 100),
            open_pnl=sum(known) if len(known) == len(prices) else None,
            exposure=figures.exposure,
            positions=len(book.positions),
            entries_today=figures.entries_today,
            losses_in_a_row=figures.consecutive_losses,
            resting=tuple(sorted(figures.resting_symbols)),
            entry_locks=tuple(sorted(book.entry_locks)),
            no_exit_locks=tuple(sorted(book.locked)),
        )

    def _closed_to(self, symbol: Symbol) -> Denied | None:
        """Return why this very symbol is not bought now, whatever the account could bear."""
        book, steps = self._book, self._rules.first_steps
        if not (steps.one_symbol_on_the_first_day and book.is_first_day):
            return self._locked(symbol)
        return self._locked(symbol) or check_first_day(symbol, book.bought_today())

    def _locked(self, symbol: Symbol) -> Denied | None:
        lock = self._book.locked.get(symbol) or self._book.entry_locks.get(symbol)
        if lock is None or lock.is_over(self._clock.now()):
            return None
        until = "" if lock.expires_at is None else f" until {lock.expires_at:%Y-%m-%d %H:%M}"
        return Denied(code="locked", reason=f"{symbol} is locked by {lock.by}{until}: {lock.reason}")
