"""A day with real money, as far as a test may go: REAL settings, real TR ids, and the simulator's real profile.

The house, the wire and the store are the daemon's own; only the address and the morning's rehearsal are given, and what
is told goes into a list.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, time
from pathlib import Path
from typing import Any

from kis_daemon.app.files import load_calendar
from kis_daemon.app.household import Household
from kis_daemon.app.on_kis import outfit_of
from kis_daemon.app.on_simulator import simulated_market, universe_of
from kis_daemon.app.options import DEFAULT_SIM_SEED, DEFAULT_SIM_START, RunOptions, SimOptions, SimProfile
from kis_daemon.app.settings import load_settings
from kis_daemon.app.universe_outfit import outfit_of_simulation
from kis_daemon.clock import LoopClock
from kis_daemon.console.alerts import Sink
from kis_daemon.domain.calendar import KST
from kis_daemon.kis.capabilities import KisProfile
from kis_daemon.ports import Rows, Severity
from kis_daemon.services import kill_switch
from kis_daemon.services.rehearsals import REHEARSAL_MARK
from kis_daemon.simulator.price_generator import GeneratedPrices
from kis_daemon.simulator.profile import SimulatorSettings
from kis_daemon.store import backup
from kis_daemon.virtual_loop import VirtualLoop
from tests.conftest import ROOT

MORNING = datetime.combine(DEFAULT_SIM_START, time(7, 30), KST)
_SIM = SimOptions(profile=SimProfile.REAL, speed=0)


@dataclass(slots=True)
class Heard:
    """A sink that hears everything."""

    texts: list[str] = field(default_factory=list)
    name: str = "test"
    level: Severity = Severity.INFO

    async def send(self, text: str) -> None:
        self.texts.append(text)


class _HeardHousehold(Household):
    heard: Heard

    def _sinks(self) -> Sequence[Sink]:
        return (self.heard,)


@dataclass(frozen=True, slots=True, kw_only=True)
class RealDay:
    """What came of it: the simulator's requests, what a person was told, and the database."""

    requests: list[Any]
    texts: list[str]
    database: Path


def live_through(
    root: Path,
    *,
    saved: bool = True,
    rehearsed: bool = True,
    days: int = 1,
    options: RunOptions | None = None,
) -> RealDay:
    """Live through the default day, and `days` in all, with real money. The rehearsal is that of the first day."""
    calendar = load_calendar(ROOT / "config")
    prices = GeneratedPrices(DEFAULT_SIM_SEED, calendar)
    asked, sim = options or RunOptions(), replace(_SIM, days=days)
    options = replace(
        asked,
        confirm_real_trading=True,
        drift=False,
        data_dir=root / "data",
        config_dir=ROOT / "config",
        symbols=tuple(listing.symbol for listing in prices.listings()),
        sim=sim,
    )
    keys = SimulatorSettings()
    settings = load_settings(
        options,
        {
            "TRADING_MODE": "REAL",
            "REAL_KIS_APP_KEY": keys.app_key,
            "REAL_KIS_APP_SECRET": keys.app_secret,
            "REAL_KIS_ACCOUNT_NO": keys.account,
            "REAL_KIS_HTS_ID": keys.hts_id,
            "EXECUTION_JWT_SECRET": "j" * 32,
            "AUTO_TRADE_LOG_DIR": str(root / "logs"),
            "LANGUAGE": "en",
        },
        None,
    )
    settings.data_dir.mkdir()
    loop = VirtualLoop(None)
    clock = LoopClock(loop, MORNING)
    with ExitStack() as stack:
        household = _HeardHousehold(settings, options, calendar)
        household.heard = Heard()
        household.open_store(stack)

        def prepare(rows: Rows) -> None:
            kill_switch.release(rows, MORNING, reason="a test", by="a test")
            if rehearsed:
                rows.set_mark(REHEARSAL_MARK, DEFAULT_SIM_START.isoformat())

        household.database.transact_now(prepare)
        if saved:
            backup.create(settings.database, settings.data_dir / "backups", MORNING)
        stack.enter_context(household.logs(clock.now))

        async def lived() -> list[Any]:
            universe = universe_of(settings.universe, options, prices)
            chosen_by = outfit_of_simulation(universe, prices, clock, settings.data_dir, "a test")
            async with simulated_market(
                settings, sim, calendar, clock, prices, chosen_by, seed="a test", state_path=None
            ) as (simulator, outfit):
                real = outfit_of(settings, clock, KisProfile.REAL, outfit.endpoints)
                await household.live_with(
                    replace(
                        real,
                        universe=chosen_by,
                        limits=outfit.limits,
                        market_over=simulator.played_out,
                        poll_s=outfit.poll_s,
                    ),
                    lambda *_: None,
                )
                return list(simulator.exchange.orders.between(DEFAULT_SIM_START, clock.now().date()))

        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            requests = runner.run(lived())
    return RealDay(requests=requests, texts=household.heard.texts, database=settings.data_dir / "kis_trading.db")
