"""What an account may be held against, and how a line refuses what it may not."""

from datetime import date
from pathlib import Path

import pytest

from kis_daemon.app.errors import UsageError
from kis_daemon.app.report.benchmark import Benchmark, benchmark_of
from kis_daemon.simulator.price_file import FilePrices
from tests.backtest.basket import the_calendar
from tools.report_picture import write_invented_bars

FIRST, LAST = date(2020, 3, 2), date(2020, 3, 31)


@pytest.fixture(scope="module")
def prices(tmp_path_factory: pytest.TempPathFactory) -> FilePrices:
    file = tmp_path_factory.mktemp("prices") / "bars.csv"
    write_invented_bars(file, date(2020, 2, 3), LAST)
    return FilePrices(file, the_calendar())


def an_index(folder: Path, text: str) -> str:
    file = folder / "index.csv"
    file.write_text(text, "utf-8")
    return str(file)


def test_it_is_bought_at_the_last_close_before_the_first_day() -> None:
    held = Benchmark(name="index", closes={date(2020, 3, 1): 50.0, date(2020, 3, 2): 55.0, date(2020, 3, 4): 60.0})

    assert held.worth([date(2020, 3, 2), date(2020, 3, 3), date(2020, 3, 4)], 1_000) == [1_000, 1_100, 1_100, 1_200]


def test_without_a_close_before_it_is_bought_at_the_first_one() -> None:
    held = Benchmark(name="index", closes={date(2020, 3, 3): 50.0, date(2020, 3, 4): 75.0})

    assert held.worth([date(2020, 3, 2), date(2020, 3, 3), date(2020, 3, 4)], 100) == [100, 100, 100, 150]


def test_a_symbol_of_the_price_file_is_a_benchmark(prices: FilePrices) -> None:
    found = benchmark_of("ZZ0005", prices, FIRST, LAST)

    assert found.name == "마루금융"
    bar = prices.bar(prices.listings()[4].symbol, LAST)
    assert bar is not None
    assert found.closes[LAST] == bar.close


def test_an_index_has_decimals(prices: FilePrices, tmp_path: Path) -> None:
    found = benchmark_of(an_index(tmp_path, "date,close\n2020-03-02,2002.51\n"), prices, FIRST, LAST)

    assert (found.name, found.closes) == ("index", {date(2020, 3, 2): 2002.51})


def test_one_of_several_series_is_named_behind_a_colon(prices: FilePrices, tmp_path: Path) -> None:
    file = an_index(tmp_path, "symbol,date,close\nA,2020-03-02,1\nB,2020-03-02,2\n")

    found = benchmark_of(f"{file}:B", prices, FIRST, LAST)

    assert (found.name, found.closes) == ("B", {date(2020, 3, 2): 2.0})


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("symbol,date,close\nA,2020-03-02,1\nB,2020-03-02,2\n", "row 3: B after A; expected one series"),
        ("date,close\n2020-03-02,0\n", "row 2, '2020-03-02, 0': expected a date like"),
        ("date,close\n2020-03-02,nan\n", "row 2, '2020-03-02, nan': expected a date like"),
        ("date,price\n2020-03-02,1\n", "row 2, '2020-03-02, None': expected a date like"),
        ("date,close\n02.03.2020,1\n", "row 2, '02.03.2020, 1': expected a date like"),
        ("date,close\n2019-03-04,1\n", "no close from 2020-03-02 to 2020-03-31"),
        ("", "no close from 2020-03-02 to 2020-03-31"),
    ],
)
def test_a_file_that_cannot_be_one_is_refused_in_a_line(
    text: str, line: str, prices: FilePrices, tmp_path: Path
) -> None:
    with pytest.raises(UsageError) as refused:
        benchmark_of(an_index(tmp_path, text), prices, FIRST, LAST)

    assert line in str(refused.value)


def test_what_is_neither_symbol_nor_file_is_refused(prices: FilePrices) -> None:
    with pytest.raises(UsageError, match="--benchmark KOSPI: expected a symbol of the price file, or a CSV"):
        benchmark_of("KOSPI", prices, FIRST, LAST)


def test_a_file_that_is_no_text_is_refused(prices: FilePrices, tmp_path: Path) -> None:
    file = tmp_path / "index.csv.gz"
    file.write_bytes(b"no gzip at all")

    with pytest.raises(UsageError, match="cannot be read as CSV"):
        benchmark_of(str(file), prices, FIRST, LAST)
