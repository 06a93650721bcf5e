"""When which order type is taken: the hours of the Korea Exchange outside of its regular session.

Source: the wire contract, sections 4.4 and 6.1. The regular session's own hours are the calendar's; these hang on
it, so they move with a late opening and a late close.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from kis_daemon.domain.calendar import KST, TradingDay
from kis_daemon.simulator.requests import Hours

# from this day on: the after-market, its order types, and the fields that were added to the frames
REFORM = date(2026, 9, 14)

_BEFORE_OPEN_LASTS = timedelta(minutes=10)
_AT_CLOSE_LASTS = timedelta(minutes=30)
_AFTER_MARKET_ENDS = time(20, 0)


def hours_of(hours: Hours, day: TradingDay, *, reformed: bool) -> tuple[datetime, datetime] | None:
    """Return the first moment at which `hours` of `day` take an order, and the first at which they no longer do.

    None where the day has no such hours.
    """
    after = day.closes_at + _AT_CLOSE_LASTS
    match hours:
        case Hours.REGULAR:
            return day.opening_auction_at, day.closes_at
        case Hours.BEFORE_OPEN:
            return day.opening_auction_at, day.opening_auction_at + _BEFORE_OPEN_LASTS
        case Hours.AT_CLOSE:
            return day.closes_at, after
        case Hours.AFTER_MARKET:
            return (after, datetime.combine(day.date, _AFTER_MARKET_ENDS, KST)) if reformed else None


def last_hours_end(day: TradingDay, *, reformed: bool) -> datetime:
    """Return the moment after which nothing of `day` is left to be filled or cancelled."""
    found = hours_of(Hours.AFTER_MARKET, day, reformed=reformed) or hours_of(Hours.AT_CLOSE, day, reformed=reformed)
    assert found is not None
    return found[1]
