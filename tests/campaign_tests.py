"""Campaigns that are tests already, in their full number: they are run as tests, and counted."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

from tests.campaign_runs import Told
from tests.conftest import ROOT

_LONGEST_S = 3600.0


def conformance() -> Told:
    """Every clause of the wire contract, asked of the simulator on every venue it holds on; and python-kis."""
    return counted("tests/conformance/test_conformance.py", "tests/conformance/test_python_kis.py")


def simulator_mutants() -> Told:
    """Every clause of the simulator that is broken turns at least one check red."""
    return counted("tests/conformance/test_mutants.py")


def chain_attacks() -> Told:
    """Every way to change the journal behind the daemon's back is found."""
    return counted("tests/store/test_chain_attacks.py")


def counted(*files: str) -> Told:
    """Run these tests with nothing left out; one that is skipped or not there does not hold."""
    missing = [file for file in files if not (ROOT / file).is_file()]
    if missing:
        return False, f"not there: {', '.join(missing)}"
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-m", "", f"--junit-xml={report}", *files]
        ended = subprocess.run(
            command, cwd=ROOT, env=dict(os.environ), stdout=subprocess.DEVNULL, timeout=_LONGEST_S, check=False
        )
        suite = ElementTree.parse(report).getroot().find("testsuite")
    if suite is None:
        return False, "no report"
    tests, *others = (int(suite.get(name, "0")) for name in ("tests", "failures", "errors", "skipped"))
    failures, errors, skipped = others
    holds = ended.returncode == 0 and tests > 0 and skipped == 0
    return holds, f"{tests - sum(others)} of {tests} pass, {failures + errors} fail, {skipped} skipped"
