"""Twelve trading days on real bars: no trade at a price that was not there, no won that is not the account's."""

import csv
import gzip
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from kis_daemon.domain.market import Market, Rounding, to_tick
from tests.conftest import ROOT
from tests.e2e.processes import run
from tests.e2e.records import broken_links, summary_of

BASKET = "ohlcv/basket40_daily_adj_2015_2021.csv.gz"
MASTERS = {Market.KOSPI: "kospi", Market.KOSDAQ: "kosdaq"}


def listed_on(data: Path) -> dict[str, Market]:
    """Return the market of every symbol that KIS's master files of 2023 list."""
    layout = json.loads((data / "master" / "mst_layout.json").read_text("utf-8"))
    found: dict[str, Market] = {}
    for market, name in MASTERS.items():
        code = next(field for field in layout[name] if field["field"] == "단축코드")
        first, last = code["offset"], code["offset"] + code["length"]
        for row in gzip.decompress((data / "master" / f"{name}_code_2023-05-11.mst.gz").read_bytes()).splitlines():
            found[row[first:last].decode("cp949").strip()] = market
    return found


def ranges(data: Path) -> dict[tuple[str, str], tuple[float, float]]:
    """Return (low, high) of every symbol and day in the basket."""
    with gzip.open(data / BASKET, "rt", encoding="utf-8") as file:
        return {(row["symbol"], row["date"]): (float(row["low"]), float(row["high"])) for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def summary(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    home = tmp_path_factory.mktemp("basket")
    ended = run(
        [
            *("--mode", "trade", "--sim-prices", shared_data / BASKET, "--sim-start", "2017-01-02"),
            *("--sim-days", "12", "--sim-speed", "0", "--config-dir", ROOT / "config"),
            *("--data-dir", home / "data", "--summary-json", home / "summary.json"),
        ],
        home,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert broken_links(home / "data" / "simulated.db") == []
    return summary_of(home / "summary.json")


def test_the_basket_is_bought_and_sold(summary: dict[str, Any]) -> None:
    assert {trade["side"] for trade in summary["trades"]} == {"BUY", "SELL"}
    assert summary["days"] == 12


def test_every_trade_has_a_price_of_its_day_to_the_tick(summary: dict[str, Any], shared_data: Path) -> None:
    markets, bars = listed_on(shared_data), ranges(shared_data)
    outside = []
    for trade in summary["trades"]:
        day, market = date.fromisoformat(trade["date"]), markets[trade["symbol"]]
        low, high = bars[trade["symbol"], trade["date"]]
        lowest, highest = to_tick(low, Rounding.DOWN, market, day), to_tick(high, Rounding.UP, market, day)
        if not lowest <= trade["price"] <= highest:
            outside.append((trade["symbol"], trade["date"], trade["price"], lowest, highest))

    assert outside == []


def test_cash_and_holdings_equal_the_simulators_to_the_won(summary: dict[str, Any]) -> None:
    theirs = summary["simulator_account"]

    assert (summary["cash"], summary["holdings_value"]) == (theirs["cash"], theirs["holdings_value"])
    assert summary["unexplained_cash"] == 0
    assert {position["symbol"]: position["quantity"] for position in summary["positions"]} == {
        symbol: holding["quantity"] for symbol, holding in theirs["holdings"].items()
    }
