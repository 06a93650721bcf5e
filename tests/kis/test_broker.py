"""The broker over real sockets: sent once, listed whole, and every silence called what it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from kis_daemon.domain.calendar import KST
from kis_daemon.domain.market import Side
from kis_daemon.domain.orders import OrderNo
from kis_daemon.kis.budget import CallLimit
from kis_daemon.kis.capabilities import KisProfile
from kis_daemon.kis.opening import Kis as OpenKis
from kis_daemon.kis.opening import KisLimits
from kis_daemon.kis.questions import RetryRule
from kis_daemon.ports import (
    Accepted,
    AccessRefused,
    BrokerError,
    BrokerUnreachable,
    InsufficientCash,
    ListingChanged,
    MarketClosed,
    NoAnswer,
    NothingToCancel,
    OrderRefused,
    ProtocolError,
    RateLimited,
    Withdrawn,
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
    token_body,
)

DAY = TODAY.date()
Work = Callable[[OpenKis, ByteServer, Kis], Coroutine[Any, Any, None]]


def with_kis(folder: Path, script: Kis, work: Work, **options: Any) -> None:
    """Run `work` against a scripted KIS in virtual time."""

    async def run() -> None:
        async with an_open_kis(script, folder, **options) as (kis, server):
            await work(kis, server, script)

    in_virtual_time(run())


def orders_sent(server: ByteServer) -> list[Seen]:
    return [request for request in server.seen if "order-" in request.path]


def yes() -> bool:
    return True


# --- sending ---------------------------------------------------------------------------------------------------------


async def test_an_accepted_order_over_loopback_has_its_number() -> None:
    async with an_open_kis(Kis(order_cash=[http(accepted_body())])) as (kis, server):
        answer = await kis.broker.submit(an_intent(), yes, urgent=False)

    assert answer == Accepted(order_no=OrderNo("12345"), branch_no="00950")
    (request,) = orders_sent(server)
    assert request.headers["authorization"] == "bearer token-1"
    assert request.headers["tr_id"] == "ttc0012u".rjust(9, "t")
    assert request.headers["custtype"] == "p"
    assert request.headers["content-type"] == "application/json; charset=utf-8"
    assert request.json["PDNO"] == "035720"


async def test_a_silent_kis_over_loopback_is_no_answer_after_one_request() -> None:
    async def script(request: Seen) -> bytes | None:
        if request.path == "/oauth2/tokenP":
            return http(token_body("t"))
        await asyncio.sleep(30)
        return None

    limits = replace(KisLimits.of(KisProfile.REAL), timeout_s=0.05)
    async with an_open_kis(script, limits=limits) as (kis, server):
        with pytest.raises(NoAnswer):
            await kis.broker.submit(an_intent(), yes, urgent=True)

        assert len(orders_sent(server)) == 1


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (None, NoAnswer),
        (http("<html>maintenance</html>", kind="text/html"), NoAnswer),
        (http("<html>gateway</html>", status=502, kind="text/html"), NoAnswer),
        (http('{"rt_cd":"0","output":{"OD'), NoAnswer),
        (http(refusal("EGW00201"), status=500), NoAnswer),
        (http(refusal("EGW00215"), status=500), NoAnswer),
        (http(refusal("EGW00301"), status=500), NoAnswer),
        (http(refusal("EGW00202"), status=500), NoAnswer),
        (http({"rt_cd": "0", "msg_cd": "40590000", "msg1": ""}), NoAnswer),
        (http(refusal("APBK0952", "주문가능금액을 초과 했습니다", "7")), InsufficientCash),
        (http(refusal("40580000", "모의투자 장종료 입니다.")), MarketClosed),
        (http(refusal("IGW00007"), status=500), OrderRefused),
        (http(refusal("EGW02006"), status=500), OrderRefused),
        (http(refusal("EGW00123"), status=500), AccessRefused),
        (http(refusal("OPSQ2000")), AccessRefused),
    ],
)
def test_what_came_back_is_called_what_it_is_and_nothing_is_sent_again(
    tmp_path: Path, answer: bytes | None, expected: type[BrokerError]
) -> None:
    async def work(kis: OpenKis, server: ByteServer, script: Kis) -> None:
        with pytest.raises(expected) as raised:
            await kis.broker.submit(an_intent(), yes, urgent=False)
        await asyncio.sleep(600)
        assert (raised.type is NoAnswer) == (expected is NoAnswer)
        assert len(orders_sent(server)) == 1

    with_kis(tmp_path, Kis(order_cash=[answer]), work)


def test_a_refused_permit_withdraws_the_order_and_kis_hears_nothing(tmp_path: Path) -> None:
    async def work(kis: OpenKis, server: ByteServer, script: Kis) -> None:
        assert await kis.broker.submit(an_intent(), lambda: False, urgent=True) == Withdrawn()
        assert await kis.broker.cancel(an_order(), lambda: False) == Withdrawn()
        assert orders_sent(server) == []
        assert isinstance(await kis.broker.submit(an_intent(), yes, urgent=True), Accepted)

    with_kis(tmp_path, Kis(order_cash=[http(accepted_body())]), work)


def test_the_permit_is_asked_after_the_wait_for_slot_and_token(tmp_path: Path) -> None:
    async def work(kis: OpenKis, server: ByteServer, script: Kis) -> None:
        loop = asyncio.get_running_loop()
        asked: list[float] = []

        def permit() -> bool:
            asked.append(loop.time())
            return True

        await kis.broker.submit(an_intent(), permit, urgent=False)
        await kis.broker.submit(an_intent(), permit, urgent=False)
        # one slot for the token, one for each order
        assert asked == pytest.approx([1.1, 2.2], abs=0.001)

    with_kis(tmp_path, Kis(order_cash=[http(accepted_body())]), work, profile=KisProfile.PAPER)


def test_an_order_that_finds_no_token_was_not_sent(tmp_path: Path) -> None:
    async def work(kis: OpenKis, server: ByteServer, script: Kis) -> None:
        with pytest.raises(AccessRefused):
            await kis.broker.submit(an_intent(), yes, urgent=False)
        assert orders_sent(server) == []

    refused = http({"error_code": "EGW00103", "error_description": "유효하지 않은 AppKey입니다."}, status=403)
    with_kis(tmp_path, Kis(tokenP=[refused]), work)


def test_an_order_that_finds_no_server_was_not_sent(tmp_path: Path) -> None:
    async def work(kis: OpenKis, server: ByteServer, script: Kis) -> None:
        await kis.access_tokens.key()
        (tmp_path / "rest.sock").unlink()
        for event in server.hang_ups:
            event.set()
        with pytest.raises((BrokerUnreachable, NoAnswer)):
            await kis.broker.submit(an_intent(), yes, urgent=False)
        assert orders_sent(server) == []

    with_kis(tmp_path, Kis(tokenP=[http(token_body("t"), close=True)]), work)


def test_an_order_whose_token_was_refused_is_not_repeated_but_the_next_has_a_new_one(tmp_path: Path) -> None:
    async def work(kis: OpenKis, server: ByteServer, script: Kis) -> None:
        with pytest.raises(AccessRefused):
            await kis.broker.submit(an_intent(), yes, urgent=False)
        await kis.broker.submit(an_intent(), yes, urgent=False)
        assert [request.headers["authorization"] for request in orders_sent(server)] == [
            "bearer token-1",
            "bearer token-2",
        ]

    answers = [http(refusal("EGW00123"), status=500), http(accepted_body())]
    with_kis(tmp_path, Kis(order_cash=list(answers)), work)


def test_a_cancel_is_sent_once_and_may_come_too_late(tmp_path: Path) -> None:
    async def work(kis: OpenKis, server: ByteServer, script: Kis) -> None:
        accepted = await kis.broker.cancel(an_order(), yes)
        with pytest.raises(NothingToCancel):
            await kis.broker.cancel(an_order(), yes)
        assert accepted == Accepted(order_no=OrderNo("12400"), branch_no="00950")
        assert [request.json["ORGN_ODNO"] for request in orders_sent(server)] == ["0000012345"] * 2

    late = http(refusal("APBK0927", "정정취소 가능수량이 없습니다.", "7"))
    with_kis(tmp_path, Kis(order_rvsecncl=[http(accepted_body("0000012400")), late]), work)


def test_an_urgent_order_overtakes_an_entry_and_both_overtake_questions(tmp_path: Path) -> None:
    async def work(kis: OpenKis, server: ByteServer, script: Kis) -> None:
        await kis.access_tokens.key()
        await asyncio.gather(
            kis.broker.account(),
            kis.broker.orders(DAY, DAY),
            kis.broker.submit(an_intent(quantity=1), yes, urgent=False),
            kis.broker.cancel(an_order(), yes),
            kis.broker.submit(an_intent(quantity=2, side=Side.SELL), yes, urgent=True),
        )
        assert [request.path.rsplit("/", 1)[1] for request in server.seen[1:]] == [
            "order-cash",
            "order-rvsecncl",
            "inquire-daily-ccld",
            "order-cash",
            "inquire-balance",
        ]
        assert server.seen[1].json["ORD_QTY"] == "2"

    with_kis(
        tmp_path,
        Kis(
            order_cash=[http(accepted_body())],
            order_rvsecncl=[http(accepted_body())],
            inquire_daily_ccld=[page([])],
            inquire_balance=[balance([])],
        ),
        work,
        limits=KisLimits(calls=CallLimit(calls=1, window_s=1.0)),
    )


# --- asking ----------------------------------------------------------------------------------------------------------


def row(number: int, **changes: str) -> dict[str, str]:
    return {
        "ord_dt": "20261118", "ord_gno_brno": "00950", "odno": f"{number:010}", "orgn_odno": "",
        "sll_buy_dvsn_cd": "02", "pdno": "035720", "ord_qty": "10", "ord_unpr": "61300",
        "ord_tmd": f"1120{number % 60:02}", "tot_ccld_qty": "0", "tot_ccld_amt": "0", "ord_dvsn_cd": "00",
        "cncl_cfrm_qty": "0", "rmn_qty": "10", "rjct_qty": "0",
    } | changes  # fmt: skip


def page(rows: list[dict[str, str]], cursor: str = "", more: str = "") -> bytes:
    body = {
        "rt_cd": "0", "msg_cd": "KIOK0510", "msg1": "", "output1": rows, "output2": {},
        "ctx_area_fk100": "50123456^01^".ljust(100), "ctx_area_nk100": cursor.ljust(100),
    }  # fmt: skip
    return http(body, tr_cont=more)


def balance(rows: list[dict[str, str]], cursor: str = "", more: str = "", cash: int = 1000) -> bytes:
    body = {
        "rt_cd": "0", "output1": rows, "output2": [{"prvs_rcdl_excc_amt": str(cash), "scts_evlu_amt": "500"}],
        "ctx_area_fk100": " " * 100, "ctx_area_nk100": cursor.ljust(100),
    }  # fmt: skip
    return http(body, tr_cont=more)


CHANGED = http(refusal("KIER0001", "조회이후에 자료가 변경되었습니다.(다시 조회하세요)", "7"))


def test_a_listing_is_read_through_all_its_pages(tmp_path: Path) -> None:
    async def work(kis: OpenKis, server: ByteServer, script: Kis) -> None:
        rows = await kis.broker.orders(DAY, DAY)
        assert [found.order_no for found in rows] == ["1", "2", "3", "4", "5"]
        asked = [request for request in server.seen if "ccld" in request.path]
        assert [request.headers["tr_cont"] for request in asked] == ["", "n", "n"]
        assert [query_of(request)["CTX_AREA_NK100"] for request in asked] == ["", "2", "4"]
        assert query_of(asked[2])["CTX_AREA_FK100"] == "50123456^01^"
        assert {request.headers["tr_id"] for request in asked} == {"tttc0081r"}

    pages: list[bytes | None] = [
        page([row(1), row(2)], "2", "F"),
        page([row(3), row(4)], "4", "M"),
        page([row(5)], "", "E"),
    ]
    with_kis(tmp_path, Kis(inquire_daily_ccld=pages), work)


def test_a_cursor_that_comes_back_is_an_error_and_not_an_endless_listing(tmp_path: Path) -> None:
    async def work(kis: OpenKis, server: ByteServer, script: Kis) -> None:
        with pytest.raises(ProtocolError):
            await kis.broker.orders(DAY, DAY)
        assert len(script.calls) == 1 + 2

    with_kis(tmp_path, Kis(inquire_daily_ccld=[page([row(1)], "1", "F"), page([row(2)], "1", "M")]), work)


@pytest.mark.parametrize("times", [1, 3])
def test_a_listing_that_changed_between_its_pages_is_begun_again(tmp_path: Path, times: int) -> None:
    async def work(kis: OpenKis, server: ByteServer, script: Kis) -> None:
        rows = await kis.broker.orders(DAY, DAY)
        assert [found.order_no for found in rows] == ["1", "2", "3"]

    pages: list[bytes | None] = [page([row(1)], "1", "F"), CHANGED] * times
    pages += [page([row(1), row(2)], "2", "F"), page([row(3)])]
    with_kis(tmp_path, Kis(inquire_daily_ccld=pages), work)


def test_a_listing_that_never_stands_still_is_said_so(tmp_path: Path) -> None:
    async def work(kis: OpenKis, server: ByteServer, script: Kis) -> None:
        with pytest.raises(ListingChanged):
            await kis.broker.orders(DAY, DAY)
        assert len([request for request in server.seen if "ccld" in request.path]) == 8

    with_kis(tmp_path, Kis(inquire_daily_ccld=[page([row(1)], "1", "F"), CHANGED] * 4), work)


def test_an_order_on_two_pages_means_that_the_listing_moved(tmp_path: Path) -> None:
    async def work(kis: OpenKis, server: ByteServer, script: Kis) -> None:
        assert len(await kis.broker.orders(DAY, DAY)) == 2

    pages: list[bytes | None] = [page([row(1)], "1", "F"), page([row(1)]), page([row(1), row(2)])]
    with_kis(tmp_path, Kis(inquire_daily_ccld=pages), work)


@pytest.mark.parametrize(
    ("first", "asked"),
    [
        (date(2026, 11, 18), [("TTTC0081R", "20261118", "20261118")]),
        (date(2026, 8, 18), [("TTTC0081R", "20260818", "20261118")]),
        (date(2026, 8, 17), [("CTSC9215R", "20260817", "20260817"), ("TTTC0081R", "20260818", "20261118")]),
    ],
)
def test_days_of_more_than_three_months_ago_stand_behind_the_old_tr(
    tmp_path: Path, first: date, asked: list[tuple[str, str, str]]
) -> None:
    async def work(kis: OpenKis, server: ByteServer, script: Kis) -> None:
        await kis.broker.orders(first, DAY)
        requests = [request for request in server.seen if "ccld" in request.path]
        assert [
            (request.headers["tr_id"].upper(), query_of(request)["INQR_STRT_DT"], query_of(request)["INQR_END_DT"])
            for request in requests
        ] == asked

    with_kis(tmp_path, Kis(inquire_daily_ccld=[page([])]), work)


def test_three_months_before_the_end_of_a_long_month_is_the_end_of_the_short_one(tmp_path: Path) -> None:
    async def work(kis: OpenKis, server: ByteServer, script: Kis) -> None:
        await kis.broker.orders(date(2026, 2, 28), date(2026, 5, 31))
        assert [request.headers["tr_id"] for request in server.seen[1:]] == ["tttc0081r"]

    at = datetime(2026, 5, 31, 10, tzinfo=KST)
    token = http(token_body("t", "2026-06-01 10:00:00"))
    with_kis(tmp_path, Kis(tokenP=[token], inquire_daily_ccld=[page([])]), work, at=at)


def test_rows_come_oldest_first_whatever_the_pages_say(tmp_path: Path) -> None:
    async def work(kis: OpenKis, server: ByteServer, script: Kis) -> None:
        rows = await kis.broker.orders(DAY, DAY)
        assert [found.order_no for found in rows] == ["1", "3", "5"]

    with_kis(tmp_path, Kis(inquire_daily_ccld=[page([row(5), row(1), row(3)])]), work)


def holding(symbol: str, quantity: int) -> dict[str, str]:
    return {
        "pdno": symbol, "prdt_name": "이름", "hldg_qty": str(quantity), "ord_psbl_qty": str(quantity),
        "pchs_amt": str(quantity * 100), "prpr": "110", "loan_dt": "",
    }  # fmt: skip


def test_the_account_is_read_through_all_its_pages_without_what_was_sold(tmp_path: Path) -> None:
    async def work(kis: OpenKis, server: ByteServer, script: Kis) -> None:
        account = await kis.broker.account()
        assert (account.cash, account.holdings_value, account.equity) == (1000, 500, 1500)
        assert [(held.symbol, held.quantity) for held in account.holdings] == [("005930", 2), ("000660", 3)]

    pages: list[bytes | None] = [
        balance([holding("005930", 2), holding("035720", 0)], "2", "M"),
        balance([holding("000660", 3)], "", "D"),
    ]
    with_kis(tmp_path, Kis(inquire_balance=pages), work)


def test_an_account_whose_sums_moved_between_pages_is_read_again(tmp_path: Path) -> None:
    async def work(kis: OpenKis, server: ByteServer, script: Kis) -> None:
        assert (await kis.broker.account()).cash == 900

    pages: list[bytes | None] = [
        balance([holding("005930", 2)], "2", "M", cash=1000),
        balance([holding("000660", 3)], cash=900),
        balance([holding("005930", 2)], "2", "M", cash=900),
        balance([holding("000660", 3)], cash=900),
    ]
    with_kis(tmp_path, Kis(inquire_balance=pages), work)


def test_the_buyable_quantity_is_asked_at_the_price(tmp_path: Path) -> None:
    async def work(kis: OpenKis, server: ByteServer, script: Kis) -> None:
        assert await kis.broker.buyable_quantity(KAKAO, 61_300) == 16
        assert query_of(server.seen[-1])["ORD_UNPR"] == "61300"
        with pytest.raises(ValueError):
            await kis.broker.buyable_quantity(KAKAO, 0)

    body = {"rt_cd": "0", "output": {"nrcvb_buy_amt": "1000000", "nrcvb_buy_qty": "16"}}
    with_kis(tmp_path, Kis(inquire_psbl_order=[http(body)]), work)


# --- asking again ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "trouble",
    [
        None,
        http("<html>maintenance</html>", kind="text/html"),
        http('{"rt_cd":"0","output1":['),
        http(refusal("EGW00202"), status=500),
        http("", status=503),
    ],
)
def test_a_question_without_an_answer_is_asked_up_to_three_times_more(tmp_path: Path, trouble: bytes | None) -> None:
    async def work(kis: OpenKis, server: ByteServer, script: Kis) -> None:
        assert (await kis.broker.orders(DAY, DAY)).rows == ()
        times = [at for at, name in script.calls if name == "inquire_daily_ccld"]
        waits = [after - before for before, after in pairwise(times)]
        assert len(waits) == 3
        for wait, base in zip(waits, (0.5, 1.0, 2.0), strict=True):
            assert base <= wait <= base * 1.5 + 0.001

    with_kis(tmp_path, Kis(inquire_daily_ccld=[trouble, trouble, trouble, page([])]), work)


def test_after_three_repeats_the_trouble_reaches_the_caller(tmp_path: Path) -> None:
    async def work(kis: OpenKis, server: ByteServer, script: Kis) -> None:
        with pytest.raises(BrokerUnreachable):
            await kis.broker.account()
        assert len(script.calls) == 1 + 4

    with_kis(tmp_path, Kis(inquire_balance=[None]), work)


def test_an_answer_that_cannot_be_understood_is_not_asked_for_again(tmp_path: Path) -> None:
    async def work(kis: OpenKis, server: ByteServer, script: Kis) -> None:
        with pytest.raises(ProtocolError):
            await kis.broker.account()
        with pytest.raises(ProtocolError):
            await kis.broker.account()
        assert len(script.calls) == 1 + 2

    answers: list[bytes | None] = [http({"rt_cd": "0", "output1": "?"}), http(refusal("OPSQ2001"))]
    with_kis(tmp_path, Kis(inquire_balance=answers), work)


def test_a_question_that_takes_too_long_is_asked_again(tmp_path: Path) -> None:
    slow = 0

    async def script(request: Seen) -> bytes | None:
        nonlocal slow
        if request.path == "/oauth2/tokenP":
            return http(token_body("t"))
        slow += 1
        if slow == 1:
            await asyncio.sleep(100)
        return page([])

    async def run() -> float:
        async with an_open_kis(script, tmp_path) as (kis, _):
            await kis.broker.orders(DAY, DAY)
            return asyncio.get_running_loop().time()

    assert 15.5 <= in_virtual_time(run()) <= 16.0


def test_a_met_limit_stops_everybody_for_its_second(tmp_path: Path) -> None:
    async def work(kis: OpenKis, server: ByteServer, script: Kis) -> None:
        await kis.access_tokens.key()
        await asyncio.gather(kis.broker.account(), later(kis))
        limited_at = script.calls[1][0]
        assert all(at >= limited_at + 1.0 for at, _ in script.calls[2:])

    async def later(kis: OpenKis) -> None:
        await asyncio.sleep(0.1)
        await kis.broker.orders(DAY, DAY)

    answers: list[bytes | None] = [http(refusal("EGW00201"), status=500), balance([])]
    with_kis(tmp_path, Kis(inquire_balance=answers, inquire_daily_ccld=[page([])]), work)


def test_a_limit_that_stays_reaches_the_caller_with_its_wait(tmp_path: Path) -> None:
    async def work(kis: OpenKis, server: ByteServer, script: Kis) -> None:
        with pytest.raises(RateLimited) as raised:
            await kis.broker.account()
        assert (raised.value.code, raised.value.retry_after_s) == ("EGW00215", 2.0)

    with_kis(tmp_path, Kis(inquire_balance=[http(refusal("EGW00215"), status=500)]), work)


def test_a_refused_token_is_replaced_once_and_the_question_asked_again(tmp_path: Path) -> None:
    async def work(kis: OpenKis, server: ByteServer, script: Kis) -> None:
        await kis.broker.account()
        assert script.tokens == 2
        with pytest.raises(AccessRefused):
            await kis.broker.orders(DAY, DAY)
        assert script.tokens == 3

    expired = http(refusal("EGW00123", "기간이 만료된 token 입니다."), status=500)
    with_kis(tmp_path, Kis(inquire_balance=[expired, balance([])], inquire_daily_ccld=[expired]), work)


def test_a_token_that_ends_while_its_caller_queues_is_replaced_before_the_call(tmp_path: Path) -> None:
    async def work(kis: OpenKis, server: ByteServer, script: Kis) -> None:
        await kis.access_tokens.key()
        await asyncio.gather(*(kis.broker.account() for _ in range(40)))
        by_token = [request.headers["authorization"] for request in server.seen if "balance" in request.path]
        assert by_token == sorted(by_token)
        assert set(by_token) == {"bearer token-1", "bearer token-2"}

    at = datetime(2026, 11, 18, 23, 58, 50, tzinfo=KST)  # the date changes while they wait

    with_kis(
        tmp_path,
        Kis(inquire_balance=[balance([])]),
        work,
        at=at,
        limits=KisLimits(calls=CallLimit(calls=1, window_s=4.0), retry=RetryRule()),
    )


def test_equal_runs_make_equal_calls_at_equal_times(tmp_path: Path) -> None:
    async def work(folder: Path) -> list[tuple[float, str]]:
        script = Kis(inquire_daily_ccld=[None, page([])], inquire_balance=[None, None, balance([])])
        async with an_open_kis(script, folder) as (kis, _):
            await asyncio.gather(kis.broker.account(), kis.broker.orders(DAY, DAY), kis.broker.account())
        return script.calls

    runs = []
    for i in range(3):
        (tmp_path / str(i)).mkdir()
        runs.append(in_virtual_time(work(tmp_path / str(i))))

    assert runs[0] == runs[1] == runs[2]
