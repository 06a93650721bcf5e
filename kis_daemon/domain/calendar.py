"""When the Korea Exchange trades: trading days, the hours of each and the phases within one.

Rules of this room
    A day outside `first`..`last` is never guessed: `CalendarNotCovered`.
    Every `TradingDay` is built once, with the calendar: a question on the quote path is one look-up.
    Auctions move with the hours: the opening one fills the 30 minutes before the opening, the closing one
    the last 10 minutes before the close, also on days that open at 10:00.
    Only the regular session counts. Pre-market and after-market are `CLOSED` here.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import TypeAlias
from zoneinfo import ZoneInfo

KST = ZoneInfo("Asia/Seoul")
OPENING_AUCTION_LASTS = timedelta(minutes=30)
CLOSING_AUCTION_LASTS = timedelta(minutes=10)
SETTLEMENT_DAYS = 2  # T+2, counted in trading days; the year-end closing day does not settle either

Hours: TypeAlias = tuple[time, time]

_ONE_DAY = timedelta(days=1)
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_SATURDAY = 5
_TIME_OF_DAY = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


class SessionPhase(StrEnum):
    """What the regular session of a day is doing at one moment."""

    CLOSED = "CLOSED"
    OPENING_AUCTION = "OPENING_AUCTION"
    REGULAR = "REGULAR"
    CLOSING_AUCTION = "CLOSING_AUCTION"


class CalendarNotCovered(LookupError):
    """The calendar says nothing about this day: open no position, and have a person extend the file."""

    def __init__(self, day: date, first: date, last: date) -> None:
        super().__init__(f"{day} is not covered by the KRX calendar, which holds {first} to {last}")
        self.day = day
        self.first = first
        self.last = last


def _in_kst(at: datetime) -> datetime:
    if at.tzinfo is KST:  # the daemon's own clock: nothing to convert
        return at
    if at.utcoffset() is None:
        raise ValueError(f"naive datetime {at.isoformat()}: expected an aware one")
    return at.astimezone(KST)


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingDay:
    """One day with a regular session; all datetimes are aware, Asia/Seoul."""

    date: date
    opens_at: datetime
    closes_at: datetime
    opening_auction_at: datetime = field(init=False, repr=False, compare=False)
    closing_auction_at: datetime = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("opens_at", "closes_at"):
            at: datetime = getattr(self, name)
            if at.utcoffset() is None or at.astimezone(KST).date() != self.date:
                raise ValueError(f"{name} {at.isoformat()}: expected an aware time on {self.date} in Seoul")
        # computed here, not on demand: `phase` is asked for every quote
        object.__setattr__(self, "opening_auction_at", self.opens_at - OPENING_AUCTION_LASTS)
        object.__setattr__(self, "closing_auction_at", self.closes_at - CLOSING_AUCTION_LASTS)
        if self.closing_auction_at <= self.opens_at:
            raise ValueError(f"closes_at {self.closes_at.isoformat()}: expected an end well after opens_at")

    def phase(self, at: datetime) -> SessionPhase:
        """Return the phase at `at`, `CLOSED` on any other day; `ValueError` if `at` is naive."""
        at = _in_kst(at)
        if at < self.opening_auction_at or at >= self.closes_at:
            return SessionPhase.CLOSED
        if at < self.opens_at:
            return SessionPhase.OPENING_AUCTION
        if at < self.closing_auction_at:
            return SessionPhase.REGULAR
        return SessionPhase.CLOSING_AUCTION


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TradingCalendar:
    """Every day from `first` to `last`, open or closed; immutable, and silent about any other day.

    But for `opened_elsewhere`: closed days that the broker says the exchange opens. No answer of ours changes by them;
    whoever watches what is held may want to know.
    """

    first: date
    last: date
    _days: Mapping[date, TradingDay] = field(repr=False)
    _dates: tuple[date, ...] = field(repr=False)  # the keys of `_days`, ascending: what bisect needs
    _reasons: Mapping[date, str] = field(repr=False)
    opened_elsewhere: set[date] = field(repr=False, default_factory=set)

    @classmethod
    def from_mapping(cls, data: Mapping[str, object]) -> TradingCalendar:
        """Build from the parsed krx_calendar.yaml; `ValueError` names field, value and expectation."""
        _only_keys("calendar", data, ("first", "last", "hours", "special_hours", "closed"))
        first, last = _date("first", data["first"]), _date("last", data["last"])
        if last < first:
            raise ValueError(f"last {last}: expected {first} (first) or later")
        hours = _hours(data["hours"], first)
        special = _special_hours(data["special_hours"], first, last)
        reasons = _closed(data["closed"], first, last)
        for day in special:
            if day in reasons:
                raise ValueError(f"special_hours {day}: expected a trading day, closed says {reasons[day]!r}")
        days: dict[date, TradingDay] = {}
        day, regular = first, hours[first]
        while day <= last:
            regular = hours.get(day, regular)
            if day.weekday() < _SATURDAY and day not in reasons:
                opens, closes = special.get(day, regular)
                days[day] = TradingDay(
                    date=day,
                    opens_at=datetime.combine(day, opens, KST),
                    closes_at=datetime.combine(day, closes, KST),
                )
            day += _ONE_DAY
        return cls(first=first, last=last, _days=days, _dates=tuple(days), _reasons=reasons)

    def covers(self, day: date) -> bool:
        """Tell whether the calendar knows `day`, open or closed."""
        return self.first <= day <= self.last

    def trading_day(self, day: date) -> TradingDay | None:
        """Return the session of `day`, None when the exchange is closed; `CalendarNotCovered` outside."""
        found = self._days.get(day)
        if found is None:
            self._require(day)
        return found

    def is_trading_day(self, day: date) -> bool:
        """Tell whether there is a regular session on `day`; `CalendarNotCovered` outside."""
        return self.trading_day(day) is not None

    def next_trading_day(self, after: date) -> TradingDay:
        """Return the first trading day strictly after `after`; `CalendarNotCovered` past the end."""
        self._require(after)
        return self._at(bisect_right(self._dates, after))

    def previous_trading_day(self, before: date) -> TradingDay:
        """Return the last trading day strictly before `before`; `CalendarNotCovered` past the beginning."""
        self._require(before)
        return self._at(bisect_left(self._dates, before) - 1)

    def trading_days(self, first: date, last: date) -> tuple[TradingDay, ...]:
        """Return the trading days from `first` to `last`, both included; empty when `last` is the earlier."""
        self._require(first)
        self._require(last)
        found = self._dates[bisect_left(self._dates, first) : bisect_right(self._dates, last)]
        return tuple(self._days[day] for day in found)

    def phase(self, at: datetime) -> SessionPhase:
        """Return the phase of the exchange at `at`; `ValueError` if naive, `CalendarNotCovered` outside."""
        at = _in_kst(at)
        day = self.trading_day(at.date())
        return SessionPhase.CLOSED if day is None else day.phase(at)

    def settlement_date(self, day: date) -> date:
        """Return the day on which a trade of `day` settles (T+2); `ValueError` if nothing trades on `day`."""
        if not self.is_trading_day(day):
            raise ValueError(f"day {day}: expected a trading day, closed for {self.reason_closed(day)}")
        return self._at(bisect_left(self._dates, day) + SETTLEMENT_DAYS).date

    def reason_closed(self, day: date) -> str | None:
        """Return why the exchange is closed on `day`, None on a trading day; `CalendarNotCovered` outside."""
        if self.is_trading_day(day):
            return None
        return self._reasons.get(day, "weekend")

    def _require(self, day: date) -> None:
        if not self.covers(day):
            raise CalendarNotCovered(day, self.first, self.last)

    def _at(self, index: int) -> TradingDay:
        if index < 0:
            raise CalendarNotCovered(self.first - _ONE_DAY, self.first, self.last)
        if index >= len(self._dates):
            raise CalendarNotCovered(self.last + _ONE_DAY, self.first, self.last)
        return self._days[self._dates[index]]


# ── reading the file: every refusal names the field, the value and what was expected


def _only_keys(where: str, entry: Mapping[str, object], keys: tuple[str, ...]) -> None:
    if set(entry) != set(keys):
        raise ValueError(f"{where} has the keys {sorted(map(str, entry))}: expected exactly {sorted(keys)}")


def _entries(name: str, value: object, keys: tuple[str, ...]) -> list[tuple[str, Mapping[str, object]]]:
    if not isinstance(value, list):
        raise ValueError(f"{name} {value!r}: expected a list")
    entries: list[tuple[str, Mapping[str, object]]] = []
    for index, entry in enumerate(value):
        where = f"{name}[{index}]"
        if not isinstance(entry, Mapping):
            raise ValueError(f"{where} {entry!r}: expected a mapping with the keys {sorted(keys)}")
        _only_keys(where, entry, keys)
        entries.append((where, entry))
    return entries


def _date(where: str, value: object) -> date:
    if isinstance(value, datetime) or not isinstance(value, date):
        raise ValueError(f"{where} {value!r}: expected a date, unquoted and without a time, like 2026-06-03")
    return value


def _later(where: str, value: object, previous: date | None) -> date:
    day = _date(where, value)
    if previous is not None and day <= previous:
        trouble = "listed twice" if day == previous else f"out of order after {previous}"
        raise ValueError(f"{where} {day}: {trouble}, expected strictly ascending dates")
    return day


def _weekday(where: str, entry: Mapping[str, object], previous: date | None, first: date, last: date) -> date:
    day = _later(f"{where}.date", entry["date"], previous)
    if not first <= day <= last:
        raise ValueError(f"{where}.date {day}: expected a day from {first} to {last}")
    if entry["weekday"] != _WEEKDAYS[day.weekday()]:
        raise ValueError(f"{where}.weekday {entry['weekday']!r}: {day} is a {_WEEKDAYS[day.weekday()]}")
    if day.weekday() >= _SATURDAY:
        raise ValueError(f"{where}.date {day}: expected Monday to Friday, weekends are not listed")
    return day


def _reason(where: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{where}.reason {value!r}: expected a text")
    return value


def _time(where: str, value: object) -> time:
    # YAML 1.1 reads an unquoted 10:00 as the number 600, so only a text is taken
    if not isinstance(value, str) or not _TIME_OF_DAY.fullmatch(value):
        raise ValueError(f"{where} {value!r}: expected a quoted time of day like '09:00'")
    return time.fromisoformat(value)


def _open_close(where: str, entry: Mapping[str, object]) -> Hours:
    opens, closes = _time(f"{where}.opens", entry["opens"]), _time(f"{where}.closes", entry["closes"])
    shortest = datetime.combine(date.min, opens) + CLOSING_AUCTION_LASTS
    if datetime.combine(date.min, closes) <= shortest:
        raise ValueError(f"{where}.closes {closes:%H:%M}: expected after {shortest:%H:%M}, opens {opens:%H:%M}")
    return opens, closes


def _hours(value: object, first: date) -> dict[date, Hours]:
    hours: dict[date, Hours] = {}
    previous: date | None = None
    for where, entry in _entries("hours", value, ("from", "opens", "closes")):
        previous = _later(f"{where}.from", entry["from"], previous)
        hours[previous] = _open_close(where, entry)
    start = next(iter(hours), None)
    if start != first:
        raise ValueError(f"hours[0].from {start}: expected {first}, the first day of the calendar")
    return hours


def _special_hours(value: object, first: date, last: date) -> dict[date, Hours]:
    special: dict[date, Hours] = {}
    previous: date | None = None
    for where, entry in _entries("special_hours", value, ("date", "weekday", "opens", "closes", "reason")):
        previous = _weekday(where, entry, previous, first, last)
        _reason(where, entry["reason"])
        special[previous] = _open_close(where, entry)
    return special


def _closed(value: object, first: date, last: date) -> dict[date, str]:
    reasons: dict[date, str] = {}
    previous: date | None = None
    for where, entry in _entries("closed", value, ("date", "weekday", "reason")):
        previous = _weekday(where, entry, previous, first, last)
        reasons[previous] = _reason(where, entry["reason"])
    return reasons
