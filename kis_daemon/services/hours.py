"""Trading hours of a day, also where the calendar ends: what is held must be watched on.

Rules of this room
    A covered day has the calendar's hours, or none. On a weekday beyond the calendar, and on a closed day that the
    broker opens, the usual hours are assumed: they keep exits going; entries are closed there by the gate
    (`calendar_not_covered`, `calendar_disagrees`).
"""

from __future__ import annotations

from datetime import date, datetime, time

from kis_daemon.domain.calendar import KST, SessionPhase, TradingCalendar, TradingDay

_SATURDAY = 5
_OPENS, _CLOSES = time(9, 0), time(15, 30)


def trading_hours(calendar: TradingCalendar, day: date) -> TradingDay | None:
    """Return the hours of `day`, or None where there is no session."""
    if calendar.covers(day):
        found = calendar.trading_day(day)
        if found is not None or day not in calendar.opened_elsewhere:
            return found
    elif day.weekday() >= _SATURDAY:
        return None
    return TradingDay(
        date=day, opens_at=datetime.combine(day, _OPENS, KST), closes_at=datetime.combine(day, _CLOSES, KST)
    )


def trading_phase(calendar: TradingCalendar, at: datetime) -> SessionPhase:
    """Return the phase of the session at `at`."""
    hours = trading_hours(calendar, at.date())
    return SessionPhase.CLOSED if hours is None else hours.phase(at)
