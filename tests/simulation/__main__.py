"""`make simulate SEEDS=N FROM=k JOBS=2`: live through the days of many seeds; a failing one replays exactly.

Prints one line for each seed that found something and a table at the end; the exit code is the number of kinds of
things found, at most 100. `--twice` lives each seed in two processes and compares the journal's hashes. `--mutants`
switches off one safeguard after the other and prints after how many seeds each was found.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import median

import click

from tests.simulation.day import MOST_STEPS, Report, live_day, quiet, template
from tests.simulation.mutants import MUTANTS, own_seeds
from tests.simulation.weather import KINDS_OF_STRIKES


@click.command()
@click.option("--seeds", type=click.IntRange(min=1), default=100)
@click.option("--from", "first", type=click.IntRange(min=0), default=1)
@click.option("--jobs", type=click.IntRange(min=1), default=2)
@click.option("--twice", is_flag=True)
@click.option("--mutants", "hunts", is_flag=True)
def main(seeds: int, first: int, jobs: int, twice: bool, hunts: bool) -> None:
    """See the module's head."""
    with tempfile.TemporaryDirectory() as folder:
        pattern = template(Path(folder))
        if hunts:
            sys.exit(_hunt(pattern, first, jobs))
        sys.exit(_live(pattern, range(first, first + seeds), jobs, twice=twice))


def _live(pattern: Path, seeds: range, jobs: int, *, twice: bool) -> int:
    began = time.perf_counter()
    with ProcessPoolExecutor(jobs) as processes:
        reports = []
        for report in processes.map(_day, seeds, [pattern] * len(seeds), chunksize=4):
            reports.append(report)
            if report.broken:
                click.echo(f"seed {report.seed}: {report.broken.strip().splitlines()[0]}  {report.faults}")
    found = [report.broken.split(":")[0] for report in reports if report.broken]
    if twice:
        with ProcessPoolExecutor(jobs) as processes:
            again = list(processes.map(_day, seeds, [pattern] * len(seeds), chunksize=4))
        differing = [a.seed for a, b in zip(reports, again, strict=True) if a.journal_hash != b.journal_hash]
        found += ["two journals"] if differing else []
        click.echo(f"lived twice: {len(reports)} seeds, {len(differing)} differ {differing[:5]}")
    _tell(reports, time.perf_counter() - began)
    return min(len(set(found)), 100)


def _tell(reports: list[Report], seconds: float) -> None:
    steps = sorted(report.steps for report in reports)
    faults = Counter(name for report in reports for name in report.faults)
    for name, values in (
        ("loop steps", steps),
        ("events", [report.events for report in reports]),
        ("orders", [report.orders for report in reports]),
        ("ticks", [report.ticks for report in reports]),
        ("faults", [len(report.faults) for report in reports]),
    ):
        click.echo(f"{name:>10} a seed: least {min(values)}, median {median(values):.0f}, most {max(values)}")
    click.echo(f"faults of {len(faults)} kinds of {KINDS_OF_STRIKES}; crashes {sum(r.crashes for r in reports)}")
    broken = [report.seed for report in reports if report.broken]
    click.echo(
        f"{len(reports)} seeds ({reports[0].seed} to {reports[-1].seed}) in {seconds:.0f} s: "
        f"{len(reports) - len(broken)} hold, {len(broken)} do not {broken[:10]}; at most {MOST_STEPS} steps allowed"
    )


def _hunt(pattern: Path, first: int, jobs: int) -> int:
    names = list(MUTANTS)
    missed = 0
    with ProcessPoolExecutor(jobs) as processes:
        for name, (tried, what) in zip(
            names, processes.map(_find, names, [pattern] * len(names), [first] * len(names)), strict=True
        ):
            missed += tried is None
            after = "NOT FOUND" if tried is None else f"found after {tried} seeds"
            click.echo(f"{name:<40} {after:<24} {what}")
    return missed


def _find(name: str, pattern: Path, first: int) -> tuple[int | None, str]:
    quiet()
    for tried, seed in enumerate(own_seeds(name, first), 1):
        report = live_day(seed, pattern, MUTANTS[name])
        if report.broken:
            return tried, report.broken.strip().splitlines()[0][:90]
    return None, ""


def _day(seed: int, pattern: Path) -> Report:
    quiet()
    return live_day(seed, pattern)


if __name__ == "__main__":
    main()
