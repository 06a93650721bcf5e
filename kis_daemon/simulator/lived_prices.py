"""The prices as they came to pass: those of a book, changed by what companies did and by what a day did otherwise.

Rules of this room
    The book's series is taken as continuous. From the day of an action on, its prices are divided by the ratio and
    its volumes multiplied; the bars before it stay what was traded, until they are asked for as adjusted.
    The base price of that day is the last close, divided. Before a split the symbol does not trade for some days.
    A day that was halted, moved or interrupted is remembered as it was traded: chart and base price follow it.
    A symbol that nothing happened to is the book's own, bar for bar.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from fractions import Fraction

from kis_daemon.domain.calendar import TradingCalendar
from kis_daemon.domain.market import Bar, Market, Rounding, Symbol, Won, to_tick
from kis_daemon.domain.price_path import snapped
from kis_daemon.simulator.market_rules import ActionKind, CorporateAction
from kis_daemon.simulator.prices import ListedSymbol, PriceBook

_HALTING = (ActionKind.SPLIT, ActionKind.REVERSE_SPLIT)
_ONE = Fraction(1)
_ONE_DAY = timedelta(days=1)
_LOOK_BACK = timedelta(days=400)  # no symbol in the book is without trade for longer and then goes on


class LivedPrices:
    """A `PriceBook` around another one; its bars are raw, `adjusted` re-bases them."""

    def __init__(self, book: PriceBook, actions: Iterable[CorporateAction], calendar: TradingCalendar) -> None:
        self.amended: dict[Symbol, dict[date, Bar]] = {}
        self._book = book
        self._markets: dict[Symbol, Market] = {listed.symbol: listed.market for listed in book.listings()}
        self._actions: dict[Symbol, list[CorporateAction]] = {}
        self._halted: dict[Symbol, set[date]] = {}
        for action in sorted(actions, key=lambda action: action.day):
            if action.symbol not in self._markets:
                raise ValueError(f"action on {action.symbol}: expected a listed symbol")
            self._actions.setdefault(action.symbol, []).append(action)
            if action.kind in _HALTING:
                halted = self._halted.setdefault(action.symbol, set())
                day = action.day
                for _ in range(action.halted_days):
                    day = calendar.previous_trading_day(day).date
                    halted.add(day)

    # --- the protocol ---------------------------------------------------------------------------------------

    @property
    def first_day(self) -> date:
        return self._book.first_day

    @property
    def last_day(self) -> date:
        return self._book.last_day

    def listings(self) -> tuple[ListedSymbol, ...]:
        return self._book.listings()

    def bar(self, symbol: Symbol, day: date) -> Bar | None:
        bar = self._book.bar(symbol, day)
        return bar if bar is None or self._is_plain(symbol) else self._lived(symbol, bar)

    def bars(self, symbol: Symbol, first: date, last: date) -> tuple[Bar, ...]:
        bars = self._book.bars(symbol, first, last)
        if self._is_plain(symbol):
            return bars
        lived = (self._lived(symbol, bar) for bar in bars)
        return tuple(bar for bar in lived if bar is not None)

    def base_price(self, symbol: Symbol, day: date) -> Won:
        if self._is_plain(symbol):
            return self._book.base_price(symbol, day)
        if self._delisted(symbol, day):
            return 0
        before = self._last_traded(symbol, day)
        if before is None:
            own = self.bar(symbol, day)
            return own.open if own is not None and own.volume else 0
        ratio = self._ratio(symbol, before.date, day)
        if ratio == _ONE:
            return before.close
        return to_tick(float(before.close / ratio), Rounding.NEAREST, self._markets[symbol], day)

    # --- beyond it ------------------------------------------------------------------------------------------

    def amend(self, symbol: Symbol, bar: Bar) -> None:
        """Remember that the day of `bar` was traded like this, whatever the book says."""
        self.amended.setdefault(symbol, {})[bar.date] = bar

    def adjusted(self, symbol: Symbol, first: date, last: date, as_of: date) -> tuple[Bar, ...]:
        """Return the bars from `first` to `last` in the shares of `as_of`; cash dividends change nothing."""
        bars = self.bars(symbol, first, last)
        if symbol not in self._actions:
            return bars
        return tuple(self._scaled(bar, self._ratio(symbol, bar.date, as_of), symbol) for bar in bars)

    def actions_of(self, symbol: Symbol, day: date) -> tuple[CorporateAction, ...]:
        """Return what the company of `symbol` did on `day`."""
        return tuple(action for action in self._actions.get(symbol, ()) if action.day == day)

    def actions_between(self, after: date, last: date) -> tuple[CorporateAction, ...]:
        """Return every action after `after` and not after `last`, in the order of their days."""
        found = [action for actions in self._actions.values() for action in actions if after < action.day <= last]
        return tuple(sorted(found, key=lambda action: action.day))

    # --- inside ---------------------------------------------------------------------------------------------

    def _is_plain(self, symbol: Symbol) -> bool:
        return symbol not in self._actions and symbol not in self.amended

    def _delisted(self, symbol: Symbol, day: date) -> bool:
        return any(a.kind is ActionKind.DELISTING and a.day <= day for a in self._actions.get(symbol, ()))

    def _ratio(self, symbol: Symbol, after: date, last: date) -> Fraction:
        """Return how many shares of `last` one share of `after` has become."""
        ratio = _ONE
        for action in self._actions.get(symbol, ()):
            if after < action.day <= last and action.kind is not ActionKind.CASH_DIVIDEND:
                ratio *= Fraction(action.ratio_num, action.ratio_den)
        return ratio

    def _lived(self, symbol: Symbol, bar: Bar) -> Bar | None:
        if self._delisted(symbol, bar.date):
            return None
        amended = self.amended.get(symbol, {}).get(bar.date)
        if amended is not None:
            return amended
        if bar.date in self._halted.get(symbol, ()):
            before = self._last_traded(symbol, bar.date)
            close = before.close if before is not None else bar.close
            return Bar(date=bar.date, open=0, high=0, low=0, close=close, volume=0)
        return self._scaled(bar, self._ratio(symbol, date.min, bar.date), symbol)

    def _last_traded(self, symbol: Symbol, before: date) -> Bar | None:
        halted = self._halted.get(symbol, ())
        for bar in reversed(self._book.bars(symbol, before - _LOOK_BACK, before - _ONE_DAY)):
            if bar.date not in halted:
                lived = self._lived(symbol, bar)
                if lived is not None and lived.volume:
                    return lived
        return None

    def _scaled(self, bar: Bar, ratio: Fraction, symbol: Symbol) -> Bar:
        if ratio == _ONE:
            return bar
        market = self._markets[symbol]

        def price(won: Won) -> Won:
            return max(round(won / ratio), 1) if won else 0

        scaled = Bar(
            date=bar.date,
            open=price(bar.open),
            high=price(bar.high),
            low=price(bar.low),
            close=price(bar.close),
            volume=round(bar.volume * ratio),
        )
        return snapped(scaled, market) if scaled.volume else scaled
