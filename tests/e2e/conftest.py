"""What the tests through the front door share: a broker with a daemon's folder beside it."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from kis_daemon.simulator.profile import SimulatorSettings
from tests.conftest import ROOT
from tests.e2e.market import write_prices
from tests.e2e.processes import here, started
from tests.e2e.town import Broker, Town, keys_told, simulator


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    """Return a town whose broker is a process under way; its morning is not spent on making the database."""
    init: list[str | Path] = ["db", "init", "--data-dir", tmp_path / "data", "--config-dir", ROOT / "config"]
    assert here(init, tmp_path, keys_told(asdict(SimulatorSettings()))) == 0
    with started(simulator(write_prices(tmp_path / "prices.csv")), tmp_path, name="simulator") as process:
        yield Town(tmp_path, Broker(process))
