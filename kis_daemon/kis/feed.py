"""KIS's stream of trades and notices, behind the `QuoteFeed` port: connect, serve, connect again.

Rules of this room
    One connection at a time; KIS allows one a key, and blocks keys that connect in a loop.
    How long to wait between attempts, and when to call a person, is the incident's to say (feed_incident.py).
    A refused stream key (OPSP0011) is replaced.
    The sink hears once that the link is down, once more if a whole series of attempts failed, and once that it is up
    again: then it must ask by REST for what it missed. While it is down it must ask for prices too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from random import Random

import structlog
from websockets.asyncio.client import connect, unix_connect
from websockets.exceptions import WebSocketException

from kis_daemon.domain.market import Symbol
from kis_daemon.kis.capabilities import KisProfile
from kis_daemon.kis.credentials import Credentials
from kis_daemon.kis.feed_incident import Incident
from kis_daemon.kis.feed_link import FeedLink, FeedPace, LinkLost
from kis_daemon.kis.feed_metrics import FeedCounters, FeedMetrics
from kis_daemon.kis.feed_plan import FeedPlan
from kis_daemon.kis.feed_tape import FeedTape
from kis_daemon.kis.tokens import KeyKeeper
from kis_daemon.kis.transport import Endpoint
from kis_daemon.ports import BrokerError, Clock, FeedSink, FeedState

log = structlog.get_logger(__name__)

_MAX_MESSAGE = 4 * 1024 * 1024  # frames above 8 KiB occur
_MAX_QUEUE = 1024
_NOTICES_LEFT_OUT_AT = 3


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
        self._plan = FeedPlan(notices=1 if credentials.hts_id else 0)
        self._tape = FeedTape()
        self._planned_on: date | None = None
        self._known: frozenset[Symbol] = frozenset()
        self._link: FeedLink | None = None
        self._incident = Incident(random)
        self._lost_on_notices = 0
        self._reconnect_asked = asyncio.Event()
        self._counters = FeedCounters()

    def want(self, held: Sequence[Symbol], candidates: Sequence[Symbol] = ()) -> None:
        """Say what to carry beside the notices (see feed_plan.py); what has no place is logged and left out."""
        left_out = self._plan.want(held, candidates)
        if left_out:
            log.error("feed_held_symbols_left_out", count=left_out)
        today = self._clock.now().date()
        if self._planned_on != today and not self._known.issuperset(candidates):
            self._planned_on = today  # the day's new universe; another order of the known ones is none
            self._plan.begin()
        self._known = frozenset((*held, *candidates))
        if self._link is not None:
            self._link.look_again()

    def reconnect(self) -> None:
        """Begin a new connection, and a new series of attempts, as soon as KIS's rules let us (C25)."""
        self._incident = Incident(self._random)
        self._lost_on_notices = 0
        self._reconnect_asked.set()
        if self._link is not None:
            self._link.leave()

    async def run(self, sink: FeedSink) -> None:
        """Connect, register, read and reconnect until cancelled."""
        log.info("ws_runtime_activated", url=self._endpoint.url)
        told_down = told_in_use = False
        while True:
            self._reconnect_asked.clear()
            lost, heard_data, was_up = await self._connect_once(sink)
            if heard_data:
                self._incident = Incident(self._random)
            gave_up = self._incident.note(lost)
            self._counters.attempts = self._incident.attempts
            self._counters.last_error = lost.reason
            in_use = self._incident.key_in_use
            if was_up or gave_up or in_use != told_in_use or not told_down:
                told_down, told_in_use = True, in_use
                sink.on_feed_state(FeedState(connected=False, reason=lost.reason, gave_up=gave_up, key_in_use=in_use))
            await self._wait(lost, self._incident.delay_s(lost))

    async def _wait(self, lost: LinkLost, delay_s: float) -> None:
        """Wait; a person's wish to reconnect ends all of it but the least that KIS asks for."""
        log.warning("feed_reconnecting", reason=lost.reason, attempt=self._incident.attempts, delay_s=round(delay_s, 3))
        least_s = delay_s if lost.in_use else min(delay_s, 1.0)
        await asyncio.sleep(least_s)
        try:
            async with asyncio.timeout(delay_s - least_s):
                await self._reconnect_asked.wait()
        except TimeoutError:
            return

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
                self._plan.begin()
                self._tape.resume()
                link = self._link = FeedLink(
                    socket,
                    key,
                    self._credentials,
                    self._profile,
                    self._clock,
                    self._pace,
                    self._counters,
                    sink,
                    self._plan,
                    self._tape,
                    with_notices=self._lost_on_notices < _NOTICES_LEFT_OUT_AT,
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
        if link is not None:
            self._judge_notices(link, reason)
        return reason, link is not None and link.heard_data, was_up

    def _judge_notices(self, link: FeedLink, lost: LinkLost) -> None:
        """Count connections that ended on the request for notices; one that brought data lets the next one ask again.

        KIS hangs up without a word where the login name is wrong (contract, pitfall 31): rather trades without notices
        than neither.
        """
        if link.has_notices:
            self._lost_on_notices = 0
        elif link.heard_data:
            self._lost_on_notices = min(self._lost_on_notices, _NOTICES_LEFT_OUT_AT - 1)
        elif link.awaits_notices and lost.hung_up:
            self._lost_on_notices += 1
            if self._lost_on_notices == _NOTICES_LEFT_OUT_AT:
                log.error("feed_notices_left_out", times=self._lost_on_notices)

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
        loop_now = asyncio.get_running_loop().time()
        now = self._clock.now()

        def moment(loop_time: float | None) -> datetime | None:
            return None if loop_time is None else now - timedelta(seconds=loop_now - loop_time)

        quiet_s = 0.0 if counters.heard_at is None else loop_now - counters.heard_at
        return FeedMetrics(
            ws_connected=counters.connected,
            ws_messages=counters.messages,
            last_ws_message_ts=moment(counters.heard_at),
            last_ws_quote_ts=moment(counters.quoted_at),
            ws_heartbeat_fresh=counters.connected and quiet_s < self._pace.silence_s,
            ws_reconnect_count=max(0, counters.connections - 1),
            ws_reconnect_attempts=counters.attempts,
            ws_last_error=counters.last_error,
            ws_quotes=counters.quotes,
            ws_notices=counters.notices,
            ws_notices_foreign=counters.foreign,
            ws_unreadable=counters.unreadable,
            ws_unknown=counters.unknown,
            ws_unpriced=counters.unpriced,
            ws_dropped=self._tape.dropped,
            ws_gaps=self._tape.gaps,
            ws_controls=counters.controls,
            ws_symbols=counters.symbols,
        )
