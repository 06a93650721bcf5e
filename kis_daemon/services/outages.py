"""Outages: since when the broker has answered no question, and how long it was away.

Rules of this room (S3-X08, S3-N05, S3-N06)
    The first question without an answer begins an outage; the first one that is answered ends it. A refusal is an
    answer; "too many calls" is neither, because we may have said so ourselves.
    Whoever asks reports here, so that an outage is known as soon as anything of ours has met it.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta

import structlog

from kis_daemon.ports import BrokerError, BrokerUnreachable, Clock, RateLimited

log = structlog.get_logger("outages")

_BUCKET = timedelta(seconds=10)
_KEPT = timedelta(hours=1)


class Outages:
    """See the rules above. `since` is the beginning of the outage that lasts, None while there is none."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.since: datetime | None = None
        self._calls: deque[tuple[datetime, int, int]] = deque()  # ten seconds each: begin, answered, failed

    def failed(self, error: BrokerError) -> None:
        """Take down how a question failed."""
        if isinstance(error, BrokerUnreachable):
            self._count(failed=1)
            if self.since is None:
                self.since = self._clock.now()
                log.warning("network_failed", code=error.code, reason=str(error))
        elif not isinstance(error, RateLimited):
            self.answered()

    def answered(self) -> None:
        """Take down that a question was answered."""
        self._count(answered=1)
        if self.since is not None:
            log.info("network_back", seconds=round(self.seconds, 3))
            self.since = None

    def calls_since(self, moment: datetime) -> tuple[int, int]:
        """Return how many questions were answered and how many were not, from `moment` on or seconds before."""
        recent = [(answered, failed) for begun, answered, failed in self._calls if begun + _BUCKET > moment]
        return sum(answered for answered, _ in recent), sum(failed for _, failed in recent)

    def forget_calls(self) -> None:
        """Count anew."""
        self._calls.clear()

    def _count(self, answered: int = 0, failed: int = 0) -> None:
        now = self._clock.now()
        if self._calls and self._calls[-1][0] <= now < self._calls[-1][0] + _BUCKET:
            begun, before, failed_before = self._calls.pop()
            self._calls.append((begun, before + answered, failed_before + failed))
            return
        self._calls.append((now, answered, failed))
        while now - self._calls[0][0] > _KEPT:
            self._calls.popleft()

    @property
    def seconds(self) -> float:
        """How long the outage has lasted so far; 0 while there is none."""
        return 0.0 if self.since is None else (self._clock.now() - self.since).total_seconds()
