"""A wire to a database server that a test can cut, freeze or cut at COMMIT."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum

_CHUNK = 65_536
_COMMIT = re.compile(rb"COMMIT(?!TED)", re.IGNORECASE)


class Cut(StrEnum):
    """When the wire breaks: before COMMIT reaches the server, or after it and before the answer."""

    BEFORE_COMMIT = "before"
    AFTER_COMMIT = "after"


class Wire:
    """Carries bytes both ways until told otherwise. `port` is where the client connects."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._links: list[asyncio.StreamWriter] = []
        self.port = 0
        self.cut_at: Cut | None = None
        self.refuses = False
        self._flows = asyncio.Event()
        self._flows.set()
        self.connections = 0
        self.cuts = 0

    def freeze(self) -> None:
        """Carry nothing any more, and say nothing of it."""
        self._flows.clear()

    def thaw(self) -> None:
        self._flows.set()

    def cut(self) -> None:
        """Break every link at once, as a server does that dies."""
        for writer in self._links:
            writer.transport.abort()
        self._links.clear()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self.refuses:
            writer.transport.abort()
            return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        self._links += [writer, far_writer]
        ways = [
            asyncio.create_task(self._carry(reader, far_writer, asks=True), name="questions"),
            asyncio.create_task(self._carry(far_reader, writer, asks=False), name="answers"),
        ]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        for end in (writer, far_writer):
            end.transport.abort()

    async def _carry(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, asks: bool) -> None:
        try:
            while data := await source.read(_CHUNK):
                await self._flows.wait()
                if asks and self.cut_at is not None and _COMMIT.search(data):
                    self.cuts += 1
                    if self.cut_at is Cut.AFTER_COMMIT:
                        self.cut_at = None
                        self.freeze()  # the answer does not come back
                        target.write(data)
                        await target.drain()
                        await asyncio.sleep(0.2)
                    self.cut_at = None
                    self.cut()
                    self.thaw()
                    return
                target.write(data)
                await target.drain()
        except (ConnectionError, RuntimeError):
            return


@asynccontextmanager
async def wire_to(port: int) -> AsyncIterator[Wire]:
    """Return a wire to the server on `port` of this machine."""
    wire = Wire(port)
    server = await asyncio.start_server(wire.serve, "127.0.0.1", 0)
    wire.port = server.sockets[0].getsockname()[1]
    try:
        yield wire
    finally:
        wire.thaw()
        wire.cut()
        server.close()
        await asyncio.sleep(0.05)
