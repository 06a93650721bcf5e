"""The simulator's own pages: what whoever runs it can do to the market and to the account."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulator.builders import SAMSUNG, at
from tests.simulator.conftest import Served


async def test_a_halt_lasts_until_it_is_resumed(served: Served) -> None:
    async with served() as client:
        await client.page("POST", "/__sim/halt", {"symbol": "005930"})
        assert (await client.buy(1))["msg_cd"] == "40070000"
        await client.page("POST", "/__sim/resume", {"symbol": "005930"})

        assert (await client.buy(1))["rt_cd"] == "0"


async def test_money_is_paid_in_and_out(served: Served) -> None:
    async with served(cash=1_000) as client:
        assert (await client.page("POST", "/__sim/deposit", {"amount": 500}))[1]["cash"] == 1_500
        assert (await client.page("POST", "/__sim/withdraw", {"amount": 1_500}))[1]["cash"] == 0
        status, answer = await client.page("POST", "/__sim/withdraw", {"amount": 1})

        assert (status, answer["error"]) == (400, "amount -1: NOT_ENOUGH_CASH")


async def test_a_manual_order_is_in_the_listing_but_not_of_the_api(served: Served) -> None:
    async with served() as client:
        order = {"side": "BUY", "symbol": "005930", "quantity": 2}
        status, answer = await client.page("POST", "/__sim/trade", order)
        rows = (await client.listing())[1]["output1"]

        assert status == 200
        assert [(row["odno"], row["tot_ccld_qty"]) for row in rows] == [(answer["number"], "2")]
        assert rows[0]["ordr_empno"] != "OpnAPI"
        assert client.sim.exchange.account.quantity(SAMSUNG) == 2


async def test_an_interruption_and_a_gap_can_be_called(served: Served) -> None:
    async with served() as client:
        assert (await client.page("POST", "/__sim/shift", {"symbol": "005930", "percent": 3.5}))[0] == 200
        assert (await client.page("POST", "/__sim/vi", {"symbol": "005930"}))[0] == 200
        board = client.sim.exchange.boards[SAMSUNG]

        assert (board.in_vi, board.shift_ppm) == (True, 35_000)


async def test_a_symbol_can_be_designated(served: Served) -> None:
    async with served() as client:
        page = {"symbol": "005930", "designation": "CAUTION"}

        assert (await client.page("POST", "/__sim/designate", page))[0] == 200
        assert client.sim.exchange.boards[SAMSUNG].designation == "CAUTION"


async def test_the_next_cancellation_can_be_rejected(served: Served) -> None:
    async with served() as client:
        number = (await client.buy(1, 60_000))["output"]["ODNO"]
        await client.page("POST", "/__sim/reject", {"kind": "CANCEL", "symbol": "005930"})
        await client.cancel(number)

        row = (await client.listing())[1]["output1"][0]
        assert (row["rmn_qty"], row["cncl_cfrm_qty"]) == ("1", "0")


@pytest.mark.parametrize(
    ("page", "body", "told"),
    [
        ("halt", {}, "symbol None: expected a text"),
        ("halt", [], "symbol None: expected a text"),
        ("halt", {"symbol": "999999"}, "symbol '999999': expected a listed one"),
        ("shift", {"symbol": "005930", "percent": "3"}, "percent '3': expected a number"),
        ("designate", {"symbol": "005930", "designation": "x"}, "designation 'x': expected one of ORDINARY"),
        ("reject", {"kind": "x"}, "kind 'x': expected one of NEW"),
        ("deposit", {"amount": 1.5}, "amount 1.5: expected a whole number above 0"),
        ("trade", {"side": "x"}, "side 'x': expected BUY or SELL"),
        ("trade", {"side": "SELL", "symbol": "005930", "quantity": 1}, "order SELL 1 005930: NOT_ENOUGH_SHARES"),
        ("faults", [{"kind": "x"}], "fault 1, kind 'x': expected one of"),
        ("faults", [{"kind": "halt", "symbol": "999999"}], "symbol '999999': expected a listed one"),
    ],
)
async def test_what_cannot_be_done_is_said_and_changes_nothing(served: Served, page: str, body: Any, told: str) -> None:
    async with served() as client:
        before = client.sim.account_view()
        status, answer = await client.page("POST", f"/__sim/{page}", body)

        assert status == 400
        assert told in answer["error"]
        assert client.sim.account_view() == before


async def test_an_interruption_needs_continuous_trading(served: Served) -> None:
    async with served(now=at("08:00")) as client:
        status, answer = await client.page("POST", "/__sim/vi", {"symbol": "005930"})

        assert (status, answer["error"]) == (400, "vi 005930: it does not trade continuously now")
