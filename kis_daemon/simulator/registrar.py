"""Reading what a client of the stream sends, and the code of everything that is wrong with it.

Source: the wire contract, sections 5.2 and 5.3. Where it gives codes for a range of causes (OPSP8994 to 8995, 9990 to
9998), which stands for which is read from their order. Faults come in the order in which a reader meets them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

LONGEST_KEY = 12  # the login id of a client


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A well-formed request: register (1) or unregister (2) `tr_key` of `tr_id`."""

    tr_type: str
    tr_id: str
    tr_key: str
    approval_key: str


class Unreadable(Exception):
    """A request that is answered with an error; `code` and the text go to the client as they are."""

    def __init__(self, code: str, text: str, tr_id: str = "(null)", tr_key: str = "") -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.tr_id = tr_id
        self.tr_key = tr_key


def is_pingpong(message: str | bytes) -> bool:
    """Tell whether `message` is the echo of a PINGPONG."""
    if not isinstance(message, str) or "PINGPONG" not in message:
        return False
    try:
        return bool(json.loads(message)["header"]["tr_id"] == "PINGPONG")
    except (ValueError, KeyError, TypeError):
        return False


def read(message: str | bytes, app_key: str, app_secret: str) -> Asked:
    """Return the request in `message`; raises `Unreadable`."""
    request = _object(message)
    header, body = request.get("header"), request.get("body")
    if not isinstance(header, dict):
        raise Unreadable("OPSP9998", "header not found")
    if not isinstance(body, dict):
        raise Unreadable("OPSP9992", "body not found")
    asked = body.get("input")
    if not isinstance(asked, dict):
        raise Unreadable("OPSP9991", "input not found")
    tr_id, tr_key = asked.get("tr_id"), asked.get("tr_key")
    if not isinstance(tr_id, str) or not tr_id:
        raise Unreadable("OPSP8991", "invalid tr_id")
    if not isinstance(tr_key, str) or not tr_key:
        raise Unreadable("OPSP9990", "tr_key not found", tr_id)
    _check_key(header, tr_id, tr_key, app_key, app_secret)
    custtype = header.get("custtype")
    if custtype is None:
        raise Unreadable("OPSP9997", "custtype not found", tr_id, tr_key)
    if custtype not in ("P", "B"):
        raise Unreadable("OPSP8998", "invalid custtype", tr_id, tr_key)
    if custtype == "B" and not header.get("personalseckey"):
        raise Unreadable("OPSP8994", "personalseckey not found", tr_id, tr_key)
    tr_type = header.get("tr_type")
    if tr_type not in ("1", "2"):
        raise Unreadable("OPSP8997", "invalid tr_type", tr_id, tr_key)
    if len(tr_key) > LONGEST_KEY:
        raise Unreadable("OPSP8999", "invalid tr_key length", tr_id, tr_key[:LONGEST_KEY])
    return Asked(tr_type=tr_type, tr_id=tr_id, tr_key=tr_key, approval_key=str(header["approval_key"]))


def _object(message: str | bytes) -> dict[str, Any]:
    if isinstance(message, str):
        try:
            request = json.loads(message)
        except (ValueError, RecursionError):
            request = None
        if isinstance(request, dict):
            return request
    raise Unreadable("OPSP9999", "JSON PARSING ERROR : invalid json")


def _check_key(header: dict[str, Any], tr_id: str, tr_key: str, app_key: str, app_secret: str) -> None:
    """Refuse a header without approval key; one with the app key itself is of the format before October 2022."""
    if header.get("approval_key"):
        return
    if not header.get("appkey"):
        raise Unreadable("OPSP9994", "INVALID appkey : NOT FOUND", tr_id, tr_key)
    if not header.get("appsecret"):
        raise Unreadable("OPSP8995", "appsecret not found", tr_id, tr_key)
    if (header["appkey"], header["appsecret"]) != (app_key, app_secret):
        raise Unreadable("OPSP9995", "INVALID appkey", tr_id, tr_key)
    raise Unreadable("OPSP9996", "INVALID appkey : approval_key expected", tr_id, tr_key)
