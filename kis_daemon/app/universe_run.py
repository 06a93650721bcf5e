"""One selection by hand: who answers, which day, and what of it was kept.

Rules of this room (S3-U02, U29)
    The same rules, files and questions as the daemon's. While a daemon runs nothing is asked (there is one budget for
    an app key); what it has kept is shown. One that starts meanwhile has precedence: it is kept from nothing, the
    selection by hand ends there, and what was measured stays.
    Of a day that is over only what was kept then is told: nobody can ask what was known that morning.
    A simulated market is looked at and left as it was: nothing of it is kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import Any

from kis_daemon.app.errors import AlreadyRunning, ConfigurationError, UsageError
from kis_daemon.app.household import Outfit
from kis_daemon.app.lock import refuse_beside_another
from kis_daemon.app.modes import TradingMode, Venue
from kis_daemon.app.on_kis import paper_outfit, simulators_time, time_of
from kis_daemon.app.on_simulator import load_prices, simulated_market, universe_of
from kis_daemon.app.options import RunOptions, SimOptions
from kis_daemon.app.settings import Settings
from kis_daemon.app.universe_outfit import PriceDirectory, UniverseOutfit, outfit_at_kis, universe_chooser
from kis_daemon.clock import LoopClock
from kis_daemon.domain.calendar import KST, TradingCalendar, TradingDay
from kis_daemon.domain.universe import EmptyUniverse, NoCandidates
from kis_daemon.ports import BrokerError, Clock
from kis_daemon.services.universe_files import Miss
from kis_daemon.services.universe_survey import Told
from kis_daemon.virtual_loop import VirtualLoop

_LOOKS_AT = time(8, 0)  # when the daemon prepares a day


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """What a day's selection came to. `failure` says why there is none; `kept`: nothing was asked for it."""

    report: Mapping[str, Any] | None
    failure: str = ""
    kept: bool = False


def select_universe(
    settings: Settings, options: RunOptions, calendar: TradingCalendar, day: date | None, told: Told
) -> Explained:
    """Return the selection of `day` (of the coming one without), by asking where that is possible."""
    if settings.trading_mode is TradingMode.REAL:
        raise ConfigurationError("config.real_by_hand")
    if settings.venue is Venue.SIMULATOR:
        return _on_the_simulator(settings, options, calendar, day, told)
    loop, clock = time_of(simulators_time(settings, options))
    try:
        return _at_kis(settings, calendar, day, told, loop, clock)
    finally:
        loop.close()


def _at_kis(
    settings: Settings,
    calendar: TradingCalendar,
    day: date | None,
    told: Told,
    loop: asyncio.AbstractEventLoop,
    clock: Clock,
) -> Explained:
    coming = _coming_day(calendar, clock)
    outfit = outfit_at_kis(settings, clock)
    if day is not None and day != coming.date:
        return _kept(outfit, calendar, day, coming)
    try:
        refuse_beside_another(settings.data_dir)
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            return runner.run(
                explained(paper_outfit(settings, clock), settings, calendar, coming, _giving_way(settings, told))
            )
    except AlreadyRunning:
        report = outfit.files().report(coming.date)
        if report is None:
            raise
        return _as_kept(report)


async def explained(
    outfit: Outfit, settings: Settings, calendar: TradingCalendar, day: TradingDay, told: Told
) -> Explained:
    """Return the selection of `day` by this outfit; in session what was kept today, off session a new one."""
    async with outfit.open_kis(settings.api_timeout_s) as kis:
        chooser = universe_chooser(outfit.universe, kis=kis, calendar=calendar, clock=outfit.clock, told=told)
        files, now = chooser.files, outfit.clock.now()
        if day.opens_at <= now <= day.closes_at and not isinstance(files.cached(day.date, chooser.rules), Miss):
            report = files.report(day.date)
            if report is not None:
                return _as_kept(report)
        try:
            await chooser.choose(day)
        except EmptyUniverse as error:
            return Explained(report=files.report(day.date), failure=str(error))
        except (NoCandidates, BrokerError) as error:
            return Explained(report=None, failure=str(error))
        return Explained(report=files.report(day.date))


def _giving_way(settings: Settings, told: Told) -> Told:
    """Return `told`, which ends the selection where a daemon has started meanwhile."""

    def tell(what: str, done: int, of: int) -> None:
        refuse_beside_another(settings.data_dir)
        told(what, done, of)

    return tell


def _kept(outfit: UniverseOutfit, calendar: TradingCalendar, day: date, coming: TradingDay) -> Explained:
    if day > coming.date or not calendar.covers(day) or calendar.trading_day(day) is None:
        raise UsageError("usage.universe_date", day=day.isoformat(), coming=coming.date.isoformat())
    report = outfit.files().report(day)
    if report is None:
        raise ConfigurationError("universe.not_kept", day=day.isoformat())
    return _as_kept(report)


def _as_kept(report: Mapping[str, Any]) -> Explained:
    failure = "" if report.get("stocks") else f"no candidate passed the filters of {report.get('selection_method')}"
    return Explained(report=report, failure=failure, kept=True)


def _coming_day(calendar: TradingCalendar, clock: Clock) -> TradingDay:
    """Return today while its session is not over, else the next trading day."""
    now = clock.now()
    try:
        today = calendar.trading_day(now.date())
        if today is not None and now <= today.closes_at:
            return today
        return calendar.next_trading_day(now.date())
    except LookupError:
        raise ConfigurationError("universe.calendar", day=now.date().isoformat()) from None


def _on_the_simulator(
    settings: Settings, options: RunOptions, calendar: TradingCalendar, day: date | None, told: Told
) -> Explained:
    sim = SimOptions() if day is None else replace(options.sim, start=day)
    prices = load_prices(sim.prices, sim.seed, sim.start, calendar)
    trading_day = calendar.trading_day(sim.start) if calendar.covers(sim.start) else None
    if trading_day is None:
        raise UsageError("usage.universe_date", day=sim.start.isoformat(), coming=SimOptions().start.isoformat())
    loop = VirtualLoop()
    clock = LoopClock(loop, datetime.combine(sim.start, _LOOKS_AT, KST))
    universe = UniverseOutfit(
        rules=universe_of(settings.universe, options, prices), directory=PriceDirectory(prices, clock)
    )

    async def look() -> Explained:
        async with simulated_market(
            settings, sim, calendar, clock, prices, universe, seed=str(sim.seed), state_path=None
        ) as (_, outfit):
            return await explained(outfit, settings, calendar, trading_day, told)

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(look())
