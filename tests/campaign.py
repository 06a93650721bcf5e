"""The full numbers of the acceptance lists: `make campaign`, or some of them: `make campaign ARGS="fuzz budget"`.

Prints a table to copy into docs/campaigns.md. What each campaign asks stands in its first line, and in `--list`.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence

import click

from kis_daemon.clock import SystemClock
from tests.campaign_attacks import attacks
from tests.campaign_backtest import backtest_orders, backtest_recomputed, backtest_speed, backtest_sweep
from tests.campaign_mutation import mutation
from tests.campaign_runs import Told, real_year, same_day
from tests.campaign_tests import chain_attacks, conformance, simulator_mutants
from tests.campaign_wire import budget, day_of_faults, fuzz
from tests.conftest import ROOT
from tests.crashes.campaign import crashes

CAMPAIGNS: dict[str, Callable[[], Told]] = {
    campaign.__name__.replace("_", "-"): campaign
    for campaign in (
        same_day,
        real_year,
        fuzz,
        budget,
        conformance,
        simulator_mutants,
        day_of_faults,
        chain_attacks,
        attacks,
        crashes,
        backtest_orders,
        backtest_recomputed,
        backtest_speed,
        backtest_sweep,
        mutation,
    )
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run every campaign, or those named; return 0 if all hold."""
    told = list(sys.argv[1:] if argv is None else argv)
    if "--list" in told:
        click.echo("\n".join(f"{name:18} {campaign.__doc__}" for name, campaign in CAMPAIGNS.items()))
        return 0
    unknown = [name for name in told if name not in CAMPAIGNS]
    if unknown:
        click.echo(f"no such campaign: {', '.join(unknown)}; there are {', '.join(CAMPAIGNS)}", err=True)
        return 2
    lines, all_hold = [], True
    for name in told or CAMPAIGNS:
        click.echo(f"{name} ...")
        began = time.perf_counter()
        holds, what = held(CAMPAIGNS[name])
        lines.append(f"| {name} | {'holds' if holds else 'FAILS'} | {what}; {time.perf_counter() - began:.0f} s |")
        click.echo(lines[-1])
        all_hold = all_hold and holds
    click.echo("\n".join(["", f"| {SystemClock().now().date()} | {_commit()} |", *lines]))
    return 0 if all_hold else 1


def held(campaign: Callable[[], Told]) -> Told:
    """Return what a campaign tells; one that breaks off does not hold, and the others go on."""
    try:
        return campaign()
    except (AssertionError, OSError, RuntimeError, ValueError, LookupError, subprocess.SubprocessError) as error:
        return False, f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


def _commit() -> str:
    """Return what is checked out; a plus sign says that files differ from it."""
    command = ["git", "describe", "--always", "--exclude", "*", "--dirty=+"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
