"""What a selection among two hundred costs: every call that the simulator saw, on both profiles (S3-U14).

On the real profile the exchange's list tells the states, so that thirty symbols a call are enough; without it the
foremost are asked for one by one, which costs `max_stocks` calls more.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from aiohttp import web

from kis_daemon.app.entropy import SeededEntropy
from kis_daemon.app.household import Outfit
from kis_daemon.app.settings import Settings
from kis_daemon.app.universe_outfit import NoDirectory, UniverseOutfit
from kis_daemon.app.universe_run import Explained, explained
from kis_daemon.clock import LoopClock
from kis_daemon.domain.calendar import KST, TradingDay
from kis_daemon.domain.market import Bar, Market, Symbol
from kis_daemon.domain.universe import CandidatePool, SelectionMethod, UniverseRules
from kis_daemon.kis.capabilities import KisProfile
from kis_daemon.kis.credentials import Credentials
from kis_daemon.kis.master_directory import MasterDirectory
from kis_daemon.kis.master_files import FILES, MasterFiles
from kis_daemon.kis.opening import KisLimits
from kis_daemon.kis.transport import Endpoint, KisEndpoints
from kis_daemon.ports import Directory
from kis_daemon.simulator.profile import SimulatorSettings
from kis_daemon.simulator.server import Simulator
from kis_daemon.virtual_loop import VirtualLoop
from tests.kis.test_masters import a_line
from tests.simulator.builders import BarsBook, the_calendar

DAY = date(2024, 3, 5)
EIGHT = datetime(2024, 3, 5, 8, 0, tzinfo=KST)
SYMBOLS = tuple(Symbol(f"{n:05}0") for n in range(1, 201))
HALTED = SYMBOLS[-1]
RULES = UniverseRules(
    selection_method=SelectionMethod.ATR_FILTER,
    candidate_pool_mode=CandidatePool.YAML,
    candidate_stocks=SYMBOLS,
    min_market_cap=0,
)
LINE = {"base_price": 41, "previous_volume": 81}


def trading_day() -> TradingDay:
    day = the_calendar().trading_day(DAY)
    assert day is not None
    return day


def a_market() -> BarsBook:
    """Return two hundred symbols; the later their number, the more is traded in them."""
    days = [one.date for one in the_calendar().trading_days(DAY - timedelta(days=150), DAY)]
    return BarsBook(
        {
            symbol: [
                Bar(date=day, open=50_000, high=51_000, low=49_500, close=50_000, volume=100_000 + 1_000 * n)
                for day in days
            ]
            for n, symbol in enumerate(SYMBOLS)
        }
    )


def a_master_line(symbol: Symbol, volume: int) -> bytes:
    line = bytearray(a_line(code=symbol, suspended="Y" if symbol == HALTED else "N", base_price="000050000"))
    start = len(line) - 227 + LINE["previous_volume"]
    line[start : start + 12] = f"{volume:012}".encode()
    return bytes(line)


def the_list(folder: Path, clock: LoopClock) -> MasterDirectory:
    """Return today's master files as they lie on disk after their download."""
    folder.mkdir(exist_ok=True)
    kospi = b"\n".join(a_master_line(symbol, 100_000 + 1_000 * n) for n, symbol in enumerate(SYMBOLS))
    for board, content in ((Market.KOSPI, kospi), (Market.KOSDAQ, a_line(code="900010", board=Market.KOSDAQ))):
        path = folder / FILES[board]
        path.write_bytes(content)
        os.utime(path, (clock.now().timestamp(),) * 2)
    return MasterDirectory(MasterFiles(folder, clock))


class Counted:
    """Runs selections one after the other against one simulator, and counts the calls of each."""

    def __init__(self, profile: KisProfile, folder: Path, *, listed: bool) -> None:
        self.profile = profile
        self.folder = folder
        self.listed = listed
        self.calls: list[Counter[str]] = []
        self.seconds: list[float] = []

    async def live(self, *runs: UniverseRules) -> list[Explained]:
        clock = LoopClock(asyncio.get_running_loop(), EIGHT)
        paper = self.profile is KisProfile.PAPER
        made = SimulatorSettings(profile="paper" if paper else "real", ping_interval_s=60.0)
        found = []
        with tempfile.TemporaryDirectory() as place:
            sockets = Path(place)
            async with Simulator(
                made, a_market(), the_calendar(), clock, Random(1), middlewares=(self._count(),)
            ) as simulator:
                await simulator.serve_unix(sockets / "rest", sockets / "stream")
                for rules in runs:
                    self.calls.append(Counter())
                    began = clock.now()
                    outfit = self._outfit(simulator, sockets, clock, rules)
                    found.append(await explained(outfit, Settings(), the_calendar(), trading_day(), lambda *_: None))
                    self.seconds.append((clock.now() - began).total_seconds())
        return found

    def _count(self) -> Any:
        @web.middleware
        async def count(
            request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
        ) -> web.StreamResponse:
            self.calls[-1][request.path.rsplit("/", 1)[1]] += 1
            return await handler(request)

        return count

    def _outfit(self, simulator: Simulator, sockets: Path, clock: LoopClock, rules: UniverseRules) -> Outfit:
        made = simulator.settings
        directory: Directory = the_list(self.folder / "masters", clock) if self.listed else NoDirectory()
        return Outfit(
            clock=clock,
            endpoints=KisEndpoints(
                rest=Endpoint(url=simulator.rest_url, socket_path=str(sockets / "rest")),
                stream=Endpoint(url=simulator.ws_url, socket_path=str(sockets / "stream")),
            ),
            credentials=Credentials(
                app_key=made.app_key,
                app_secret=made.app_secret,
                account=made.account_no + made.product,
                hts_id=made.hts_id,
            ),
            profile=self.profile,
            limits=KisLimits.of(self.profile),
            chance=Random(2),
            entropy=SeededEntropy("e"),
            secret=b"s" * 32,
            token_path=None,
            universe=UniverseOutfit(rules=rules, directory=directory, folder=self.folder),
            poll_s=1.0,
        )


def lived(counted: Counted, *runs: UniverseRules) -> list[Explained]:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(counted.live(*runs))


def chosen(found: Explained) -> list[str]:
    report: Mapping[str, Any] = found.report or {}
    return list(report["stocks"])


@pytest.mark.parametrize(
    ("profile", "first", "second"), [(KisProfile.REAL, 210, 10), (KisProfile.PAPER, 410, 10)], ids=["real", "paper"]
)
def test_two_hundred_candidates_cost_a_chart_each_and_little_more_and_nothing_the_second_time(
    tmp_path: Path, profile: KisProfile, first: int, second: int
) -> None:
    counted = Counted(profile, tmp_path, listed=profile is KisProfile.REAL)

    found = lived(counted, RULES, RULES)

    totals = [calls.total() for calls in counted.calls]
    assert totals[0] <= first, counted.calls
    assert totals[1] <= second, counted.calls
    assert chosen(found[0]) == chosen(found[1]) == list(SYMBOLS[:5])
    looked_at = len(SYMBOLS) - (profile is KisProfile.REAL)  # the list says that one is halted
    assert counted.calls[0]["inquire-daily-itemchartprice"] == looked_at
    assert counted.calls[0]["intstock-multprice" if profile is KisProfile.REAL else "inquire-price"] == (
        7 if profile is KisProfile.REAL else 200
    )


@pytest.mark.parametrize("profile", KisProfile)
def test_combined_with_the_exchanges_list_costs_the_charts_of_three_times_as_many(
    tmp_path: Path, profile: KisProfile
) -> None:
    """S3-U18, U14: what was traded stands in the list, so only the most traded cost a chart."""
    rules = replace(RULES, selection_method=SelectionMethod.COMBINED, candidate_pool_mode=CandidatePool.MARKET)
    counted = Counted(profile, tmp_path, listed=True)

    found = lived(counted, rules)

    assert chosen(found[0]) == list(SYMBOLS[-2:-7:-1])  # the most traded is halted
    assert counted.calls[0]["inquire-daily-itemchartprice"] == 15


def test_without_the_list_the_real_profile_asks_the_states_of_the_foremost(tmp_path: Path) -> None:
    counted = Counted(KisProfile.REAL, tmp_path, listed=False)

    found = lived(counted, RULES, RULES)

    assert counted.calls[0]["inquire-price"] == RULES.max_stocks
    assert counted.calls[0].total() <= 210 + RULES.max_stocks
    assert counted.calls[1].total() <= 10
    assert chosen(found[1]) == list(SYMBOLS[:5])


def test_without_the_list_the_real_profile_finds_the_market_in_the_rankings(tmp_path: Path) -> None:
    """S3-U07."""
    rules = replace(RULES, selection_method=SelectionMethod.COMBINED, candidate_pool_mode=CandidatePool.MARKET)
    counted = Counted(KisProfile.REAL, tmp_path, listed=False)

    (found,) = lived(counted, rules)

    assert len(chosen(found)) == rules.max_stocks
    assert counted.calls[0]["volume-rank"] == 2
    assert counted.calls[0]["market-cap"] == 1


def test_the_calls_keep_to_what_the_profile_allows(tmp_path: Path) -> None:
    """Paper lets one call a second through: nobody is refused, and it takes its time."""
    counted = Counted(KisProfile.PAPER, tmp_path, listed=False)

    lived(counted, replace(RULES, candidate_stocks=SYMBOLS[:20]))

    assert counted.seconds[0] >= counted.calls[0].total() - 2
    assert counted.calls[0]["inquire-price"] == 20
