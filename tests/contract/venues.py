"""The venues that have to keep the same promises: a broker in memory, and KIS's client over the simulator's two faces.

`@on_every_venue` gives a test each of them in turn, on virtual time; `@on_kis` those with market data and a stream.
"""

from __future__ import annotations

import asyncio
import functools
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random

import pytest

from kis_daemon.clock import LoopClock
from kis_daemon.domain.market import Symbol, Won
from kis_daemon.kis.capabilities import KisProfile
from kis_daemon.kis.credentials import Credentials
from kis_daemon.kis.opening import Kis, KisLimits, open_kis
from kis_daemon.kis.transport import Endpoint, KisEndpoints
from kis_daemon.ports import Broker, Clock
from kis_daemon.simulator.profile import SimulatorSettings
from kis_daemon.simulator.server import Simulator
from kis_daemon.virtual_loop import VirtualLoop
from tests.services.builders import COMMISSION_PPB, SAMSUNG, at
from tests.services.fakes import FakeBroker
from tests.simulator.builders import a_book, the_calendar

CASH = 10_000_000
KIS_VENUES = ("paper", "real")


@dataclass(frozen=True, slots=True, kw_only=True)
class Venue:
    """A broker with the touch it would trade at; `kis` and `simulator` where there is more than a broker."""

    broker: Broker
    clock: Clock
    ask: Callable[[Symbol], Won]
    bid: Callable[[Symbol], Won]


@dataclass(frozen=True, slots=True, kw_only=True)
class KisVenue(Venue):
    kis: Kis
    simulator: Simulator


@asynccontextmanager
async def _in_memory(clock: Clock) -> AsyncIterator[Venue]:
    broker = FakeBroker(clock, the_calendar(), cash=CASH)
    broker.depth[SAMSUNG] = 1_000
    yield Venue(broker=broker, clock=clock, ask=broker.prices.__getitem__, bid=broker.prices.__getitem__)


@asynccontextmanager
async def _kis(name: str, clock: Clock) -> AsyncIterator[KisVenue]:
    paper = name == "paper"
    settings = SimulatorSettings(
        profile="paper" if paper else "real", cash=CASH, commission_ppb=COMMISSION_PPB, ping_interval_s=60.0
    )
    profile = KisProfile.PAPER if paper else KisProfile.REAL
    async with AsyncExitStack() as stack:
        sockets = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        simulator = await stack.enter_async_context(Simulator(settings, a_book(), the_calendar(), clock, Random(1)))
        await simulator.serve_unix(sockets / "rest", sockets / "stream")
        kis = await stack.enter_async_context(
            open_kis(
                KisEndpoints(
                    rest=Endpoint(url=simulator.rest_url, socket_path=str(sockets / "rest")),
                    stream=Endpoint(url=simulator.ws_url, socket_path=str(sockets / "stream")),
                ),
                Credentials(
                    app_key=settings.app_key,
                    app_secret=settings.app_secret,
                    account=settings.account_no + settings.product,
                    hts_id=settings.hts_id,
                ),
                profile,
                clock,
                Random(2),
                None,
                KisLimits.of(profile),
            )
        )
        boards = simulator.exchange.boards
        yield KisVenue(
            broker=kis.broker,
            clock=clock,
            ask=lambda symbol: boards[symbol].ask,
            bid=lambda symbol: boards[symbol].bid,
            kis=kis,
            simulator=simulator,
        )


def _run(story: Callable[..., Awaitable[None]], name: str, now: datetime) -> None:
    async def live() -> None:
        clock = LoopClock(asyncio.get_running_loop(), now)
        async with _in_memory(clock) if name == "memory" else _kis(name, clock) as venue:
            await story(venue)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(live())


def promised(
    now: str = "10:00", venues: tuple[str, ...] = ("memory", *KIS_VENUES)
) -> Callable[[Callable[..., Awaitable[None]]], Callable[[str], None]]:
    """Make a test of a story for every venue, which begins at `now` of a trading day."""

    def of(story: Callable[..., Awaitable[None]]) -> Callable[[str], None]:
        def test(name: str) -> None:
            _run(story, name, at(now))

        functools.update_wrapper(test, story)
        del test.__wrapped__  # type: ignore[attr-defined]  # pytest would read the story's arguments
        return pytest.mark.parametrize("name", venues)(test)

    return of


on_every_venue = promised()
on_kis = promised(venues=KIS_VENUES)
