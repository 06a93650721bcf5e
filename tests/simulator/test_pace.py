"""The clock of a simulator that stands alone: how fast it goes, and how it is made to jump."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from random import Random

import aiohttp

from kis_daemon.clock import LoopClock
from kis_daemon.simulator.pace import JumpingPace
from kis_daemon.simulator.server import Simulator
from kis_daemon.virtual_loop import VirtualLoop
from tests.simulator.builders import SAMSUNG, a_book, at, the_calendar
from tests.simulator.conftest import Served, some_settings


def test_a_stretch_takes_its_share_of_the_wall_and_what_a_jump_covers_takes_none() -> None:
    pace = JumpingPace(2.0)
    assert pace(10.0, 30.0) == 10.0

    pace.jump_to(20.0)
    pace.jump_to(15.0)  # never back

    assert (pace(10.0, 18.0), pace(10.0, 30.0), pace(25.0, 30.0)) == (0.0, 5.0, 2.5)
    assert (pace.jumps_at(19.9), pace.jumps_at(20.0)) == (True, False)


def test_the_clock_jumps_forward_and_plays_what_lies_between(tmp_path: Path) -> None:
    pace = JumpingPace(1.0)

    async def jumped() -> list[tuple[int, str]]:
        clock = LoopClock(asyncio.get_running_loop(), at("10:00"))
        sim = Simulator(some_settings(), a_book(), the_calendar(), clock, Random(1), pace=pace)
        async with sim:
            await sim.serve_unix(tmp_path / "rest", tmp_path / "stream")
            known = sim.exchange.boards[SAMSUNG].trades
            connector = aiohttp.UnixConnector(path=str(tmp_path / "rest"))
            no_limit = aiohttp.ClientTimeout(total=None)  # this client lives in the loop that jumps
            async with aiohttp.ClientSession(connector=connector, timeout=no_limit) as http:
                told = []
                for asked in ({"to": "15:35"}, {"to": "10:00"}, {"to": "noon"}, {}):
                    async with http.post("http://localhost/__sim/clock", data=json.dumps(asked)) as answer:
                        body = await answer.json()
                        told.append((answer.status, body.get("now", body.get("error"))[:19]))
            assert sim.exchange.boards[SAMSUNG].trades > known
            assert sim.exchange.boards[SAMSUNG].bar_so_far().close == 70_500
        return told

    with asyncio.Runner(loop_factory=lambda: VirtualLoop(pace, outside_input=True)) as runner:
        told = runner.run(jumped())

    assert told[0] == (200, "2024-03-05T15:35:00")
    assert [status for status, _ in told] == [200, 400, 400, 400]


async def test_a_clock_that_is_not_ours_cannot_jump(served: Served) -> None:
    async with served() as client:
        status, body = await client.page("POST", "/__sim/clock", {"to": "15:00"})

        assert (status, body["error"]) == (400, "clock: the time of this simulator cannot jump")
