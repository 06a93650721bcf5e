"""What may befall the house around a daemon that lives on: the database killed, the disk full, time standing still.

Rules of this room
    A trouble strikes at a point, as a kill does, lasts for a while of the wall's time, and is mended.
    A daemon that it ends is started again after the mending, as systemd does; else it has to recover by itself.
    The disk is a small tmpfs that is filled to its last byte where this machine lets us mount one. Elsewhere, and in
    any case besides, no file of the daemon may be written any more (`RLIMIT_FSIZE`), space taken in advance included.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from tests.crashes.morning import Kill, Ledger, come_back, fall, over_in_s, settled
from tests.crashes.points import COMMIT, NOTICE, ORDER, Phase, Point, Seen, Store
from tests.crashes.verdict import judge
from tests.crashes.wire import Cut
from tests.crashes.yard import Overdue, Yard
from tests.store.places import Desk
from tests.store.servers import PrivateServer

_DISK_BYTES = 32 * 1024 * 1024
_ATTEMPTS = 3
_OPENS_S = 15.0  # of the wall, 450 s for the broker


class Kind(StrEnum):
    SERVER = "MariaDB killed"
    BOTH = "MariaDB and daemon killed"
    DISK = "disk full"
    FILES = "files not writable"
    DAEMON_STOPPED = "daemon stopped and continued"
    BROKER_STOPPED = "broker stopped and continued"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    kind: Kind
    point: Point
    lasts_s: float

    def __str__(self) -> str:
        return f"{self.kind.value} for {self.lasts_s:g} s, {self.point}"


def _at(seen: Seen, what: str, nth: int = 1, cut: Cut | None = None) -> Point:
    return Point(phase=Phase.BURST, seen=seen, what=what, nth=nth, cut=cut)


_ON_THE_WIRE = [_at(Seen.REST, ORDER, 1, cut) for cut in (Cut.IN_FLIGHT, Cut.ANSWER_LOST, Cut.ANSWERED)]
_FACTS = [_at(Seen.FACTS, name) for name in ("order_requested", "order_submitted", "order_filled")]
_COMMITS = [
    _at(Seen.DATABASE, COMMIT, nth, cut)
    for nth in (1, 2)
    for cut in (Cut.LOST, Cut.IN_FLIGHT, Cut.ANSWER_LOST, Cut.ANSWERED)
]
_NOTICED = [_at(Seen.STREAM, NOTICE, 1, Cut.ANSWERED)]


def all_troubles(store: Store) -> list[Trouble]:
    """Return every trouble of a daemon on this store."""
    still = [_at(Seen.REST, ORDER, 1, Cut.IN_FLIGHT), _at(Seen.REST, ORDER, 1, Cut.ANSWERED), *_NOTICED]
    told: list[tuple[Kind, list[Point], tuple[float, ...]]] = [
        (Kind.DAEMON_STOPPED, still, (0.5, 3.0)),
        (Kind.BROKER_STOPPED, still, (0.5, 3.0)),
    ]
    if store is Store.MARIADB:
        told.append((Kind.SERVER, [*_COMMITS, *_ON_THE_WIRE, *_FACTS, *_NOTICED], (1.0,)))
        told.append((Kind.BOTH, _COMMITS[:4], (0.1,)))
    else:
        points = [*_ON_THE_WIRE, *_FACTS, *_NOTICED, _at(Seen.FILE, "growths"), _at(Seen.FILE, "growths", 3)]
        told.append((Kind.DISK, points, (1.5,)))
        told.append((Kind.FILES, points, (1.5,)))
    return [
        Trouble(kind=kind, point=point, lasts_s=lasts_s)
        for kind, points, durations in told
        for point in points
        for lasts_s in durations
    ]


class Hands:
    """What strikes and what mends; `server` and `desk` where the database is a server's, `disk` a mounted one."""

    def __init__(self, yard: Yard, server: PrivateServer | None, desk: Desk | None, disk: Path | None) -> None:
        self._yard = yard
        self._server = server
        self._desk = desk
        self._filler = None if disk is None else disk / "filler"

    def strike(self, kind: Kind) -> None:
        match kind:
            case Kind.SERVER | Kind.BOTH:
                assert self._server is not None
                self._server.kill()
                if kind is Kind.BOTH:
                    self._yard.kill()
            case Kind.DISK:
                self._fill()
            case Kind.FILES:
                self._limit(0)
            case Kind.DAEMON_STOPPED:
                os.kill(self._daemon(), signal.SIGSTOP)
            case Kind.BROKER_STOPPED:
                self._yard.simulator.process.send_signal(signal.SIGSTOP)

    def mend(self, kind: Kind) -> None:
        match kind:
            case Kind.SERVER | Kind.BOTH:
                assert self._server is not None
                assert self._desk is not None
                self._server.start()
                self._desk.leave("kis")
            case Kind.DISK:
                assert self._filler is not None
                self._filler.unlink()
            case Kind.FILES:
                with suppress(ProcessLookupError):
                    self._limit(resource.RLIM_INFINITY)
            case Kind.DAEMON_STOPPED:
                os.kill(self._daemon(), signal.SIGCONT)
            case Kind.BROKER_STOPPED:
                self._yard.simulator.process.send_signal(signal.SIGCONT)

    def _daemon(self) -> int:
        assert self._yard.daemon is not None
        return self._yard.daemon.process.pid

    def _limit(self, size: int) -> None:
        resource.prlimit(self._daemon(), resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def _fill(self) -> None:
        assert self._filler is not None
        with self._filler.open("wb", buffering=0) as filler, suppress(OSError):
            for size in (1 << 20, 1 << 12, 1):
                with suppress(OSError):
                    while filler.write(b"\0" * size):
                        continue


def live_through(yard: Yard, hands: Hands, troubles: list[Trouble], ledger: Ledger) -> None:
    """Let each trouble strike in a burst of its own, and judge when it is over."""
    for trouble in troubles:
        for _ in range(_ATTEMPTS):
            burst = yard.put_forward(ledger.lead)
            come_back(yard, ledger)
            is_there = yard.armed(trouble.point, _striking(hands, trouble.kind))
            try:
                fall(yard, is_there, str(trouble), over_in_s(yard, burst, ledger))
                break
            except Overdue:
                yard.kill()
            finally:
                yard.disarm()
        else:
            ledger.unmet.append(f"not met: {trouble}")
            continue
        time.sleep(trouble.lasts_s)
        hands.mend(trouble.kind)
        _recover(yard, trouble, ledger)
        yard.kill()


def _striking(hands: Hands, kind: Kind) -> Callable[[], None]:
    return lambda: hands.strike(kind)


def _recover(yard: Yard, trouble: Trouble, ledger: Ledger) -> None:
    """Wait until all is well again, and judge: what the daemon does by itself, or its next start."""
    began, at = time.monotonic(), yard.broker.now()
    time.sleep(0.1)  # a daemon that the trouble ends has ended by now, or does so while we wait
    settled(yard)
    if not yard.is_alive:
        if trouble.kind is not Kind.BOTH:
            ledger.ended.append(f"{trouble}: {_last_words(yard)}")
        yard.start()
        settled(yard)
    wall_s, market_s = time.monotonic() - began, (yard.broker.now() - at).total_seconds()
    verdict = judge(yard)
    if not verdict.is_clean:
        settled(yard)
        verdict = judge(yard)
    gate = _gate_in_the_end(yard)
    if gate:
        verdict = replace(verdict, lost=(*verdict.lost, f"the gate did not open again: {gate}"))
    ledger.kills.append(
        Kill(kind=trouble.kind.value, point=str(trouble), verdict=verdict, wall_s=wall_s, market_s=market_s)
    )


def _gate_in_the_end(yard: Yard) -> str:
    """Wait until the gate is open; return why it is not."""
    last = time.monotonic() + _OPENS_S
    while (reasons := _reasons(yard)) and time.monotonic() < last and yard.is_alive:
        time.sleep(0.05)
    return reasons


def _reasons(yard: Yard) -> str:
    newest = "event_type = 'gate_changed' ORDER BY event_id DESC LIMIT 1"
    told = yard.rows(f"SELECT payload_json FROM event_log WHERE {newest}")
    reasons: str = json.loads(told[0][0])["reasons"]
    return reasons


def _last_words(yard: Yard) -> str:
    """Return how the daemon ended."""
    if yard.daemon is None:
        return ""
    return f"exit code {yard.daemon.process.returncode}, {yard.daemon.complained.strip()[-1500:]}"


@contextmanager
def small_disk(folder: Path) -> Iterator[Path | None]:
    """Mount a small disk at `folder`; None where that is not allowed."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={_DISK_BYTES}", "tmpfs", str(folder)]
    try:
        is_mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        is_mounted = False
    try:
        yield folder if is_mounted else None
    finally:
        if is_mounted:
            subprocess.run(["umount", str(folder)], capture_output=True, check=False)
