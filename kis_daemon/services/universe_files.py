"""The universe on disk: the cache of the day, and why each candidate stayed or went, day by day.

    universe_cache.json          `date`, `stocks`, `selection_method`, and for which rules and venue they were selected
    universe/YYYYMMDD.json       the explanation of that day

Rules of this room (S3-U20, U22, U23; S3-X09)
    A cache holds for its date, method, rules and venue, and for nothing else; what is unreadable counts as absent.
    Files are written whole under another name, readable by the daemon's user alone, then renamed. What cannot be
    written is logged and costs the cache, not the day.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

import structlog

from kis_daemon.domain.market import Symbol
from kis_daemon.domain.universe import Selection, SelectionMethod, UniverseRules, constrained

log = structlog.get_logger("universe")

CACHE = "universe_cache.json"
FOLDER = "universe"
_KEPT = timedelta(days=30)


class Miss(StrEnum):
    """Why the cache does not say what to watch."""

    OFF_SESSION = "off_session"
    NO_CACHE = "no_cache"
    UNREADABLE = "unreadable"
    OTHER_DAY = "other_day"
    OTHER_VENUE = "other_venue"
    METHOD_CHANGED = "method_changed"
    RULES_CHANGED = "rules_changed"


class UniverseFiles:
    """The files in `folder`; `venue` is whose market they tell of. Without a folder nothing outlives the process."""

    def __init__(self, folder: Path | None, venue: str = "") -> None:
        self._folder = folder
        self._venue = venue
        self._kept: dict[str, Any] | None = None
        self._reports: dict[date, dict[str, Any]] = {}

    @property
    def cache_file(self) -> str:
        """Where the cache stands, for the log."""
        return "" if self._folder is None else str(self._folder / CACHE)

    @property
    def folder(self) -> Path | None:
        """The folder of what is kept day by day."""
        return None if self._folder is None else self._folder / FOLDER

    def cached(self, day: date, rules: UniverseRules) -> tuple[Symbol, ...] | Miss:
        """Return what was selected for `day` by these rules (empty where nobody passed), or why nothing is known."""
        told = self._kept if self._folder is None else read_whole(self._folder / CACHE)
        if told is None:
            return Miss.NO_CACHE
        try:
            symbols = constrained(told["stocks"], rules.max_stocks)
            of, method = date.fromisoformat(told["date"]), SelectionMethod(told["selection_method"])
        except (KeyError, TypeError, ValueError):
            return Miss.UNREADABLE
        if of != day:
            return Miss.OTHER_DAY
        if told.get("venue") != self._venue:
            return Miss.OTHER_VENUE
        if method is not rules.selection_method:
            return Miss.METHOD_CHANGED
        if told.get("rules") != rules.fingerprint:
            return Miss.RULES_CHANGED
        return symbols

    def keep(self, selection: Selection, rules: UniverseRules, at: datetime) -> None:
        """Keep `selection` as the cache of its day, and its explanation. Nobody is an answer too, and kept as one."""
        cache: dict[str, Any] = {
            "date": selection.day.isoformat(),
            "stocks": list(selection.symbols),
            "selection_method": selection.method.value,
            "selected_at": at.isoformat(timespec="seconds"),
            "rules": rules.fingerprint,
            "venue": self._venue,
        }
        report = cache | {
            "pool": rules.candidate_pool_mode.value if rules.is_automatic else "stocks",
            "stages": [asdict(stage) for stage in selection.stages],
            "candidates": [asdict(verdict) for verdict in selection.verdicts],
        }
        if self._folder is None:
            self._kept, self._reports[selection.day] = cache, report
            return
        try:
            write_whole(self._folder / FOLDER / f"{selection.day:%Y%m%d}.json", report)
            write_whole(self._folder / CACHE, cache)
            prune(self._folder / FOLDER, "", selection.day - _KEPT)
        except OSError as error:
            log.warning("universe_not_kept", file=self.cache_file, reason=str(error))

    def report(self, day: date) -> Mapping[str, Any] | None:
        """Return why each candidate of `day` stayed or went, None where nobody selected for that day."""
        if self._folder is None:
            return self._reports.get(day)
        told = read_whole(self._folder / FOLDER / f"{day:%Y%m%d}.json")
        return told if told and told.get("venue") == self._venue else None


def write_whole(path: Path, content: Mapping[str, Any]) -> None:
    """Write `content` as JSON in one step, with mode 0600; may raise `OSError`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.new")
    with contextlib.suppress(FileNotFoundError):
        draft.unlink()  # left by a crash; its mode is not ours to trust
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(content, file, ensure_ascii=False, separators=(",", ":"))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def prune(folder: Path, prefix: str, before: date) -> None:
    """Delete the files `<prefix>YYYYMMDD.json` of days before `before`."""
    for file in sorted(folder.glob(f"{prefix}[0-9]*.json")):
        digits = file.stem.removeprefix(prefix)
        if len(digits) == 8 and digits.isdigit() and digits < f"{before:%Y%m%d}":
            file.unlink(missing_ok=True)


def read_whole(path: Path) -> dict[str, Any] | None:
    """Return what `write_whole` wrote; None where there is no such file, an empty mapping where it is no such thing."""
    try:
        told = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}
