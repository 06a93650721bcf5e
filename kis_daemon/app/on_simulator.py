"""A run on the embedded simulator: its prices, its time, its world, all in this process.

Rules of this room
    Everything that may refuse the start (prices, symbols) is asked before anything is written.
    Market and daemon share one virtual loop and speak over AF_UNIX sockets; the seed decides everything else.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import replace
from datetime import date, datetime, time
from pathlib import Path

import structlog
import yaml

from kis_daemon.app.audit_places import set_mirror_aside
from kis_daemon.app.entropy import SeededEntropy
from kis_daemon.app.errors import UsageError
from kis_daemon.app.household import Behind, Hide, Household, Outfit
from kis_daemon.app.options import RunOptions, SimOptions, SimProfile
from kis_daemon.app.pace import SessionPace
from kis_daemon.app.settings import Settings
from kis_daemon.app.universe_outfit import UniverseOutfit, outfit_of_simulation
from kis_daemon.app.world import World, world_of
from kis_daemon.clock import LoopClock
from kis_daemon.domain.calendar import KST, TradingCalendar
from kis_daemon.domain.market import Symbol
from kis_daemon.domain.universe import UniverseRules
from kis_daemon.kis.capabilities import KisProfile
from kis_daemon.kis.credentials import Credentials
from kis_daemon.kis.opening import KisLimits
from kis_daemon.kis.transport import Endpoint, KisEndpoints
from kis_daemon.ports import Rows
from kis_daemon.services import kill_switch
from kis_daemon.simulator.faults import FaultPlan
from kis_daemon.simulator.faults_file import FaultError, plan_of
from kis_daemon.simulator.price_file import FilePrices
from kis_daemon.simulator.price_generator import GeneratedPrices
from kis_daemon.simulator.price_rows import PriceFileError
from kis_daemon.simulator.prices import PriceBook
from kis_daemon.simulator.profile import SimulatorSettings
from kis_daemon.simulator.server import Simulator
from kis_daemon.store.database import Database
from kis_daemon.virtual_loop import VirtualLoop

log = structlog.get_logger("simulator")

_WAKES_AT = time(7, 30)  # before the first day's preparation at 08:00
_POLL_S = 300.0  # the switch of a simulation is read in every order's transaction all the same
_KIS_PING_S = 20.0  # as KIS does it: where the stream may break, silence is to be noticed as quickly as there
_PING_S = 300.0  # in simulated years pings would cost more than prices; how long silence may last grows with it


def run_on_the_simulator(
    settings: Settings, options: RunOptions, calendar: TradingCalendar, behind: Behind | None = None
) -> int:
    """Run against the simulator in this process, on its own time; return the exit code.

    With somebody `behind` its quotes, its own account is left alone.
    """
    sim = options.sim
    prices = load_prices(sim.prices, sim.seed, sim.start, calendar)
    universe = universe_of(settings.universe, options, prices)
    faults = None if sim.faults is None else load_faults(sim.faults, sim.start)
    world = world_of(settings.data_dir, sim)
    with ExitStack() as stack:
        household = Household(settings, options, calendar)
        stack.enter_context(household.lock())
        if not world.goes_on():
            world.begin()
            set_mirror_aside(settings)
        household.open_store(stack)
        origin = _origin(world, household.database, sim.start)
        loop = VirtualLoop(SessionPace(calendar, origin, sim.speed) if sim.speed > 0 else None)
        clock = LoopClock(loop, origin)
        logs = stack.enter_context(household.logs(clock.now))
        seed = f"{sim.seed}|{origin.isoformat()}"
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            code = runner.run(_simulate(household, clock, prices, universe, world, faults, seed, logs.mask.add, behind))
        if household.days_are_done or household.was_ended_by_the_market:
            world.finish()
    return code


async def _simulate(
    household: Household,
    clock: LoopClock,
    prices: PriceBook,
    universe: UniverseRules,
    world: World,
    faults: FaultPlan | None,
    seed: str,
    hide: Hide,
    behind: Behind | None,
) -> int:
    settings = household.settings
    chosen_by = outfit_of_simulation(universe, prices, clock, settings.data_dir, world.identity)
    await household.database.transact(lambda rows: _release(rows, clock.now()))
    async with simulated_market(
        settings,
        household.options.sim,
        household.calendar,
        clock,
        prices,
        chosen_by,
        seed=seed,
        state_path=world.state_path,
        faults=faults,
    ) as (simulator, outfit):
        if behind is not None:
            outfit = replace(outfit, behind=behind, account_view=None)
        code = await household.live_with(outfit, hide)
        if faults is not None:
            fired = Counter(fault.kind for fault in simulator.fault_desk.fired)
            log.info("simulator_faults", fired=fired.total(), kinds=dict(sorted(fired.items())))
        return code


@asynccontextmanager
async def simulated_market(
    settings: Settings,
    sim: SimOptions,
    calendar: TradingCalendar,
    clock: LoopClock,
    prices: PriceBook,
    universe: UniverseOutfit,
    *,
    seed: str,
    state_path: Path | None,
    faults: FaultPlan | None = None,
) -> AsyncIterator[tuple[Simulator, Outfit]]:
    """Open the market and yield it with the outfit of whoever trades there; no `state_path`: it leaves nothing."""
    paper = sim.profile is SimProfile.PAPER
    pings_s = _PING_S if faults is None else _KIS_PING_S
    made = SimulatorSettings(
        profile="paper" if paper else "real",
        seed=sim.seed,
        start=sim.start,
        cash=sim.cash,
        commission_ppb=settings.commission_ppb,
        rate=sim.speed,
        ping_interval_s=pings_s,
    )
    entropy = SeededEntropy(f"entropy|{seed}")
    profile = KisProfile.PAPER if paper else KisProfile.REAL
    limits = KisLimits.of(profile, settings.kis_calls_per_second)
    async with AsyncExitStack() as stack:
        sockets = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kis_daemon-")))
        chance = random.Random(f"simulator|{seed}")
        simulator = await stack.enter_async_context(
            Simulator(made, prices, calendar, clock, chance, state_path=state_path, faults=faults)
        )
        await simulator.serve_unix(sockets / "rest", sockets / "stream")
        yield (
            simulator,
            Outfit(
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
                profile=profile,
                limits=replace(limits, pace=replace(limits.pace, silence_s=4.5 * pings_s)),
                chance=random.Random(f"daemon|{seed}"),
                entropy=entropy,
                secret=_secret(settings, entropy),
                token_path=None,
                universe=universe,
                poll_s=_POLL_S,
                market_over=simulator.played_out,
                account_view=simulator.account_view,
            ),
        )


def _secret(settings: Settings, entropy: SeededEntropy) -> bytes:
    """Return what signs tokens: the secret that was set, so that commands beside this run can sign too, or one made."""
    made = entropy.token_bytes(32)
    return made if settings.jwt_secret is None else settings.jwt_secret.get_secret_value().encode()


def load_faults(path: Path, day: date) -> FaultPlan:
    """Return the faults planned in `path`, YAML or JSON; `UsageError` with file and place if it is unusable."""
    try:
        return plan_of(yaml.safe_load(path.read_text("utf-8")), day)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; expected the planned faults") from None
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"{path}: not readable as YAML or JSON: {' '.join(str(error).split())}") from None
    except FaultError as error:
        raise UsageError(f"{path}: {error}") from None


def load_prices(file: Path | None, seed: int, start: date, calendar: TradingCalendar) -> PriceBook:
    """Return the prices to play, from `file` or made from `seed`; `UsageError` if they do not reach `start`."""
    try:
        prices: PriceBook = GeneratedPrices(seed, calendar) if file is None else FilePrices(file, calendar)
    except PriceFileError as error:
        raise UsageError(str(error)) from None
    if not prices.first_day < start <= prices.last_day:
        raise UsageError(
            f"start {start}: expected a day after {prices.first_day} (the days before it are the history) "
            f"and not after {prices.last_day}"
        )
    return prices


def universe_of(rules: UniverseRules, options: RunOptions, prices: PriceBook) -> UniverseRules:
    """Return the universe of a simulation: the symbols asked for, else all that have prices, in their order.

    An automatic method chooses among them by its own rules.
    """
    listed = [listing.symbol for listing in prices.listings()]
    if rules.is_automatic:
        return rules
    if not options.symbols:
        return replace(rules, stocks=tuple(listed), max_stocks=len(listed))
    unknown: list[Symbol] = [symbol for symbol in options.symbols if symbol not in listed]
    if unknown:
        raise UsageError(f"--symbols {','.join(unknown)}: no prices for it; expected some of {','.join(listed)}")
    return replace(rules, stocks=options.symbols, max_stocks=len(options.symbols))


def _origin(world: World, database: Database, start: date) -> datetime:
    """Return the moment the simulation begins, or goes on from."""
    known = (world.last_moment(), database.transact_now(lambda rows: rows.last_event_at()))
    return max((moment for moment in known if moment is not None), default=datetime.combine(start, _WAKES_AT, KST))


def _release(rows: Rows, at: datetime) -> None:
    """A simulation's money is invented: its switch is released once, and recorded as such (C01)."""
    if rows.kill_switch().since is None:
        kill_switch.release(rows, at, reason="embedded simulator: no real money", by="simulator")
