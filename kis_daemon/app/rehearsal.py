"""The rehearsal: today's configuration lives through yesterday, and through a day full of faults, before real money.

Rules of this room (S3-X02, S3-C06)
    Both days run in child processes against the embedded simulator, in a folder that is thrown away, with an
    environment that has no key in it, at the lowest priority and within a time.
    A day is passed when the child ended well, and what it says it holds and has is what the simulator's account says.
    A rehearsal that fails closes entries for the day; it never touches what is held.
"""

from __future__ import annotations

import asyncio
import csv
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from kis_daemon.domain.market import Bar, Market, Symbol

_CHILD_S = 600.0  # a day takes seconds; on a small machine, beside a daemon, a minute
_LEAST_BARS = 60  # a shorter history decides nothing, and so proves nothing
_FAULT_EVERY_S = 300
_PRIORITY = 19
_SUMMARY = "summary.json"
_FRONT_DOOR = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lived:
    """The bars of one symbol that a day is played from; its last is the day itself."""

    symbol: Symbol
    name: str
    market: Market
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """How it went: `trouble` is "" where both days were passed."""

    trouble: str
    orders: int


async def rehearse(day: date, yesterday: date, lived: Sequence[Lived], config_dir: Path) -> Rehearsed:
    """Live through `yesterday` on the bars that were `lived`, and through a day of faults seeded by `day`."""
    with tempfile.TemporaryDirectory(prefix="kis_daemon-rehearsal-") as name:
        folder = Path(name)
        played = [one for one in lived if len(one.bars) >= _LEAST_BARS and one.bars[-1].date == yesterday]
        ordinary = ["--sim-start", yesterday.isoformat()]
        if played:
            _write_prices(folder / "prices.csv", played)
            ordinary += ["--sim-prices", str(folder / "prices.csv")]
        faults = folder / "faults.json"
        faults.write_text(json.dumps({"seed": day.toordinal(), "every": _FAULT_EVERY_S}), "utf-8")
        orders = 0
        for title, options in (
            ("yesterday", ordinary),
            ("a day of faults", ["--sim-seed", str(day.toordinal()), "--sim-faults", str(faults)]),
        ):
            summary = await _live(folder / title.replace(" ", "_"), options, config_dir)
            if isinstance(summary, str):
                return Rehearsed(trouble=f"{title}: {summary}", orders=orders)
            trouble = _difference(summary)
            if trouble:
                return Rehearsed(trouble=f"{title}: {trouble}", orders=orders)
            orders += sum(summary["orders_by_state"].values())
    return Rehearsed(trouble="", orders=orders)


def _write_prices(place: Path, played: Sequence[Lived]) -> None:
    with place.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("symbol", "date", "open", "high", "low", "close", "volume", "name", "market"))
        for one in played:
            for bar in one.bars:
                prices = (bar.open, bar.high, bar.low, bar.close, bar.volume)
                rows.writerow((one.symbol, bar.date.isoformat(), *prices, one.name, one.market.value))


def _command(home: Path, options: Sequence[str], config_dir: Path) -> list[str]:
    """Make the folder of one simulated day and return the command that lives through it."""
    home.mkdir()
    return [
        *(sys.executable, "-m", "kis_daemon", "--mode", "trade", "--sim-days", "1", "--sim-speed", "0", *options),
        *("--config-dir", str(config_dir.resolve()), "--data-dir", str(home / "data")),
        *("--summary-json", str(home / _SUMMARY)),
    ]


async def _live(home: Path, options: Sequence[str], config_dir: Path) -> Mapping[str, Any] | str:
    """Return the summary of one simulated day, or why there is none."""
    child = await asyncio.create_subprocess_exec(
        *_command(home, options, config_dir),
        cwd=home,  # no .env is found here
        env={"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(_FRONT_DOOR), "LANGUAGE": "en"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        os.setpriority(os.PRIO_PROCESS, child.pid, _PRIORITY)
        async with asyncio.timeout(_CHILD_S):
            _, told = await child.communicate()
    except TimeoutError:
        return f"no end after {_CHILD_S:.0f} s"
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode != 0:
        last = told.decode(errors="replace").strip().splitlines()[-1:]
        return f"ended with {child.returncode}: {''.join(last)}"
    return _read_summary(home)


def _read_summary(home: Path) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads((home / _SUMMARY).read_text("utf-8"))
    return found


def _difference(summary: Mapping[str, Any]) -> str:
    """Return in what the child's account differs from the simulator's, "" where it is the same."""
    theirs = summary["simulator_account"]
    held = {one["symbol"]: one["quantity"] for one in summary["positions"]}
    said = {symbol: holding["quantity"] for symbol, holding in theirs["holdings"].items()}
    if held != said:
        return f"it holds {held}, the exchange says {said}"
    if summary["cash"] != theirs["cash"] or summary["unexplained_cash"]:
        return f"it has {summary['cash']} won, the exchange says {theirs['cash']}"
    return ""
