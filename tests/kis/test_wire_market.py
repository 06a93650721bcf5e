"""Prices and bars on the wire, by recordings."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from kis_daemon.domain.market import Bar, Market, QuoteSession, QuoteSource, Symbol
from kis_daemon.kis.wire import Answer, Body, parse
from kis_daemon.kis.wire_errors import read_answer
from kis_daemon.kis.wire_market import read_chart, read_market, read_snapshot
from kis_daemon.ports import ProtocolError, SymbolBlocked
from tests.kis.builders import TODAY, payload

SAMSUNG = Symbol("005930")
HYNIX = Symbol("000660")


def price(**changes: str) -> Body:
    output = {
        "stck_shrn_iscd": "005930", "rprs_mrkt_kor_name": "KOSPI200", "bstp_kor_isnm": "전기.전자",
        "iscd_stat_cls_code": "55", "temp_stop_yn": "N", "sltr_yn": "N", "vi_cls_code": "N",
        "stck_prpr": "76300", "stck_oprc": "77300", "stck_hgpr": "77500", "stck_lwpr": "76300",
        "stck_mxpr": "102100", "stck_llam": "55100", "stck_sdpr": "78600", "acml_vol": "15549134",
    }  # fmt: skip
    return Body(fields={"output": output | changes})


def test_the_recorded_price_is_read(shared_data: Path) -> None:
    body = read_answer(Answer(status=200, body=payload(shared_data, "rec_inquire_price_mock_20240425.json")))

    snapshot = read_snapshot(body, SAMSUNG, TODAY)

    assert snapshot.listing.market is Market.KOSPI
    assert (snapshot.listing.base_price, snapshot.listing.upper_limit, snapshot.listing.lower_limit) == (
        78_600,
        102_100,
        55_100,
    )
    assert not snapshot.listing.suspended
    assert snapshot.quote is not None
    assert (snapshot.quote.price, snapshot.quote.open, snapshot.quote.high, snapshot.quote.low) == (
        76_300,
        77_300,
        77_500,
        76_300,
    )
    assert (snapshot.quote.day_volume, snapshot.quote.source) == (15_549_134, QuoteSource.REST)
    assert snapshot.quote.at == TODAY


def test_the_official_example_is_read(shared_data: Path) -> None:
    body = read_answer(Answer(status=200, body=payload(shared_data, "off_inquire-price.json")))

    assert read_snapshot(body, HYNIX, TODAY).listing.upper_limit == 167_000


@pytest.mark.parametrize(
    ("change", "flag"),
    [
        ({"temp_stop_yn": "Y"}, "suspended"),
        ({"iscd_stat_cls_code": "58"}, "suspended"),
        ({"iscd_stat_cls_code": "51"}, "under_administration"),
        ({"mang_issu_cls_code": "Y"}, "under_administration"),
        ({"sltr_yn": "Y"}, "in_liquidation"),
    ],
)
def test_a_state_is_seen_under_each_of_its_fields(change: dict[str, str], flag: str) -> None:
    assert getattr(read_snapshot(price(**change), SAMSUNG, TODAY).listing, flag) is True


def test_an_interrupted_symbol_is_in_an_auction() -> None:
    quote = read_snapshot(price(vi_cls_code="Y"), SAMSUNG, TODAY).quote

    assert quote is not None
    assert (quote.in_vi, quote.session) == (True, QuoteSession.AUCTION)


def test_an_unknown_symbol_is_answered_with_zeros_and_is_blocked() -> None:
    zeros = {"stck_prpr": "0", "stck_sdpr": "0", "stck_mxpr": "", "stck_llam": "", "stck_shrn_iscd": ""}

    with pytest.raises(SymbolBlocked):
        read_snapshot(price(**zeros), SAMSUNG, TODAY)


def test_a_symbol_in_liquidation_has_no_limits_and_is_known_all_the_same() -> None:
    listing = read_snapshot(price(sltr_yn="Y", stck_mxpr="0", stck_llam="0"), SAMSUNG, TODAY).listing

    assert (listing.in_liquidation, listing.upper_limit, listing.lower_limit) == (True, 0, 0)


def test_no_price_yet_is_no_quote() -> None:
    assert read_snapshot(price(stck_prpr="0"), SAMSUNG, TODAY).quote is None


def test_an_answer_about_another_symbol_is_not_taken() -> None:
    with pytest.raises(ProtocolError):
        read_snapshot(price(), HYNIX, TODAY)


@pytest.mark.parametrize(
    ("board", "market"),
    [
        ("KOSPI200", Market.KOSPI),
        ("KOSPI", Market.KOSPI),
        ("KOSDAQ", Market.KOSDAQ),
        ("KOSDAQ150", Market.KOSDAQ),
        ("KSQ150", Market.KOSDAQ),
        ("ETF", Market.ETF),
        ("ETN", Market.ETF),
    ],
)
def test_the_market_is_told_by_the_board_s_name(board: str, market: Market) -> None:
    assert read_market(board, "") is market


def test_a_market_we_do_not_trade_on_is_said_so() -> None:
    with pytest.raises(ProtocolError):
        read_market("KONEX", "")


def bar(day: str, close: str = "100", **changes: str) -> dict[str, str]:
    values = {"stck_oprc": "100", "stck_hgpr": "110", "stck_lwpr": "90", "stck_clpr": close, "acml_vol": "5"}
    return {"stck_bsop_date": day} | values | changes


def chart(*rows: dict[str, Any]) -> Body:
    return Body(fields={"output1": {"hts_kor_isnm": "삼성전자", "stck_shrn_iscd": "005930"}, "output2": [*rows]})


SPAN = (date(2026, 11, 1), date(2026, 11, 18))


def test_the_official_chart_is_read(shared_data: Path) -> None:
    fields = parse(payload(shared_data, "off_inquire-daily-itemchartprice.json"))
    assert fields is not None

    page = read_chart(Body(fields=fields), HYNIX, date(2022, 1, 1), date(2022, 5, 9))

    assert page.name == "SK하이닉스"
    assert page.bars == (
        Bar(date=date(2022, 5, 9), open=107_000, high=109_000, low=106_500, close=107_500, volume=2_203_472),
    )


def test_a_day_without_trade_is_left_out_and_still_counts_as_a_row() -> None:
    suspended = bar("20261117", stck_oprc="0", stck_hgpr="0", stck_lwpr="0", acml_vol="0")
    placeholder = bar("20261118", acml_vol="0")

    page = read_chart(chart(placeholder, suspended, bar("20261116"), {}), SAMSUNG, *SPAN)

    assert [found.date for found in page.bars] == [date(2026, 11, 16)]
    assert (page.count, page.oldest) == (3, date(2026, 11, 16))


@pytest.mark.parametrize(
    "rows",
    [
        [bar("20261117"), bar("20261117")],
        [bar("20261116"), bar("20261117")],
        [bar("20261119")],
        [bar("20261031")],
        [bar("20261117", close="111")],
        [bar("2026-11-17")],
        [bar("20261117", stck_hgpr="")],
    ],
)
def test_a_bar_out_of_place_or_out_of_shape_is_an_error(rows: list[dict[str, str]]) -> None:
    with pytest.raises(ProtocolError):
        read_chart(chart(*rows), SAMSUNG, *SPAN)


def test_before_its_listing_a_symbol_has_no_bars() -> None:
    page = read_chart(Body(fields=json.loads('{"output2": [{}, {}]}')), SAMSUNG, *SPAN)

    assert (page.bars, page.oldest, page.count) == ((), None, 0)
