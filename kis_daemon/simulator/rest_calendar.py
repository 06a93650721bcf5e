"""The exchange's days on the wire: chk-holiday and market-time.

Source: the wire contract, section 4.2.15. Orders go by `opnd_yn`. On the year's last business day banks and brokers
work while the exchange is closed: `bzdy_yn` Y, `opnd_yn` N.
"""

from __future__ import annotations

from datetime import date, timedelta

from kis_daemon.domain.calendar import TradingCalendar
from kis_daemon.simulator.fields import Fields
from kis_daemon.simulator.venue import Venue
from kis_daemon.simulator.wire import QUOTED, Failed, Reply, cursor, done

HOLIDAY_ROWS = 24
_CURSOR_CHARS = 20
_SATURDAY = 5
_YEAR_END = (12, 29)  # the exchange's closing day lies between here and the year's end
_DAYS_TOLD = 5


def chk_holiday(venue: Venue, fields: Fields) -> Reply:
    """Answer CTCA0903R: the days from BASS_DT on, as far as the calendar goes, a page at a time."""
    calendar = venue.exchange.calendar
    basis = fields.day("BASS_DT")
    start = fields.day("CTX_AREA_NK") if fields.is_continued and fields.optional("CTX_AREA_NK") else basis
    if not calendar.covers(start):
        raise Failed("OPSQ2003", "ERROR INVALID INPUT [BASS_DT]")
    rows: list[dict[str, str]] = []
    day = start
    while len(rows) < HOLIDAY_ROWS and calendar.covers(day):
        rows.append(_row(calendar, day))
        day += timedelta(days=1)
    more = calendar.covers(day)
    return Reply(
        body=done(
            ("KIOK0500" if more else "KIOK0460", "조회가 계속됩니다" if more else "조회가 완료되었습니다"),
            ctx_area_nk=cursor(f"{day:%Y%m%d}" if more else "", _CURSOR_CHARS),
            ctx_area_fk=cursor(f"{basis:%Y%m%d}", _CURSOR_CHARS),
            output=rows,
        ),
        tr_cont="M" if more else "D",
    )


def _row(calendar: TradingCalendar, day: date) -> dict[str, str]:
    opens = calendar.is_trading_day(day)
    works = opens or (day.weekday() < _SATURDAY and (day.month, day.day) >= _YEAR_END)
    return {
        "bass_dt": f"{day:%Y%m%d}",
        "wday_dvsn_cd": f"{day.isoweekday() % 7 + 1:02d}",
        "bzdy_yn": "Y" if works else "N",
        "tr_day_yn": "Y" if works else "N",
        "opnd_yn": "Y" if opens else "N",
        "sttl_day_yn": "Y" if opens else "N",
    }


def market_time(venue: Venue, _fields: Fields) -> Reply:
    """Answer HHMCM000002C0: today and the business days around it, and the hours of the session."""
    now, calendar = venue.now(), venue.exchange.calendar
    day = calendar.trading_day(now.date())
    shown = day if day is not None else calendar.next_trading_day(now.date())
    days = calendar.trading_days(now.date(), min(now.date() + timedelta(days=30), calendar.last))[:_DAYS_TOLD]
    output = {f"date{index}": "" for index in range(1, _DAYS_TOLD + 1)}
    output |= {f"date{index}": f"{each.date:%Y%m%d}" for index, each in enumerate(days, start=1)}
    output |= {
        "today": f"{now:%Y%m%d}",
        "time": f"{now:%H%M%S}",
        "s_time": f"{shown.opens_at:%H%M%S}",
        "e_time": f"{shown.closes_at:%H%M%S}",
    }
    return Reply(body=done(QUOTED, output1=output))
