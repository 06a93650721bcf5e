"""What a mandate covers, and the sentence with which it refuses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kis_daemon.domain.approvals import Mandate, TokenRefusal, mandate_refuses
from kis_daemon.domain.market import Side
from tests.domain.builders import HYNIX, SAMSUNG, an_intent, at

MANDATE = Mandate(
    mandate_id="m-1",
    signed_by="operator",
    signed_at=at("08:30"),
    expires_at=at("15:30"),
    side=Side.BUY,
    symbols=(SAMSUNG,),
    max_quantity=10,
    max_notional_a_day=1_000_000,
)


def refusal(
    mandate: Mandate = MANDATE, *, quantity: int = 10, price: int = 70_000, used: int = 0, clock: str = "09:30"
) -> str | None:
    return mandate_refuses(mandate, an_intent(quantity=quantity), price, used, at(clock))


def test_an_order_within_every_bound_is_covered() -> None:
    assert refusal() is None


def test_a_mandate_ends_at_its_expiry() -> None:
    assert refusal(clock="15:29") is None
    assert refusal(clock="15:30") == "mandate m-1 expired at 2024-03-05 15:30"


def test_a_mandate_is_for_one_side() -> None:
    assert refusal(replace(MANDATE, side=Side.SELL)) == "mandate m-1 is for SELL"


def test_a_mandate_names_its_symbols_and_none_means_all() -> None:
    assert refusal(replace(MANDATE, symbols=(HYNIX,))) == "mandate m-1 does not name 005930"
    assert refusal(replace(MANDATE, symbols=(HYNIX, SAMSUNG))) is None
    assert refusal(replace(MANDATE, symbols=())) is None


def test_a_mandate_has_a_largest_quantity() -> None:
    assert refusal(quantity=10) is None
    assert refusal(quantity=11) == "quantity 11 > 10 of mandate m-1"


def test_a_mandate_has_a_largest_notional_a_day_counting_what_was_used() -> None:
    assert refusal(price=100_000) is None
    assert refusal(price=100_000, used=1) == "notional 1000001 > 1000000 a day of m-1"
    assert refusal(price=70_000, used=300_000) is None


@pytest.mark.parametrize(
    ("refused", "words"),
    [
        (TokenRefusal.INVALID_SIGNATURE, "invalid_signature"),
        (TokenRefusal.EXPIRED, "expired"),
        (TokenRefusal.ALREADY_USED, "already used"),
        (TokenRefusal.NOT_FOUND, "Approval record not found"),
    ],
)
def test_a_refused_token_is_told_in_the_documents_own_words(refused: TokenRefusal, words: str) -> None:
    assert refused.value == words
