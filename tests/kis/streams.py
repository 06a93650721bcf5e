"""A scripted WebSocket server of KIS, and a sink that remembers what it heard and when."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.asyncio.server import ServerConnection, unix_serve
from websockets.exceptions import ConnectionClosed

from kis_daemon.domain.market import Quote, Symbol
from kis_daemon.kis.transport import Endpoint
from kis_daemon.ports import ExecutionNotice, FeedState

PINGPONG = '{"header":{"tr_id":"PINGPONG","datetime":"20261118112030"}}'
KEY = "q7m2x9r4t1w8k3v6z5n0b2c7d4f9g1h8"
IV = "5a1c9e3b7d2f8046"


def reply(tr_id: str, tr_key: str, code: str = "OPSP0000", *, rt_cd: str = "0", key: str = KEY, iv: str = IV) -> str:
    return json.dumps(
        {
            "header": {"tr_id": tr_id, "tr_key": tr_key, "encrypt": "N"},
            "body": {"rt_cd": rt_cd, "msg_cd": code, "msg1": "", "output": {"iv": iv, "key": key}},
        }
    )


def in_use() -> str:
    return json.dumps(
        {
            "header": {"tr_id": "(null)", "tr_key": "", "encrypt": "N"},
            "body": {"rt_cd": "9", "msg_cd": "OPSP8996", "msg1": "ALREADY IN USE appkey"},
        }
    )


@dataclass(slots=True)
class Peer:
    """One client's connection as the server sees it."""

    socket: ServerConnection
    number: int
    at: float
    requests: list[tuple[float, str, str, str]] = field(default_factory=list)
    echoes: list[str] = field(default_factory=list)
    stream_keys: list[str] = field(default_factory=list)

    async def send(self, text: str) -> None:
        await self.socket.send(text)

    @property
    def registered(self) -> list[str]:
        return [tr_key for _, tr_type, _, tr_key in self.requests if tr_type == "1"]


Greeting = Callable[[Peer], Awaitable[None]]
Answering = Callable[[Peer, str, str, str], str | None]
"""(peer, tr_type, tr_id, tr_key) -> the reply, or None for none."""


def acknowledge(peer: Peer, tr_type: str, tr_id: str, tr_key: str) -> str | None:
    return reply(tr_id, tr_key, "OPSP0000" if tr_type == "1" else "OPSP0001")


@dataclass(slots=True)
class Stream:
    """All connections so far; `answer` replies to registrations, `greet` runs when a client has come.

    `ping_every_s`: how often each client gets a PINGPONG; 0: never.
    """

    answer: Answering = acknowledge
    greet: Greeting | None = None
    ping_every_s: float = 0.0
    peers: list[Peer] = field(default_factory=list)
    endpoint: Endpoint = field(default_factory=lambda: Endpoint(url=""))

    async def serve(self, socket: ServerConnection) -> None:
        peer = Peer(socket, len(self.peers), asyncio.get_running_loop().time())
        self.peers.append(peer)
        pinger = asyncio.create_task(self._ping(peer)) if self.ping_every_s else None
        try:
            if self.greet is not None:
                await self.greet(peer)
            async for message in socket:
                await self._take(peer, str(message))
        except ConnectionClosed:
            return
        finally:
            if pinger is not None:
                pinger.cancel()

    async def _ping(self, peer: Peer) -> None:
        while True:
            await asyncio.sleep(self.ping_every_s)
            await peer.send(PINGPONG)

    async def _take(self, peer: Peer, message: str) -> None:
        heard: dict[str, Any] = json.loads(message)
        if heard["header"].get("tr_id") == "PINGPONG":
            peer.echoes.append(message)
            return
        tr_type, wanted = heard["header"]["tr_type"], heard["body"]["input"]
        now = asyncio.get_running_loop().time()
        peer.requests.append((now, tr_type, wanted["tr_id"], wanted["tr_key"]))
        peer.stream_keys.append(heard["header"]["approval_key"])
        answer = self.answer(peer, tr_type, wanted["tr_id"], wanted["tr_key"])
        if answer is not None:
            await peer.send(answer)


@asynccontextmanager
async def a_stream(folder: Path, **script: Any) -> AsyncIterator[Stream]:
    """Serve on an AF_UNIX socket in `folder`."""
    stream = Stream(**script)
    path = folder / "stream.sock"
    async with unix_serve(stream.serve, path, ping_interval=None, close_timeout=0.1):
        stream.endpoint = Endpoint(url="ws://kis/tryitout", socket_path=str(path))
        yield stream


@dataclass(slots=True)
class Listener:
    """A sink that remembers."""

    quotes: list[Quote] = field(default_factory=list)
    notices: list[ExecutionNotice] = field(default_factory=list)
    states: list[tuple[float, FeedState]] = field(default_factory=list)
    gaps: list[tuple[Symbol, int]] = field(default_factory=list)

    def on_quote(self, quote: Quote) -> None:
        self.quotes.append(quote)

    def on_notice(self, notice: ExecutionNotice) -> None:
        self.notices.append(notice)

    def on_feed_state(self, state: FeedState) -> None:
        self.states.append((asyncio.get_running_loop().time(), state))

    def on_gap(self, symbol: Symbol, missed: int) -> None:
        self.gaps.append((symbol, missed))

    @property
    def ups_and_downs(self) -> list[bool]:
        return [state.connected for _, state in self.states]
