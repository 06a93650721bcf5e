"""A server with a rolling second, and what may be asked of it.

Rules of this room
    The server is a reading of the limit of its own: at most `limit` accepted calls in any second that ends with a
    call. A refused call does not count. It judges arrivals; a call arrives up to `jitter_s` earlier or later than it
    left, all the same the way (0.0: arrivals are departures).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

JITTER_S = 0.05
FULL_QUEUE = "full queue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """When each call is wanted, and how long after it was let go it leaves (a new connection takes its time)."""

    name: str
    wanted_at: Sequence[float]
    delays_s: Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the server made of a run."""

    calls: int
    refused: int
    busiest: int
    share: float


def judge(departures: Sequence[float], limit: int, jitter_s: float, chance: Random) -> Verdict:
    """Return what a server with a rolling second refuses, and which share of the limit was used with success."""
    arrivals = sorted(left_at + chance.uniform(-jitter_s, jitter_s) for left_at in departures)
    accepted: deque[float] = deque()
    seen: deque[float] = deque()
    refused = busiest = 0
    for at in arrivals:
        for window in (accepted, seen):
            while window and at - window[0] >= 1.0:
                window.popleft()
        seen.append(at)
        busiest = max(busiest, len(seen))
        if len(accepted) < limit:
            accepted.append(at)
        else:
            refused += 1
    possible = limit * (max(departures) - min(departures) + 1.0)
    return Verdict(calls=len(arrivals), refused=refused, busiest=busiest, share=(len(arrivals) - refused) / possible)


def full_queue(calls: int) -> Load:
    """All calls wanted at once, each leaving as it is let go."""
    return Load(name=FULL_QUEUE, wanted_at=[0.0] * calls, delays_s=[0.0] * calls)


def new_connections(calls: int, chance: Random) -> Load:
    """All calls wanted at once; one in twenty has to connect first, for up to 0.3 s."""
    delays_s = [chance.uniform(0.0, 0.3) if chance.random() < 0.05 else 0.0 for _ in range(calls)]
    return Load(name="full queue, 1 in 20 connects", wanted_at=[0.0] * calls, delays_s=delays_s)


def bursts(calls: int, limit: int, chance: Random) -> Load:
    """Bursts of up to twice the limit, with pauses such that in the mean 0.7 of the limit is wanted."""
    wanted_at: list[float] = []
    at = 0.0
    while len(wanted_at) < calls:
        size = min(chance.randint(1, 2 * limit), calls - len(wanted_at))
        wanted_at += [at] * size
        at += size / (0.7 * limit) * chance.uniform(0.5, 1.5)
    return Load(name="bursts", wanted_at=wanted_at, delays_s=[0.0] * calls)
