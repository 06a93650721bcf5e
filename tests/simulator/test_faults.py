"""Plans of faults: what may be written, when a fault is armed, and the list of what happened."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from kis_daemon.simulator.faults import Fault, FaultPlan, Scene
from kis_daemon.simulator.faults_file import FaultError, plan_of
from kis_daemon.simulator.faults_kinds import KINDS, SEEDED_KINDS, Area, FaultKind
from tests.simulator.builders import TUESDAY, at, settle
from tests.simulator.conftest import Served


def test_every_kind_says_what_it_does() -> None:
    assert set(KINDS) == set(FaultKind)
    assert all(rules.does for rules in KINDS.values())


def test_a_plan_is_read_as_it_is_shown() -> None:
    fault = Fault(
        kind=FaultKind.EGW00301,
        at=at("10:00"),
        times=3,
        path="order-cash",
        tr_id="?TTC0012U",
        symbol="005930",
        side="BUY",
        accepted=True,
        within_s=60.0,
    )

    assert plan_of([fault.shown()], TUESDAY) == FaultPlan(faults=(fault,))


@pytest.mark.parametrize("written", [{"kind": "html"}, [{"kind": "html"}], {"faults": [{"kind": "html"}]}])
def test_one_fault_a_list_or_a_mapping_is_a_plan(written: Any) -> None:
    assert plan_of(written, TUESDAY).faults == (Fault(kind=FaultKind.HTML),)


def test_a_time_alone_is_of_the_simulators_day_and_in_seoul() -> None:
    plan = plan_of([{"kind": "html", "at": "10:30"}, {"kind": "html", "at": "2024-03-06 09:00:01"}], TUESDAY)

    assert [fault.at for fault in plan.faults] == [at("10:30"), at("09:00:01", TUESDAY + timedelta(days=1))]


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("text", "expected a list of faults"),
        ({"fault": []}, "'fault' is unknown"),
        ({"faults": {}}, "expected a list"),
        ([1], "fault 1 1: expected a mapping"),
        ([{"kind": "nothing"}], "fault 1, kind 'nothing': expected one of refused, reset_before"),
        ([{"kind": "html", "when": 1}], "fault 1: 'when' is unknown, expected some of kind, at"),
        ([{"kind": "html"}, {"kind": "html", "times": -1}], "fault 2, times -1: expected a whole number from 0"),
        ([{"kind": "html", "times": True}], "times True"),
        ([{"kind": "html", "symbol": 5930}], "symbol 5930: expected a text in quotes"),
        ([{"kind": "html", "side": "buy"}], "side 'buy': expected BUY or SELL"),
        ([{"kind": "html", "at": "25:00"}], "at '25:00': expected HH:MM"),
        ([{"kind": "html", "at": 37800}], "expected quotes around the time"),
        ([{"kind": "html", "accepted": 1}], "accepted 1: expected true or false"),
        ([{"kind": "timeout_after", "for_s": -1}], "for_s -1: expected seconds"),
        ([{"kind": "html", "for_s": 1}], "kind html: for_s has no meaning"),
        ([{"kind": "html", "value": 1}], "kind html: value has no meaning"),
        ([{"kind": "reset_after", "accepted": True}], "kind reset_after: accepted has no meaning"),
        ([{"kind": "halt"}], "kind halt: expected a symbol"),
        ([{"kind": "refused", "times": 2}], "kind refused: happens once"),
        ({"seed": "x"}, "seed 'x': expected a whole number"),
        ({"every": 60}, "every: expected only beside seed"),
    ],
)
def test_a_mistake_in_a_plan_is_named_with_its_place(written: Any, told: str) -> None:
    with pytest.raises(FaultError) as refused:
        plan_of(written, TUESDAY)

    assert told in str(refused.value)


def test_a_seed_plans_a_fault_a_minute_and_always_the_same() -> None:
    plan = FaultPlan.seeded(7, TUESDAY)

    assert len(plan.faults) == 390
    assert plan == FaultPlan.seeded(7, TUESDAY) == plan_of({"seed": 7}, TUESDAY)
    assert plan != FaultPlan.seeded(8, TUESDAY)
    assert (plan.faults[0].at, plan.faults[1].at) == (at("09:00"), at("09:01"))
    assert {fault.kind for fault in plan.faults} == set(SEEDED_KINDS)
    assert len(plan_of({"seed": 7, "every": 600}, TUESDAY).faults) == 39


@pytest.mark.parametrize(
    ("fault", "is_met"),
    [
        (Fault(kind=FaultKind.HTML), True),
        (Fault(kind=FaultKind.HTML, path="order-cash"), True),
        (Fault(kind=FaultKind.HTML, path="/trading/*-cash"), True),
        (Fault(kind=FaultKind.HTML, path="order"), False),
        (Fault(kind=FaultKind.HTML, tr_id="?TTC0012U"), True),
        (Fault(kind=FaultKind.HTML, tr_id="TTTC0012U"), False),
        (Fault(kind=FaultKind.HTML, symbol="005930", side="BUY"), True),
        (Fault(kind=FaultKind.HTML, side="SELL"), False),
        (Fault(kind=FaultKind.HTML, symbol="000660"), False),
        (Fault(kind=FaultKind.LAGGING_BALANCE), False),
    ],
)
def test_a_fault_meets_what_it_names(fault: Fault, is_met: bool) -> None:
    scene = Scene(what="an order", path="/a/trading/order-cash", tr_id="VTTC0012U", symbol="005930", side="BUY")

    assert fault.matches(scene) is is_met


async def test_a_fault_waits_for_its_moment_then_for_what_it_meets_and_is_listed(served: Served) -> None:
    fault = Fault(kind=FaultKind.HTTP_429, at=at("10:05"), symbol="005930")
    async with served(faults=[fault]) as client:
        listed: Any = (await client.page("GET", "/__sim/faults"))[1]
        assert [row["stage"] for row in listed["planned"]] == ["waiting"]
        assert (await client.buy(1))["rt_cd"] == "0"
        await client.clock.move_to(at("10:05"))
        assert (await client.balance())[0] == 200
        status, _ = await client.page("POST", "/uapi/domestic-stock/v1/trading/order-cash", {"PDNO": "005930"})
        assert status == 429
        assert (await client.buy(1))["rt_cd"] == "0"

        listed = (await client.page("GET", "/__sim/faults"))[1]
        assert [(row["stage"], row["fired"], row["kind"]) for row in listed["planned"]] == [("done", 1, "http_429")]
        assert listed["fired"] == [
            {
                "at": "2024-03-05T10:05:00+09:00",
                "number": 1,
                "kind": "http_429",
                "on": "POST /uapi/domestic-stock/v1/trading/order-cash",
                "tr_id": "",
                "symbol": "005930",
            }
        ]


async def test_what_met_nothing_in_time_is_missed(served: Served) -> None:
    async with served(faults=[Fault(kind=FaultKind.HTML, within_s=60.0)]) as client:
        await client.clock.move(minutes=2)
        await settle()

        assert [row["stage"] for row in client.sim.fault_desk.shown()["planned"]] == ["missed"]
        assert (await client.balance())[0] == 200


async def test_zero_times_is_every_time_until_it_is_deleted(served: Served) -> None:
    async with served() as client:
        await client.page("POST", "/__sim/faults", {"kind": "http_429", "times": 0})
        assert [(await client.page("GET", "/oauth2/x"))[0] for _ in range(3)] == [429] * 3
        assert len(client.sim.fault_desk.fired) == 3

        await client.page("DELETE", "/__sim/faults")

        assert (await client.balance())[0] == 200
        assert client.sim.fault_desk.shown() == {"planned": [], "fired": []}


async def test_with_nothing_armed_nothing_stands_in_the_streams_way(served: Served) -> None:
    async with served(faults=[Fault(kind=FaultKind.BURST, at=at("11:00"))]) as client:
        assert client.sim._stream.faults is None
        assert not client.sim.fault_desk.armed
        await client.clock.move_to(at("11:00"))
        assert client.sim.fault_desk.has(Area.FRAME)
        assert client.sim._stream.faults is not None
