"""A day as its recorded inputs have it (services/audit_inputs.py): what a backtest of the same day begins from.

Rules of this room
    The morning is how the book stood before the first price that was looked at: after the account was asked, and after
    splits were re-based. A file that begins in mid-session tells of the rest of its day only.
    Universe and bars are the last ones of the day: the day's own bar is among them once the evening has learned it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from kis_daemon.app.backtest.kept_prices import KeptPrices
from kis_daemon.app.backtest.morning import Morning
from kis_daemon.domain.locks import SymbolLock
from kis_daemon.domain.market import Bar, Listing, Quote, Symbol, Won
from kis_daemon.domain.positions import Position
from kis_daemon.services.audit_values import read
from kis_daemon.services.desks import TradingRules
from kis_daemon.simulator.prices import ListedSymbol

_ANSWERED = ("", "queued")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedDay:
    """`refusals` says of a symbol why the door did not open for it, last word last."""

    since: datetime
    rules: TradingRules
    universe: tuple[Symbol, ...]
    prices: KeptPrices
    morning: Morning
    refusals: Mapping[Symbol, str]


@dataclass(slots=True)
class _Reader:
    since: datetime | None = None
    rules: TradingRules | None = None
    universe: tuple[Symbol, ...] = ()
    bars: dict[Symbol, list[Bar]] = field(default_factory=dict)
    kept: dict[str, dict[Symbol, Any]] = field(default_factory=dict)
    cash: Won = 0
    morning: Morning | None = None
    refusals: dict[Symbol, str] = field(default_factory=dict)

    def follow(self, line: Sequence[Any]) -> None:
        what, at, changes, *told = line
        if what == "day":
            self.since = self.since or datetime.fromisoformat(at)
            self.rules = read(TradingRules, told[0])
        if self.rules is None:
            return  # the end of what another file began
        if what == "look" and self.morning is None:
            self._take(changes)  # what changed before this price
            self.morning = self._morning()
        self._take(changes)
        match what:
            case "watch":
                self.universe = tuple(map(Symbol, told[0])) or self.universe
            case "bars":
                symbol, _, kept, new = told
                self.bars[symbol] = [*self.bars.get(symbol, [])[:kept], *(read(Bar, bar) for bar in new)]
            case "look" if told[1] not in _ANSWERED:
                self.refusals[read(Quote, told[0]).symbol] = told[1]

    def _take(self, changes: Mapping[str, Any]) -> None:
        for name, told in changes.items():
            if name == "figures":
                self.cash = told[1]
            elif isinstance(told, Mapping):
                kept = self.kept.setdefault(name, {})
                for symbol, value in told.items():
                    if value is None:
                        kept.pop(symbol, None)
                    else:
                        kept[symbol] = value

    def _morning(self) -> Morning:
        return Morning(
            cash=self.cash,
            positions=tuple(read(Position, value) for value in self.kept.get("positions", {}).values()),
            external=dict(self.kept.get("external", {})),
            locks=tuple(
                read(SymbolLock, lock)
                for kind in ("locked", "entry_locks")
                for lock in self.kept.get(kind, {}).values()
            ),
            stopped_on={symbol: date.fromisoformat(value) for symbol, value in self.kept.get("stopped_on", {}).items()},
        )

    def listed(self) -> list[ListedSymbol]:
        """Return what the day had a listing of."""
        found = [read(Listing, value) for value in self.kept.get("listings", {}).values()]
        return [ListedSymbol(symbol=one.symbol, name=one.name, market=one.market) for one in found]


def recorded_day(lines: Iterable[Sequence[Any]]) -> RecordedDay:
    """Return the day of these lines; `ValueError` where they tell of no rules, no bars or nothing to watch."""
    reader = _Reader()
    for line in lines:
        reader.follow(line)
    if reader.since is None or reader.rules is None:
        raise ValueError("no day: expected the rules that it began with")
    prices = KeptPrices(reader.listed(), reader.bars)
    with_bars = {listing.symbol for listing in prices.listings()}
    universe = tuple(symbol for symbol in reader.universe if symbol in with_bars)
    return RecordedDay(
        since=reader.since,
        rules=reader.rules,
        universe=universe,
        prices=prices,
        morning=reader.morning or reader._morning(),
        refusals=reader.refusals,
    )
