"""One symbol on one day: its limits, its last trade, its touch, and the sums that quotes are made of.

Rules of this room
    `tape` holds every trade of the day as it happened; the sums are those of the tape.
    A board is `usual` while the market's own trades reach it unchanged; what else it is, `interruptions` decides.
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass, field, fields
from datetime import date, datetime
from enum import StrEnum

from kis_daemon.domain.market import Bar, Market, Rounding, Symbol, Won, price_limits, tick_size, to_tick
from kis_daemon.domain.price_path import PathTick
from kis_daemon.simulator.market_rules import SINGLE_PRICED, Designation
from kis_daemon.simulator.prices import ListedSymbol, PriceBook

# the most of a symbol's traded volume that the account may take: 1 / 10
VOLUME_SHARE = 10
# without limits, prices still end somewhere: an order holds back cash at the upper one
_NO_LIMIT = 10
_NO_DEFAULT = (MISSING, MISSING)


class Trading(StrEnum):
    """Whether trades reach a symbol now."""

    OPEN = "OPEN"
    INTERRUPTED = "INTERRUPTED"  # two minutes of call auction
    HALTED = "HALTED"


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
    share: int = VOLUME_SHARE
    interrupts_pct: int = 6
    designation: Designation = Designation.ORDINARY
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
    tape: list[tuple[datetime, PathTick]] = field(default_factory=list)
    usual: bool = True
    disturbed: bool = False  # the day was not that of the price book
    trading: Trading = Trading.OPEN
    interrupted_to: datetime | None = None
    interruptions: int = 0
    single_price: Won = 0  # of the last interruption's auction
    kept_back: PathTick | None = None  # the trade that waits for the end of an interruption
    shift_ppm: int = 0  # how far the rest of the day is moved away from the price book

    @property
    def halted(self) -> bool:
        """Whether the symbol may not be ordered today: it does not trade, was halted, or is not listed."""
        return self.bar is None or self.bar.volume == 0 or self.trading is Trading.HALTED

    @property
    def in_vi(self) -> bool:
        """Whether a volatility interruption is running."""
        return self.trading is Trading.INTERRUPTED

    @property
    def single_priced(self) -> bool:
        """Whether the symbol trades at single prices only."""
        return self.designation in SINGLE_PRICED

    @property
    def reference(self) -> Won:
        """Return what a static interruption is measured from: the last single price, before the first the base."""
        return self.single_price or self.open or self.base

    @property
    def last_tick(self) -> PathTick | None:
        """Return the last trade; its volume is what the touch shows on either side."""
        return self.tape[-1][1] if self.tape else None

    @property
    def takeable(self) -> int:
        """Return how many shares may still be taken from what was traded so far."""
        return max(self.volume // self.share - self.taken, 0)

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
        self.tape.append((at, tick))

    def designate(self, designation: Designation) -> None:
        """Declare the symbol to be something for today; liquidation lifts the limits."""
        self.designation = designation
        if designation is Designation.LIQUIDATION:
            self.lower = tick_size(0, self.market, self.day)
            self.upper = to_tick(self.base * _NO_LIMIT, Rounding.DOWN, self.market, self.day)

    def cleared(self) -> Board:
        """Return the board as it was before the day's first trade."""
        given = {x.name: getattr(self, x.name) for x in fields(self) if (x.default, x.default_factory) == _NO_DEFAULT}
        lasting = {name: getattr(self, name) for name in ("share", "interrupts_pct", "designation")}
        return Board(**given | lasting | {"price": self.base})

    def bar_so_far(self) -> Bar:
        """Return the day as it was traded; without a trade a bar of volume 0 at the price before."""
        return Bar(date=self.day, open=self.open, high=self.high, low=self.low, close=self.price, volume=self.volume)


def board_of(listed: ListedSymbol, book: PriceBook, day: date, previous_day: date, share: int = VOLUME_SHARE) -> Board:
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
        share=share,
        interrupts_pct=listed.interrupts_pct,
    )
