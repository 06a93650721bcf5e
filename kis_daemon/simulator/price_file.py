"""Daily bars from a file: CSV, CSV in gzip, or parquet, checked row by row before anything is played.

Rules of this room
    Every refusal is one line: file, row, field, value, and what is expected. The header is row 1 of a CSV file.
    Symbols keep the order in which the file brings them; the dates of one symbol go up strictly.
    Adjusted prices are rounded one by one, so an open or close may lie a hair outside of [low, high]: low and high
    are widened by at most `repair_pct` percent and the row is counted in `repaired`; further outside is refused.
    Volume 0 with open, high and low 0 is a day without trade; an empty or negative number is never guessed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any, NoReturn

from kis_daemon.domain.calendar import TradingCalendar
from kis_daemon.domain.market import Bar, Market, Symbol, Won, as_symbol
from kis_daemon.simulator.price_rows import REQUIRED, PriceFileError, reading
from kis_daemon.simulator.prices import ListedSymbol, Series

_SATURDAY = 5


class FilePrices:
    """The bars of one file as a `PriceBook`; `repaired` lists (row, symbol, date) whose low or high were widened."""

    def __init__(self, path: Path | str, calendar: TradingCalendar, *, repair_pct: float = 1.0) -> None:
        self._path = Path(path)
        self._calendar = calendar
        self._repair = repair_pct / 100
        self._series: dict[Symbol, Series] = {}
        self._listings: list[ListedSymbol] = []
        self._days: dict[Any, date] = {}
        self.repaired: list[tuple[int, Symbol, date]] = []
        with reading(self._path) as rows:
            self._read(rows)
        if not self._series:
            raise PriceFileError(f"{self._path}: no rows, expected at least one daily bar")
        self._first = min(series.days[0] for series in self._series.values())
        self._last = max(series.days[-1] for series in self._series.values())

    @property
    def first_day(self) -> date:
        return self._first

    @property
    def last_day(self) -> date:
        return self._last

    def listings(self) -> tuple[ListedSymbol, ...]:
        return tuple(self._listings)

    def bar(self, symbol: Symbol, day: date) -> Bar | None:
        return self._series[symbol].bar(day)

    def bars(self, symbol: Symbol, first: date, last: date) -> tuple[Bar, ...]:
        return self._series[symbol].between(first, last)

    def base_price(self, symbol: Symbol, day: date) -> Won:
        return self._series[symbol].base(day)

    def _read(self, rows: Iterator[tuple[int, tuple[Any, ...]]]) -> None:
        current: Any = None
        seen: dict[Won, Won] = {}
        once = seen.setdefault  # a price comes again and again, and is kept once
        symbol, series = Symbol(""), Series(Market.KOSPI)
        for row, (
            code,
            day_text,
            open_text,
            high_text,
            low_text,
            close_text,
            volume_text,
            name,
            board,
        ) in rows:
            if code != current:
                symbol, series = self._listed(row, code, name, board)
                current = code
            day = self._days.get(day_text) or self._day(row, day_text)
            if series.days and day <= series.days[-1]:
                self._out_of_order(row, symbol, day, series)
            try:  # the ordinary row: five whole numbers
                opened, high, low = int(open_text), int(high_text), int(low_text)
                close, volume = int(close_text), int(volume_text)
            except (ValueError, TypeError):
                opened, high, low, close = (
                    self._number(row, field, text)
                    for field, text in zip(REQUIRED[2:6], (open_text, high_text, low_text, close_text), strict=True)
                )
                volume = self._number(row, "volume", volume_text)
            if not low <= opened <= high or not low <= close <= high or low <= 0 or volume <= 0:
                low, high = self._range(row, symbol, day, (opened, high, low, close), volume)
            bar = Bar(
                date=day,
                open=once(opened, opened),
                high=once(high, high),
                low=once(low, low),
                close=once(close, close),
                volume=volume,
            )
            series.append(bar, on_tick=False)

    def _listed(self, row: int, code: Any, name: Any, board: Any) -> tuple[Symbol, Series]:
        known = self._series.get(code)
        if known is not None:
            return Symbol(code), known
        try:
            symbol = as_symbol(code if isinstance(code, str) else str(code))
        except ValueError:
            self._refuse(row, "symbol", code, "six digits or capital letters, e.g. 005930")
        try:
            market = Market(board) if board else Market.KOSPI
        except ValueError:
            self._refuse(row, "market", board, "KOSPI, KOSDAQ or ETF")
        self._series[symbol] = Series(market)
        self._listings.append(ListedSymbol(symbol=symbol, name=str(name) if name else symbol, market=market))
        return symbol, self._series[symbol]

    def _day(self, row: int, text: Any) -> date:
        expected = "a date like 2017-01-02, without a time"
        if isinstance(text, datetime):
            if text.hour or text.minute or text.second or text.tzinfo is not None:
                self._refuse(row, "date", text, expected)
            day = text.date()
        elif isinstance(text, date):
            day = text
        else:
            if not isinstance(text, str) or len(text) != len("2017-01-02"):
                self._refuse(row, "date", text, expected)
            try:
                day = date.fromisoformat(text)
            except ValueError:
                self._refuse(row, "date", text, expected)
        if self._calendar.covers(day):
            reason = self._calendar.reason_closed(day)
            if reason is not None:
                self._refuse(row, "date", day, f"a trading day of the exchange, which was closed ({reason})")
        elif day.weekday() >= _SATURDAY:
            self._refuse(row, "date", day, "a trading day of the exchange, not a weekend")
        self._days[text] = day
        return day

    def _number(self, row: int, field: str, text: Any) -> int:
        try:
            number = float(text)
        except (ValueError, TypeError):
            number = math.nan
        if not math.isfinite(number):
            self._refuse(row, field, text, "a number")
        return round(number)

    def _range(
        self, row: int, symbol: Symbol, day: date, prices: tuple[Won, Won, Won, Won], volume: int
    ) -> tuple[Won, Won]:
        """Return (low, high) wide enough for open and close, or refuse the row."""
        opened, high, low, close = prices
        for field, price in zip(REQUIRED[2:6], prices, strict=True):
            if price < 0:
                self._refuse(row, field, price, "zero or more won")
        if volume < 0:
            self._refuse(row, "volume", volume, "zero or more shares")
        if close == 0:
            self._refuse(row, "close", close, "more than zero won")
        if volume == 0:  # nothing traded: whatever open, high and low say is not a price of that day
            return low, high
        for field, price in zip(REQUIRED[2:5], (opened, high, low), strict=True):
            if price == 0:
                self._refuse(row, field, price, "more than zero won on a day with volume")
        if high < low:
            self._refuse(row, "high", high, f"at least the low of {low}")
        for field, price in (("open", opened), ("close", close)):
            if not low * (1 - self._repair) <= price <= high * (1 + self._repair):
                percent = f"{self._repair * 100:g} %"
                self._refuse(
                    row,
                    field,
                    price,
                    f"between low {low} and high {high} (rounding up to {percent} is mended)",
                )
        self.repaired.append((row, symbol, day))
        return min(low, opened, close), max(high, opened, close)

    def _out_of_order(self, row: int, symbol: Symbol, day: date, series: Series) -> NoReturn:
        if series.bar(day) is not None:
            self._refuse(row, "date", day, f"one row a day, but {symbol} has this day already")
        self._refuse(row, "date", day, f"a day after {series.days[-1]}, the row before of {symbol}")

    def _refuse(self, row: int, field: str, value: object, expected: str) -> NoReturn:
        raise PriceFileError(f"{self._path}: row {row}, {field} {str(value)!r}: expected {expected}") from None
