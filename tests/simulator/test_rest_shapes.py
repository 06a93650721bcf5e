"""Every service of the contract's table: its fields, its refusals, and which venue has it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from kis_daemon.simulator.market_rules import ActionKind, CorporateAction, MarketRules
from kis_daemon.simulator.rest_services import SERVICES
from tests.simulator.builders import HYNIX, SAMSUNG, TUESDAY
from tests.simulator.conftest import Client, Served
from tests.simulator.rest_shapes import SHAPES

ACTIONS = (
    CorporateAction(symbol=HYNIX, day=TUESDAY.replace(day=20), kind=ActionKind.SPLIT, ratio_num=5),
    CorporateAction(symbol=HYNIX, day=TUESDAY.replace(day=7), kind=ActionKind.CASH_DIVIDEND),
)
REAL_ONLY = sorted(
    tr_id for tr_id, service in SERVICES.items() if service.on_real and not service.on_paper and tr_id in SHAPES
)
ON_PAPER = {
    "FHKST01010100",
    "FHKST01010200",
    "FHKST01010300",
    "FHKST01010400",
    "FHKST03010100",
    "FHKST03010200",
    "FHKUP03500100",
    "FHPST01060000",
    "FHPST02310000",
    "FHPST02320000",
    "FHKST01010900",
    "FHKST01010600",
    "FHKEW15010000",
}
OLD_AND_NEW = [
    ("TTTC0802U", "TTTC0012U"),
    ("TTTC0801U", "TTTC0011U"),
    ("TTTC0803U", "TTTC0013U"),
    ("TTTC8036R", "TTTC0084R"),
    ("TTTC8001R", "TTTC0081R"),
    ("CTSC9115R", "CTSC9215R"),
    ("VTTC0802U", "VTTC0012U"),
    ("VTTC0801U", "VTTC0011U"),
    ("VTTC0803U", "VTTC0013U"),
    ("VTTC8001R", "VTTC0081R"),
    ("VTSC9115R", "VTSC9215R"),
]


async def with_an_order_and_a_holding(client: Client) -> None:
    await client.buy(2)
    await client.buy(1, 60_000)
    client.sim.exchange.trigger_vi(SAMSUNG, client.clock.now())


def texts(value: Any) -> Iterator[Any]:
    """Give every value at the ends of an answer."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)
    else:
        yield value


@pytest.mark.parametrize("tr_id", sorted(SHAPES))
async def test_an_answer_has_the_fields_of_the_contract_and_every_value_is_a_text(served: Served, tr_id: str) -> None:
    shape = SHAPES[tr_id]
    async with served(profile="real", market=MarketRules(actions=ACTIONS)) as client:
        await with_an_order_and_a_holding(client)

        status, body, _ = await client.called(tr_id, **shape.request)

        assert status == 200
        assert all(isinstance(value, str) for value in texts(body))
        assert len(body["msg1"].encode()) == 80
        if not shape.filled:
            return
        assert body["rt_cd"] == "0", body
        for output, names in shape.outputs.items():
            found = body[output]
            rows = found if isinstance(found, list) else [found]
            assert rows
            for row in rows:
                assert not set(names.split()) - set(row)


@pytest.mark.parametrize(("tr_id", "count"), [("FHKST01010100", 82), ("CTPF1002R", 67), ("CTPF1604R", 20)])
async def test_an_answer_has_as_many_fields_as_the_contract_says(served: Served, tr_id: str, count: int) -> None:
    async with served(profile="real") as client:
        body = await client.call(tr_id, **SHAPES[tr_id].request)

        assert len(body["output"]) == count


@pytest.mark.parametrize("tr_id", sorted(tr_id for tr_id, shape in SHAPES.items() if shape.request))
async def test_a_request_without_its_fields_is_refused(served: Served, tr_id: str) -> None:
    async with served(profile="real") as client:
        status, body, _ = await client.called(tr_id)

        assert (status, body["msg_cd"]) == (500, "OPSQ2002")


@pytest.mark.parametrize("tr_id", REAL_ONLY)
async def test_what_only_the_real_venue_has_is_refused_on_paper(served: Served, tr_id: str) -> None:
    async with served() as client:
        status, body, _ = await client.called(tr_id, **SHAPES[tr_id].request)

        assert (status, body["rt_cd"], body["msg_cd"]) == (500, "1", "EGW02006")


@pytest.mark.parametrize("tr_id", sorted(ON_PAPER))
async def test_the_quotations_of_paper_are_those_of_the_real_venue(served: Served, tr_id: str) -> None:
    async with served() as paper:
        shown = await paper.call(tr_id, **SHAPES[tr_id].request)
    async with served(profile="real") as real:
        assert await real.call(tr_id, **SHAPES[tr_id].request) == shown


@pytest.mark.parametrize(("old", "new"), OLD_AND_NEW)
def test_the_ids_from_before_the_second_venue_are_taken_too(old: str, new: str) -> None:
    assert SERVICES[old] == SERVICES[new]


@pytest.mark.parametrize("tr_id", sorted(tr for tr in SHAPES if SERVICES[tr].of_account))
async def test_another_account_is_refused_by_every_service_that_names_one(served: Served, tr_id: str) -> None:
    async with served(profile="real") as client:
        status, body, _ = await client.called(tr_id, **{**SHAPES[tr_id].request, "CANO": "11111111"})

        assert (status, body["msg_cd"]) == (500, "OPSQ2000")


OF_A_SYMBOL = {
    "FHKST01010100": "output",
    "FHPST01010000": "output",
    "FHKST01010200": "output2",
    "FHKST03010100": "output1",
    "FHKST03010200": "output1",
    "FHKST03010230": "output1",
}


@pytest.mark.parametrize(("tr_id", "output"), OF_A_SYMBOL.items())
async def test_an_unknown_symbol_is_a_price_of_zero_and_no_error(served: Served, tr_id: str, output: str) -> None:
    async with served(profile="real") as client:
        body = await client.call(tr_id, **{**SHAPES[tr_id].request, "FID_INPUT_ISCD": "999999"})

        assert (body["rt_cd"], body[output]["stck_prpr"]) == ("0", "0")


@pytest.mark.parametrize("tr_id", [*OF_A_SYMBOL, "FHKST01010300", "FHKST01010400"])
async def test_a_market_that_does_not_exist_is_refused(served: Served, tr_id: str) -> None:
    async with served(profile="real") as client:
        status, body, _ = await client.called(tr_id, **{**SHAPES[tr_id].request, "FID_COND_MRKT_DIV_CODE": "X"})

        assert (status, body["msg_cd"]) == (500, "OPSQ2001")
