"""Chains to examine, and what an attacker does to them: rows of the log, lines of the mirror, or both."""

from __future__ import annotations

import hashlib
import json
import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from kis_daemon.domain.chain import (
    ADOPTED,
    ANCHOR,
    GENESIS,
    Broken,
    Examination,
    Report,
    Row,
    line_of,
    link_hash,
    row_hash,
)

NAMES = ("event_id", "timestamp", "event_type", "correlation_id", "actor", "payload_json", "prev_hash", "hash")
_FIRST = datetime(2026, 3, 2, 22, 30, tzinfo=UTC)
_KINDS = ("signal_raised", "order_requested", "order_submitted", "order_filled", "position_opened", "gate_changed")


@dataclass
class Log:
    """A log and its mirror as the daemon makes them. `heads` are the anchors that a person was told."""

    rows: list[Row] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)
    adopted: dict[int, str] = field(default_factory=dict)
    _head: str = GENESIS
    _count: int = 0
    _seal: str = ""

    def copy(self) -> Log:
        return Log(list(self.rows), list(self.lines), list(self.heads), dict(self.adopted))

    def at(self) -> str:
        moment = _FIRST + timedelta(seconds=7 * len(self.rows), microseconds=len(self.rows))
        return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def add(self, kind: str, payload: Mapping[str, object], *, actor: str = "engine", correlation: str = "") -> None:
        text = json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        at, number = self.at(), len(self.rows) + 1
        own = link_hash(self._head, at, kind, correlation, text)
        row = (number, at, kind, correlation, actor, text, self._head, own)
        self.rows.append(row)
        self.lines.append(line_of(row))
        self._head = own
        self._count += 1
        self._seal += f"{number}|{actor}\n"

    def add_anchor(self) -> None:
        seal, self._seal = hashlib.sha256(self._seal.encode()).hexdigest(), ""
        self.heads.append(self._head)
        told = {"beside": seal, "count": self._count, "event_id": len(self.rows), "head": self._head, "occasion": "x"}
        self.add(ANCHOR, told)

    def add_by_hand(self) -> int:
        """Add a row as an operator does; nobody vouches for it yet."""
        number = len(self.rows) + 1
        at = self.at()[:19].replace("T", " ")  # as SQL's own `now` writes it
        self.rows.append((number, at, "kill_switch_deactivated", None, "operator", '{"reason": "a\\"b"}', None, None))
        return number

    def adopt(self, number: int) -> None:
        row = self.rows[number - 1]
        self.adopted[number] = row_hash(row)
        self.lines.append(line_of(row))
        self.add(ADOPTED, {"event_id": number, "row_hash": self.adopted[number]})


def a_log(chance: random.Random, count: int, *, tail: int | None = None) -> Log:
    """Return a log of about `count` rows with anchors and adopted rows; the last `tail` stand behind every anchor."""
    log = Log()
    log.add("daemon_started", {"mode": "PAPER"}, actor="engine")
    log.add_anchor()
    for _ in range(count - 3):
        if chance.random() < 0.04:
            log.add_anchor()
        elif chance.random() < 0.05:
            waiting = log.add_by_hand()
            for _ in range(chance.randrange(3)):
                log.add("gate_changed", {"gate": "OPEN"})
            log.adopt(waiting)
        else:
            payload = {"quantity": chance.randrange(1, 500), "name": "삼성전자", "pct": chance.random(), "last": None}
            actor = chance.choice(("engine", "engine", "operator"))
            log.add(chance.choice(_KINDS), payload, actor=actor, correlation=f"c{chance.randrange(9)}")
    log.add_anchor()
    for _ in range(chance.randrange(6) if tail is None else tail):
        log.add("gate_changed", {"gate": chance.choice(("OPEN", "EXIT_ONLY"))})
    return log


def examined(log: Log, heads: tuple[str, ...] = ()) -> Report:
    examination = Examination(log.lines, heads)
    examination.follow(log.rows)
    return examination.report(log.adopted.items())


# --- what an attacker does ----------------------------------------------------------------------------------------

Change = Callable[[random.Random, list[Row]], list[Row]]


def edited(chance: random.Random, rows: list[Row]) -> list[Row]:
    """Change one value of one row."""
    index = chance.randrange(len(rows))
    row: list[object] = list(rows[index])
    place = chance.randrange(len(NAMES))
    row[place] = _other(chance, row[place], NAMES[place], len(rows))
    return sorted([*rows[:index], tuple(row), *rows[index + 1 :]], key=lambda row: row[0])  # type: ignore[list-item]


def _other(chance: random.Random, value: object, name: str, count: int) -> object:
    if name == "event_id":
        assert isinstance(value, int)
        return value + count + chance.randrange(1, 9) if chance.random() < 0.5 else -chance.randrange(1, 9)
    if value is None:
        return chance.choice(("", "x", GENESIS)) if name != "correlation_id" else "x"
    text = str(value)
    match chance.randrange(4):
        case 0 if text:
            at = chance.randrange(len(text))
            return text[:at] + chr((ord(text[at]) - 32 + chance.randrange(1, 94)) % 94 + 33) + text[at + 1 :]
        case 1 if text:
            at = chance.randrange(len(text))
            return text[:at] + text[at + 1 :]
        case 2:
            at = chance.randrange(len(text) + 1)
            return f"{text[:at]}{chance.choice(' 0aA')}{text[at:]}"
    return text + chance.choice((" ", "0", "}"))


def deleted(chance: random.Random, rows: list[Row]) -> list[Row]:
    """Take out one row or a few, but not those at the very end."""
    first = chance.randrange(len(rows) - 1)
    last = min(first + chance.choice((1, 1, 1, 2, 5)), len(rows) - 1)
    return rows[:first] + rows[last:]


def reordered(chance: random.Random, rows: list[Row]) -> list[Row]:
    """Exchange the contents of two rows; their numbers stay where they were."""
    one, two = sorted(chance.sample(range(len(rows)), 2))
    changed = list(rows)
    changed[one] = (rows[one][0], *rows[two][1:])
    changed[two] = (rows[two][0], *rows[one][1:])
    return changed


def cut(chance: random.Random, rows: list[Row]) -> list[Row]:
    """Take off the end."""
    return rows[: chance.randrange(len(rows))]


CHANGES: Mapping[str, Change] = {"edit": edited, "delete": deleted, "reorder": reordered, "cut": cut}
PLACES = ("database", "mirror", "both")


def mirrored(rows: list[Row]) -> list[str]:
    """Return the mirror that would fit these rows: what somebody leaves behind who changes both."""
    loose = {row[0]: row for row in rows if row[6] is None}
    lines = []
    for row in rows:
        if row[6] is None:
            continue
        if row[2] == ADOPTED and (adopted := loose.get(_adopted_by(row))) is not None:
            lines.append(line_of(adopted))
        lines.append(line_of(row))
    return lines


def _adopted_by(row: Row) -> int:
    try:
        told = json.loads(row[5])["event_id"]
    except (ValueError, KeyError, TypeError):
        return 0
    return told if isinstance(told, int) else 0


def _changed_lines(chance: random.Random, how: str, lines: list[str]) -> list[str]:
    """Return the lines after a change of the text itself."""
    match how:
        case "delete" | "reorder":
            numbered: list[Row] = [(number, "", "", "", "", line, "", "") for number, line in enumerate(lines)]
            return [row[5] for row in CHANGES[how](chance, numbered)]
        case "cut":
            text = "".join(lines)
            return text[: chance.randrange(len(text))].splitlines(keepends=True)
    index = chance.randrange(len(lines))
    line = _other(chance, lines[index], "", 0)
    return "".join([*lines[:index], str(line), *lines[index + 1 :]]).splitlines(keepends=True)


def attacked(chance: random.Random, log: Log, how: str, where: str) -> Log:
    """Return the log after somebody has changed it."""
    changed = log.copy()
    if where == "mirror":
        changed.lines = _changed_lines(chance, how, log.lines)
        return changed
    changed.rows = CHANGES[how](chance, log.rows)
    if where == "both":
        changed.lines = mirrored(changed.rows)
        left = {_adopted_by(row) for row in changed.rows if row[2] == ADOPTED}
        changed.adopted = {number: told for number, told in log.adopted.items() if number in left}
    return changed


def means_the_same(one: Log, two: Log) -> bool:
    """Whether nothing was changed: an operator's moment may be spelled in more than one way."""
    if one.lines != two.lines or len(one.rows) != len(two.rows):
        return len(one.rows) == len(two.rows) and all(map(_is_the_same_row, one.rows, two.rows))
    return one.rows == two.rows


def _is_the_same_row(one: Row, two: Row) -> bool:
    return one == two or (one[6] is two[6] is None and one[7] is two[7] is None and row_hash(one) == row_hash(two))


def verdict(log: Log, heads: tuple[str, ...] = ()) -> Report | Broken:
    try:
        return examined(log, heads)
    except Broken as broken:
        return broken


def judged(before: Log, after: Log) -> str:
    """Return how the change was met: by its first difference's name, as "unanchored", or as "UNSEEN"."""
    told = verdict(after)
    if isinstance(told, Broken):
        return told.code
    # Only what stands behind the last anchor that is left, and that anchor's own number, can change without a word.
    kept = max((place for place, row in enumerate(after.rows) if row[2] == ANCHOR), default=-1)
    same = after.rows[: max(kept, 0)] == before.rows[: max(kept, 0)]
    anchors = [rows[kept][1:] if kept >= 0 else None for rows in (before.rows, after.rows)]
    says = told.anchored_at == (None if kept < 0 else after.rows[kept][1])
    return "unanchored" if same and anchors[0] == anchors[1] and says else "UNSEEN"


def campaign(seed: int, count: int, log_size: int = 60) -> Counter[str]:
    """Try `count` changes of many logs; return how they were met. "UNSEEN" must not be among them."""
    chance = random.Random(seed)
    met: Counter[str] = Counter()  # by the name of the first difference
    while met.total() < count:
        log = a_log(chance, chance.randrange(8, log_size))
        for _ in range(min(50, count - met.total())):
            how, where = chance.choice(list(CHANGES)), chance.choice(PLACES)
            after = attacked(chance, log, how, where)
            while after == log or (where != "mirror" and means_the_same(log, after)):
                after = attacked(chance, log, how, where)
            answer = judged(log, after)
            if answer == "unanchored" and _reaches_an_anchor(log, after):
                assert isinstance(verdict(after, tuple(log.heads)), Broken), "an anchor from outside was not missed"
            if answer == "UNSEEN":
                raise AssertionError(f"seed {seed}, change {met.total()}: {how} of {where} was not seen")
            met[answer] += 1
    return met


def _reaches_an_anchor(before: Log, after: Log) -> bool:
    """Whether what is gone goes back beyond an anchor that a person was told."""
    left = {row[7] for row in after.rows}
    return any(head not in left for head in before.heads)
