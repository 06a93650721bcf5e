"""One connection of the stream, from its registrations to its end.

Rules of this room
    Reader, registrar and watchdog live and end together; whichever finds the connection lost says so
    once: `LinkLost`.
    The reader never waits for anybody: the sink is called, pings are echoed, nothing more.
    What cannot be read is counted and never ends the connection (feed_records.py).
    A reply is heeded before the frame that follows it: it may hold the key of that frame.
    Silence of any kind, the server's pings too, for longer than the limit means that the connection is
    dead.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Protocol

import structlog
from websockets.exceptions import ConnectionClosed

from kis_daemon.domain.market import Symbol
from kis_daemon.kis.capabilities import KisProfile, Purpose, tr_id
from kis_daemon.kis.credentials import Credentials
from kis_daemon.kis.feed_metrics import FeedCounters
from kis_daemon.kis.feed_plan import FeedPlan
from kis_daemon.kis.feed_records import FeedRecords
from kis_daemon.kis.feed_registrations import Channel, Registrations, RepliesStayOut
from kis_daemon.kis.feed_tape import FeedTape
from kis_daemon.kis.wire_frames import (
    ONE_TRADE,
    REGISTER,
    TRADES,
    DataFrame,
    Ping,
    Reply,
    decode_frame,
    write_registration,
)
from kis_daemon.ports import Clock, FeedSink, FeedState, ProtocolError

log = structlog.get_logger(__name__)

_SUBSCRIBED = ("OPSP0000", "OPSP0002")
_UNSUBSCRIBED = ("OPSP0001", "OPSP0003")
_FAILED = ("OPSP0007", "OPSP0009")
_OVER_LIMIT = "OPSP0008"
_CHANNEL_REFUSED = ("OPSP8991", "OPSP8992", "OPSP8993")
_KEY_REFUSED = ("OPSP0010", "OPSP0011", "OPSP9994", "OPSP9995", "OPSP9996")
_KEY_IN_USE = "OPSP8996"
_AT_PAYLOAD = len(ONE_TRADE)
_CODE = re.compile(r"[A-Z]{3,4}[0-9]{4,5}")


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedPace:
    """The time limits of the stream, in seconds."""

    spacing_s: float = 0.2  # between registrations, as KIS asks
    reply_within_s: float = 10.0
    silence_s: float = 90.0
    connect_within_s: float = 15.0


class LinkLost(Exception):
    """The connection is of no more use; `key_refused`: with this stream key; `in_use`: for a while.

    `hung_up`: the other side ended it and did not say why.
    """

    def __init__(self, reason: str, *, key_refused: bool = False, in_use: bool = False, hung_up: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.key_refused = key_refused
        self.in_use = in_use
        self.hung_up = hung_up


class Socket(Protocol):
    """What a connection must be able to do; `websockets`' client is one."""

    def __aiter__(self) -> AsyncIterator[str | bytes]: ...

    async def send(self, message: str) -> None: ...


class FeedLink:
    """See the rules above."""

    def __init__(
        self,
        socket: Socket,
        stream_key: str,
        credentials: Credentials,
        profile: KisProfile,
        clock: Clock,
        pace: FeedPace,
        counters: FeedCounters,
        sink: FeedSink,
        plan: FeedPlan,
        tape: FeedTape,
        *,
        with_notices: bool = True,
    ) -> None:
        self._socket = socket
        self._stream_key = stream_key
        self._notices = tr_id(Purpose.NOTICES, profile)
        self._login = credentials.hts_id if with_notices else ""
        self._pace = pace
        self._counters = counters
        self._sink = sink
        self._plan = plan
        self._tape = tape
        self._records = FeedRecords(self._notices, credentials.account, clock, counters, tape, sink)
        self._registrations = Registrations((), pace.reply_within_s)
        self._changed = asyncio.Event()
        self._told: tuple[Symbol, ...] | None = None
        self._is_left = False
        self._alive_at = 0.0

    def look_again(self) -> None:
        """Hold what is registered against the plan: it has changed."""
        self._changed.set()

    def leave(self) -> None:
        """End this connection."""
        self._is_left = True
        self._changed.set()

    def _channels(self, symbols: Iterable[Symbol]) -> list[Channel]:
        notice = [Channel(tr_id=self._notices, tr_key=self._login)] if self._login else []
        return notice + [Channel(tr_id=TRADES, tr_key=symbol) for symbol in symbols]

    @property
    def heard_data(self) -> bool:
        """Whether a record of real data came on this connection."""
        return self._records.heard_data

    @property
    def awaits_notices(self) -> bool:
        """Whether notices were asked for and nothing was heard of it."""
        return self._told is None and self._login != ""

    @property
    def has_notices(self) -> bool:
        """Whether KIS carries our notices on this connection."""
        return any(channel.tr_id == self._notices for channel in self._registrations.active)

    async def run(self) -> None:
        """Serve the connection until it is lost, which raises `LinkLost`."""
        # In a task of its own: before Python 3.13 a task group that failed leaves its parent counted as cancelled, and
        # every `asyncio.timeout` in it from then on ends the task instead of the wait.
        await asyncio.create_task(self._serve(), name="kis-feed-link")

    async def _serve(self) -> None:
        lost: LinkLost | None = None
        self._alive_at = asyncio.get_running_loop().time()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._read(), name="kis-feed-reader")
                group.create_task(self._register(), name="kis-feed-registrar")
                group.create_task(self._watch(), name="kis-feed-watchdog")
        except* LinkLost as errors:
            first = errors.exceptions[0]
            lost = first if isinstance(first, LinkLost) else LinkLost("several")
        raise lost or LinkLost("ended")

    # --- the three tasks --------------------------------------------------------------------------------

    async def _read(self) -> None:
        loop, counters = asyncio.get_running_loop(), self._counters
        try:
            async for message in self._socket:
                counters.messages += 1
                self._alive_at = counters.heard_at = loop.time()
                if self.take(message):
                    await self._socket.send(str(message))
        except ConnectionClosed as closed:
            raise LinkLost(_close_reason(closed), hung_up=True) from None
        raise LinkLost("closed by the server", hung_up=True)

    async def _register(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while not self._is_left:
                self._changed.clear()
                now = loop.time()
                self._registrations.want(self._channels(self._plan.symbols(now)))
                request = self._registrations.next_request(now)
                self._tell()
                if request is not None:
                    await self._send(request.tr_type, request.channel, now)
                    continue
                try:
                    async with asyncio.timeout_at(self._next_look_at()):
                        await self._changed.wait()
                except TimeoutError:
                    continue
        except ConnectionClosed as closed:
            raise LinkLost(_close_reason(closed), hung_up=True) from None
        except RepliesStayOut:
            raise LinkLost("no reply to registrations") from None
        raise LinkLost("asked to reconnect")

    async def _send(self, tr_type: str, channel: Channel, now: float) -> None:
        if tr_type == REGISTER and channel.tr_id == TRADES:
            self._plan.sent(Symbol(channel.tr_key), now)
        await self._socket.send(write_registration(self._stream_key, tr_type, channel.tr_id, channel.tr_key))
        await asyncio.sleep(self._pace.spacing_s)

    def _next_look_at(self) -> float | None:
        moments = (self._registrations.next_repeat_at(), self._plan.next_look_at())
        return min((moment for moment in moments if moment is not None), default=None)

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            left_s = self._alive_at + self._pace.silence_s - loop.time()
            if left_s <= 1e-3:  # a loop may wake us a little early
                log.warning("feed_silent", seconds=self._pace.silence_s)
                raise LinkLost("silence")
            await asyncio.sleep(left_s)

    # --- what the server says ---------------------------------------------------------------------------

    def take(self, message: str | bytes) -> bool:
        """Heed one message; True if it is to be echoed."""
        try:
            if not isinstance(message, str):
                raise ProtocolError("a binary message")
            if message.startswith(ONE_TRADE):  # what is said below of any frame, in half the time
                self._records.take_one(message[_AT_PAYLOAD:])
                return False
            frame = decode_frame(message)
            if isinstance(frame, DataFrame):
                self._records.take(frame)
            else:
                if isinstance(frame, Ping):
                    self._counters.controls += 1
                    return True
                self._take_reply(frame)
                self._counters.controls += 1
        except ProtocolError as unreadable:
            self._records.unreadable(1, str(unreadable))
        return False

    def _take_reply(self, reply: Reply) -> None:
        channel = self._own(Channel(tr_id=reply.tr_id, tr_key=reply.tr_key))
        name = reply.tr_key if reply.tr_id == TRADES else ""
        if reply.code in _SUBSCRIBED:
            if reply.cipher is not None:
                self._records.keep(reply.tr_id, reply.cipher)
            if self._registrations.acknowledge(channel):
                log.info("subscribe_acked", tr_id=reply.tr_id, symbol=name)
        elif reply.code in _UNSUBSCRIBED:
            gone = self._registrations.removed(channel if reply.tr_id else None)
            if gone is not None:
                self._tape.forget(Symbol(gone.tr_key))
                log.info("unsubscribe_acked", tr_id=reply.tr_id, symbol=name)
        elif reply.code in _FAILED:
            log.warning("subscribe_failed", tr_id=reply.tr_id, symbol=name, code=reply.code)
            self._registrations.fail(channel, asyncio.get_running_loop().time())
        elif reply.code == _OVER_LIMIT:
            log.error("subscribe_refused", tr_id=reply.tr_id, symbol=name, code=reply.code)
            self._registrations.over_limit(channel)
        elif reply.code in _CHANNEL_REFUSED:
            log.error("subscribe_refused", tr_id=reply.tr_id, symbol=name, code=reply.code)
            self._registrations.refuse(channel)
            if reply.tr_id == TRADES:
                self._plan.bar(Symbol(reply.tr_key))
        elif not _CODE.fullmatch(reply.code):
            raise ProtocolError("a reply without a code")
        else:
            raise LinkLost(
                reply.code,
                key_refused=reply.code in _KEY_REFUSED,
                in_use=reply.code == _KEY_IN_USE,
            )
        self._tell()
        self._changed.set()

    def _own(self, channel: Channel) -> Channel:
        """Return our own notice channel for a reply about it, however KIS wrote the login name."""
        if channel.tr_id == self._notices:
            return Channel(tr_id=self._notices, tr_key=self._login)
        return channel

    def _tell(self) -> None:
        """Tell the sink that the link is up: once notices are decided (or what comes first), then when all is."""
        active = self._registrations.active
        symbols = tuple(Symbol(channel.tr_key) for channel in active if channel.tr_id == TRADES)
        self._counters.symbols = symbols
        is_first = self._told is None
        if is_first:
            if not self._registrations.has_begun:
                return
        elif symbols == self._told or not self._registrations.is_settled:
            return
        self._told = symbols
        self._counters.connected = True
        if is_first:
            log.info("feed_connected")
        self._sink.on_feed_state(FeedState(connected=True, symbols=symbols, resync_needed=is_first))


def _close_reason(closed: ConnectionClosed) -> str:
    return f"closed {closed.rcvd.code}" if closed.rcvd is not None else "closed without a word"
