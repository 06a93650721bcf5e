"""Where the HTTP desk listens, and the tokens of its roles (C03, C32)."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import SecretStr

from kis_daemon.app.errors import ConfigurationError
from kis_daemon.app.settings_sources import Given
from kis_daemon.console.http.addresses import Address, addresses_of

DEFAULT_BIND = "127.0.0.1:8890"
_SHORTEST_TOKEN = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAccess:
    """What may be listened on, and who may do what there."""

    addresses: tuple[Address, ...] = addresses_of(DEFAULT_BIND)
    viewer: SecretStr | None = None
    operator: SecretStr | None = None
    admin: SecretStr | None = None


def http_access(variables: Mapping[str, Given]) -> HttpAccess:
    """Return what the variables say; refuse what cannot be listened on, weak or equal tokens, and an open door."""
    bind = variables.get("HTTP_BIND", Given(value=DEFAULT_BIND, place="HTTP_BIND"))
    try:
        addresses = addresses_of(str(bind.value))
        reached = [address for address in addresses if not _is_loopback(address.host)]
    except ValueError as wrong:
        raise ConfigurationError("config.http_bind", place=bind.place, value=repr(str(wrong))) from None
    given = [variables[name] for name in ("VIEWER_TOKEN", "OPERATOR_TOKEN", "ADMIN_TOKEN") if name in variables]
    for said in given:
        text = str(said.value)
        if len(text) < _SHORTEST_TOKEN or not text.isascii() or any(letter <= " " for letter in text):
            raise ConfigurationError("config.http_token", place=said.place, least=_SHORTEST_TOKEN)
    if len({said.value for said in given}) < len(given):
        raise ConfigurationError("config.http_tokens_equal", place=given[-1].place)
    if reached and not given:
        raise ConfigurationError("config.http_open", place=bind.place)
    return HttpAccess(
        addresses=addresses,
        viewer=_secret(variables, "VIEWER_TOKEN"),
        operator=_secret(variables, "OPERATOR_TOKEN"),
        admin=_secret(variables, "ADMIN_TOKEN"),
    )


def _secret(variables: Mapping[str, Given], name: str) -> SecretStr | None:
    return SecretStr(str(variables[name].value)) if name in variables else None


def _is_loopback(host: str) -> bool:
    """Whether nobody else reaches this host; `ValueError` for what is no address of this machine's own."""
    return host == "localhost" or ipaddress.ip_address(host).is_loopback
