"""What was measured of candidates on one day: prices, states and charts, kept so that nothing is asked twice.

Rules of this room (S3-U14)
    A chart of completed bars holds for the whole day. A price holds until trading has gone on for half an hour since.
    The file `measures_YYYYMMDD.json` stands beside the explanations, is written whole, and lasts for a few days.
    An interrupted selection goes on where it stopped: what was measured is written down every now and then.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog

from kis_daemon.domain.calendar import TradingDay
from kis_daemon.domain.market import Bar, Symbol, as_symbol
from kis_daemon.ports import Surveyed
from kis_daemon.services.universe_files import prune, read_whole, write_whole

log = structlog.get_logger("universe")

PREFIX = "measures_"
_KEPT = timedelta(days=3)
_HOLDS = timedelta(minutes=30)
_SAVE_EVERY = 25


class Measures:
    """See the rules above. Without a folder they last as long as the process; `venue` is whose market they tell of."""

    def __init__(self, folder: Path | None, venue: str = "") -> None:
        self._folder = folder
        self._venue = venue
        self._day: date | None = None
        self._prices: dict[Symbol, tuple[datetime, Surveyed]] = {}
        self._charts: dict[Symbol, tuple[date, tuple[Bar, ...]]] = {}
        self._unsaved = 0

    def open(self, day: date) -> None:
        """Have what was measured for `day` so far."""
        if self._day == day:
            return
        self._day, self._unsaved = day, 0
        self._prices.clear()
        self._charts.clear()
        told = None if self._folder is None else read_whole(self._file(self._folder, day))
        if not told or told.get("venue") != self._venue:
            return
        try:
            self._prices |= {as_symbol(key): _price(key, row) for key, row in told["prices"].items()}
            self._charts |= {as_symbol(key): _chart(row) for key, row in told["charts"].items()}
        except (KeyError, TypeError, ValueError, AttributeError):
            log.warning("universe_measures_unreadable", day=day.isoformat())
            self._prices.clear()
            self._charts.clear()

    def price(self, symbol: Symbol, day: TradingDay, now: datetime) -> Surveyed | None:
        """Return what is known of `symbol`, None where it has to be asked (again)."""
        known = self._prices.get(symbol)
        if known is None:
            return None
        asked, surveyed = known
        has_traded_since = asked < day.closes_at and now > day.opens_at
        return None if has_traded_since and now - asked > _HOLDS else surveyed

    def chart(self, symbol: Symbol, last: date) -> tuple[Bar, ...] | None:
        """Return the completed bars of `symbol` up to `last`, None where they have to be asked for."""
        known = self._charts.get(symbol)
        return None if known is None or known[0] != last else known[1]

    def keep_price(self, surveyed: Surveyed, at: datetime) -> None:
        self._prices[surveyed.symbol] = at, surveyed
        self._count()

    def keep_chart(self, symbol: Symbol, last: date, bars: Sequence[Bar]) -> None:
        self._charts[symbol] = last, tuple(bars)
        self._count()

    def _count(self) -> None:
        self._unsaved += 1
        if self._unsaved >= _SAVE_EVERY:
            self.save()

    def save(self) -> None:
        """Write down what is new."""
        if self._folder is None or self._day is None or not self._unsaved:
            return
        self._unsaved = 0
        content: dict[str, Any] = {
            "venue": self._venue,
            "prices": {symbol: [at.isoformat(), asdict(told)] for symbol, (at, told) in self._prices.items()},
            "charts": {symbol: [last.isoformat(), *map(_row, bars)] for symbol, (last, bars) in self._charts.items()},
        }
        try:
            write_whole(self._file(self._folder, self._day), content)
            prune(self._folder, PREFIX, self._day - _KEPT)
        except OSError as error:
            log.warning("universe_not_kept", file=str(self._folder), reason=str(error))

    @staticmethod
    def _file(folder: Path, day: date) -> Path:
        return folder / f"{PREFIX}{day:%Y%m%d}.json"


def _row(bar: Bar) -> list[Any]:
    return [bar.date.isoformat(), bar.open, bar.high, bar.low, bar.close, bar.volume]


def _chart(row: list[Any]) -> tuple[date, tuple[Bar, ...]]:
    last, *rows = row
    bars = tuple(
        Bar(date=date.fromisoformat(day), open=int(o), high=int(h), low=int(low), close=int(c), volume=int(v))
        for day, o, h, low, c, v in rows
    )
    if any(bar.date >= later.date for bar, later in itertools.pairwise(bars)):
        raise ValueError("bars that are not in the order of their days")
    return date.fromisoformat(last), bars


def _price(symbol: str, row: list[Any]) -> tuple[datetime, Surveyed]:
    at, told = row
    asked = datetime.fromisoformat(at)
    if asked.tzinfo is None:
        raise ValueError(f"{at}: a time without its zone")
    return asked, Surveyed(
        symbol=as_symbol(symbol),
        name=str(told["name"]),
        price=int(told["price"]),
        open=int(told["open"]),
        market_cap=None if told["market_cap"] is None else int(told["market_cap"]),
        suspended=_said(told["suspended"]),
        under_administration=_said(told["under_administration"]),
    )


def _said(value: object) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    raise ValueError(f"{value!r}: expected true, false or null")
