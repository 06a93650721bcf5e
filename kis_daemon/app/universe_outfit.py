"""What a selection of the day's symbols is made with on one venue: rules, the exchange's list, and files.

The daemon and `main.py universe` select with the same, and find what the other has kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import structlog

from kis_daemon.app.modes import TradingMode, Venue
from kis_daemon.app.settings import Settings
from kis_daemon.app.world import SIMULATED_UNIVERSE
from kis_daemon.domain.calendar import TradingCalendar
from kis_daemon.domain.market import Market
from kis_daemon.domain.universe import UniverseRules
from kis_daemon.kis.master_directory import MasterDirectory
from kis_daemon.kis.master_files import MASTER_URL, MasterFiles
from kis_daemon.kis.opening import KisQuotes
from kis_daemon.ports import Clock, Directory, Issue
from kis_daemon.services.journal import Journal
from kis_daemon.services.universe_chooser import UniverseChooser
from kis_daemon.services.universe_files import UniverseFiles
from kis_daemon.services.universe_measures import Measures
from kis_daemon.services.universe_selector import FallbackTerms, UniverseSelector
from kis_daemon.services.universe_survey import Told, UniverseSurvey
from kis_daemon.simulator.prices import PriceBook

log = structlog.get_logger("universe")

_FALLBACK_PAUSE_S = 10.0
_TOLD_EVERY = 25
_LAST_DAYS = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class UniverseOutfit:
    """In what one venue's selection differs from another's. `folder` None: nothing outlives the process."""

    rules: UniverseRules
    directory: Directory
    folder: Path | None = None
    venue: str = ""

    def files(self) -> UniverseFiles:
        return UniverseFiles(self.folder, self.venue)


class NoDirectory:
    """The `Directory` where there is no list of the exchange."""

    async def issues(self) -> tuple[Issue, ...]:
        return ()


class PriceDirectory:
    """The `Directory` of a simulated exchange: what has prices is listed, and KOSPI stands in for the KOSPI 200."""

    def __init__(self, prices: PriceBook, clock: Clock) -> None:
        self._prices = prices
        self._clock = clock

    async def issues(self) -> tuple[Issue, ...]:
        """Return every symbol with what it traded for on its last day before today."""
        today = self._clock.now().date()
        found = []
        for listing in self._prices.listings():
            bars = self._prices.bars(listing.symbol, today - _LAST_DAYS, today - timedelta(days=1))
            traded = [bar.close * bar.volume for bar in bars if bar.volume]
            found.append(
                Issue(
                    symbol=listing.symbol,
                    name=listing.name,
                    market=listing.market,
                    is_common=listing.market is not Market.ETF,
                    in_kospi200=listing.market is Market.KOSPI,
                    suspended=False,
                    under_administration=False,
                    market_cap=None,
                    traded_value=traded[-1] if traded else 0,
                )
            )
        return tuple(found)


def outfit_at_kis(settings: Settings, clock: Clock) -> UniverseOutfit:
    """Return the outfit at KIS, or at whatever stands in for it: then its lists are asked there, and nowhere else."""
    stand_in = settings.kis_rest_url
    masters = MasterFiles(
        settings.data_dir / "masters", clock, url=MASTER_URL if stand_in is None else f"{stand_in}/common/master"
    )
    return UniverseOutfit(
        rules=settings.universe,
        directory=MasterDirectory(masters),
        folder=settings.data_dir,
        venue=f"{Venue.KIS_REAL if settings.venue is Venue.KIS_REAL else Venue.KIS_PAPER}{stand_in or ''}",
    )


def outfit_of_simulation(
    rules: UniverseRules, prices: PriceBook, clock: Clock, data_dir: Path, identity: str
) -> UniverseOutfit:
    """Return the outfit of the embedded simulator's world; its invented symbols never meet those of the exchange."""
    return UniverseOutfit(
        rules=rules, directory=PriceDirectory(prices, clock), folder=data_dir / SIMULATED_UNIVERSE, venue=identity
    )


def universe_chooser(
    outfit: UniverseOutfit, *, kis: KisQuotes, calendar: TradingCalendar, clock: Clock, told: Told | None = None
) -> UniverseChooser:
    """Build the chooser; nothing is asked or opened."""
    files = outfit.files()
    survey = UniverseSurvey(
        survey=kis.survey,
        market_data=kis.market_data,
        directory=outfit.directory,
        measures=Measures(files.folder, outfit.venue),
        clock=clock,
        told=told or log_progress(),
    )
    return UniverseChooser(outfit.rules, survey, files, calendar, clock)


def selector_of(
    outfit: UniverseOutfit, settings: Settings, *, kis: KisQuotes, calendar: TradingCalendar, clock: Clock
) -> Callable[[Journal], UniverseSelector]:
    """Return what makes the selector of a daemon, once there is a journal."""
    chooser = universe_chooser(outfit, kis=kis, calendar=calendar, clock=clock)
    return lambda journal: UniverseSelector(chooser, journal, clock, fallback_terms(settings, outfit))


def fallback_terms(settings: Settings, universe: UniverseOutfit) -> FallbackTerms:
    """With real money a universe that could not be selected stops entries, or lets somebody look (S3-U25, U26)."""
    if settings.trading_mode is not TradingMode.REAL:
        return FallbackTerms()
    return FallbackTerms(halts=universe.rules.halt_on_fallback_in_real, pause_s=_FALLBACK_PAUSE_S)


def log_progress() -> Told:
    """Return what writes every now and then how far the questions are."""
    told_at: dict[str, int] = {}

    def tell(what: str, done: int, of: int) -> None:
        if done < of and done // _TOLD_EVERY == told_at.get(what, 0):
            return
        told_at[what] = 0 if done >= of else done // _TOLD_EVERY
        log.info("universe_progress", what=what, done=done, of=of)

    return tell
