"""What guards money besides the kill switch: symbol locks and the trips of the circuit breakers.

Rules of this room
    A row is open until it says how it ended. What an operator inserted by SQL is read like ours; a moment that is none
    is an end long ago, a breaker that is not named follows from the trigger.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import String, select, type_coerce, update

from kis_daemon.domain.breakers import Breaker, Trigger, Trip, breaker_of
from kis_daemon.domain.calendar import KST
from kis_daemon.domain.locks import LockScope, SymbolLock
from kis_daemon.domain.market import Symbol
from kis_daemon.store import schema
from kis_daemon.store.rows_base import BaseRows, same

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC).astimezone(KST)


class SafetyRows(BaseRows):
    """The part of `ports.Rows` that tells what is locked and what has tripped."""

    def symbol_locks(self) -> tuple[SymbolLock, ...]:
        newest = {(row.symbol, row.scope): row for row in self._read(_OPEN_LOCKS)}
        return tuple(
            SymbolLock(
                symbol=Symbol(row.symbol),
                scope=LockScope(row.scope),
                reason=row.reason,
                by=row.locked_by,
                since=_moment(row.since),
                expires_at=None if row.until is None else _moment(row.until),
            )
            for _, row in sorted(newest.items())
        )

    def lock_symbol(self, lock: SymbolLock) -> None:
        self.unlock_symbol(lock.symbol, lock.scope, lock.since, lock.by, "a newer lock")
        self._insert(
            schema.symbol_locks,
            {
                "symbol": lock.symbol,
                "scope": lock.scope.value,
                "reason": lock.reason,
                "locked_by": lock.by,
                "locked_at": lock.since,
                "expires_at": lock.expires_at,
            },
        )

    def unlock_symbol(self, symbol: Symbol, scope: LockScope, at: datetime, by: str, reason: str) -> bool:
        values = {"released_at": at, "released_by": by, "release_reason": reason}
        known = {"its_symbol": symbol, "its_scope": scope.value}
        return self._write(_UNLOCK, {**known, **values}).rowcount > 0

    def breaker_trips(self) -> tuple[Trip, ...]:
        newest = {trip.breaker: trip for _, trip in self._open_trips()}
        return tuple(trip for _, trip in sorted(newest.items()))

    def add_breaker_trip(self, trip: Trip) -> None:
        self.end_breaker_trips(trip.breaker, trip.at, "engine", "expired")
        hours = None if trip.until is None else (trip.until - trip.at).total_seconds() / 3600
        self._insert(
            schema.circuit_breaker_events,
            {
                "triggered_at": trip.at,
                "trigger_type": trip.trigger.value,
                "threshold_value": trip.threshold,
                "actual_value": trip.actual,
                "context_json": json.dumps({"breaker": trip.breaker.value}),
                "cooldown_hours": hours,
                "cooldown_expires_at": trip.until,
                "severity": "critical" if trip.breaker is Breaker.LOSS else "warning",
                "status": "active",
            },
        )

    def end_breaker_trips(self, breaker: Breaker, at: datetime, by: str, status: str) -> bool:
        known = [event_id for event_id, trip in self._open_trips() if trip.breaker is breaker]
        values = {"status": status, "resolved_at": at, "resolved_by": by}
        for event_id in known:
            self._update(schema.circuit_breaker_events, {"event_id": event_id}, values)
        return bool(known)

    def _open_trips(self) -> list[tuple[int, Trip]]:
        return [(row.event_id, _trip(row)) for row in self._read(_OPEN_TRIPS)]


def _trip(row: Any) -> Trip:
    trigger = Trigger(row.trigger_type)
    return Trip(
        breaker=_named(row.context_json) or breaker_of(trigger),
        trigger=trigger,
        at=_moment(row.since),
        until=None if row.until is None else _moment(row.until),
        threshold=row.threshold_value,
        actual=row.actual_value,
    )


def _named(context: str | None) -> Breaker | None:
    try:
        told = json.loads(context or "{}")
    except ValueError:
        return None
    name = told.get("breaker") if isinstance(told, dict) else None
    return Breaker(name) if name in tuple(Breaker) else None


def _moment(stored: object) -> datetime:
    try:
        return datetime.fromisoformat(str(stored)).replace(tzinfo=UTC).astimezone(KST)
    except ValueError:
        return _LONG_AGO


# Built once, not with every look. A moment is read as text: an operator's own INSERT may hold anything.
_LOCKS, _TRIPS = schema.symbol_locks, schema.circuit_breaker_events
_OPEN_LOCKS = (
    select(
        _LOCKS.c.symbol,
        _LOCKS.c.scope,
        _LOCKS.c.reason,
        _LOCKS.c.locked_by,
        type_coerce(_LOCKS.c.locked_at, String).label("since"),
        type_coerce(_LOCKS.c.expires_at, String).label("until"),
    )
    .where(_LOCKS.c.released_at.is_(None))
    .order_by(_LOCKS.c.lock_id)
)
_UNLOCK = update(_LOCKS).where(same(_LOCKS, ("symbol", "scope")), _LOCKS.c.released_at.is_(None))
_OPEN_TRIPS = (
    select(
        _TRIPS.c.event_id,
        _TRIPS.c.trigger_type,
        _TRIPS.c.threshold_value,
        _TRIPS.c.actual_value,
        _TRIPS.c.context_json,
        type_coerce(_TRIPS.c.triggered_at, String).label("since"),
        type_coerce(_TRIPS.c.cooldown_expires_at, String).label("until"),
    )
    .where(_TRIPS.c.status == "active")
    .order_by(_TRIPS.c.event_id)
)
