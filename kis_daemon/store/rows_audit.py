"""The event log: the chain, its head, and the rows that an operator put beside it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import (
    ColumnElement,
    Connection,
    CursorResult,
    Executable,
    Row,
    String,
    and_,
    case,
    func,
    insert,
    select,
    type_coerce,
)

from kis_daemon.domain.calendar import KST
from kis_daemon.domain.events import GENESIS_HASH, Event, OperatorEvent, canonical, linked, payload_in
from kis_daemon.store import schema
from kis_daemon.store.rows_base import BaseRows

EventText: TypeAlias = "tuple[int, str, str, str | None, str, str, str | None, str | None]"
"""A row of the log as text: number, moment in UTC, type, correlation id, actor, payload, previous and own hash."""

_MARK = "\x1f"  # JSON escapes it, and no name has it
_ADOPTED_AT_ONCE = 100  # the rest comes with the next look

# Built once, not with every event
_LOG = schema.event_log
_APPEND = insert(_LOG).inline()
_HEAD = (
    select(_LOG.c.hash)
    .where(_LOG.c.prev_hash.is_not(None), _LOG.c.hash.is_not(None))
    .order_by(_LOG.c.event_id.desc())
    .limit(1)
)


def chained_event(event: Event, text: str, previous: str, following: str) -> dict[str, Any]:
    """Return the row of `event_log` for an event, its canonical text and the hashes on both sides of it."""
    return {
        "timestamp": event.at,
        "event_type": event.type,
        "correlation_id": event.correlation_id,
        "actor": event.actor,
        "payload_json": payload_in(text),
        "prev_hash": previous,
        "hash": following,
    }


class AuditRows(BaseRows):
    """The part of `ports.Rows` that deals with events. `last_link` is the last one appended: its two hashes.

    What is appended goes to the database in one statement: before the log is read, or by `finish`.
    """

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self.last_link: tuple[str, str] | None = None
        self._appended: list[dict[str, Any]] = []

    def append(self, event: Event) -> None:
        previous = self.chain_head()
        text = canonical(event)
        following = linked(previous, text)
        self.wrote = True
        self._appended.append(chained_event(event, text, previous, following))
        self.last_link = (previous, following)

    def finish(self) -> None:
        """Write what was appended; whoever began the transaction asks for it before the end."""
        if self._appended:
            self._write(_APPEND, self._appended)
            self._appended = []

    def _read_log(self, statement: Executable) -> CursorResult[*tuple[Any, ...]]:
        self.finish()
        return self._read(statement)

    def chain_head(self) -> str:
        if self.last_link is not None:
            return self.last_link[1]  # nobody else writes while this transaction does
        return self._read_log(_HEAD).scalar_one_or_none() or GENESIS_HASH

    def unadopted_events(self) -> tuple[OperatorEvent, ...]:
        log, adopted = schema.event_log, schema.adopted_events
        # The moment is read as text: an operator's own INSERT may hold anything.
        columns = (
            log.c.event_id,
            type_coerce(log.c.timestamp, String).label("at"),
            log.c.event_type,
            log.c.actor,
            log.c.correlation_id,
            log.c.payload_json,
        )
        rows = self._read_log(
            select(*columns)
            .outerjoin_from(log, adopted, log.c.event_id == adopted.c.event_id)
            .where(log.c.prev_hash.is_(None), adopted.c.event_id.is_(None))
            .order_by(log.c.event_id)
            .limit(_ADOPTED_AT_ONCE)
        )
        return tuple(
            OperatorEvent(
                event_id=row.event_id,
                at=str(row.at),
                type=row.event_type,
                actor=row.actor,
                correlation_id=row.correlation_id or "",
                payload_json=row.payload_json,
            )
            for row in rows
        )

    def adopt_events(self, at: datetime) -> tuple[OperatorEvent, ...]:
        found = self.unadopted_events()
        for row in found:
            row_hash = row.row_hash()
            self._write(insert(schema.adopted_events).values(event_id=row.event_id, row_hash=row_hash, adopted_at=at))
            self.append(
                Event(
                    at=at,
                    type="event_adopted",
                    correlation_id=row.correlation_id,
                    payload={"event_id": row.event_id, "row_hash": row_hash},
                )
            )
        return found

    def has_event(self, event: Event) -> bool:
        """Whether this very fact stands in the chain already."""
        log = schema.event_log
        payloads = self._read_log(
            select(log.c.payload_json).where(
                log.c.timestamp == event.at,
                log.c.event_type == event.type,
                log.c.correlation_id == event.correlation_id,
                log.c.prev_hash.is_not(None),
            )
        ).scalars()
        return any(json.loads(payload) == dict(event.payload) for payload in payloads)

    def last_event_at(self) -> datetime | None:
        log = schema.event_log
        row = self._read_log(
            select(log.c.timestamp).where(log.c.actor == "engine").order_by(log.c.event_id.desc()).limit(1)
        ).scalar_one_or_none()
        return None if row is None else row.astimezone(KST)

    def count_events(self) -> int:
        return int(self._read_log(select(func.count()).select_from(schema.event_log)).scalar_one())

    def events(self, after_id: int = 0) -> tuple[Row[Any], ...]:
        table = schema.event_log
        return tuple(self._read_log(select(table).where(table.c.event_id > after_id).order_by(table.c.event_id)))

    def event_texts(self, after_id: int = 0, limit: int = 10_000) -> list[EventText]:
        """Return the rows behind number `after_id` as they stand, unread and unchecked, for whoever examines them."""
        log = schema.event_log
        behind = (log.c.event_id > after_id, log.c.event_id, limit)
        if self._connection.dialect.name in ("mysql", "mariadb"):
            return self._texts_in_one(*behind)
        return self._texts_in_parts(*behind)

    def _texts_in_parts(self, which: ColumnElement[bool], order: ColumnElement[int], limit: int) -> list[EventText]:
        found = self._read_log(
            select(*_text_columns(self._connection.dialect.name)).where(which).order_by(order).limit(limit)
        )
        return [(number, _as_moment(at), *rest) for number, at, *rest in found]

    def _texts_in_one(self, which: ColumnElement[bool], order: ColumnElement[int], limit: int) -> list[EventText]:
        """As `_texts_in_parts`, one text a row: this driver reads field by field in Python, and so takes a third."""
        number, *parts = _text_columns("mysql")
        is_whole = and_(*(part.is_not(None) for part in parts))
        text = func.concat_ws(_MARK, *parts[:4], *parts[5:], parts[4], type_=String)  # the payload last
        found = self._read_log(
            select(number, case((is_whole, text), else_=None)).where(which).order_by(order).limit(limit)
        )
        texts = list[EventText]()
        for event_id, told in found:
            if told is None:  # an operator's
                texts += self._texts_in_parts(number == event_id, order, 1)
                continue
            at, kind, correlation_id, actor, previous, own, payload = told.split(_MARK, 6)
            texts.append((event_id, _as_moment(at), kind, correlation_id, actor, payload, previous, own))
        return texts

    def last_text(self, event_type: str) -> EventText | None:
        """Return the newest row of the chain of that type as it stands."""
        log = schema.event_log
        number = self._read_log(
            select(func.max(log.c.event_id)).where(log.c.event_type == event_type, log.c.prev_hash.is_not(None))
        ).scalar_one_or_none()
        return None if number is None else self.event_texts(number - 1, 1)[0]

    def adoptions(self) -> tuple[tuple[int, str], ...]:
        """Return the numbers of the adopted rows, each with the hash that was taken of it."""
        table = schema.adopted_events
        rows = self._read(select(table.c.event_id, table.c.row_hash).order_by(table.c.event_id))
        return tuple((row.event_id, row.row_hash) for row in rows)


def _text_columns(backend: str) -> tuple[ColumnElement[Any], ...]:
    """Return the columns of `EventText`, in its order."""
    log = schema.event_log
    named = (log.c.event_type, log.c.correlation_id, log.c.actor, log.c.payload_json, log.c.prev_hash, log.c.hash)
    return (log.c.event_id, _moment_text(backend), *named)


def _as_moment(at: str) -> str:
    """Return the text of a moment as it is hashed; one that is not as we write it stays what it is."""
    return f"{at[:10]}T{at[11:]}Z" if len(at) == 26 and at[10] == " " else at


def _moment_text(backend: str) -> ColumnElement[str]:
    """Return the column of the moment as text, to the microsecond."""
    column = schema.event_log.c.timestamp
    if backend == "sqlite":
        return type_coerce(column, String)  # the very text: an edit that reads as the same moment is an edit
    if backend == "postgresql":
        return func.to_char(column, "YYYY-MM-DD HH24:MI:SS.US", type_=String)
    return func.date_format(column, "%Y-%m-%d %H:%i:%s.%f", type_=String)
