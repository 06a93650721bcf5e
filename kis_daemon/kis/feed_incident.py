"""One incident of the stream, from the first lost connection to the next real data: how long to wait, whom to tell.
Pure but for its state.

Rules of this room (C26, contract 5.8)
    Between attempts: 1 s, doubling up to 60 s, with jitter from the `random.Random` that was handed in.
    A series of ten attempts without real data has failed: there is no wait after its last one before a person is told.
    From then on the way is probed every two to three minutes.
    A key that another session uses (OPSP8996) is left alone for 30 to 60 s; at the third time a person is told.
    A stream key is replaced when it is refused. When its successor is refused too, the next is a minute away: KIS
    blocks who asks in a loop.
    Only real data ends the incident.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import structlog

from kis_daemon.kis.feed_link import LinkLost

log = structlog.get_logger(__name__)

SERIES = 10  # attempts of one incident, about five minutes, before a person is told
IN_USE_TOLD_AT = 3
_FIRST_DELAY_S = 1.0
_LAST_DELAY_S = 60.0
_IN_USE_S = (30.0, 60.0)
_KEYS_REFUSED_S = 60.0
_PROBE_S = (120.0, 180.0)


def reconnect_delays(random: Random) -> Iterator[float]:
    """Yield the waits between attempts: 1 s, doubled up to 60 s, and up to a quarter more."""
    delay = _FIRST_DELAY_S
    while True:
        yield min(delay * (1 + random.random() / 4), _LAST_DELAY_S)
        delay = min(delay * 2, _LAST_DELAY_S)


class Incident:
    """See the rules above."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._delays = reconnect_delays(random)
        self._in_use = 0
        self._keys_refused = 0
        self.attempts = 0

    def note(self, lost: LinkLost) -> bool:
        """Count one attempt that ended as `lost`; True if the series has failed with it."""
        self.attempts += 1
        self._in_use += lost.in_use
        self._keys_refused += lost.key_refused
        if lost.in_use and self._in_use == IN_USE_TOLD_AT:
            log.error("stream_key_in_use", times=self._in_use)
        if self.attempts == SERIES:
            log.error("feed_reconnect_series_failed", attempts=self.attempts, reason=lost.reason)
        return self.attempts == SERIES

    @property
    def key_in_use(self) -> bool:
        """Whether another session has had our key time and again."""
        return self._in_use >= IN_USE_TOLD_AT

    def delay_s(self, lost: LinkLost) -> float:
        """Return how long to wait before the next attempt."""
        if lost.in_use and self.attempts < SERIES:
            return self._random.uniform(*_IN_USE_S)
        if self.attempts >= SERIES:
            return self._random.uniform(*_PROBE_S)
        delay = next(self._delays)
        return max(delay, _KEYS_REFUSED_S) if lost.key_refused and self._keys_refused > 1 else delay
