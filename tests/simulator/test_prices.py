"""The invented market keeps the exchange's rules, and a price file is believed only where it makes sense."""

from __future__ import annotations

import gzip
from datetime import date
from pathlib import Path

import pytest

from kis_daemon.domain.market import Market, Symbol, price_limits, tick_size
from kis_daemon.simulator.price_file import FilePrices
from kis_daemon.simulator.price_generator import GeneratedPrices
from kis_daemon.simulator.price_rows import PriceFileError
from tests.simulator.builders import SAMSUNG, the_calendar

HEADER = "symbol,date,open,high,low,close,volume"
GOOD = "005930,2017-01-02,35980,36240,35880,36100,93012"


def test_every_price_of_the_invented_market_is_on_its_tick_and_inside_its_limits() -> None:
    prices = GeneratedPrices(3, the_calendar())
    limit_days = halted_days = locked_days = 0
    for listed in prices.listings():
        close = 0
        for bar in prices.bars(listed.symbol, date(2015, 1, 2), date(2025, 12, 30)):
            if bar.volume == 0:
                halted_days += 1
                assert (bar.open, bar.high, bar.low, bar.close) == (0, 0, 0, close or bar.close)
                continue
            assert bar.low <= min(bar.open, bar.close)
            assert max(bar.open, bar.close) <= bar.high
            assert [p % tick_size(p, listed.market, bar.date) for p in (bar.open, bar.high, bar.low, bar.close)] == [
                0
            ] * 4
            if close:
                lower, upper = price_limits(close, listed.market, bar.date)
                assert lower <= bar.low <= bar.high <= upper
                limit_days += bar.close in (lower, upper)
                locked_days += bar.low == bar.high and bar.close in (lower, upper)
            close = bar.close

    assert limit_days > locked_days > 0
    assert halted_days


def test_the_invented_market_does_not_depend_on_where_one_begins_to_look() -> None:
    day = date(2021, 6, 3)
    early, late = GeneratedPrices(5, the_calendar()), GeneratedPrices(5, the_calendar())
    for year in range(2015, 2022):
        for listed in early.listings():
            early.bar(listed.symbol, date(year, 6, 3))

    for listed in reversed(late.listings()):
        assert late.bar(listed.symbol, day) == early.bar(listed.symbol, day)


def test_another_seed_is_another_market() -> None:
    one, other = (GeneratedPrices(seed, the_calendar()).bar(SAMSUNG, date(2016, 5, 4)) for seed in (1, 2))

    assert one != other


def test_the_invented_market_moves_enough_within_days_to_trade_in() -> None:
    prices = GeneratedPrices(1, the_calendar())
    ranges = {}
    for listed in prices.listings():
        bars = [bar for bar in prices.bars(listed.symbol, date(2022, 1, 3), date(2024, 12, 30)) if bar.volume]
        ranges[listed.symbol] = sum((bar.high - bar.low) / bar.close for bar in bars) / len(bars)

    assert min(ranges.values()) > 0.01
    assert sum(value > 0.03 for value in ranges.values()) >= 4


def a_file(folder: Path, *rows: str, header: str = HEADER, name: str = "prices.csv") -> Path:
    path = folder / name
    path.write_text("\n".join((header, *rows)) + "\n", encoding="utf-8")
    return path


def test_symbols_keep_the_order_of_the_file_and_unknown_columns_are_passed_over(tmp_path: Path) -> None:
    path = a_file(
        tmp_path,
        "035420,2017-01-02,100,110,90,105,10,x,NAVER,KOSPI",
        "005930,2017-01-02,100,110,90,105,10,x,삼성전자,KOSDAQ",
        header=f"{HEADER},value,name,market",
    )

    listings = FilePrices(path, the_calendar()).listings()

    assert [(x.symbol, x.name, x.market) for x in listings] == [
        ("035420", "NAVER", Market.KOSPI),
        ("005930", "삼성전자", Market.KOSDAQ),
    ]


def test_a_packed_file_reads_like_a_plain_one(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv.gz"
    path.write_bytes(gzip.compress(f"{HEADER}\n{GOOD}\n".encode(), mtime=0))

    bar = FilePrices(path, the_calendar()).bar(SAMSUNG, date(2017, 1, 2))

    assert bar is not None
    assert (bar.open, bar.high, bar.low, bar.close) == (36_000, 36_200, 35_900, 36_100)  # ticks of 50, inside the range


def test_parquet_reads_like_csv(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = {"symbol": ["005930"], "date": [date(2017, 1, 2)], "open": [35980.0], "high": [36240], "low": [35880]}
    parquet.write_table(pa.table({**table, "close": [36100], "volume": [93012]}), tmp_path / "prices.parquet")

    prices = FilePrices(tmp_path / "prices.parquet", the_calendar())

    assert prices.bar(SAMSUNG, date(2017, 1, 2)) == FilePrices(a_file(tmp_path, GOOD), the_calendar()).bar(
        SAMSUNG, date(2017, 1, 2)
    )


def test_a_day_without_trade_is_kept_as_such_and_the_base_price_looks_through_it(tmp_path: Path) -> None:
    path = a_file(tmp_path, GOOD, "005930,2017-01-03,0,0,0,36100,0", "005930,2017-01-04,36500,36550,36000,36200,5")

    prices = FilePrices(path, the_calendar())

    bar = prices.bar(SAMSUNG, date(2017, 1, 3))
    assert bar is not None
    assert (bar.volume, bar.close) == (0, 36_100)
    assert prices.base_price(SAMSUNG, date(2017, 1, 4)) == 36_100
    assert prices.base_price(SAMSUNG, date(2017, 1, 2)) == 36_000  # nothing before it: its own open


def test_a_close_a_hair_outside_of_the_range_is_mended_and_counted(tmp_path: Path) -> None:
    path = a_file(tmp_path, "005930,2017-01-02,36000,36100,35900,36250,10")

    prices = FilePrices(path, the_calendar())

    assert prices.repaired == [(2, SAMSUNG, date(2017, 1, 2))]
    bar = prices.bar(SAMSUNG, date(2017, 1, 2))
    assert bar is not None
    assert bar.high == bar.close == 36_250


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (("005930,2017-01-02,1,2,3",), "row 2, 5 fields: expected 7"),
        (("5930,2017-01-02,1,1,1,1,1",), "row 2, symbol '5930': expected six digits or capital letters"),
        (("005930,2017-1-2,1,1,1,1,1",), "row 2, date '2017-1-2': expected a date like"),
        (("005930,2017-01-02 09:00,1,1,1,1,1",), "row 2, date '2017-01-02 09:00': expected a date like"),
        (("005930,2017-01-02T00:00:00+09:00,1,1,1,1,1",), "expected a date like 2017-01-02, without a time"),
        (("005930,2017-13-02,1,1,1,1,1",), "row 2, date '2017-13-02'"),
        (("005930,2017-01-01,1,1,1,1,1",), "row 2, date '2017-01-01': expected a trading day"),
        (("005930,2017-01-30,1,1,1,1,1",), "expected a trading day of the exchange, which was closed"),
        ((GOOD, GOOD), "row 3, date '2017-01-02': expected one row a day, but 005930 has this day already"),
        (("005930,2017-01-03,1,1,1,1,1", GOOD), "row 3, date '2017-01-02': expected a day after 2017-01-03"),
        (("005930,2017-01-02,abc,1,1,1,1",), "row 2, open 'abc': expected a number"),
        (("005930,2017-01-02,1,1,1,1,",), "row 2, volume '': expected a number"),
        (("005930,2017-01-02,1,nan,1,1,1",), "row 2, high 'nan': expected a number"),
        (("005930,2017-01-02,100,90,110,100,1",), "row 2, high '90': expected at least the low of 110"),
        (("005930,2017-01-02,100,110,90,120,1",), "row 2, close '120': expected between low 90 and high 110"),
        (("005930,2017-01-02,80,110,90,100,1",), "row 2, open '80': expected between low 90 and high 110"),
        (("005930,2017-01-02,-5,110,90,100,1",), "row 2, open '-5': expected zero or more won"),
        (("005930,2017-01-02,100,110,90,100,-1",), "row 2, volume '-1': expected zero or more shares"),
        (("005930,2017-01-02,0,0,0,0,0",), "row 2, close '0': expected more than zero won"),
        (("005930,2017-01-02,0,110,0,100,7",), "row 2, open '0': expected more than zero won on a day with volume"),
        ((), "no rows, expected at least one daily bar"),
    ],
)
def test_a_bad_row_is_refused_in_one_line(tmp_path: Path, rows: tuple[str, ...], says: str) -> None:
    path = a_file(tmp_path, *rows)

    with pytest.raises(PriceFileError) as refused:
        FilePrices(path, the_calendar())

    assert says in str(refused.value)
    assert str(refused.value).startswith(str(path))
    assert "\n" not in str(refused.value)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    path = a_file(tmp_path, "x", header="symbol,date,open,high,low,volume")

    with pytest.raises(PriceFileError, match="row 1, column 'close' is missing: expected symbol,date,open"):
        FilePrices(path, the_calendar())


def test_an_unknown_board_is_refused(tmp_path: Path) -> None:
    path = a_file(tmp_path, f"{GOOD},NASDAQ", header=f"{HEADER},market")

    with pytest.raises(PriceFileError, match="row 2, market 'NASDAQ': expected KOSPI, KOSDAQ or ETF"):
        FilePrices(path, the_calendar())


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("absent.csv", None, "cannot be read"),
        ("broken.csv.gz", b"not gzip", "cannot be read"),
        ("cut.csv.gz", gzip.compress(f"{HEADER}\n{GOOD}\n".encode(), mtime=0)[:-12], "cannot be read"),
        ("binary.csv", b"\xff\xfe\x00", "not UTF-8"),
        ("broken.parquet", b"not parquet", "not a parquet file"),
    ],
)
def test_an_unreadable_file_is_refused_in_one_line(tmp_path: Path, name: str, content: bytes | None, says: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(PriceFileError) as refused:
        FilePrices(path, the_calendar())

    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


def test_the_real_basket_is_read_whole_with_its_rounding_mended(shared_data: Path) -> None:
    prices = FilePrices(shared_data / "ohlcv" / "basket40_daily_adj_2015_2021.csv.gz", the_calendar())

    assert len(prices.listings()) == 40
    assert prices.listings()[0].symbol == Symbol("000660")
    assert (prices.first_day, prices.last_day) == (date(2015, 1, 2), date(2021, 12, 30))
    assert len(prices.repaired) == 337
    assert prices.base_price(SAMSUNG, date(2021, 12, 30)) == 78_800  # asked for first, far into the file
