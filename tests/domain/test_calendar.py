"""The KRX calendar: phases, look-ups, refusals, the shipped file, and ten years of real sessions."""

from __future__ import annotations

import copy
import csv
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kis_daemon.domain.calendar import KST, CalendarNotCovered, SessionPhase, TradingCalendar, TradingDay

FILE = Path(__file__).parents[2] / "config" / "krx_calendar.yaml"
KRX = TradingCalendar.from_mapping(yaml.safe_load(FILE.read_text(encoding="utf-8")))

ONE_DAY = timedelta(days=1)
INSIDE = st.dates(KRX.first + timedelta(days=10), KRX.last - timedelta(days=10))
MOMENTS = st.datetimes(datetime(2015, 1, 1), datetime(2027, 12, 31, 23, 59), timezones=st.just(KST))


def kst(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=KST)


def a_week() -> dict[str, Any]:
    """2026-11-16..20, a week with one holiday and one late day, as the YAML reader would give it."""
    return {
        "first": date(2026, 11, 14),
        "last": date(2026, 11, 22),
        "hours": [{"from": date(2026, 11, 14), "opens": "09:00", "closes": "15:30"}],
        "special_hours": [
            {
                "date": date(2026, 11, 18),
                "weekday": "Wed",
                "opens": "10:00",
                "closes": "15:30",
                "reason": "late",
            },
            {
                "date": date(2026, 11, 19),
                "weekday": "Thu",
                "opens": "10:00",
                "closes": "16:30",
                "reason": "CSAT",
            },
        ],
        "closed": [
            {"date": date(2026, 11, 16), "weekday": "Mon", "reason": "one holiday"},
            {"date": date(2026, 11, 17), "weekday": "Tue", "reason": "another"},
        ],
    }


# ── phases


@pytest.mark.parametrize(
    ("at", "phase"),
    [
        ("2026-11-20T08:29:59.999999", SessionPhase.CLOSED),
        ("2026-11-20T08:30", SessionPhase.OPENING_AUCTION),
        ("2026-11-20T08:59:59.999999", SessionPhase.OPENING_AUCTION),
        ("2026-11-20T09:00", SessionPhase.REGULAR),
        ("2026-11-20T15:19:59.999999", SessionPhase.REGULAR),
        ("2026-11-20T15:20", SessionPhase.CLOSING_AUCTION),
        ("2026-11-20T15:29:59.999999", SessionPhase.CLOSING_AUCTION),
        ("2026-11-20T15:30", SessionPhase.CLOSED),
        ("2026-11-20T16:30", SessionPhase.CLOSED),
        ("2026-01-02T09:29", SessionPhase.CLOSED),
        ("2026-01-02T09:30", SessionPhase.OPENING_AUCTION),
        ("2026-01-02T10:00", SessionPhase.REGULAR),
        ("2026-01-02T15:30", SessionPhase.CLOSED),
        ("2026-11-19T09:00", SessionPhase.CLOSED),
        ("2026-11-19T10:00", SessionPhase.REGULAR),
        ("2026-11-19T16:19", SessionPhase.REGULAR),
        ("2026-11-19T16:20", SessionPhase.CLOSING_AUCTION),
        ("2026-11-19T16:30", SessionPhase.CLOSED),
        ("2016-07-29T14:50", SessionPhase.CLOSING_AUCTION),
        ("2016-07-29T15:00", SessionPhase.CLOSED),
        ("2016-08-01T15:00", SessionPhase.REGULAR),
        ("2026-11-21T10:00", SessionPhase.CLOSED),
        ("2026-10-09T10:00", SessionPhase.CLOSED),
    ],
)
def test_the_phase_follows_the_hours_of_the_day(at: str, phase: SessionPhase) -> None:
    assert KRX.phase(kst(at)) is phase


def test_a_moment_of_another_zone_is_read_in_seoul() -> None:
    assert KRX.phase(datetime(2026, 11, 20, 0, 0, tzinfo=UTC)) is SessionPhase.REGULAR
    assert KRX.phase(datetime(2026, 11, 22, 23, 45, tzinfo=UTC)) is SessionPhase.OPENING_AUCTION


def test_a_naive_moment_is_refused() -> None:
    day = KRX.next_trading_day(date(2026, 11, 19))

    with pytest.raises(ValueError, match="naive datetime 2026-11-20T10:00:00"):
        KRX.phase(datetime(2026, 11, 20, 10))
    with pytest.raises(ValueError, match="naive"):
        day.phase(datetime(2026, 11, 20, 10))


def test_a_trading_day_is_closed_on_every_other_day() -> None:
    day = KRX.trading_day(date(2026, 11, 20))

    assert day is not None
    assert day.phase(kst("2026-11-20T10:00")) is SessionPhase.REGULAR
    assert day.phase(kst("2026-11-23T10:00")) is SessionPhase.CLOSED
    assert (day.opening_auction_at, day.closing_auction_at) == (
        kst("2026-11-20T08:30"),
        kst("2026-11-20T15:20"),
    )


@pytest.mark.parametrize(
    ("opens_at", "closes_at"),
    [
        (datetime(2026, 11, 20, 9), kst("2026-11-20T15:30")),
        (kst("2026-11-20T09:00"), kst("2026-11-21T15:30")),
        (kst("2026-11-20T09:00"), kst("2026-11-20T09:10")),
    ],
)
def test_a_trading_day_without_sound_hours_is_refused(opens_at: datetime, closes_at: datetime) -> None:
    with pytest.raises(ValueError, match="expected"):
        TradingDay(date=date(2026, 11, 20), opens_at=opens_at, closes_at=closes_at)


# ── look-ups


def test_next_and_previous_are_strict_and_step_over_closed_days() -> None:
    assert KRX.next_trading_day(date(2026, 11, 20)).date == date(2026, 11, 23)
    assert KRX.previous_trading_day(date(2026, 11, 23)).date == date(2026, 11, 20)
    assert KRX.next_trading_day(date(2026, 12, 30)).date == date(2027, 1, 4)
    assert KRX.previous_trading_day(date(2027, 1, 1)).date == date(2026, 12, 30)


def test_trading_days_include_both_ends() -> None:
    days = KRX.trading_days(date(2026, 11, 20), date(2026, 11, 24))

    assert [day.date.day for day in days] == [20, 23, 24]
    assert KRX.trading_days(date(2026, 11, 21), date(2026, 11, 22)) == ()
    assert KRX.trading_days(date(2026, 11, 24), date(2026, 11, 20)) == ()


@pytest.mark.parametrize(
    ("traded", "settled"),
    [
        (date(2026, 11, 16), date(2026, 11, 18)),
        (date(2026, 11, 19), date(2026, 11, 23)),
        (date(2026, 12, 29), date(2027, 1, 4)),  # neither the year-end closing day nor New Year settles
        (date(2020, 8, 14), date(2020, 8, 19)),  # as the exchange explained that temporary holiday
    ],
)
def test_a_trade_settles_two_trading_days_later(traded: date, settled: date) -> None:
    assert KRX.settlement_date(traded) == settled


def test_nothing_settles_from_a_closed_day() -> None:
    with pytest.raises(ValueError, match=r"2026-10-09: expected a trading day, closed for Hangul Day"):
        KRX.settlement_date(date(2026, 10, 9))


def test_the_reason_of_a_closed_day_is_told() -> None:
    assert KRX.reason_closed(date(2026, 7, 17)) == "Constitution Day"
    assert KRX.reason_closed(date(2026, 11, 21)) == "weekend"
    assert KRX.reason_closed(date(2026, 11, 20)) is None


@pytest.mark.parametrize(
    "ask",
    [
        lambda day: KRX.trading_day(day),
        lambda day: KRX.is_trading_day(day),
        lambda day: KRX.next_trading_day(day),
        lambda day: KRX.previous_trading_day(day),
        lambda day: KRX.trading_days(day, date(2026, 1, 1)),
        lambda day: KRX.trading_days(date(2026, 1, 1), day),
        lambda day: KRX.phase(datetime.combine(day, time(10), KST)),
        lambda day: KRX.settlement_date(day),
        lambda day: KRX.reason_closed(day),
    ],
)
@pytest.mark.parametrize("day", [date(2014, 12, 31), date(2028, 1, 1)])
def test_a_day_not_covered_is_never_guessed(ask: Callable[[date], object], day: date) -> None:
    assert not KRX.covers(day)

    with pytest.raises(CalendarNotCovered, match=f"{day} .* 2015-01-01 to 2027-12-31"):
        ask(day)


def test_an_answer_beyond_the_edges_is_not_covered() -> None:
    with pytest.raises(CalendarNotCovered, match="2028-01-01"):
        KRX.next_trading_day(date(2027, 12, 30))
    with pytest.raises(CalendarNotCovered, match="2014-12-31"):
        KRX.previous_trading_day(date(2015, 1, 2))
    with pytest.raises(CalendarNotCovered, match="2028-01-01"):
        KRX.settlement_date(date(2027, 12, 29))


@given(INSIDE)
def test_next_and_previous_are_inverse(day: date) -> None:
    after, before = KRX.next_trading_day(day), KRX.previous_trading_day(day)

    assert before.date < day < after.date
    between = KRX.trading_days(before.date + ONE_DAY, after.date - ONE_DAY)
    if KRX.is_trading_day(day):
        assert KRX.previous_trading_day(after.date) == KRX.trading_day(day) == KRX.next_trading_day(before.date)
        assert [one.date for one in between] == [day]
    else:
        assert KRX.previous_trading_day(after.date) == before
        assert between == ()


@given(MOMENTS)
def test_the_phase_agrees_with_the_trading_day(at: datetime) -> None:
    day = KRX.trading_day(at.date())

    assert KRX.phase(at) is (SessionPhase.CLOSED if day is None else day.phase(at))
    assert KRX.phase(at) is KRX.phase(at.astimezone(UTC))
    assert (day is None) == (KRX.reason_closed(at.date()) is not None)
    if day is not None:
        assert (KRX.phase(at) is not SessionPhase.CLOSED) == (day.opening_auction_at <= at < day.closes_at)


# ── the shipped file


def test_every_day_of_2015_to_2024_is_as_it_was(shared_data: Path) -> None:
    with (shared_data / "calendar" / "krx_sessions_2015_2024.csv").open(encoding="utf-8") as lines:
        told = {
            date.fromisoformat(row["date"]): (row["is_session"] == "1", row["open_kst"], row["close_kst"])
            for row in csv.DictReader(lines)
        }

    ours: dict[date, tuple[bool, str, str]] = {}
    for day in told:
        session = KRX.trading_day(day)
        ours[day] = (
            (False, "", "") if session is None else (True, f"{session.opens_at:%H:%M}", f"{session.closes_at:%H:%M}")
        )

    assert len(told) == 3653
    assert ours == told


@pytest.mark.parametrize("year", range(2015, 2028))
def test_each_year_opens_at_ten_and_ends_before_its_last_weekday(year: int) -> None:
    days = KRX.trading_days(date(year, 1, 1), date(year, 12, 31))
    last_weekday = max(date(year, 12, day) for day in (29, 30, 31) if date(year, 12, day).weekday() < 5)

    assert days[0].opens_at.time() == time(10)
    assert KRX.reason_closed(last_weekday) == "End of Year Holiday"
    assert days[-1].date < last_weekday


@pytest.mark.parametrize(
    ("day", "closes"),
    [
        (date(2015, 11, 12), time(16)),
        (date(2017, 11, 16), time(16, 30)),  # the exam moved the evening before, the announced hours stayed
        (date(2017, 11, 23), time(16, 30)),
        (date(2020, 12, 3), time(16, 30)),
        (date(2025, 11, 13), time(16, 30)),
        (date(2026, 11, 19), time(16, 30)),
        (date(2027, 11, 18), time(16, 30)),
    ],
)
def test_a_csat_day_is_an_hour_late(day: date, closes: time) -> None:
    session = KRX.trading_day(day)

    assert session is not None
    assert (session.opens_at.time(), session.closes_at.time()) == (time(10), closes)


@pytest.mark.parametrize(
    "day", [date(2026, 5, 1), date(2026, 6, 3), date(2026, 7, 17), date(2027, 5, 3), date(2027, 7, 19)]
)
def test_days_the_sources_differ_on_are_closed(day: date) -> None:
    assert not KRX.is_trading_day(day)


# ── refusals


def test_a_short_calendar_is_read() -> None:
    calendar = TradingCalendar.from_mapping(a_week())

    assert [day.date.day for day in calendar.trading_days(calendar.first, calendar.last)] == [18, 19, 20]
    assert calendar.reason_closed(date(2026, 11, 17)) == "another"


def test_hours_change_from_their_day_on() -> None:
    data = a_week()
    data["hours"].append({"from": date(2026, 11, 20), "opens": "08:00", "closes": "16:00"})

    assert TradingCalendar.from_mapping(data).phase(kst("2026-11-20T08:00")) is SessionPhase.REGULAR
    assert TradingCalendar.from_mapping(a_week()).phase(kst("2026-11-20T08:00")) is SessionPhase.CLOSED


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("first",), "2026-11-14", r"first '2026-11-14': expected a date, unquoted"),
        (
            ("first",),
            datetime(2026, 11, 14),
            r"first datetime.*: expected a date, unquoted and without a time",
        ),
        (("last",), date(2026, 11, 1), r"last 2026-11-01: expected 2026-11-14 \(first\) or later"),
        (("extra",), 1, r"calendar has the keys .*'extra'.*: expected exactly"),
        (("closed",), None, r"closed None: expected a list"),
        (("closed", 0), "2026-11-16", r"closed\[0\] '2026-11-16': expected a mapping"),
        (("closed", 0, "note"), "x", r"closed\[0\] has the keys .*'note'"),
        (("closed", 0, "date"), datetime(2026, 11, 16), r"closed\[0\]\.date datetime.*: expected a date"),
        (("closed", 0, "date"), date(2026, 11, 18), r"closed\[0\]\.weekday 'Mon': 2026-11-18 is a Wed"),
        (("closed", 0, "date"), date(2026, 11, 23), r"closed\[0\]\.date 2026-11-23: expected a day from"),
        (("closed", 0, "weekday"), "Tue", r"closed\[0\]\.weekday 'Tue': 2026-11-16 is a Mon"),
        (("closed", 0, "reason"), " ", r"closed\[0\]\.reason ' ': expected a text"),
        (("closed", 1, "date"), date(2026, 11, 16), r"closed\[1\]\.date 2026-11-16: listed twice"),
        (
            ("closed", 1, "date"),
            date(2026, 11, 15),
            r"closed\[1\]\.date 2026-11-15: out of order after 2026-11-16",
        ),
        (("special_hours", 0, "opens"), 600, r"special_hours\[0\]\.opens 600: expected a quoted time of day"),
        (
            ("special_hours", 0, "opens"),
            "24:00",
            r"special_hours\[0\]\.opens '24:00': expected a quoted time",
        ),
        (("special_hours", 0, "closes"), "10:10", r"special_hours\[0\]\.closes 10:10: expected after 10:10"),
        (("special_hours", 0, "closes"), "09:00", r"special_hours\[0\]\.closes 09:00: expected after 10:10"),
        (("special_hours", 0, "reason"), None, r"special_hours\[0\]\.reason None: expected a text"),
        (
            ("special_hours", 1, "date"),
            date(2026, 11, 18),
            r"special_hours\[1\]\.date 2026-11-18: listed twice",
        ),
        (("hours", 0, "closes"), "08:00", r"hours\[0\]\.closes 08:00: expected after 09:10, opens 09:00"),
        (("hours", 0, "from"), date(2026, 11, 15), r"hours\[0\]\.from 2026-11-15: expected 2026-11-14"),
        (("hours",), [], r"hours\[0\]\.from None: expected 2026-11-14"),
    ],
)
def test_a_bad_value_is_refused_by_name(path: tuple[Any, ...], value: object, message: str) -> None:
    data: dict[str, Any] = copy.deepcopy(a_week())
    place: Any = data
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value

    with pytest.raises(ValueError, match=message):
        TradingCalendar.from_mapping(data)


def test_a_missing_field_is_refused() -> None:
    data = a_week()
    del data["closed"]

    with pytest.raises(ValueError, match=r"calendar has the keys .*: expected exactly .*'closed'"):
        TradingCalendar.from_mapping(data)


def test_a_listed_weekend_is_refused() -> None:
    data = a_week()
    data["closed"].append({"date": date(2026, 11, 21), "weekday": "Sat", "reason": "weekend"})

    with pytest.raises(ValueError, match=r"closed\[2\]\.date 2026-11-21: expected Monday to Friday"):
        TradingCalendar.from_mapping(data)


def test_special_hours_on_a_closed_day_are_refused() -> None:
    data = a_week()
    data["closed"].append({"date": date(2026, 11, 18), "weekday": "Wed", "reason": "announced late"})

    with pytest.raises(ValueError, match="special_hours 2026-11-18: expected a trading day, closed says"):
        TradingCalendar.from_mapping(data)


def test_the_calendar_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        KRX.last = date(2030, 1, 1)  # type: ignore[misc]


# ── failures of earlier systems


@given(st.dates(date(1990, 1, 1), date(2040, 12, 31)), st.times())
def test_no_moment_has_the_time_zone_of_0828_and_none_is_naive(day: date, clock: time) -> None:
    """A zone of the year 1908 is what a careless `replace(tzinfo=…)` gave: +08:28."""
    for moment in (datetime.combine(day, clock, KST), datetime.combine(day, clock).replace(tzinfo=KST)):
        assert moment.utcoffset() == timedelta(hours=9)
    with pytest.raises(ValueError, match="naive"):
        KRX.phase(datetime.combine(day, clock))
