"""Whole listings over real sockets: paged to their end, begun again when they moved, and whole with an odd row."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path

import pytest

from kis_daemon.domain.market import Side, Symbol
from kis_daemon.domain.orders import OrderNo
from kis_daemon.kis.capabilities import KisProfile
from kis_daemon.kis.opening import Kis as OpenKis
from kis_daemon.ports import (
    Accepted,
    ListingChanged,
    NoAnswer,
    NothingToCancel,
    NotOnThisVenue,
    ProtocolError,
    Withdrawn,
)
from tests.kis.bodies import (
    CHANGED,
    a_page,
    balance_page,
    calendar_row,
    day_row,
    holding_row,
    open_row,
    order_page,
    order_row,
    success,
    trade_row,
)
from tests.kis.builders import (
    KAKAO,
    TODAY,
    ByteServer,
    Kis,
    Seen,
    accepted_body,
    an_intent,
    an_open_kis,
    an_order,
    http,
    in_virtual_time,
    query_of,
    refusal,
)

DAY = TODAY.date()
Work = Callable[[OpenKis, ByteServer], Awaitable[None]]


def yes() -> bool:
    return True


def on(folder: Path, profile: KisProfile, script: Kis, work: Work) -> None:
    async def run() -> None:
        async with an_open_kis(script, folder, profile=profile) as (kis, server):
            await work(kis, server)

    in_virtual_time(run())


def on_real(folder: Path, script: Kis, work: Work) -> None:
    on(folder, KisProfile.REAL, script, work)


def on_paper(folder: Path, script: Kis, work: Work) -> None:
    on(folder, KisProfile.PAPER, script, work)


def asked(server: ByteServer, path: str) -> list[Seen]:
    return [request for request in server.seen if request.path.endswith(path)]


# --- pages -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", list(KisProfile))
def test_fills_are_read_beyond_the_first_page(tmp_path: Path, profile: KisProfile) -> None:
    async def work(kis: OpenKis, server: ByteServer) -> None:
        listing = await kis.broker.orders(DAY, DAY)
        assert [row.order_no for row in listing] == [str(n) for n in range(1, 31)]
        assert all(row.filled_quantity == 10 for row in listing)
        assert [request.headers["tr_cont"] for request in asked(server, "inquire-daily-ccld")] == ["", "n"]

    filled = {"tot_ccld_qty": "10", "tot_ccld_amt": "613000", "rmn_qty": "0"}
    rows = [order_row(n, **filled) for n in range(1, 31)]
    pages: list[bytes | None] = [order_page(rows[:15], "15", "F"), order_page(rows[15:], "", "E")]
    on(tmp_path, profile, Kis(inquire_daily_ccld=pages), work)


@pytest.mark.parametrize("profile", list(KisProfile))
def test_the_balance_is_read_beyond_the_first_page(tmp_path: Path, profile: KisProfile) -> None:
    async def work(kis: OpenKis, server: ByteServer) -> None:
        account = await kis.broker.account()
        assert [held.symbol for held in account.holdings] == symbols

    symbols = [f"{n:06}" for n in range(1, 46)]
    rows = [holding_row(symbol, 1) for symbol in symbols]
    pages: list[bytes | None] = [
        balance_page(rows[:20], "20", "M"),
        balance_page(rows[20:40], "40", "M"),
        balance_page(rows[40:]),
    ]
    on(tmp_path, profile, Kis(inquire_balance=pages), work)


def test_a_holding_on_two_pages_is_not_counted_twice(tmp_path: Path) -> None:
    async def work(kis: OpenKis, server: ByteServer) -> None:
        account = await kis.broker.account()
        assert [(held.symbol, held.quantity) for held in account.holdings] == [("005930", 2), ("000660", 3)]

    one, other = holding_row("005930", 2), holding_row("000660", 3)
    pages: list[bytes | None] = [
        balance_page([one], "1", "M"),
        balance_page([one, other]),  # a sale above pushed the rows
        balance_page([one], "1", "M"),
        balance_page([other]),
    ]
    on_real(tmp_path, Kis(inquire_balance=pages), work)


@pytest.mark.parametrize("pages", [[order_page([order_row(1)], "", "F")], [order_page([order_row(1)], "   ", "M")]])
def test_a_page_that_promises_more_without_saying_where_is_no_whole_listing(
    tmp_path: Path, pages: list[bytes | None]
) -> None:
    async def work(kis: OpenKis, server: ByteServer) -> None:
        with pytest.raises(ProtocolError):
            await kis.broker.orders(DAY, DAY)

    on_real(tmp_path, Kis(inquire_daily_ccld=pages), work)


def test_two_cursors_in_turn_are_not_an_endless_listing(tmp_path: Path) -> None:
    async def work(kis: OpenKis, server: ByteServer) -> None:
        with pytest.raises(ProtocolError):
            await kis.broker.orders(DAY, DAY)
        assert len(asked(server, "inquire-daily-ccld")) == 3

    pages: list[bytes | None] = [
        order_page([order_row(1)], "a", "F"),
        order_page([order_row(2)], "b", "M"),
        order_page([order_row(3)], "a", "M"),
    ]
    on_real(tmp_path, Kis(inquire_daily_ccld=pages), work)


@pytest.mark.parametrize("what", ["orders", "open_orders", "account", "realized_by_day", "realized_by_symbol"])
def test_every_listing_is_begun_again_when_it_changed_and_given_up_when_it_never_stands_still(
    tmp_path: Path, what: str
) -> None:
    async def work(kis: OpenKis, server: ByteServer) -> None:
        ask = getattr(kis.broker, what)
        with pytest.raises(ListingChanged):
            await (ask(DAY, DAY) if what in ("orders", "realized_by_day", "realized_by_symbol") else ask())
        assert len(server.seen) == 1 + 4

    answers: dict[str, list[bytes | None]] = {
        name: [CHANGED]
        for name in (
            "inquire_daily_ccld",
            "inquire_psbl_rvsecncl",
            "inquire_balance",
            "inquire_period_profit",
            "inquire_period_trade_profit",
        )
    }
    on_real(tmp_path, Kis(**answers), work)


# --- a row that cannot be read ---------------------------------------------------------------------------------------


def test_a_foreign_row_that_cannot_be_read_does_not_take_the_listing_away(tmp_path: Path) -> None:
    async def work(kis: OpenKis, server: ByteServer) -> None:
        listing = await kis.broker.orders(DAY, DAY)
        assert [row.order_no for row in listing] == ["1", "3"]
        assert [(row.order_no, row.product) for row in listing.unreadable] == [("2", "KR6035721A12")]
        assert not listing.may_hide(KAKAO, OrderNo("4"))

    strange = order_row(2, pdno="KR6035721A12", ord_qty="1.5")
    pages: list[bytes | None] = [order_page([order_row(1), strange], "2", "F"), order_page([order_row(3)])]
    on_real(tmp_path, Kis(inquire_daily_ccld=pages), work)


# --- open orders, and what needs them --------------------------------------------------------------------------------


def test_open_orders_on_real_are_those_that_can_be_changed(tmp_path: Path) -> None:
    async def work(kis: OpenKis, server: ByteServer) -> None:
        listing = await kis.broker.open_orders()
        assert [(row.order_no, row.remaining_quantity) for row in listing] == [("1", 6), ("2", 6)]
        assert [request.headers["tr_id"] for request in asked(server, "inquire-psbl-rvsecncl")] == ["tttc0084r"] * 2

    pages: list[bytes | None] = [a_page("output", [open_row(1)], "1", "F"), a_page("output", [open_row(2)])]
    on_real(tmp_path, Kis(inquire_psbl_rvsecncl=pages), work)


def test_open_orders_on_paper_are_the_unfilled_of_the_daily_listing(tmp_path: Path) -> None:
    async def work(kis: OpenKis, server: ByteServer) -> None:
        assert [row.order_no for row in await kis.broker.open_orders()] == ["1"]
        (request,) = asked(server, "inquire-daily-ccld")
        assert query_of(request)["CCLD_DVSN"] == "02"

    rows = [order_row(1), order_row(2, rmn_qty="0", cncl_cfrm_qty="10")]
    on_paper(tmp_path, Kis(inquire_daily_ccld=[order_page(rows)]), work)


def test_a_cancel_without_krx_fwdg_ord_orgno_asks_for_it_and_is_sent_once(tmp_path: Path) -> None:
    async def work(kis: OpenKis, server: ByteServer) -> None:
        with pytest.raises(NothingToCancel):
            await kis.broker.cancel(an_order(branch_no=""), yes)
        (sent,) = asked(server, "order-rvsecncl")
        assert sent.json["KRX_FWDG_ORD_ORGNO"] == "03930"

    late = http(refusal("APBK0927", "정정취소 가능수량이 없습니다.", "7"))
    open_orders = a_page("output", [open_row(12_345)])
    on_real(tmp_path, Kis(inquire_psbl_rvsecncl=[open_orders], order_rvsecncl=[late]), work)


def test_a_branch_that_nobody_knows_is_no_reason_to_send_a_cancel_without_it(tmp_path: Path) -> None:
    async def work(kis: OpenKis, server: ByteServer) -> None:
        with pytest.raises(NothingToCancel):
            await kis.broker.cancel(an_order(branch_no=""), yes)
        with pytest.raises(ProtocolError):
            await kis.broker.cancel(an_order(branch_no=""), yes)
        assert asked(server, "order-rvsecncl") == []

    pages: list[bytes | None] = [
        order_page([order_row(7)]),
        order_page([order_row(12_345, ord_qty="?")]),
    ]
    on_paper(tmp_path, Kis(inquire_daily_ccld=pages), work)


def test_a_change_is_sent_once_with_its_price_and_has_a_number_of_its_own(tmp_path: Path) -> None:
    async def work(kis: OpenKis, server: ByteServer) -> None:
        changed = await kis.broker.modify(an_order(), None, 61_000, yes)
        assert changed == Accepted(order_no=OrderNo("12400"), branch_no="00950")
        with pytest.raises(NoAnswer):
            await kis.broker.modify(an_order(), 4, 61_000, yes)
        assert await kis.broker.modify(an_order(), 4, 61_000, lambda: False) == Withdrawn()
        assert [request.json["ORD_QTY"] for request in asked(server, "order-rvsecncl")] == ["0", "4"]

    answers: list[bytes | None] = [http(accepted_body("0000012400")), http(refusal("EGW00201"), status=500)]
    on_real(tmp_path, Kis(order_rvsecncl=answers), work)


# --- sellable --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["output", "output1"])
def test_the_sellable_quantity_on_real_is_the_broker_s_own(tmp_path: Path, place: str) -> None:
    async def work(kis: OpenKis, server: ByteServer) -> None:
        assert await kis.broker.sellable_quantity(KAKAO) == 7
        with pytest.raises(ProtocolError):
            await kis.broker.sellable_quantity(Symbol("005930"))

    body = success(**{place: {"pdno": "035720", "cblc_qty": "10", "ord_psbl_qty": "7", "pchs_avg_pric": "61300.0000"}})
    on_real(tmp_path, Kis(inquire_psbl_sell=[http(body)]), work)


def test_the_sellable_quantity_on_paper_is_that_of_the_balance_s_row(tmp_path: Path) -> None:
    async def work(kis: OpenKis, server: ByteServer) -> None:
        assert await kis.broker.sellable_quantity(KAKAO) == 6
        assert await kis.broker.sellable_quantity(Symbol("005930")) == 0

    rows = [holding_row("035720", 10, ord_psbl_qty="6")]
    on_paper(tmp_path, Kis(inquire_balance=[balance_page(rows)]), work)


# --- what sales brought ----------------------------------------------------------------------------------------------


def test_what_sales_brought_is_told_by_today_by_day_and_by_symbol(tmp_path: Path) -> None:
    async def work(kis: OpenKis, server: ByteServer) -> None:
        assert await kis.broker.realized_today() == -12_300
        days = await kis.broker.realized_by_day(date(2026, 11, 1), DAY)
        assert [(day.day.day, day.profit, day.fee, day.tax) for day in days] == [(16, 5_500, 120, 1_240), (17, 1, 0, 0)]
        trades = await kis.broker.realized_by_symbol(date(2026, 11, 1), DAY)
        assert [(trade.day.day, trade.symbol, trade.profit, trade.sold_quantity) for trade in trades] == [
            (16, "005930", -5_500, 10),
            (17, "035720", -11_000, 20),
        ]
        assert query_of(asked(server, "inquire-period-profit")[0])["INQR_STRT_DT"] == "20261101"

    sums = [{"rlzt_pfls": "-12300", "rlzt_erng_rt": "-0.51"}]
    credit = trade_row("20261117", "035720", trad_dvsn_name="자기융자", loan_dt="20261001")
    on_real(
        tmp_path,
        Kis(
            inquire_balance_rlz_pl=[a_page("output1", [], output2=sums)],
            inquire_period_profit=[
                a_page("output1", [day_row("20261117", rlzt_pfls="1", fee="", tl_tax="")], "1", "F"),
                a_page("output1", [day_row("20261116")]),
            ],
            inquire_period_trade_profit=[
                a_page("output1", [trade_row("20261117", "035720"), trade_row("20261116", "A005930")], "1", "F"),
                a_page("output1", [credit]),
            ],
        ),
        work,
    )


def test_what_sales_brought_is_not_told_on_paper(tmp_path: Path) -> None:
    async def work(kis: OpenKis, server: ByteServer) -> None:
        for ask in (
            kis.broker.realized_today(),
            kis.broker.realized_by_day(DAY, DAY),
            kis.broker.realized_by_symbol(DAY, DAY),
        ):
            with pytest.raises(NotOnThisVenue):
                await ask
        assert server.seen == []

    on_paper(tmp_path, Kis(), work)


# --- days ------------------------------------------------------------------------------------------------------------


def days_page(days: list[str], cursor: str) -> bytes:
    fields = {"ctx_area_nk": cursor.ljust(20), "ctx_area_fk": "20261118".ljust(20)}
    return http(success(output=[calendar_row(day) for day in days], **fields), tr_cont="M")


def test_days_are_asked_for_no_further_than_wanted(tmp_path: Path) -> None:
    async def work(kis: OpenKis, server: ByteServer) -> None:
        days = await kis.market_data.market_days(DAY, date(2026, 11, 20))
        assert [day.date.day for day in days] == [18, 19, 20]
        requests = asked(server, "chk-holiday")
        assert [query_of(request)["CTX_AREA_NK"] for request in requests] == ["", "20261120"]

    pages: list[bytes | None] = [
        days_page(["20261118", "20261119"], "20261120"),
        days_page(["20261120", "20261121"], "x"),
    ]
    on_real(tmp_path, Kis(chk_holiday=pages), work)


def test_a_side_is_read_from_both_listings(tmp_path: Path) -> None:
    async def work(kis: OpenKis, server: ByteServer) -> None:
        assert [row.side for row in await kis.broker.open_orders()] == [Side.SELL]

    on_real(tmp_path, Kis(inquire_psbl_rvsecncl=[a_page("output", [open_row(1, sll_buy_dvsn_cd="01")])]), work)


# --- failures of earlier systems -------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", list(KisProfile))
def test_there_are_no_two_limiters_for_one_app_key(tmp_path: Path, profile: KisProfile) -> None:
    """Orders, account, prices and the token are called at once: no second of the server holds more than the limit."""
    limit = {KisProfile.REAL: 18, KisProfile.PAPER: 1}[profile]
    script = Kis(
        inquire_daily_ccld=[order_page([])],
        inquire_balance=[balance_page([])],
        order_cash=[http(accepted_body("1"))],
        inquire_price=[None],
    )

    async def ask(kis: OpenKis) -> None:
        for _ in range(limit):
            await asyncio.gather(
                kis.broker.orders(DAY, DAY),
                kis.broker.account(),
                kis.broker.submit(an_intent(), yes, urgent=True),
                kis.market_data.snapshot(KAKAO),
                return_exceptions=True,
            )

    async def work(kis: OpenKis, server: ByteServer) -> None:
        await asyncio.gather(*(ask(kis) for _ in range(3)))
        at = [when for when, _ in script.calls]
        kinds = {name for _, name in script.calls}
        assert {"tokenP", "inquire_daily_ccld", "inquire_balance", "order_cash"} <= kinds
        assert len(at) > 5 * limit
        assert max(sum(start <= other < start + 1.0 for other in at) for start in at) <= limit

    on(tmp_path, profile, script, work)
