"""What is measured: starts, one idle minute, and simulated days.

Rules of this room
    Each round lives in a fresh folder: no `.env`, no database and no log of this project's is read or written.
    The idle minute lies in the evening of the simulated day: connected and ready, with no price to work on. Everything
    that is compared in it idles through the same minute.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.decisions import DECISIONS, DECISIONS_QUICK, DecisionPlan
from bench.figures import Figure
from bench.limiters import CALLS, QUICK_CALLS
from bench.orders import ORDERS, ORDERS_QUICK, OrderPlan
from bench.processes import ROOT, Child, announced, environment, finished, ready
from bench.wire import WIRE, WIRE_QUICK, WirePlan

BARE, LIBRARIES = "bare Python", "Python with the libraries"
_SYMBOLS = "005930,000660,035420,035720,005380"
_SETTLE_S = 5.0  # registrations and first questions belong to the start, not to idling
_WAITS = """
import asyncio, os, socket

async def main():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
        out.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
    await asyncio.sleep(3600)

asyncio.run(main())
"""
_PROGRAMS = {
    BARE: _WAITS,
    LIBRARIES: "import aiohttp, websockets, sqlalchemy, structlog, pydantic_settings" + _WAITS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is measured."""

    starts: int = 3
    idlers: int = 3
    idle_s: float = 60.0
    sim_days: int = 10
    wire: WirePlan = WIRE
    decisions: DecisionPlan = DECISIONS
    orders: OrderPlan = ORDERS
    limited_calls: int = CALLS


QUICK = Plan(
    starts=1,
    idlers=1,
    idle_s=2.0,
    sim_days=1,
    wire=WIRE_QUICK,
    decisions=DECISIONS_QUICK,
    orders=ORDERS_QUICK,
    limited_calls=QUICK_CALLS,
)


def starts(plan: Plan) -> list[Figure]:
    """Measure from the start of a process to READY=1, and the memory it has then."""
    seconds: dict[str, list[float]] = {}
    memory: dict[str, list[float]] = {}

    def note(name: str, child: Child) -> None:
        seconds.setdefault(name, []).append(child.ready_s)
        memory.setdefault(name, []).append(child.rss_mib())

    for _ in range(plan.starts):
        with _folder() as folder:
            for name, program in _PROGRAMS.items():
                with ready([sys.executable, "-c", program], environment(), folder) as child:
                    note(name, child)
            with ready(_daemon(folder / "a", "--sim-speed", "0"), environment(), folder) as child:
                note("daemon, embedded simulator", child)
            with _simulator(folder) as keys:
                for name in ("daemon, first start", "daemon, later start"):
                    with ready(_on_paper(folder / "b"), keys, folder) as child:
                        note(name, child)
    return [
        *(Figure(name=f"start: {name}", unit="s", values=v, beside=f"start: {BARE}") for name, v in seconds.items()),
        *(Figure(name=f"memory: {name}", unit="MiB", values=v, beside=f"memory: {BARE}") for name, v in memory.items()),
    ]


def idle(plan: Plan) -> list[Figure]:
    """Measure the memory after, and the processor time of, an idle while that all idlers share."""
    children: dict[str, list[Child]] = {}
    with ExitStack() as stack:
        for _ in range(plan.idlers):
            folder = stack.enter_context(_folder())
            for name, program in _PROGRAMS.items():
                child = stack.enter_context(ready([sys.executable, "-c", program], environment(), folder))
                children.setdefault(name, []).append(child)
            keys = stack.enter_context(_simulator(folder))
            child = stack.enter_context(ready(_on_paper(folder / "data"), keys, folder))
            children.setdefault("daemon", []).append(child)
        time.sleep(min(_SETTLE_S, plan.idle_s))
        before = {name: [child.cpu_s() for child in members] for name, members in children.items()}
        time.sleep(plan.idle_s)
        taken = {
            name: [child.cpu_s() - at for child, at in zip(members, before[name], strict=True)]
            for name, members in children.items()
        }
        memory = {name: [child.rss_mib() for child in members] for name, members in children.items()}
    cpu, rss = f"CPU of {plan.idle_s:.0f} s idle: ", f"memory after {plan.idle_s:.0f} s idle: "
    return [
        *(Figure(name=rss + name, unit="MiB", values=v, beside=rss + BARE) for name, v in memory.items()),
        *(Figure(name=cpu + name, unit="s", values=v, beside=cpu + BARE) for name, v in taken.items()),
    ]


def simulated_days(plan: Plan) -> list[Figure]:
    """Measure how long simulated days take, and from a price to its order leaving, by the run's own summary."""
    with _folder() as folder:
        summary = folder / "summary.json"
        command = _daemon(folder / "data", "--sim-speed", "0", "--sim-days", str(plan.sim_days))
        started = time.perf_counter()
        finished([*command, "--summary-json", str(summary)], environment(), folder, within_s=600)
        took = time.perf_counter() - started
        told = json.loads(summary.read_text("utf-8"))
    latency = told["tick_to_order_ms"]
    days = f"{plan.sim_days} simulated days"
    orders = sum(told["orders_by_state"].values())
    figures = [Figure(name=f"{days}, whole run", unit="s", values=[took])]
    figures += [
        Figure(name=f"tick to order {share}, {orders} orders of {days}", unit="ms", values=[latency[share]])
        for share in ("p50", "p99")
        if latency[share] is not None
    ]
    return figures


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        yield Path(name)


def _daemon(data_dir: Path, *options: str) -> list[str]:
    places = ("--data-dir", str(data_dir), "--config-dir", str(ROOT / "config"))
    return [sys.executable, str(ROOT / "main.py"), "--mode", "trade", *places, *options]


def _on_paper(data_dir: Path) -> list[str]:
    return _daemon(data_dir, "--sim-clock", "--symbols", _SYMBOLS)


@contextmanager
def _simulator(folder: Path) -> Iterator[Mapping[str, str]]:
    """Run a simulator in its own process, in real time from an evening on; yield the variables that lead to it."""
    command = [sys.executable, str(ROOT / "main.py"), "simulator", "--at", "20:00", "--speed", "1"]
    with announced([*command, "--config-dir", str(ROOT / "config")], environment(), folder) as told:
        yield {
            **environment(),
            "PAPER_KIS_APP_KEY": told["app_key"],
            "PAPER_KIS_APP_SECRET": told["app_secret"],
            "PAPER_KIS_ACCOUNT_NO": told["account"],
            "PAPER_KIS_HTS_ID": told["hts_id"],
            "KIS_REST_URL": told["rest_url"],
            "KIS_WS_URL": told["ws_url"],
            "EXECUTION_JWT_SECRET": "only for measuring, never for orders that count",
        }
