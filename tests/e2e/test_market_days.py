"""The real profile's chk-holiday through simulator and daemon: asked once a day, and believed where it warns."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from kis_daemon.domain.calendar import TradingCalendar
from kis_daemon.simulator import rest_calendar
from tests.conftest import ROOT
from tests.e2e.processes import here
from tests.e2e.records import rows

FIRST, SECOND = date(2026, 3, 3), date(2026, 3, 4)


def lived(home: Path, monkeypatch: pytest.MonkeyPatch, profile: str, closed: date | None) -> dict[str, Any]:
    """Live through two days on which KIS says that `closed` is a holiday; return what was asked, told and bought."""
    asked: list[date] = []
    plain = rest_calendar._row

    def row(calendar: TradingCalendar, day: date) -> dict[str, str]:
        asked.append(day)
        return plain(calendar, day) | ({"opnd_yn": "N"} if day == closed else {})

    monkeypatch.setattr(rest_calendar, "_row", row)
    arguments: list[str | Path] = [
        *("--mode", "trade", "--sim-days", "2", "--sim-speed", "0", "--sim-seed", "5", "--sim-profile", profile),
        *("--sim-start", FIRST.isoformat(), "--config-dir", ROOT / "config", "--data-dir", home / "data"),
    ]
    assert here(arguments, home, {}) == 0
    database = home / "data" / "simulated.db"
    told = rows(database, "SELECT payload_json FROM event_log WHERE event_type = 'calendar_disagrees'")
    bought = rows(database, "SELECT created_at FROM order_state WHERE side = 'BUY' ORDER BY created_at")
    return {
        "asked": len(asked) // rest_calendar.HOLIDAY_ROWS,
        "told": [json.loads(payload) for (payload,) in told],
        "bought_on": {str(at)[:10] for (at,) in bought},
    }


def test_on_the_real_profile_the_broker_is_asked_once_a_day_and_its_holiday_takes_no_entries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = lived(tmp_path, monkeypatch, "real", FIRST)

    assert seen["asked"] == 2
    assert [told["closed_at_broker"] for told in seen["told"]] == [FIRST.isoformat()]
    assert FIRST.isoformat() not in seen["bought_on"]


def test_on_the_paper_profile_nobody_is_asked_and_the_calendar_stands_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = lived(tmp_path, monkeypatch, "paper", FIRST)

    assert (seen["asked"], seen["told"]) == (0, [])
    assert FIRST.isoformat() in seen["bought_on"]
