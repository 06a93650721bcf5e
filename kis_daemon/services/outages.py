"""Outages: since when the broker has answered no question, and how long it was away.

Rules of this room (S3-X08, S3-N05, S3-N06)
    The first question without an answer begins an outage; the first one that is answered ends it. A refusal is an
    answer; "too many calls" is neither, because we may have said so ourselves.
    Whoever asks reports here, so that an outage is known as soon as anything of ours has met it.
"""

from __future__ import annotations

from datetime import datetime

import structlog

from kis_daemon.ports import BrokerError, BrokerUnreachable, Clock, RateLimited

log = structlog.get_logger("outages")


class Outages:
    """See the rules above. `since` is the beginning of the outage that lasts, None while there is none."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.since: datetime | None = None

    def failed(self, error: BrokerError) -> None:
        """Take down how a question failed."""
        if isinstance(error, BrokerUnreachable):
            if self.since is None:
                self.since = self._clock.now()
                log.warning("network_failed", code=error.code, reason=str(error))
        elif not isinstance(error, RateLimited):
            self.answered()

    def answered(self) -> None:
        """Take down that a question was answered."""
        if self.since is not None:
            log.info("network_back", seconds=round(self.seconds, 3))
            self.since = None

    @property
    def seconds(self) -> float:
        """How long the outage has lasted so far; 0 while there is none."""
        return 0.0 if self.since is None else (self._clock.now() - self.since).total_seconds()
