"""Orders left with the broker over night: they become orders of the exchange when its next day begins.

Rules of this room
    Taken from 15:40 to 07:30 of the next business day, not from 23:40 to 00:10 while the broker's servers start anew;
    on a day without trading, all day but for that half hour.
    Sent when the opening auction begins. Without an end date a reservation is sent once; with one, what is unfilled is
    sent again every business day up to that date.
    A refusal by the exchange is told in the listing only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from kis_daemon.domain.calendar import TradingCalendar, TradingDay
from kis_daemon.domain.market import Side, Symbol, Won
from kis_daemon.simulator.requests import Request

OPENS, CLOSES = time(15, 40), time(7, 30)
RESTARTS, RESTARTED = time(23, 40), time(0, 10)
LONGEST = timedelta(days=30)
_FIRST_NUMBER = 39_001


@dataclass(slots=True, kw_only=True, eq=False)
class Reservation:
    """One reserved order and the orders it has become, one a day."""

    number: int
    symbol: Symbol
    side: Side
    division: str
    quantity: int
    price: Won
    at: datetime
    first_day: date
    last_day: date
    cancelled_at: datetime | None = None
    refused: str = ""
    sent: list[Request] = field(default_factory=list)

    @property
    def filled(self) -> int:
        return sum(request.filled for request in self.sent)

    @property
    def amount(self) -> Won:
        return sum(request.amount for request in self.sent)

    def is_due(self, day: date) -> bool:
        """Tell whether an order has to be sent on `day`."""
        if self.cancelled_at is not None or self.refused or not self.first_day <= day <= self.last_day:
            return False
        return self.filled < self.quantity and all(request.at.date() != day for request in self.sent)

    def can_change(self, now: datetime) -> bool:
        """Tell whether it may still be cancelled or changed: it waits, and was never sent."""
        return self.cancelled_at is None and not self.sent and not self.refused and now.date() <= self.last_day


class Reservations:
    """All reservations, oldest first; their numbers go on over the days."""

    def __init__(self) -> None:
        self.all: list[Reservation] = []

    @property
    def next_number(self) -> int:
        return _FIRST_NUMBER + len(self.all)

    def find(self, number: int) -> Reservation | None:
        return next((each for each in self.all if each.number == number), None)

    def next_due(self, calendar: TradingCalendar, now: datetime) -> TradingDay | None:
        """Return the next day on which something has to be sent, None where nothing waits or the calendar ends."""
        last = min(max((each.last_day for each in self.all), default=date.min), calendar.last)
        days = calendar.trading_days(now.date(), last) if now.date() <= last else ()
        return next((day for day in days if any(each.is_due(day.date) for each in self.all)), None)


def is_open(calendar: TradingCalendar, now: datetime) -> bool:
    """Tell whether the broker takes reservations at `now`."""
    clock = now.timetz().replace(tzinfo=None)
    if clock >= RESTARTS or clock < RESTARTED:
        return False
    return not calendar.is_trading_day(now.date()) or clock >= OPENS or clock < CLOSES


def day_of(calendar: TradingCalendar, now: datetime) -> date:
    """Return the business day on which a reservation of `now` is sent."""
    today = calendar.trading_day(now.date())
    if today is not None and now < today.opening_auction_at:
        return today.date
    return calendar.next_trading_day(now.date()).date
