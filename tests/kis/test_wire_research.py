"""Rankings, master records and days on the wire."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from kis_daemon.domain.market import Market
from kis_daemon.kis.capabilities import KisProfile
from kis_daemon.kis.wire import Answer, Body
from kis_daemon.kis.wire_errors import read_answer
from kis_daemon.kis.wire_research import (
    ask_days,
    ask_ranking,
    ask_stock_info,
    read_days,
    read_ranking,
    read_stock_info,
)
from kis_daemon.ports import ListingChanged, MarketDay, NotOnThisVenue, ProtocolError, Ranking, SymbolBlocked
from tests.kis.bodies import calendar_row, info_body, rank_row
from tests.kis.builders import KAKAO, payload

REAL, PAPER = KisProfile.REAL, KisProfile.PAPER


def test_none_of_this_is_on_paper() -> None:
    with pytest.raises(NotOnThisVenue):
        ask_ranking(Ranking.VOLUME, None, PAPER)
    with pytest.raises(NotOnThisVenue):
        ask_ranking(Ranking.MARKET_VALUE, None, PAPER)
    with pytest.raises(NotOnThisVenue):
        ask_stock_info(KAKAO, PAPER)
    with pytest.raises(NotOnThisVenue):
        ask_days(date(2026, 11, 18), PAPER)


@pytest.mark.parametrize(
    ("by", "market", "tr", "belonging", "sector"),
    [
        (Ranking.VOLUME, None, "FHPST01710000", "0", "0000"),
        (Ranking.TRADED_VALUE, Market.KOSDAQ, "FHPST01710000", "3", "1001"),
    ],
)
def test_a_ranking_by_trade_leaves_out_what_we_would_never_buy(
    by: Ranking, market: Market | None, tr: str, belonging: str, sector: str
) -> None:
    question = ask_ranking(by, market, REAL)

    params = dict(question.params)
    assert question.tr_id == tr
    assert (params["FID_BLNG_CLS_CODE"], params["FID_INPUT_ISCD"]) == (belonging, sector)
    assert (params["FID_TRGT_CLS_CODE"], params["FID_TRGT_EXLS_CLS_CODE"]) == ("111111111", "1111111101")


def test_a_ranking_by_market_value_has_its_parameters_in_lower_case() -> None:
    question = ask_ranking(Ranking.MARKET_VALUE, Market.KOSPI, REAL)

    assert question.path == "/uapi/domestic-stock/v1/ranking/market-cap"
    assert dict(question.params)["fid_input_iscd"] == "0001"
    assert all(key == key.lower() for key, _ in question.params)


def test_there_is_no_ranking_of_etfs() -> None:
    with pytest.raises(ValueError):
        ask_ranking(Ranking.VOLUME, Market.ETF, REAL)


def test_the_recorded_ranking_is_read_foremost_first(shared_data: Path) -> None:
    body = read_answer(Answer(status=200, body=payload(shared_data, "rec_ranking_market_cap_1.json")))

    ranked = read_ranking(body)

    assert [place.rank for place in ranked] == list(range(1, 31))
    first = ranked[0]
    assert (first.symbol, first.name, first.price) == ("005930", "삼성전자", 128_500)
    assert (first.market_value, first.traded_value) == (760_673_500_000_000, 0)
    assert (first.day_volume, first.listed_shares) == (30_463_279, 5_919_637_922)


def test_a_ranking_by_trade_tells_the_traded_value_and_no_market_value() -> None:
    ranked = read_ranking(Body(fields={"output": [rank_row(2, "005930"), rank_row(1, "035720"), {}]}))

    assert [place.symbol for place in ranked] == ["035720", "005930"]
    assert (ranked[0].traded_value, ranked[0].market_value) == (78_706_135_000, 0)


def test_a_master_record_is_read() -> None:
    info = read_stock_info(Body(fields=info_body()), KAKAO)

    assert (info.symbol, info.name, info.isin, info.market) == ("035720", "카카오", "KR7035720002", Market.KOSPI)
    assert (info.listed_shares, info.listed_on, info.delisted_on) == (445_000_000, date(2017, 7, 10), None)
    assert (info.in_kospi200, info.suspended, info.under_administration) == (True, False, False)
    assert info.previous_close == 60_500


@pytest.mark.parametrize(
    ("changes", "market"),
    [
        ({"mket_id_cd": "KSQ", "scts_mket_lstg_dt": "", "kosdaq_mket_lstg_dt": "20171010"}, Market.KOSDAQ),
        ({"scty_grp_id_cd": "EF"}, Market.ETF),
        ({"scty_grp_id_cd": "EN"}, Market.ETF),
        ({"mket_id_cd": "KNX"}, None),
    ],
)
def test_the_board_is_told_by_market_and_group(changes: dict[str, str], market: Market | None) -> None:
    assert read_stock_info(Body(fields=info_body(**changes)), KAKAO).market is market


def test_flags_and_a_delisting_are_read() -> None:
    info = read_stock_info(
        Body(fields=info_body(tr_stop_yn="Y", admn_item_yn="Y", lstg_abol_dt="20261201", kospi200_item_yn="")), KAKAO
    )

    assert (info.suspended, info.under_administration, info.in_kospi200) == (True, True, False)
    assert info.delisted_on == date(2026, 12, 1)


def test_an_empty_record_is_an_unknown_symbol_and_another_s_is_not_taken() -> None:
    with pytest.raises(SymbolBlocked):
        read_stock_info(Body(fields=info_body(pdno="")), KAKAO)
    with pytest.raises(ProtocolError):
        read_stock_info(Body(fields=info_body("005930")), KAKAO)


def days(*rows: dict[str, str]) -> Body:
    return Body(fields={"output": [*rows]})


def test_the_official_days_are_read_by_whether_the_exchange_opens(shared_data: Path) -> None:
    body = read_answer(Answer(status=200, body=payload(shared_data, "off_chk-holiday.json")))

    found = read_days([body], date(2022, 12, 29), date(2023, 1, 2))

    assert [(day.date.day, day.is_open) for day in found] == [
        (29, True),
        (30, False),  # a business day of banks, closed at the exchange
        (31, False),
        (1, False),
        (2, True),
    ]


def test_a_day_that_is_missing_twice_there_or_undecided_is_an_error() -> None:
    first, last = date(2026, 11, 18), date(2026, 11, 19)
    one, other = calendar_row("20261118"), calendar_row("20261119", "N")

    assert read_days([days(one), days(other)], first, last) == (
        MarketDay(date=first, is_open=True, is_settlement=True),
        MarketDay(date=last, is_open=False, is_settlement=False),
    )
    with pytest.raises(ProtocolError):
        read_days([days(one)], first, last)
    with pytest.raises(ListingChanged):
        read_days([days(one), days(one, other)], first, last)
    with pytest.raises(ProtocolError):
        read_days([days(one, calendar_row("20261119", opnd_yn=""))], first, last)
