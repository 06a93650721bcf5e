"""Faults of the market: what the account, the quotes and the orders show of them, and how they end."""

from __future__ import annotations

import pytest

from kis_daemon.simulator.faults import Fault
from kis_daemon.simulator.faults_kinds import FaultKind as K
from tests.simulator.builders import SAMSUNG, at, settle
from tests.simulator.conftest import Client, Served


def stages(client: Client) -> list[tuple[str, str]]:
    return [(row["stage"], row["why"]) for row in client.sim.fault_desk.shown()["planned"]]


async def test_a_halted_symbol_takes_no_order_until_the_halt_is_over(served: Served) -> None:
    fault = Fault(kind=K.HALT, symbol="005930", for_s=60, at=at("10:01"))
    async with served(faults=[fault]) as client:
        assert (await client.buy(1))["rt_cd"] == "0"
        await client.clock.move_to(at("10:01"))
        assert (await client.buy(1))["msg_cd"] == "40070000"
        await client.clock.move(minutes=1)
        await settle()

        assert (await client.buy(1))["rt_cd"] == "0"
        assert [(fired.at, fired.symbol) for fired in client.sim.fault_desk.fired] == [(at("10:01"), "005930")]


async def test_an_interruption_begins_at_its_moment(served: Served) -> None:
    async with served(faults=[Fault(kind=K.VI, symbol="005930", at=at("10:01"))]) as client:
        await client.clock.move_to(at("10:01"))
        await settle()

        assert client.sim.exchange.boards[SAMSUNG].in_vi


async def test_what_the_market_cannot_do_is_missed_and_says_why(served: Served) -> None:
    async with served(now=at("08:00"), faults=[Fault(kind=K.VI, symbol="005930")]) as client:
        assert stages(client) == [("missed", "vi 005930: it does not trade continuously now")]


async def test_prices_jump_by_the_percentage_of_a_gap(served: Served) -> None:
    async with served() as client, served() as other:
        await client.page("POST", "/__sim/faults", {"kind": "price_gap", "symbol": "005930", "value": -7})
        for each in (client, other):
            await each.clock.move(minutes=15)
        moved, usual = (each.sim.exchange.boards[SAMSUNG].price for each in (client, other))

        assert moved == pytest.approx(usual * 0.93, abs=100)


@pytest.mark.parametrize("side", ["BUY", "SELL"])
async def test_at_a_locked_limit_one_side_of_the_book_is_empty(served: Served, side: str) -> None:
    async with served(faults=[Fault(kind=K.LIMIT_LOCK, symbol="005930", side=side)]) as client:
        await client.clock.move(minutes=15)
        board = client.sim.exchange.boards[SAMSUNG]

        limit, empty = (board.upper, board.ask) if side == "BUY" else (board.lower, board.bid)
        assert (board.price, empty) == (limit, 0)


async def test_an_accepted_order_may_be_rejected_by_the_exchange(served: Served) -> None:
    async with served(faults=[Fault(kind=K.EXCHANGE_REJECT)]) as client:
        number = (await client.buy(2))["output"]["ODNO"]
        row = (await client.listing())[1]["output1"][0]

        assert (row["odno"], row["rjct_qty"], row["tot_ccld_qty"], row["rmn_qty"]) == (number, "2", "0", "0")
        assert (await client.buy(1))["rt_cd"] == "0"


async def test_orders_may_fill_in_parts_only_for_a_while(served: Served) -> None:
    async with served(faults=[Fault(kind=K.PARTIAL_FILLS)]) as client:
        await client.buy(100, 90_000)
        row = (await client.listing())[1]["output1"][0]
        assert 0 < int(row["tot_ccld_qty"]) < 100
        await client.clock.move(minutes=30)

        assert (await client.listing())[1]["output1"][0]["tot_ccld_qty"] == "100"


async def test_limit_orders_may_rest_and_never_fill(served: Served) -> None:
    async with served(faults=[Fault(kind=K.NO_FILLS, for_s=1800)]) as client:
        await client.buy(1, 75_000)
        await client.clock.move(minutes=15)
        assert (await client.listing())[1]["output1"][0]["tot_ccld_qty"] == "0"
        await client.buy(1)
        assert client.sim.exchange.account.quantity(SAMSUNG) == 1
        await client.clock.move(minutes=30)

        assert client.sim.exchange.account.quantity(SAMSUNG) == 2
