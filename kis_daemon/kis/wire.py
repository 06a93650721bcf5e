"""The envelope of KIS's REST calls: what is asked, what came back, and how its values read. Pure.

Rules of this room
    Every value is a padded text; keys are looked up in lower case, texts stripped, an empty one is missing.
    A bare JSON number is read as the text it was written as: no float ever stands in between.
    A body is parsed whatever its status is: which error it means is judged in wire_errors.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from kis_daemon.ports import ProtocolError

_NUMBER = re.compile(r"(-?[0-9]{1,18})(?:\.0*)?")
_DECIMAL = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{0,12})?")


def _writable(text: str) -> str:
    """Return `text` without the halves of characters that JSON lets through and no file or hash takes."""
    return text.encode("utf-8", "replace").decode()


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

    @property
    def is_blank(self) -> bool:
        """Whether it says nothing at all: KIS fills a place without a row with one of these."""
        return all(value is None or (isinstance(value, str) and not value.strip()) for value in self._fields.values())

    def text(self, key: str) -> str:
        """Return the stripped text under `key`, "" where there is none."""
        value = self._fields.get(key)
        if value is None:
            return ""
        if isinstance(value, str):
            return value.strip() if value.isascii() else _writable(value.strip())
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

    def decimal(self, key: str) -> Decimal | None:
        """Return the figure under `key` with its decimals, None where it is missing: averages and rates have them."""
        text = self.text(key)
        if not text:
            return None
        if _DECIMAL.fullmatch(text) is None:
            raise ProtocolError(f"{key} {text[:24]!r}: expected a figure")
        return Decimal(text)

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
        """Yield the objects of the list under `key`, blank ones left out; a lone object is a list of one."""
        value = self.fields.get(key, [])
        if isinstance(value, dict):
            value = [value]
        if not isinstance(value, list):
            raise ProtocolError(f"{key}: expected a list")
        for item in value:
            if not isinstance(item, dict):
                raise ProtocolError(f"{key}: expected a list of objects")
            if not (row := Row(item)).is_blank:
                yield row

    @property
    def top(self) -> Row:
        return Row(self.fields)


class _Clash(Exception):
    """Two keys of one object are the same in lower case: which came last is told by the pairs only."""


_usual_keys: set[str] = set()  # seen before, in lower case: a page has the same ones in every row
_MOST_KEYS, _LONGEST_KEY = 4096, 40  # nobody fills our memory with inventions


def _plain(key: str) -> str:
    return key.strip().lower()


def _lower(fields: dict[str, object]) -> dict[str, object]:
    if _usual_keys.issuperset(fields):
        return fields
    lowered = {_plain(key): value for key, value in fields.items()}
    if len(lowered) != len(fields):
        raise _Clash
    if len(_usual_keys) < _MOST_KEYS:
        _usual_keys.update(key for key in lowered if len(key) <= _LONGEST_KEY)
    return lowered


def _lower_pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    return {_plain(key): value for key, value in pairs}


_BY_OBJECT = json.JSONDecoder(object_hook=_lower, parse_float=str)  # much the cheaper one
_BY_PAIRS = json.JSONDecoder(object_pairs_hook=_lower_pairs, parse_float=str)


def parse(body: bytes) -> dict[str, object] | None:
    """Return the JSON object in `body` with its keys in lower case, or None if it is no such thing."""
    try:
        text = body.decode(json.detect_encoding(body), "surrogatepass")
        try:
            value = _BY_OBJECT.decode(text)
        except _Clash:
            value = _BY_PAIRS.decode(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
