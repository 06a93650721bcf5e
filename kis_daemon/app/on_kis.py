"""A run on an account at KIS, or on whatever stands in for the paper servers on loopback."""

from __future__ import annotations

import asyncio
import json
import random
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from kis_daemon.app.entropy import SystemEntropy
from kis_daemon.app.errors import ConfigurationError
from kis_daemon.app.household import Behind, Hide, Household, Outfit
from kis_daemon.app.options import RunOptions
from kis_daemon.app.real_money import Confirmed, real_endpoints
from kis_daemon.app.settings import Settings, assert_not_real_mode
from kis_daemon.app.universe_outfit import outfit_at_kis
from kis_daemon.clock import LoopClock, SystemClock
from kis_daemon.domain.calendar import TradingCalendar
from kis_daemon.kis.capabilities import KisProfile
from kis_daemon.kis.credentials import Credentials
from kis_daemon.kis.opening import KisLimits
from kis_daemon.kis.transport import Endpoint, KisEndpoints
from kis_daemon.ports import Clock, Rows
from kis_daemon.virtual_loop import VirtualLoop, linear_pace

_PAPER_REST = "https://openapivts.koreainvestment.com:29443"
_PAPER_STREAM = "ws://ops.koreainvestment.com:31000/tryitout"
_POLL_S = 0.5  # C13: at least once a second, so that SQL and commands take effect within one


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualRun:
    """What a run with a virtual account differs in: who answers for it, whose keys it uses, and its own switch."""

    behind: Behind
    token_path: Path
    release: Callable[[Rows, datetime], None]


def run_at_kis(
    settings: Settings,
    options: RunOptions,
    calendar: TradingCalendar,
    *,
    confirmed: Confirmed | None = None,
    virtual: VirtualRun | None = None,
) -> int:
    """Run against KIS's servers, the real ones where that was `confirmed`, or only on the paper servers' quotes with a
    `virtual` account; return the exit code."""
    simulators_time(settings, options)  # asked once before anything is written: no clock, no start
    with ExitStack() as stack:
        household = Household(settings, options, calendar)
        stack.enter_context(household.lock())
        household.open_store(stack, may_be_away=True)
        loop, clock = time_of(
            simulators_time(settings, options)
        )  # and last: whatever the start took is not lived again
        logs = stack.enter_context(household.logs(clock.now))
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            return runner.run(_trade(household, clock, logs.mask.add, confirmed, virtual))


async def _trade(
    household: Household, clock: Clock, hide: Hide, confirmed: Confirmed | None, virtual: VirtualRun | None
) -> int:
    settings = household.settings
    outfit = paper_outfit(settings, clock) if confirmed is None else real_outfit(settings, clock, confirmed)
    if virtual is not None:
        await household.database.transact(lambda rows: virtual.release(rows, clock.now()))
        outfit = replace(outfit, behind=virtual.behind, token_path=virtual.token_path)
    return await household.live_with(outfit, hide)


def paper_outfit(settings: Settings, clock: Clock) -> Outfit:
    """Return what a run on KIS's paper account is made of."""
    assert_not_real_mode(settings)
    endpoints = KisEndpoints(
        rest=Endpoint(url=settings.kis_rest_url or _PAPER_REST),
        stream=Endpoint(url=settings.kis_ws_url or _PAPER_STREAM),
    )
    return outfit_of(settings, clock, KisProfile.PAPER, endpoints)


def real_outfit(settings: Settings, clock: Clock, confirmed: Confirmed) -> Outfit:
    """Return what a run with real money is made of; nobody gets it who was not counted down for."""
    return outfit_of(settings, clock, KisProfile.REAL, real_endpoints(confirmed))


def outfit_of(settings: Settings, clock: Clock, profile: KisProfile, endpoints: KisEndpoints) -> Outfit:
    """Return what a run on an account behind `endpoints` is made of."""
    keys, secret = settings.credentials, settings.jwt_secret
    if keys is None or secret is None:
        raise RuntimeError("a KIS venue without keys passed the settings")
    return Outfit(
        clock=clock,
        endpoints=endpoints,
        credentials=Credentials(
            app_key=keys.app_key.get_secret_value(),
            app_secret=keys.app_secret.get_secret_value(),
            account=keys.account_no.get_secret_value() + keys.product_code,
            hts_id=keys.hts_id,
        ),
        profile=profile,
        limits=KisLimits.of(profile, settings.kis_calls_per_second),
        chance=random.Random(),
        entropy=SystemEntropy(),
        secret=secret.get_secret_value().encode(),
        token_path=settings.data_dir / "kis_keys.json",
        universe=outfit_at_kis(settings, clock),
        poll_s=_POLL_S,
    )


def simulators_time(settings: Settings, options: RunOptions) -> tuple[float, datetime] | None:
    """Return rate and moment of the standalone simulator's clock; None without `--sim-clock`."""
    if not options.sim_clock:
        return None
    url = f"{settings.kis_rest_url}/__sim/clock"
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            told = json.load(answer)
        return float(told["rate"]), datetime.fromisoformat(told["now"])
    except (urllib.error.URLError, TimeoutError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(
            f"{url}: no simulator clock there ({error}); start `main.py simulator` first"
        ) from None


def time_of(told: tuple[float, datetime] | None) -> tuple[asyncio.AbstractEventLoop, Clock]:
    """Return the wall's time, or the simulator's."""
    if told is None:
        return asyncio.new_event_loop(), SystemClock()
    rate, now = told
    loop = VirtualLoop(linear_pace(rate), outside_input=True)
    return loop, LoopClock(loop, now)
