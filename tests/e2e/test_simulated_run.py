"""One run on the embedded simulator, as a newcomer sees it: what it says, leaves behind, and does again."""

import signal
import stat
from pathlib import Path
from typing import Any

import pytest

from kis_daemon.simulator.profile import SimulatorSettings
from tests.conftest import ROOT
from tests.e2e.processes import here, run, started
from tests.e2e.records import broken_links, chain_head, events, log_lines, rows, summary_of

SEED, OTHER_SEED = "5", "7"  # both buy on the first day

SUMMARY: dict[str, type | tuple[type, ...]] = {
    "exit_code": int,
    "days": int,
    "trades": list,
    "orders_by_state": dict,
    "fills": int,
    "realized_pnl": int,
    "open_pnl": int,
    "fees": int,
    "tax": int,
    "cash": int,
    "holdings_value": int,
    "equity": int,
    "journal_hash": str,
    "simulator_account": dict,
    "tick_to_order_ms": dict,
    "rss_mib": float,
}
TRADE: dict[str, type | tuple[type, ...]] = {
    "symbol": str,
    "side": str,
    "date": str,
    "time": str,
    "price": (int, float),
    "quantity": int,
    "reason": str,
    "order_key": str,
}


def a_day(home: Path, *more: str | Path, seed: str = SEED) -> list[str | Path]:
    """Return the command line of one simulated day in `home`, as fast as it goes."""
    return [
        *("--mode", "trade", "--sim-days", "1", "--sim-speed", "0", "--sim-seed", seed),
        *("--config-dir", ROOT / "config", "--data-dir", home / "data", "--summary-json", home / "summary.json"),
        *more,
    ]


def misfits(found: dict[str, Any], expected: dict[str, type | tuple[type, ...]]) -> list[str]:
    """Return the expected keys that are not there, or have a value of another type."""
    return [name for name, kind in expected.items() if name not in found or not isinstance(found[name], kind)]


class Day:
    """A whole day in a process of its own, and what it left behind."""

    def __init__(self, home: Path, **variables: str) -> None:
        self.home = home
        self.ended = run(a_day(home), home, variables)
        self.database = home / "data" / "simulated.db"
        self.summary = summary_of(home / "summary.json") if self.ended.returncode == 0 else {}


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    return Day(tmp_path_factory.mktemp("day"), PYTHONHASHSEED="1")


def test_a_simulated_day_ends_by_itself_and_trades(day: Day) -> None:
    assert (day.ended.returncode, day.ended.stderr) == (0, "")
    assert (day.summary["exit_code"], day.summary["days"]) == (0, 1)
    assert day.summary["trades"] != []
    assert day.summary["fills"] >= len(day.summary["trades"])
    assert sum(day.summary["orders_by_state"].values()) >= len(day.summary["trades"])


def test_the_summary_has_every_key_of_the_front_door(day: Day) -> None:
    assert misfits(day.summary, SUMMARY) == []
    assert [misfits(trade, TRADE) for trade in day.summary["trades"]] == [[]] * len(day.summary["trades"])
    assert misfits(day.summary["simulator_account"], {"cash": int, "holdings": dict}) == []
    assert misfits(day.summary["tick_to_order_ms"], {"p50": float, "p99": float}) == []


def test_the_daemons_books_equal_the_simulators_account_to_the_won(day: Day) -> None:
    theirs, ours = day.summary["simulator_account"], day.summary

    assert (ours["cash"], ours["holdings_value"]) == (theirs["cash"], theirs["holdings_value"])
    assert ours["unexplained_cash"] == 0
    assert ours["equity"] == ours["cash"] + ours["holdings_value"]
    assert {position["symbol"]: position["quantity"] for position in ours["positions"]} == {
        symbol: holding["quantity"] for symbol, holding in theirs["holdings"].items()
    }


def test_the_journal_is_one_unbroken_chain_and_the_summary_names_its_head(day: Day) -> None:
    assert broken_links(day.database) == []
    assert chain_head(day.database) == day.summary["journal_hash"]


def test_the_log_is_json_a_line_and_starts_with_what_was_started(day: Day) -> None:
    lines = log_lines(day.home)

    assert [line for line in lines if not {"ts", "level", "event"} <= set(line)] == []
    starting = next(line for line in lines if line["event"] == "daemon_starting")
    assert misfits(starting, {"commit": str, "config_hash": str, "schema_version": str}) == []
    assert (starting["mode"], starting["venue"]) == ("PAPER", "SIMULATOR")


def test_the_facts_of_a_trade_are_logged_from_signal_to_summary(day: Day) -> None:
    said = {line["event"] for line in log_lines(day.home)}

    assert {
        "universe_selected",
        "signal_raised",
        "order_requested",
        "order_submitted",
        "order_filled",
        "daily_summary",
        "daemon_stopped",
    } <= said


def test_an_operator_reads_name_and_code(day: Day) -> None:
    trade = day.summary["trades"][0]

    assert f"{trade['name']}({trade['symbol']})" in day.ended.stdout


def test_no_secret_is_shown_or_logged(day: Day) -> None:
    secrets = SimulatorSettings()
    shown = day.ended.stdout + (day.home / "logs" / "kis_daemon.jsonl").read_text("utf-8")

    hidden = (secrets.app_key, secrets.app_secret, secrets.account, secrets.account_no, secrets.account_no + "01")
    assert [secret for secret in hidden if secret in shown] == []


def test_nothing_in_the_data_folder_can_be_written_by_others(day: Day) -> None:
    modes = {path.name: path.stat().st_mode for path in (day.home / "data").iterdir()}

    assert [name for name, mode in modes.items() if mode & (stat.S_IWGRP | stat.S_IWOTH)] == []


def test_the_same_seed_gives_the_same_journal_whatever_the_order_of_hashes(day: Day, tmp_path: Path) -> None:
    again = Day(tmp_path, PYTHONHASHSEED="2")

    assert again.summary["journal_hash"] == day.summary["journal_hash"]
    assert again.summary["trades"] == day.summary["trades"]


def test_the_pace_changes_nothing_in_the_journal(day: Day, tmp_path: Path) -> None:
    assert here(a_day(tmp_path, "--sim-speed", "20000"), tmp_path) == 0

    assert summary_of(tmp_path / "summary.json")["journal_hash"] == day.summary["journal_hash"]


def test_another_seed_gives_other_trades(day: Day, tmp_path: Path) -> None:
    assert here(a_day(tmp_path, seed=OTHER_SEED), tmp_path) == 0

    other = summary_of(tmp_path / "summary.json")
    assert other["journal_hash"] != day.summary["journal_hash"]
    assert [trade["symbol"] for trade in other["trades"]] != [trade["symbol"] for trade in day.summary["trades"]]


def test_a_run_after_a_finished_one_begins_anew_and_gives_the_same(tmp_path: Path) -> None:
    assert here(a_day(tmp_path), tmp_path) == 0
    first = summary_of(tmp_path / "summary.json")["journal_hash"]

    assert here(a_day(tmp_path), tmp_path) == 0

    database = tmp_path / "data" / "simulated.db"
    assert summary_of(tmp_path / "summary.json")["journal_hash"] == first
    assert len(events(database, "daemon_started")) == 1
    assert chain_head(tmp_path / "data" / "previous_simulation" / "simulated.db") == first


def test_a_run_stopped_in_the_middle_of_a_day_goes_on_where_it_was(tmp_path: Path) -> None:
    database = tmp_path / "data" / "simulated.db"
    with started(a_day(tmp_path, "--sim-speed", "2000"), tmp_path) as daemon:
        daemon.until(lambda: events(database, "order_filled"), "an order was filled")
        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.ended() == 0
    held = rows(database, "SELECT symbol, quantity FROM positions WHERE closed_at IS NULL")
    stopped = log_lines(tmp_path)[-1]

    assert here(a_day(tmp_path), tmp_path) == 0

    facts = [name for name, _ in events(database, "daemon_started", "daemon_stopped", "daily_summary")]
    numbers = [number for (number,) in rows(database, "SELECT order_no FROM order_state WHERE order_no IS NOT NULL")]
    summary = summary_of(tmp_path / "summary.json")
    assert stopped["event"] == "daemon_stopped"
    assert facts == ["daemon_started", "daemon_stopped", "daemon_started", "daily_summary", "daemon_stopped"]
    assert events(database, "daemon_started")[1][1]["positions"] == len(held) > 0
    assert len(set(numbers)) == len(numbers) > 0
    assert broken_links(database) == []
    assert (summary["cash"], summary["unexplained_cash"]) == (summary["simulator_account"]["cash"], 0)
