"""Answers of REST rewritten after the service made them: pages that repeat, lag or go missing, keys in other shapes.

Rules of this room
    An answer in which there is nothing to rewrite is left alone, and the fault goes on waiting for one.
    A page is asked of the service again, with another cursor or another view of the ledger, so that a rewritten answer
    is always one that the service could have given.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

from kis_daemon.simulator.exchange import Exchange
from kis_daemon.simulator.faults import Fault
from kis_daemon.simulator.faults_kinds import FaultKind as K
from kis_daemon.simulator.fields import Fields
from kis_daemon.simulator.rest_pages import RowsChanged
from kis_daemon.simulator.rest_services import SERVICES
from kis_daemon.simulator.venue import Venue
from kis_daemon.simulator.wire import Body, Failed, Reply, as_bytes

_CURSOR = "ctx_area_"
_NEXT = "ctx_area_nk"
_LISTS = ("output", "output1", "output2")
_PADS_TO = 40


def exchange_as_of(exchange: Exchange, at: datetime) -> Exchange:
    """Return the exchange with the account and the orders of today as they stood at `at`; to be read only."""
    shadow = copy.copy(exchange)
    shadow.account = exchange.account_as_of(at)
    if exchange.day is not None:
        today = exchange.day.date
        shadow.orders = copy.copy(exchange.orders)
        rows = exchange.orders_as_of(at, today, today)
        shadow.orders.days = exchange.orders.days | {today: {row.number: row for row in rows}}
    return shadow


class Rewriter:
    """Makes the answer that a fault gives in the place of a good one."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._earlier: dict[str, bytes] = {}

    def rewrite(self, request: web.Request, response: web.StreamResponse, fault: Fault) -> web.Response | None:
        """Return the answer to give, None where this fault finds nothing in `response`."""
        body = response.body if isinstance(response, web.Response) else None
        if response.status != 200 or not isinstance(body, bytes):
            return None
        reply = Reply(body=json.loads(body), tr_cont=response.headers.get("tr_cont", ""))
        if fault.kind is K.STALE_PAGE:
            return self._stale(request, response, body)
        act = _REWRITES.get(fault.kind)
        made = act(reply, fault) if act is not None else self._asked_again(request, reply, fault)
        if made is None or made == reply:
            return None
        return _response(response, made)

    def _stale(self, request: web.Request, response: web.StreamResponse, body: bytes) -> web.Response | None:
        """The first answer to a question is kept, and given again once the true one differs."""
        question = f"{request.method} {request.headers.get('tr_id', '')} {request.path_qs}"
        first = self._earlier.setdefault(question, body)
        if first == body:
            return None
        del self._earlier[question]
        return web.Response(body=first, headers=headers_of(response))

    def _asked_again(self, request: web.Request, reply: Reply, fault: Fault) -> Reply | None:
        service = SERVICES.get(request.headers.get("tr_id", ""))
        if service is None or request.method != "GET":
            return None
        tr_id = request.headers["tr_id"]
        query = {name.upper(): value for name, value in request.query.items()}
        is_later = request.headers.get("tr_cont", "").strip() == "N"
        asked = {name: query[name.upper()] for name in reply.body if name.startswith(_NEXT) and query.get(name.upper())}

        def ask(venue: Venue, *, is_continued: bool = is_later, **changes: str) -> Reply | None:
            try:
                return service.answer(venue, Fields(query | changes, is_continued=is_continued), tr_id)
            except (Failed, RowsChanged):
                return None

        match fault.kind:
            case K.LAGGING_CCLD | K.LAGGING_BALANCE:
                then = self._venue.now() - timedelta(seconds=fault.lasts_s)
                return ask(replace(self._venue, exchange=exchange_as_of(self._venue.exchange, then)))
            case K.DUPLICATE_PAGE if is_later:
                first = ask(self._venue, is_continued=False)
                return None if first is None else replace(reply, body=reply.body | _rows(first.body))
            case K.MISSING_PAGE if reply.tr_cont in ("F", "M"):
                cursors = {name.upper(): value for name, value in reply.body.items() if name.startswith(_CURSOR)}
                return ask(self._venue, is_continued=True, **cursors)
            case K.REPEATED_CURSOR if is_later and asked:
                return replace(reply, body=reply.body | asked, tr_cont="M")
            case K.DATA_CHANGED if is_later:
                return Reply(body=RowsChanged(self._venue).body)
            case _:
                return None


def _rows(body: Body) -> Body:
    return {name: body[name] for name in _LISTS if isinstance(body.get(name), list)}


def _twice(reply: Reply, _fault: Fault) -> Reply | None:
    rows = {name: [row for row in listed for _ in range(2)] for name, listed in _rows(reply.body).items()}
    return replace(reply, body=reply.body | rows) if any(rows.values()) else None


def _wrong_life(reply: Reply, fault: Fault) -> Reply | None:
    return replace(reply, body=reply.body | {"expires_in": fault.number}) if "expires_in" in reply.body else None


def _with_unknown(reply: Reply, _fault: Fault) -> Reply:
    def grown(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: grown(inner) for name, inner in value.items()} | {"nobody_knows": "1", "nor_this": {"x": []}}
        return [grown(inner) for inner in value] if isinstance(value, list) else value

    return replace(reply, body=grown(reply.body))


def _padded(reply: Reply, _fault: Fault) -> Reply:
    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: filled(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [filled(inner) for inner in value]
        return value.ljust(_PADS_TO) if isinstance(value, str) else value

    outputs = {name: filled(value) for name, value in reply.body.items() if name in _LISTS}
    return replace(reply, body=reply.body | outputs)


def _upper(reply: Reply, _fault: Fault) -> Reply:
    def raised(value: Any) -> Any:
        if isinstance(value, dict):
            return {name.upper(): raised(inner) for name, inner in value.items()}
        return [raised(inner) for inner in value] if isinstance(value, list) else value

    outputs = {name: raised(value) for name, value in reply.body.items() if name in _LISTS}
    return replace(reply, body=reply.body | outputs)


_REWRITES: dict[K, Callable[[Reply, Fault], Reply | None]] = {
    K.DUPLICATE_ROWS: _twice,
    K.WRONG_EXPIRES_IN: _wrong_life,
    K.UNKNOWN_FIELDS: _with_unknown,
    K.PADDED_VALUES: _padded,
    K.UPPER_CASE_KEYS: _upper,
}


def headers_of(response: web.StreamResponse) -> dict[str, str]:
    """Return the headers of an answer but its length, which a rewriting changes."""
    return {name: value for name, value in response.headers.items() if name.lower() != "content-length"}


def _response(response: web.StreamResponse, reply: Reply) -> web.Response:
    return web.Response(body=as_bytes(reply.body), headers=headers_of(response) | {"tr_cont": reply.tr_cont})
