"""A trading day of forty symbols with a fault every minute, at full speed.

Nothing is bought on stale prices, nothing is lost, and KIS never has to say "too many calls" of itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kis_daemon.simulator.faults_kinds import SEEDED_KINDS
from tests.conftest import ROOT
from tests.e2e.processes import here
from tests.e2e.records import rows
from tests.e2e.test_real_prices import BASKET

_DAY = "2021-03-03"
_SILENCE_S = 90.0  # how long the stream may say nothing
_AWAY_S = 300.0  # the longest back-off and its registrations


@pytest.mark.slow
@pytest.mark.parametrize("profile", ["paper", "real"])
def test_a_fault_every_minute_costs_neither_an_order_nor_a_share(
    tmp_path: Path, shared_data: Path, profile: str
) -> None:
    assert_a_day_of_faults_holds(tmp_path, shared_data, profile, seed=7)


def assert_a_day_of_faults_holds(home: Path, data: Path, profile: str, seed: int) -> int:
    """Play the day in the empty folder `home`; return how many faults it had."""
    plan = home / "faults.yaml"
    plan.write_text(f"seed: {seed}\nevery: 60\n")
    arguments = ["--mode", "trade", "--sim-prices", str(data / BASKET), "--sim-start", _DAY, "--sim-days", "1"]
    arguments += ["--sim-speed", "0", "--symbols", "all", "--sim-profile", profile, "--sim-faults", str(plan)]
    arguments += ["--config-dir", str(ROOT / "config"), "--data-dir", str(home / "data")]
    arguments += ["--summary-json", str(home / "summary.json")]

    assert here(arguments, home, {"AUTO_TRADE_LOG_DIR": str(home / "logs")}) == 0

    log = [json.loads(line) for line in (home / "logs" / "kis_daemon.jsonl").read_text().splitlines()]
    fired = of(log, "simulator_faults")[0]
    assert fired["fired"] > 150  # one is planned every minute; some wait for what does not come within it
    assert len(fired["kinds"]) > len(SEEDED_KINDS) // 2

    refused = [row for row in of(log, "rest_rate_limit_cooldown") if row.get("code") == "EGW00201"]
    assert refused == []

    assert_nothing_is_bought_without_the_stream(log)
    assert_the_stream_is_never_away_for_long(log)

    summary = json.loads((home / "summary.json").read_text())
    theirs = summary["simulator_account"]
    assert (summary["cash"], summary["holdings_value"]) == (theirs["cash"], theirs["holdings_value"])
    database = home / "data" / "simulated.db"
    assert rows(database, "SELECT count(*) FROM order_state WHERE status = 'FILLED'")[0][0] > 0
    assert rows(database, "SELECT status FROM order_state WHERE status IN ('PENDING', 'UNCONFIRMED')") == []
    return int(fired["fired"])


def of(log: list[dict[str, Any]], event: str) -> list[dict[str, Any]]:
    return [row for row in log if row.get("event") == event]


def moment(row: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(row["ts"])


def assert_nothing_is_bought_without_the_stream(log: list[dict[str, Any]]) -> None:
    """Between the stream's going and its coming back the gate lets nothing in."""
    connected = False
    downs = 0
    for row in log:
        match row.get("event"):
            case "feed_up":
                connected = True
            case "feed_down":
                connected = False
                downs += 1
            case "order_requested" if row["side"] == "BUY":
                assert connected, row
    assert downs > 0


def assert_the_stream_is_never_away_for_long(log: list[dict[str, Any]]) -> None:
    down: datetime | None = None
    for row in log:
        if row.get("event") == "feed_down":
            down = moment(row)
        elif row.get("event") == "feed_up" and down is not None:
            assert moment(row) - down < timedelta(seconds=_AWAY_S), row
            down = None
    assert down is None
    assert all(row["seconds"] <= _SILENCE_S + 1 for row in of(log, "feed_silent"))
