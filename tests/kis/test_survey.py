"""Many symbols with few questions: thirty a call on the real profile, one a call on paper, each read as it is told."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest

from kis_daemon.domain.market import Symbol
from kis_daemon.kis.capabilities import KisProfile
from kis_daemon.kis.wire import Body
from kis_daemon.kis.wire_survey import read_surveyed, read_surveyed_one
from kis_daemon.ports import NotOnThisVenue, ProtocolError, Surveyed, SymbolBlocked
from tests.kis.builders import Kis, an_open_kis, http, in_virtual_time, query_of

SAMSUNG, HYNIX = Symbol("005930"), Symbol("000660")


def body(**fields: object) -> Body:
    return Body(fields=fields)


def multi_row(symbol: str, **changes: str) -> dict[str, str]:
    row = {"inter_shrn_iscd": symbol, "inter_kor_isnm": "삼성전자", "inter2_prpr": "70500", "inter2_oprc": "70000"}
    return row | changes


def price_row(**changes: str) -> dict[str, str]:
    row = {
        "stck_shrn_iscd": SAMSUNG,
        "stck_prpr": "70500",
        "stck_sdpr": "70000",
        "stck_oprc": "70100",
        "hts_avls": "4208659",
        "iscd_stat_cls_code": "55",
        "temp_stop_yn": "N",
        "sltr_yn": "N",
        "mang_issu_cls_code": "N",
    }
    return row | changes


def test_thirty_in_one_answer_tell_prices_and_no_states() -> None:
    told = read_surveyed(body(output=[multi_row(SAMSUNG)]), [SAMSUNG])

    assert told == (
        Surveyed(
            symbol=SAMSUNG,
            name="삼성전자",
            price=70_500,
            open=70_000,
            market_cap=None,
            suspended=None,
            under_administration=None,
        ),
    )


def test_an_unknown_symbol_is_left_out_and_a_stranger_is_refused() -> None:
    empty = multi_row("", inter2_prpr="0")
    assert read_surveyed(body(output=[empty, multi_row(HYNIX, inter2_prpr="0")]), [HYNIX]) == ()
    with pytest.raises(ProtocolError, match="was not asked for"):
        read_surveyed(body(output=[multi_row(HYNIX)]), [SAMSUNG])
    with pytest.raises(ProtocolError, match="answered twice"):
        read_surveyed(body(output=[multi_row(SAMSUNG)] * 2), [SAMSUNG])


def test_one_row_that_cannot_be_read_costs_no_other_one() -> None:
    odd = multi_row(HYNIX, inter2_prpr="150000.50")

    assert [one.symbol for one in read_surveyed(body(output=[odd, multi_row(SAMSUNG)]), [SAMSUNG, HYNIX])] == [SAMSUNG]


def test_one_price_answer_tells_state_and_market_cap() -> None:
    told = asdict(read_surveyed_one(body(output=price_row()), SAMSUNG))

    assert told["market_cap"] == 420_865_900_000_000
    assert (told["price"], told["open"]) == (70_500, 70_100)
    assert (told["suspended"], told["under_administration"]) == (False, False)


@pytest.mark.parametrize(
    ("changes", "suspended", "administered"),
    [
        ({"temp_stop_yn": "Y"}, True, False),
        ({"iscd_stat_cls_code": "58"}, True, False),
        ({"sltr_yn": "Y"}, True, False),
        ({"iscd_stat_cls_code": "51"}, False, True),
        ({"mang_issu_cls_code": "Y"}, False, True),
    ],
)
def test_halts_liquidation_and_administration_are_read(
    changes: dict[str, str], suspended: bool, administered: bool
) -> None:
    told = read_surveyed_one(body(output=price_row(**changes)), SAMSUNG)

    assert (told.suspended, told.under_administration) == (suspended, administered)


def test_a_market_cap_of_nothing_is_not_known() -> None:
    assert read_surveyed_one(body(output=price_row(hts_avls="0")), SAMSUNG).market_cap is None


def test_an_unknown_symbol_and_another_ones_answer_are_errors() -> None:
    with pytest.raises(SymbolBlocked):
        read_surveyed_one(body(output=price_row(stck_prpr="0", stck_sdpr="0")), SAMSUNG)
    with pytest.raises(ProtocolError):
        read_surveyed_one(body(output=price_row()), HYNIX)


def test_the_rankings_by_traded_value_come_first_and_nobody_twice(tmp_path: Path) -> None:
    def row(rank: int, symbol: str, value: str) -> dict[str, str]:
        return {
            "data_rank": str(rank),
            "mksc_shrn_iscd": symbol,
            "hts_kor_isnm": "",
            "stck_prpr": "1",
            "acml_vol": "1",
            "acml_tr_pbmn": value,
        }

    def ranked(*rows: dict[str, str]) -> bytes:
        return http({"rt_cd": "0", "msg_cd": "MCA00000", "msg1": "", "output": list(rows)})

    script = Kis(
        volume_rank=[ranked(row(1, "000010", "5"), row(2, "000020", "3")), ranked(row(1, "000030", "4"))],
        market_cap=[ranked(row(1, "000010", "0"), row(2, "000040", "0"))],
    )

    async def run() -> None:
        async with an_open_kis(script, tmp_path) as (kis, server):
            assert await kis.survey.foremost() == ("000010", "000030", "000020", "000040")
            boards = [query_of(one).get("FID_INPUT_ISCD") for one in server.seen if one.path.endswith("volume-rank")]
            assert boards == ["0001", "1001"]

    in_virtual_time(run())


def test_paper_has_no_rankings(tmp_path: Path) -> None:
    async def run() -> None:
        async with an_open_kis(Kis(), tmp_path, profile=KisProfile.PAPER) as (kis, _):
            with pytest.raises(NotOnThisVenue):
                await kis.survey.foremost()

    in_virtual_time(run())


def test_a_symbol_that_cannot_be_read_costs_no_other_one(tmp_path: Path) -> None:
    odd = http({"rt_cd": "0", "msg_cd": "MCA00000", "msg1": "", "output": price_row(stck_shrn_iscd="999999")})
    sound = http({"rt_cd": "0", "msg_cd": "MCA00000", "msg1": "", "output": price_row()})

    async def run() -> None:
        async with an_open_kis(Kis(inquire_price=[odd, sound]), tmp_path, profile=KisProfile.PAPER) as (kis, _):
            told = [answer async for answer in kis.survey.survey([HYNIX, SAMSUNG])]
            assert [[one.symbol for one in answer] for answer in told] == [[], [SAMSUNG]]

    in_virtual_time(run())
