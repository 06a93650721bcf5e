"""Tokens: bound to one order, good for minutes, unforgeable; and what the mandates cover."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import jwt
import pytest

from kis_daemon.domain.approvals import Mandate, TokenRefusal
from kis_daemon.domain.market import Side
from kis_daemon.domain.orders import OrderIntent, OrderType, SignalId
from kis_daemon.services.approvals import ApprovalDesk, Grant, NotCovered, Provenance, token_hash
from tests.services.builders import HYNIX, SAMSUNG, TEN_O_CLOCK, a_mandate, a_position, an_exit, an_intent
from tests.services.fakes import SeededEntropy
from tests.simulator.builders import HandClock

SECRET = b"the secret of the desk, 32 bytes"
PROVENANCE = Provenance(config_hash="c" * 64, git_commit_sha="a" * 40, schema_version="0001")


def a_desk(clock: HandClock | None = None, mandate: Mandate | None = None, secret: bytes = SECRET) -> ApprovalDesk:
    return ApprovalDesk(secret, SeededEntropy(), clock or HandClock(TEN_O_CLOCK), mandate or a_mandate(), PROVENANCE)


def a_grant(desk: ApprovalDesk, intent: OrderIntent | None = None) -> Grant:
    grant = desk.for_entry(intent or an_intent(), 70_000, 0)
    assert isinstance(grant, Grant)
    return grant


def claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def test_a_token_opens_the_door_for_its_order() -> None:
    desk = a_desk()

    assert desk.verify(a_grant(desk).token, an_intent()) is None


def test_only_the_hash_of_a_token_is_kept() -> None:
    grant = a_grant(a_desk())

    assert grant.approval.token_hash == token_hash(grant.token)
    assert grant.token not in repr((grant.proposal, grant.approval))


def test_a_grant_says_what_was_in_force_and_for_what() -> None:
    grant = a_grant(a_desk())

    assert grant.proposal.proposal_id == grant.approval.proposal_id == claims_of(grant.token)["sub"]
    assert (grant.proposal.config_hash, grant.proposal.git_commit_sha) == ("c" * 64, "a" * 40)
    assert grant.proposal.correlation_id == an_intent().correlation_id
    assert grant.approval.token_expires_at == TEN_O_CLOCK + timedelta(minutes=10)
    assert grant.approval.token_jti == claims_of(grant.token)["jti"]


def test_two_tokens_for_one_order_differ() -> None:
    desk = a_desk()

    assert a_grant(desk).token != a_grant(desk).token


@pytest.mark.parametrize(
    "other",
    [
        {"quantity": 11},
        {"quantity": 9},
        {"price": 70_400},
        {"order_type": OrderType.MARKET, "price": None},
        {"side": Side.SELL},
        {"symbol": HYNIX},
        {"signal_id": SignalId("20240305|005930|breakout|1|1")},
    ],
)
def test_a_token_is_bound_to_one_exact_order(other: dict[str, Any]) -> None:
    desk = a_desk()

    assert desk.verify(a_grant(desk).token, an_intent(**other)) is TokenRefusal.OTHER_ORDER


async def test_a_token_expires_by_our_clock() -> None:
    clock = HandClock(TEN_O_CLOCK)
    desk = a_desk(clock)
    token = a_grant(desk).token

    await clock.move(seconds=599.9)
    assert desk.verify(token, an_intent()) is None
    await clock.move(seconds=0.1)

    assert desk.verify(token, an_intent()) is TokenRefusal.EXPIRED


def forgeries() -> Iterator[Any]:
    """Yield tokens for the right order that the desk did not sign."""
    true = a_grant(a_desk()).token
    claims = claims_of(true)
    header, _, signature = true.split(".")
    longer = claims | {"exp": claims["exp"] + 3600}
    payload = base64.urlsafe_b64encode(json.dumps(longer).encode()).rstrip(b"=").decode()
    public = {name: value for name, value in claims.items() if name != "bound"}
    yield pytest.param(jwt.encode(claims, b"another key of thirty-two bytes!", "HS256"), id="wrong key")
    yield pytest.param(jwt.encode(claims, "", "none"), id="algorithm none")
    yield pytest.param(jwt.encode(claims, SECRET * 2, "HS512"), id="another algorithm")
    yield pytest.param(f"{header}.{payload}.{signature}", id="altered payload")
    yield pytest.param(f"{true[:-4]}AAAA", id="altered signature")
    yield pytest.param(true.rsplit(".", 1)[0] + ".", id="no signature")
    yield pytest.param(jwt.encode(public, SECRET, "HS256"), id="bound to nothing")
    yield pytest.param(jwt.encode({"bound": claims["bound"]}, SECRET, "HS256"), id="without expiry")
    yield pytest.param("", id="empty")
    yield pytest.param("not a token", id="garbage")


@pytest.mark.parametrize("token", list(forgeries()))
def test_a_forged_token_has_an_invalid_signature(token: str) -> None:
    assert a_desk().verify(token, an_intent()) is TokenRefusal.INVALID_SIGNATURE


# --- the standing mandate ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mandate", "notional_today", "reason"),
    [
        ({"expires_at": TEN_O_CLOCK}, 0, "expired"),
        ({"side": Side.SELL}, 0, "is for SELL"),
        ({"symbols": (HYNIX,)}, 0, "does not name 005930"),
        ({"max_quantity": 9}, 0, "quantity 10 > 9"),
        ({"max_notional_a_day": 1_000_000}, 300_001, "notional 1000001 > 1000000"),
    ],
)
def test_an_entry_outside_of_the_mandate_gets_no_token(
    mandate: dict[str, Any], notional_today: int, reason: str
) -> None:
    refused = a_desk(mandate=a_mandate(**mandate)).for_entry(an_intent(), 70_000, notional_today)

    assert isinstance(refused, NotCovered)
    assert reason in refused.reason


def test_an_entry_at_the_very_bounds_of_the_mandate_gets_one() -> None:
    bounds = a_mandate(symbols=(SAMSUNG,), max_quantity=10, max_notional_a_day=1_000_000)

    assert isinstance(a_desk(mandate=bounds).for_entry(an_intent(), 70_000, 300_000), Grant)


def test_without_a_mandate_no_entry_gets_a_token() -> None:
    desk = ApprovalDesk(SECRET, SeededEntropy(), HandClock(TEN_O_CLOCK), None, PROVENANCE)

    assert desk.for_entry(an_intent(), 70_000, 0) == NotCovered(reason="no mandate was signed")


# --- the exit mandate --------------------------------------------------------------------------------------------


async def test_an_exit_needs_no_mandate_of_a_person_and_never_expires() -> None:
    clock = HandClock(TEN_O_CLOCK)
    desk = ApprovalDesk(SECRET, SeededEntropy(), clock, None, PROVENANCE)
    await clock.move(days=400)

    grant = desk.for_exit(an_exit(), a_position())

    assert isinstance(grant, Grant)
    assert desk.verify(grant.token, an_exit()) is None
    assert grant.approval.approved_by == "exit mandate of 005930 2024-03-04 1"


@pytest.mark.parametrize("quantity", [1, 9, 10])
def test_an_exit_may_sell_at_most_what_is_held(quantity: int) -> None:
    assert isinstance(a_desk().for_exit(an_exit(quantity=quantity), a_position()), Grant)


@pytest.mark.parametrize("intent", [an_exit(quantity=11), an_exit(symbol=HYNIX), an_exit(side=Side.BUY), an_intent()])
def test_the_exit_mandate_covers_nothing_else(intent: OrderIntent) -> None:
    assert isinstance(a_desk().for_exit(intent, a_position()), NotCovered)
