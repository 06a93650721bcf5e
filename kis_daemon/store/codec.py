"""What the rows take, as JSON and back: for the file that stands in while the database is away.

Values are the domain's own dataclasses, enums, dates and moments; a class is known by its name. Moments keep their
offset. What is read back equals what was written.
"""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

from kis_daemon.domain.approvals import Approval, OrderRequest, Proposal, ProposalTerms
from kis_daemon.domain.breakers import Trip
from kis_daemon.domain.events import Event
from kis_daemon.domain.locks import SymbolLock
from kis_daemon.domain.orders import Fill, Order, OrderIntent
from kis_daemon.domain.positions import Position, Trade
from kis_daemon.domain.safeguards import KillSwitch
from kis_daemon.ports import AccountFigures, DaySummary, SymbolName

_KINDS: Mapping[str, type[Any]] = {
    kind.__name__: kind
    for kind in (
        AccountFigures,
        Approval,
        DaySummary,
        Event,
        Fill,
        KillSwitch,
        Order,
        OrderIntent,
        OrderRequest,
        Position,
        Proposal,
        ProposalTerms,
        SymbolLock,
        SymbolName,
        Trade,
        Trip,
    )
}


def encoded(value: Any) -> Any:
    """Return `value` in what JSON has."""
    if is_dataclass(value) and not isinstance(value, type):
        known = {part.name: encoded(getattr(value, part.name)) for part in fields(value)}
        return {"kind": type(value).__name__, "fields": known}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return {"kind": "moment", "at": value.isoformat()}
    if isinstance(value, date):
        return {"kind": "day", "on": value.isoformat()}
    if isinstance(value, Mapping):
        return {"kind": "map", "items": {str(key): encoded(part) for key, part in value.items()}}
    if isinstance(value, list | tuple):
        return [encoded(part) for part in value]
    return value


def decoded(value: Any) -> Any:
    """Return what `encoded` was given; `ValueError` for what it never wrote."""
    if isinstance(value, list):
        return [decoded(part) for part in value]
    if not isinstance(value, dict):
        return value
    kind = str(value.get("kind"))
    if kind == "moment":
        return datetime.fromisoformat(value["at"])
    if kind == "day":
        return date.fromisoformat(value["on"])
    if kind == "map":
        return {key: decoded(part) for key, part in value["items"].items()}
    if kind not in _KINDS:
        raise ValueError(f"kind {kind!r}: expected one of {', '.join(_KINDS)}")
    made = _KINDS[kind]
    types_of = _types(kind)
    return made(**{name: _typed(types_of[name], decoded(part)) for name, part in value["fields"].items()})


@cache
def _types(kind: str) -> dict[str, Any]:
    try:
        return get_type_hints(_KINDS[kind])
    except (NameError, TypeError):  # the type of a payload is only a name at run time, and needs no conversion
        return {part.name: Any for part in fields(_KINDS[kind])}


def _typed(wanted: Any, value: Any) -> Any:
    """Give an enum or a tuple its type back; everything else has it."""
    if value is None:
        return None
    if get_origin(wanted) in (Union, types.UnionType):
        wanted = next((part for part in get_args(wanted) if part is not type(None)), Any)
    if isinstance(wanted, type) and issubclass(wanted, Enum):
        return wanted(value)
    if (get_origin(wanted) is tuple or wanted is tuple) and isinstance(value, Sequence):
        return tuple(value)
    return value
