"""Reading bodies and wording answers: JSON, whatever was sent.

Rules of this room
    An error is `{"error": code, "reason": words}`. It names the field, and repeats nothing of what was sent.
    A body larger than `LARGEST_BODY` is not read; text that is no JSON, or is nested too deep, is a 400.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any, TypeVar

from aiohttp import web
from pydantic import ValidationError

from kis_daemon.console.http.bodies import Body

LARGEST_BODY = 16 * 1024

B = TypeVar("B", bound=Body)


class BadRequest(Exception):
    """A body that cannot be read, with the place."""

    def __init__(self, reason: str, status: int = 400, code: str = "BAD_REQUEST") -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.code = code


def answer(told: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return `told` as JSON; nothing that leaves here is kept by anybody in between."""
    return web.Response(
        text=json.dumps(told, ensure_ascii=False, default=_plain),
        status=status,
        headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", **(headers or {})},
        content_type="application/json",
        charset="utf-8",
    )


def error(status: int, code: str, reason: str, headers: Mapping[str, str] | None = None) -> web.Response:
    return answer({"error": code, "reason": reason}, status, headers)


async def raw_body(request: web.Request) -> bytes:
    """Return the bytes of a body; `BadRequest` where it is too large or breaks off."""
    if (request.content_length or 0) > LARGEST_BODY:
        raise BadRequest(f"the body is larger than {LARGEST_BODY} bytes", 413, "BODY_TOO_LARGE")
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise BadRequest(f"the body is larger than {LARGEST_BODY} bytes", 413, "BODY_TOO_LARGE") from None


def parsed(body: bytes) -> Any:
    """Return the JSON of a body, an empty object where there is none; `BadRequest` for anything else."""
    if not body.strip():
        return {}
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise BadRequest("the body is not JSON") from None


def checked(model: type[B], told: Any) -> B:
    """Return `told` as `model`; `BadRequest` with the first field that does not fit."""
    if not isinstance(told, dict):
        raise BadRequest("expected a JSON object")
    try:
        return model.model_validate(told)
    except ValidationError as wrong:
        first = wrong.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(part)[:40] for part in first["loc"]) or "body"
        raise BadRequest(f"{place}: {first['msg']}") from None


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)


def _plain(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is no part of an answer")
