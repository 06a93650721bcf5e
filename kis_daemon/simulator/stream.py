"""The WebSocket server: registrations, the frames of the market, encrypted notices, and the server's PINGPONG.

Rules of this room
    One session an app key: the first valid registration claims it, and a newcomer is told OPSP8996 and closed. 41
    registrations a session, notices counted. Every registration is answered before its first frame.
    Each session has its own key and iv. A session that leaves three PINGPONGs unanswered is closed.
    An approval key is looked at when something is registered with it, never at the handshake.
    Frames are written at once, without a task and without waiting; a reader that stays far behind is dropped.
    While an index is registered, a trade sets `moved`; the herald tells what it moved.
    `faults` is None unless one is planned: a frame costs one look at it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any, Protocol, TypeAlias

from websockets.asyncio.server import ServerConnection, broadcast
from websockets.exceptions import ConnectionClosedError
from websockets.frames import Frame, Opcode
from websockets.protocol import Event, State

from kis_daemon.domain.market import Symbol
from kis_daemon.domain.price_path import PathTick
from kis_daemon.simulator.board import Board
from kis_daemon.simulator.channels import INDEX_CODES, OF_A_LOGIN, Channel, ChannelKind, Printer, channel_of, printer_of
from kis_daemon.simulator.notices import notice_frame, notices
from kis_daemon.simulator.outgoing import Outgoing, OutKind, answer_frame, ping_frame
from kis_daemon.simulator.registrar import Asked, Unreadable, is_pingpong, read
from kis_daemon.simulator.requests import OrderEvent
from kis_daemon.simulator.tokens import KeyDesk
from kis_daemon.simulator.venue import Venue

MAX_REGISTRATIONS = 41
UNANSWERED_PINGS = 3
MOST_UNREAD_BYTES = 16 * 1024 * 1024
LARGEST_REQUEST = 64 * 1024  # more than any registration; beyond it the protocol's own code 1009 is the answer
IN_USE = ("9", "OPSP8996", "ALREADY IN USE appkey")
_LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz"

FrameHook: TypeAlias = Callable[[str], Sequence[str]]
"""Sees every outgoing frame and says what is sent in its place: nothing, itself, or more."""


class Session(ServerConnection):
    """One connection: what it registered, and the key of its notices."""

    registered: dict[tuple[str, str], None]
    unanswered: int = 0
    key: str = ""
    iv: str = ""
    is_dead: bool = False  # a fault has cut it off: its TCP stays, and nothing is sent to it any more

    def process_event(self, event: Event) -> None:
        """See a PONG that answers no ping of the protocol: some clients answer PINGPONG with it."""
        if isinstance(event, Frame) and event.opcode is Opcode.PONG:
            self.unanswered = 0
        super().process_event(event)


class Disturbance(Protocol):
    """What faults do to the stream; `faults_stream` has it."""

    def refusal(self, session: Session, asked: Asked) -> tuple[str, str, str] | None:
        """Return (rt_cd, code, text) where a registration is refused by a fault."""

    def send(self, session: Session, out: Outgoing) -> None:
        """Send `out`, or whatever a fault makes of it."""


class Stream:
    """Answers registrations and sends what the exchange has to tell."""

    def __init__(self, venue: Venue, desk: KeyDesk, chance: Random, hook: FrameHook | None = None) -> None:
        self.faults: Disturbance | None = None
        self._venue = venue
        self._desk = desk
        self._chance = chance
        self._hook = hook
        self._connected: dict[Session, None] = {}
        self._session: Session | None = None
        self._lingers_until: datetime | None = None
        self._printers: dict[Symbol, tuple[tuple[str, Printer], ...]] = {}
        self._notice = False
        self._index = False
        self.moved = asyncio.Event()

    # --- out ------------------------------------------------------------------------------------------------

    def on_trade(self, board: Board, tick: PathTick) -> None:
        """Send the frames of a trade to whoever registered its symbol."""
        if self._index:
            self.moved.set()
        printers, session = self._printers.get(board.symbol), self._session
        if printers is None or session is None:
            return
        for tr_id, printer in printers:
            if self.faults is None:
                self._write(session, printer(board, tick))
            else:
                self.faults.send(session, Outgoing(OutKind.DATA, tr_id, board.symbol, printer(board, tick)))

    def on_event(self, event: OrderEvent) -> None:
        """Send the notices of an order's event."""
        session, profile = self._session, self._venue.profile
        if session is None or not self._notice:
            return
        name = self._venue.exchange.boards[event.request.symbol].name
        for plain in notices(event, name, profile.branch, self._venue.settings):
            frame = notice_frame(profile.notice_tr, plain, session.key, session.iv)
            if self.faults is None:
                self._write(session, frame)
            else:
                out = Outgoing(OutKind.NOTICE, profile.notice_tr, event.request.symbol, frame, plain=plain, event=event)
                self.faults.send(session, out)

    def on_announcement(self, tr_id: str, tr_key: str, frame: str) -> None:
        """Send a frame that no trade made to whoever registered it."""
        session = self._session
        if session is None or (tr_id, tr_key) not in session.registered:
            return
        if self.faults is None:
            self._write(session, frame)
        else:
            self.faults.send(session, Outgoing(OutKind.DATA, tr_id, tr_key, frame))

    def registered(self, kind: ChannelKind) -> list[tuple[Channel, str]]:
        """Return the channels of `kind` that are registered now, with their keys."""
        if self._session is None:
            return []
        asked = [(channel_of(tr_id, self._venue.profile.name), key) for tr_id, key in self._session.registered]
        return [(channel, key) for channel, key in asked if channel is not None and channel.kind is kind]

    async def keep_pinging(self) -> None:
        """Send PINGPONG until cancelled."""
        while True:
            await asyncio.sleep(self._venue.settings.ping_interval_s)
            pace = self._venue.pace
            if pace is not None and pace.jumps_at(asyncio.get_running_loop().time()):
                continue  # nobody outside can answer in no time
            text = ping_frame(self._venue.now())
            for session in list(self._connected):
                if session.unanswered >= UNANSWERED_PINGS:
                    self.drop(session)
                    continue
                session.unanswered += 1
                if self.faults is None:
                    self._write(session, text)
                else:
                    self.faults.send(session, Outgoing(OutKind.PING, "PINGPONG", "", text))

    def _write(self, session: Session, frame: str) -> None:
        if self._hook is None:
            broadcast((session,), frame)
        else:
            for text in self._hook(frame):
                broadcast((session,), text)
        if session.transport.get_write_buffer_size() > MOST_UNREAD_BYTES:
            self.drop(session)

    def put(self, session: Session, frame: str | bytes) -> None:
        """Write `frame` unless the session has gone or was cut off."""
        if session.is_dead or session.protocol.state is not State.OPEN:
            return
        if isinstance(frame, str):
            self._write(session, frame)
        else:
            broadcast((session,), frame)

    def drop(self, session: Session) -> None:
        """Cut the connection without a close frame."""
        self._forget(session)
        session.transport.abort()

    def cut_off(self, session: Session) -> None:
        """Send nothing any more and leave the TCP connection as it is; the key is free for a newcomer."""
        session.is_dead = True
        self._forget(session)

    def rotate(self, session: Session) -> None:
        """Give the session another key and iv and tell nobody."""
        session.key, session.iv = self._letters(32), self._letters(16)

    # --- in -------------------------------------------------------------------------------------------------

    async def serve(self, connection: ServerConnection) -> None:
        """Live with one connection until it ends."""
        if not isinstance(connection, Session):
            raise TypeError(f"connection {connection!r}: expected one made as a Session")
        connection.registered = {}
        self._connected[connection] = None
        try:
            async for message in connection:
                connection.unanswered = 0
                if connection.is_dead or is_pingpong(message):
                    continue
                if not self._heard(connection, message):
                    await connection.close()
                    return
        except ConnectionClosedError:
            # the client went without a word; what it registered goes with it, the claim on its key may outlive it
            if self._session is connection:
                lingers = timedelta(seconds=self._venue.settings.session_lingers_s)
                self._lingers_until = self._venue.now() + lingers
        finally:
            self._forget(connection)

    def _heard(self, session: Session, message: str | bytes) -> bool:
        """Act on one message of the client; False ends the connection."""
        settings = self._venue.settings
        try:
            asked = read(message, settings.app_key, settings.app_secret)
        except Unreadable as wrong:
            return self._say(session, wrong.tr_id, wrong.tr_key, "9", wrong.code, wrong.text)
        if not self._desk.opens_stream(asked.approval_key, self._venue.now()):
            return self._say(session, asked.tr_id, asked.tr_key, "9", "OPSP0011", "invalid approval : NOT FOUND")
        refusal = None if self.faults is None else self.faults.refusal(session, asked)
        if refusal == IN_USE or self._is_taken(session):
            self._say(session, "(null)", "", *IN_USE)
            return False
        if refusal is not None:
            return self._say(session, asked.tr_id, asked.tr_key, *refusal)
        return self._register(session, asked) if asked.tr_type == "1" else self._unregister(session, asked)

    def _is_taken(self, newcomer: Session) -> bool:
        """Tell whether another session has the key, or one that has gone still holds it."""
        if self._session is None:
            return self._lingers_until is not None and self._venue.now() < self._lingers_until
        return self._session is not newcomer and self._session.protocol.state is State.OPEN

    def _register(self, session: Session, asked: Asked) -> bool:
        tr_id, tr_key, settings = asked.tr_id, asked.tr_key, self._venue.settings
        channel = channel_of(tr_id, self._venue.profile.name)
        if channel is None:
            return self._say(session, tr_id, tr_key, "9", "OPSP8991", "invalid tr_id")
        is_notice = channel.kind in OF_A_LOGIN
        if is_notice and tr_key != settings.hts_id:
            if settings.wrong_hts_id_closes:
                self.drop(session)
                return True
            return self._say(session, tr_id, tr_key, "9", "OPSP8993", "invalid tr_key")
        known = INDEX_CODES if channel.kind is ChannelKind.INDEX else self._venue.exchange.boards
        if not is_notice and tr_key not in known:
            return self._say(session, tr_id, tr_key, "9", "OPSP8992", "invalid tr_key")
        if (tr_id, tr_key) in session.registered:
            return self._say(session, tr_id, tr_key, "1", "OPSP0002", "ALREADY IN SUBSCRIBE")
        if len(session.registered) >= MAX_REGISTRATIONS:
            return self._say(session, tr_id, tr_key, "1", "OPSP0008", "MAX SUBSCRIBE OVER")
        if not session.key:
            self.rotate(session)
        session.registered[tr_id, tr_key] = None
        self._claim(session)
        encrypted = "Y" if is_notice else "N"
        return self._say(session, tr_id, tr_key, "0", "OPSP0000", "SUBSCRIBE SUCCESS", encrypted, tells_key=True)

    def _unregister(self, session: Session, asked: Asked) -> bool:
        tr_id, tr_key = asked.tr_id, asked.tr_key
        if (tr_id, tr_key) not in session.registered:
            return self._say(session, tr_id, tr_key, "1", "OPSP0003", "UNSUBSCRIBE ERROR(not found!)")
        del session.registered[tr_id, tr_key]
        self._claim(session)
        return self._say(session, tr_id, tr_key, "0", "OPSP0001", "UNSUBSCRIBE SUCCESS", tells_key=True)

    def _claim(self, session: Session) -> None:
        """Make `session` the one that is served, with what it has registered now."""
        self._session = session
        self._notice = self._index = False
        printers: dict[Symbol, tuple[tuple[str, Printer], ...]] = {}
        for tr_id, key in session.registered:
            channel = channel_of(tr_id, self._venue.profile.name)
            printer = None if channel is None else printer_of(channel, self._venue.settings)
            if printer is not None:
                printers[Symbol(key)] = (*printers.get(Symbol(key), ()), (tr_id, printer))
            elif channel is not None and channel.kind is ChannelKind.NOTICES:
                self._notice = True
            elif channel is not None and channel.kind is ChannelKind.INDEX:
                self._index = True
        self._printers = printers

    def _forget(self, session: Session) -> None:
        self._connected.pop(session, None)
        if self._session is session:
            self._session, self._printers, self._notice, self._index = None, {}, False, False

    def _say(
        self,
        session: Session,
        tr_id: str,
        tr_key: str,
        rt_cd: str,
        code: str,
        text: str,
        encrypted: str = "N",
        *,
        tells_key: bool = False,
    ) -> bool:
        """Answer a registration; the connection goes on."""
        body: dict[str, Any] = {"rt_cd": rt_cd, "msg_cd": code, "msg1": text}
        if tells_key:
            body["output"] = {"iv": session.iv, "key": session.key}
        frame = answer_frame(tr_id, tr_key, encrypted, body)
        if self.faults is None:
            broadcast((session,), frame)
        else:
            self.faults.send(session, Outgoing(OutKind.ANSWER, tr_id, tr_key, frame))
        return True

    def _letters(self, count: int) -> str:
        return "".join(_LETTERS[self._chance.randrange(len(_LETTERS))] for _ in range(count))
