"""One symbol on one day: its limits, its last trade, its touch, and the sums that quotes are made of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from kis_daemon.domain.market import Bar, Market, Symbol, Won, price_limits
from kis_daemon.domain.price_path import PathTick
from kis_daemon.simulator.prices import ListedSymbol, PriceBook

# the most of a symbol's traded volume that the account may take: 1 / 10
VOLUME_SHARE = 10


@dataclass(slots=True, kw_only=True, eq=False)
class Board:
    """What the exchange shows of a symbol today; before the first trade `price` is the base price and the touch 0."""

    symbol: Symbol
    name: str
    market: Market
    day: date
    base: Won
    lower: Won
    upper: Won
    bar: Bar | None
    previous: Bar | None
    price: Won
    stamp: str  # the day as frames print it
    ask: Won = 0
    bid: Won = 0
    open: Won = 0
    high: Won = 0
    low: Won = 0
    volume: int = 0
    turnover: Won = 0
    taken: int = 0
    trades: int = 0
    buys: int = 0
    bought: int = 0
    bought_last: bool = True
    traded_at: int = 0  # times of day as HHMMSS in one number: cheap to keep, cheap to print
    opened_at: int = 0
    high_at: int = 0
    low_at: int = 0

    @property
    def halted(self) -> bool:
        """Whether the symbol may not be ordered today: it does not trade, or is not listed."""
        return self.bar is None or self.bar.volume == 0

    @property
    def takeable(self) -> int:
        """Return how many shares may still be taken from what was traded so far."""
        return max(self.volume // VOLUME_SHARE - self.taken, 0)

    def record(self, tick: PathTick, at: datetime) -> None:
        """Let one trade happen."""
        price = tick.price
        second = at.hour * 10_000 + at.minute * 100 + at.second
        if self.trades == 0:
            self.open = self.high = self.low = price
            self.opened_at = self.high_at = self.low_at = second
        elif price > self.high:
            self.high, self.high_at = price, second
        elif price < self.low:
            self.low, self.low_at = price, second
        self.bought_last = price == tick.ask
        if self.bought_last:
            self.buys += 1
            self.bought += tick.volume
        self.price, self.ask, self.bid = price, tick.ask, tick.bid
        self.volume += tick.volume
        self.turnover += price * tick.volume
        self.trades += 1
        self.traded_at = second


def board_of(listed: ListedSymbol, book: PriceBook, day: date, previous_day: date) -> Board:
    """Return the board of `listed` before the first trade of `day`."""
    base = book.base_price(listed.symbol, day)
    lower, upper = price_limits(base, listed.market, day) if base else (0, 0)
    return Board(
        symbol=listed.symbol,
        name=listed.name,
        market=listed.market,
        day=day,
        base=base,
        lower=lower,
        upper=upper,
        bar=book.bar(listed.symbol, day),
        previous=book.bar(listed.symbol, previous_day),
        price=base,
        stamp=f"{day:%Y%m%d}",
    )
