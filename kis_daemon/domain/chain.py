"""The chain, examined: whether the facts that lie before us are those that were written.

Rules of this room
    Nothing but the standard library, not even of our own house: this one file can be copied out and run alone,
    `python chain.py audit_20260303.json audit_20260304.json`, or as `python -m kis_daemon.domain.chain FILE...`.
    A row counts when its hash follows from its text and the hash before it; texts are compared as they stand, to the
    byte. What the hash leaves out (number and actor of a row) is sealed by the next anchor.
    A row that an operator inserted has no place in the chain; an `event_adopted` vouches for it by its hash.
    The first difference ends the examination, and is named. What lies behind the last anchor could have been cut off
    in every place at once; it is called unanchored.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

Row: TypeAlias = "tuple[int, str, str, str | None, str, str, str | None, str | None]"
"""event_id, moment (UTC, `2026-03-03T00:00:10.000000Z`), type, correlation id, actor, payload as JSON text,
prev_hash, hash; the last two are None in a row that an operator inserted."""

GENESIS = "0" * 64
ANCHOR = "audit_anchored"
ADOPTED = "event_adopted"

_TEXT = r'"([^"\\]*(?:\\.[^"\\]*)*)"'
_LINE = re.compile(
    rf'\{{"event_id":(\d{{1,19}}),"timestamp":{_TEXT},"event_type":{_TEXT},"correlation_id":{_TEXT},"actor":{_TEXT},'
    r'"prev_hash":(?:"([0-9a-f]{64})","hash":"([0-9a-f]{64})","payload":(.*)|'
    rf'null,"hash":"[0-9a-f]{{64}}","payload_json":{_TEXT})\}}\n'
)
_quoted = json.encoder.encode_basestring  # what `json.dumps(text, ensure_ascii=False)` comes to, at a tenth of its cost


class Broken(Exception):
    """The first difference: what kind, and its numbers."""

    def __init__(self, code: str, **data: object) -> None:
        super().__init__(f"{code}: {', '.join(f'{name}={value}' for name, value in data.items())}")
        self.code = code
        self.data = data


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was found in order. `anchored_at` is the moment of the last anchor, None where there is none; `tail` is
    how many facts stand behind it. `unadopted` are the rows that nobody vouches for yet."""

    events: int
    adopted: int
    unadopted: tuple[int, ...]
    head: str
    last_id: int
    last_at: str
    anchors: int
    anchored_at: str | None
    tail: int


def link_hash(prev_hash: str, at: str, kind: str, correlation_id: str, payload: str) -> str:
    """Return the hash of a fact behind `prev_hash`; the same as `domain.events.chain_hash`."""
    return hashlib.sha256(f"{prev_hash}\n{at}\n{kind}\n{correlation_id}\n{payload}".encode()).hexdigest()


def row_hash(row: Row) -> str:
    """Return the hash of an operator's row; the same as `domain.events.OperatorEvent.row_hash`."""
    event_id, at, kind, correlation_id, actor, payload, _, _ = row
    try:
        moment = datetime.fromisoformat(at)
        at = moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    except (ValueError, OverflowError):
        pass
    told = [event_id, at, kind, actor, correlation_id or "", payload]
    text = json.dumps(told, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()


def line_of(row: Row) -> str:
    """Return the row as one line of the mirror."""
    event_id, at, kind, correlation_id, actor, payload, prev_hash, own = row
    front = (
        f'{{"event_id":{event_id},"timestamp":{_quoted(at)},"event_type":{_quoted(kind)},'
        f'"correlation_id":{_quoted(correlation_id or "")},"actor":{_quoted(actor)}'
    )
    if prev_hash is None:
        return f'{front},"prev_hash":null,"hash":"{row_hash(row)}","payload_json":{_quoted(payload)}}}\n'
    return f'{front},"prev_hash":"{prev_hash}","hash":"{own}","payload":{payload}}}\n'


def row_of(line: str) -> Row | None:
    """Return the row that a line of the mirror tells, or None where the mirror never wrote such a line."""
    found = _LINE.fullmatch(line)
    if found is None:
        return None
    number, at, kind, correlation_id, actor, prev_hash, own, payload, text = found.groups()
    if "\\" in line:
        try:
            at, kind, correlation_id, actor = (json.loads(f'"{part}"') for part in (at, kind, correlation_id, actor))
            text = None if text is None else json.loads(f'"{text}"')
        except ValueError:
            return None
    row = (int(number), at, kind, correlation_id, actor, text if payload is None else payload, prev_hash, own)
    return row if line_of(row) == line else None  # the same in another spelling is another line


def rows_of(lines: Iterable[str]) -> Iterator[Row]:
    """Yield the rows of a mirror; `Broken` at a line that is none."""
    for number, line in enumerate(lines, 1):
        row = row_of(line)
        if row is None:
            raise Broken("line_unreadable", line=number)
        yield row


class Examination:
    """Follows rows from the first one on, and beside them, line by line, a mirror where one is given.

    `heads` are anchors known from outside (a log, a message): hashes that the chain must reach. `is_mirror` says that
    the rows are a mirror's own, where an operator's row stands right before the fact that adopts it. `is_stretch`:
    the rows begin anywhere in the chain, and nothing is known of what was before.
    """

    def __init__(
        self,
        mirror: Iterable[str] | None = None,
        heads: Iterable[str] = (),
        *,
        is_mirror: bool = False,
        is_stretch: bool = False,
    ) -> None:
        self._mirror = None if mirror is None else iter(mirror)
        self._line = 0
        self._heads = dict.fromkeys((head for head in heads if head != GENESIS), False)
        self._is_mirror = is_mirror
        self._is_stretch = is_stretch
        self._head = GENESIS
        self._last_at = ""
        self._count = 0
        self._loose: dict[int, Row] = {}
        self._last_loose = 0
        self._waiting: int | None = None
        self._adopted: dict[int, str] = {}
        self._owed: dict[int, str] = {}
        self._beside = hashlib.sha256()
        self._anchors = 0
        self._anchored_at: str | None = None
        self._anchored_count = 0
        self.last_id = 0

    def follow(self, rows: Iterable[Row]) -> None:
        """Take further rows, in the order of their numbers; `Broken` at the first difference."""
        mirror, heads, sha256, beside = self._mirror, self._heads, hashlib.sha256, self._beside
        head, last_id, count, last_at = self._head, self.last_id, self._count, self._last_at
        for row in rows:
            event_id, at, kind, correlation_id, actor, payload, prev_hash, own = row
            if prev_hash is None:
                self._put_aside(row, last_id)
                continue
            if event_id <= last_id:
                raise Broken("not_in_order", event_id=event_id, behind=last_id)
            last_id = event_id
            if prev_hash != head and not (self._is_stretch and count == 0):
                raise Broken("link_broken", event_id=event_id, at=at, event=kind)
            text = f"{prev_hash}\n{at}\n{kind}\n{correlation_id}\n{payload}"
            if own is None or sha256(text.encode(errors="replace")).hexdigest() != own:
                raise Broken("row_changed", event_id=event_id, at=at, event=kind)
            if kind == ANCHOR:
                self._meet_anchor(row, count)
                beside = self._beside
            elif kind == ADOPTED:
                self._adopt(row)
            if self._waiting is not None:
                raise Broken("row_out_of_place", event_id=self._waiting)
            beside.update(f"{event_id}|{actor}\n".encode(errors="replace"))
            count += 1
            head, last_at = own, at
            if heads and own in heads:
                heads[own], self._anchored_at, self._anchored_count = True, at, count
            if mirror is not None:
                self._line += 1
                line = next(mirror, "")
                if line != line_of(row):
                    self._name_line(row, line)
        self._head, self.last_id, self._count, self._last_at = head, last_id, count, last_at

    @property
    def last_seen(self) -> int:
        """The number of the last row that was taken, of whichever kind."""
        return max(self.last_id, self._last_loose)

    def report(self, adoptions: Iterable[tuple[int, str]] | None = None) -> Report:
        """Return what was found once all rows were followed; `Broken` where something is missing in the end.

        `adoptions` is the database's own list of adopted rows.
        """
        for event_id, told in self._adopted.items():
            self._vouch(event_id, told)
        for event_id, line in self._owed.items():  # vouched for above, so it is there
            if line_of(self._loose[event_id]) != line:
                raise Broken(
                    "mirror_differs", line=0, event_id=event_id, at=self._last_at, event=ADOPTED, what="payload"
                )
        if adoptions is not None:
            listed = dict(adoptions)
            for event_id in sorted({*listed, *self._adopted}):
                if listed.get(event_id) != self._adopted.get(event_id):
                    raise Broken("adoption_differs", event_id=event_id)
        unadopted = tuple(sorted(self._loose.keys() - self._adopted.keys()))
        if self._waiting is not None:
            raise Broken("row_out_of_place", event_id=self._waiting)
        if self._mirror is not None and (line := next(self._mirror, "")):
            more = row_of(line)
            if more is None:
                raise Broken("line_unreadable", line=self._line + 1)
            raise Broken("database_short", event_id=more[0], at=more[1], event=more[2], last=self.last_id)
        missing = [head for head, is_met in self._heads.items() if not is_met]
        if missing:
            raise Broken("anchor_missing", head=missing[0], last=self.last_id, at=self._last_at)
        return Report(
            events=self._count,
            adopted=len(self._adopted),
            unadopted=unadopted,
            head=self._head,
            last_id=self.last_id,
            last_at=self._last_at,
            anchors=self._anchors,
            anchored_at=self._anchored_at,
            tail=self._count - self._anchored_count,
        )

    def _put_aside(self, row: Row, last_id: int) -> None:
        """Keep an operator's row until somebody vouches for it."""
        if self._waiting is not None:
            raise Broken("row_out_of_place", event_id=self._waiting)
        if row[7] is not None:
            raise Broken("row_changed", event_id=row[0], at=row[1], event=row[2])
        if self._is_mirror:
            self._waiting = row[0]
        elif row[0] <= max(last_id, self._last_loose):
            raise Broken("not_in_order", event_id=row[0], behind=last_id)
        self._last_loose = row[0]
        self._loose[row[0]] = row

    def _meet_anchor(self, row: Row, count: int) -> None:
        """Hold the anchor against what was followed since the one before it."""
        told = _mapping(row[5])
        found = {"head": row[6], "count": count, "beside": self._beside.hexdigest()}
        for name, value in found.items():
            if self._is_stretch and not self._anchors and name != "head":
                continue  # what it counts and seals began before
            if self._is_stretch and name == "count":
                continue
            if told.get(name) != value:
                raise Broken("anchor_differs", event_id=row[0], at=row[1], what=name)
        if row[4] != "engine":  # the last anchor's own actor is sealed by nothing yet
            raise Broken("anchor_differs", event_id=row[0], at=row[1], what="actor")
        self._beside = hashlib.sha256()
        self._anchors += 1
        self._anchored_at, self._anchored_count = row[1], count + 1

    def _adopt(self, row: Row) -> None:
        told = _mapping(row[5])
        event_id, vouched = told.get("event_id"), told.get("row_hash")
        if not isinstance(event_id, int) or not isinstance(vouched, str):
            raise Broken("row_changed", event_id=row[0], at=row[1], event=row[2])
        self._adopted[event_id] = vouched
        if self._is_mirror and self._waiting != event_id:
            raise Broken("adopted_row_missing", event_id=event_id)
        self._waiting = None
        if event_id in self._loose:
            self._vouch(event_id, vouched)
        if self._mirror is not None:
            self._line += 1
            line = next(self._mirror, "")
            if event_id not in self._loose:
                self._owed[event_id] = line  # its number is behind that of its adoption; compared in the end
            elif line != line_of(self._loose[event_id]):
                self._name_line(self._loose[event_id], line)

    def _vouch(self, event_id: int, told: str) -> None:
        row = self._loose.get(event_id)
        if row is None:
            raise Broken("adopted_row_missing", event_id=event_id)
        if row_hash(row) != told:
            raise Broken("adopted_row_changed", event_id=event_id, at=row[1], event=row[2])

    def _name_line(self, row: Row, line: str) -> None:
        """Say how the mirror's `line` differs from `row`."""
        where = {"line": self._line, "event_id": row[0], "at": row[1], "event": row[2]}
        if not line:
            raise Broken("mirror_short", **where)
        told = row_of(line)
        if told is None:
            raise Broken("line_unreadable", line=self._line)
        if told[0] != row[0] and told[7] == row[7]:
            raise Broken("mirror_differs", **where, what="event_id")
        if told[0] != row[0]:
            raise Broken("mirror_out_of_step", **where, mirrored=told[0])
        names = ("event_id", "timestamp", "event_type", "correlation_id", "actor", "payload", "prev_hash", "hash")
        what = next((name for name, ours, theirs in zip(names, row, told, strict=True) if ours != theirs), "payload")
        raise Broken("mirror_differs", **where, what=what)


def examined_file(lines: Iterable[str], heads: Iterable[str] = (), *, is_stretch: bool = False) -> Report:
    """Return what a mirror says on its own, without the database that it mirrors; `Broken` at its first difference."""
    examination = Examination(heads=heads, is_mirror=True, is_stretch=is_stretch)
    examination.follow(rows_of(lines))
    return examination.report()


def lines_of(files: Iterable[Path]) -> Iterator[str]:
    """Yield the lines of the files one after the other, as they stand."""
    for file in files:
        with file.open(encoding="utf-8", errors="replace", newline="\n") as lines:
            yield from lines


def _mapping(text: str) -> Mapping[str, object]:
    try:
        told = json.loads(text)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def main(arguments: Iterable[str]) -> int:
    """Examine the files of a mirror, oldest first, and say in one line what was found; 0 sound, 1 broken, 64 usage."""
    files = [Path(name) for name in arguments]
    if not files or not all(file.is_file() for file in files):
        sys.stderr.write("usage: chain.py audit_YYYYMMDD.json... (all files of the mirror, oldest first)\n")
        return 64
    try:
        report = examined_file(lines_of(files))
    except Broken as broken:
        sys.stdout.write(f"BROKEN {broken}\n")
        return 1
    since = report.anchored_at or "the beginning"
    sys.stdout.write(
        f"SOUND {report.events} events, head {report.head}, last {report.last_id} of {report.last_at}, "
        f"{report.tail} unanchored since {since}\n"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
