"""Where settings come from: variables of the environment and of `.env`, and the YAML files.

Rules of this room
    Every source is flat text: a dotted path, the value as written, and the place it was written at. Types come later,
    so `000660` stays six characters whether quoted or not.
    An empty variable is a variable that is not set. An unknown name is refused, never passed over.
    A refusal names the place; it repeats no value of a secret.
"""

from __future__ import annotations

import difflib
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import yaml
from dotenv.parser import parse_stream

from kis_daemon.app.errors import ConfigurationError

Value: TypeAlias = str | tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A value as somebody wrote it, and where."""

    value: Value
    place: str


KEY_PREFIXES = ("PAPER_KIS_", "REAL_KIS_", "KIS_")
KEY_NAMES = ("APP_KEY", "APP_SECRET", "ACCOUNT_NO", "ACCOUNT_PRODUCT_CODE", "HTS_ID")

DB_VARIABLES = ("DB_TYPE", "DB_HOST", "DB_PORT", "DB_NAME", "DB_USER", "DB_PASSWORD")

HTTP_VARIABLES = ("HTTP_BIND", "VIEWER_TOKEN", "OPERATOR_TOKEN", "ADMIN_TOKEN")

FIELD_VARIABLES: Mapping[str, str] = {
    "TRADING_MODE": "trading_mode",
    "KIS_REST_URL": "kis_rest_url",
    "KIS_WS_URL": "kis_ws_url",
    "KIS_WS_SYMBOLS": "kis_ws_symbols",
    "API_TIMEOUT": "api_timeout_s",
    "KIS_CALLS_PER_SECOND": "kis_calls_per_second",
    "ORDER_QUANTITY": "risk.order_quantity",
    "MAX_QTY": "risk.max_quantity",
    "EXECUTION_JWT_SECRET": "jwt_secret",
    "APPROVAL_POLICY": "approvals.policy",
    "KILL_SWITCH_ADMIN_KEY": "kill_switch_admin_key",
    "KILL_SWITCH_TWO_PERSONS": "kill_switch_two_persons",
    "DATABASE_URL": "database_url",
    "AUTO_TRADE_LOG_DIR": "log_dir",
    "LANGUAGE": "language",
}
"""Variables that are one field of the settings."""

VARIABLES = frozenset(
    {
        *FIELD_VARIABLES,
        *DB_VARIABLES,
        "KIS_ENV",
        "KIS_MOCK",
        "TELEGRAM_BOT_TOKEN",
        "TELEGRAM_CHAT_ID",
        *HTTP_VARIABLES,
        *(prefix + name for prefix in KEY_PREFIXES for name in KEY_NAMES),
    }
)
"""Every variable that is read."""

FILES: Mapping[str, tuple[str, ...]] = {
    "strategy.yaml": ("entry", "protection", "trend_break", "gap"),
    "risk.yaml": ("risk", "breaker", "approvals", "commission_pct"),
    "universe.yaml": ("universe", "stocks"),
    "alerts.yaml": ("alerts",),
}
"""The YAML files, and what may stand at the top of each."""


def is_secret(variable: str) -> bool:
    """Whether a variable's value must never be shown."""
    return variable.endswith(
        ("APP_KEY", "ADMIN_KEY", "APP_SECRET", "ACCOUNT_NO", "HTS_ID", "_TOKEN", "_SECRET", "_PASSWORD", "DATABASE_URL")
    )


def shown(variable: str, value: str) -> str:
    """Return the value for a refusal, or `***`."""
    return "***" if is_secret(variable) else repr(value)


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return our variables of the environment; a misspelt key name is refused."""
    for name in sorted(environ):
        if name.startswith(("PAPER_KIS_", "REAL_KIS_")) and name not in VARIABLES and environ[name].strip():
            raise _unknown_variable(name, name)
    return {name: environ[name].strip() for name in sorted(VARIABLES) if environ.get(name, "").strip()}


def dotenv_file(path: Path | None) -> dict[str, str]:
    """Return the variables of `.env` (none where there is no such file); nothing is interpolated."""
    if path is None or not path.exists():
        return {}
    variables: dict[str, str] = {}
    for binding in parse_stream(io.StringIO(_text(path))):
        if binding.error:
            raise ConfigurationError("config.line", place=path, line=binding.original.line, reason="NAME=value")
        if binding.key is None:
            continue
        if binding.key not in VARIABLES:
            raise _unknown_variable(f"{path}: {binding.key}", binding.key)
        value = (binding.value or "").strip()
        if not value:
            continue
        if variables.get(binding.key, value) != value:
            raise ConfigurationError("config.twice", place=f"{path}: {binding.key}")
        variables[binding.key] = value
    return variables


def yaml_files(config_dir: Path) -> dict[str, Given]:
    """Return what the YAML files say; a file that is not there says nothing, a folder that is not there is refused."""
    if not config_dir.is_dir():
        raise ConfigurationError("config.missing_dir", place=config_dir)
    found: dict[str, Given] = {}
    for name, sections in FILES.items():
        path = config_dir / name
        if not path.exists():
            continue
        document = _document(path)
        for section in document:
            if section not in sections:
                raise ConfigurationError("config.unknown", place=f"{path}: {section}", known=", ".join(sections))
        for dotted, value in _flat(path, "", document):
            found[dotted] = Given(value=value, place=f"{path}: {dotted}")
    root_stocks = found.pop("stocks", None)
    if root_stocks is not None and not found.get("universe.stocks", root_stocks).value:
        found.pop("universe.stocks")
    if root_stocks is not None:  # both places are read, `universe.stocks` wins (S3-U04)
        found.setdefault("universe.stocks", root_stocks)
    return found


def _flat(path: Path, prefix: str, node: Mapping[str, Any]) -> Iterator[tuple[str, Value]]:
    for key, value in node.items():
        dotted = f"{prefix}{key}"
        match value:
            case dict():
                yield from _flat(path, f"{dotted}.", value)
            case list():
                if any(not isinstance(item, str) for item in value):
                    raise ConfigurationError(
                        "refused", place=f"{path}: {dotted}", value="[…]", expected="expected.single"
                    )
                yield dotted, tuple(value)
            case _:
                yield dotted, str(value).strip()


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigurationError("config.unreadable", place=path, reason="UTF-8") from None
    except OSError as error:
        raise ConfigurationError("config.unreadable", place=path, reason=error.strerror or "OSError") from None


class _TextLoader(yaml.BaseLoader):
    """Reads every scalar as the text that is written, and refuses a key that stands twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a name was expected", key.start_mark)
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} stands twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def _document(path: Path) -> dict[str, Any]:
    try:
        document = yaml.load(_text(path), Loader=_TextLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise ConfigurationError("config.line", place=path, line=line, reason=error.problem or "YAML") from None
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())[:80]
        raise ConfigurationError("config.unreadable", place=path, reason=reason) from None
    if document in (None, ""):
        return {}
    if not isinstance(document, dict):
        raise ConfigurationError("refused", place=path, value="…", expected="expected.section")
    return document


def _unknown_variable(place: str, name: str) -> ConfigurationError:
    close = difflib.get_close_matches(name, sorted(VARIABLES), n=1)
    return ConfigurationError("config.unknown_variable", place=place, known=close[0] if close else None)
