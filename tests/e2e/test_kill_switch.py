"""The operator's hand on the kill switch: by command, and by SQL."""

from collections.abc import Callable
from pathlib import Path
from unittest.mock import ANY

import pytest

from tests.conftest import ROOT
from tests.e2e.processes import here
from tests.e2e.records import broken_links, events, rows, write

Command = Callable[..., int]

BY_SQL = "INSERT INTO system_state(timestamp, kill_switch_status, kill_switch_reason) VALUES(datetime('now')"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "data" / "simulated.db"


@pytest.fixture
def switch(tmp_path: Path) -> Command:
    def command(*arguments: str) -> int:
        return here(
            ["kill-switch", *arguments, "--data-dir", tmp_path / "data", "--config-dir", ROOT / "config"], tmp_path
        )

    return command


def test_without_a_record_it_is_active(switch: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert switch("status") == 0

    out, err = capsys.readouterr()
    assert out.startswith("ACTIVE scope=all since=- ")
    assert err == ""


def test_each_change_is_kept_with_reason_and_name_and_one_event(
    switch: Command, database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert switch("release", "--reason", "checked", "--by", "kim") == 0
    assert switch("activate", "--reason", "lunch", "--by", "lee", "--scope", "entries") == 0
    capsys.readouterr()
    assert switch("status") == 0

    assert capsys.readouterr().out.startswith("ACTIVE scope=entries since=")
    assert rows(database, "SELECT kill_switch_status, scope, actor, kill_switch_reason FROM system_state") == [
        ("inactive", "all", "kim", "checked"),
        ("active", "entries", "lee", "lunch"),
    ]
    assert events(database) == [
        ("kill_switch_deactivated", {"deactivated_by": "kim", "reason": "checked", "scope": "all"}),
        ("kill_switch_activated", {"activated_by": "lee", "reason": "lunch", "scope": "entries"}),
        ("kill_switch_code_made", {"by": "lee", "code_hash": ANY}),
    ]
    assert broken_links(database) == []


@pytest.mark.parametrize("change", ["activate", "release"])
@pytest.mark.parametrize(
    "words",
    [
        ("--by", "kim"),
        ("--reason", "checked"),
        ("--reason", "", "--by", "kim"),
        ("--reason", "  ", "--by", "kim"),
        ("--reason", "checked", "--by", " "),
    ],
)
def test_a_change_without_a_reason_or_a_name_is_refused_and_nothing_is_written(
    change: str, words: tuple[str, ...], switch: Command, database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert switch(change, *words) == 64

    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert not database.parent.exists()


def test_a_row_that_an_operator_inserts_by_sql_counts_at_once(
    switch: Command, database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    switch("status")
    said = []
    for row in (", 'inactive', 'manual')", ", 'active', 'stop')", ", 'inactive', '')", ", 'inactive', NULL)"):
        write(database, BY_SQL + row)
        capsys.readouterr()
        assert switch("status") == 0
        said.append(capsys.readouterr().out)

    assert said[0].startswith("INACTIVE scope=all since=")
    assert "by=operator reason=manual" in said[0]
    assert said[1].startswith("ACTIVE scope=all since=")
    assert all(line.startswith("ACTIVE scope=all") for line in said[2:])  # C14: no release without a reason


@pytest.mark.parametrize(
    "now", ["'2026-03-03 09:00:00'", "CURRENT_TIMESTAMP", "'2026-03-03T09:00:00'", "'2026-03-03T09:00:00+09:00'"]
)
def test_an_operator_may_write_the_moment_as_sql_people_do(
    now: str, switch: Command, database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    switch("status")
    write(database, BY_SQL.replace("datetime('now')", now) + ", 'inactive', 'manual')")
    capsys.readouterr()

    assert switch("status") == 0

    assert capsys.readouterr().out.startswith("INACTIVE scope=all since=")


def test_the_database_is_made_by_command_and_a_second_time_changes_nothing(
    tmp_path: Path, database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where: list[str | Path] = ["db", "init", "--data-dir", tmp_path / "data", "--config-dir", ROOT / "config"]

    assert [here(where, tmp_path), here(where, tmp_path)] == [0, 0]

    assert capsys.readouterr().out == "Database initialized successfully\n" * 2
    assert len(rows(database, "SELECT version_num FROM alembic_version")) == 1
    assert rows(database, "SELECT * FROM system_state") == []
