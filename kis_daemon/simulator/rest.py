"""The HTTP server: OAuth, the services behind the gateway, and the simulator's own pages under `/__sim`.

Every answer is made in one synchronous stretch after the request's latency, so that what a client is told and
what its notices say can never differ.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Sequence
from datetime import UTC
from email.utils import format_datetime
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Middleware

from kis_daemon.ports import Clock
from kis_daemon.simulator.fields import Fields
from kis_daemon.simulator.gateway import CallBudget, Gateway
from kis_daemon.simulator.requests import Request
from kis_daemon.simulator.rest_pages import RowsChanged
from kis_daemon.simulator.rest_reservations import send_when_due
from kis_daemon.simulator.rest_services import PATHS
from kis_daemon.simulator.tokens import LIFETIME, KeyDesk, KeyRefused
from kis_daemon.simulator.venue import Venue, account_view
from kis_daemon.simulator.wire import Body, Failed, Reply, as_bytes, envelope

_LARGEST_BODY = 64 * 1024
# longer than any client keeps an idle connection: the server is never the one to close under a request
KEEPALIVE_S = 3600.0
CLOSING_S = 1.0


class RestServer:
    """Answers HTTP; `middlewares` wrap everything and are where faults can be put in."""

    def __init__(
        self, venue: Venue, desk: KeyDesk, middlewares: Sequence[Middleware] = (), wall: Clock | None = None
    ) -> None:
        self._venue = venue
        self._wall = wall
        self._desk = desk
        self._gateway = Gateway(venue, desk)
        self._stream_keys = CallBudget(1)
        app = web.Application(middlewares=middlewares, client_max_size=_LARGEST_BODY)
        app.router.add_post("/oauth2/tokenP", self._token)
        app.router.add_post("/oauth2/revokeP", self._revoke)
        app.router.add_post("/oauth2/Approval", self._approval)
        app.router.add_post("/uapi/hashkey", self._hashkey)
        app.router.add_get("/__sim/clock", self._clock)
        app.router.add_get("/__sim/account", self._account)
        app.router.add_get("/__sim/orders", self._orders)
        for path in PATHS:
            app.router.add_route("*", path, self._service)
        self._sender: asyncio.Task[None] | None = None
        app.on_cleanup.append(self._end_sender)
        app.on_response_prepare.append(self._date)
        self.runner = web.AppRunner(
            app,
            access_log=None,
            handle_signals=False,
            shutdown_timeout=CLOSING_S,
            keepalive_timeout=KEEPALIVE_S,
        )

    async def _date(self, _request: web.Request, response: web.StreamResponse) -> None:
        """Tell the time of this exchange and not of this machine, as a client may compare it with its own."""
        response.headers["Date"] = format_datetime(self._venue.now().astimezone(UTC), usegmt=True)

    # --- the services ---------------------------------------------------------------------------------------

    async def _service(self, request: web.Request) -> web.Response:
        body = await request.read()
        await self._pass()
        headers = {name: request.headers.get(name, "") for name in ("tr_id", "gt_uid")}
        try:
            reply = self._reply(request, body)
        except Failed as failed:
            reply = Reply(body=envelope("1", failed.code, failed.text), status=failed.status)
        except RowsChanged as changed:
            reply = Reply(body=changed.body)
        self.mind_reservations()
        return _response(reply.body, reply.status, {**headers, "tr_cont": reply.tr_cont})

    def _reply(self, request: web.Request, body: bytes) -> Reply:
        loop_time = asyncio.get_running_loop().time()
        service = self._gateway.admit(request.method, request.path, request.headers, loop_time)
        is_continued = request.headers.get("tr_cont", "").strip() == "N"
        if service.method == "POST":
            fields = Fields(_posted(body))
        else:
            fields = Fields.of_query(request.query, is_continued=is_continued)
        if service.of_account:
            self._gateway.check_account(fields)
        return service.answer(self._venue, fields, request.headers["tr_id"])

    def mind_reservations(self) -> None:
        """Have somebody wait for the day of a reservation that was taken, now or before a restart."""
        due = self._venue.reservations.next_due(self._venue.exchange.calendar, self._venue.now())
        if due is not None and (self._sender is None or self._sender.done()):
            self._sender = asyncio.create_task(send_when_due(self._venue), name="simulator reservations")

    async def _end_sender(self, _app: web.Application) -> None:
        if self._sender is None:
            return
        self._sender.cancel()
        try:
            await self._sender
        except asyncio.CancelledError:
            if not self._sender.cancelled():
                raise

    async def _pass(self) -> None:
        if self._venue.settings.latency_s:
            await asyncio.sleep(self._venue.settings.latency_s)

    # --- keys -----------------------------------------------------------------------------------------------

    async def _token(self, request: web.Request) -> web.Response:
        body = await self._keys_of(request)
        try:
            if body.get("grant_type") != "client_credentials":
                raise KeyRefused("EGW00112", "유효하지 않은 grant_type입니다.")
            self._desk.identify(body.get("appkey"), body.get("appsecret"))
            token, expires_at = self._desk.issue(self._venue.now())
            if self._wall is not None:  # a client with a clock of its own judges by that one
                expires_at = max(expires_at, self._wall.now() + LIFETIME)
        except KeyRefused as refused:
            return _key_refused(refused)
        return _response(
            {
                "access_token": token,
                "access_token_token_expired": f"{expires_at:%Y-%m-%d %H:%M:%S}",
                "token_type": "Bearer",
                "expires_in": min(int((expires_at - self._venue.now()).total_seconds()), int(LIFETIME.total_seconds())),
            }
        )

    async def _revoke(self, request: web.Request) -> web.Response:
        body = await self._keys_of(request)
        try:
            self._desk.identify(body.get("appkey"), body.get("appsecret"))
            self._desk.revoke(str(body.get("token", "")))
        except KeyRefused as refused:
            return _key_refused(refused)
        return _response({"code": 200, "message": "접근토큰 폐기에 성공하였습니다"})

    async def _approval(self, request: web.Request) -> web.Response:
        body = await self._keys_of(request)
        try:
            self._desk.identify(body.get("appkey"), body.get("secretkey"))
            if not self._stream_keys.take(asyncio.get_running_loop().time()):
                raise KeyRefused("EGW00201", "초당 거래건수를 초과하였습니다.", 500)
        except KeyRefused as refused:
            return _key_refused(refused)
        return _response({"approval_key": self._desk.stream_key(self._venue.now())})

    async def _hashkey(self, request: web.Request) -> web.Response:
        body = await request.read()
        await self._pass()
        try:
            self._desk.identify(request.headers.get("appkey"), request.headers.get("appsecret"))
            return _response({"BODY": _posted(body), "HASH": hashlib.sha256(body).hexdigest()})
        except KeyRefused as refused:
            return _key_refused(refused)
        except Failed as failed:
            return _response(envelope("1", failed.code, failed.text), failed.status)

    async def _keys_of(self, request: web.Request) -> Body:
        """Return the JSON body of an OAuth call, empty where it is none: then the first required key is missing."""
        body = await request.read()
        await self._pass()
        try:
            return _posted(body)
        except Failed:
            return {}

    # --- the simulator's own pages --------------------------------------------------------------------------

    async def _clock(self, _request: web.Request) -> web.Response:
        return _response({"now": self._venue.now().isoformat(), "rate": self._venue.settings.rate})

    async def _account(self, _request: web.Request) -> web.Response:
        return _response(account_view(self._venue.exchange))

    async def _orders(self, _request: web.Request) -> web.Response:
        exchange = self._venue.exchange
        days = list(exchange.orders.days)
        requests = exchange.orders.between(days[0], days[-1]) if days else []
        return web.Response(body=json.dumps([_shown(r) for r in requests]).encode(), content_type="application/json")


def _shown(request: Request) -> dict[str, Any]:
    return {
        "number": f"{request.number:010d}",
        "original": "" if request.original is None else f"{request.original:010d}",
        "kind": request.kind.value,
        "at": request.at.isoformat(),
        "symbol": request.symbol,
        "side": request.side.value,
        "division": request.division,
        "quantity": request.quantity,
        "price": request.price,
        "filled": request.filled,
        "amount": request.amount,
        "cancelled": request.cancelled,
        "remaining": request.remaining,
        "open": request.is_open,
        "fee": request.costs.fee,
        "tax": request.costs.tax,
    }


def _posted(body: bytes) -> Body:
    try:
        values = json.loads(body)
    except ValueError:
        raise Failed("OPSQ9995", "JSON PARSING ERROR") from None
    if not isinstance(values, dict):
        raise Failed("OPSQ9995", "JSON PARSING ERROR")
    return values


def _response(body: Body, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(
        body=as_bytes(body), status=status, headers=headers, content_type="application/json", charset="utf-8"
    )


def _key_refused(refused: KeyRefused) -> web.Response:
    return _response({"error_code": refused.code, "error_description": refused.text}, refused.status)
