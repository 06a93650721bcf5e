"""`make bench-peers`: the breakout rule in other people's backtesters and in ours, round by round on one core.

Rules of this room
    Every run is a process of its own in the environment of its own; rounds are interleaved, ratios are taken round by
    round. Time is the processor's, from loaded prices to finished trades (and the journal, where it is said).
    Peers keep their trades in memory, so the ratios that are promised are taken of our records in memory.
    All must earn the same to the won, or nothing is told.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.figures import Figure, paired, table
from bench.processes import ROOT, environment

LOOP, MEMORY, JOURNAL = "ours, the loop alone", "ours, records in memory", "ours, journal written"
NAUTILUS, NAUTILUS_OPEN = "nautilus_trader, at the close", "nautilus_trader, at the next open"
_LONGEST_S = 1_800.0
_ANOTHER_PRICE = (NAUTILUS,)  # trades at other prices; see its runner


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """One way to run the rule. `times` is how much quicker ours has to be, 0: nothing is promised."""

    name: str
    environment: str
    module: str
    words: tuple[str, ...] = ()
    times: float = 0.0


RUNNERS = (
    Runner(name=LOOP, environment="kis_daemon", module="run_ours", words=("loop",)),
    Runner(name=MEMORY, environment="kis_daemon", module="run_ours", words=("memory",)),
    Runner(name=JOURNAL, environment="kis_daemon", module="run_ours", words=("journal",)),
    Runner(name="backtesting.py", environment="backtesting", module="run_backtesting", times=2.5),
    Runner(name="basana", environment="basana", module="run_basana", times=3.0),
    Runner(name="backtrader", environment="backtrader", module="run_backtrader", times=6.0),
    Runner(name=NAUTILUS, environment="nautilus_trader", module="run_nautilus_trader", words=("close",), times=6.0),
    Runner(name=NAUTILUS_OPEN, environment="nautilus_trader", module="run_nautilus_trader", words=("open",), times=6.0),
)
_RATES = {MEMORY: 300_000.0, JOURNAL: 200_000.0}
_PEAK_MIB = 61.0
_SIZES = ((10, 1.1), (100, 1.3))  # so many times the market, and what a bar may cost more there

Told = Mapping[str, Any]


class Different(Exception):
    """Two that should have earned the same did not."""


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; 1 where one did not run or earned something else."""
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description="Measure backtesters side by side.")
    parser.add_argument("folder", type=Path, help="where the environments are")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--large-rounds", type=int, default=3, help="rounds of 500,000 and 5,000,000 bars; 0 for none")
    options = parser.parse_args(argv)
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        market = Path(name) / "market.csv"
        try:
            _run(options.folder, "kis_daemon", "market", (str(market),))
            return _measure(options, market)
        except (subprocess.SubprocessError, Different) as error:
            print(f"bench-peers: {error}", file=sys.stderr)
            return 1


def _measure(options: argparse.Namespace, market: Path) -> int:
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    python = _version(options.folder)
    print(f"Python {python} on {platform.system()}, one core of {os.cpu_count()}, load {load}", flush=True)
    here = [runner for runner in RUNNERS if _python(options.folder, runner.environment).exists()]
    for absent in sorted({runner.environment for runner in RUNNERS} - {runner.environment for runner in here}):
        print(f"{absent}: is not installed and not measured", flush=True)
    told: dict[str, list[Told]] = {runner.name: [] for runner in here}
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds} ...", flush=True)
        for runner in here:
            told[runner.name].append(
                _run(options.folder, runner.environment, runner.module, (str(market), *runner.words))
            )
    same = told_alike(told)
    large = {
        times: [
            _run(options.folder, "kis_daemon", "run_ours", (str(market), "memory", str(times)))
            for _ in range(options.large_rounds)
        ]
        for times, _ in _SIZES
        if options.large_rounds
    }
    figures = figures_of(told, large)
    print(f"\nall that trade at the next open: {same}\n\n{table(figures)}")
    return 0 if all(figure.met is not False for figure in figures) else 2


def told_alike(told: Mapping[str, Sequence[Told]]) -> str:
    """Return what was earned in how many sales; `Different` where not all say the same."""
    earned = {
        name: {(run["bars"], run["sales"], run["profit"]) for run in runs}
        for name, runs in told.items()
        if name not in _ANOTHER_PRICE
    }
    if len(set.union(*earned.values())) != 1:
        raise Different(f"bars, sales and profit differ: {earned}")
    ((bars, sales, profit),) = set.union(*earned.values())
    return f"{bars:,} bars, {sales:,} sales of one share, {profit:,} won, the same to the won"


def figures_of(told: Mapping[str, Sequence[Told]], large: Mapping[int, Sequence[Told]]) -> list[Figure]:
    """Return what was measured: bars a second, memory, ratios, and what a bar costs in a larger market."""
    rates = {name: [run["bars"] / run["cpu_s"] for run in runs] for name, runs in told.items()}
    figures = [
        Figure(name=name, unit="bars/s CPU", values=values, least=_RATES.get(name)) for name, values in rates.items()
    ]
    for runner in RUNNERS:
        if runner.times and runner.name in rates:
            for ours, least in ((MEMORY, runner.times), (JOURNAL, None)):
                ratio = paired(rates[ours], rates[runner.name])
                figures.append(Figure(name=f"{ours} / {runner.name}, paired", unit="×", values=ratio, least=least))
    figures += [
        Figure(
            name=f"peak memory: {name}",
            unit="MiB",
            values=[run["peak_mib"] for run in runs],
            most=_PEAK_MIB if name in _RATES else None,
        )
        for name, runs in told.items()
    ]
    small = told[MEMORY]
    cost = sorted(run["cpu_s"] / run["bars"] for run in small)[len(small) // 2]
    least = min(run["peak_mib"] for run in small)
    for times, most in _SIZES:
        runs = large.get(times, ())
        if runs:
            bars = runs[0]["bars"]
            more = [run["cpu_s"] / run["bars"] / cost for run in runs]
            memory = [(run["peak_mib"] - least) * 2**20 / (run["bars"] - small[0]["bars"]) for run in runs]
            figures.append(
                Figure(name=f"a bar of {bars:,} / of {small[0]['bars']:,}", unit="×", values=more, most=most)
            )
            figures.append(Figure(name=f"memory of a bar more, {bars:,} bars", unit="bytes", values=memory))
    return figures


def _python(folder: Path, name: str) -> Path:
    return folder / name / "bin" / "python"


def _version(folder: Path) -> str:
    command = [str(_python(folder, "kis_daemon")), "-c", "import platform; print(platform.python_version())"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _run(folder: Path, name: str, module: str, words: Sequence[str]) -> Told:
    """Run a module of this folder in the environment `name`; return what it says in its last line."""
    ended = subprocess.run(
        [str(_python(folder.resolve(), name)), "-m", f"bench.peers.{module}", *words],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=_LONGEST_S,
        check=False,
    )
    if ended.returncode != 0:
        last = ended.stderr.strip().splitlines()[-1:] or [""]
        raise subprocess.SubprocessError(f"{module} in {name} ended with {ended.returncode}: {last[0]}")
    lines = ended.stdout.strip().splitlines()
    return dict(json.loads(lines[-1])) if lines else {}


if __name__ == "__main__":
    sys.exit(main())
