"""The chain, examined: every change is seen, or is said to have been possible."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from kis_daemon.domain import chain
from kis_daemon.domain.chain import Broken, Report, Row, examined_file, line_of, link_hash, row_hash, row_of
from kis_daemon.domain.events import GENESIS_HASH, Event, OperatorEvent, chain_hash
from tests.domain.chains import CHANGES, PLACES, Log, a_log, attacked, campaign, examined, mirrored, verdict

AT = "2024-03-05T00:33:54.000120Z"


def a_small_log(seed: int = 1, count: int = 60, tail: int = 3) -> Log:
    return a_log(random.Random(seed), count, tail=tail)


# --- one form for those who write and those who examine --------------------------------------------------------------


@pytest.mark.parametrize("payload", [{}, {"b": 0.1, "a": ['x"\\', None]}, {"name": "삼성전자", "n": 10**15, "z": 1e-9}])
def test_a_facts_hash_is_the_journals(payload: dict[str, object]) -> None:
    event = Event(at=datetime.fromisoformat(AT), type="order_filled", correlation_id="c|1", payload=payload)  # type: ignore[arg-type]
    text = json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    assert link_hash(GENESIS_HASH, AT, "order_filled", "c|1", text) == chain_hash(GENESIS_HASH, event)
    assert chain.GENESIS == GENESIS_HASH


@pytest.mark.parametrize("at", ["2024-03-05 09:00:00", "2024-03-05 09:00:00.5+09:00", AT, "yesterday", ""])
@pytest.mark.parametrize("correlation", ["c1", None])
def test_an_operators_rows_hash_is_the_journals(at: str, correlation: str | None) -> None:
    told = OperatorEvent(
        event_id=7, at=at, type="t", actor="operator", correlation_id=correlation or "", payload_json='{"a": "ä"}'
    )

    assert row_hash((7, at, "t", correlation, "operator", '{"a": "ä"}', None, None)) == told.row_hash()


def test_the_line_of_a_fact_is_this_to_the_letter() -> None:
    row: Row = (3, AT, "order_filled", "c|1", "engine", '{"name":"삼성","n":1}', "a" * 64, "b" * 64)

    assert line_of(row) == (
        '{"event_id":3,"timestamp":"2024-03-05T00:33:54.000120Z","event_type":"order_filled","correlation_id":"c|1",'
        f'"actor":"engine","prev_hash":"{"a" * 64}","hash":"{"b" * 64}","payload":{{"name":"삼성","n":1}}}}\n'
    )


@pytest.mark.parametrize(
    "text", ["", "plain", 'quo"te', "back\\slash", "new\nline", "tab\t", "삼성 \u2028", "\x00\x7f"]
)
def test_a_line_is_json_and_tells_its_row_again(text: str) -> None:
    fact: Row = (3, AT, text, text, text, json.dumps({"t": text}), "a" * 64, "b" * 64)
    by_hand: Row = (4, text, text, text, text, text, None, None)

    for row in (fact, by_hand):
        line = line_of(row)
        assert line.count("\n") == 1
        assert json.loads(line)["event_id"] == row[0]
        assert row_of(line) == row


@pytest.mark.parametrize("other", ["", "{}\n", "torn", "\n"])
def test_what_the_mirror_never_wrote_is_no_row(other: str) -> None:
    assert row_of(other) is None


def test_the_same_fact_in_another_spelling_is_another_line() -> None:
    line = line_of((3, AT, "t", "", "engine", "{}", "a" * 64, "b" * 64))

    assert row_of(line.replace('"t"', '"\\u0074"')) is None
    assert row_of(line.replace('"event_id":3', '"event_id":03')) is None
    assert row_of(line.removesuffix("\n")) is None


# --- what is sound ---------------------------------------------------------------------------------------------------


def test_a_log_as_the_daemon_writes_it_is_sound() -> None:
    log = a_small_log(tail=3)

    report = examined(log, tuple(log.heads))

    assert report.events + report.adopted == len(log.rows)
    assert report.adopted == len(log.adopted) > 0
    assert report.unadopted == ()
    assert report.head == log.rows[-1][7]
    assert report.anchors == len(log.heads)
    assert report.anchored_at == log.rows[-4][1]
    assert report.tail == 3


def test_a_log_without_anchors_is_unanchored_from_its_beginning() -> None:
    log = Log()
    log.add("daemon_started", {})

    assert (examined(log).anchored_at, examined(log).tail) == (None, 1)
    assert verdict(Log()) == examined(Log())


def test_a_row_that_nobody_vouches_for_is_listed() -> None:
    log = a_small_log()
    number = log.add_by_hand()

    assert examined(log).unadopted == (number,)


def test_an_adopted_row_may_have_a_number_behind_its_adoption() -> None:
    log = a_small_log()
    number = log.add_by_hand()
    log.adopt(number)
    row = log.rows[number - 1]
    # numbered by the operator's own hand: the sequence of the database stays where it is
    moved: Row = (900, *row[1:])
    told = row_hash(moved)
    log = Log(log.rows[: number - 1], log.lines[:-2], log.heads, log.adopted)
    log._head = log.rows[-1][7] or ""
    log.adopted = {**{key: value for key, value in log.adopted.items() if key != number}, 900: told}
    log.lines.append(line_of(moved))
    log.add("event_adopted", {"event_id": 900, "row_hash": told})
    log.rows.append(moved)

    assert isinstance(verdict(log), Report)
    log.lines[-2] = log.lines[-2].replace("operator", "0perator")
    assert isinstance(verdict(log), Broken)


def test_a_mirror_is_examined_without_its_database() -> None:
    log = a_small_log()

    report = examined_file(log.lines, log.heads)

    assert (report.head, report.events) == (examined(log).head, examined(log).events)


# --- what is not -----------------------------------------------------------------------------------------------------


def code(log: Log, *heads: str) -> str:
    told = verdict(log, heads)
    assert isinstance(told, Broken)
    return told.code


def test_the_first_difference_is_named() -> None:
    log = a_small_log()
    row = list(log.rows[20])
    row[5] = "{}"
    log.rows[20] = tuple(row)  # type: ignore[assignment]

    told = verdict(log)

    assert isinstance(told, Broken)
    assert told.data["event_id"] == 21
    assert "event_id=21" in str(told)


def test_a_mirror_that_ends_early_is_told_from_a_database_that_does() -> None:
    log = a_small_log(tail=6)
    short, cut = log.copy(), log.copy()
    short.lines = short.lines[:-2]
    cut.rows = cut.rows[:-2]

    assert code(short) == "mirror_short"
    assert code(cut) == "database_short"


def test_who_acted_is_sealed_by_the_next_anchor() -> None:
    log = a_small_log(tail=0)
    index = next(index for index, row in enumerate(log.rows) if row[4] == "operator" and row[6] is not None)
    row = list(log.rows[index])
    row[4] = "engine"
    log.rows[index] = tuple(row)  # type: ignore[assignment]
    log.lines = mirrored(log.rows)

    assert code(log) == "anchor_differs"


def test_a_tail_cut_off_everywhere_is_unanchored_and_an_anchor_from_outside_sees_it() -> None:
    log = a_small_log(tail=5)
    before_last_anchor = len(log.rows) - 7
    after = Log(log.rows[:before_last_anchor], [], log.heads, log.adopted)
    after.lines = mirrored(after.rows)
    after.adopted = {key: value for key, value in log.adopted.items() if key <= before_last_anchor - 3}

    told = verdict(after)

    assert isinstance(told, Report)
    assert told.anchored_at is not None
    assert told.anchored_at < log.rows[-6][1]
    assert code(after, *log.heads) == "anchor_missing"


def test_a_chain_written_anew_in_both_places_misses_the_anchors_that_were_told() -> None:
    log, forged = a_small_log(), a_small_log(seed=2)

    assert isinstance(verdict(forged), Report)
    assert code(forged, log.heads[-1]) == "anchor_missing"


def test_an_adoption_that_the_table_denies_is_told() -> None:
    log = a_small_log()
    number = next(iter(log.adopted))
    log.adopted[number] = "0" * 64

    assert code(log) == "adoption_differs"


@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize("how", CHANGES)
def test_each_kind_of_change_is_met_in_each_place(how: str, where: str) -> None:
    chance = random.Random(f"{how}|{where}")
    log = a_small_log(tail=0)

    met = [verdict(attacked(chance, log, how, where)) for _ in range(20)]

    seen = sum(isinstance(told, Broken) for told in met)
    assert seen == 0 if (how, where) == ("cut", "both") else seen >= 17  # the rest changed nothing, or the very end


def test_two_thousand_changes_are_all_seen_or_said_to_have_been_possible() -> None:
    met = campaign(seed=20260303, count=2_000)

    assert met.total() == 2_000
    assert met["UNSEEN"] == 0
    assert 0 < met["unanchored"] < 400


# --- alone -----------------------------------------------------------------------------------------------------------


def alone(folder: Path, *files: Path) -> tuple[int, str]:
    """Run a copy of the one file with nothing of the project beside it."""
    copy = folder / "copied" / "chain.py"
    copy.parent.mkdir(exist_ok=True)
    shutil.copy(chain.__file__, copy)
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(copy), *map(str, files)], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_the_file_runs_alone_and_says_what_it_found(tmp_path: Path) -> None:
    log = a_small_log()
    first, second = tmp_path / "audit_20260303.json", tmp_path / "audit_20260304.json"
    first.write_text("".join(log.lines[:30]), "utf-8")
    second.write_text("".join(log.lines[30:]), "utf-8")

    assert alone(tmp_path, first, second)[0] == 0
    assert alone(tmp_path, first, second)[1].startswith(f"SOUND {examined(log).events} events, head {log.rows[-1][7]}")
    assert alone(tmp_path, second)[0] == 1
    assert "BROKEN link_broken: event_id=" in alone(tmp_path, second)[1]
    assert alone(tmp_path)[0] == 64
