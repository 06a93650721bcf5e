"""How much wall time simulated time takes: the session at its rate, closed hours none."""

from datetime import datetime
from functools import cache

import pytest

from kis_daemon.app.files import load_calendar
from kis_daemon.app.pace import SessionPace
from kis_daemon.domain.calendar import KST, TradingCalendar
from tests.conftest import ROOT


@cache
def calendar() -> TradingCalendar:
    return load_calendar(ROOT / "config")


def wall_s(begins: str, ends: str, rate: float = 390.0) -> float:
    """Return what the pace asks for between two moments, counted from another origin."""
    origin = datetime(2026, 3, 2, 7, 30, tzinfo=KST)
    start, end = (
        (datetime.fromisoformat(text).replace(tzinfo=KST) - origin).total_seconds() for text in (begins, ends)
    )
    return SessionPace(calendar(), origin, rate)(start, end)


@pytest.mark.parametrize(
    ("begins", "ends"),
    [
        ("2026-03-03T07:30", "2026-03-03T09:00"),
        ("2026-03-03T15:30", "2026-03-04T09:00"),
        ("2026-03-06T15:30", "2026-03-09T09:00"),  # a weekend
        ("2026-02-15T00:00", "2026-02-18T23:59"),  # Korean New Year
        ("2026-11-19T09:00", "2026-11-19T10:00"),  # CSAT: the exchange opens at ten
        ("2028-01-03T09:00", "2028-01-03T15:30"),  # beyond the calendar
        ("2026-03-03T10:00", "2026-03-03T10:00"),
    ],
)
def test_closed_hours_take_no_time(begins: str, ends: str) -> None:
    assert wall_s(begins, ends) == 0.0


def test_a_trading_day_takes_a_minute_at_390() -> None:
    assert wall_s("2026-03-03T00:00", "2026-03-04T00:00") == pytest.approx(60.0)


@pytest.mark.parametrize(("rate", "expected"), [(1.0, 3600.0), (60.0, 60.0), (3600.0, 1.0)])
def test_a_part_of_a_session_takes_its_share_at_the_rate(rate: float, expected: float) -> None:
    assert wall_s("2026-03-03T10:00", "2026-03-03T11:00", rate) == pytest.approx(expected)


def test_only_the_open_part_of_a_stretch_counts() -> None:
    assert wall_s("2026-03-03T15:00", "2026-03-04T09:30", rate=60.0) == pytest.approx(60.0)


def test_several_days_count_each_session_once() -> None:
    assert wall_s("2026-03-03T00:00", "2026-03-07T00:00") == pytest.approx(240.0)


def test_a_long_session_counts_as_it_was() -> None:
    assert wall_s("2026-11-19T00:00", "2026-11-20T00:00", rate=1.0) == pytest.approx(6.5 * 3600)
