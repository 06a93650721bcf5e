"""When which order type is taken: the hours of the Korea Exchange outside of its regular session.

Source: the wire contract, sections 4.4 and 6.1. The regular session's own hours are the calendar's; these hang on
it, so they move with a late opening and a late close. They trade at the moments of `trades_of`: both closing prices
every minute, the after-market every ten minutes from its first on.
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
# orders at the close are taken at once and matched ten minutes after it
_AT_CLOSE_MATCHES = timedelta(minutes=10)
_MINUTE = timedelta(minutes=1)
_AFTER_MARKET_EVERY = timedelta(minutes=10)
ASIDE = (Hours.BEFORE_OPEN, Hours.AT_CLOSE, Hours.AFTER_MARKET)


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


def trades_of(hours: Hours, day: TradingDay, *, reformed: bool) -> list[datetime]:
    """Return the moments at which `hours` outside of the regular session trade, none where the day lacks them."""
    span = hours_of(hours, day, reformed=reformed)
    if span is None:
        return []
    begins, ends = span
    if hours is Hours.AFTER_MARKET:
        first, every = begins, _AFTER_MARKET_EVERY
    else:
        first, every = begins + (_AT_CLOSE_MATCHES if hours is Hours.AT_CLOSE else _MINUTE), _MINUTE
    return [first + place * every for place in range(-((first - ends) // every))]
