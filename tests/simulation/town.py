"""The hosts of a simulated day: `kis` (our simulator), `telegram` (a stub) and `daemon`, on one seeded loop.

The daemon is the real one: `open_kis`, `compose` and `live` as `app.household` uses them, with its aiohttp, websockets,
python-telegram-bot and SQLite code. Only what a simulated host cannot have is left out: signals, the lock file, the
migration's child process (the database file is a copy of one that was migrated) and the log files.
"""

from __future__ import annotations

import asyncio
import shutil
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from aiohttp import web
from websockets.asyncio.server import serve

from kis_daemon.app.compose import compose
from kis_daemon.app.daemon import live
from kis_daemon.app.entropy import SeededEntropy
from kis_daemon.app.files import load_calendar
from kis_daemon.app.house import House
from kis_daemon.app.options import RunOptions
from kis_daemon.app.settings import Settings
from kis_daemon.app.systemd import Systemd
from kis_daemon.app.universe_outfit import NoDirectory, UniverseOutfit, selector_of
from kis_daemon.clock import LoopClock
from kis_daemon.console.alerts import AlertDesk
from kis_daemon.console.telegram import TelegramSink
from kis_daemon.domain.calendar import KST, TradingCalendar
from kis_daemon.domain.safeguards import KillSwitchScope
from kis_daemon.kis.capabilities import KisProfile
from kis_daemon.kis.credentials import Credentials
from kis_daemon.kis.opening import KisLimits, open_kis
from kis_daemon.kis.transport import Endpoint, KisEndpoints
from kis_daemon.ports import Rows, Severity, StoreError
from kis_daemon.services import kill_switch
from kis_daemon.simulator.profile import SimulatorSettings
from kis_daemon.simulator.server import Simulator
from kis_daemon.simulator.stream import Session
from kis_daemon.store.database import Database
from kis_daemon.store.schema import SCHEMA_VERSION
from tests.conftest import ROOT
from tests.simulation.loop import Loop
from tests.simulation.market import DAY, OPENS, SYMBOLS, TICKS_PER_SYMBOL, SmallMarket
from tests.simulation.store import SimDatabase, SimRecords, StoreWeather
from tests.simulation.watch import LIMITS

_REST_PORT, _STREAM_PORT, _BOT_PORT = 8080, 9090, 8443
_PING_S = 150.0
_RESTART_S = 5.0  # RestartSec of the unit
_MOST_RESTARTS = 60  # records that are refused for minutes; more is a daemon that cannot live with its own
_POLL_S = 300.0  # the switch is read in every order's transaction all the same


@cache
def calendar() -> TradingCalendar:
    return load_calendar(ROOT / "config")


class TownSimulator(Simulator):
    """The simulator on a named host."""

    async def serve_on(self, host: str, rest_port: int, stream_port: int) -> None:
        await web.TCPSite(self._rest.runner, host, rest_port).start()
        await self._stack.enter_async_context(
            serve(
                self._stream.serve,
                host,
                stream_port,
                create_connection=Session,
                compression=None,
                ping_interval=None,
                close_timeout=1.0,
            )
        )


@dataclass(slots=True)
class Incarnation:
    """One life of the daemon's process."""

    number: int
    weather: StoreWeather
    stop: asyncio.Event
    house: House | None = None
    task: asyncio.Task[None] | None = None


class Town:
    """See the module's head. `home` is a memory-backed folder that outlives every incarnation of the daemon."""

    def __init__(self, loop: Loop, seed: int, home: Path, template: Path) -> None:
        self.loop = loop
        self.seed = seed
        self.home = home
        self.database = home / "kis_trading.db"
        self.spare = home / "order_journal.jsonl"
        shutil.copyfile(template, self.database)
        self.market = SmallMarket(seed, calendar())
        self.clock = LoopClock(loop, OPENS)
        self.chance = Random(f"town|{seed}")
        self.simulator: Simulator | None = None
        self.life: Incarnation | None = None
        self.lives = 0
        self.crashes = 0
        self.restarts = 0
        self.ended_by_itself: list[str] = []
        self.texts: list[str] = []
        self.bot_answers = True
        self.on_boot: list[Callable[[House], None]] = []
        self._made = SimulatorSettings(
            profile="paper", seed=seed, start=DAY, ticks_per_day=TICKS_PER_SYMBOL, ping_interval_s=_PING_S
        )
        for name in ("kis", "telegram", "daemon"):
            loop.net.host(name)

    # --- the hosts ------------------------------------------------------------------------------------------

    async def open(self, **simulator: Any) -> None:
        """Start KIS and Telegram; the daemon is booted apart."""
        ready: asyncio.Future[None] = self.loop.create_future()
        tasks = [
            self.loop.net.host("kis").create_task(self._kis(ready, simulator), name="kis"),
            self.loop.net.host("telegram").create_task(self._telegram(), name="telegram"),
        ]
        done, _ = await asyncio.wait([ready, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for ended in done:
            ended.result()

    async def _kis(self, ready: asyncio.Future[None], extra: dict[str, Any]) -> None:
        chance = Random(f"simulator|{self.seed}")
        async with TownSimulator(self._made, self.market, calendar(), self.clock, chance, **extra) as simulator:
            await simulator.serve_on("kis", _REST_PORT, _STREAM_PORT)
            self.simulator = simulator
            ready.set_result(None)
            await asyncio.Event().wait()

    async def _telegram(self) -> None:
        async def send(request: web.Request) -> web.Response:
            if not self.bot_answers:
                return web.json_response({"ok": False, "description": "out of order"}, status=502)
            body = await request.post()
            self.texts.append(str(body.get("text", "")))
            message = {"message_id": len(self.texts), "date": 0, "chat": {"id": 1, "type": "private"}}
            return web.json_response({"ok": True, "result": message})

        app = web.Application()
        app.router.add_post("/bot{token}/sendMessage", send)
        runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await runner.setup()
        await web.TCPSite(runner, "telegram", _BOT_PORT).start()
        await asyncio.Event().wait()

    # --- the daemon -----------------------------------------------------------------------------------------

    def boot(self) -> None:
        """Start the daemon's process."""
        self.lives += 1
        life = self.life = Incarnation(number=self.lives, weather=StoreWeather(self._die), stop=asyncio.Event())
        life.task = self.loop.net.host("daemon").create_task(self._live(life), name=f"daemon-{life.number}")

    async def kill(self, *, power_cut: bool = False) -> None:
        """End the process where it stands; returns when nothing of it moves any more.

        A killed process's connections are reset by its machine; a power cut takes the machine too, and nobody hears.
        """
        life = self.life
        if life is None or life.weather.dead:
            return
        life.weather.dead = True
        if not power_cut:
            streams = self.loop.net._streams
            for transport in [transport for key, transport in streams.items() if key[1] == "daemon"]:
                transport.abort()
        self._die()
        await self.buried()

    def _die(self) -> None:
        self.crashes += 1
        self.loop.net.host("daemon").crash()

    async def buried(self) -> None:
        """Return when the last incarnation, dead or stopped, has ended."""
        life = self.life
        if life is not None and life.task is not None:
            await asyncio.wait([life.task])

    async def revive(self) -> None:
        """Boot the daemon again after a crash."""
        await self.buried()
        life = self.life
        if life is not None and life.weather.dead:
            self.loop.net.host("daemon").restart()
        self.boot()

    @property
    def is_dead(self) -> bool:
        life = self.life
        return life is None or life.weather.dead or (life.task is not None and life.task.done())

    async def _live(self, life: Incarnation) -> None:
        try:
            await self._household(life)
        except BaseException as error:
            if not life.weather.dead and not life.stop.is_set():
                self._note_end(error)
            if not life.weather.dead and isinstance(error, asyncio.CancelledError):
                raise

    def _note_end(self, error: BaseException) -> None:
        """An end by a store that was away is systemd's to mend; any other is a mistake of ours."""
        if _all_of(error, StoreError) and self.restarts < _MOST_RESTARTS:
            self.restarts += 1
            self.loop.net.host("kis").create_task(self._systemd(), name="systemd")
        else:
            self.ended_by_itself.append("".join(traceback.format_exception(error)))

    async def _systemd(self) -> None:
        await asyncio.sleep(_RESTART_S)
        if self.is_dead:
            await self.revive()

    async def _household(self, life: Incarnation) -> None:
        seed = f"{self.seed}|{life.number}"
        settings = _settings()
        store = SimDatabase(self.database, life.weather)
        store.open()
        records = SimRecords(store, self.spare, self.clock, life.weather)
        entropy = SeededEntropy(f"entropy|{seed}")
        limits = KisLimits.of(KisProfile.PAPER)
        limits = replace(limits, pace=replace(limits.pace, silence_s=4 * _PING_S))
        made = self._made
        credentials = Credentials(
            app_key=made.app_key,
            app_secret=made.app_secret,
            account=made.account_no + made.product,
            hts_id=made.hts_id,
        )
        sink = TelegramSink("1:bot", "1", Severity.INFO, base_url=f"http://telegram:{_BOT_PORT}/bot")
        try:
            await records.open(primary_is_open=True)
            async with open_kis(
                KisEndpoints(
                    rest=Endpoint(url=f"http://kis:{_REST_PORT}"),
                    stream=Endpoint(url=f"ws://kis:{_STREAM_PORT}/tryitout"),
                ),
                credentials,
                KisProfile.PAPER,
                self.clock,
                Random(f"daemon|{seed}"),
                self.home / "kis_keys.json",
                limits,
            ) as kis:
                desk = AlertDesk((sink,), settings.language, settings.alerts)
                house = compose(
                    settings,
                    RunOptions(),
                    kis=kis,
                    records=records,
                    mend_store=records.mend,
                    calendar=calendar(),
                    clock=self.clock,
                    entropy=entropy,
                    notifier=desk,
                    secret=entropy.token_bytes(32),
                    commit="simulation",
                    schema_version=SCHEMA_VERSION,
                    selector=selector_of(
                        UniverseOutfit(rules=settings.universe, directory=NoDirectory()),
                        settings,
                        kis=kis,
                        calendar=calendar(),
                        clock=self.clock,
                    ),
                    poll_s=_POLL_S,
                    on_day_over=lambda _: None,
                    on_runs_done=life.stop.set,
                )
                life.house = house
                for hear in self.on_boot:
                    hear(house)
                await live(house, stop=life.stop, systemd=Systemd({}), watchdog_s=None, alert_desk=desk)
        finally:
            await sink.aclose()
            records.close()
            store.close()

    # --- time -----------------------------------------------------------------------------------------------

    async def until(self, moment: time) -> None:
        """Return at `moment` of the simulated date, true time whatever the daemon's clock says."""
        await self.clock.sleep_until(datetime.combine(DAY, moment, KST))

    def seconds(self) -> float:
        """Return the true seconds since the simulated date began."""
        return (self.clock.now() - OPENS).total_seconds()

    def switch(self, scope: KillSwitchScope) -> None:
        """Activate the kill switch as an operator does it, from another process."""
        self._by_hand(
            lambda rows: kill_switch.activate(rows, self.clock.now(), scope=scope, reason="by hand", by="operator")
        )

    def release(self) -> None:
        self._by_hand(lambda rows: kill_switch.release(rows, self.clock.now(), reason="by hand", by="operator"))

    def _by_hand(self, work: Callable[[Rows], object]) -> None:
        database = Database(f"sqlite:///{self.database}")
        database.open()
        database.transact_now(work)
        database.close()

    async def until_offset(self, seconds: float) -> None:
        await self.clock.sleep_until(OPENS + timedelta(seconds=seconds))


def _all_of(error: BaseException, kind: type[Exception]) -> bool:
    """Whether `error` is of `kind`, or a group of nothing else."""
    if isinstance(error, BaseExceptionGroup):
        return all(_all_of(part, kind) for part in error.exceptions)
    return isinstance(error, kind)


@cache
def _settings() -> Settings:
    settings = Settings()
    universe = replace(settings.universe, stocks=SYMBOLS, max_stocks=len(SYMBOLS))
    return settings.model_copy(update={"universe": universe, "risk": LIMITS})


def make_template(path: Path) -> None:
    """Write a database at this program's schema whose kill switch is released."""
    database = Database(f"sqlite:///{path}")
    database.open()
    database.transact_now(lambda rows: kill_switch.release(rows, OPENS, reason="simulation", by="tests"))
    database.close()
