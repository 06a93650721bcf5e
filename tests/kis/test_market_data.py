"""Snapshots and charts over real sockets."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from kis_daemon.kis.capabilities import KisProfile
from kis_daemon.ports import ProtocolError
from tests.kis.builders import KAKAO, TODAY, Seen, an_open_kis, http, in_virtual_time, query_of, token_body

LAST = TODAY.date()


def day_of(text: str) -> date:
    return date.fromisoformat(text)


class Charts:
    """Serves bars of every calendar day, a hundred at most, newest first; before `listed` there are none."""

    def __init__(self, listed: date, *, ignores_dates: bool = False) -> None:
        self.listed = listed
        self.ignores_dates = ignores_dates
        self.asked: list[dict[str, str]] = []

    async def __call__(self, request: Seen) -> bytes | None:
        if request.path == "/oauth2/tokenP":
            return http(token_body("t"))
        query = query_of(request)
        self.asked.append(query)
        day = LAST if self.ignores_dates else day_of(query["FID_INPUT_DATE_2"])
        rows: list[dict[str, str]] = []
        while len(rows) < 100 and day >= max(self.listed, day_of(query["FID_INPUT_DATE_1"])):
            close = str(1000 + day.day)
            rows.append(
                {
                    "stck_bsop_date": f"{day:%Y%m%d}",
                    "stck_oprc": close,
                    "stck_hgpr": close,
                    "stck_lwpr": close,
                    "stck_clpr": close,
                    "acml_vol": "7",
                }
            )
            day -= timedelta(days=1)
        about = {"hts_kor_isnm": "카카오", "stck_shrn_iscd": "035720"}
        return http({"rt_cd": "0", "output1": about, "output2": rows})


@pytest.mark.parametrize(("days", "calls"), [(1, 1), (99, 1), (100, 1), (101, 2), (250, 3)])
def test_a_chart_of_any_length_is_put_together_from_pages(tmp_path: Path, days: int, calls: int) -> None:
    async def work() -> None:
        charts = Charts(date(2000, 1, 1))
        first = LAST - timedelta(days=days - 1)
        async with an_open_kis(charts, tmp_path) as (kis, _):
            chart = await kis.market_data.chart(KAKAO, first, LAST)
        assert [bar.date for bar in chart.bars] == [first + timedelta(days=i) for i in range(days)]
        assert (chart.symbol, chart.name) == (KAKAO, "카카오")
        assert len(charts.asked) == calls
        assert {query["FID_ORG_ADJ_PRC"] for query in charts.asked} == {"0"}

    in_virtual_time(work())


def test_a_chart_ends_where_the_symbol_s_listing_began(tmp_path: Path) -> None:
    async def work() -> None:
        listed = LAST - timedelta(days=149)
        async with an_open_kis(Charts(listed), tmp_path) as (kis, _):
            chart = await kis.market_data.chart(KAKAO, date(2020, 1, 1), LAST)
        assert (chart.bars[0].date, len(chart.bars)) == (listed, 150)

    in_virtual_time(work())


def test_a_symbol_listed_exactly_a_page_ago_ends_with_an_empty_page(tmp_path: Path) -> None:
    async def work() -> None:
        async with an_open_kis(Charts(LAST - timedelta(days=99)), tmp_path) as (kis, _):
            chart = await kis.market_data.chart(KAKAO, date(2020, 1, 1), LAST)
        assert len(chart.bars) == 100

    in_virtual_time(work())


def test_a_page_that_comes_again_is_an_error(tmp_path: Path) -> None:
    async def work() -> None:
        async with an_open_kis(Charts(date(2000, 1, 1), ignores_dates=True), tmp_path) as (kis, _):
            with pytest.raises(ProtocolError):
                await kis.market_data.chart(KAKAO, date(2026, 1, 1), LAST)

    in_virtual_time(work())


async def test_a_snapshot_over_loopback_has_the_moment_of_its_answer() -> None:
    output = {
        "stck_shrn_iscd": "035720", "rprs_mrkt_kor_name": "KOSPI200", "stck_prpr": "61300", "stck_sdpr": "60500",
        "stck_mxpr": "78600", "stck_llam": "42400", "stck_oprc": "60700", "stck_hgpr": "61600",
        "stck_lwpr": "60300", "acml_vol": "1283950",
    }  # fmt: skip

    async def script(request: Seen) -> bytes | None:
        if request.path == "/oauth2/tokenP":
            return http(token_body("t"))
        return http({"rt_cd": "0", "output": output})

    async with an_open_kis(script, profile=KisProfile.REAL) as (kis, server):
        snapshot = await kis.market_data.snapshot(KAKAO)

    assert snapshot.quote is not None
    assert snapshot.quote.price == 61_300
    assert timedelta(0) <= snapshot.quote.at - TODAY < timedelta(seconds=30)
    assert query_of(server.seen[1]) == {"FID_COND_MRKT_DIV_CODE": "J", "FID_INPUT_ISCD": "035720"}
    assert server.seen[1].headers["tr_id"] == "fhkst01010100"
