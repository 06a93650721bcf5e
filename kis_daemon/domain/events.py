"""Facts: what happened, in the order it happened, as the journal keeps them.

Rules of this room
    A fact has a constant snake_case past-tense name, the moment, the actor, the correlation and plain data.
    `canonical` is the one form that is hashed; two writers of the same fact make the same bytes.
    Measured durations, process ids, ports and commits are not facts of the trade and stand in the log only.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeAlias

Scalar: TypeAlias = "str | int | bool | float | None"
Payload: TypeAlias = "Mapping[str, Scalar | list[Scalar] | list[dict[str, Scalar]] | dict[str, Scalar]]"

_compact = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode

GENESIS_HASH = "0" * 64
"""`prev_hash` of the first event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One fact. `at` is aware; `actor` is the room or the person; `correlation_id` may be empty."""

    at: datetime
    type: str
    actor: str = "engine"
    correlation_id: str = ""
    payload: Payload = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.at.tzinfo is None:
            raise ValueError(f"event {self.type}: a naive time {self.at} was given, expected an aware one")


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorEvent:
    """A row that a person put into `event_log` by SQL: outside of the chain until an `event_adopted` names its hash.

    `at` is whatever text stands in the column; a moment in any usual form is one text for all databases.
    """

    event_id: int
    at: str
    type: str
    actor: str
    correlation_id: str
    payload_json: str

    def row_hash(self) -> str:
        """Return the hash of the row as it stands (hex SHA-256 over a JSON list)."""
        try:
            moment = datetime.fromisoformat(self.at)
            moment = moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
            at = moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        except (ValueError, OverflowError):
            at = self.at
        row = [self.event_id, at, self.type, self.actor, self.correlation_id, self.payload_json]
        return hashlib.sha256(json.dumps(row, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()


def canonical(event: Event) -> str:
    """Return the event as the text that is hashed: UTC microseconds, type, correlation, key-sorted compact JSON."""
    at = event.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return "\n".join((at, event.type, event.correlation_id, _compact(dict(event.payload))))


def payload_in(text: str) -> str:
    """Return the payload of a canonical text, as it is kept: JSON holds no line end of its own."""
    return text.rpartition("\n")[2]


def chain_hash(prev_hash: str, event: Event) -> str:
    """Return the hash of `event` behind `prev_hash` (hex SHA-256)."""
    return linked(prev_hash, canonical(event))


def linked(prev_hash: str, text: str) -> str:
    """Return the hash of an event whose canonical text is known."""
    return hashlib.sha256(f"{prev_hash}\n{text}".encode()).hexdigest()
