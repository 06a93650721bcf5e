"""Market days: our calendar held against the broker's, once a day.

Rules of this room (requirements, section 8; the wire contract, 4.2.15)
    KIS wants the question at most once a day: its answer is kept with the records, and a restart asks it from there.
    Where the two differ about today, entries are closed and a person is called; about a later day, a person is called.
    Exits go on in any hours that the exchange accepts: a day that only the broker opens has the usual ones.
    The broker's days know no late opening: hours are the calendar's. What cannot be asked changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date, timedelta

from kis_daemon.domain.calendar import TradingCalendar
from kis_daemon.ports import BrokerError, Clock, MarketDay, Severity
from kis_daemon.services.journal import Journal

MARKET_DAYS_MARK = "market_days"
_AHEAD = timedelta(days=13)  # the first page of the answer holds more

AskDays = Callable[[date, date], Awaitable[Sequence[MarketDay]]]
"""`ports.MarketResearch.market_days`."""


class MarketDays:
    """See the rules above. Without `ask` (a venue that does not tell) the calendar stands alone."""

    def __init__(self, *, ask: AskDays | None, calendar: TradingCalendar, journal: Journal, clock: Clock) -> None:
        self._ask = ask
        self._calendar = calendar
        self._journal = journal
        self._clock = clock
        self._asked_on: date | None = None
        self._opens: dict[date, bool] = {}

    def load(self, value: str | None) -> None:
        """Take over what an earlier run was told."""
        if value is None:
            return
        asked_on, days = json.loads(value)
        self._take(date.fromisoformat(asked_on), {date.fromisoformat(day): opens for day, opens in days.items()})

    async def compare(self) -> None:
        """Ask unless today was asked already; tell every difference that lies ahead."""
        today = self._clock.now().date()
        if self._ask is not None and self._asked_on != today:
            try:
                told = await self._ask(today, today + _AHEAD)
            except BrokerError as error:
                self._journal.note(
                    self._journal.fact(
                        "market_days_not_asked", severity=Severity.WARNING, code=error.code, reason=str(error)
                    )
                )
            else:
                self._take(today, {day.date: day.is_open for day in told})
                kept = json.dumps([today.isoformat(), {day.isoformat(): opens for day, opens in self._opens.items()}])
                fact = self._journal.fact("market_days_asked", days=len(told), first=today.isoformat())
                self._journal.note(fact, also=lambda rows: rows.set_mark(MARKET_DAYS_MARK, kept))
        differing = [day for day in sorted(self._opens) if day >= today and self.differs_on(day)]
        if differing:
            self._journal.note(
                self._journal.fact(
                    "calendar_disagrees",
                    severity=Severity.ERROR,
                    alerts=True,
                    open_at_broker=",".join(day.isoformat() for day in differing if self._opens[day]),
                    closed_at_broker=",".join(day.isoformat() for day in differing if not self._opens[day]),
                    today=differing[0] == today,
                )
            )

    def differs_on(self, day: date) -> bool:
        """Whether calendar and broker are known to differ about `day`."""
        opens = self._opens.get(day)
        return opens is not None and self._calendar.covers(day) and opens != self._calendar.is_trading_day(day)

    def _take(self, asked_on: date, opens: Mapping[date, bool]) -> None:
        self._asked_on, self._opens = asked_on, dict(opens)
        self._calendar.opened_elsewhere.clear()
        self._calendar.opened_elsewhere.update(day for day in opens if opens[day] and self.differs_on(day))
