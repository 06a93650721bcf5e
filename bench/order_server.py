"""The far side of the order bench, in a process of its own: `python -m bench.order_server`.

It prints one line of JSON with its port and serves until it is ended. What was PUT at a path is what a GET of that path
answers. An order is stamped when its last byte has arrived, by the clock that all processes of the machine share
(CLOCK_MONOTONIC, which is `time.perf_counter` on Linux), and gets the next number; GET /arrivals answers the stamps.
"""

from __future__ import annotations

import asyncio
import json
import time

from bench.wire_server import ORDER_PATH, http

ARRIVALS_PATH = "/arrivals"
BRANCH = "06010"
_TOKEN = {
    "access_token": "x" * 300,
    "access_token_token_expired": "2099-01-01 00:00:00",
    "token_type": "Bearer",
    "expires_in": 86400,
}


class OrderDesk:
    """What is answered, and when orders came."""

    def __init__(self) -> None:
        self._answers: dict[str, bytes] = {}
        self._arrivals: list[float] = []

    def answer(self, method: str, path: str, body: bytes, at: float) -> bytes:
        """Return the answer to a request that was complete at `at`."""
        if method == "PUT":
            self._answers[path] = http(body.decode())
            return http("{}")
        if path == ORDER_PATH:
            self._arrivals.append(at)
            number = {"KRX_FWDG_ORD_ORGNO": BRANCH, "ODNO": f"{len(self._arrivals):010}", "ORD_TMD": "100000"}
            return http(json.dumps({"rt_cd": "0", "msg_cd": "APBK0013", "msg1": "accepted", "output": number}))
        if path == ARRIVALS_PATH:
            return http(json.dumps(self._arrivals))
        return http(json.dumps(_TOKEN)) if method == "POST" else self._answers[path]


class _Line(asyncio.Protocol):
    """One connection: requests one after the other, each answered when it is complete."""

    def __init__(self, desk: OrderDesk) -> None:
        self._desk = desk
        self._read = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        at = time.perf_counter()
        self._read += data
        head, mark, body = self._read.partition(b"\r\n\r\n")
        if not mark or len(body) < _length(head):
            return
        self._read = b""
        method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        self._transport.write(self._desk.answer(method, target.partition("?")[0], body, at))


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


async def main() -> None:
    """Serve on a free port of loopback."""
    desk = OrderDesk()
    server = await asyncio.get_running_loop().create_server(lambda: _Line(desk), "127.0.0.1", 0)
    print(json.dumps({"rest": server.sockets[0].getsockname()[1]}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
