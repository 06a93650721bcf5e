"""Campaigns of the wire: broken input, the limit of calls, and days of faults."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random

from bench.limiters import CALLS, JITTER_S, LIMITS, bursts, full_queue, judge, new_connections, our_budget
from tests.campaign_runs import Told
from tests.conftest import ROOT
from tests.e2e.test_day_of_faults import assert_a_day_of_faults_holds
from tests.kis import fuzz as fuzzing

FLAT_MIB = 8.0
LEAST_SHARE = {0.0: 0.97, JITTER_S: 0.88}
_FRAMES, _BODIES = 1_000_000, 100_000
_FAULT_SEEDS = range(1, 11)


def fuzz(frames: int = _FRAMES, bodies: int = _BODIES) -> Told:
    """1,000,000 broken frames and 100,000 broken bodies: typed errors only, counters right, memory flat."""
    result = fuzzing.campaign(frames, bodies)
    grown_mib = max(result.frames_grown_mib, result.bodies_grown_mib)
    holds = result.frames >= frames and result.bodies >= bodies and grown_mib < FLAT_MIB
    told = f"seeds 1 to 4: {result.frames:,} frames, {result.records:,} records all accounted for; "
    told += f"{result.bodies:,} bodies, {result.readings:,} readings; typed errors only; memory {grown_mib:+.1f} MiB"
    return holds, told


def budget(count: int = CALLS) -> Told:
    """10,000 calls at the limit of each profile, 0 and 50 ms of jitter: none refused, the limit well used."""
    holds, told = True, []
    for profile, limit in LIMITS.items():
        for jitter_s, least in LEAST_SHARE.items():
            verdict = judge(our_budget(limit, full_queue(count), jitter_s), limit, jitter_s, Random(7))
            holds = holds and verdict.refused == 0 and verdict.share >= least and verdict.calls == count
            told.append(f"{profile} {limit}/s ±{jitter_s * 1000:.0f} ms {verdict.refused} refused, {verdict.share:.1%}")
        for load in (new_connections(count, Random(8)), bursts(count, limit, Random(8))):
            refused = judge(our_budget(limit, load, JITTER_S), limit, JITTER_S, Random(9)).refused
            holds = holds and refused == 0
            told.append(f"{load.name} {refused} refused")
    return holds, f"{count:,} calls each: {'; '.join(told)}"


def day_of_faults() -> Told:
    """Forty symbols with a fault every minute, ten seeds on both profiles: no order and no share lost."""
    data = ROOT.parent / "shared" / "data"
    failed, fired = [], 0
    for profile in ("paper", "real"):
        for seed in _FAULT_SEEDS:
            try:
                with tempfile.TemporaryDirectory() as home, quietly():
                    fired += assert_a_day_of_faults_holds(Path(home), data, profile, seed)
            except AssertionError as error:
                failed.append(f"{profile} seed {seed}: {' '.join(str(error).split())[:120]}")
    days = 2 * len(_FAULT_SEEDS)
    return not failed, f"{days - len(failed)} of {days} days hold, {fired:,} faults" + "".join(
        f"; {each}" for each in failed
    )


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    with (
        Path(os.devnull).open("w") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
    ):
        yield
