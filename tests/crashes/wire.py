"""The wires of a daemon that is to die: what passes is counted, and at the n-th message of a kind something happens.

Rules of this room
    A relay stands before one port. A trap names a message and the place of the cut: before it went on, when half of it
    had, while its answer was under way, or after that. What is done there is over before another byte moves.
    Bytes go on for the one who is still there: what a dead daemon had sent may reach the broker after its death.
    All relays live on one thread of their own; the one who sets a trap waits for it on another.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

T = TypeVar("T")

_CHUNK = 1 << 18
_READ_S = 0.05  # the far side has read it before it hears that nobody is there
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Cut(StrEnum):
    """Where a message is met: a question on its way there, its answer on the way back."""

    LOST = "before it was passed on"
    TORN = "after half of it was passed on"
    IN_FLIGHT = "while it is under way"
    ANSWER_LOST = "before the answer came back"
    ANSWER_TORN = "after half of the answer came back"
    ANSWERED = "right after the answer came back"


@dataclass(slots=True, kw_only=True)
class Trap:
    """At the `nth` message with `pattern` in it, do `spring` once; `behind` has to have passed before each."""

    pattern: re.Pattern[bytes]
    nth: int
    cut: Cut
    spring: Callable[[], None]
    behind: re.Pattern[bytes] | None = None
    seen: int = 0
    is_primed: bool = False
    sprung: threading.Event = field(default_factory=threading.Event)

    def is_met(self, message: bytes) -> bool:
        if self.behind is not None and self.behind.search(message):
            self.is_primed = True
        if self.sprung.is_set() or not self.pattern.search(message) or (self.behind is not None and not self.is_primed):
            return False
        self.is_primed = False
        self.seen += 1
        return self.seen == self.nth

    def do(self) -> None:
        self.spring()
        self.sprung.set()


class Relay:
    """Carries bytes to `target` and back; `port` is where the client connects."""

    def __init__(self, target: int, *, pushes: bool = False) -> None:
        self._target = target
        self._pushes = pushes  # the far side speaks unasked: a trap is for what it says
        self.port = 0
        self.trap: Trap | None = None

    async def open(self) -> asyncio.Server:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=_CHUNK)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target, limit=_CHUNK)
        except OSError:
            writer.transport.abort()
            return
        link = _Link(self, writer, far_writer)
        ways = [
            asyncio.create_task(link.questions(reader, pushes=self._pushes), name="questions"),
            asyncio.create_task(link.answers(far_reader, pushes=self._pushes), name="answers"),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for end in (writer, far_writer):
                end.close()  # what was passed on goes out, whoever is gone


class _Link:
    """One connection through a relay."""

    def __init__(self, relay: Relay, near: asyncio.StreamWriter, far: asyncio.StreamWriter) -> None:
        self._relay = relay
        self._near = near
        self._far = far
        self._awaited: Trap | None = None

    async def questions(self, source: asyncio.StreamReader, *, pushes: bool) -> None:
        while message := await _message(source):
            trap = self._relay.trap
            if pushes or trap is None or not trap.is_met(message):
                await _pass_on(self._far, message)
                continue
            match trap.cut:
                case Cut.LOST:
                    trap.do()
                    return
                case Cut.TORN:
                    await _pass_on(self._far, message[: len(message) // 2])
                    trap.do()
                    return
                case Cut.IN_FLIGHT:
                    trap.do()
                    await _pass_on(self._far, message)
                    await asyncio.sleep(_READ_S)
                case _:
                    self._awaited = trap
                    await _pass_on(self._far, message)
        if self._awaited is not None:
            await asyncio.sleep(1)  # the answer is still to be met

    async def answers(self, source: asyncio.StreamReader, *, pushes: bool) -> None:
        while message := await _message(source):
            trap = self._awaited
            if pushes and self._relay.trap is not None and self._relay.trap.is_met(message):
                trap = self._relay.trap
            if trap is None:
                await _pass_on(self._near, message)
                continue
            self._awaited = None
            if trap.cut is Cut.ANSWER_TORN:
                await _pass_on(self._near, message[: len(message) // 2])
            elif trap.cut is Cut.ANSWERED:
                await _pass_on(self._near, message)
            trap.do()
            if trap.cut is not Cut.ANSWERED:
                return


async def _message(source: asyncio.StreamReader) -> bytes:
    """Return what came, and of an HTTP message all of it."""
    try:
        message = await source.read(_CHUNK)
        if message.startswith((b"POST ", b"GET ", b"HTTP/1.1 ")):
            while not _is_whole(message) and (more := await source.read(_CHUNK)):
                message += more
    except ConnectionError:
        return b""
    return message


def _is_whole(message: bytes) -> bool:
    head, end, body = message.partition(b"\r\n\r\n")
    told = _LENGTH.search(head)
    return bool(end) and (told is None or len(body) >= int(told[1]))


async def _pass_on(target: asyncio.StreamWriter, message: bytes) -> None:
    try:
        target.write(message)
        await target.drain()
    except ConnectionError:
        return


class Wires:
    """The relays of one yard, on a thread of their own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wires", daemon=True)
        self._thread.start()
        self._servers: list[asyncio.Server] = []

    def relay(self, target: int, *, pushes: bool = False) -> Relay:
        made = Relay(target, pushes=pushes)
        self._servers.append(self._do(made.open()))
        return made

    def close(self) -> None:
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        for server in self._servers:
            server.close()
        own = asyncio.current_task()
        links = [task for task in asyncio.all_tasks() if task is not own]
        for link in links:
            link.cancel()
        await asyncio.gather(*links, return_exceptions=True)

    def _do(self, doing: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(doing, self._loop).result(30)
