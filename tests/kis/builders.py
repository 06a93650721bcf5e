"""What the tests of this room start from, and a server that remembers every byte it was sent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from kis_daemon.clock import LoopClock
from kis_daemon.domain.calendar import KST
from kis_daemon.domain.market import Market, Side, Symbol
from kis_daemon.domain.orders import (
    Order,
    OrderIntent,
    OrderKey,
    OrderNo,
    OrderState,
    OrderType,
    SignalId,
)
from kis_daemon.kis.capabilities import KisProfile
from kis_daemon.kis.credentials import Credentials
from kis_daemon.kis.opening import Kis as OpenKis
from kis_daemon.kis.opening import KisLimits, open_kis
from kis_daemon.kis.transport import Endpoint, KisEndpoints
from kis_daemon.virtual_loop import VirtualLoop

T = TypeVar("T")

TODAY = datetime(2026, 11, 18, 11, 20, tzinfo=KST)
KAKAO = Symbol("035720")
CREDENTIALS = Credentials(
    app_key="app-key-of-the-tests", app_secret="app-secret-of-the-tests", account="5012345601", hts_id="myhtsid1"
)


def in_virtual_time(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` on a loop that jumps from timer to timer."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)


def a_clock(at: datetime = TODAY) -> LoopClock:
    return LoopClock(asyncio.get_running_loop(), at)


def an_intent(**changes: Any) -> OrderIntent:
    intent = OrderIntent(
        symbol=KAKAO,
        market=Market.KOSPI,
        side=Side.BUY,
        quantity=10,
        order_type=OrderType.LIMIT,
        price=61_300,
        signal_id=SignalId("20261118|035720|breakout|1|1"),
        rule="breakout",
        reason="above 61,200",
        correlation_id="c1",
        entry_seq=1,
        atr=1_200.0,
    )
    return replace(intent, **changes)


def an_order(**changes: Any) -> Order:
    order = Order(
        key=OrderKey("k"),
        mode="PAPER",
        intent=an_intent(),
        state=OrderState.SUBMITTED,
        day=TODAY.date(),
        created_at=TODAY,
        updated_at=TODAY,
        order_no=OrderNo("12345"),
        branch_no="00950",
    )
    return replace(order, **changes)


def payload(shared_data: Path, name: str) -> bytes:
    return (shared_data / "kis_payloads" / name).read_bytes()


def accepted_body(order_no: str = "0000012345") -> dict[str, object]:
    return {
        "rt_cd": "0",
        "msg_cd": "40600000",
        "msg1": "모의투자 매수주문이 완료 되었습니다.",
        "output": {"KRX_FWDG_ORD_ORGNO": "00950", "ODNO": order_no, "ORD_TMD": "112010"},
    }


def query_of(request: Seen) -> dict[str, str]:
    return dict(parse_qsl(request.query, keep_blank_values=True))


class Kis:
    """A scripted KIS: issues tokens like the book says, and answers each path from its own script.

    A script is a list of answers, the last of which stays; None says nothing and hangs up.
    """

    def __init__(self, **answers: list[bytes | None]) -> None:
        self.answers = answers
        self.tokens = 0
        self.calls: list[tuple[float, str]] = []

    async def __call__(self, request: Seen) -> bytes | None:
        name = request.path.rsplit("/", 1)[1].replace("-", "_")
        self.calls.append((asyncio.get_running_loop().time(), name))
        if name not in self.answers and name == "tokenP":
            self.tokens += 1
            return http(token_body(f"token-{self.tokens}"))
        answers = self.answers[name]
        return answers.pop(0) if len(answers) > 1 else answers[0]


def token_body(text: str, expires: str = "2026-11-19 11:20:00") -> dict[str, object]:
    return {
        "access_token": text,
        "access_token_token_expired": expires,
        "token_type": "Bearer",
        "expires_in": 86400,
    }


def refusal(code: str, sentence: str = "", rt_cd: str = "1") -> dict[str, object]:
    return {"rt_cd": rt_cd, "msg_cd": code, "msg1": sentence.ljust(80)}


@asynccontextmanager
async def an_open_kis(
    script: Script,
    folder: Path | None = None,
    *,
    profile: KisProfile = KisProfile.REAL,
    stream: Endpoint | None = None,
    token_path: Path | None = None,
    at: datetime = TODAY,
    limits: KisLimits | None = None,
) -> AsyncIterator[tuple[OpenKis, ByteServer]]:
    """Open the room against a scripted server: on AF_UNIX in `folder`, else on loopback."""
    async with (
        a_server(script, folder / "rest.sock" if folder else None) as server,
        open_kis(
            KisEndpoints(rest=server.endpoint, stream=stream or Endpoint(url="ws://127.0.0.1:1")),
            CREDENTIALS,
            profile,
            a_clock(at),
            Random(7),
            token_path,
            limits or KisLimits.of(profile),
        ) as kis,
    ):
        yield kis, server


def http(
    body: object, *, status: int = 200, tr_cont: str = "", close: bool = False, kind: str = "application/json"
) -> bytes:
    """Return a whole HTTP answer; `body` is JSON unless it is already text."""
    text = (body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)).encode()
    head = [
        f"HTTP/1.1 {status} X",
        f"content-type: {kind}",
        f"content-length: {len(text)}",
        f"tr_cont: {tr_cont}",
        *(["connection: close"] if close else []),
    ]
    return ("\r\n".join(head) + "\r\n\r\n").encode() + text


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One request as the server read it."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, str]:
        value: dict[str, str] = json.loads(self.body)
        return value


Script = Callable[[Seen], Awaitable[bytes | None]]
"""Answers a request; None: says nothing and closes."""


@dataclass(slots=True)
class ByteServer:
    """An HTTP server on bare sockets: every byte that arrived, connection by connection, and every request."""

    script: Script
    bytes_of: list[bytearray] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    endpoint: Endpoint = field(default_factory=lambda: Endpoint(url=""))
    hang_ups: list[asyncio.Event] = field(default_factory=list)
    arrivals: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received = bytearray()
        gone = asyncio.Event()
        self.bytes_of.append(received)
        self.hang_ups.append(gone)
        self.arrivals.release()
        try:
            while True:
                request = await _read_request(reader, received)
                if request is None:
                    return
                self.seen.append(request)
                answer = await self.script(request)
                if answer is None:
                    return
                writer.write(answer)
                await writer.drain()
                if b"connection: close" in answer:
                    return
        except ConnectionError:
            return
        finally:
            gone.set()
            writer.close()


async def _read_request(reader: asyncio.StreamReader, received: bytearray) -> Seen | None:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = await reader.readline()
        received += line
        head += line
        if not line:
            return None
    first, *lines = head.decode().split("\r\n")
    method, target, _ = first.split(" ")
    headers = dict(line.lower().split(": ", 1) for line in lines if ": " in line)
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    received += body
    path, _, query = target.partition("?")
    return Seen(method=method, path=path, query=query, headers=headers, body=body)


@asynccontextmanager
async def a_server(script: Script, socket_path: Path | None = None) -> AsyncIterator[ByteServer]:
    """Serve on loopback, or on an AF_UNIX socket where virtual time needs one."""
    server = ByteServer(script)
    if socket_path is None:
        listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        server.endpoint = Endpoint(url=f"http://127.0.0.1:{port}")
    else:
        listener = await asyncio.start_unix_server(server.serve, socket_path)
        server.endpoint = Endpoint(url="http://kis", socket_path=str(socket_path))
    try:
        yield server
    finally:
        listener.close()
