"""The HTTP desk: routes, guards, and a server whose trouble is its own.

Rules of this room (C03, C32)
    A request is judged before its body is read: origin, role, address. What is wrong with it is told as JSON.
    An error that nobody expected is a line in the log and a 500 without details; the broad `except` lives here.
    A port that is taken, or a server that breaks, is told and tried again; trading goes on without it.
    What a request waits for has an end. It holds no lock that trading needs.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import structlog
from aiohttp import web

from kis_daemon.console.http import pages_control, pages_orders, pages_session
from kis_daemon.console.http.access import OPERATOR_HEADER, Access, AskedBy, Barred, Role, RoleTokens
from kis_daemon.console.http.addresses import Address
from kis_daemon.console.http.answers import LARGEST_BODY, BadRequest, answer, checked, error, parsed, raw_body
from kis_daemon.console.http.bodies import NoBody
from kis_daemon.console.http.desks import Desks
from kis_daemon.console.http.endpoints import Asked, Endpoint, Handler
from kis_daemon.console.http.openapi import openapi, page
from kis_daemon.ports import Alert, Clock, Notifier, Severity, StoreError

log = structlog.get_logger("http")

ENDPOINTS: tuple[Endpoint, ...] = (*pages_orders.PAGES, *pages_control.PAGES, *pages_session.PAGES)
_AT_ONCE = 64
_CLOSING_S = 1.0
_PART = re.compile(r"[0-9A-Za-z_-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpTerms:
    """Where and for whom. `retry_s` None: a port that is taken is not tried again. No address: no server."""

    addresses: tuple[Address, ...] = ()
    tokens: RoleTokens = field(default_factory=RoleTokens)
    real_money: bool = False
    patience_s: float = 30.0
    retry_s: float | None = 30.0


class HttpServer:
    """Answers the operator; `run` in a task of the daemon's group."""

    def __init__(self, terms: HttpTerms, desks: Desks, clock: Clock, notifier: Notifier, version: str) -> None:
        self._terms = terms
        self._desks = desks
        self._clock = clock
        self._notifier = notifier
        self._access = Access(terms.tokens, real_money=terms.real_money)
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._document = openapi(ENDPOINTS, version)
        self._page = page(self._document)
        self.listening: list[Address] = []

    def application(self) -> web.Application:
        """Return the application with all its routes."""
        app = web.Application(client_max_size=LARGEST_BODY, middlewares=[self._guard])
        docs = (("/openapi.json", self._openapi, "This description"), ("/docs", self._docs, "The same as a page"))
        made = [
            Endpoint(method="GET", path=path, role=Role.VIEWER, summary=summary, handler=handler)
            for path, handler, summary in docs
        ]
        for endpoint in (*ENDPOINTS, *made):
            app.router.add_route(endpoint.method, endpoint.path, self._route(endpoint))
        return app

    async def run(self) -> None:
        """Serve until cancelled; whatever breaks the server is told, and it is begun anew."""
        if not self._terms.addresses:
            return
        told = ""
        while True:
            try:
                await self._serve()
            except OSError as wrong:
                told = self._tell(f"{wrong.strerror or wrong}", told)
            except Exception as wrong:
                log.exception("http_failed", error=type(wrong).__name__)
                told = self._tell(type(wrong).__name__, told)
            if self._terms.retry_s is None:
                return
            await asyncio.sleep(self._terms.retry_s)

    async def _serve(self) -> None:
        runner = web.AppRunner(self.application(), access_log=None, handle_signals=False, shutdown_timeout=_CLOSING_S)
        await runner.setup()
        try:
            for address in self._terms.addresses:
                site = web.TCPSite(runner, address.host, address.port)
                try:
                    await site.start()
                except OSError as wrong:
                    raise OSError(wrong.errno, f"{address}: {wrong.strerror or wrong}") from None
            self.listening = [Address(host=str(name[0]), port=int(name[1])) for name in runner.addresses]
            log.info("http_listening", addresses=", ".join(map(str, self.listening)))
            await asyncio.Event().wait()
        finally:
            self.listening.clear()
            await runner.cleanup()

    def _tell(self, reason: str, told: str) -> str:
        """Tell a person once for each reason; it is no fact of the trade, and stands in the log only."""
        if reason != told:
            data = {"reason": reason, "addresses": ", ".join(map(str, self._terms.addresses))}
            alert = Alert(event="http_not_listening", severity=Severity.ERROR, at=self._clock.now(), data=data)
            self._notifier.tell(alert)
        return reason

    # a request

    @web.middleware
    async def _guard(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Answer in JSON whatever happens, and in time."""
        try:
            async with asyncio.timeout(self._terms.patience_s):
                return await handler(request)
        except BadRequest as wrong:
            return error(wrong.status, wrong.code, wrong.reason)
        except web.HTTPException as wrong:
            allow = {"Allow": wrong.headers["Allow"]} if "Allow" in wrong.headers else None
            return error(wrong.status, wrong.reason.upper().replace(" ", "_"), "no such page or method", allow)
        except StoreError as wrong:
            return error(503, "STORE_AWAY", str(wrong), {"Retry-After": "5"})
        except TimeoutError:
            return error(503, "TIMEOUT", "no answer in time", {"Retry-After": "5"})
        except Exception as wrong:
            log.exception("http_request_failed", path=request.path, error=type(wrong).__name__)
            return error(500, "UNEXPECTED", "see the log")

    def _route(self, endpoint: Endpoint) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        answer_with: Handler = endpoint.handler

        async def route(request: web.Request) -> web.StreamResponse:
            if endpoint.needs_operator_header and OPERATOR_HEADER not in request.headers:
                return error(400, "OPERATOR_TOKEN_REQUIRED", f"{OPERATOR_HEADER} is needed")
            role = self._access.judge(
                AskedBy(
                    headers=request.headers,
                    local_address=_local_address(request),
                    role_header_only=endpoint.role_header_only,
                ),
                endpoint.role,
            )
            if isinstance(role, Barred):
                log.warning("http_barred", path=endpoint.path, code=role.code)
                headers = {"WWW-Authenticate": "Bearer"} if role.status == 401 else None
                return error(role.status, role.code, role.reason, headers)
            if not all(_PART.fullmatch(part) for part in request.match_info.values()):
                return error(404, "NOT_FOUND", "no such page")  # no database is asked for what it could not hold
            raw = await raw_body(request) if endpoint.method != "GET" else b""
            body = NoBody() if endpoint.reads_late or endpoint.body is NoBody else checked(endpoint.body, parsed(raw))
            asked = Asked(
                body=body,
                raw=raw,
                role=role,
                parts=request.match_info,
                query=request.query,
                headers=request.headers,
            )
            async with self._slots:  # not before the body is there: who sends it slowly holds nobody up
                return await answer_with(self._desks, asked)

        return route

    async def _openapi(self, _desks: Desks, _asked: Asked) -> web.Response:
        return answer(self._document)

    async def _docs(self, _desks: Desks, _asked: Asked) -> web.Response:
        return web.Response(
            text=self._page,
            content_type="text/html",
            headers={"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"},
        )


def _local_address(request: web.Request) -> str:
    name: Sequence[object] | None = None if request.transport is None else request.transport.get_extra_info("sockname")
    return str(name[0]) if name else ""
