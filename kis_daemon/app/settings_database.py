"""Which database the variables name: `DATABASE_URL`, or the `DB_*` that stand for one (C04)."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, unquote, urlsplit

from kis_daemon.app.errors import ConfigurationError
from kis_daemon.app.settings_ranges import Range
from kis_daemon.app.settings_sources import DB_VARIABLES, Given

_PORTS = {"mysql": 3306, "mariadb": 3306, "postgresql": 5432}
_PORT = Range(low=1, high=65_535, whole=True)


def database_url(variables: Mapping[str, Given]) -> str | None:
    """Return the URL that is written, or the one that `DB_*` make; None where nothing is said of a database."""
    written = variables.get("DATABASE_URL")
    parts = {name: variables[name] for name in DB_VARIABLES if name in variables}
    if written is not None and parts:
        raise ConfigurationError("config.contradiction", place=written.place, other=next(iter(parts.values())).place)
    if written is not None:
        return str(written.value)
    return _made(parts) if parts else None


def passwords(url: str) -> tuple[str, ...]:
    """Return the password of a URL in both forms in which it may be shown."""
    try:
        password = urlsplit(url).password or ""
    except ValueError:
        return ()
    return tuple({password, unquote(password)} - {""})


def _made(parts: Mapping[str, Given]) -> str:
    text = {name: str(given.value) for name, given in parts.items()}
    kind = text.get("DB_TYPE", "mysql")
    if kind not in _PORTS:
        raise ConfigurationError(
            "refused",
            place=parts["DB_TYPE"].place,
            value=repr(kind),
            expected="expected.choice",
            choices=", ".join(_PORTS),
        )
    missing = [name for name in ("DB_HOST", "DB_NAME", "DB_USER") if name not in text]
    if missing:
        raise ConfigurationError("config.keys_missing", place=", ".join(missing), mode=next(iter(parts)))
    port = text.get("DB_PORT", str(_PORTS[kind]))
    if not _PORT.allows(port):
        raise ConfigurationError(
            "refused",
            place=parts["DB_PORT"].place,
            value=repr(port),
            expected="expected.whole",
            low=_PORT.low,
            high=_PORT.high,
        )
    host = f"[{text['DB_HOST']}]" if ":" in text["DB_HOST"] else text["DB_HOST"]
    password = f":{quote(text['DB_PASSWORD'], safe='')}" if "DB_PASSWORD" in text else ""
    return f"{kind}://{quote(text['DB_USER'], safe='')}{password}@{host}:{port}/{quote(text['DB_NAME'], safe='')}"
