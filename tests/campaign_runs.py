"""Campaigns of whole runs: the same day again and again, and a year of real prices."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, TypeAlias

import click

from kis_daemon.domain.market import Rounding, to_tick
from tests.conftest import ROOT
from tests.e2e.test_real_prices import BASKET, listed_on, ranges

Told: TypeAlias = tuple[bool, str]
"""Whether a campaign holds, and what there is to tell of it."""

_DAYS = 250
_LONGEST_S = 1200.0
_BURNERS = 2  # both cores of the machine that the acceptance list names


def same_day() -> Told:
    """Ten runs of the default day, idle and with both cores busy, two hash seeds, speed 0 and 390: one hash."""
    hashes: list[str] = []
    plan = [("0", seed, busy) for busy in (False, True) for seed in ("0", "1") for _ in range(2)]
    plan += [("390", "0", False), ("390", "1", True)]
    for speed, seed, busy in plan:
        with _burning(_BURNERS if busy else 0):
            summary, took = _run(["--sim-days", "1", "--sim-speed", speed], seed)
        hashes.append(str(summary["journal_hash"]))
        click.echo(
            f"same day: speed {speed}, PYTHONHASHSEED {seed}, busy {busy}: {hashes[-1][:16]} in {took:.1f} s",
        )
    return len(set(hashes)) == 1, f"{len(hashes)} runs, {len(set(hashes))} hash"


def real_year() -> Told:
    """250 days of real prices, twice: exit 0, one hash, every price inside its day, the account to the won."""
    data = ROOT.parent / "shared" / "data"
    arguments = ["--sim-prices", str(data / BASKET), "--sim-start", "2017-01-02"]
    arguments += ["--sim-days", str(_DAYS), "--sim-speed", "0"]
    runs = [_run(arguments, seed) for seed in ("0", "1")]
    summary = runs[0][0]
    theirs = summary["simulator_account"]
    outside = _outside(summary, data)
    holds = (
        runs[0][0]["journal_hash"] == runs[1][0]["journal_hash"]
        and (summary["cash"], summary["holdings_value"]) == (theirs["cash"], theirs["holdings_value"])
        and summary["unexplained_cash"] == 0
        and not outside
        and summary["days"] == _DAYS
    )
    told = f"{summary['days']} days, {len(summary['trades'])} trades, {len(outside)} outside their day, cash "
    told += f"{summary['cash']} = {theirs['cash']}, holdings {summary['holdings_value']} = {theirs['holdings_value']}, "
    told += f"{', '.join(f'{took:.0f} s' for _, took in runs)}, {summary['rss_mib']} MiB"
    return holds, told


def _outside(summary: Mapping[str, Any], data: Path) -> list[tuple[str, str, float]]:
    """Return the trades whose price was not there on their day."""
    markets, bars = listed_on(data), ranges(data)
    found = []
    for trade in summary["trades"]:
        day, market = date.fromisoformat(trade["date"]), markets[trade["symbol"]]
        low, high = bars[trade["symbol"], trade["date"]]
        if not to_tick(low, Rounding.DOWN, market, day) <= trade["price"] <= to_tick(high, Rounding.UP, market, day):
            found.append((trade["symbol"], trade["date"], trade["price"]))
    return found


def _run(arguments: list[str], hash_seed: str) -> tuple[dict[str, Any], float]:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        told = home / "summary.json"
        began = time.perf_counter()
        subprocess.run(
            [
                *(sys.executable, str(ROOT / "main.py"), "--mode", "trade", *arguments),
                *("--config-dir", str(ROOT / "config"), "--data-dir", str(home / "data"), "--summary-json", str(told)),
            ],
            cwd=home,
            env={"PATH": os.environ["PATH"], "HOME": folder, "LANGUAGE": "en", "PYTHONHASHSEED": hash_seed},
            stdout=subprocess.DEVNULL,
            timeout=_LONGEST_S,
            check=True,
        )
        took = time.perf_counter() - began
        summary: dict[str, Any] = json.loads(told.read_text("utf-8"))
        return summary, took


@contextlib.contextmanager
def _burning(count: int) -> Iterator[None]:
    """Keep `count` cores busy meanwhile."""
    burners = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()
