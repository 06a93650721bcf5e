"""The envelope of KIS's REST calls: what is asked, what came back, and how its values read. Pure.

Rules of this room
    Every value is a padded text; keys are looked up in lower case, texts stripped, an empty one is missing.
    A body is parsed whatever its status is: which error it means is judged in wire_errors.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from kis_daemon.ports import ProtocolError

_NUMBER = re.compile(r"(-?[0-9]{1,18})(?:\.0*)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A GET: may be repeated. `continued` asks for the page that follows the cursor in `params`."""

    tr_id: str
    path: str
    params: tuple[tuple[str, str], ...]
    continued: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A POST that orders something: sent once."""

    tr_id: str
    path: str
    body: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back over HTTP, unread."""

    status: int
    body: bytes
    tr_cont: str = ""


class Row:
    """One object of an answer; every value is a padded text, and an empty one means: missing."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Mapping[str, object]) -> None:
        self._fields = fields

    def text(self, key: str) -> str:
        """Return the stripped text under `key`, "" where there is none."""
        value = self._fields.get(key)
        if value is None:
            return ""
        if isinstance(value, str):
            return value.strip()
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        raise ProtocolError(f"{key}: expected a text")

    def number(self, key: str, default: int | None = None) -> int:
        """Return the whole number under `key`; `default` (or `ProtocolError`) where it is missing."""
        text = self.text(key)
        if not text:
            if default is None:
                raise ProtocolError(f"{key}: expected a number, got nothing")
            return default
        found = _NUMBER.fullmatch(text)
        if found is None:
            raise ProtocolError(f"{key} {text[:24]!r}: expected a whole number")
        return int(found[1])

    def count(self, key: str, default: int | None = None) -> int:
        """Return the number under `key`; `ProtocolError` if it is negative."""
        number = self.number(key, default)
        if number < 0:
            raise ProtocolError(f"{key} {number}: expected zero or more")
        return number


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """A successful answer."""

    fields: Mapping[str, object]
    has_more: bool = False

    def row(self, key: str) -> Row:
        """Return the object under `key`, or the only object of the list under it."""
        value = self.fields.get(key)
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if not isinstance(value, dict):
            raise ProtocolError(f"{key}: expected an object")
        return Row(value)

    def rows(self, key: str) -> Iterator[Row]:
        """Yield the objects of the list under `key`; a lone object is a list of one, none is empty."""
        value = self.fields.get(key, [])
        if isinstance(value, dict):
            value = [value]
        if not isinstance(value, list):
            raise ProtocolError(f"{key}: expected a list")
        for item in value:
            if not isinstance(item, dict):
                raise ProtocolError(f"{key}: expected a list of objects")
            yield Row(item)

    @property
    def top(self) -> Row:
        return Row(self.fields)


def _lower(pairs: list[tuple[str, object]]) -> dict[str, object]:
    return {key.lower(): value for key, value in pairs}


def parse(body: bytes) -> dict[str, object] | None:
    """Return the JSON object in `body` with its keys in lower case, or None if it is no such thing."""
    try:
        value = json.loads(body, object_pairs_hook=_lower)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
