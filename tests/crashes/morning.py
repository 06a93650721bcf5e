"""One morning in a yard: burst after burst the daemon is killed at its points, started again, and held to account.

Rules of this room
    A start is judged when it has reconciled and both sides agree; then only is the next point armed.
    A point in a start leaves the judging to the next start, which has to answer for both.
    A point that the market did not bring is tried again at the next burst, once. One that no activity
    was left for is met by a kill at rest, and counted as that.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.crashes.market import SPEED
from tests.crashes.points import Point, Round
from tests.crashes.verdict import Verdict, has_agreed, judge
from tests.crashes.yard import Overdue, Yard

_LEAD_S = 75.0  # on the broker's clock, from a start's first answer to every history: two calls a symbol, and a reserve
_SETTLES_S = 12.0  # of the wall: a silent order's time, twice over
_START_S = 15.0  # of the wall: on a busy machine the start of a process takes some seconds
_BURST_S = 4.0  # of the wall: an entry's time of 45 s and what comes of it
_SEQUEL_S = 1.5
_ATTEMPTS = 2
_GLANCE_S = 0.001
AT_REST = "at rest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """One kill: its kind and point, what was found after it, and what the start after it took."""

    kind: str
    point: str
    verdict: Verdict
    wall_s: float
    market_s: float


@dataclass(slots=True)
class Ledger:
    """What a morning has brought so far. A kill waits in `open` until the start after it has been judged."""

    kills: list[Kill] = field(default_factory=list)
    open: list[tuple[str, str]] = field(default_factory=list)
    orders: int = 0  # that the broker has taken
    unmet: list[str] = field(default_factory=list)  # points that the market did not bring
    ended: list[str] = field(default_factory=list)  # daemons that a trouble ended, and their last words
    longest_start_s: float = 1.5  # of the wall, lately

    @property
    def lead(self) -> timedelta:
        """How long before a burst a start has to begin to be ready for it."""
        return timedelta(seconds=_LEAD_S + self.longest_start_s * SPEED)


def live(yard: Yard, rounds: Iterable[Round], ledger: Ledger) -> None:
    """Live through the rounds into `ledger`; `Overdue` where something that must come does not."""
    for each in rounds:
        burst = yard.put_forward(ledger.lead)
        if each.start is not None:
            _die_in_the_start(yard, each.start, ledger)
        come_back(yard, ledger)
        _die_in_the_burst(yard, each.burst, burst, ledger)
        come_back(yard, ledger)
        _die_in_the_sequel(yard, each.after, ledger)
    come_back(yard, ledger)
    yard.kill()


def _die_in_the_start(yard: Yard, point: Point, ledger: Ledger) -> None:
    is_there = yard.armed(point, yard.kill)
    yard.start()
    try:
        fall(yard, is_there, str(point), _START_S)
        ledger.open.append((point.kind, str(point)))
    except Overdue:
        yard.kill()
        ledger.unmet.append(f"not met: {point}")
        ledger.open.append((AT_REST, f"{AT_REST}, instead of: {point}"))
    finally:
        yard.disarm()


def _die_in_the_burst(yard: Yard, point: Point, burst: datetime, ledger: Ledger) -> None:
    for attempt in range(1, _ATTEMPTS + 1):
        is_there = yard.armed(point, yard.kill)
        try:
            fall(yard, is_there, str(point), over_in_s(yard, burst, ledger))
            ledger.open.append((point.kind, str(point)))
            return
        except Overdue:
            yard.kill()
            ledger.open.append((AT_REST, f"{AT_REST}, instead of: {point}"))
        finally:
            yard.disarm()
        if attempt < _ATTEMPTS:
            burst = yard.put_forward(ledger.lead)
            come_back(yard, ledger)
    ledger.unmet.append(f"not met: {point}")


def _die_in_the_sequel(yard: Yard, point: Point | None, ledger: Ledger) -> None:
    if point is not None:
        try:
            fall(yard, yard.armed(point, yard.kill), str(point), _SEQUEL_S + ledger.longest_start_s)
            ledger.open.append((point.kind, str(point)))
        except Overdue:
            point = None
        yard.disarm()
    if point is None:
        yard.kill()
        ledger.open.append((AT_REST, AT_REST))


def over_in_s(yard: Yard, burst: datetime, ledger: Ledger) -> float:
    """Return how many seconds of the wall it takes until what a burst brings is there; a slow machine takes longer."""
    left_s = max((burst - yard.broker.now()).total_seconds() / SPEED, 0.0)
    return left_s + _BURST_S + ledger.longest_start_s


def fall(yard: Yard, is_there: Callable[[], bool], what: str, patience_s: float) -> None:
    """Wait until the daemon is killed at its point."""
    last = time.monotonic() + patience_s
    while not is_there():
        if time.monotonic() > last:
            raise Overdue(f"{what}: not within {patience_s:.1f} s")
        if not yard.is_alive and not is_there():  # a trap's thread kills before it says so
            time.sleep(0.2)
            if not is_there():
                said = "" if yard.daemon is None else yard.daemon.complained[-2000:]
                raise AssertionError(f"{what}: the daemon ended by itself\n{said}")
        time.sleep(_GLANCE_S)


def come_back(yard: Yard, ledger: Ledger) -> None:
    """Start again, wait until broker and records agree, and judge what lies behind."""
    before = yard.last_event()
    began, at = time.monotonic(), yard.broker.now()
    yard.start()
    yard.until(lambda: has_reconciled(yard, before), "the broker was heard")
    wall_s, market_s = time.monotonic() - began, (yard.broker.now() - at).total_seconds()
    ledger.orders = len(yard.broker.orders())
    ledger.longest_start_s = max(0.8 * ledger.longest_start_s, wall_s)
    settled(yard)
    verdict = judge(yard)
    if not verdict.is_clean:  # between two readings the market may have moved: what is wrong stays wrong
        settled(yard)
        verdict = judge(yard)
    for place, (kind, point) in enumerate(ledger.open):
        last = place == len(ledger.open) - 1
        ledger.kills.append(
            Kill(
                kind=kind,
                point=point,
                verdict=verdict if last else Verdict(),
                wall_s=wall_s if last else 0.0,
                market_s=market_s if last else 0.0,
            )
        )
    ledger.open.clear()


def has_reconciled(yard: Yard, after: int) -> bool:
    """Whether the newest start has heard the broker."""
    told = yard.events(after, "daemon_started", "gate_changed")
    starts = [number for number, name, _ in told if name == "daemon_started"]
    return bool(starts) and any(
        name == "gate_changed" and number > starts[-1] and "never_reconciled" not in payload["reasons"]
        for number, name, payload in told
    )


def settled(yard: Yard) -> None:
    """Wait until both sides agree; what does not come to that is told by the verdict."""
    last = time.monotonic() + _SETTLES_S
    while not has_agreed(yard) and time.monotonic() < last and yard.is_alive:
        time.sleep(0.03)
