"""Who may ask what: role tokens, the address that was asked, and who sent a browser here (C32).

Rules of this room
    Reading is free on loopback while the money is not real. Everything else needs a role token: viewer, operator,
    admin, each of which may do what the one before it may.
    An order with an approval token needs no role on loopback in PAPER; elsewhere it needs both, the role beside it.
    Tokens are compared in constant time, all of them each time; none of them is ever logged or answered.
    A page of another origin is refused, and so is another name for this machine: no browser becomes an operator's hand.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from urllib.parse import urlsplit

OPERATOR_HEADER = "X-Operator-Token"
_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


class Role(IntEnum):
    NOBODY = 0
    VIEWER = 1
    OPERATOR = 2
    ADMIN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleTokens:
    """The tokens of the roles; an empty one lets nobody in."""

    viewer: str = ""
    operator: str = ""
    admin: str = ""

    def role_of(self, token: str) -> Role:
        """Return the role that `token` gives."""
        shown, found = token.encode("utf-8", "surrogateescape"), Role.NOBODY
        for role, known in ((Role.VIEWER, self.viewer), (Role.OPERATOR, self.operator), (Role.ADMIN, self.admin)):
            same = hmac.compare_digest(shown, known.encode())
            if same and known:
                found = max(found, role)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedBy:
    """What of a request decides whether it may be answered. `local_address` is where it arrived."""

    headers: Mapping[str, str]
    local_address: str
    role_header_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Barred:
    """Why a request goes no further."""

    status: int
    code: str
    reason: str


class Access:
    """Judges requests; `real_money` closes what loopback leaves open."""

    def __init__(self, tokens: RoleTokens, *, real_money: bool) -> None:
        self._tokens = tokens
        self._real_money = real_money

    def judge(self, asked: AskedBy, needed: Role) -> Role | Barred:
        """Return the role in which the request is answered, or why it is not; NOBODY: a token of another kind."""
        if not _is_our_origin(asked.headers):
            return Barred(status=403, code="ORIGIN_NOT_ALLOWED", reason="a page of another origin may not ask")
        shown = shown_token(asked.headers, role_header_only=asked.role_header_only)
        role = Role.NOBODY if shown is None else self._tokens.role_of(shown)
        if shown is not None and role is Role.NOBODY:
            return Barred(status=401, code="UNAUTHORIZED", reason="this token gives no role")
        is_free = _is_loopback(asked.local_address) and not self._real_money and needed <= Role.VIEWER
        if role is Role.NOBODY and is_free:
            if not _is_loopback_name(asked.headers.get("Host", "")):
                return Barred(status=403, code="HOST_NOT_ALLOWED", reason="ask by localhost, or show a role token")
            return Role.VIEWER
        wanted = Role.OPERATOR if needed is Role.NOBODY else needed
        if role is Role.NOBODY:
            reason = f"the role {wanted.name.lower()} is needed: Authorization: Bearer, or {OPERATOR_HEADER}"
            return Barred(status=401, code="UNAUTHORIZED", reason=reason)
        if role < wanted:
            return Barred(status=403, code="ROLE_TOO_LOW", reason=f"the role {wanted.name.lower()} is needed")
        return role


def shown_token(headers: Mapping[str, str], *, role_header_only: bool) -> str | None:
    """Return the role token of a request, None without one."""
    if not role_header_only and (bearer := bearer_token(headers)) is not None:
        return bearer
    return headers.get(OPERATOR_HEADER)


def bearer_token(headers: Mapping[str, str]) -> str | None:
    """Return what stands behind `Authorization: Bearer`, None where nothing of that form does."""
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def _is_our_origin(headers: Mapping[str, str]) -> bool:
    origin = headers.get("Origin")
    if origin is None:
        return True
    try:
        host = urlsplit(origin).netloc
    except ValueError:
        return False
    return bool(host) and host == headers.get("Host")


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return False


def _is_loopback_name(host: str) -> bool:
    try:
        return (urlsplit(f"//{host}").hostname or "") in _LOOPBACK_NAMES
    except ValueError:
        return False
