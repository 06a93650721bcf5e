"""One seed: a trading date lived through, and what came of it."""

from __future__ import annotations

import asyncio
import logging
import shutil
import tempfile
import time as wall
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

import structlog
from simloop._run import finish, run_once

from kis_daemon.domain.market import Side
from kis_daemon.kis import transport
from kis_daemon.kis.wire import Answer
from kis_daemon.ports import Permit, Withdrawn
from tests.simulation.crowd import Crowd
from tests.simulation.loop import Loop, nothing_left_to_chance
from tests.simulation.town import Town, make_template
from tests.simulation.watch import Watch
from tests.simulation.weather import Weather

MEMORY = Path("/dev/shm")
MOST_STEPS = 30_000
MOST_TICKS = 1_200
LEAST_ORDERS = 6
LEAST_FAULTS = 3
_MOST_VARIANTS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a seed did; `broken` is empty where everything held."""

    seed: int
    broken: str
    steps: int
    orders: int
    events: int
    ticks: int
    faults: tuple[str, ...]
    crashes: int
    restarts: int
    journal_hash: str
    seconds: float
    fates: tuple[str, ...] = ()
    refusals: dict[str, int] = field(default_factory=dict)


def live_day(seed: int, template: Path, mutant: Callable[[], AbstractContextManager[object]] = nullcontext) -> Report:
    """Live through the date of `seed`; raises nothing for what it finds: see `Report.broken`.

    A date on which too little happened (a switch thrown or a wire cut before the open), or too much to be compact, is
    followed by another one of the same seed, until one has enough orders and faults; all must hold.
    """
    for variant in range(_MOST_VARIANTS):
        report = _live_variant(seed, variant, template, mutant)
        is_full = report.orders >= LEAST_ORDERS and len(report.faults) >= LEAST_FAULTS
        if report.broken or (is_full and report.steps <= MOST_STEPS and report.ticks <= MOST_TICKS):
            return report
    told = f"{report.orders} orders, {report.steps} steps, {report.ticks} ticks, {report.faults}"
    return replace(report, broken=f"too quiet or too long: {told}")


def _live_variant(
    seed: int, variant: int, template: Path, mutant: Callable[[], AbstractContextManager[object]]
) -> Report:
    began = wall.perf_counter()
    home = Path(tempfile.mkdtemp(prefix="kis-sim-", dir=MEMORY if MEMORY.is_dir() else None))
    number = seed * _MOST_VARIANTS + variant
    loop = Loop(number)
    town = Town(loop, number, home, template)
    weather = Weather(town, number)
    box: list[Watch] = []
    try:
        with nothing_left_to_chance(), mutant(), _spied(town, weather, box):
            error = run_once(loop, lambda: _live(town, weather, box))
            steps = len(loop._choices)  # simloop tells its steps nowhere else
            finish(loop)
        watch = box[0] if box else None
        if watch is None:
            raise error or RuntimeError("the day never began")
        if error is not None:
            watch.fail(f"the day ended with {error!r}")
        if town.ended_by_itself:
            watch.broken = f"ended by itself: {town.ended_by_itself[0]}"
        if loop.unheard:
            watch.fail(f"nobody heard: {loop.unheard[0]}")
        watch.at_night()
        ticks = sum(board.trades for board in watch.exchange.boards.values())
        return Report(
            seed=seed,
            broken=watch.broken,
            steps=steps,
            orders=watch.orders,
            events=watch.events(),
            ticks=ticks,
            faults=weather.all_struck(),
            crashes=town.crashes,
            restarts=town.restarts,
            journal_hash=watch.chain_head(),
            seconds=wall.perf_counter() - began,
            fates=tuple(town.market.fates.values()),
            refusals=dict(watch.refusals),
        )
    finally:
        shutil.rmtree(home, ignore_errors=True)


async def _live(town: Town, weather: Weather, box: list[Watch]) -> None:
    await town.open(**weather.of_the_simulator())
    assert town.simulator is not None
    watch = Watch(town.database, town.spare, town.simulator.exchange)
    watch.attach()
    box.append(watch)
    weather.watch = watch
    watch.on_resting = Crowd(town.simulator, town.clock).come
    town.boot()
    storm = asyncio.get_running_loop().create_task(weather.blow(), name="weather")
    await town.until(time(15, 0))
    await storm
    await weather.calm()
    await town.until(time(15, 18))
    watch.at_close(town.life.house if town.life is not None and not town.is_dead else None)
    await town.until(time(19, 0))
    if town.life is not None:
        town.life.stop.set()
        await town.buried()


def _spied(town: Town, weather: Weather, box: list[Watch]) -> AbstractContextManager[object]:
    """Stand beside the one place where orders leave: the gate is asked again when a permit was given."""
    original = transport.Transport.post_once

    async def post_once(
        self: transport.Transport,
        path: str,
        body: Mapping[str, str],
        headers: Mapping[str, str],
        permit: Permit,
        *slot: Any,
    ) -> Answer | Withdrawn:
        if "/trading/order-" not in path:
            return await original(self, path, body, headers, permit, *slot)

        def heard() -> bool:
            permitted = permit()
            house = town.life.house if town.life is not None else None
            if permitted and house is not None and box:
                selling = headers["tr_id"].endswith(("0011U", "0801U"))
                cancel = path.endswith("rvsecncl")
                box[0].left_the_house(house, Side.SELL if selling else Side.BUY, cancel)
                if not cancel:
                    weather.order_left()
            return permitted

        return await original(self, path, body, headers, heard, *slot)

    return patch.object(transport.Transport, "post_once", post_once)


def quiet() -> None:
    """Keep the daemon's own log out of the way."""
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


def template(folder: Path) -> Path:
    """Return the path of a migrated database, made once in `folder`."""
    path = folder / "template.db"
    if not path.exists():
        make_template(path)
    return path
