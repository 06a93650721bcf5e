"""Faults of REST as a bare client sees them: the line, the gateway, the answer, the pages, the ledger's lag."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from kis_daemon.simulator.faults import Fault
from kis_daemon.simulator.faults_kinds import FaultKind as K
from tests.simulator.builders import BarsBook, a_week, at, settle
from tests.simulator.conftest import TRADING, Client, Served
from tests.simulator.listeners import listening


async def orders_known(client: Client) -> int:
    return len((await client.page("GET", "/__sim/orders"))[1])


async def raw(client: Client, quantity: int = 1, **timeout: float) -> tuple[int, bytes]:
    """Order over a connection of its own and return (status, bytes)."""
    fields = client.account() | {"PDNO": "005930", "ORD_DVSN": "01", "ORD_QTY": str(quantity), "ORD_UNPR": "0"}
    headers = client.headers | {"tr_id": client.tr("TTTC0012U")}
    url = f"{client.sim.rest_url}{TRADING}/order-cash"
    limit = aiohttp.ClientTimeout(**timeout)
    async with (
        aiohttp.ClientSession(timeout=limit) as http,
        http.post(url, json=fields, headers=headers) as answer,
    ):
        return answer.status, await answer.read()


def fired(client: Client) -> list[str]:
    return [fired.kind for fired in client.sim.fault_desk.fired]


@pytest.mark.parametrize(("kind", "ordered"), [(K.RESET_BEFORE, 0), (K.RESET_AFTER, 1)])
async def test_a_reset_says_nothing_of_whether_the_order_was_taken(served: Served, kind: K, ordered: int) -> None:
    async with served(faults=[Fault(kind=kind, path="order-cash")]) as client:
        with pytest.raises(aiohttp.ClientOSError):  # ECONNRESET
            await raw(client)

        assert await orders_known(client) == ordered
        assert fired(client) == [kind]
        assert (await client.buy(1))["rt_cd"] == "0"


async def test_a_refused_connection_lasts_and_the_same_address_opens_again(served: Served) -> None:
    async with served() as client:
        answer = await client.page("POST", "/__sim/faults", {"kind": "refused", "for_s": 5})
        assert answer[0] == 200
        await settle()
        with pytest.raises(aiohttp.ClientConnectorError):
            await raw(client)
        await client.clock.move(seconds=5)
        await settle()

        assert (await raw(client))[0] == 200
        assert fired(client) == ["refused"]


async def test_the_answer_to_an_accepted_order_may_come_after_the_clients_patience(served: Served) -> None:
    async with served(faults=[Fault(kind=K.TIMEOUT_AFTER, for_s=60, tr_id="?TTC0012U")]) as client:
        with pytest.raises(TimeoutError):
            await raw(client, total=0.05)

        assert await orders_known(client) == 1
        await client.clock.move(minutes=1)


async def test_a_slow_answer_is_whole_in_the_end(served: Served) -> None:
    async with served(faults=[Fault(kind=K.SLOW_DRIP, for_s=40)]) as client:
        order = asyncio.create_task(raw(client))
        while not await orders_known(client):
            await settle()
        await client.clock.move(seconds=30)
        assert not order.done()
        await client.clock.move(seconds=10)
        status, body = await order

        assert (status, json.loads(body)["rt_cd"]) == (200, "0")


async def test_a_slow_answer_runs_into_a_limit_on_the_whole(served: Served) -> None:
    async with served(faults=[Fault(kind=K.SLOW_DRIP)]) as client:
        with pytest.raises(TimeoutError):
            await raw(client, total=0.05)

        assert await orders_known(client) == 1
        await client.clock.move(minutes=1)


async def test_an_answer_may_end_in_the_middle(served: Served) -> None:
    async with served(faults=[Fault(kind=K.TRUNCATED)]) as client:
        with pytest.raises(aiohttp.ClientPayloadError):
            await raw(client)

        assert await orders_known(client) == 1


async def test_an_answer_may_be_half_of_its_json(served: Served) -> None:
    async with served(faults=[Fault(kind=K.CUT_JSON)]) as client:
        status, body = await raw(client)

        assert status == 200
        with pytest.raises(ValueError):
            json.loads(body)


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        (K.HTTP_500_JSON, 500, "EGW00002"),
        (K.EGW00121, 500, "EGW00121"),
        (K.EGW00123, 500, "EGW00123"),
        (K.EGW00201, 500, "EGW00201"),
        (K.EGW00301, 500, "EGW00301"),
        (K.EGW00302, 500, "EGW00302"),
    ],
)
async def test_an_error_of_the_gateway_is_json_with_its_code(served: Served, kind: K, status: int, code: str) -> None:
    async with served(faults=[Fault(kind=kind)]) as client:
        got, body = await raw(client)

        answer = json.loads(body)
        assert (got, answer["rt_cd"], answer["msg_cd"], len(answer["msg1"].encode())) == (status, "1", code, 80)
        assert await orders_known(client) == 0


@pytest.mark.parametrize("kind", [K.HTTP_500_JSON, K.HTTP_500_TEXT, K.HTML, K.EGW00201, K.EGW00301, K.EGW00302])
async def test_an_error_may_hide_an_order_that_was_accepted(served: Served, kind: K) -> None:
    async with served(faults=[Fault(kind=kind, accepted=True)]) as client:
        await raw(client)

        assert await orders_known(client) == 1


async def test_the_ledgers_own_limit_strikes_inquiries_only(served: Served) -> None:
    async with served(faults=[Fault(kind=K.EGW00215)]) as client:
        assert (await client.buy(1))["rt_cd"] == "0"
        status, body, _ = await client.balance()

        assert (status, body["msg_cd"]) == (500, "EGW00215")


async def test_an_error_that_is_no_json(served: Served) -> None:
    async with served(faults=[Fault(kind=K.HTTP_500_TEXT)]) as client:
        assert await raw(client) == (500, b"Internal Server Error")


async def test_the_page_of_a_maintenance_is_html(served: Served) -> None:
    async with served(faults=[Fault(kind=K.HTML)]) as client:
        status, body = await raw(client)

        assert status == 200
        assert body.startswith(b"<!DOCTYPE html>")


async def test_too_many_requests_say_when_to_come_again(served: Served) -> None:
    async with served(faults=[Fault(kind=K.HTTP_429)]) as client, client.http.get(client.sim.rest_url) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (429, "3")


async def test_a_second_token_in_a_minute_is_refused_in_the_other_envelope(served: Served) -> None:
    async with served(faults=[]) as client:
        await client.page("POST", "/__sim/faults", {"kind": "EGW00133"})
        await client.clock.move(minutes=2)
        status, body = await client.post("/oauth2/tokenP", {"grant_type": "client_credentials"})

        assert (status, body["error_code"]) == (403, "EGW00133")


async def test_a_token_may_be_told_with_a_wrong_life(served: Served) -> None:
    async with served() as client:
        await client.page("POST", "/__sim/faults", {"kind": "wrong_expires_in", "value": 7})
        await client.clock.move(minutes=2)
        keys = {"appkey": client.settings.app_key, "appsecret": client.settings.app_secret}
        _, body = await client.post("/oauth2/tokenP", {"grant_type": "client_credentials", **keys})

        assert body["expires_in"] == 7
        assert body["access_token"] == client.token


async def test_notices_may_come_before_the_orders_answer(served: Served) -> None:
    async with served(faults=[Fault(kind=K.NOTICE_EARLY)]) as client, listening(client) as listener:
        await listener.ask("H0STCNI9", client.settings.hts_id)
        order = asyncio.create_task(client.buy(1))
        notices = [await listener.notice() for _ in range(2)]

        assert not order.done()
        await client.clock.move(seconds=1)
        assert {notice[2] for notice in notices} == {(await order)["output"]["ODNO"]}


# --- what is rewritten ------------------------------------------------------------------------------------------------


async def test_every_row_may_come_twice(served: Served) -> None:
    async with served(faults=[Fault(kind=K.DUPLICATE_ROWS, path="inquire-daily-ccld")]) as client:
        number = (await client.buy(1))["output"]["ODNO"]
        _, body, _ = await client.listing()

        assert [row["odno"] for row in body["output1"]] == [number] * 2


async def test_an_answer_without_rows_leaves_the_fault_waiting(served: Served) -> None:
    async with served(faults=[Fault(kind=K.DUPLICATE_ROWS, path="inquire-daily-ccld")]) as client:
        assert (await client.listing())[1]["output1"] == []
        assert fired(client) == []


async def test_a_stale_page_is_the_answer_of_an_earlier_time(served: Served) -> None:
    async with served(faults=[Fault(kind=K.STALE_PAGE)]) as client:
        _, before, _ = await client.listing()
        await client.buy(1)
        _, stale, _ = await client.listing()
        _, fresh, _ = await client.listing()

        assert stale == before
        assert len(fresh["output1"]) == 1
        assert fired(client) == ["stale_page"]


async def pages(client: Client) -> list[list[str]]:
    """Return the order numbers of each page of the listing, four pages at most, and the code of an error."""
    read: list[list[str]] = []
    cursors = {"CTX_AREA_FK100": "", "CTX_AREA_NK100": ""}
    state = ""
    while len(read) < 4:
        _, body, state = await client.listing(tr_cont="N" if read else "", **cursors)
        if body["rt_cd"] != "0":
            return [*read, [body["msg1"].strip()]]
        read.append([str(int(row["odno"]) - 10_000) for row in body["output1"]])
        cursors = {name: body[name.lower()].strip() for name in cursors}
        if state not in ("F", "M"):
            break
    return read


def numbers(first: int, last: int) -> list[str]:
    return [str(number) for number in range(first, last)]


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (K.DUPLICATE_PAGE, [numbers(0, 15), numbers(0, 15), numbers(30, 32)]),
        (K.MISSING_PAGE, [numbers(15, 30), numbers(30, 32)]),
        (K.REPEATED_CURSOR, [numbers(0, 15), numbers(15, 30), numbers(15, 30), numbers(30, 32)]),
        (K.DATA_CHANGED, [numbers(0, 15), ["조회이후에 자료가 변경되었습니다.(다시 조회하세요)"]]),
    ],
)
async def test_a_fault_of_pages(served: Served, kind: K, told: list[list[str]]) -> None:
    async with served(faults=[Fault(kind=kind)], cash=1_000_000_000) as client:
        for _ in range(32):
            await client.buy(1)

        assert await pages(client) == told
        assert fired(client) == [kind]


async def test_the_listing_may_lag_behind(served: Served) -> None:
    async with served(faults=[Fault(kind=K.LAGGING_CCLD, for_s=10, times=0)]) as client:
        early = (await client.buy(1, 60_000))["output"]["ODNO"]
        await client.clock.move(seconds=20)
        await client.buy(2)
        await client.cancel(early)
        lagging = (await client.listing())[1]["output1"]
        await client.clock.move(seconds=10)
        fresh = (await client.listing())[1]["output1"]

        assert [(row["odno"], row["rmn_qty"], row["cncl_cfrm_qty"]) for row in lagging] == [(early, "1", "0")]
        assert [(row["ord_qty"], row["tot_ccld_qty"]) for row in fresh] == [("1", "0"), ("2", "2"), ("1", "0")]


async def test_the_balance_may_lag_behind(served: Served) -> None:
    async with served(faults=[Fault(kind=K.LAGGING_BALANCE, for_s=10, times=0)]) as client:
        await client.buy(1)
        await client.clock.move(seconds=20)
        await client.buy(2)
        lagging = (await client.balance())[1]["output1"]
        await client.clock.move(seconds=10)
        fresh = (await client.balance())[1]["output1"]

        assert [row["hldg_qty"] for row in lagging] == ["1"]
        assert [row["hldg_qty"] for row in fresh] == ["3"]


@pytest.mark.parametrize(
    ("kind", "shape"),
    [
        (K.UNKNOWN_FIELDS, lambda row: "nobody_knows" in row and "hldg_qty" in row),
        (K.PADDED_VALUES, lambda row: row["hldg_qty"].strip() == "1" and len(row["hldg_qty"]) == 40),
        (K.UPPER_CASE_KEYS, lambda row: row["HLDG_QTY"] == "1" and "hldg_qty" not in row),
    ],
)
async def test_rows_in_other_shapes(served: Served, kind: K, shape: Any) -> None:
    async with served(faults=[Fault(kind=kind, path="inquire-balance")]) as client:
        await client.buy(1)
        _, body, _ = await client.balance()

        assert shape(body["output1"][0])
        assert body["rt_cd"] == "0"


async def test_a_days_plan_of_faults_leaves_the_ledger_whole(served: Served) -> None:
    """Whatever strikes, what was accepted is in the ledger once."""
    kinds = (K.RESET_AFTER, K.RESET_BEFORE, K.HTML, K.TRUNCATED, K.CUT_JSON, K.EGW00302)
    book = BarsBook({symbol: a_week() for symbol in ("005930",)})  # type: ignore[misc]
    async with served(book=book, now=at("10:00"), faults=[Fault(kind=kind) for kind in kinds]) as client:
        for _ in range(8):
            try:
                await raw(client)
            except aiohttp.ClientError:
                continue

        assert sorted(fired(client)) == sorted(kinds)
        assert client.sim.exchange.account.quantity(next(iter(book.listings())).symbol) == 5
