"""What a run has left behind, read as an operator reads it: by SQL, from JSON, from the lines of the log."""

import hashlib
import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

_GENESIS = "0" * 64


def rows(database: Path, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
    """Return what `sql` finds; nothing where there is no database or no table yet."""
    if not database.exists():
        return []
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=rw", uri=True, timeout=5)) as connection:
            return connection.execute(sql, values).fetchall()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return []
        raise


def write(database: Path, sql: str) -> None:
    """Let an operator's statement happen."""
    with closing(sqlite3.connect(database, timeout=5)) as connection, connection:
        connection.execute(sql)


def events(database: Path, *types: str) -> list[tuple[str, dict[str, Any]]]:
    """Return (type, payload) of the journal's facts, all or those of `types`, in their order."""
    found = rows(database, "SELECT event_type, payload_json FROM event_log ORDER BY event_id")
    return [(name, json.loads(payload)) for name, payload in found if not types or name in types]


def broken_links(database: Path) -> list[int]:
    """Return the journal's rows whose hash is not that of the row before and of what they say."""
    broken, previous = [], _GENESIS
    chain = "SELECT event_id, timestamp, event_type, correlation_id, payload_json, prev_hash, hash FROM event_log"
    for number, at, name, correlation, payload, before, digest in rows(database, f"{chain} ORDER BY event_id"):
        moment = datetime.fromisoformat(at).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        told = "\n".join((previous, moment, name, correlation, payload))
        if before != previous or digest != hashlib.sha256(told.encode()).hexdigest():
            broken.append(number)
        previous = digest
    return broken


def chain_head(database: Path) -> str:
    head: str = rows(database, "SELECT hash FROM event_log ORDER BY event_id DESC LIMIT 1")[0][0]
    return head


def summary_of(path: Path) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return summary


def log_lines(home: Path) -> list[dict[str, Any]]:
    """Return the records of the JSON log; each line has to be one."""
    return [json.loads(line) for line in (home / "logs" / "kis_daemon.jsonl").read_text("utf-8").splitlines()]
