"""A market to choose from, in memory: its list, its answers thirty a call, and what was asked of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from kis_daemon.domain.calendar import TradingCalendar
from kis_daemon.domain.market import Market, Symbol
from kis_daemon.domain.universe import UniverseRules
from kis_daemon.ports import BrokerError, Clock, Issue, MarketData, NotOnThisVenue, Surveyed
from kis_daemon.services.universe_chooser import UniverseChooser
from kis_daemon.services.universe_files import UniverseFiles
from kis_daemon.services.universe_measures import Measures
from kis_daemon.services.universe_survey import Told, UniverseSurvey


def an_issue(symbol: str, **changes: Any) -> Issue:
    terms: dict[str, Any] = {
        "name": f"이름{symbol}",
        "market": Market.KOSPI,
        "is_common": True,
        "in_kospi200": False,
        "suspended": False,
        "under_administration": False,
        "market_cap": 500_000_000_000,
        "traded_value": 5_000_000_000,
    }
    return Issue(symbol=Symbol(symbol), **(terms | changes))


def surveyed(symbol: str, **changes: Any) -> Surveyed:
    terms: dict[str, Any] = {
        "name": "",
        "price": 10_000,
        "open": 0,
        "market_cap": None,
        "suspended": None,
        "under_administration": None,
    }
    return Surveyed(symbol=Symbol(symbol), **(terms | changes))


@dataclass
class FakeDirectory:
    """`ports.Directory` of the issues it is given."""

    listed: tuple[Issue, ...] = ()

    async def issues(self) -> tuple[Issue, ...]:
        return self.listed


@dataclass
class FakeSurvey:
    """`ports.MarketSurvey`: knows what `known` says, everything else at 10,000 won, and nothing of `unknown`."""

    known: dict[Symbol, Surveyed] = field(default_factory=dict)
    unknown: set[Symbol] = field(default_factory=set)
    rankings: tuple[Symbol, ...] | None = None
    failing: BrokerError | None = None
    asked: list[Symbol] = field(default_factory=list)

    async def survey(self, symbols: Sequence[Symbol]) -> AsyncIterator[tuple[Surveyed, ...]]:
        if self.failing is not None:
            raise self.failing
        for symbol in symbols:
            self.asked.append(symbol)
            if symbol not in self.unknown:
                yield (self.known.get(symbol) or surveyed(symbol),)

    async def foremost(self) -> tuple[Symbol, ...]:
        if self.rankings is None:
            raise NotOnThisVenue("no rankings")
        return self.rankings


def silent(_what: str, _done: int, _of: int) -> None:
    """Hear nothing of the progress."""


def a_chooser(
    rules: UniverseRules,
    market: MarketData,
    calendar: TradingCalendar,
    clock: Clock,
    *,
    survey: FakeSurvey | None = None,
    directory: FakeDirectory | None = None,
    files: UniverseFiles | None = None,
    told: Told = silent,
) -> UniverseChooser:
    """Build a chooser over fakes; without `files` nothing is written."""
    kept = files or UniverseFiles(None)
    asking = UniverseSurvey(
        survey=survey or FakeSurvey(),
        market_data=market,
        directory=directory or FakeDirectory(),
        measures=Measures(kept.folder),
        clock=clock,
        told=told,
    )
    return UniverseChooser(rules, asking, kept, calendar, clock)
