"""Values as JSON and back, for the inputs that a day is replayed from.

A dataclass becomes the list of its fields in their order, which keeps the lines short; what it is, the reader says. An
enum becomes its value, a moment and a day their ISO text. What is read back equals what was written.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from functools import cache
from typing import Any, NewType, TypeVar, Union, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")


def written(value: Any) -> Any:
    """Return `value` in what JSON has."""
    if is_dataclass(value) and not isinstance(value, type):
        return [written(getattr(value, part.name)) for part in fields(value)]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): written(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [written(part) for part in value]
    return value


def read(kind: type[T], value: Any) -> T:
    """Return what `written` was given, a `kind`; `ValueError` or `TypeError` for what it never wrote."""
    return cast("T", _read(kind, value))


def _read(kind: Any, value: Any) -> Any:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return (
            None if value is None else _read(next(part for part in get_args(kind) if part is not types.NoneType), value)
        )
    if origin is tuple:
        return tuple(_read(get_args(kind)[0], part) for part in value)
    if isinstance(kind, NewType):
        return _read(kind.__supertype__, value)
    if is_dataclass(kind):
        made: Any = kind
        hints = _hints(made)
        return made(**{name: _read(hint, part) for (name, hint), part in zip(hints.items(), value, strict=True)})
    if isinstance(kind, type):
        if issubclass(kind, Enum):
            return kind(value)
        if issubclass(kind, datetime | date):
            return kind.fromisoformat(value)
        if kind is float:
            return float(value)
    return value


@cache
def _hints(kind: Any) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {part.name: hints[part.name] for part in fields(kind)}
