"""The readiness desk: looks again and again whether all is well, and tells a person what is not.

Rules of this room (S2-G01..03, S3-C06)
    Each check answers in words what is not well, or "" where all is; it never waits.
    What was found last is what the gate goes by: entries only, and with real money only.
    A person hears of every change once, of the blockers' names and of what to do, from a quarter to nine to the close:
    at night there is nothing that could be bought.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta

from kis_daemon.domain.calendar import TradingCalendar
from kis_daemon.domain.readiness import Blocker, Found, Readiness
from kis_daemon.ports import Clock, Severity
from kis_daemon.services.hours import trading_hours
from kis_daemon.services.journal import Journal

Check = Callable[[], str]
"""Returns what is not well, "" where all is."""

_LOOKS_EVERY_S = 10.0
_TOLD_BEFORE_OPENING = timedelta(minutes=15)


class ReadinessDesk:
    """See the rules above. Until the first look nothing is taken to be well."""

    def __init__(
        self,
        checks: Mapping[Blocker, Check],
        journal: Journal,
        calendar: TradingCalendar,
        clock: Clock,
        *,
        binds: bool,
    ) -> None:
        self._checks = dict(checks)
        self._journal = journal
        self._calendar = calendar
        self._clock = clock
        self._told: tuple[Blocker, ...] | None = None
        not_yet = tuple(Found(blocker=blocker, reason="not looked at yet") for blocker in self._checks)
        self.last = Readiness(found=not_yet, binds=binds)

    def look(self) -> Readiness:
        """Ask every check and keep what they say."""
        reasons = {blocker: check() for blocker, check in self._checks.items()}
        found = tuple(Found(blocker=blocker, reason=reason) for blocker, reason in reasons.items() if reason)
        self.last = Readiness(found=found, binds=self.last.binds)
        return self.last

    def lets_enter(self) -> bool:
        """Whether the last look lets entries pass."""
        return not self.last.closes_entries

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            self._tell(self.look())
            await asyncio.sleep(_LOOKS_EVERY_S)

    def _matters_now(self) -> bool:
        now = self._clock.now()
        hours = trading_hours(self._calendar, now.date())
        return hours is not None and hours.opens_at - _TOLD_BEFORE_OPENING <= now < hours.closes_at

    def _tell(self, readiness: Readiness) -> None:
        if not readiness.binds or readiness.blockers == self._told or not self._matters_now():
            return
        self._told = readiness.blockers
        if readiness.can_trade:
            self._journal.note(self._journal.fact("readiness_passed", alerts=True))
            return
        self._journal.note(
            self._journal.fact(
                "readiness_blocked",
                severity=Severity.WARNING,
                alerts=True,
                blockers=",".join(readiness.blockers),
                reason="; ".join(one.reason for one in readiness.found),
            )
        )
