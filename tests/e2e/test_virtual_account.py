"""A virtual account on KIS's quotes: filled by them, not known to the broker, and found again after sudden death."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import processes
from tests.e2e.processes import started
from tests.e2e.records import broken_links, events, rows
from tests.e2e.town import Town


def account(home: Path) -> dict[str, Any]:
    return json.loads((home / "data/cbt/virtual_account.json").read_text("utf-8"))  # type: ignore[no-any-return]


def held(told: dict[str, Any]) -> dict[str, int]:
    return {symbol: row["quantity"] for symbol, row in told["account"]["holdings"].items() if row["quantity"]}


def test_it_buys_at_live_quotes_outlives_its_process_and_the_broker_hears_of_nothing(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "PATIENCE_S", 60.0)  # who misses a symbol's trade waits 26 s of the wall for another
    database = town.home / "data" / "cbt" / "kis_trading.db"
    database.parent.mkdir()
    shutil.copy(town.database, database)  # the morning is not spent on making it
    arguments = ["--mode", "cbt", *town.arguments[2:]]

    with started(arguments, town.home, town.broker.variables()) as daemon:
        daemon.until_said("order_filled")
        daemon.killed()
    left = held(account(town.home))
    with started(arguments, town.home, town.broker.variables(), name="again") as daemon:
        daemon.until_said("gate_changed gate=OPEN")
        assert daemon.stopped() == 0

    found = dict(rows(database, "SELECT symbol, quantity FROM positions WHERE closed_at IS NULL"))
    assert left != {}
    assert found == held(account(town.home))
    assert events(database, "position_mismatch") == events(database, "cash_unexplained") == []
    assert broken_links(database) == []
    assert (town.broker.orders(), town.broker.holdings()) == ([], {})
    assert rows(town.database, "SELECT * FROM order_state") == []  # nor does the daemon's own account
