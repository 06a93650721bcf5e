"""The bench of backtesters: pinned peers, one market for all, one answer of all, and what is promised of ours."""

from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from bench.peers import market, run_ours
from bench.peers.__main__ import JOURNAL, LOOP, MEMORY, NAUTILUS, RUNNERS, Different, figures_of, told_alike
from bench.peers.market import Loaded, Row
from kis_daemon.app.backtest.breakout import BreakoutRules, run_breakout
from kis_daemon.app.backtest.plan import BacktestPlan
from kis_daemon.domain.market import Market, price_limits
from tests.conftest import ROOT
from tests.test_repository import hosts_in, loose_in, pins_in, requirements_in

PEERS = {
    "backtesting": "0.6.6",
    "basana": "1.11",
    "backtrader": "1.9.78.123",
    "nautilus-trader": "1.221.0",
}


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return list(market.generated(symbols=2, bars=600))


@pytest.mark.parametrize("lock", sorted((ROOT / "bench" / "peers").glob("*.lock")), ids=lambda path: path.stem)
def test_a_peer_is_pinned_by_hash_and_names_no_host(lock: Path) -> None:
    text = lock.read_text("utf-8")

    assert requirements_in(text)
    assert loose_in(text) == []
    assert hosts_in(text) == []


def test_the_peers_are_those_that_were_named() -> None:
    locks = [path.read_text("utf-8") for path in (ROOT / "bench" / "peers").glob("*.lock")]

    assert {name: pins[name] for pins in map(pins_in, locks) for name in PEERS if name in pins} == PEERS


def test_no_open_of_the_market_lies_at_a_limit(rows: list[Row]) -> None:
    assert len(rows) == 2 * 600
    for (code, *_, close, _), (other, day, opened, *_) in pairwise(rows):
        if code == other:
            lower, upper = price_limits(close, Market.KOSPI, date.fromisoformat(day))
            assert lower < opened < upper


def test_one_share_a_trade_earns_what_a_plain_loop_does(rows: list[Row], tmp_path: Path) -> None:
    file = tmp_path / "market.csv"
    market.write(file, iter(rows))
    prices, calendar = Loaded(file), market.the_calendar()
    days = [day.date for day in calendar.trading_days(prices.first_day, prices.last_day)]
    symbols = tuple(listing.symbol for listing in prices.listings())
    plan = BacktestPlan(symbols=symbols, first=days[1], last=days[-1], cash=run_ours.CASH)

    result = run_breakout(plan, prices, calendar, BreakoutRules(shares=1), 0)

    plain = [plain_run([row for row in rows if row[0] == code]) for code in ("000000", "000001")]
    assert {trade.quantity for trade in result.trades} == {1}
    assert run_ours.earned(result) == (sum(profit for profit, _ in plain), sum(sales for _, sales in plain))


def plain_run(rows: list[Row]) -> tuple[int, int]:
    """Return profit and sales of one symbol, as plainly as it can be written."""
    profit = sales = bought_at = paid = 0
    wish = ""
    for at, (_, _, opened, _, _, close, _) in enumerate(rows):
        if wish == "buy":
            bought_at, paid = at, opened
        elif wish == "sell":
            profit, sales, paid = profit + opened - paid, sales + 1, 0
        wish = ""
        if paid:
            highest = max(row[5] for row in rows[bought_at : at + 1])
            if at >= 14 and close < round(highest - 3 * plain_atr(rows[: at + 1]), 6):
                wish = "sell"
        elif at >= 20 and close > max(row[5] for row in rows[at - 20 : at]):
            wish = "buy"
    return profit, sales


def plain_atr(rows: list[Row]) -> float:
    ranges = [max(row[3], before[5]) - min(row[4], before[5]) for before, row in pairwise(rows)]
    atr = sum(ranges[:14]) / 14
    for wide in ranges[14:]:
        atr = (13 * atr + wide) / 14
    return atr


def a_run(**changes: Any) -> dict[str, Any]:
    return {"bars": 100, "cpu_s": 0.001, "profit": 5, "sales": 2, "peak_mib": 40.0} | changes


def test_all_that_trade_at_the_open_have_to_earn_the_same() -> None:
    told = {MEMORY: [a_run()], "basana": [a_run(cpu_s=0.1)], NAUTILUS: [a_run(profit=9)]}

    assert told_alike(told) == "100 bars, 2 sales of one share, 5 won, the same to the won"
    with pytest.raises(Different):
        told_alike(told | {"backtrader": [a_run(profit=6)]})


def test_rates_ratios_and_memory_are_promised() -> None:
    told = {runner.name: [a_run(), a_run()] for runner in RUNNERS}

    figures = {figure.name: figure for figure in figures_of(told, {10: [a_run(bars=1_000)], 100: [a_run(bars=10_000)]})}

    assert (figures[MEMORY].least, figures[JOURNAL].least, figures[LOOP].least) == (300_000, 200_000, None)
    assert figures[f"{MEMORY} / basana, paired"].least == 3.0
    assert figures[f"{JOURNAL} / basana, paired"].least is None
    assert figures[f"peak memory: {JOURNAL}"].most == 61.0
    assert figures["a bar of 10,000 / of 100"].most == 1.3
