"""KIS's stream of trades and notices, behind the `QuoteFeed` port: connect, serve, connect again.

Rules of this room
    One connection at a time; KIS allows one a key, and blocks keys that connect in a loop.
    Between attempts: 1 s, doubling up to 60 s, with jitter from the `random.Random` that was handed in.
    Only real data begins the series anew. After a bounded series a person is told, and slow probing goes
    on (C26).
    A key that another session uses (OPSP8996) is left alone for 30 to 60 s. A refused stream key
    (OPSP0011) is replaced.
    The sink hears once that the link is down and once that it is up; while it is down it must ask by REST.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import timedelta
from random import Random

import structlog
from websockets.asyncio.client import connect, unix_connect
from websockets.exceptions import WebSocketException

from kis_daemon.domain.market import Symbol
from kis_daemon.kis.capabilities import KisProfile
from kis_daemon.kis.credentials import Credentials
from kis_daemon.kis.feed_link import FeedLink, FeedPace, LinkLost
from kis_daemon.kis.feed_metrics import FeedCounters, FeedMetrics
from kis_daemon.kis.feed_registrations import MAX_SYMBOLS
from kis_daemon.kis.tokens import KeyKeeper
from kis_daemon.kis.transport import Endpoint
from kis_daemon.ports import BrokerError, Clock, FeedSink, FeedState

log = structlog.get_logger(__name__)

SERIES = 10  # attempts of one incident, about five minutes, before a person is told
_FIRST_DELAY_S = 1.0
_LAST_DELAY_S = 60.0
_IN_USE_S = (30.0, 60.0)
_MAX_MESSAGE = 4 * 1024 * 1024  # frames above 8 KiB occur
_MAX_QUEUE = 1024


def reconnect_delays(random: Random) -> Iterator[float]:
    """Yield the waits between attempts: 1 s, doubled up to 60 s, and up to a quarter more."""
    delay = _FIRST_DELAY_S
    while True:
        yield min(delay * (1 + random.random() / 4), _LAST_DELAY_S)
        delay = min(delay * 2, _LAST_DELAY_S)


class KisFeed:
    """See the rules above."""

    def __init__(
        self,
        endpoint: Endpoint,
        keys: KeyKeeper,
        credentials: Credentials,
        profile: KisProfile,
        clock: Clock,
        random: Random,
        pace: FeedPace,
    ) -> None:
        self._endpoint = endpoint
        self._keys = keys
        self._credentials = credentials
        self._profile = profile
        self._clock = clock
        self._random = random
        self._pace = pace
        self._symbols: tuple[Symbol, ...] = ()
        self._link: FeedLink | None = None
        self._counters = FeedCounters()

    def want(self, symbols: Sequence[Symbol]) -> None:
        """Say which symbols to register, most important first; beyond forty they are left out."""
        distinct = tuple(dict.fromkeys(symbols))
        if len(distinct) > MAX_SYMBOLS:
            log.warning("feed_symbols_left_out", count=len(distinct) - MAX_SYMBOLS)
        self._symbols = distinct[:MAX_SYMBOLS]
        if self._link is not None:
            self._link.want(self._symbols)

    async def run(self, sink: FeedSink) -> None:
        """Connect, register, read and reconnect until cancelled."""
        delays = reconnect_delays(self._random)
        attempts = 0
        told_down = False
        while True:
            lost, heard_data, was_up = await self._connect_once(sink)
            if heard_data:
                delays, attempts = reconnect_delays(self._random), 0
            attempts += 1
            self._counters.last_error = lost.reason
            if was_up or not told_down:
                told_down = True
                sink.on_feed_state(FeedState(connected=False, reason=lost.reason))
            delay = self._random.uniform(*_IN_USE_S) if lost.in_use else next(delays)
            if attempts == SERIES:
                log.error("feed_reconnect_series_failed", attempts=attempts, reason=lost.reason)
            log.warning("feed_reconnecting", reason=lost.reason, attempt=attempts, delay_s=round(delay, 3))
            await asyncio.sleep(delay)

    async def _connect_once(self, sink: FeedSink) -> tuple[LinkLost, bool, bool]:
        """Serve one connection; return why it ended, whether real data came, and whether it was told up."""
        try:
            key = await self._keys.key()
        except BrokerError as error:
            return LinkLost(f"stream key: {type(error).__name__} {error.code}".strip()), False, False
        link: FeedLink | None = None
        try:
            async with self._connection() as socket:
                self._counters.connections += 1
                link = self._link = FeedLink(
                    socket,
                    key,
                    self._credentials,
                    self._profile,
                    self._clock,
                    self._pace,
                    self._counters,
                    sink,
                    self._symbols,
                )
                await link.run()
        except LinkLost as lost:
            if lost.key_refused:
                self._keys.refuse(key)
            reason = lost
        except (OSError, WebSocketException) as error:  # a TimeoutError is an OSError
            reason = LinkLost(type(error).__name__)
        else:
            reason = LinkLost("ended")
        finally:
            self._link = None
            was_up, self._counters.connected = self._counters.connected, False
            self._counters.symbols = ()
        return reason, link is not None and link.heard_data, was_up

    def _connection(self) -> connect:
        """Return the connection to be opened. Liveness is ours to watch, so the library's pings are off."""
        if self._endpoint.socket_path is not None:
            return unix_connect(
                self._endpoint.socket_path,
                self._endpoint.url,
                ping_interval=None,
                open_timeout=self._pace.connect_within_s,
                close_timeout=1.0,
                max_size=_MAX_MESSAGE,
                max_queue=_MAX_QUEUE,
                compression=None,
            )
        return connect(
            self._endpoint.url,
            ping_interval=None,
            open_timeout=self._pace.connect_within_s,
            close_timeout=1.0,
            max_size=_MAX_MESSAGE,
            max_queue=_MAX_QUEUE,
            compression=None,
            proxy=None,
        )

    def metrics(self) -> FeedMetrics:
        """Return the state of the stream now; called inside the running loop."""
        counters = self._counters
        quiet_s, last = 0.0, None
        if counters.heard_at is not None:
            quiet_s = asyncio.get_running_loop().time() - counters.heard_at
            last = self._clock.now() - timedelta(seconds=quiet_s)
        return FeedMetrics(
            ws_connected=counters.connected,
            ws_messages=counters.messages,
            last_ws_message_ts=last,
            ws_heartbeat_fresh=counters.connected and quiet_s < self._pace.silence_s,
            ws_reconnect_count=max(0, counters.connections - 1),
            ws_last_error=counters.last_error,
            ws_quotes=counters.quotes,
            ws_notices=counters.notices,
            ws_unreadable=counters.unreadable,
            ws_unknown=counters.unknown,
            ws_symbols=counters.symbols,
        )
