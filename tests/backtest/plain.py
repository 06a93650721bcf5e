"""Bars, ticks, limits and costs once more, as plainly as they can be written: shares no code with the project.

All symbols of the basket are taken for KOSPI shares, as the project takes those without a market column; the years are
2015 to 2022, when the older ticks were in force.
"""

from __future__ import annotations

import csv
import gzip
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

FEE_PPB = 140_527


@dataclass(slots=True)
class PlainBar:
    day: date
    open: int
    high: int
    low: int
    close: int
    volume: int


def tick(price: float) -> int:
    if price < 1_000:
        return 1
    if price < 5_000:
        return 5
    if price < 10_000:
        return 10
    if price < 50_000:
        return 50
    if price < 100_000:
        return 100
    return 500 if price < 500_000 else 1_000


def down(price: float) -> int:
    return int(price // tick(price)) * tick(price)


def up(price: float) -> int:
    return down(price) if down(price) == price else down(price) + tick(price)


def near(price: float) -> int:
    below, above = down(price), down(price) + tick(price)
    return below if below == price or price - below < above - price else above


def limits(base: int, day: date) -> tuple[int, int]:
    percent = 30 if day >= date(2015, 6, 15) else 15
    width = down_to(base * percent // 100, tick(base))
    return up(base - width), down(base + width)


def down_to(price: int, step: int) -> int:
    return price // step * step


def fee(amount: int) -> int:
    return amount * FEE_PPB // 10**9


def tax(amount: int, day: date) -> int:
    per_mille = 3.0 if day < date(2019, 6, 3) else 2.5 if day < date(2021, 1, 1) else 2.3
    return amount * round(per_mille * 10) // 10_000


@cache
def plain_bars(path: Path) -> dict[str, list[PlainBar]]:
    """Return the bars with trade of every symbol, on their ticks, in the order of the file; to be read only."""
    found: dict[str, list[PlainBar]] = {}
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            bars = found.setdefault(row["symbol"], [])
            opened, high, low, close = (round(float(row[name])) for name in ("open", "high", "low", "close"))
            volume = round(float(row["volume"]))
            if volume <= 0:
                continue
            least, most = up(min(low, opened, close)), down(max(high, opened, close))
            if least > most:
                least = most = max(near(close), 1)
            opened, close = (min(max(near(price), least), most) for price in (opened, close))
            bars.append(PlainBar(date.fromisoformat(row["date"]), opened, most, least, close, volume))
    return found
