"""Snapshots, quotes, charts and the rest of the market over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from kis_daemon.domain.market import Symbol
from kis_daemon.kis.capabilities import KisProfile
from kis_daemon.kis.opening import Kis as OpenKis
from kis_daemon.ports import NotOnThisVenue, ProtocolError, Ranking
from tests.kis.bodies import (
    balance_page,
    bar_row,
    book_body,
    info_body,
    minute_row,
    multi_row,
    price_body,
    rank_row,
    success,
)
from tests.kis.builders import (
    KAKAO,
    TODAY,
    ByteServer,
    Kis,
    Seen,
    an_open_kis,
    http,
    in_virtual_time,
    query_of,
    refusal,
    token_body,
)

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


# --- the trading day -------------------------------------------------------------------------------------------------


def on(folder: Path, profile: KisProfile, script: Kis, work: Callable[[OpenKis, ByteServer], Awaitable[None]]) -> None:
    async def run() -> None:
        async with an_open_kis(script, folder, profile=profile) as (kis, server):
            await work(kis, server)

    in_virtual_time(run())


class Prices(Kis):
    """Answers the prices of whatever symbols are asked for."""

    async def __call__(self, request: Seen) -> bytes | None:
        query = query_of(request)
        asked = [value for key, value in query.items() if key.startswith("FID_INPUT_ISCD_")]
        if asked:
            return http(success(output=[multi_row(symbol) for symbol in asked]))
        if request.path.endswith("inquire-price"):
            symbol = query["FID_INPUT_ISCD"]
            unknown = dict.fromkeys(("stck_prpr", "stck_sdpr", "stck_mxpr", "stck_llam"), "0")
            return http(price_body(symbol, **(unknown if symbol == "999999" else {})))
        return await super().__call__(request)


SEVENTY = [Symbol(f"{n:06}") for n in range(70)]


def test_quotes_of_many_are_asked_for_thirty_at_a_time_on_real(tmp_path: Path) -> None:
    async def work(kis: OpenKis, server: ByteServer) -> None:
        quotes = await kis.market_data.quotes([*SEVENTY, SEVENTY[0]])
        assert [quote.symbol for quote in quotes] == SEVENTY
        assert all((quote.ask, quote.bid) == (61_300, 61_200) for quote in quotes)
        assert [len(query_of(request)) for request in server.seen[1:]] == [60, 60, 20]
        assert await kis.market_data.quotes([]) == ()

    on(tmp_path, KisProfile.REAL, Prices(), work)


def test_quotes_of_many_are_asked_for_one_by_one_on_paper_and_the_unknown_left_out(tmp_path: Path) -> None:
    async def work(kis: OpenKis, server: ByteServer) -> None:
        quotes = await kis.market_data.quotes([*SEVENTY[:3], Symbol("999999"), SEVENTY[0]])
        assert [quote.symbol for quote in quotes] == SEVENTY[:3]
        assert [request.path.rsplit("/", 1)[1] for request in server.seen[1:]] == ["inquire-price"] * 4

    on(tmp_path, KisProfile.PAPER, Prices(), work)


def test_an_urgent_snapshot_overtakes_all_that_is_no_sale(tmp_path: Path) -> None:
    async def work(kis: OpenKis, server: ByteServer) -> None:
        await kis.access_tokens.key()
        await asyncio.gather(
            *(kis.market_data.snapshot(symbol) for symbol in SEVENTY[:5]),
            kis.broker.account(),
            kis.market_data.snapshot(KAKAO, urgent=True),
        )
        asked = [query_of(request).get("FID_INPUT_ISCD", "account") for request in server.seen[1:]]
        assert asked[:2] == ["035720", "account"]

    on(tmp_path, KisProfile.PAPER, Prices(inquire_balance=[balance_page([])]), work)


# --- what may wait ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("adjusted", "flag"), [(True, "1"), (False, "0")])
def test_the_daily_price_means_by_its_flag_the_opposite_of_the_chart(tmp_path: Path, adjusted: bool, flag: str) -> None:
    async def work(kis: OpenKis, server: ByteServer) -> None:
        bars = await kis.market_data.recent_bars(KAKAO, adjusted=adjusted)
        assert [(bar.date.day, bar.close) for bar in bars] == [(16, 95), (17, 100)]
        assert query_of(server.seen[1])["FID_ORG_ADJ_PRC"] == flag

    rows = [
        bar_row("20261118", acml_vol="0", stck_oprc="0", stck_hgpr="0", stck_lwpr="0"),
        bar_row("20261117"),
        bar_row("20261116", 95),
        {},
    ]
    on(tmp_path, KisProfile.PAPER, Kis(inquire_daily_price=[http(success(output=rows))]), work)


def test_a_daily_price_out_of_order_is_an_error(tmp_path: Path) -> None:
    async def work(kis: OpenKis, server: ByteServer) -> None:
        with pytest.raises(ProtocolError):
            await kis.market_data.recent_bars(KAKAO)

    rows = [bar_row("20261116"), bar_row("20261117")]
    on(tmp_path, KisProfile.REAL, Kis(inquire_daily_price=[http(success(output=rows))]), work)


class Minutes:
    """Serves a minute bar for every minute since 09:00, `size` at most, back from the hour asked for."""

    def __init__(self, size: int, *, ignores_hours: bool = False) -> None:
        self.size = size
        self.ignores_hours = ignores_hours
        self.hours: list[str] = []

    async def __call__(self, request: Seen) -> bytes | None:
        if request.path == "/oauth2/tokenP":
            return http(token_body("t"))
        query = query_of(request)
        self.hours.append(query["FID_INPUT_HOUR_1"])
        day = query.get("FID_INPUT_DATE_1", "20261118")
        hour = "112000" if self.ignores_hours else min(self.hours[-1], "153000")
        last = int(hour[:2]) * 60 + int(hour[2:4])
        stamps = range(last, max(last - self.size, 9 * 60 - 1), -1)
        return http(success(output2=[minute_row(day, f"{n // 60:02}{n % 60:02}00") for n in stamps]))


def test_the_minutes_of_today_are_put_together_from_pages_back_to_the_open(tmp_path: Path) -> None:
    async def work() -> None:
        minutes = Minutes(30)
        async with an_open_kis(minutes, tmp_path, profile=KisProfile.PAPER) as (kis, _):
            bars = await kis.market_data.minute_bars(KAKAO, LAST)
        assert (bars[0].at.hour, bars[0].at.minute, len(bars)) == (9, 0, 141)
        assert [bar.at for bar in bars] == sorted(bar.at for bar in bars)
        assert minutes.hours[1:] == ["105000", "102000", "095000", "092000"]

    in_virtual_time(work())


def test_the_minutes_of_a_past_day_come_by_a_hundred_and_twenty(tmp_path: Path) -> None:
    async def work() -> None:
        minutes = Minutes(120)
        async with an_open_kis(minutes, tmp_path) as (kis, _):
            bars = await kis.market_data.minute_bars(KAKAO, date(2026, 11, 17))
        assert (len(bars), len(minutes.hours), minutes.hours[0]) == (391, 4, "200000")

    in_virtual_time(work())


def test_minutes_that_come_again_are_an_error_and_no_endless_day(tmp_path: Path) -> None:
    async def work() -> None:
        async with an_open_kis(Minutes(30, ignores_hours=True), tmp_path) as (kis, _):
            with pytest.raises(ProtocolError):
                await kis.market_data.minute_bars(KAKAO, LAST)

    in_virtual_time(work())


def test_book_ranking_and_record_are_asked_by_their_own_paths(tmp_path: Path) -> None:
    async def work(kis: OpenKis, server: ByteServer) -> None:
        assert (await kis.market_data.order_book(KAKAO)).bids[0].price == 61_200
        assert [place.symbol for place in await kis.market_data.ranking(Ranking.TRADED_VALUE)] == ["005930"]
        assert [place.symbol for place in await kis.market_data.ranking(Ranking.MARKET_VALUE)] == ["000660"]
        assert (await kis.market_data.stock_info(KAKAO)).name == "카카오"
        assert [request.headers["tr_id"].upper() for request in server.seen[1:]] == [
            "FHKST01010200",
            "FHPST01710000",
            "FHPST01740000",
            "CTPF1002R",
        ]

    script = Kis(
        inquire_asking_price_exp_ccn=[http(book_body())],
        volume_rank=[http(success(output=[rank_row(1, "005930")]))],
        market_cap=[http(success(output=[rank_row(1, "000660")]))],
        search_stock_info=[http(info_body())],
    )
    on(tmp_path, KisProfile.REAL, script, work)


def test_what_a_paper_server_itself_says_it_lacks_is_the_same_error(tmp_path: Path) -> None:
    async def work(kis: OpenKis, server: ByteServer) -> None:
        with pytest.raises(NotOnThisVenue):
            await kis.market_data.order_book(KAKAO)
        assert len(server.seen) == 2

    refused = http(refusal("EGW02006", "모의투자 TR 이 아닙니다."), status=500)
    on(tmp_path, KisProfile.PAPER, Kis(inquire_asking_price_exp_ccn=[refused]), work)
