"""The drawdown: how far what we made of the account is below the highest it has been (C16).

Rules of this room
    Deposits, withdrawals and trades by hand are no profit and no loss: cash that no trade of ours explains, and shares
    that others sold, are flows and taken out. Shares that are not ours do not count.
    A price that is not known, or a split that is not examined, is no loss: then nothing is measured.
    The peak is in the records. After a trip it begins anew: what was lost then must not open the breaker for ever.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta

from kis_daemon.domain.breakers import BreakerState, Trip, drawdown_pct
from kis_daemon.domain.market import Symbol, Won
from kis_daemon.ports import Clock, Rows
from kis_daemon.services.book import Book

PEAK_MARK = "equity_peak"

_BETWEEN_WRITES = timedelta(seconds=60)  # a peak that rises with every price is not worth a transaction each


class Drawdown:
    """See the rules above. `price` is the last one of a symbol, None where there was none."""

    def __init__(self, book: Book, clock: Clock, price: Callable[[Symbol], Won | None]) -> None:
        self._book = book
        self._clock = clock
        self._price = price
        self._before_lock: dict[Symbol, Won] = {}
        self._phase = ""  # of which trip the peak knows: "open …", "trial …", "" for none
        self._written = ""
        self._written_at: datetime | None = None
        self.peak: Won = 0
        self.equity: Won | None = None

    @property
    def pct(self) -> float:
        """The drawdown now; 0 while nothing can be measured."""
        return 0.0 if self.equity is None else drawdown_pct(self.peak, self.equity)

    def load(self, rows: Rows) -> None:
        """Know the peak of earlier runs."""
        kept = rows.mark(PEAK_MARK)
        if kept is not None:
            told = json.loads(kept)
            self.peak, self._phase, self._written = told["peak"], told["phase"], kept

    def keep(self, rows: Rows) -> None:
        """Write the peak, at most once a minute unless a trip began or ended."""
        value = json.dumps({"peak": self.peak, "phase": self._phase})
        now = self._clock.now()
        known = json.loads(self._written) if self._written else {"phase": ""}
        waits = self._written_at is not None and now - self._written_at < _BETWEEN_WRITES
        if not self.peak or value == self._written or (waits and known["phase"] == self._phase):
            return
        rows.set_mark(PEAK_MARK, value)
        self._written, self._written_at = value, now

    def measure(self, trip: Trip | None) -> None:
        """Look at the account again; the peak follows the trip's phases."""
        self.equity = self._measured()
        if self.equity is None:
            return
        self._follow(trip)
        self.peak = max(self.peak, self.equity)

    def _follow(self, trip: Trip | None) -> None:
        assert self.equity is not None
        if trip is None:
            if self._phase.startswith("open"):
                self.peak = self.equity  # a person reset it: from here on
            self._phase = ""
            return
        on_trial = trip.state(self._clock.now()) is BreakerState.HALF_OPEN
        phase = f"{'trial' if on_trial else 'open'} {trip.at.isoformat()}"
        if on_trial and phase != self._phase:
            self.peak = self.equity
        self._phase = phase

    def _measured(self) -> Won | None:
        book = self._book
        if book.ledger_cash is None or book.unexamined:
            return None
        worth = 0
        for symbol, position in book.positions.items():
            price = self._price_of(symbol)
            if price is None:
                return None
            worth += price * position.quantity
        return book.ledger_cash - book.flows + worth

    def _price_of(self, symbol: Symbol) -> Won | None:
        if symbol in self._book.locked:  # a price of other shares, perhaps
            position = self._book.positions[symbol]
            return self._before_lock.get(symbol, position.cost // position.quantity)
        price = self._price(symbol) or self._book.statement_prices.get(symbol)
        if price is not None:
            self._before_lock[symbol] = price
        return price
