"""The whole simulator: exchange, player, HTTP and WebSocket servers, lived with in one `async with`."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, Self

from aiohttp.typedefs import Middleware
from websockets.asyncio.server import ServerConnection, serve, unix_serve
from websockets.http11 import Request as Handshake
from websockets.http11 import Response as HandshakeAnswer

from kis_daemon.domain.calendar import TradingCalendar, TradingDay
from kis_daemon.ports import Clock
from kis_daemon.simulator import market_state as saved_market
from kis_daemon.simulator import state as saved_state
from kis_daemon.simulator.account import Account
from kis_daemon.simulator.admin import AdminPages
from kis_daemon.simulator.commands import Commands
from kis_daemon.simulator.desk_state import desk_of, take_back_desk
from kis_daemon.simulator.exchange import Exchange
from kis_daemon.simulator.faults import FaultPlan
from kis_daemon.simulator.faults_answer import Rewriter
from kis_daemon.simulator.faults_desk import FaultDesk
from kis_daemon.simulator.faults_door import RestDoor
from kis_daemon.simulator.faults_kinds import Area
from kis_daemon.simulator.faults_market import MarketFaults
from kis_daemon.simulator.faults_rest import faults_in_front
from kis_daemon.simulator.faults_stream import StreamFaults
from kis_daemon.simulator.herald import Herald
from kis_daemon.simulator.master_pages import MasterPages
from kis_daemon.simulator.pace import JumpingPace
from kis_daemon.simulator.player import Player, record_until
from kis_daemon.simulator.prices import PriceBook
from kis_daemon.simulator.profile import PROFILES, SimulatorSettings
from kis_daemon.simulator.requests import DIVISIONS, Hours, OrderEvent
from kis_daemon.simulator.rest import CLOSING_S, RestServer
from kis_daemon.simulator.stream import LARGEST_REQUEST, FrameHook, Session, Stream
from kis_daemon.simulator.tokens import KeyDesk
from kis_daemon.simulator.venue import Venue, account_view

LOOPBACK = "127.0.0.1"
STREAM_PATH = "/tryitout"
_STREAM_PATHS = re.compile(r"/?|/tryitout(/\w*)?")


class Simulator:
    """A KIS of our own. Inside its `async with` the market plays and whatever was served answers.

    `chance` makes tokens and keys only; the prices are the price book's. `faults` happen as planned, and `fault_desk`
    tells which did. `wall` is the clock of clients that do not follow ours: tokens last for a day of it. `pace` is that
    of the loop, if it can be made to jump. An error in the player, the pinger or the herald cancels the body of the
    `async with` and is raised from it.
    """

    def __init__(
        self,
        settings: SimulatorSettings,
        prices: PriceBook,
        calendar: TradingCalendar,
        clock: Clock,
        chance: Random,
        *,
        state_path: Path | None = None,
        middlewares: Sequence[Middleware] = (),
        frame_hook: FrameHook | None = None,
        faults: FaultPlan | None = None,
        wall: Clock | None = None,
        pace: JumpingPace | None = None,
    ) -> None:
        self.settings = settings
        self.days_over = 0
        self.on_day_over: list[Callable[[TradingDay], None]] = []
        self.played_out = asyncio.Event()
        self.rest_url = ""
        self.ws_url = ""
        profile = PROFILES[settings.profile]
        self.exchange = Exchange(
            prices=prices,
            calendar=calendar,
            account=Account(cash=settings.cash),
            rules=profile.rules,
            commission_ppb=settings.commission_ppb,
            market=settings.market,
            seed=settings.seed,
            reformed=settings.reformed,
        )
        self.fault_desk = FaultDesk(clock)
        self._faults = faults
        self._clock = clock
        self._state_path = state_path
        self._state = saved_state.StateFile(state_path)
        self._day_turned = asyncio.Event()
        self._due: deque[tuple[asyncio.TimerHandle, OrderEvent]] = deque()
        self._stack = AsyncExitStack()
        self._venue = venue = Venue(
            settings=settings, profile=profile, exchange=self.exchange, clock=clock, publish=self._publish, pace=pace
        )
        desk = KeyDesk(settings.app_key, settings.app_secret, chance)
        in_front = faults_in_front(self.fault_desk, Rewriter(venue), settings.notice_delay_s)
        self._rest = RestServer(venue, desk, (in_front, *middlewares), wall)
        self._stream = Stream(venue, desk, chance, frame_hook)
        self._herald = Herald(venue, self._stream)
        commands = Commands(venue, self._herald)
        self._door = RestDoor(self._rest.runner, self.fault_desk)
        on_stream = StreamFaults(self.fault_desk, self._stream, Random(f"faults|{settings.seed}"))
        self.fault_desk.on_armed.append(on_stream.look)
        self.fault_desk.at_once[Area.DOOR] = self._door.refuse
        self.fault_desk.at_once[Area.MARKET] = MarketFaults(self.fault_desk, venue, commands).happen
        AdminPages(venue, self.fault_desk, commands).add_to(self._rest.runner.app.router)
        MasterPages(venue).add_to(self._rest.runner.app.router)

    async def __aenter__(self) -> Self:
        self._begin(self._clock.now())
        group = await self._stack.enter_async_context(asyncio.TaskGroup())
        tasks = (
            group.create_task(self._play(), name="simulator player"),
            group.create_task(self._stream.keep_pinging(), name="simulator pinger"),
            group.create_task(self._herald.run(), name="simulator herald"),  # after the player: see `Herald`
        )
        for task in tasks:
            self._stack.callback(task.cancel)
        for stop in (self._drop_notices, self.fault_desk.stop):
            self._stack.callback(stop)
        self.fault_desk.begin(group)
        await self._rest.runner.setup()
        self._rest.mind_reservations()
        self._stack.push_async_callback(self._rest.runner.cleanup)
        if self._faults is not None:
            self.fault_desk.add(self._faults)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        try:
            return await self._stack.__aexit__(kind, error, trace)
        except BaseExceptionGroup as group:
            if group.exceptions == (error,):  # the body's own error goes on as it is
                return False
            raise

    async def serve_tcp(self, rest_port: int = 0, ws_port: int = 0) -> None:
        """Listen on loopback; port 0 takes a free one. `rest_url` and `ws_url` then say where."""
        port = await self._door.open_tcp(rest_port)
        self.rest_url = f"http://{LOOPBACK}:{port}"
        server = await self._stack.enter_async_context(serve(self._stream.serve, LOOPBACK, ws_port, **_STREAM_OPTIONS))
        host, port, *_ = next(iter(server.sockets)).getsockname()
        self.ws_url = f"ws://{host}:{port}{STREAM_PATH}"

    async def serve_unix(self, rest_path: Path, stream_path: Path) -> None:
        """Listen on two sockets of the file system; the URLs' host is then only a name."""
        await self._door.open_unix(rest_path)
        self.rest_url = "http://localhost"
        await self._stack.enter_async_context(unix_serve(self._stream.serve, str(stream_path), **_STREAM_OPTIONS))
        self.ws_url = f"ws://localhost{STREAM_PATH}"

    def account_view(self) -> dict[str, object]:
        """Return cash (D+2), holdings and equity, as `/__sim/account` does."""
        return account_view(self.exchange)

    async def wait_days(self, count: int) -> None:
        """Return once `count` trading days were played to their close since the start."""
        while self.days_over < count:
            await self._day_turned.wait()

    # --- inside ---------------------------------------------------------------------------------------------

    def _begin(self, now: datetime) -> None:
        """Bring the exchange to `now`: to the state on disk if there is one, and through today's trades so far."""
        exchange = self.exchange
        day = _day_shown(exchange, now)
        state = saved_state.load(self._state_path) if self._state_path is not None else None
        same_day = False
        if state is not None:
            if now < datetime.fromisoformat(state["now"]):
                raise saved_state.StateError(
                    f"{self._state_path}: saved at {state['now']}, but the clock says {now.isoformat()}: "
                    "expected the same moment or later"
                )
            same_day = state["day"] == day.date.isoformat()
            self._take_back(state, day)
            saved_market.take_back(exchange, state)
        if same_day:
            exchange.show(day)
        else:
            exchange.open_day(day)
        record_until(exchange, day, self.settings.ticks_per_day, now)
        if same_day and state is not None:
            saved_market.take_back_boards(exchange, state)
            exchange.orders.next_number = state["next_number"]
            for request in exchange.orders.days[day.date].values():
                if DIVISIONS[request.division].hours is Hours.REGULAR:
                    exchange.boards[request.symbol].taken += request.filled
        if now >= day.closes_at:
            exchange.close_day()
        self._state.save(exchange, now, desk_of(self._venue))

    def _take_back(self, state: dict[str, Any], day: TradingDay) -> None:
        """Take over account and orders; what was open on an earlier day has expired meanwhile."""
        self.exchange.account = saved_state.account_of(state)
        for ordered_on, requests in saved_state.orders_of(state).items():
            self.exchange.orders.take_back(ordered_on, requests, running=ordered_on == day.date)
        take_back_desk(self._venue, state)

    async def _play(self) -> None:
        player = Player(
            exchange=self.exchange,
            clock=self._clock,
            ticks_per_day=self.settings.ticks_per_day,
            on_trade=self._stream.on_trade,
            on_events=self._publish,
            on_day=self._save,
            on_day_over=self._day_over,
        )
        await player.run()
        self.played_out.set()

    def _save(self) -> None:
        self._state.save(self.exchange, self._clock.now(), desk_of(self._venue))

    def _day_over(self, day: TradingDay) -> None:
        self._save()
        self.days_over += 1
        turned, self._day_turned = self._day_turned, asyncio.Event()
        turned.set()
        for listener in self.on_day_over:
            listener(day)

    def _publish(self, events: tuple[OrderEvent, ...]) -> None:
        """Save what changed, then tell it: the notices leave a moment later, in their order."""
        self._save()
        delay = self.settings.notice_delay_s
        for event in events:
            if delay:
                handle = asyncio.get_running_loop().call_later(delay, self._tell_next)
                self._due.append((handle, event))
            else:
                self._stream.on_event(event)

    def _tell_next(self) -> None:
        self._stream.on_event(self._due.popleft()[1])

    def _drop_notices(self) -> None:
        for handle, _ in self._due:
            handle.cancel()
        self._due.clear()


def _only_known_paths(connection: ServerConnection, handshake: Handshake) -> HandshakeAnswer | None:
    """Let a client in by the root, by /tryitout, and by /tryitout with a TR."""
    path = handshake.path.partition("?")[0]
    return None if _STREAM_PATHS.fullmatch(path) else connection.respond(404, "no such stream\n")


_STREAM_OPTIONS: dict[str, Any] = {
    "create_connection": Session,
    "process_request": _only_known_paths,
    "compression": None,
    "ping_interval": None,
    "close_timeout": CLOSING_S,
    "max_size": LARGEST_REQUEST,
}


def _day_shown(exchange: Exchange, now: datetime) -> TradingDay:
    """Return the trading day of `now`, or the last one before it."""
    day = exchange.calendar.trading_day(now.date())
    return day if day is not None else exchange.calendar.previous_trading_day(now.date())
