"""Health, readiness for limited orders, and a new connection of the stream (S4-O02, S2-G, L05)."""

from __future__ import annotations

from aiohttp import web

from kis_daemon.console.http.access import Role
from kis_daemon.console.http.answers import answer
from kis_daemon.console.http.desks import Desks
from kis_daemon.console.http.endpoints import Asked, Endpoint


async def health(desks: Desks, _asked: Asked) -> web.Response:
    return answer(desks.health())


async def live_readiness(desks: Desks, _asked: Asked) -> web.Response:
    return answer(desks.readiness())


async def reconnect(desks: Desks, _asked: Asked) -> web.Response:
    desks.reconnect()
    return answer({"reconnect": "asked for"}, 202)


PAGES = (
    Endpoint(method="GET", path="/health", role=Role.VIEWER, summary="Whether the daemon lives", handler=health),
    Endpoint(
        method="GET",
        path="/v1/session/live-readiness",
        role=Role.VIEWER,
        summary="Whether limited orders may be verified at the broker; `can_trade` false forbids it",
        handler=live_readiness,
    ),
    Endpoint(
        method="POST",
        path="/v1/session/reconnect",
        role=Role.OPERATOR,
        summary="Connect the stream anew; needs X-Operator-Token",
        handler=reconnect,
        answers={400: "no X-Operator-Token"},
        role_header_only=True,
        needs_operator_header=True,
    ),
)
