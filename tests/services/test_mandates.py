"""Standing mandates: who signs, what counts, and that a revocation holds at once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from kis_daemon.domain.approvals import Mandate
from kis_daemon.domain.market import Symbol
from kis_daemon.services import mandates
from kis_daemon.services.approvals import TokenMint
from kis_daemon.services.mandates import Mandates
from tests.services.builders import MODE, SAMSUNG, TEN_O_CLOCK, a_mandate, an_intent
from tests.services.fakes import SeededEntropy
from tests.services.order_path import OrderPath, lived


def of_a_run(number: int = 1) -> Mandate:
    return a_mandate(mandate_id=f"run-{number}", signed_by="start on the simulator", signed_at=TEN_O_CLOCK)


def a_service(path: OrderPath, run: Mandate | None = None, heard: list[str] | None = None) -> Mandates:
    return Mandates(
        journal=path.journal,
        desk=path.desk,
        clock=path.clock,
        mode=MODE,
        of_the_run=run or of_a_run(),
        poll_s=1.0,
        on_change=lambda: (heard if heard is not None else []).append("changed"),
    )


def granted(path: OrderPath, **changes: Any) -> Mandate:
    mandate = a_mandate(**({"mandate_id": "m-kim", "signed_by": "kim", "signed_at": TEN_O_CLOCK} | changes))
    path.now(lambda rows: mandates.grant(rows, path.desk.mint, mandate, MODE))
    return mandate


def ids(path: OrderPath) -> list[str]:
    return [mandate.mandate_id for mandate in path.desk.mandates]


@lived
async def test_a_start_signs_one_for_its_run(path: OrderPath) -> None:
    await a_service(path).begin()

    assert ids(path) == ["run-1"]
    assert path.payload("mandate_signed")["mandate"] == "run-1"


@lived
async def test_the_next_run_signs_its_own_and_the_old_one_ends(path: OrderPath) -> None:
    await a_service(path).begin()

    await a_service(path, of_a_run(2)).begin()

    assert ids(path) == ["run-2"]


@lived
async def test_a_start_signs_none_once_a_person_has_granted_one(path: OrderPath) -> None:
    granted(path)

    await a_service(path).begin()

    assert ids(path) == ["m-kim"]


@lived
async def test_a_persons_expired_mandate_is_not_replaced_by_a_start(path: OrderPath) -> None:
    granted(path, expires_at=TEN_O_CLOCK + timedelta(seconds=1))
    await path.passes(2)

    await a_service(path).begin()

    assert ids(path) == []
    assert "mandate_missing" in path.notifier.events


@lived
async def test_nothing_automatic_takes_a_revocation_back(path: OrderPath) -> None:
    await a_service(path).begin()
    path.now(lambda rows: mandates.revoke(rows, "run-1", path.clock.now(), "kim", "enough"))

    await a_service(path, of_a_run(2)).begin()

    assert ids(path) == []
    assert path.payload("mandate_revoked") == {"mandate": "run-1", "revoked_by": "kim", "reason": "enough"}


@lived
async def test_a_revoked_mandate_covers_nothing_from_that_moment(path: OrderPath) -> None:
    """Before the list is looked at again: the claim itself asks."""
    await a_service(path).begin()
    path.now(lambda rows: mandates.revoke(rows, "run-1", path.clock.now(), "kim", "enough"))

    path.place(an_intent(symbol=SAMSUNG))
    await path.passes(1)

    assert path.broker.sent == []
    assert path.payload("order_rejected_mandate_revoked")["symbol"] == SAMSUNG


@lived
async def test_what_a_person_grants_takes_the_place_of_the_runs_own_at_the_next_look(path: OrderPath) -> None:
    heard: list[str] = []
    service = a_service(path, heard=heard)
    await service.begin()
    granted(path, symbols=(Symbol("000660"),))

    await service.refresh()
    await service.refresh()

    assert ids(path) == ["m-kim"]
    assert heard == ["changed"]


@pytest.mark.parametrize(
    "change",
    [
        "max_quantity = max_quantity + 1",
        "max_notional_a_day = max_notional_a_day * 10",
        "expires_at = '2099-01-01 00:00:00.000000'",
        "symbols = '000660'",
        "signed_by = 'lee'",
        "signature = 'é'",
        "mandate_id = 'other'",
    ],
)
@lived
async def test_a_mandate_that_was_changed_by_hand_counts_for_nothing(path: OrderPath, change: str) -> None:
    granted(path)
    path.by_hand(f"UPDATE mandates SET {change}")

    await a_service(path).begin()

    assert ids(path) == []


@lived
async def test_a_mandate_of_another_mode_or_secret_counts_for_nothing(path: OrderPath) -> None:
    other = TokenMint(b"t" * 32, SeededEntropy(), path.clock)
    path.now(lambda rows: mandates.grant(rows, other, a_mandate(mandate_id="a"), MODE))
    path.now(lambda rows: mandates.grant(rows, path.desk.mint, a_mandate(mandate_id="b"), "REAL"))
    stored = path.now(lambda rows: rows.mandates())

    states = [each.state for each in mandates.standing(path.desk.mint, MODE, path.clock.now(), stored)]

    assert sorted(states) == ["not ours", "of REAL"]


@lived
async def test_without_records_there_is_no_mandate_until_they_are_back(path: OrderPath) -> None:
    service = a_service(path)
    path.records.broken = True
    await service.begin()
    assert ids(path) == []
    path.records.broken = False

    await service.refresh()

    assert ids(path) == ["run-1"]


@lived
async def test_a_revocation_is_for_one_that_stands(path: OrderPath) -> None:
    granted(path)
    now = path.clock.now()

    assert path.now(lambda rows: mandates.revoke(rows, "m-kim", now, "kim", "x"))
    assert not path.now(lambda rows: mandates.revoke(rows, "m-kim", now, "kim", "x"))
    assert not path.now(lambda rows: mandates.revoke(rows, "nobody's", now, "kim", "x"))
