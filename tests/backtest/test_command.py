"""`main.py backtest`: what it writes, and one line for each thing that cannot be."""

import json
from pathlib import Path

import pytest

from kis_daemon.app.backtest.parameters import with_parameters
from kis_daemon.app.cli import main
from kis_daemon.app.errors import UsageError
from tests.backtest.basket import the_settings
from tests.conftest import ROOT

HEADER = "symbol,date,open,high,low,close,volume"


@pytest.fixture
def bars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a file of two symbols and five days, in a folder without `.env`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LANGUAGE", "en")
    days = ("2016-01-04", "2016-01-05", "2016-01-06", "2016-01-07", "2016-01-08")
    rows = [
        f"{symbol},{day},{price},{price + 100},{price - 100},{price + 50},100000"
        for symbol in ("005930", "000660")
        for day, price in zip(days, (10_000, 10_100, 10_200, 10_300, 10_400), strict=True)
    ]
    file = tmp_path / "bars.csv"
    file.write_text("\n".join([HEADER, *rows]) + "\n", "utf-8")
    return file


def backtest(*arguments: object) -> int:
    return main(["backtest", "--config-dir", str(ROOT / "config"), *map(str, arguments)])


def test_the_result_is_written_as_json(bars: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = tmp_path / "told.json"

    code = backtest("--prices", bars, "--rule", "breakout", "--params", "breakout_bars=2", "--json", told)

    written = json.loads(told.read_text("utf-8"))
    assert code == 0
    assert {"bars", "bars_per_second", "trades", "equity", "metrics"} <= written.keys()
    assert (written["from"], written["to"], written["bars"]) == ("2016-01-06", "2016-01-08", 6)
    assert [(t["date"], t["symbol"], t["side"], t["price"], t["reason"]) for t in written["trades"]] == [
        ("2016-01-07", "005930", "BUY", 10_300, "BREAKOUT"),
        ("2016-01-07", "000660", "BUY", 10_300, "BREAKOUT"),
    ]
    assert [day["date"] for day in written["equity"]] == ["2016-01-06", "2016-01-07", "2016-01-08"]
    assert "BREAKOUT (path) 2016-01-06 to 2016-01-08, 2 symbols: 2 trades" in capsys.readouterr().out


def test_the_worst_case_is_the_headline_and_the_usual_one_stands_beside_it(bars: Path, tmp_path: Path) -> None:
    told = tmp_path / "told.json"

    code = backtest("--prices", bars, "--from", "2016-01-07", "--fills", "pessimistic", "--jobs", "2", "--json", told)

    written = json.loads(told.read_text("utf-8"))
    assert code == 0
    assert (written["fills"], written["bars_that_matter"]) == ("pessimistic", 0)
    assert written["compared"]["path"].keys() == written["metrics"].keys()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--prices", "none.csv"], "none.csv: cannot be read (No such file or directory)"),
        (["--symbols", "999999"], "--symbols 999999: no prices for it; expected some of 005930,000660"),
        (["--symbols", "5930"], "--symbols '5930': expected six-character codes with commas between"),
        (
            ["--from", "2016-01-09", "--to", "2016-01-10"],
            "2016-01-09 to 2016-01-10: no trading day with prices; expected days from 2016-01-05 to 2016-01-08",
        ),
        (["--from", "2016-01-08", "--to", "2016-01-05"], "2016-01-08 to 2016-01-05: no trading day with prices"),
        (["--params", "stop_atr"], "--params stop_atr: expected name=value, each name once"),
        (["--params", "stop_atr=2", "--params", "stop_atr=3"], "--params stop_atr=3: expected name=value"),
        (["--params", "stop=2"], "--params stop: expected one of commission_pct, entry.periods.atr"),
        (["--params", "adx_min=2"], "--params adx_min: expected one of entry.adx_min, trend_break.adx_min"),
        (["--params", "entry.adx_min=x"], "--params entry.adx_min = 'x': expected a number from 0 to 100"),
        (["--rule", "breakout", "--params", "stop=2"], "--params stop: expected one of breakout_bars, atr_bars"),
        (["--rule", "breakout", "--params", "stop_atr=0"], "--params stop_atr=0: expected 0.1 to 100.0"),
        (["--json", "absent/told.json"], "--json absent/told.json: expected a file in a folder that exists"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    arguments: list[str], line: str, bars: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = backtest("--prices", bars, *arguments)

    told = capsys.readouterr().err
    assert code == 64
    assert told.startswith(line)
    assert told.count("\n") == 1


def test_a_parameter_changes_its_setting_and_no_other() -> None:
    before = the_settings()

    changed = with_parameters(before, ["entry.adx_min=30", "sma=60", "threshold_pct=none"])

    assert (changed.entry.adx_min, changed.entry.periods.sma, changed.gap.threshold_pct) == (30.0, 60, None)
    assert (changed.risk, changed.protection) == (before.risk, before.protection)
    assert before.entry.adx_min == 25.0


def test_two_parameters_that_do_not_fit_are_refused() -> None:
    with pytest.raises(UsageError):
        with_parameters(the_settings(), ["entry.full_bars=100", "entry.min_bars=200"])
