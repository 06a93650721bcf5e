"""The pause: entries wait until a person lets them go on; exits never wait (S4-B05).

It is a mark in the records, so that it outlives a restart and every process with the database can set it.
"""

from __future__ import annotations

import json
from datetime import datetime

from kis_daemon.domain.events import Event
from kis_daemon.ports import Rows
from kis_daemon.services.kill_switch import LONGEST_NAME, LONGEST_REASON, clean, words_missing
from kis_daemon.services.operator_answers import Declined, PauseView

PAUSE_MARK = "entries_paused"


def pause(rows: Rows, at: datetime, reason: str, by: str) -> PauseView | Declined:
    """Pause entries, in one transaction with the event; a second pause takes over reason and name."""
    return _change(rows, at, reason, by, paused=True)


def resume(rows: Rows, at: datetime, reason: str, by: str) -> PauseView | Declined:
    """Let entries pass again."""
    return _change(rows, at, reason, by, paused=False)


def pause_of(text: str) -> PauseView:
    """Return the pause that stands in the mark; nothing written is no pause, what cannot be read is one."""
    if not text:
        return PauseView(paused=False)
    try:
        kept = json.loads(text)
        return PauseView(
            paused=bool(kept["paused"]),
            reason=str(kept["reason"]),
            by=str(kept["by"]),
            since=datetime.fromisoformat(kept["since"]),
        )
    except (ValueError, KeyError, TypeError):
        return PauseView(paused=True, reason="the mark entries_paused cannot be read", by="engine")


def current(rows: Rows) -> PauseView:
    return pause_of(rows.mark(PAUSE_MARK) or "")


def _change(rows: Rows, at: datetime, reason: str, by: str, *, paused: bool) -> PauseView | Declined:
    if (missing := words_missing(reason, by)) is not None:
        return missing
    view = PauseView(paused=paused, reason=clean(reason, LONGEST_REASON), by=clean(by, LONGEST_NAME), since=at)
    rows.set_mark(PAUSE_MARK, mark_of(view))
    rows.append(
        Event(
            at=at,
            type="trading_paused" if paused else "trading_resumed",
            actor=view.by,
            correlation_id="manual-trading-pause",
            payload={"reason": view.reason, "by": view.by},
        )
    )
    return view


def mark_of(view: PauseView) -> str:
    """Return the text that stands in the mark for `view`."""
    assert view.since is not None
    kept = {"paused": view.paused, "reason": view.reason, "by": view.by, "since": view.since.isoformat()}
    return json.dumps(kept, sort_keys=True)
