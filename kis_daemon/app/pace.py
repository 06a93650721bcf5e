"""How fast simulated time goes: trading hours at the given rate, closed hours in no time."""

from __future__ import annotations

from datetime import datetime, timedelta

from kis_daemon.domain.calendar import TradingCalendar


class SessionPace:
    """`virtual_loop.Pace`: `rate` seconds of a session take one wall second; everything else is jumped."""

    def __init__(self, calendar: TradingCalendar, origin: datetime, rate: float) -> None:
        self._calendar = calendar
        self._origin = origin
        self._rate = rate

    def __call__(self, start: float, end: float) -> float:
        begin, finish = self._origin + timedelta(seconds=start), self._origin + timedelta(seconds=end)
        open_s = 0.0
        day = begin.date()
        while day <= finish.date() and self._calendar.covers(day):
            session = self._calendar.trading_day(day)
            if session is not None:
                shared = min(finish, session.closes_at) - max(begin, session.opens_at)
                open_s += max(shared.total_seconds(), 0.0)
            day += timedelta(days=1)
        return open_s / self._rate
