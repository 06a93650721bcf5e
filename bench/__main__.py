"""`python -m bench`: measure, print one table, end. `--quick` shows that the bench works; its figures mean little."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import replace

from bench.decisions import decisions
from bench.figures import Figure, table
from bench.limiters import compare, figures_of
from bench.orders import orders
from bench.processes import BenchError
from bench.rounds import QUICK, Plan, idle, simulated_days, starts
from bench.wire import wire


def plan_of(argv: Sequence[str] | None) -> Plan:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure the daemon beside bare Python.")
    parser.add_argument("--quick", action="store_true", help="a short run, to see that it works")
    parser.add_argument("--starts", type=_positive, help="starts of each kind")
    parser.add_argument("--idlers", type=_positive, help="processes of each kind that idle side by side")
    parser.add_argument("--idle-s", type=_positive, help="seconds of idling")
    parser.add_argument("--sim-days", type=_positive, help="simulated days")
    told = vars(parser.parse_args(argv))
    plan = QUICK if told.pop("quick") else Plan()
    return replace(plan, **{name: value for name, value in told.items() if value is not None})


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text}: expected 1 or more")
    return value


def streams_and_calls(plan: Plan) -> list[Figure]:
    """Measure reading and asking beside the bare libraries, on one machine and one connection."""
    return wire(plan.wire)


def prices_and_decisions(plan: Plan) -> list[Figure]:
    """Measure what a price, a decision and a new day's indicators cost."""
    return decisions(plan.decisions)


def exits(plan: Plan) -> list[Figure]:
    """Measure exits beside bare drivers and bare aiohttp, with a short log and a long one."""
    return orders(plan.orders)


def limits(plan: Plan) -> list[Figure]:
    """Measure what a server with a rolling second refuses, by our budget and by others' limiters."""
    return figures_of(list(compare(plan.limited_calls)))


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; 1 where something did not come up."""
    plan = plan_of(argv)
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {load}", flush=True)
    began = time.perf_counter()
    figures: list[Figure] = []
    try:
        for measure in (starts, idle, simulated_days, streams_and_calls, prices_and_decisions, exits, limits):
            print(f"{time.perf_counter() - began:4.0f} s  {measure.__name__.replace('_', ' ')} ...", flush=True)
            figures += measure(plan)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    print(f"{time.perf_counter() - began:4.0f} s  done\n\n{table(figures)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
