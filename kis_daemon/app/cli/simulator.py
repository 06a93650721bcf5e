"""`simulator`: our KIS alone, for any client on this machine, until it is told to stop."""

from __future__ import annotations

import asyncio
import json
import random
import signal
from datetime import date, datetime, time
from pathlib import Path

import click

from kis_daemon.app.errors import ExitCode, UsageError
from kis_daemon.app.files import load_calendar
from kis_daemon.app.on_simulator import load_faults, load_prices
from kis_daemon.app.options import DEFAULT_SIM_START
from kis_daemon.clock import LoopClock, SystemClock
from kis_daemon.domain.calendar import KST, TradingCalendar
from kis_daemon.simulator.faults import FaultPlan
from kis_daemon.simulator.pace import JumpingPace
from kis_daemon.simulator.prices import PriceBook
from kis_daemon.simulator.profile import SimulatorSettings
from kis_daemon.simulator.server import Simulator
from kis_daemon.simulator.state import StateError, saved_at
from kis_daemon.virtual_loop import VirtualLoop

_OPENS_AT = time(8, 50)  # a client has ten minutes of simulated time to come before the first trade


@click.command(help="help.simulator")
@click.option("--rest-port", type=click.IntRange(0, 65535), default=0, show_default=True, help="help.rest_port")
@click.option("--ws-port", type=click.IntRange(0, 65535), default=0, show_default=True, help="help.ws_port")
@click.option(
    "--profile", type=click.Choice(["paper", "real"]), default="paper", show_default=True, help="help.sim_profile"
)
@click.option("--prices", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="help.sim_prices")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="help.sim_seed")
@click.option("--speed", type=float, default=1.0, show_default=True, help="help.simulator_speed")
@click.option("--start", type=click.DateTime(["%Y-%m-%d"]), help="help.sim_start")
@click.option("--at", "moment", type=click.DateTime(["%H:%M"]), help="help.simulator_at")
@click.option("--cash", type=click.IntRange(1, 10**15), default=100_000_000, show_default=True, help="help.sim_cash")
@click.option("--state", type=click.Path(path_type=Path, dir_okay=False), help="help.simulator_state")
@click.option("--faults", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="help.simulator_faults")
@click.option(
    "--config-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("config"),
    show_default=True,
    help="help.config_dir",
)
def command(
    rest_port: int,
    ws_port: int,
    profile: str,
    prices: Path | None,
    seed: int,
    speed: float,
    start: datetime | None,
    moment: datetime | None,
    cash: int,
    state: Path | None,
    faults: Path | None,
    config_dir: Path,
) -> int:
    if not 0 < speed <= 10_000:
        raise UsageError("usage.simulator_speed", value=speed)
    calendar = load_calendar(config_dir)
    day = DEFAULT_SIM_START if start is None else start.date()
    book = load_prices(prices, seed, day, calendar)
    settings = SimulatorSettings(
        profile="paper" if profile == "paper" else "real", seed=seed, start=day, cash=cash, rate=speed
    )
    opening = _opening(day, moment, state)
    plan = None if faults is None else load_faults(faults, opening.date())
    pace = JumpingPace(speed)
    loop = VirtualLoop(pace, outside_input=True)
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(_serve(settings, book, calendar, rest_port, ws_port, opening, state, plan, pace))


def _opening(day: date, moment: datetime | None, state: Path | None) -> datetime:
    """Return the moment to begin at: where the state left off, else the hour asked for on the first day."""
    try:
        left_off = None if state is None else saved_at(state)
    except StateError as error:
        raise UsageError(str(error)) from None
    return left_off or datetime.combine(day, _OPENS_AT if moment is None else moment.time(), KST)


async def _serve(
    settings: SimulatorSettings,
    prices: PriceBook,
    calendar: TradingCalendar,
    rest_port: int,
    ws_port: int,
    opening: datetime,
    state: Path | None,
    plan: FaultPlan | None,
    pace: JumpingPace,
) -> int:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    clock = LoopClock(loop, opening)
    chance = random.Random(f"simulator|{settings.seed}")
    async with Simulator(
        settings, prices, calendar, clock, chance, state_path=state, faults=plan, wall=SystemClock(), pace=pace
    ) as simulator:
        try:
            await simulator.serve_tcp(rest_port, ws_port)
        except OSError as error:
            raise UsageError(f"port {rest_port} or {ws_port}: {error.strerror}; expected free ports, or 0") from None
        told = {
            "rest_url": simulator.rest_url,
            "ws_url": simulator.ws_url,
            "clock_url": f"{simulator.rest_url}/__sim/clock",
            "admin_url": f"{simulator.rest_url}/__sim",
            "app_key": settings.app_key,
            "app_secret": settings.app_secret,
            "account": settings.account,
            "hts_id": settings.hts_id,
            "profile": settings.profile,
        }
        click.echo(json.dumps(told))
        await stop.wait()
    return ExitCode.OK
