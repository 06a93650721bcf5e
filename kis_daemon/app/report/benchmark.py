"""What the account is held against: the closes of a symbol of the price file, or of a file of its own.

Such a file is a CSV (or CSV in gzip) with the columns `date` and `close`; an index may have decimals. Where it holds
several series, told apart by a column `symbol`, the one is named behind a colon: `indices.csv:KOSPI`.
"""

from __future__ import annotations

import csv
import gzip
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from kis_daemon.app.errors import UsageError
from kis_daemon.domain.market import Won
from kis_daemon.simulator.prices import PriceBook


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """A name, and what it closed at."""

    name: str
    closes: Mapping[date, float]

    def worth(self, days: Sequence[date], start_cash: Won) -> list[float]:
        """Return what `start_cash` in it is worth before the first of `days` and after each, without costs.

        It is bought at the last close before the first day, else at the first one there is; a day without a close
        keeps the one before.
        """
        before = [day for day in self.closes if days and day < days[0]]
        inside = [self.closes[day] for day in days if day in self.closes]
        base = self.closes[max(before)] if before else inside[0]
        worth, last = [float(start_cash)], base
        for day in days:
            last = self.closes.get(day, last)
            worth.append(start_cash * last / base)
        return worth


def benchmark_of(said: str, prices: PriceBook, first: date, last: date) -> Benchmark:
    """Return the benchmark that `--benchmark` names; `UsageError` where it has no close from `first` to `last`."""
    listed = {listing.symbol: listing for listing in prices.listings()}
    listing = next((listed[symbol] for symbol in listed if symbol == said), None)
    if listing is not None:
        bars = prices.bars(listing.symbol, prices.first_day, last)
        found = Benchmark(name=listing.name, closes={bar.date: float(bar.close) for bar in bars if bar.volume})
    else:
        path, name = (Path(said), "") if Path(said).is_file() else _parts(said)
        if not path.is_file():
            raise UsageError("usage.benchmark", value=said)
        found = Benchmark(name=name or path.name.split(".")[0], closes=_closes(path, name))
    if not any(first <= day <= last for day in found.closes):
        raise UsageError("usage.benchmark_days", value=said, first=first, last=last)
    return found


def _parts(said: str) -> tuple[Path, str]:
    file, _, name = said.rpartition(":")
    return Path(file), name


def _closes(path: Path, wanted: str) -> dict[date, float]:
    """Return the closes of the series `wanted`, or of the only one."""
    opened = gzip.open if path.suffix == ".gz" else open
    closes: dict[date, float] = {}
    series = wanted
    try:
        with opened(path, "rt", encoding="utf-8-sig", newline="") as text:
            for number, row in enumerate(csv.DictReader(text), start=2):
                symbol = row.get("symbol") or ""
                if wanted and symbol != wanted:
                    continue
                if closes and symbol != series:
                    raise UsageError("usage.benchmark_series", value=path, row=number, first=series, second=symbol)
                series = symbol
                day, close = _read(path, number, row)
                closes[day] = close
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError("usage.benchmark_file", value=path, reason=type(error).__name__) from None
    return closes


def _read(path: Path, number: int, row: Mapping[str, str | None]) -> tuple[date, float]:
    try:
        day, close = date.fromisoformat((row.get("date") or "").strip()), float(row.get("close") or "")
    except ValueError:
        close, day = math.nan, date.min
    if not 0 < close < math.inf:
        found = f"{row.get('date')}, {row.get('close')}"
        raise UsageError("usage.benchmark_row", value=path, row=number, found=found)
    return day, close
