"""What a transaction wrote, as values: taken down beside it, kept as lines, and written again.

Rules of this room
    A write is a method of `Rows` and what it was given. One that changed nothing (the row was there) is none.
    The kill switch that a transaction read is taken down too: it is the last one known.
    Written again, a batch leaves no second trace: its last event, or the versions of its orders, tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kis_daemon.domain.safeguards import KillSwitch
from kis_daemon.ports import StaleVersion
from kis_daemon.store.codec import decoded, encoded
from kis_daemon.store.rows import SqlRows

# What a stop needs to know; memory repeats these, and forgets the rest.
MIRRORED = (
    "set_kill_switch",
    "claim_order",
    "save_order",
    "add_fill",
    "save_trade",
    "save_position",
    "save_levels",
    "close_position",
    "set_mark",
)
_WRITES = (
    *MIRRORED,
    "append",
    "add_proposal",
    "add_approval",
    "use_approval",
    "add_refused_request",
    "save_symbol_name",
    "add_account_snapshot",
    "save_day_summary",
)
SWITCH_SEEN = "switch_seen"
ORDER_KNOWN = "order_known"
_NOTHING_DONE = {"claim_order": False, "add_fill": False}  # what these return where a row was there already


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One write: the method of `Rows` and what it was given."""

    name: str
    args: tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What one transaction wrote. `maybe`: the database was asked to commit it, and may have."""

    writes: tuple[Write, ...]
    maybe: bool


class Listening:
    """Rows that take down what is written to them, and the kill switch that is read."""

    def __init__(self, rows: Any, writes: list[Write]) -> None:
        self._rows = rows
        self._writes = writes

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._rows, name)
        if name == "kill_switch":
            return lambda: self._seen(method())
        if name not in _WRITES:
            return method

        def written(*args: Any) -> Any:
            result = method(*args)
            if name not in _NOTHING_DONE or result is not _NOTHING_DONE[name]:
                self._writes.append(Write(name=name, args=args))
            return result

        return written

    def _seen(self, switch: KillSwitch) -> KillSwitch:
        self._writes.append(Write(name=SWITCH_SEEN, args=(switch,)))
        return switch


def merge(rows: SqlRows, batch: Batch) -> None:
    """Write a batch where it is not written: its last event, or its orders' versions, tell."""
    events = [write.args[0] for write in batch.writes if write.name == "append"]
    if events and rows.has_event(events[-1]):
        return
    for write in batch.writes:
        try:
            getattr(rows, write.name)(*write.args)
        except StaleVersion:
            stored = rows.order(write.args[0].key)
            if stored is None or stored.version < write.args[0].version:
                raise


def as_lines(writes: Sequence[Write]) -> list[list[Any]]:
    return [[write.name, encoded(list(write.args))] for write in writes]


def as_writes(lines: list[list[Any]]) -> tuple[Write, ...]:
    return tuple(Write(name=name, args=tuple(decoded(args))) for name, args in lines)
