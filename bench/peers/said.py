"""What a runner says of its run, in one line of JSON. Needs nothing but Python, so that every environment has it."""

from __future__ import annotations

import csv
import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

Columns = dict[str, list[tuple[str, int, int, int, int, int]]]


def columns(file: Path) -> Columns:
    """Return the bars of each symbol as (date, open, high, low, close, volume)."""
    found: Columns = {}
    with file.open(encoding="utf-8", newline="") as opened:
        rows = csv.reader(opened)
        next(rows)
        for code, day, *numbers in rows:
            at, high, low, close, volume = map(int, numbers)
            found.setdefault(code, []).append((day, at, high, low, close, volume))
    return found


def measured(bars: int, run: Callable[[], tuple[int, int]]) -> None:
    """Run once, and say how long the processor took, what was earned in how many sales, and the greatest memory."""
    began, cpu = time.perf_counter(), time.process_time()
    profit, sales = run()
    took, cpu = time.perf_counter() - began, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    told = {"bars": bars, "cpu_s": cpu, "wall_s": took, "profit": profit, "sales": sales, "peak_mib": peak}
    sys.stdout.write(json.dumps(told) + "\n")
