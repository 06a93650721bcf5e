"""The HTTP desk on real sockets, over the order path; what an operator switches is a fake that remembers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp

from kis_daemon.clock import LoopClock
from kis_daemon.console.http.access import RoleTokens
from kis_daemon.console.http.addresses import Address
from kis_daemon.console.http.desks import Desks
from kis_daemon.console.http.server import HttpServer, HttpTerms
from kis_daemon.domain.breakers import Breaker, BreakerState
from kis_daemon.domain.market import Symbol
from kis_daemon.domain.safeguards import NEVER_RELEASED, KillSwitchScope
from kis_daemon.services import kill_switch
from kis_daemon.services.circuit_breakers import BreakerStatus
from kis_daemon.services.operator_answers import (
    Activated,
    Closing,
    Declined,
    DeclinedCode,
    PauseView,
    PositionsView,
    Released,
    Source,
    SwitchView,
)
from tests.services.builders import TEN_O_CLOCK
from tests.services.fakes import FakeBroker
from tests.services.order_path import OrderPath
from tests.services.persons import Persons
from tests.simulator.builders import the_calendar
from tests.store.builders import a_database, a_file

TOKENS = RoleTokens(
    viewer="viewer-token-of-16-bytes", operator="operator-token-of-16-b", admin="admin-token-of-16-byte"
)


@dataclass
class HeardOperations:
    """`OperatorServices` that remembers who asked for what, and declines as a test says."""

    asked: list[tuple[str, str, str]] = field(default_factory=list)
    declines: DeclinedCode | None = None
    view: SwitchView = field(default_factory=lambda: SwitchView(switch=NEVER_RELEASED))

    def _heard(self, what: str, by: str, reason: str) -> Declined | None:
        self.asked.append((what, by, reason))
        if self.declines is None:
            return None
        return Declined(code=self.declines, reason="as the test says", retry_after_s=7)

    async def activate_kill_switch(
        self, *, scope: KillSwitchScope, reason: str, by: str, source: Source
    ) -> Activated | Declined:
        assert source is Source.API
        return self._heard(f"activate {scope}", by, reason) or Activated(view=self.view, confirmation_code="ABC123")

    async def release_kill_switch(
        self, *, reason: str, by: str, source: Source, confirmation_code: str = "", admin_key: str = ""
    ) -> Released | Declined:
        assert source is Source.API
        return self._heard(f"release {confirmation_code}{admin_key}", by, reason) or Released(view=self.view)

    async def kill_switch_status(self) -> SwitchView:
        return self.view

    async def pause(self, *, reason: str, by: str) -> PauseView | Declined:
        return self._heard("pause", by, reason) or PauseView(paused=True, reason=reason, by=by)

    async def resume(self, *, reason: str, by: str) -> PauseView | Declined:
        return self._heard("resume", by, reason) or PauseView(paused=False)

    def pause_status(self) -> PauseView:
        return PauseView(paused=False)

    async def close_all(self, *, reason: str, by: str, confirmed: bool = False) -> Closing | Declined:
        done = self._heard(f"close all, confirmed {confirmed}", by, reason)
        return done or Closing(positions=(), pause=PauseView(paused=True))

    async def manual_exit(self, *, symbol: Symbol, reason: str, by: str) -> Closing | Declined:
        return self._heard(f"exit {symbol}", by, reason) or Closing(positions=(), pause=PauseView(paused=False))

    def closing(self) -> Closing:
        return Closing(positions=(), pause=PauseView(paused=False))

    def positions(self) -> PositionsView:
        return PositionsView(own=())


class ResetBreakers:
    """`Breakers` of which one is open until it is reset."""

    def __init__(self) -> None:
        self.state = BreakerState.OPEN
        self.by: list[tuple[str, str]] = []

    def status(self) -> tuple[BreakerStatus, ...]:
        return (
            BreakerStatus(breaker=Breaker.LOSS, state=self.state),
            BreakerStatus(breaker=Breaker.API, state=BreakerState.CLOSED),
        )

    async def reset(self, by: str, reason: str) -> tuple[Breaker, ...]:
        self.by.append((by, reason))
        self.state = BreakerState.CLOSED
        return (Breaker.LOSS,)


@dataclass
class House:
    """A server that answers at `url`, and what stands behind it."""

    url: str
    server: HttpServer
    session: aiohttp.ClientSession
    persons: Persons
    path: OrderPath
    operations: HeardOperations
    breakers: ResetBreakers
    reconnects: list[str]

    async def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        token: str | None = None,
        raw: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, Any]:
        """Return status and JSON of an answer; one that is no JSON fails."""
        sent = dict(headers or {}) | ({"Authorization": f"Bearer {token}"} if token else {})
        data = raw if raw is not None else None if body is None else json.dumps(body).encode()
        async with self.session.request(method, self.url + path, data=data, headers=sent) as answer:
            return answer.status, json.loads(await answer.text())


async def until(condition: Callable[[], bool]) -> None:
    """Return once `condition` holds; fail after five seconds."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  # what it asks tells nobody
            await asyncio.sleep(0.001)


@asynccontextmanager
async def a_house(folder: Path, **terms: Any) -> AsyncIterator[House]:
    """Serve on a free port of loopback while the test runs."""
    clock = LoopClock(asyncio.get_running_loop(), TEN_O_CLOCK)
    with a_database(folder, durable=False) as database:
        database.transact_now(lambda rows: kill_switch.release(rows, clock.now(), "paper", "tester"))
        path = OrderPath(a_file(folder), database, clock, FakeBroker(clock, the_calendar()))
        await path.start()
        persons, operations, breakers = Persons(path), HeardOperations(), ResetBreakers()
        reconnects: list[str] = []
        desks = Desks(
            proposals=persons.proposals,
            issuer=persons.issuer,
            orders=persons.orders,
            operations=operations,
            breakers=breakers,
            health=lambda: {"status": "ok", "at": clock.now()},
            readiness=lambda: {"can_trade": False},
            reconnect=lambda: reconnects.append("asked"),
        )
        made = replace(HttpTerms(addresses=(Address(host="127.0.0.1", port=0),), tokens=TOKENS), **terms)
        server = HttpServer(made, desks, clock, path.notifier, "0")
        running = asyncio.create_task(server.run())
        await until(lambda: bool(server.listening))
        async with aiohttp.ClientSession() as session:
            yield House(
                url=f"http://{server.listening[0]}",
                server=server,
                session=session,
                persons=persons,
                path=path,
                operations=operations,
                breakers=breakers,
                reconnects=reconnects,
            )
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await path.stop()
