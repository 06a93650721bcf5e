"""The WebSocket server: registrations, trade frames, encrypted notices, and the server's PINGPONG.

Rules of this room
    One session an app key: the first valid registration claims it, and a newcomer is told OPSP8996 and closed. 41
    registrations a session, notices counted. Every registration is answered before its first frame.
    Each session has its own key and iv. A session that leaves three PINGPONGs unanswered is closed.
    Frames are written at once, without a task and without waiting; a reader that stays far behind is dropped.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, TypeAlias

from websockets.asyncio.server import ServerConnection, broadcast
from websockets.exceptions import ConnectionClosedError
from websockets.frames import Frame, Opcode
from websockets.protocol import Event, State

from kis_daemon.domain.market import Symbol
from kis_daemon.domain.price_path import PathTick
from kis_daemon.simulator.board import Board
from kis_daemon.simulator.frames import FIELD_47_SINCE, notice_frame, notices, trade_frame
from kis_daemon.simulator.requests import OrderEvent
from kis_daemon.simulator.tokens import KeyDesk
from kis_daemon.simulator.venue import Venue

MAX_REGISTRATIONS = 41
UNANSWERED_PINGS = 3
MOST_UNREAD_BYTES = 16 * 1024 * 1024
TRADES = "H0STCNT0"
_LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz"

FrameHook: TypeAlias = Callable[[str], Sequence[str]]
"""Sees every outgoing frame and says what is sent in its place: nothing, itself, or more."""


class Session(ServerConnection):
    """One connection: what it registered, and the key of its notices."""

    registered: dict[tuple[str, str], None]
    unanswered: int = 0
    key: str = ""
    iv: str = ""

    def process_event(self, event: Event) -> None:
        """See a PONG that answers no ping of the protocol: some clients answer PINGPONG with it."""
        if isinstance(event, Frame) and event.opcode is Opcode.PONG:
            self.unanswered = 0
        super().process_event(event)


class Stream:
    """Answers registrations and sends what the exchange has to tell."""

    def __init__(self, venue: Venue, desk: KeyDesk, chance: Random, hook: FrameHook | None = None) -> None:
        self._venue = venue
        self._desk = desk
        self._chance = chance
        self._hook = hook
        self._session: Session | None = None
        self._quotes: dict[Symbol, None] = {}
        self._notice = False

    # --- out ------------------------------------------------------------------------------------------------

    def on_trade(self, board: Board, tick: PathTick) -> None:
        """Send the frame of a trade to whoever registered its symbol."""
        if board.symbol in self._quotes:
            self._send(trade_frame(board, tick, with_field_47=board.day >= FIELD_47_SINCE))

    def on_event(self, event: OrderEvent) -> None:
        """Send the notices of an order's event."""
        session, profile = self._session, self._venue.profile
        if session is None or not self._notice:
            return
        name = self._venue.exchange.boards[event.request.symbol].name
        for plain in notices(event, name, profile.branch, self._venue.settings):
            self._send(notice_frame(profile.notice_tr, plain, session.key, session.iv))

    async def keep_pinging(self) -> None:
        """Send PINGPONG until cancelled."""
        while True:
            await asyncio.sleep(self._venue.settings.ping_interval_s)
            session = self._session
            if session is None:
                continue
            if session.unanswered >= UNANSWERED_PINGS:
                self._forget(session)
                session.transport.abort()
                continue
            session.unanswered += 1
            at = f"{self._venue.now():%Y%m%d%H%M%S}"
            self._send(json.dumps({"header": {"tr_id": "PINGPONG", "datetime": at}}, separators=(",", ":")))

    def _send(self, frame: str) -> None:
        session = self._session
        if session is None:
            return
        for text in (frame,) if self._hook is None else self._hook(frame):
            broadcast((session,), text)
        if session.transport.get_write_buffer_size() > MOST_UNREAD_BYTES:
            self._forget(session)
            session.transport.abort()

    # --- in -------------------------------------------------------------------------------------------------

    async def serve(self, connection: ServerConnection) -> None:
        """Live with one connection until it ends."""
        if not isinstance(connection, Session):
            raise TypeError(f"connection {connection!r}: expected one made as a Session")
        connection.registered = {}
        try:
            async for message in connection:
                connection.unanswered = 0
                if isinstance(message, str) and not self._heard(connection, message):
                    await connection.close()
                    return
        except ConnectionClosedError:
            return  # the client went without a word; what it registered goes with it
        finally:
            self._forget(connection)

    def _heard(self, session: Session, message: str) -> bool:
        """Act on one text of the client; False ends the connection."""
        try:
            request = json.loads(message)
            header, body = request["header"], request.get("body", {})
            if header.get("tr_id") == "PINGPONG":
                return True
            asked = body["input"]
            tr_id, tr_key = str(asked["tr_id"]), str(asked["tr_key"])
        except (ValueError, KeyError, TypeError, AttributeError):
            return self._say(session, "(null)", "", "9", "OPSP9999", "JSON PARSING ERROR : invalid json")
        if not self._desk.opens_stream(str(header.get("approval_key", "")), self._venue.now()):
            return self._say(session, tr_id, tr_key, "9", "OPSP0011", "invalid approval : NOT FOUND")
        if header.get("custtype") not in ("P", "B"):
            return self._say(session, tr_id, tr_key, "9", "OPSP8998", "invalid custtype")
        if self._session not in (None, session) and self._session.protocol.state is State.OPEN:
            self._say(session, "(null)", "", "9", "OPSP8996", "ALREADY IN USE appkey")
            return False
        match header.get("tr_type"):
            case "1":
                return self._register(session, tr_id, tr_key)
            case "2":
                return self._unregister(session, tr_id, tr_key)
            case _:
                return self._say(session, tr_id, tr_key, "9", "OPSP8997", "invalid tr_type")

    def _register(self, session: Session, tr_id: str, tr_key: str) -> bool:
        is_notice = tr_id == self._venue.profile.notice_tr
        if tr_id != TRADES and not is_notice:
            return self._say(session, tr_id, tr_key, "9", "OPSP8991", "invalid tr_id")
        if is_notice and tr_key != self._venue.settings.hts_id:
            return self._say(session, tr_id, tr_key, "9", "OPSP8993", "invalid tr_key")
        if not is_notice and tr_key not in self._venue.exchange.boards:
            return self._say(session, tr_id, tr_key, "9", "OPSP8992", "invalid tr_key")
        if (tr_id, tr_key) in session.registered:
            return self._say(session, tr_id, tr_key, "1", "OPSP0002", "ALREADY IN SUBSCRIBE")
        if len(session.registered) >= MAX_REGISTRATIONS:
            return self._say(session, tr_id, tr_key, "1", "OPSP0008", "MAX SUBSCRIBE OVER")
        if not session.key:
            session.key, session.iv = self._letters(32), self._letters(16)
        session.registered[tr_id, tr_key] = None
        self._claim(session)
        secrets = {"iv": session.iv, "key": session.key}
        encrypted = "Y" if is_notice else "N"
        return self._say(session, tr_id, tr_key, "0", "OPSP0000", "SUBSCRIBE SUCCESS", encrypted, secrets)

    def _unregister(self, session: Session, tr_id: str, tr_key: str) -> bool:
        if (tr_id, tr_key) not in session.registered:
            return self._say(session, tr_id, tr_key, "1", "OPSP0003", "UNSUBSCRIBE ERROR(not found!)")
        del session.registered[tr_id, tr_key]
        self._claim(session)
        secrets = {"iv": session.iv, "key": session.key}
        return self._say(session, tr_id, tr_key, "0", "OPSP0001", "UNSUBSCRIBE SUCCESS", "N", secrets)

    def _claim(self, session: Session) -> None:
        """Make `session` the one that is served, with what it has registered now."""
        self._session = session
        self._quotes = {Symbol(key): None for tr_id, key in session.registered if tr_id == TRADES}
        self._notice = len(self._quotes) < len(session.registered)

    def _forget(self, session: Session) -> None:
        if self._session is session:
            self._session, self._quotes, self._notice = None, {}, False

    def _say(
        self,
        session: Session,
        tr_id: str,
        tr_key: str,
        rt_cd: str,
        code: str,
        text: str,
        encrypted: str = "N",
        output: dict[str, str] | None = None,
    ) -> bool:
        """Answer a registration; the connection goes on."""
        body: dict[str, Any] = {"rt_cd": rt_cd, "msg_cd": code, "msg1": text}
        if output is not None:
            body["output"] = output
        header = {"tr_id": tr_id, "tr_key": tr_key, "encrypt": encrypted}
        broadcast((session,), json.dumps({"header": header, "body": body}, separators=(",", ":")))
        return True

    def _letters(self, count: int) -> str:
        return "".join(_LETTERS[self._chance.randrange(len(_LETTERS))] for _ in range(count))
