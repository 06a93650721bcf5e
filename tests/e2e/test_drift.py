"""An evening's drift through the daemon: a simulated day beside a backtest of it, in a child process."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.e2e.processes import run
from tests.e2e.records import rows


def a_day(home: Path, *more: str) -> None:
    where = ("--config-dir", ROOT / "config", "--data-dir", home / "data")
    ended = run(
        ["--mode", "trade", "--sim-days", "2", "--sim-speed", "0", "--sim-seed", "5", *where, *more],
        home,
    )
    assert (ended.returncode, ended.stderr) == (0, "")


def facts(home: Path, name: str) -> list[dict[str, Any]]:
    found = rows(home / "data" / "simulated.db", f"SELECT payload_json FROM event_log WHERE event_type = '{name}'")
    return [json.loads(payload) for (payload,) in found]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("drift")
    a_day(home, "--drift")
    return home


def test_each_evening_is_compared_and_a_simulated_day_has_no_drift(home: Path) -> None:
    """The second day begins with what the first one bought: positions, cash and levels of its own morning."""
    first, second = facts(home, "drift_compared")

    assert facts(home, "drift_failed") == []
    assert first["orders"] > 0
    for told in (first, second):
        assert told["matched"] == told["orders"]
        assert told["cost"] == 0
    kept = json.loads((home / "logs" / "drift" / f"drift_{second['day'].replace('-', '')}.json").read_text("utf-8"))
    assert kept["held_in_the_morning"] != []
    assert {order["kind"] for order in kept["orders"]} <= {"matched"}


def test_the_command_says_it_again_and_names_what_differs(home: Path) -> None:
    day = facts(home, "drift_compared")[0]["day"]
    with closing(sqlite3.connect(home / "data" / "simulated.db")) as database, database:
        (key, amount) = database.execute(
            "SELECT idempotency_key, filled_amount FROM order_state WHERE filled_quantity > 0 ORDER BY created_at"
        ).fetchone()
        database.execute("UPDATE order_state SET filled_amount = ? WHERE idempotency_key = ?", (amount + 10_000, key))
    where = ("--config-dir", ROOT / "config", "--data-dir", home / "data")

    said = run(["drift", "--date", day, *where], home)

    assert (said.returncode, said.stderr) == (0, "")
    assert "1 at another price" in said.stdout
    assert "+10,000 KRW" in said.stdout
    assert "another price: " in said.stdout


def test_a_day_that_was_not_kept_is_refused_in_one_line(home: Path) -> None:
    where = ("--config-dir", ROOT / "config", "--data-dir", home / "data")

    said = run(["drift", "--date", "2026-02-02", *where], home)

    assert said.returncode == 78
    assert len(said.stderr.strip().splitlines()) == 1


def test_a_simulated_day_is_not_compared_unless_it_is_asked_for(tmp_path: Path) -> None:
    """A child a day would take longer than the day."""
    a_day(tmp_path)

    assert facts(tmp_path, "drift_compared") == facts(tmp_path, "drift_failed") == []
    assert not (tmp_path / "logs" / "drift").exists()
