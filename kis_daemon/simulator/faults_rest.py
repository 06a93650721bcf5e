"""Faults of REST: a middleware in front of the services, and what each kind does to a request.

Rules of this room
    With nothing armed a request costs one look. The simulator's own pages are never disturbed.
    A fault strikes before the service (nothing was done) or after it (all was done, and the client does not hear it);
    which one, its kind says, or `accepted`. The rewriting of answers is `faults_answer`'s.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from kis_daemon.simulator.faults import Fault, Scene
from kis_daemon.simulator.faults_answer import Rewriter, headers_of
from kis_daemon.simulator.faults_desk import FaultDesk
from kis_daemon.simulator.faults_kinds import Area
from kis_daemon.simulator.faults_kinds import FaultKind as K
from kis_daemon.simulator.wire import as_bytes, envelope

OWN_PAGES = "/__sim"
_OAUTH = "/oauth2/"
_DRIPS = 20
_ERRORS = {
    K.HTTP_500_JSON: ("EGW00002", "서버 오류가 발생했습니다."),
    K.EGW00121: ("EGW00121", "유효하지 않은 token 입니다."),
    K.EGW00123: ("EGW00123", "기간이 만료된 token 입니다."),
    K.EGW00133: ("EGW00133", "접근토큰 발급 잠시 후 다시 시도하세요(1분당 1회)"),
    K.EGW00201: ("EGW00201", "초당 거래건수를 초과하였습니다."),
    K.EGW00215: ("EGW00215", "원장 초당 거래건수를 초과하였습니다."),
    K.EGW00301: ("EGW00301", "연결시간이 초과되었습니다. 직전 거래를 확인하세요."),
    K.EGW00302: ("EGW00302", "거래시간이 초과되었습니다. 직전 거래를 확인하세요."),
}
_MAINTENANCE = "<!DOCTYPE html><html><head><title>점검중</title></head><body><h1>시스템 점검 안내</h1></body></html>"
# SO_LINGER with no time: the peer gets a reset instead of an orderly end
_RESET = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class _Met:
    """A request that a fault has met."""

    request: web.Request
    handler: Handler
    fault: Fault
    desk: FaultDesk
    notice_delay_s: float

    async def serve(self) -> web.StreamResponse:
        """Let the service do its work."""
        return await self.handler(self.request)


_Act: TypeAlias = Callable[[_Met], Awaitable[web.StreamResponse]]


def faults_in_front(desk: FaultDesk, rewriter: Rewriter, notice_delay_s: float) -> Middleware:
    """Return the middleware that lets the armed faults of `desk` happen."""

    @web.middleware
    async def meet(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not desk.armed or request.path.startswith(OWN_PAGES):
            return await handler(request)
        scene = await scene_of(request)
        for planned in desk.matching(Area.REQUEST, scene):
            desk.fire(planned, scene)
            return await _ACTS[planned.fault.kind](_Met(request, handler, planned.fault, desk, notice_delay_s))
        candidates = desk.matching(Area.ANSWER, scene)
        response = await handler(request)
        for planned in candidates:
            rewritten = rewriter.rewrite(request, response, planned.fault)
            if rewritten is not None:
                desk.fire(planned, scene)
                return rewritten
        return response

    return meet


async def scene_of(request: web.Request) -> Scene:
    """Return what a request is about: its TR, its symbol, and for an order its side."""
    tr_id = request.headers.get("tr_id", "")
    fields = {name.upper(): value for name, value in request.query.items()}
    if request.method == "POST":
        try:
            posted = json.loads(await request.read())
        except ValueError:
            posted = {}
        fields = posted if isinstance(posted, dict) else {}
    symbol = str(fields.get("PDNO") or fields.get("FID_INPUT_ISCD") or "")
    return Scene(
        what=f"{request.method} {request.path}", path=request.path, tr_id=tr_id, symbol=symbol, side=_side_of(tr_id)
    )


def _side_of(tr_id: str) -> str:
    """Return the side of an order by the last digit of its TR: 1 sells, 2 buys."""
    if tr_id[4:7] in ("001", "080") and tr_id.endswith("U"):
        return {"1": "SELL", "2": "BUY"}.get(tr_id[7:8], "")
    return ""


def reset(request: web.Request) -> web.Response:
    """Reset the connection; what is returned reaches nobody."""
    transport = request.transport
    if transport is not None:
        peer: socket.socket | None = transport.get_extra_info("socket")
        if peer is not None and peer.family != socket.AF_UNIX:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        transport.abort()
    return web.Response()


async def _reset_before(met: _Met) -> web.StreamResponse:
    return reset(met.request)


async def _reset_after(met: _Met) -> web.StreamResponse:
    await met.serve()
    return reset(met.request)


async def _late(met: _Met) -> web.StreamResponse:
    response = await met.serve()
    await met.desk.pause(met.fault.lasts_s)
    return response


async def _after_notices(met: _Met) -> web.StreamResponse:
    response = await met.serve()
    await asyncio.sleep(met.notice_delay_s)
    await met.desk.pause(met.fault.lasts_s)
    return response


async def _drip(met: _Met) -> web.StreamResponse:
    body, response = await _begun(met)
    size = -(-len(body) // _DRIPS) or 1
    for start in range(0, len(body), size):
        try:
            await response.write(body[start : start + size])
        except ConnectionResetError:
            break  # the client had no patience for it
        await met.desk.pause(met.fault.lasts_s / _DRIPS)
    return response


async def _truncated(met: _Met) -> web.StreamResponse:
    body, response = await _begun(met)
    await response.write(body[: len(body) // 2])
    if met.request.transport is not None:
        met.request.transport.close()
    return response


async def _begun(met: _Met) -> tuple[bytes, web.StreamResponse]:
    """Return the answer's bytes, and an answer of that length of which only the head was sent."""
    answered = await met.serve()
    response = web.StreamResponse(status=answered.status, headers=answered.headers)
    response.content_length = len(body_of(answered))
    await response.prepare(met.request)
    return body_of(answered), response


async def _cut(met: _Met) -> web.StreamResponse:
    answered = await met.serve()
    body = body_of(answered)
    return web.Response(body=body[: len(body) // 2], status=answered.status, headers=headers_of(answered))


async def _error(met: _Met) -> web.StreamResponse:
    if met.fault.accepted:
        await met.serve()
    code, text = _ERRORS[met.fault.kind]
    status = 403 if met.fault.kind is K.EGW00133 else 500
    if met.request.path.startswith(_OAUTH):
        body = {"error_code": code, "error_description": text}
    else:
        body = envelope("1", code, text)
    return web.Response(body=as_bytes(body), status=status, content_type="application/json", charset="utf-8")


async def _text(met: _Met) -> web.StreamResponse:
    if met.fault.accepted:
        await met.serve()
    return web.Response(text="Internal Server Error", status=500)


async def _page(met: _Met) -> web.StreamResponse:
    if met.fault.accepted:
        await met.serve()
    return web.Response(text=_MAINTENANCE, content_type="text/html")


async def _too_many(_met: _Met) -> web.StreamResponse:
    return web.Response(text="Too Many Requests", status=429, headers={"Retry-After": "3"})


def body_of(response: web.StreamResponse) -> bytes:
    """Return the bytes of an answer that a service made."""
    body = response.body if isinstance(response, web.Response) else None
    return bytes(body) if isinstance(body, bytes | bytearray) else b""


_ACTS: dict[K, _Act] = {
    K.RESET_BEFORE: _reset_before,
    K.RESET_AFTER: _reset_after,
    K.TIMEOUT_AFTER: _late,
    K.SLOW_DRIP: _drip,
    K.TRUNCATED: _truncated,
    K.CUT_JSON: _cut,
    K.HTTP_500_TEXT: _text,
    K.HTML: _page,
    K.HTTP_429: _too_many,
    K.NOTICE_EARLY: _after_notices,
    **dict.fromkeys(_ERRORS, _error),
}
