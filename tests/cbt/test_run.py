"""`--mode cbt`: the daemon's own trades on an account of ours, and not one order to whoever gives the quotes."""

import csv
import dataclasses
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from kis_daemon.app.cli import main
from kis_daemon.app.lock import InstanceLock
from kis_daemon.app.settings_sources import VARIABLES
from kis_daemon.clock import SystemClock
from kis_daemon.kis.opening import Kis, KisQuotes
from tests.conftest import ROOT
from tests.report.samples import the_library

REAL_KEYS = {
    "TRADING_MODE": "REAL",
    "REAL_KIS_APP_KEY": "a-secret-key",
    "REAL_KIS_APP_SECRET": "a-secret-word",
    "REAL_KIS_ACCOUNT_NO": "50123456-01",
    "EXECUTION_JWT_SECRET": "for tests only " * 4,
}
CONFIG = ("--config-dir", str(ROOT / "config"))


def run(mode: str, folder: Path, *more: str, days: int = 2) -> dict[str, Any]:
    told = folder / f"{mode}.json"
    said = ["--mode", mode, "--sim-days", str(days), "--sim-speed", "0", *CONFIG, "--summary-json", str(told), *more]
    assert main([*said, "--data-dir", str(folder / f"data_{mode}")]) == 0
    return json.loads(told.read_text("utf-8"))  # type: ignore[no-any-return]


def trades_of(summary: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [(t["symbol"], t["side"], t["quantity"], t["price"], t["reason"]) for t in summary["trades"]]


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], dict[str, Any]]:
    """Return a folder in which the same two days were lived with both accounts."""
    folder = tmp_path_factory.mktemp("cbt")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name in VARIABLES:
            patch.delenv(name, raising=False)
        patch.setenv("LANGUAGE", "en")
        return folder, run("cbt", folder), run("trade", folder)


@pytest.fixture
def place(lived: tuple[Path, dict[str, Any], dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(lived[0])
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANGUAGE", "en")
    return lived[0]


def cbt(*arguments: str) -> int:
    return main(["cbt", *arguments])


WHERE = ("--data-dir", "data_cbt", *CONFIG)


def test_the_virtual_account_makes_the_trades_of_the_real_one(
    lived: tuple[Path, dict[str, Any], dict[str, Any]],
) -> None:
    _, virtual, real = lived

    assert trades_of(virtual) == trades_of(real) != []
    assert (virtual["cash"], virtual["equity"]) == (real["cash"], real["equity"])
    assert virtual["unexplained_cash"] == 0


def test_not_one_order_reaches_whoever_gives_the_quotes(lived: tuple[Path, dict[str, Any], dict[str, Any]]) -> None:
    theirs = json.loads((lived[0] / "data_cbt/cbt/simulated_account.json").read_text("utf-8"))
    ours = json.loads((lived[0] / "data_cbt/cbt/virtual_account.json").read_text("utf-8"))

    assert [row for rows in theirs["orders"].values() for row in rows] == []
    assert (theirs["account"]["cash"], theirs["account"]["holdings"]) == (100_000_000, {})
    assert sum(len(rows) for rows in ours["orders"].values()) >= len(lived[1]["trades"])


def test_quotes_alone_have_nothing_that_could_order() -> None:
    asked = {field.name for field in dataclasses.fields(KisQuotes)}

    assert {field.name for field in dataclasses.fields(Kis)} - asked == {"broker"}


def test_everything_of_the_virtual_account_stands_in_its_own_folder(
    lived: tuple[Path, dict[str, Any], dict[str, Any]],
) -> None:
    files = sorted(path.name for path in (lived[0] / "data_cbt").iterdir())

    assert files == ["cbt", "instance.lock"]
    with sqlite3.connect(lived[0] / "data_cbt/cbt/simulated.db") as database:
        assert database.execute("select count(*) from trades").fetchone()[0] == len(lived[1]["trades"])
    database.close()


def test_the_two_modes_never_run_at_once(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with InstanceLock(place / "data_cbt", now=SystemClock().now(), command="--mode trade"):
        code = main(["--mode", "cbt", "--sim-days", "1", "--sim-speed", "0", "--data-dir", "data_cbt", *CONFIG])

    assert code == 75
    assert "--mode trade" in capsys.readouterr().err


def test_the_account_is_told(place: Path, capsys: pytest.CaptureFixture[str], lived: Any) -> None:
    code = cbt("report", *WHERE)

    told = capsys.readouterr().out
    assert code == 0
    assert "Virtual account 2026-03-03 to 2026-03-04, 2 trading days: begun with 100,000,000 KRW" in told
    assert f"Trades (buys and sells): {len(lived[1]['trades'])}" in told


def test_the_account_is_written_out(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], lived: Any
) -> None:
    code = cbt("export", str(tmp_path / "out"), *WHERE)

    with (tmp_path / "out/trades.csv").open(encoding="utf-8-sig", newline="") as text:
        rows = list(csv.DictReader(text))
    told = json.loads((tmp_path / "out/result.json").read_text("utf-8"))
    assert code == 0
    assert [(row["symbol"], int(row["quantity"])) for row in rows] == [
        (trade["symbol"], trade["quantity"]) for trade in lived[1]["trades"]
    ]
    assert told["equity"][-1]["equity"] == lived[1]["equity"]
    assert f"{len(rows)} trades" in capsys.readouterr().out


def test_the_account_has_a_report_like_a_backtest(place: Path, tmp_path: Path) -> None:
    the_library("plotly")

    code = cbt("report", "--report", str(tmp_path / "html"), *WHERE)

    html = (tmp_path / "html/report.html").read_text("utf-8")
    assert code == 0
    assert "Virtual account, 2026-03-03 to 2026-03-04" in html
    assert "Fills are virtual" in html


def test_a_reset_is_asked_for_twice_keeps_the_old_account_and_begins_with_other_cash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], place: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data/cbt").mkdir(parents=True)
    (tmp_path / "data/cbt/virtual_account.json").write_text("{}", "utf-8")

    refused = cbt("reset", *CONFIG)
    done = cbt("reset", "--yes", "--cash", "5000000", *CONFIG)

    told = capsys.readouterr()
    assert (refused, done) == (64, 0)
    assert "--yes" in told.err
    assert told.out == "The virtual account begins anew with 5,000,000 KRW. The old one stands in data/cbt.previous.\n"
    assert [file.name for file in (tmp_path / "data/cbt").iterdir()] == ["terms.json"]
    assert json.loads((tmp_path / "data/cbt/terms.json").read_text("utf-8"))["cash"] == 5_000_000
    assert (tmp_path / "data/cbt.previous/virtual_account.json").is_file()


def test_a_reset_beside_a_running_daemon_is_refused(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    with InstanceLock(tmp_path / "data", now=SystemClock().now(), command="--mode cbt"):
        code = cbt("reset", "--yes", *CONFIG)

    assert code == 75
    assert not (tmp_path / "data/cbt").exists()


@pytest.mark.parametrize("arguments", [["report"], ["export", "out"]])
def test_before_its_first_day_is_over_there_is_nothing_to_tell(
    arguments: list[str],
    place: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)

    code = cbt(*arguments, *CONFIG)

    assert code == 1
    assert "No day of the virtual account is over yet" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_terms_that_nobody_wrote_are_refused(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data/cbt").mkdir(parents=True)
    (tmp_path / "data/cbt/terms.json").write_text('{"cash": "much"}', "utf-8")

    code = main(["--mode", "cbt", "--sim-days", "1", "--sim-speed", "0", *CONFIG])

    assert code == 78


def test_real_keys_are_refused_and_nothing_is_written(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in REAL_KEYS.items():
        monkeypatch.setenv(name, value)

    code = main(["--mode", "cbt", "--confirm-real-trading", "--symbols", "005930", *CONFIG])

    assert code == 78
    assert capsys.readouterr().err.startswith(
        "--mode cbt: the virtual account takes its quotes from KIS's paper servers"
    )
    assert list(tmp_path.iterdir()) == []


def test_the_simulators_cash_is_what_a_simulated_account_begins_with(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    run("cbt", tmp_path, "--sim-cash", "30000000", days=1)

    assert cbt("report", *WHERE) == 0
    assert "begun with 30,000,000 KRW" in capsys.readouterr().out
