"""What KIS's own clock says, by the `Date` of its answers: an order's day and a stop's minute hang on ours."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

from kis_daemon.ports import Clock

_HALF_A_SECOND = 0.5  # the header leaves fractions out


class ServerClock:
    """How far the server's clock is ahead of ours, as of its last answer that had a date."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = ""
        self.ahead_s: float | None = None

    def hear(self, date: str) -> None:
        """Take in the `Date` of an answer; the same second is looked at once, and what is no date tells nothing."""
        if date == self._last:
            return
        self._last = date
        try:
            told = parsedate_to_datetime(date)
        except ValueError:
            return
        if told.tzinfo is None:
            return
        self.ahead_s = (told - self._clock.now()).total_seconds() + _HALF_A_SECOND
