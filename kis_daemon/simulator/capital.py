"""What a listed company is in numbers that daily bars do not have: its shares, its par value, its ISIN.

Rules of this room
    Every number here is invented, but follows from the price book alone: the shares listed are three hundred times an
    ordinary day's volume at the beginning of the symbol's history, so that the ranks by size are plausible.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from kis_daemon.domain.market import Bar, Symbol, Won
from kis_daemon.simulator.prices import PriceBook

PAR_VALUE: Won = 5000
HUNDRED_MILLION = 100_000_000
_TURNS_A_YEAR = 300
_FEWEST_SHARES = 1_000_000
_FIRST_BARS = 20
_NEVER = date(1990, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capital:
    """A symbol's invented capital; `first_close` is where its history begins, 0 where it has none."""

    shares: int
    listed_on: date
    first_close: Won

    def value(self, price: Won) -> int:
        """Return the market value at `price` in units of 10^8 won, as KIS counts it."""
        return self.shares * price // HUNDRED_MILLION

    @property
    def paid_in(self) -> int:
        """Return the capital in units of 10^8 won."""
        return self.shares * PAR_VALUE // HUNDRED_MILLION


class Register:
    """Looks the capital of a symbol up once and keeps it."""

    def __init__(self) -> None:
        self._known: dict[Symbol, Capital] = {}

    def of(self, prices: PriceBook, symbol: Symbol) -> Capital:
        if symbol not in self._known:
            self._known[symbol] = _capital(prices, symbol)
        return self._known[symbol]


def _capital(prices: PriceBook, symbol: Symbol) -> Capital:
    first = _first_bars(prices, symbol)
    traded = [bar.volume for bar in first if bar.volume]
    ordinary = sum(traded) // len(traded) if traded else 0
    return Capital(
        shares=max(ordinary * _TURNS_A_YEAR // 1000 * 1000, _FEWEST_SHARES),
        listed_on=first[0].date if first else _NEVER,
        first_close=next((bar.close for bar in first if bar.close), 0),
    )


def _first_bars(prices: PriceBook, symbol: Symbol) -> tuple[Bar, ...]:
    """Return the first bars of a history, looked for in ever longer stretches: most begin where the book begins."""
    start, span = prices.first_day, timedelta(days=60)
    while start <= prices.last_day:
        end = min(start + span, prices.last_day)
        bars = prices.bars(symbol, start, end)
        if bars:
            return bars[:_FIRST_BARS]
        start, span = end + timedelta(days=1), span * 2
    return ()


def isin_of(symbol: str) -> str:
    """Return the Korean ISIN of an ordinary share: KR7, the symbol, 00 and the check digit."""
    body = f"KR7{symbol}00"
    digits = "".join(str(int(letter, 36)) for letter in body)
    doubled = [int(digit) * (2 - index % 2) for index, digit in enumerate(reversed(digits))]
    return f"{body}{-sum(value // 10 + value % 10 for value in doubled) % 10}"
