"""Two readings of one list: what the simulator publishes of its symbols is what the client reads of them."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from random import Random

from kis_daemon.clock import LoopClock
from kis_daemon.domain.calendar import KST
from kis_daemon.domain.market import Market, Symbol
from kis_daemon.kis.master_directory import MasterDirectory
from kis_daemon.kis.master_files import FILES, MasterFiles
from kis_daemon.ports import Issue
from kis_daemon.simulator.market_rules import Designation
from kis_daemon.simulator.price_generator import GeneratedPrices
from kis_daemon.simulator.profile import SimulatorSettings
from kis_daemon.simulator.server import Simulator
from tests.simulator.builders import the_calendar

EIGHT = datetime(2026, 3, 3, 8, 0, tzinfo=KST)
SAMSUNG, HYNIX, ECOPRO = Symbol("005930"), Symbol("000660"), Symbol("086520")


async def test_the_lists_of_the_simulator_are_read_as_it_means_them(tmp_path: Path) -> None:
    clock = LoopClock(asyncio.get_running_loop(), EIGHT)
    prices = GeneratedPrices(1, the_calendar())
    settings = SimulatorSettings(profile="paper")
    async with Simulator(settings, prices, the_calendar(), clock, Random(1)) as simulator:
        await simulator.serve_tcp()
        boards = simulator.exchange.boards
        boards[SAMSUNG].designation = Designation.ADMINISTRATIVE
        boards[HYNIX].designation = Designation.LIQUIDATION
        files = MasterFiles(tmp_path, clock, url=f"{simulator.rest_url}/common/master")

        issues = {issue.symbol: issue for issue in await MasterDirectory(files).issues()}

        expected = {
            symbol: Issue(
                symbol=symbol,
                name=board.name,
                market=board.market,
                is_common=True,
                in_kospi200=board.market is Market.KOSPI,
                suspended=symbol == HYNIX,
                under_administration=symbol == SAMSUNG,
                market_cap=issues[symbol].market_cap,
                traded_value=board.base * (board.previous.volume if board.previous else 0),
            )
            for symbol, board in boards.items()
        }
    assert issues == expected
    assert all((issue.market_cap or 0) > 10**11 for issue in issues.values())
    assert issues[ECOPRO].market is Market.KOSDAQ
    assert [files.fetched_on(board) for board in FILES] == [EIGHT.date()] * 2
