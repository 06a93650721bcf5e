"""What the market says of its symbols today, as the price book of an exchange: nothing of the past, nothing to come."""

from __future__ import annotations

from datetime import date

from kis_daemon.domain.market import Bar, Listing, Symbol, Won
from kis_daemon.simulator.prices import ListedSymbol


class LiveBook:
    """The listings learned so far. A symbol that may be traded has a bar of which only that is true."""

    def __init__(self) -> None:
        self._listings: dict[Symbol, Listing] = {}
        self._names: dict[Symbol, str] = {}

    def learn(self, listing: Listing) -> None:
        self._listings[listing.symbol] = listing
        if listing.name:
            self._names[listing.symbol] = listing.name

    def learn_name(self, symbol: Symbol, name: str) -> None:
        if name:
            self._names[symbol] = name

    def forget(self) -> None:
        """Begin a day of which nothing is known yet; names last."""
        self._listings.clear()

    def listed(self, symbol: Symbol) -> ListedSymbol:
        return ListedSymbol(symbol=symbol, name=self._names.get(symbol, ""), market=self._listings[symbol].market)

    # --- PriceBook ------------------------------------------------------------------------------------------

    @property
    def first_day(self) -> date:
        return date.min

    @property
    def last_day(self) -> date:
        return date.max

    def listings(self) -> tuple[ListedSymbol, ...]:
        return tuple(self.listed(symbol) for symbol in self._listings)

    def bar(self, symbol: Symbol, day: date) -> Bar | None:
        listing = self._listings.get(symbol)
        if listing is None or listing.suspended:
            return None
        base = listing.base_price
        return Bar(date=day, open=base, high=base, low=base, close=base, volume=1)

    def bars(self, symbol: Symbol, first: date, last: date) -> tuple[Bar, ...]:  # noqa: ARG002  # no past here
        return ()

    def base_price(self, symbol: Symbol, day: date) -> Won:  # noqa: ARG002  # only today's is known
        listing = self._listings.get(symbol)
        return 0 if listing is None else listing.base_price
