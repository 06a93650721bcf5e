"""One run of the daemon, from its settings to its exit code: on KIS's paper account or on the embedded simulator.

Rules of this room
    Everything that may refuse the start (prices, calendar, symbols) is asked before anything is written.
    The order of `with` is the order of shutting down, read backwards: lock, store, simulator, KIS, tasks.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import replace
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import structlog

from kis_daemon.app.compose import House, compose
from kis_daemon.app.daemon import live
from kis_daemon.app.entropy import SeededEntropy, SystemEntropy
from kis_daemon.app.errors import ConfigurationError, ExitCode, UsageError
from kis_daemon.app.files import git_commit, load_calendar
from kis_daemon.app.lock import InstanceLock
from kis_daemon.app.logs import Logs
from kis_daemon.app.modes import TradingMode, Venue
from kis_daemon.app.options import RunOptions, SimProfile
from kis_daemon.app.outside import OutsideSink
from kis_daemon.app.pace import SessionPace
from kis_daemon.app.settings import Settings, config_hash
from kis_daemon.app.summary import summarize
from kis_daemon.app.systemd import Systemd, watchdog_interval_s
from kis_daemon.app.world import World, world_of
from kis_daemon.clock import LoopClock, SystemClock
from kis_daemon.console.alerts import AlertDesk, Sink
from kis_daemon.console.telegram import TelegramSink
from kis_daemon.console.terminal import DayProgress, Screen, summary_table
from kis_daemon.domain.calendar import KST, TradingCalendar
from kis_daemon.domain.market import Symbol
from kis_daemon.domain.safeguards import NEVER_RELEASED
from kis_daemon.domain.universe import UniverseRules
from kis_daemon.kis.capabilities import KisProfile
from kis_daemon.kis.credentials import Credentials
from kis_daemon.kis.opening import KisLimits, open_kis
from kis_daemon.kis.transport import Endpoint, KisEndpoints
from kis_daemon.ports import Clock, Entropy, StoreError
from kis_daemon.services import control
from kis_daemon.simulator.price_file import FilePrices
from kis_daemon.simulator.price_generator import GeneratedPrices
from kis_daemon.simulator.price_rows import PriceFileError
from kis_daemon.simulator.prices import PriceBook
from kis_daemon.simulator.profile import SimulatorSettings
from kis_daemon.simulator.server import Simulator
from kis_daemon.store.database import Database
from kis_daemon.store.schema import SCHEMA_VERSION
from kis_daemon.virtual_loop import VirtualLoop, linear_pace

_WAKES_AT = time(7, 30)  # before the first day's preparation at 08:00
_SIMULATED_POLL_S = 300.0  # the switch of a simulation is read in every order's transaction all the same
_SIMULATED_PING_S = 300.0  # in simulated years pings would cost more than prices; how long silence may last grows with it
_PAPER_REST = "https://openapivts.koreainvestment.com:29443"
_PAPER_STREAM = "ws://ops.koreainvestment.com:31000/tryitout"

log = structlog.get_logger("daemon")


def run(settings: Settings, options: RunOptions) -> int:
    """Run the daemon until it is done or stopped; return the exit code."""
    if settings.trading_mode is TradingMode.REAL:
        raise ConfigurationError("config.real_not_yet")
    calendar = load_calendar(settings.config_dir)
    if settings.venue is Venue.SIMULATOR:
        return _Run(settings, options, calendar).on_the_simulator()
    return _Run(settings, options, calendar).on_the_paper_account()


class _Run:
    """What both ways of running share: lock, log, store, sinks, stop and summary."""

    def __init__(self, settings: Settings, options: RunOptions, calendar: TradingCalendar) -> None:
        self._settings = settings
        self._options = options
        self._calendar = calendar
        self._screen = Screen(sys.stdout)
        self._systemd = Systemd(os.environ)
        self._days = 0
        self._database = Database(settings.database)
        self._stop: asyncio.Event | None = None

    # the two ways

    def on_the_simulator(self) -> int:
        """Run against the simulator in this process, on its own time."""
        sim = self._options.sim
        prices = _prices(self._options, self._calendar)
        universe = _simulated_universe(self._settings.universe, self._options, prices)
        world = world_of(self._settings.data_dir, sim)
        with ExitStack() as stack:
            stack.enter_context(self._lock())
            if not world.goes_on():
                world.begin()
            self._open_store(stack)
            origin = self._origin(world, sim.start)
            loop = VirtualLoop(SessionPace(self._calendar, origin, sim.speed) if sim.speed > 0 else None)
            clock = LoopClock(loop, origin)
            logs = stack.enter_context(self._logs(clock.now))
            seed = f"{sim.seed}|{origin.isoformat()}"
            with asyncio.Runner(loop_factory=lambda: loop) as runner:
                code = runner.run(self._simulate(clock, prices, universe, world, seed, logs))
        return code

    def on_the_paper_account(self) -> int:
        """Run against KIS's paper servers, or whatever stands in for them on loopback."""
        credentials = self._settings.credentials
        secret = self._settings.jwt_secret
        assert credentials is not None and secret is not None  # `load_settings` refuses a KIS venue without them
        with ExitStack() as stack:
            stack.enter_context(self._lock())
            self._open_store(stack)
            loop, clock = self._paper_time()
            logs = stack.enter_context(self._logs(clock.now))
            kis_credentials = Credentials(
                app_key=credentials.app_key.get_secret_value(),
                app_secret=credentials.app_secret.get_secret_value(),
                account=credentials.account_no.get_secret_value(),
                hts_id=credentials.hts_id,
            )
            endpoints = KisEndpoints(
                rest=Endpoint(url=self._settings.kis_rest_url or _PAPER_REST),
                stream=Endpoint(url=self._settings.kis_ws_url or _PAPER_STREAM),
            )
            with asyncio.Runner(loop_factory=lambda: loop) as runner:
                code = runner.run(
                    self._trade(
                        clock,
                        endpoints=endpoints,
                        credentials=kis_credentials,
                        profile=KisProfile.PAPER,
                        chance=random.Random(),
                        entropy=SystemEntropy(),
                        secret=secret.get_secret_value().encode(),
                        token_path=self._settings.data_dir / "kis_keys.json",
                        universe=self._settings.universe,
                        poll_s=1.0,
                        logs=logs,
                    )
                )
        return code

    async def _simulate(
        self,
        clock: LoopClock,
        prices: PriceBook,
        universe: UniverseRules,
        world: World,
        seed: str,
        logs: Logs,
    ) -> int:
        sim = self._options.sim
        made = SimulatorSettings(
            profile="paper" if sim.profile is SimProfile.PAPER else "real",
            seed=sim.seed,
            start=sim.start,
            cash=sim.cash,
            commission_ppb=self._settings.commission_ppb,
            rate=sim.speed,
            ping_interval_s=_SIMULATED_PING_S,
        )
        await self._database.transact(lambda rows: _release_for_the_simulation(rows, clock.now()))
        async with AsyncExitStack() as stack:
            sockets = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kis_daemon-")))
            simulator = await stack.enter_async_context(
                Simulator(
                    made, prices, self._calendar, clock, random.Random(f"simulator|{seed}"), state_path=world.state_path
                )
            )
            await simulator.serve_unix(sockets / "rest", sockets / "stream")
            code = await self._trade(
                clock,
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
                profile=KisProfile.PAPER if sim.profile is SimProfile.PAPER else KisProfile.REAL,
                chance=random.Random(f"daemon|{seed}"),
                entropy=(entropy := SeededEntropy(f"entropy|{seed}")),
                secret=entropy.token_bytes(32),
                token_path=None,
                universe=universe,
                poll_s=_SIMULATED_POLL_S,
                logs=logs,
                simulator=simulator,
                world=world,
            )
        return code

    # the common way

    async def _trade(
        self,
        clock: Clock,
        *,
        endpoints: KisEndpoints,
        credentials: Credentials,
        profile: KisProfile,
        chance: random.Random,
        entropy: Entropy,
        secret: bytes,
        token_path: Path | None,
        universe: UniverseRules,
        poll_s: float,
        logs: Logs,
        simulator: Simulator | None = None,
        world: World | None = None,
    ) -> int:
        stop = self._stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, stop.set)
        limits = replace(KisLimits.of(profile), timeout_s=self._settings.api_timeout_s)
        if simulator is not None:
            limits = replace(limits, pace=replace(limits.pace, silence_s=4 * _SIMULATED_PING_S))
        commit = git_commit()
        logs.mask.add(credentials.app_key, credentials.app_secret, credentials.account)
        async with open_kis(endpoints, credentials, profile, clock, chance, token_path, limits) as kis:
            alert_desk = AlertDesk(self._sinks(), self._settings.language, self._settings.alerts)
            house = compose(
                self._settings,
                self._options,
                kis=kis,
                records=self._database,
                calendar=self._calendar,
                clock=clock,
                entropy=entropy,
                notifier=alert_desk,
                secret=secret,
                commit=commit,
                schema_version=SCHEMA_VERSION,
                universe=universe,
                poll_s=poll_s,
                on_day_over=self._day_over,
                on_runs_done=stop.set,
            )
            log.info(
                "daemon_starting",
                commit=commit,
                config_hash=config_hash(self._settings),
                schema_version=SCHEMA_VERSION,
                mode=self._settings.trading_mode.value,
                venue=self._settings.venue.value,
                pid=os.getpid(),
            )
            played_out = self._stop_with(simulator, stop)
            progress = self._show_progress(house)
            try:
                await live(
                    house,
                    stop=stop,
                    systemd=self._systemd,
                    watchdog_s=watchdog_interval_s(os.environ, os.getpid()),
                    alert_desk=alert_desk,
                )
            finally:
                progress.finish()
                if played_out is not None:
                    played_out.cancel()
        whole = simulator is not None and (self._days_done() or simulator.played_out.is_set())
        if world is not None and whole:
            world.finish()
        self._sum_up(house, simulator)
        return ExitCode.OK

    def _stop_with(self, simulator: Simulator | None, stop: asyncio.Event) -> asyncio.Task[None] | None:
        """Stop when the simulator has no more prices to play."""
        if simulator is None:
            return None

        async def wait() -> None:
            await simulator.played_out.wait()
            stop.set()

        return asyncio.create_task(wait(), name="played_out")

    def _day_over(self, day: date) -> None:
        del day
        self._days += 1
        if self._days_done() and self._stop is not None:
            self._stop.set()

    def _days_done(self) -> bool:
        days = self._options.sim.days
        return self._settings.venue is Venue.SIMULATOR and days is not None and self._days >= days

    # what surrounds it

    def _lock(self) -> InstanceLock:
        command = f"--mode {self._options.mode}"
        return InstanceLock(self._settings.data_dir, now=SystemClock().now(), command=command)

    def _logs(self, clock: Callable[[], datetime]) -> Logs:
        return Logs(
            self._screen,
            self._settings.log_dir,
            clock=clock,
            wall=SystemClock().now,
            secrets=self._settings.secrets(),
        )

    def _open_store(self, stack: ExitStack) -> None:
        try:
            self._database.open()
        except StoreError as error:
            raise ConfigurationError(str(error)) from None
        stack.callback(self._database.close)

    def _origin(self, world: World, start: date) -> datetime:
        """Return the moment the simulation begins, or goes on from."""
        known = (world.last_moment(), self._database.transact_now(lambda rows: rows.last_event_at()))
        return max((moment for moment in known if moment is not None), default=datetime.combine(start, _WAKES_AT, KST))

    def _paper_time(self) -> tuple[asyncio.AbstractEventLoop, Clock]:
        if not self._options.sim_clock:
            return asyncio.new_event_loop(), SystemClock()
        told = _ask_simulator_clock(f"{self._settings.kis_rest_url}/__sim/clock")
        loop = VirtualLoop(linear_pace(told["rate"]), outside_input=True)
        return loop, LoopClock(loop, datetime.fromisoformat(told["now"]))

    def _sinks(self) -> Sequence[Sink]:
        telegram = self._settings.telegram
        if telegram is None:
            return ()
        sink = TelegramSink(telegram.token.get_secret_value(), telegram.chat_id, self._settings.alerts.telegram_level)
        return (OutsideSink(sink),)

    def _show_progress(self, house: House) -> DayProgress:
        progress = DayProgress(self._screen, self._settings.language, days=self._options.sim.days)
        if self._screen.is_terminal and self._settings.venue is Venue.SIMULATOR:
            house.board.listen(
                lambda _: progress.update(
                    house.clock.now(),
                    day_no=self._days + 1,
                    trades=len(house.book.trades_today),
                    equity=house.book.statement_cash + house.book.holdings_value,
                )
            )
        return progress

    def _sum_up(self, house: House, simulator: Simulator | None) -> None:
        account = None if simulator is None else simulator.account_view()
        summary = self._database.transact_now(
            lambda rows: summarize(house, rows, exit_code=ExitCode.OK, days=self._days, simulator_account=account)
        )
        self._screen.line(
            summary_table(summary, self._settings.language, colour=self._screen.is_terminal)
        )
        if self._options.summary_json is not None:
            text = json.dumps(summary, ensure_ascii=False, indent=1) + "\n"
            self._options.summary_json.write_text(text, "utf-8")


def _prices(options: RunOptions, calendar: TradingCalendar) -> PriceBook:
    """Return the prices the simulator plays; a start they do not reach is refused."""
    sim = options.sim
    try:
        prices: PriceBook = (
            GeneratedPrices(sim.seed, calendar) if sim.prices is None else FilePrices(sim.prices, calendar)
        )
    except PriceFileError as error:
        raise UsageError(str(error)) from None
    if not prices.first_day < sim.start <= prices.last_day:
        raise UsageError(
            f"--sim-start {sim.start}: expected a day after {prices.first_day} (days before it are the history) "
            f"and not after {prices.last_day}"
        )
    return prices


def _simulated_universe(rules: UniverseRules, options: RunOptions, prices: PriceBook) -> UniverseRules:
    """Return the universe of a simulation: the symbols asked for, else all that have prices, in their order."""
    listed = [listing.symbol for listing in prices.listings()]
    if not options.symbols:
        return replace(rules, stocks=tuple(listed), max_stocks=len(listed))
    unknown: list[Symbol] = [symbol for symbol in options.symbols if symbol not in listed]
    if unknown:
        raise UsageError(f"--symbols {','.join(unknown)}: no prices for it; expected some of {','.join(listed)}")
    return replace(rules, stocks=options.symbols, max_stocks=len(options.symbols))


def _release_for_the_simulation(rows: Any, at: datetime) -> None:
    """A simulation's money is invented: its switch is released once, and recorded as such (C01)."""
    if rows.kill_switch() == NEVER_RELEASED:
        control.release(rows, at, reason="embedded simulator: no real money", by="simulator")


def _ask_simulator_clock(url: str) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            told = json.load(answer)
        rate, now = float(told["rate"]), datetime.fromisoformat(told["now"])
    except (urllib.error.URLError, TimeoutError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(f"{url}: no simulator clock there ({error}); start `main.py simulator` first") from None
    return {"rate": rate, "now": now.isoformat()}


