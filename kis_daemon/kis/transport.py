"""HTTP to KIS: one pool of connections, and the one place where an order's bytes leave.

Rules of this room
    Every call takes one budget slot, so none is repeated here. aiohttp by itself asks again when a kept
    connection dies under an idempotent method: our request and response hide those errors from it. Redirects
    are not followed. On top of that, an order's payload refuses to be written a second time.
    aiohttp holds the headers back until the first byte of the body and hands both to the socket in one
    call. So the permit is asked inside the payload's write, with no await between it and that call:
    refused, and nothing at all was sent. The connection, on which now half a request was promised, is
    closed.
    A call's slot is told of the departure in the very stretch that hands the bytes to the socket, and not
    before; told that the slot was taken back meanwhile, the call sends nothing.
    What was raised before the permit was given never reached KIS (`BrokerUnreachable`); after it, nobody
    knows (`NoAnswer`). Whatever happens later, a payload whose call has ended sends nothing more.
    aiohttp's errors may hold the address with the account in it: they are never chained to ours nor quoted.
    A connection of the in-process simulator never grows old: aiohttp ages connections by the wall clock
    (`time.monotonic`), and reusing or reopening one is a different order of events. A KIS connection does
    (15 s), and so is rarely one that KIS has already closed.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache
from types import TracebackType
from typing import Any, Self

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import StreamWriter
from aiohttp.payload import Payload
from multidict import istr
from yarl import URL

from kis_daemon.kis.budget import Slot
from kis_daemon.kis.wire import Answer
from kis_daemon.ports import BrokerUnreachable, NoAnswer, Permit, Withdrawn

JSON_TYPE = "application/json; charset=utf-8"
_TR_CONT = istr("tr_cont")
_DATE = istr("Date")
_ADDRESSES = 1024  # encoded ones are kept: the same questions are asked all day


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a server is: its address, and the AF_UNIX socket to reach it by if it lives in this process."""

    url: str
    socket_path: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KisEndpoints:
    """The two servers of a KIS environment."""

    rest: Endpoint
    stream: Endpoint


_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: on, for no time


class _Gate(Enum):
    WAITING = auto()
    OPENED = auto()
    WITHDRAWN = auto()
    SHUT = auto()


class _NotSent(Exception):
    """Raised into aiohttp so that it gives the connection up; its text says why nothing was sent."""


_SLOT_LOST = "a more urgent call took its slot"


class _Dropped(aiohttp.ClientError):
    """A connection error that aiohttp does not take as an invitation to send again."""


def _told(error: Exception) -> str:
    """Return what may be told of an error: our own words, or its kind only."""
    own = isinstance(error, (_Dropped, _NotSent)) and str(error) != ""
    return str(error) if own else type(error).__name__


_leaving: ContextVar[Slot | None] = ContextVar("leaving", default=None)
_INVITATIONS = (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError)


class _Request(aiohttp.ClientRequest):
    """A request that is sent once; one without a body tells its slot that it leaves."""

    async def send(self, conn: aiohttp.connector.Connection) -> aiohttp.ClientResponse:
        # the connection stands, and aiohttp hands the headers to its socket without an await after this
        slot = _leaving.get()
        if slot is not None and not slot.leave():
            raise _NotSent(_SLOT_LOST)
        try:
            return await super().send(conn)
        except _INVITATIONS as error:
            raise _Dropped(type(error).__name__) from None


class _Response(aiohttp.ClientResponse):
    """The answer to a request that is sent once."""

    async def start(self, connection: aiohttp.connector.Connection) -> aiohttp.ClientResponse:
        try:
            return await super().start(connection)
        except _INVITATIONS as error:
            raise _Dropped(type(error).__name__) from None


class _GatedPayload(Payload):
    """A body that asks its permit at the last moment and leaves at most once."""

    def __init__(self, body: bytes, permit: Permit, slot: Slot | None) -> None:
        super().__init__(body, content_type=JSON_TYPE)
        self._size = len(body)
        self._body = body
        self._permit = permit
        self._slot = slot
        self._socket: Any = None
        self.gate = _Gate.WAITING
        self.permit_error: Exception | None = None

    def shut(self, *, answered: bool) -> None:
        """Send nothing any more: the call has ended.

        Without an answer the connection is reset as it is closed: what the machine still holds of an order that
        nobody waits for would else be sent again and again, and might arrive minutes later.
        """
        if self.gate is _Gate.WAITING:
            self.gate = _Gate.SHUT
        if self.gate is _Gate.OPENED and not answered and self._socket is not None:
            with suppress(OSError):  # closed already
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)

    async def write(self, writer: AbstractStreamWriter) -> None:
        await self.write_with_length(writer, None)

    async def write_with_length(
        self,
        writer: AbstractStreamWriter,
        content_length: int | None,  # noqa: ARG002  # always the whole body
    ) -> None:
        if self.gate is not _Gate.WAITING:
            raise _NotSent
        if isinstance(writer, StreamWriter) and (writer.transport is None or writer.transport.is_closing()):
            raise _NotSent
        if self._slot is not None and self._slot.is_lost:
            self.gate = _Gate.SHUT
            raise _NotSent(_SLOT_LOST)
        try:
            permitted = self._permit()
        except Exception as error:
            self.permit_error = error
            self.gate = _Gate.WITHDRAWN
            raise
        if not permitted:
            self.gate = _Gate.WITHDRAWN
            raise _NotSent
        self.gate = _Gate.OPENED
        if isinstance(writer, StreamWriter) and writer.transport is not None:
            self._socket = writer.transport.get_extra_info("socket")
        if self._slot is not None:
            self._slot.leave()
        await writer.write(self._body)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return self._body.decode(encoding, errors)


class Transport:
    """A pool of connections to KIS's REST server; `timeout_s` limits a call from connect to last byte."""

    def __init__(self, endpoint: Endpoint, timeout_s: float, hear_date: Callable[[str], object] = str) -> None:
        self._endpoint = endpoint
        self._hear_date = hear_date
        self._timeout_s = timeout_s
        self._session: aiohttp.ClientSession | None = None
        self._address = lru_cache(_ADDRESSES)(self._encoded)

    async def __aenter__(self) -> Self:
        path = self._endpoint.socket_path
        connector: aiohttp.BaseConnector
        if path is None:
            connector = aiohttp.TCPConnector()
        else:
            connector = aiohttp.UnixConnector(path, keepalive_timeout=None)
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            request_class=_Request,
            response_class=_Response,
            timeout=aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def get(
        self,
        path: str,
        params: Sequence[tuple[str, str]],
        headers: Mapping[str, str],
        slot: Slot | None = None,
    ) -> Answer:
        """Return the answer to a question; `BrokerUnreachable` if none came."""
        restore = _leaving.set(slot)
        try:
            async with asyncio.timeout(self._timeout_s):
                response = await self._open_session.get(
                    self._address(path, tuple(params)), headers=headers, allow_redirects=False
                )
                try:
                    return await self._read(response)
                finally:
                    response.release()
        except (aiohttp.ClientError, OSError, _NotSent) as error:  # a TimeoutError is an OSError
            raise BrokerUnreachable(f"{path}: {_told(error)}") from None
        finally:
            _leaving.reset(restore)

    async def post(self, path: str, body: Mapping[str, str], slot: Slot | None = None) -> Answer:
        """Return the answer to a request for a key; `BrokerUnreachable` if none came."""
        try:
            answer = await self.post_once(path, body, {"content-type": JSON_TYPE}, lambda: True, slot)
        except NoAnswer as error:
            raise BrokerUnreachable(str(error)) from None
        if isinstance(answer, Withdrawn):
            raise AssertionError("unreachable: the permit of a question is always given")
        return answer

    async def post_once(
        self,
        path: str,
        body: Mapping[str, str],
        headers: Mapping[str, str],
        permit: Permit,
        slot: Slot | None = None,
    ) -> Answer | Withdrawn:
        """Send a command once, if `permit()` still allows it when the connection stands ready.

        Raises `BrokerUnreachable` if nothing was sent, `NoAnswer` if it was and no whole answer came.
        """
        payload = _GatedPayload(_encode(body), permit, slot)
        answered = False
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                self._open_session.post(
                    self._address(path, ()), data=payload, headers=headers, allow_redirects=False
                ) as response,
            ):
                answer = await self._read(response)
                answered = True
                return answer
        except (aiohttp.ClientError, OSError, _NotSent) as error:
            told = f"{path}: {_told(error)}"
        finally:
            payload.shut(answered=answered)
        if payload.permit_error is not None:
            raise payload.permit_error
        if payload.gate is _Gate.WITHDRAWN:
            return Withdrawn()
        if payload.gate is _Gate.OPENED:
            raise NoAnswer(told)
        raise BrokerUnreachable(told)

    async def _read(self, response: aiohttp.ClientResponse) -> Answer:
        self._hear_date(response.headers.get(_DATE, ""))
        return Answer(status=response.status, body=await response.read(), tr_cont=response.headers.get(_TR_CONT, ""))

    @property
    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("the transport is not open")
        return self._session

    def _encoded(self, path: str, params: tuple[tuple[str, str], ...]) -> URL:
        return URL(self._endpoint.url.rstrip("/") + path).extend_query(params)


def _encode(body: Mapping[str, str]) -> bytes:
    return json.dumps(body).encode()
