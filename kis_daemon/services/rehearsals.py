"""The morning's rehearsal: once a trading day, and what became of it is kept over restarts.

Rules of this room (S3-C06)
    At 08:30, or at once where the start was later. Until it is passed entries stay closed; exits do not know of it.
    One that failed is tried once more, an hour of trouble may be over; then the day stays closed, and a person knows.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date, datetime, time, timedelta

from kis_daemon.domain.calendar import KST, TradingCalendar
from kis_daemon.ports import Clock, Rows, Severity, StoreError
from kis_daemon.services.journal import Journal

REHEARSAL_MARK = "rehearsal"
_AT = time(8, 30)
_AGAIN_AFTER = timedelta(minutes=30)

Rehearse = Callable[[date], Awaitable[str]]
"""Runs the rehearsal of a day; returns what went wrong, "" where it was passed."""


class Rehearsals:
    """See the rules above. `trouble` is what stands in the way of entries today."""

    def __init__(self, rehearse: Rehearse, journal: Journal, calendar: TradingCalendar, clock: Clock) -> None:
        self._rehearse = rehearse
        self._journal = journal
        self._calendar = calendar
        self._clock = clock
        self._passed: date | None = None
        self._told = "the rehearsal of 08:30 has not run yet"

    def trouble(self) -> str:
        """Return why today's rehearsal does not let entries pass, "" where it does."""
        return "" if self._passed == self._clock.now().date() else self._told

    async def run(self) -> None:
        """Rehearse each trading day until cancelled."""
        try:
            self._passed = await self._journal.transact(_passed_before)
        except StoreError:
            self._passed = None  # then it is rehearsed again
        while True:
            await self._wait_for_a_day()
            for is_last in (False, True):
                if await self._attempt(self._clock.now().date()) or is_last:
                    break
                await self._clock.sleep_until(self._clock.now() + _AGAIN_AFTER)
            await self._clock.sleep_until(_at(self._clock.now().date() + timedelta(days=1), time()))

    async def _wait_for_a_day(self) -> None:
        """Return at 08:30 or later on a trading day that was not passed yet."""
        while True:
            now = self._clock.now()
            today = now.date()
            is_due = self._calendar.covers(today) and self._calendar.trading_day(today) is not None
            if is_due and self._passed != today:
                await self._clock.sleep_until(_at(today, _AT))
                return
            await self._clock.sleep_until(_at(today + timedelta(days=1), time()))

    async def _attempt(self, day: date) -> bool:
        self._told = "the rehearsal is under way"
        trouble = await self._rehearse(day)
        if trouble:
            self._told = f"the rehearsal failed: {trouble}"
            self._journal.note(
                self._journal.fact("rehearsal_failed", severity=Severity.ERROR, alerts=True, reason=trouble)
            )
            return False
        self._passed = day
        passed = self._journal.fact("rehearsal_passed", alerts=True, day=day.isoformat())
        self._journal.note(passed, also=lambda rows: rows.set_mark(REHEARSAL_MARK, day.isoformat()))
        return True


def _passed_before(rows: Rows) -> date | None:
    known = rows.mark(REHEARSAL_MARK)
    return None if known is None else date.fromisoformat(known)


def _at(day: date, hour: time) -> datetime:
    return datetime.combine(day, hour, KST)
