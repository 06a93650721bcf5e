"""Opening KIS: one transport, one budget and one keeper of each key, with everything that stands on them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from random import Random

from kis_daemon.kis.access import Access
from kis_daemon.kis.broker import KisBroker
from kis_daemon.kis.budget import CALL_LIMITS, TR_SPACING_S, Budget, CallLimit
from kis_daemon.kis.capabilities import KisProfile
from kis_daemon.kis.commands import Commands
from kis_daemon.kis.credentials import Credentials
from kis_daemon.kis.feed import KisFeed
from kis_daemon.kis.feed_link import FeedPace
from kis_daemon.kis.key_file import KeyFile
from kis_daemon.kis.market_data import KisMarketData
from kis_daemon.kis.questions import Questions, RetryRule
from kis_daemon.kis.server_clock import ServerClock
from kis_daemon.kis.survey import KisSurvey
from kis_daemon.kis.tokens import AccessTokens, KeyKeeper, StreamKeys
from kis_daemon.kis.transport import KisEndpoints, Transport
from kis_daemon.ports import Clock, Cooldown

API_TIMEOUT_S = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class KisLimits:
    """How often and how patiently KIS is called. `timeout_s` is `API_TIMEOUT` (S3-N03)."""

    calls: CallLimit
    spacing_s: Mapping[str, float] = field(default_factory=lambda: TR_SPACING_S)
    timeout_s: float = API_TIMEOUT_S
    retry: RetryRule = field(default_factory=RetryRule)
    pace: FeedPace = field(default_factory=FeedPace)

    @classmethod
    def of(cls, profile: KisProfile, calls_per_second: int | None = None) -> KisLimits:
        """Return the limits that KIS sets; `calls_per_second` where KIS grants this key another number."""
        return cls(calls=CALL_LIMITS[profile] if calls_per_second is None else CallLimit.of(calls_per_second))


@dataclass(frozen=True, slots=True, kw_only=True)
class KisQuotes:
    """An open KIS environment that is only asked. `cooldown` tells how long KIS's last "too many calls" still holds."""

    market_data: KisMarketData
    survey: KisSurvey
    feed: KisFeed
    access_tokens: KeyKeeper
    stream_keys: KeyKeeper
    cooldown: Cooldown
    server_clock: ServerClock

    async def prewarm(self, until: datetime) -> bool:
        """Have both keys, good until then where KIS allows it, so that no order waits for one; never raises for KIS.

        Returns whether both are there. To be called before the market opens.
        """
        told = await asyncio.gather(self.access_tokens.warm(until), self.stream_keys.warm(until))
        return all(told)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kis(KisQuotes):
    """An open KIS environment with its account."""

    broker: KisBroker


@asynccontextmanager
async def open_kis(
    endpoints: KisEndpoints,
    credentials: Credentials,
    profile: KisProfile,
    clock: Clock,
    random: Random,
    token_path: Path | None,
    limits: KisLimits,
) -> AsyncIterator[Kis]:
    """Open the environment, close it at the end; keys are kept in `token_path`, or in memory only."""
    server_clock = ServerClock(clock)
    async with Transport(endpoints.rest, limits.timeout_s, server_clock.hear) as transport:
        asked, access, questions = _asked(
            transport, server_clock, endpoints, credentials, profile, clock, random, token_path, limits
        )
        yield Kis(
            broker=KisBroker(questions, Commands(transport, access), credentials, profile, clock),
            market_data=asked.market_data,
            survey=asked.survey,
            feed=asked.feed,
            access_tokens=asked.access_tokens,
            stream_keys=asked.stream_keys,
            cooldown=asked.cooldown,
            server_clock=asked.server_clock,
        )


@asynccontextmanager
async def open_quotes(
    endpoints: KisEndpoints,
    credentials: Credentials,
    profile: KisProfile,
    clock: Clock,
    random: Random,
    token_path: Path | None,
    limits: KisLimits,
) -> AsyncIterator[KisQuotes]:
    """As `open_kis`, for somebody who only asks: no broker is made, and nothing that could send a command."""
    server_clock = ServerClock(clock)
    async with Transport(endpoints.rest, limits.timeout_s, server_clock.hear) as transport:
        yield _asked(transport, server_clock, endpoints, credentials, profile, clock, random, token_path, limits)[0]


def _asked(
    transport: Transport,
    server_clock: ServerClock,
    endpoints: KisEndpoints,
    credentials: Credentials,
    profile: KisProfile,
    clock: Clock,
    random: Random,
    token_path: Path | None,
    limits: KisLimits,
) -> tuple[KisQuotes, Access, Questions]:
    budget = Budget(limits.calls, limits.spacing_s)
    key_file = KeyFile(token_path, credentials.owner(profile))
    tokens = KeyKeeper(AccessTokens(transport, budget, credentials, clock), key_file, clock)
    stream_keys = KeyKeeper(StreamKeys(transport, budget, credentials, clock), key_file, clock)
    access = Access(tokens, budget, credentials)
    questions = Questions(transport, access, limits.retry, random)
    market_data = KisMarketData(questions, profile, clock)
    quotes = KisQuotes(
        market_data=market_data,
        survey=KisSurvey(questions, profile, market_data.ranking),
        feed=KisFeed(endpoints.stream, stream_keys, credentials, profile, clock, random, limits.pace),
        access_tokens=tokens,
        stream_keys=stream_keys,
        cooldown=budget,
        server_clock=server_clock,
    )
    return quotes, access, questions
