"""One connection of the stream, from its registrations to its end.

Rules of this room
    Reader, registrar and watchdog live and end together; whichever finds the connection lost says so
    once: `LinkLost`.
    The reader never waits for anybody: the sink is called, pings are echoed, nothing more.
    A record that cannot be read is counted and left out; it never ends the connection and never reaches
    the sink.
    Keys of encrypted notices belong to this connection; a reply is heeded before the frame that follows it.
    Silence of any kind, the server's pings too, for longer than the limit means that the connection is
    dead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

import structlog
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from kis_daemon.domain.market import Symbol
from kis_daemon.kis.capabilities import KisProfile, Purpose, tr_id
from kis_daemon.kis.credentials import Credentials
from kis_daemon.kis.feed_metrics import FeedCounters
from kis_daemon.kis.feed_registrations import Channel, Registrations, RepliesStayOut
from kis_daemon.kis.wire_frames import (
    TRADES,
    Cipher,
    DataFrame,
    Ping,
    Reply,
    decode_frame,
    read_trades,
    write_registration,
)
from kis_daemon.kis.wire_notices import read_notices
from kis_daemon.ports import Clock, FeedSink, FeedState, ProtocolError

log = structlog.get_logger(__name__)

_SUBSCRIBED = ("OPSP0000", "OPSP0002")
_UNSUBSCRIBED = ("OPSP0001", "OPSP0003")
_ASK_AGAIN = ("OPSP0007", "OPSP0009")  # the registrar repeats what stays without a reply
_CHANNEL_REFUSED = ("OPSP0008", "OPSP8991", "OPSP8992", "OPSP8993")
_KEY_REFUSED = ("OPSP0010", "OPSP0011", "OPSP9994", "OPSP9995", "OPSP9996")
_KEY_IN_USE = "OPSP8996"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedPace:
    """The time limits of the stream, in seconds."""

    spacing_s: float = 0.2  # between registrations, as KIS asks
    reply_within_s: float = 10.0
    silence_s: float = 90.0
    connect_within_s: float = 15.0


class LinkLost(Exception):
    """The connection is of no more use; `key_refused`: with this stream key; `in_use`: for a while."""

    def __init__(self, reason: str, *, key_refused: bool = False, in_use: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.key_refused = key_refused
        self.in_use = in_use


class FeedLink:
    """See the rules above. `heard_data` is set by the first record of real data."""

    def __init__(
        self,
        socket: ClientConnection,
        stream_key: str,
        credentials: Credentials,
        profile: KisProfile,
        clock: Clock,
        pace: FeedPace,
        counters: FeedCounters,
        sink: FeedSink,
        symbols: Iterable[Symbol],
    ) -> None:
        self._socket = socket
        self._stream_key = stream_key
        self._account = credentials.account
        self._notices = tr_id(Purpose.NOTICES, profile)
        self._login = credentials.hts_id
        self._clock = clock
        self._pace = pace
        self._counters = counters
        self._sink = sink
        self._registrations = Registrations(self._channels(symbols), pace.reply_within_s)
        self._changed = asyncio.Event()
        self._ciphers: dict[str, Cipher] = {}
        self._told: tuple[Symbol, ...] | None = None
        self._alive_at = 0.0
        self.heard_data = False

    def _channels(self, symbols: Iterable[Symbol]) -> list[Channel]:
        notice = [Channel(tr_id=self._notices, tr_key=self._login)] if self._login else []
        return notice + [Channel(tr_id=TRADES, tr_key=symbol) for symbol in symbols]

    def want(self, symbols: Iterable[Symbol]) -> None:
        """Carry these symbols instead; the difference is registered in the background."""
        self._registrations.want(self._channels(symbols))
        self._changed.set()

    async def run(self) -> None:
        """Serve the connection until it is lost, which raises `LinkLost`."""
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
        loop = asyncio.get_running_loop()
        try:
            async for message in self._socket:
                self._counters.messages += 1
                self._alive_at = self._counters.heard_at = loop.time()
                if isinstance(message, str) and await self._take(message):
                    await self._socket.send(message)
        except ConnectionClosed as closed:
            raise LinkLost(_close_reason(closed)) from None
        raise LinkLost("closed by the server")

    async def _register(self) -> None:
        loop = asyncio.get_running_loop()
        self._tell()
        try:
            while True:
                request = self._registrations.next_request(loop.time())
                if request is not None:
                    channel = request.channel
                    await self._socket.send(
                        write_registration(self._stream_key, request.tr_type, channel.tr_id, channel.tr_key)
                    )
                    await asyncio.sleep(self._pace.spacing_s)
                    continue
                self._changed.clear()
                repeat_at = self._registrations.next_repeat_at()
                try:
                    async with asyncio.timeout_at(repeat_at):
                        await self._changed.wait()
                except TimeoutError:
                    continue
        except ConnectionClosed as closed:
            raise LinkLost(_close_reason(closed)) from None
        except RepliesStayOut:
            raise LinkLost("no reply to registrations") from None

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            left_s = self._alive_at + self._pace.silence_s - loop.time()
            if left_s <= 1e-3:  # a loop may wake us a little early
                raise LinkLost("silence")
            await asyncio.sleep(left_s)

    # --- what the server says ---------------------------------------------------------------------------

    async def _take(self, message: str) -> bool:
        """Heed one message; True if it is to be echoed."""
        try:
            frame = decode_frame(message)
            if isinstance(frame, DataFrame):
                self._take_data(frame)
            elif isinstance(frame, Ping):
                return True
            else:
                self._take_reply(frame)
        except ProtocolError as unreadable:
            self._unreadable(1, str(unreadable))
        return False

    def _take_data(self, frame: DataFrame) -> None:
        if frame.tr_id == TRADES and not frame.encrypted:
            quotes, unreadable = read_trades(frame)
            if unreadable:
                self._unreadable(unreadable, "trade")
            self._counters.quotes += len(quotes)
            self._note_data(frame)
            for quote in quotes:
                self._sink.on_quote(quote)
        elif frame.tr_id == self._notices:
            today = self._clock.now().date()
            notices, unreadable = read_notices(frame, self._ciphers.get(frame.tr_id), self._account, today)
            if unreadable:
                self._unreadable(unreadable, "notice")
            self._counters.notices += len(notices)
            self._note_data(frame)
            for notice in notices:
                self._sink.on_notice(notice)
        else:
            self._counters.unknown += 1

    def _note_data(self, frame: DataFrame) -> None:
        if not self.heard_data:
            self.heard_data = True
            log.info("first_message", tr_id=frame.tr_id)

    def _unreadable(self, count: int, what: str) -> None:
        if self._counters.unreadable == 0:  # the counter tells the rest
            log.warning("feed_record_unreadable", what=what)
        self._counters.unreadable += count

    def _take_reply(self, reply: Reply) -> None:
        channel = Channel(tr_id=reply.tr_id, tr_key=reply.tr_key)
        name = reply.tr_key if reply.tr_id == TRADES else ""
        if reply.code in _SUBSCRIBED:
            if reply.cipher is not None:
                self._ciphers[reply.tr_id] = reply.cipher
            if self._registrations.acknowledge(self._own(channel)):
                log.info("subscribe_acked", tr_id=reply.tr_id, symbol=name)
        elif reply.code in _UNSUBSCRIBED:
            self._registrations.removed(self._own(channel) if reply.tr_id else None)
            log.info("unsubscribe_acked", tr_id=reply.tr_id, symbol=name)
        elif reply.code in _ASK_AGAIN:
            log.warning("subscribe_failed", tr_id=reply.tr_id, symbol=name, code=reply.code)
        elif reply.code in _CHANNEL_REFUSED:
            log.error("subscribe_refused", tr_id=reply.tr_id, symbol=name, code=reply.code)
            self._registrations.refuse(self._own(channel))
        else:
            raise LinkLost(
                reply.code or "a reply without a code",
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
        """Tell the sink that the link is up: once notices are decided, then whenever all is settled."""
        active = self._registrations.active
        symbols = tuple(Symbol(channel.tr_key) for channel in active if channel.tr_id == TRADES)
        self._counters.symbols = symbols
        if self._told is None:
            if not self._registrations.is_decided(Channel(tr_id=self._notices, tr_key=self._login)):
                return
        elif symbols == self._told or not self._registrations.is_settled:
            return
        self._told = symbols
        self._counters.connected = True
        self._sink.on_feed_state(FeedState(connected=True, symbols=symbols))


def _close_reason(closed: ConnectionClosed) -> str:
    return f"closed {closed.rcvd.code}" if closed.rcvd is not None else "closed without a word"
