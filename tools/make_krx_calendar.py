"""Write config/krx_calendar.yaml from two libraries; what they differ in is settled here, or refused.

    pip install holidays==0.109 exchange_calendars==4.13.2      # into a venv of its own, not the project's
    python tools/make_krx_calendar.py            # writes the file
    python tools/make_krx_calendar.py --check    # writes nothing; exit 1 when the file differs

Rules of this tool
    A weekday is closed when both libraries say so. Where they differ, `RULINGS` decides, with its reason; a
    difference without a ruling ends the tool. A holiday announced after their release is a ruling too.
    Hours are our own table; `exchange_calendars` is the second opinion, `HOURS_RULINGS` settles the rest.
    The same libraries give the same bytes on every day: the tool reads no clock.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import importlib.metadata
import json
import sys
from collections.abc import Iterator
from datetime import date, time, timedelta
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

FIRST, LAST = date(2015, 1, 1), date(2027, 12, 31)
LIBRARIES = ("holidays", "exchange_calendars")
TARGET = Path(__file__).resolve().parent.parent / "config" / "krx_calendar.yaml"


Hours: TypeAlias = tuple[time, time]


class Ruling(NamedTuple):
    """What holds on a day, its name in the file, and why we say so."""

    closed: bool
    name: str
    why: str


RULINGS = {
    date(2026, 6, 3): Ruling(
        True,
        "Local Election Day",
        "Nationwide local elections are a closing day, as in 2018 and 2022; the exchange was reported shut. "
        "exchange_calendars took it up after 4.13.2 (pull request 574).",
    ),
    date(2026, 7, 17): Ruling(
        True,
        "Constitution Day",
        "A public holiday again since the Public Holidays Act was amended on 2026-02-10; the exchange was "
        "reported closed. exchange_calendars 4.13.2 follows the old law (pull request 583 is open).",
    ),
    date(2027, 5, 3): Ruling(
        True,
        "Alternative holiday for Labor Day",
        "Labor Day is a public holiday with a substitute day since 2026 (Ministry of Personnel Management); "
        "2027-05-01 is a Saturday, and the exchange closes on every substitute day. Its list was not seen.",
    ),
    date(2027, 7, 19): Ruling(
        True,
        "Alternative holiday for Constitution Day",
        "Constitution Day has a substitute day since 2026 (same announcement); 2027-07-17 is a Saturday, "
        "and the exchange closes on every substitute day. Its list was not seen.",
    ),
}

USUAL_HOURS = (  # in force from a day on
    (date(2015, 1, 1), time(9), time(15)),
    (date(2016, 8, 1), time(9), time(15, 30)),
)
YEAR_OPENS, CSAT_OPENS = time(10), time(10)
CSAT_SHIFT = timedelta(hours=1)
CSAT_MOVED = {  # CSAT is the Thursday of November's third week (weeks from Sunday), but for:
    2015: (date(2015, 11, 12), "held in the second week; the third-week rule came with the exam of 2016"),
    2017: (date(2017, 11, 23), "moved a week by the Pohang earthquake of 15 November"),
    2020: (date(2020, 12, 3), "moved two weeks by COVID-19"),
}
EXTRA_LATE_DAYS = {  # earthquake in the evening of the 15th
    date(2017, 11, 16): "CSAT day as first planned: the exam moved, the announced hours stayed",
}
_AFTER_2020 = "CSAT, unknown to exchange_calendars after 2020; announced by the exchange each year"
_AHEAD = "CSAT by the Ministry of Education; hours by custom, the exchange's announcement not seen"
HOURS_RULINGS = {
    date(2021, 11, 18): _AFTER_2020,
    date(2022, 11, 17): _AFTER_2020,
    date(2023, 11, 16): _AFTER_2020,
    date(2024, 11, 14): _AFTER_2020,
    date(2025, 11, 13): _AFTER_2020,
    date(2026, 11, 19): _AHEAD,
    date(2027, 11, 18): _AHEAD,
}

UNCERTAIN = (
    "2026: the exchange's list is known second hand (17 closing days reported, 17 in this file).",
    "2027: law and custom, the exchange's list has not been seen; least sure are 2027-05-03 and 2027-07-19.",
    "Temporary holidays and snap elections are named weeks ahead: those to come are not here.",
    "CSAT hours of 2026-11-19 and 2027-11-18: custom, see below.",
    "Longer hours are planned (24 hours by the end of 2027): the regular session is taken to stay.",
)


class Unsettled(Exception):
    """The sources differ on something no table of this tool decides."""


class LateDay(NamedTuple):
    opens: time
    closes: time
    reason: str


def weekdays() -> Iterator[date]:
    day = FIRST
    while day <= LAST:
        if day.weekday() < 5:
            yield day
        day += timedelta(days=1)


def csat_day(year: int) -> date:
    """Return the day of the CSAT: Thursday of the third week of November, but for `CSAT_MOVED`."""
    first = date(year, 11, 1)
    sunday = first - timedelta(days=first.isoweekday() % 7)
    return CSAT_MOVED[year][0] if year in CSAT_MOVED else sunday + timedelta(weeks=2, days=4)


def usual_hours(day: date) -> Hours:
    opens, closes = next((o, c) for since, o, c in reversed(USUAL_HOURS) if since <= day)
    return opens, closes


def load(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise SystemExit(f"{name} is missing; install as said in {Path(__file__).name}") from error


def closed_by_holidays() -> dict[date, str]:
    years = range(FIRST.year, LAST.year + 1)
    found = load("holidays").financial_holidays("XKRX", years=years, language="en_US")
    return {day: found[day] for day in weekdays() if day in found}


def hours_by_exchange_calendars() -> dict[date, Hours]:
    """Return each trading day's hours; the end is asked for, or the library stops a year from today."""
    calendar = load("exchange_calendars").get_calendar("XKRX", start=FIRST.isoformat(), end=LAST.isoformat())
    if (LAST - calendar.last_session.date()).days > 7:
        raise Unsettled(f"exchange_calendars ends on {calendar.last_session.date()}, the file on {LAST}")
    local = calendar.schedule[["open", "close"]].apply(lambda column: column.dt.tz_convert("Asia/Seoul"))
    return {row.Index.date(): (row.open.time(), row.close.time()) for row in local.itertuples()}


def settle_closed(ours: dict[date, str], theirs: dict[date, Hours]) -> tuple[dict[date, str], list[str]]:
    """Return the closed weekdays with their names, and what was settled; `Unsettled` names the rest."""
    closed: dict[date, str] = {}
    account: list[str] = []
    open_questions: list[str] = []
    for day in weekdays():
        name, other_closed = ours.get(day), day not in theirs
        ruling = RULINGS.get(day)
        if ruling is not None:
            says = f"holidays says {word(name is not None)}, exchange_calendars {word(other_closed)}"
            account.append(f"{day} {word(ruling.closed)}, {ruling.name} ({says})")
            if ruling.closed:
                closed[day] = ruling.name
        elif (name is not None) != other_closed:
            open_questions.append(f"{day}: holidays says {name or 'open'}, exchange_calendars the opposite")
        elif name is not None:
            closed[day] = name
    if open_questions:
        raise Unsettled("settle these days in RULINGS:\n  " + "\n  ".join(open_questions))
    return closed, account


def late_days(closed: dict[date, str]) -> dict[date, LateDay]:
    late: dict[date, LateDay] = {}
    for year in range(FIRST.year, LAST.year + 1):
        opening = next(day for day in weekdays() if day.year == year and day not in closed)
        late[opening] = LateDay(YEAR_OPENS, usual_hours(opening)[1], "first trading day of the year")
        csat = csat_day(year)
        moved = f", {CSAT_MOVED[year][1]}" if year in CSAT_MOVED else ""
        late[csat] = LateDay(CSAT_OPENS, an_hour_later(usual_hours(csat)[1]), f"CSAT day{moved}")
    for day, reason in EXTRA_LATE_DAYS.items():
        late[day] = LateDay(CSAT_OPENS, an_hour_later(usual_hours(day)[1]), reason)
    return dict(sorted(late.items()))


def an_hour_later(at: time) -> time:
    return at.replace(hour=at.hour + 1)


def settle_hours(closed: dict[date, str], late: dict[date, LateDay], theirs: dict[date, Hours]) -> list[str]:
    """Return what was settled, two lines for each reason; `Unsettled` names the rest."""
    account: dict[str, list[str]] = {}
    open_questions: list[str] = []
    for day in weekdays():
        if day in closed or day not in theirs:
            continue
        ours = late[day][:2] if day in late else usual_hours(day)
        if ours != theirs[day]:
            if day in HOURS_RULINGS:
                why = f"{span(*ours)}, not {span(*theirs[day])}: {HOURS_RULINGS[day]}"
                account.setdefault(why, []).append(f"{day}")
            else:
                open_questions.append(f"{day}: {span(*ours)}, exchange_calendars says {span(*theirs[day])}")
    if open_questions:
        raise Unsettled("settle these hours in HOURS_RULINGS:\n  " + "\n  ".join(open_questions))
    return [line for why, days in account.items() for line in (why, "  " + " ".join(days))]


def word(closed: bool) -> str:
    return "closed" if closed else "open"


def span(opens: time, closes: time) -> str:
    return f"{opens:%H:%M}-{closes:%H:%M}"


def quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # a JSON string is a YAML one


def render() -> str:
    """Return the whole text of the file."""
    theirs = hours_by_exchange_calendars()
    closed, settled_days = settle_closed(closed_by_holidays(), theirs)
    late = late_days(closed)
    settled_hours = settle_hours(closed, late, theirs)
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in LIBRARIES)
    lines = [
        "# The trading days of the Korea Exchange. Times are Asia/Seoul; weekends are closed and not listed.",
        f"# Written by tools/make_krx_calendar.py from {versions}; see docs/calendar.md.",
        "# Do not edit by hand but for a holiday announced today; then carry it into the tool's RULINGS.",
        "#",
        "# Not certain:",
        *(f"#   {line}" for line in UNCERTAIN),
        "# Days on which the libraries differ, as settled:",
        *(f"#   {line}" for line in settled_days),
        "# Hours in which they differ, as settled:",
        *(f"#   {line}" for line in settled_hours),
        "",
        f"first: {FIRST}",
        f"last: {LAST}",
        "",
        "hours:  # the regular session, from a day on",
        *(f'  - {{from: {day}, opens: "{o:%H:%M}", closes: "{c:%H:%M}"}}' for day, o, c in USUAL_HOURS),
        "",
        "special_hours:",
    ]
    for day, (opens, closes, reason) in late.items():
        hours = f'opens: "{opens:%H:%M}", closes: "{closes:%H:%M}"'
        lines.append(f"  - {{date: {day}, weekday: {day:%a}, {hours}, reason: {quoted(reason)}}}")
    lines += ["", "closed:"]
    year = 0
    for day, name in closed.items():
        if day.year != year:
            year = day.year
            count = sum(other.year == year for other in closed)
            lines.append(f"  # {year}: {count} weekdays")
        lines.append(f"  - {{date: {day}, weekday: {day:%a}, reason: {quoted(name)}}}")
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="write config/krx_calendar.yaml")
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 if the file differs")
    check: bool = parser.parse_args(arguments).check
    try:
        text = render()
    except Unsettled as trouble:
        print(trouble, file=sys.stderr)
        return 1
    if not check:
        TARGET.write_text(text, encoding="utf-8")
        print(f"wrote {TARGET.name}")
        return 0
    present = TARGET.read_text(encoding="utf-8") if TARGET.exists() else ""
    difference = list(
        difflib.unified_diff(present.splitlines(), text.splitlines(), "file", "generated", lineterm="", n=0)
    )
    print("\n".join(difference) if difference else f"{TARGET.name} is as generated")
    return 1 if difference else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
