"""The campaign that asks the tests: the order path is changed in a thousand small ways, and they must notice.

Works on a clone of what is checked out. A mutant that no test meets counts as one that lived.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import click

from tests.campaign_runs import Told
from tests.conftest import ROOT

LEAST_PERCENT = 85.0
_CHANGED = {
    "orders": ("kis_daemon/domain/orders.py",),
    "order_synchronizer": ("kis_daemon/services/order_synchronizer.py", "kis_daemon/services/order_follower.py"),
    "reconciler": ("kis_daemon/services/reconciler.py",),
}
_ASKED = (
    "tests/domain/test_orders.py",
    "tests/services/test_order_synchronizer.py",
    "tests/services/test_order_follower.py",
    "tests/services/test_reconciler.py",
    "tests/services/test_evidence.py",
)
_NEEDED = ("kis_daemon", "tests", "docs", "config", "bench", "tools", "main.py", ".env.example")
_NOTICED = frozenset({"killed", "timeout", "suspicious", "segfault"})
_RESULT = re.compile(r"^\s+(?P<name>[\w.ǁ]+): (?P<fate>[a-z ]+)$", re.MULTILINE)


def mutation() -> Told:
    """A thousand mutants of orders, synchronizer and reconciler: 85 % of each noticed by their own tests."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        subprocess.run(["git", "clone", "-q", str(ROOT), str(tree)], check=True)
        with (tree / "pyproject.toml").open("a", encoding="utf-8") as settings:
            settings.write(_settings())
        command = [sys.executable, "-m", "mutmut"]
        subprocess.run([*command, "run"], cwd=tree, env=dict(os.environ), stdout=subprocess.DEVNULL, check=True)
        told = subprocess.run(
            [*command, "results", "--all", "true"], cwd=tree, capture_output=True, text=True, check=True
        )
    return judged(told.stdout)


def judged(results: str) -> Told:
    """Return the share that was noticed, by what was changed; tell those that lived."""
    fates = {found["name"]: found["fate"] for found in _RESULT.finditer(results)}
    holds, words = True, []
    for what, files in _CHANGED.items():
        modules = tuple(file.removesuffix(".py").replace("/", ".") + "." for file in files)
        of_it = Counter(fate for name, fate in fates.items() if name.startswith(modules))
        noticed, every = sum(count for fate, count in of_it.items() if fate in _NOTICED), of_it.total()
        share = 100 * noticed / every if every else 0.0
        holds = holds and share >= LEAST_PERCENT
        words.append(f"{what} {noticed} of {every} noticed, {share:.1f} %")
    for name, fate in fates.items():
        if fate not in _NOTICED:
            click.echo(f"{fate}: {name}")
    return holds, "; ".join(words)


def _settings() -> str:
    def listed(names: tuple[str, ...]) -> str:
        return "[" + ", ".join(f'"{name}"' for name in names) + "]"

    return "\n".join(
        (
            "\n[tool.mutmut]",
            f"source_paths = {listed(tuple(file for files in _CHANGED.values() for file in files))}",
            f"pytest_add_cli_args_test_selection = {listed(_ASKED)}",
            f"also_copy = {listed(_NEEDED)}",
            "",
        )
    )
