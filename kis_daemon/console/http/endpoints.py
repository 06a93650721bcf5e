"""An endpoint as a value: what the server routes by, what the documentation is made from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from aiohttp import web

from kis_daemon.console.http.access import Role
from kis_daemon.console.http.bodies import Body, NoBody
from kis_daemon.console.http.desks import Desks


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request that may be answered: its body as the endpoint's model, its raw bytes, and who asks."""

    body: Body
    raw: bytes
    role: Role
    parts: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]

    def name(self, told: str | None) -> str:
        """Return the name that was given, else the role's."""
        return told or self.role.name.lower()


Handler = Callable[[Desks, Asked], Awaitable[web.Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One method of one path. `reads_late`: the handler reads the body, after checks of its own.

    `role_header_only`: the Authorization header is somebody else's there.
    """

    method: str
    path: str
    role: Role
    summary: str
    handler: Handler
    body: type[Body] = NoBody
    answers: Mapping[int, str] = field(default_factory=dict)
    reads_late: bool = False
    role_header_only: bool = False
    needs_operator_header: bool = False
