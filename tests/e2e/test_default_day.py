"""The day that `make run` shows: its trades are what the README promises, on every Python."""

from pathlib import Path

from kis_daemon.app.options import DEFAULT_SIM_START
from tests.conftest import ROOT
from tests.e2e.processes import here
from tests.e2e.records import summary_of

DEFAULT_DAY = [
    ("247540", "BUY", "09:00:11", 110_200, 111, "TREND_ATR_BREAKOUT"),
    ("035720", "BUY", "09:13:37", 85_100, 148, "TREND_ATR_BREAKOUT"),
    ("068270", "BUY", "09:54:16", 273_500, 50, "TREND_ATR_BREAKOUT"),
    ("035420", "BUY", "12:23:04", 266_000, 63, "TREND_ATR_BREAKOUT"),
    ("005930", "BUY", "13:03:39", 93_600, 213, "TREND_ATR_BREAKOUT"),
    ("035720", "SELL", "14:38:25", 80_700, 148, "ATR_STOP_LOSS"),
]


def test_the_default_day_buys_breakouts_and_sells_a_stop(tmp_path: Path) -> None:
    where = ("--config-dir", ROOT / "config", "--data-dir", tmp_path / "data", "--summary-json", tmp_path / "s.json")

    code = here(["--mode", "trade", "--sim-days", "1", "--sim-speed", "0", *where], tmp_path)

    summary = summary_of(tmp_path / "s.json")
    told = ("symbol", "side", "time", "price", "quantity", "reason")
    assert code == 0
    assert [tuple(trade[name] for name in told) for trade in summary["trades"]] == DEFAULT_DAY
    assert {trade["date"] for trade in summary["trades"]} == {DEFAULT_SIM_START.isoformat()}
    assert (summary["realized_pnl"], summary["cash"]) == (-678_534, 36_710_672)
