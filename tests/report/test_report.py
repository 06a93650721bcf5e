"""What a report's folder holds: figures that agree with the run, in the reader's language, and no address."""

import csv
import json
import re
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from kis_daemon.app.backtest.metrics import measure
from kis_daemon.app.backtest.plan import BacktestPlan
from kis_daemon.app.backtest.result import Fills
from kis_daemon.app.cli import main
from kis_daemon.app.report.backtested import subject_of
from kis_daemon.app.report.figures import account_figure, symbol_figure
from kis_daemon.app.report.folder import ReportFolder, equity_rows, result_json
from kis_daemon.app.report.page import page
from kis_daemon.app.report.subject import Subject, SymbolBars
from kis_daemon.app.report.tables import figures_table, months_table, reasons_table, symbols_table
from kis_daemon.app.report.words import words_in
from kis_daemon.console.catalogue import Language
from kis_daemon.domain.market import Side, Symbol
from tests.conftest import ROOT
from tests.report.samples import a_subject, the_library, the_source
from tools.report_picture import write_invented_bars

KO, EN = words_in(Language.KO), words_in(Language.EN)
LIBRARY = "/* the library */"


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    return a_subject(tmp_path_factory.mktemp("report"))


def nothing_traded(subject: Subject) -> Subject:
    result = subject.result
    equity = tuple(replace(day, cash=result.start_cash, holdings_value=0) for day in result.equity)
    return replace(
        subject,
        result=replace(result, trades=(), equity=equity, metrics=measure(result.start_cash, (), equity)),
        compared={},
    )


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as text:
        return list(csv.DictReader(text))


def figures_in(html: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="figures">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    return json.loads(found.group(1))  # type: ignore[no-any-return]


def test_the_four_files_agree_with_the_run(subject: Subject, tmp_path: Path) -> None:
    result = subject.result

    html = ReportFolder(tmp_path, LIBRARY).write(subject, Language.KO)

    told = json.loads((tmp_path / "result.json").read_text("utf-8"))
    trades, equity = rows_of(tmp_path / "trades.csv"), rows_of(tmp_path / "equity.csv")
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "equity.csv",
        "report.html",
        "result.json",
        "trades.csv",
    ]
    assert html == tmp_path / "report.html"
    assert len(told["trades"]) == len(trades) == len(result.trades) > 40
    assert [int(row["realized_pnl"]) for row in trades] == [trade.realized_pnl for trade in result.trades]
    assert [int(row["equity"]) for row in equity] == [day.equity for day in result.equity]
    assert max(float(row["drawdown"]) for row in equity) == pytest.approx(result.metrics.max_drawdown, abs=1e-6)
    assert {trade["name"] for trade in told["trades"]} <= {"가온전자", "나래바이오", "다솜화학", "라온모터스"} | {
        "마루금융",
        "바른소프트",
        "새솔중공업",
        "아라해운",
    }
    assert told["compared"].keys() == {"pessimistic"}
    assert told["benchmark"]["name"] == "마루금융"


def test_a_spreadsheet_takes_korean_for_korean(subject: Subject, tmp_path: Path) -> None:
    ReportFolder(tmp_path, LIBRARY).write(subject, Language.KO)

    assert (tmp_path / "trades.csv").read_bytes().startswith(b"\xef\xbb\xbf")


def test_the_same_run_gives_the_same_page(subject: Subject) -> None:
    assert page(subject, Language.KO, LIBRARY) == page(subject, Language.KO, LIBRARY)


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (
            Language.KO,
            ["누적 수익률", "최대 낙폭(MDD)", "생존 편향", "오늘의 종목 목록", "수정주가", "배당금", "슬리피지"],
        ),
        (
            Language.EN,
            ["Total return", "Max drawdown", "Survivorship", "Today's list", "adjusted", "Dividends", "Slippage"],
        ),
    ],
)
def test_the_page_speaks_the_readers_language_and_says_what_it_leaves_out(
    language: Language, said: list[str], subject: Subject
) -> None:
    html = page(subject, language, LIBRARY).replace("&#x27;", "'")

    assert f'<html lang="{language}">' in html
    assert [text for text in said if text not in html] == []
    assert "report." not in re.sub(r"<script.*?</script>", "", html.replace("kis_daemon", ""), flags=re.DOTALL)


def test_no_address_stands_on_the_page(subject: Subject) -> None:
    html = page(subject, Language.KO, LIBRARY)

    assert re.findall(r"https?:|//[a-z]|src=|href=|@import|url\(", html) == []
    assert "default-src 'none'" in html


def test_every_traded_symbol_has_its_chart_with_every_trade_on_it(subject: Subject) -> None:
    figures = figures_in(page(subject, Language.KO, LIBRARY))

    traded = {trade.symbol for trade in subject.result.trades}
    assert figures.keys() == {"account", *traded}
    for symbol in traded:
        candles, bought, sold = figures[symbol]["data"]
        mine = [trade for trade in subject.result.trades if trade.symbol == symbol]
        assert [mark["x"] for mark in (bought, sold)] == [
            [trade.at.date().isoformat() for trade in mine if trade.side is side] for side in (Side.BUY, Side.SELL)
        ]
        assert len(candles["x"]) == len(candles["close"]) > 200
        assert set(bought["x"] + sold["x"]) <= set(candles["x"])


def test_a_halted_day_has_no_candle(subject: Subject) -> None:
    shown = subject.symbols[0]
    halted = [bar.date for bar in shown.bars if bar.volume == 0]
    bars = tuple(replace(bar, volume=0) if at == 3 else bar for at, bar in enumerate(shown.bars))

    figure = symbol_figure(replace(shown, bars=bars), subject.result.trades, KO, Language.KO)

    assert len(figure["data"][0]["x"]) == len(bars) - len(halted) - 1


def test_plotly_finds_nothing_wrong_with_a_figure(subject: Subject) -> None:
    graph_objects = the_library("plotly.graph_objects")
    shown = subject.symbols[0]

    for figure in (account_figure(subject, KO), symbol_figure(shown, subject.result.trades, KO, Language.KO)):
        graph_objects.Figure(figure)


def test_the_curves_are_those_of_the_account_and_of_the_benchmark(subject: Subject) -> None:
    equity, benchmark, below, held = account_figure(subject, EN)["data"]

    assert equity["y"] == [day.equity for day in subject.result.equity]
    assert (benchmark["name"], len(benchmark["y"])) == ("마루금융", len(equity["y"]))
    assert min(below["y"]) == pytest.approx(-subject.result.metrics.max_drawdown, abs=1e-6)
    assert sum(held["y"]) / len(held["y"]) == pytest.approx(subject.result.metrics.exposure, abs=1e-6)


def test_figures_stand_beside_one_another(subject: Subject) -> None:
    table = figures_table(subject, EN, Language.EN)

    assert table.head == ("Figure", "Filled at the open", "Worse extreme first (pessimistic)", "마루금융")
    assert {len(row) for row in table.rows} == {4}
    assert {row[0] for row in table.rows} >= {"CAGR", "Max drawdown (MDD)", "Sharpe ratio", "Sortino ratio", "Win rate"}
    assert {row[0] for row in table.rows} >= {"Profit factor", "Expectancy (a sale)", "Costs (fees and tax)"}


def test_months_make_up_their_year(subject: Subject) -> None:
    table = months_table(subject.result.metrics, EN)

    assert [row[0] for row in table.rows] == ["2020", "2021"]
    assert [cell for cell in table.rows[1][4:13] if cell] == []  # it ends in March
    first = table.rows[0]
    year = 1.0
    for cell in first[1:13]:
        year *= 1 + float(cell.strip("%") or 0) / 100
    assert float(first[13].strip("%")) == pytest.approx((year - 1) * 100, abs=0.1)


def test_every_sale_has_its_reason_in_words(subject: Subject) -> None:
    table = reasons_table(subject.result.trades, KO, Language.KO)

    sales = sum(trade.side is Side.SELL for trade in subject.result.trades)
    assert [row[:3] for row in table.rows] == [("최고 종가 대비 ATR 이탈", str(sales), "100.00%")]


def test_symbols_that_were_never_traded_stand_last(subject: Subject) -> None:
    quiet = SymbolBars(symbol=Symbol("ZZ9999"), name="조용한회사", bars=())

    table = symbols_table((quiet, *subject.symbols), subject.result.trades, KO, Language.KO)

    assert table.rows[-1] == ("ZZ9999", "조용한회사", "0", "0", "-", "-", "-")


def test_where_nothing_was_traded_a_dash_stands(subject: Subject, tmp_path: Path) -> None:
    quiet = nothing_traded(subject)

    ReportFolder(tmp_path, LIBRARY).write(quiet, Language.EN)

    rows = {row[0]: row[1] for row in figures_table(quiet, EN, Language.EN).rows}
    assert [rows[name] for name in ("Sharpe ratio", "Sortino ratio", "Win rate", "Profit factor")] == ["-"] * 4
    assert (rows["Total return"], rows["Expectancy (a sale)"]) == ("+0.00%", "-")
    assert figures_in((tmp_path / "report.html").read_text("utf-8")).keys() == {"account"}
    assert rows_of(tmp_path / "trades.csv") == []


def test_one_day_makes_a_report(subject: Subject) -> None:
    result = subject.result
    equity = result.equity[:1]
    one = replace(result, trades=(), equity=equity, metrics=measure(result.start_cash, (), equity))

    html = page(replace(subject, result=one, compared={}), Language.EN, LIBRARY)

    assert figures_in(html)["account"]["data"][0]["x"] == [equity[0].day.isoformat()]
    assert "<dt>CAGR</dt><dd>-</dd>" in html


def test_a_name_cannot_break_out_of_the_page(subject: Subject) -> None:
    evil = "</script><img src=x>"
    shown = subject.symbols[0]
    trades = tuple(
        replace(trade, name=evil, reason=evil) if trade.symbol == shown.symbol else trade
        for trade in subject.result.trades
    )
    renamed = replace(
        subject,
        result=replace(subject.result, trades=trades),
        symbols=(replace(shown, name=evil), *subject.symbols[1:]),
        benchmark=None,
    )

    html = page(renamed, Language.KO, LIBRARY)

    assert "<img" not in html
    assert html.count("</script>") == 4
    assert figures_in(html)[shown.symbol]["data"][0]["name"] == "&lt;/script&gt;&lt;img src=x&gt;"


@pytest.mark.parametrize(
    ("fills", "note"), [(Fills.PATH, "--fills pessimistic shows"), (Fills.PESSIMISTIC, "the headline")]
)
def test_the_daemons_rules_say_how_much_hangs_on_the_order_of_high_and_low(
    fills: Fills, note: str, subject: Subject, tmp_path: Path
) -> None:
    source = the_source(tmp_path)
    plan = BacktestPlan(symbols=source.symbols, first=source.first, last=source.last, volume_share=7)
    result = replace(subject.result, rule="TREND_ATR_BREAKOUT", fills=fills, bars_that_matter=31)

    html = page(subject_of([result], plan, source, (), None), Language.EN, LIBRARY)

    assert f"31 of {result.bars:,} bars" in html
    assert note in html
    assert "at most 1/7 of the day" in html


def test_the_figures_as_json_are_those_of_the_page(subject: Subject) -> None:
    told = result_json(subject)

    last = equity_rows(subject)[-1]["benchmark"]
    assert told["benchmark"]["total_return"] == pytest.approx(int(str(last)) / 1e8 - 1, abs=1e-6)


def test_the_command_writes_a_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    the_library("plotly")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LANGUAGE", "en")
    write_invented_bars(tmp_path / "bars.csv", date(2020, 1, 2), date(2020, 6, 30))
    said = ["backtest", "--config-dir", str(ROOT / "config"), "--prices", "bars.csv", "--rule", "breakout"]

    code = main([*said, "--report", "new/report", "--benchmark", "ZZ0001"])

    html = (tmp_path / "new/report/report.html").read_text("utf-8")
    assert code == 0
    assert "Report: new/report/report.html" in capsys.readouterr().out
    assert "Plotly.newPlot(place" in html
    assert len(html) > 3_000_000  # the library stands in it


def test_without_plotly_a_line_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LANGUAGE", "en")
    monkeypatch.setitem(sys.modules, "plotly", None)
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    write_invented_bars(tmp_path / "bars.csv", date(2020, 1, 2), date(2020, 6, 30))
    said = ["backtest", "--config-dir", str(ROOT / "config"), "--prices", "bars.csv", "--rule", "breakout"]

    code = main([*said, "--report", "report"])

    told = capsys.readouterr()
    assert (code, told.out) == (64, "")
    assert told.err.endswith("pip install --require-hashes -r requirements-research.lock\n")
    assert not (tmp_path / "report").exists()


def test_a_file_is_no_folder_for_a_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    the_library("plotly")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LANGUAGE", "en")
    write_invented_bars(tmp_path / "bars.csv", date(2020, 1, 2), date(2020, 6, 30))
    (tmp_path / "taken").write_text("", "utf-8")
    said = ["backtest", "--config-dir", str(ROOT / "config"), "--prices", "bars.csv", "--rule", "breakout"]

    code = main([*said, "--report", "taken/report"])

    assert code == 64
    assert capsys.readouterr().err == "--report taken/report: expected a folder that is there or can be made\n"
