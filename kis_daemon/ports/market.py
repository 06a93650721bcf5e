"""Questions about symbols and days."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from kis_daemon.domain.market import Bar, Listing, Market, Quote, Symbol, Won


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A symbol's listing and its last trade, from one question. `quote` is None before any trade was ever known."""

    listing: Listing
    quote: Quote | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Adjusted daily bars, oldest first; a bar of the running day is in it as the broker has it so far."""

    symbol: Symbol
    name: str
    bars: tuple[Bar, ...]


class MarketData(Protocol):
    """What the trading day asks about symbols; all may be repeated."""

    async def snapshot(self, symbol: Symbol, *, urgent: bool = False) -> Snapshot:
        """Return listing and last trade. `urgent` goes as early as a sale does: a held symbol near its stop."""

    async def quotes(self, symbols: Sequence[Symbol]) -> tuple[Quote, ...]:
        """Return the last trades: with their touch and thirty a call on REAL, without it and one a call on paper.

        Symbols that never traded or are unknown are left out. A halt is the listing's to say, not this answer's.
        """

    async def chart(self, symbol: Symbol, first: date, last: date) -> Chart:
        """Return the bars of `first` to `last`; days without trade are left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """What is offered or wanted at one price."""

    price: Won
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderBook:
    """A symbol's book, best prices first, and how its auction would end now (0: there is none).

    `at` has no date: outside of a session the book is that of the last one. `continuous`: trades are made one by one.
    """

    symbol: Symbol
    at: time
    asks: tuple[Level, ...]
    bids: tuple[Level, ...]
    expected_price: Won
    expected_quantity: int
    continuous: bool
    in_vi: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MinuteBar:
    """One minute of a symbol; of the running one what has been traded so far."""

    at: datetime
    open: Won
    high: Won
    low: Won
    close: Won
    volume: int


class Ranking(StrEnum):
    """What the foremost symbols are chosen by."""

    VOLUME = "volume"
    TRADED_VALUE = "traded value"
    MARKET_VALUE = "market value"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """A symbol's place in a ranking. `traded_value` or `market_value` is 0 where the ranking does not tell it."""

    rank: int
    symbol: Symbol
    name: str
    price: Won
    day_volume: int
    traded_value: Won
    market_value: Won
    listed_shares: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StockInfo:
    """What the broker's master says of a symbol; `market` is None for a board that we do not trade on."""

    symbol: Symbol
    name: str
    isin: str
    market: Market | None
    listed_shares: int
    listed_on: date | None
    delisted_on: date | None
    in_kospi200: bool
    suspended: bool
    under_administration: bool
    previous_close: Won


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketDay:
    """One calendar day: whether the exchange opens, and whether trades are settled on it."""

    date: date
    is_open: bool
    is_settlement: bool


class MarketResearch(Protocol):
    """What may wait: questions for preparing a day, for checking, for a person."""

    async def order_book(self, symbol: Symbol) -> OrderBook: ...

    async def recent_bars(self, symbol: Symbol, *, adjusted: bool = True) -> tuple[Bar, ...]:
        """Return the last thirty trading days by one call, oldest first; raw bars show where history was re-based."""

    async def minute_bars(self, symbol: Symbol, day: date) -> tuple[MinuteBar, ...]:
        """Return the minutes of `day` that had trades, oldest first. A past day: `NotOnThisVenue` on paper."""

    async def ranking(self, by: Ranking, market: Market | None = None) -> tuple[Ranked, ...]:
        """Return the foremost thirty. `NotOnThisVenue` on paper: the master file stands in."""

    async def stock_info(self, symbol: Symbol) -> StockInfo:
        """Return its master record. `NotOnThisVenue` on paper: the master file stands in."""

    async def market_days(self, first: date, last: date) -> tuple[MarketDay, ...]:
        """Return every day of `first` to `last`; ask once a day. `NotOnThisVenue` on paper: the calendar stands in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """A listed symbol as the exchange's list of this morning has it; `traded_value` is that of the day before.

    `market_cap` in won, None where the list has none. `is_common`: an ordinary share, no fund, SPAC or preferred one.
    """

    symbol: Symbol
    name: str
    market: Market
    is_common: bool
    in_kospi200: bool
    suspended: bool
    under_administration: bool
    market_cap: Won | None
    traded_value: Won


class Directory(Protocol):
    """The exchange's list of what is listed; it costs no question to the broker."""

    async def issues(self) -> tuple[Issue, ...]:
        """Return every listed symbol; none where no list can be had. Never raises for what did not answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surveyed:
    """One of many symbols that were looked at together. None is what the answer did not tell; `open` is 0 before the
    day's first trade. Suspended says liquidation too: neither is to be bought."""

    symbol: Symbol
    name: str
    price: Won
    open: Won
    market_cap: Won | None
    suspended: bool | None
    under_administration: bool | None


class MarketSurvey(Protocol):
    """What a selection among many symbols asks the broker, with as few questions as the venue allows."""

    def survey(self, symbols: Sequence[Symbol]) -> AsyncIterator[tuple[Surveyed, ...]]:
        """Yield what is known of `symbols`, answer by answer: thirty a call on REAL, one a call on paper (S3-U14).

        Symbols that the broker does not know are left out.
        """

    async def foremost(self) -> tuple[Symbol, ...]:
        """Return the symbols of the broker's rankings, by traded value first; `NotOnThisVenue` on paper."""
