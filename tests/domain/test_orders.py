"""The life of an order, cell by cell, and the names it is known by."""

from __future__ import annotations

import hashlib
from datetime import date
from itertools import product
from typing import Any

import pytest

from kis_daemon.domain.market import Side
from kis_daemon.domain.orders import (
    LIVE_STATES,
    MOVES,
    Happening,
    IllegalTransition,
    OrderState,
    OrderType,
    move,
    order_key,
    signal_id,
)
from tests.conftest import ROOT
from tests.domain.builders import SAMSUNG, an_intent, an_order, at
from tests.state_tables import rendered

P, U, S, PART, F, C, R = OrderState
# written out a second time, from the design and not from the dict
FILLED_CELLS = {
    (P, Happening.ACCEPTED): S,
    (P, Happening.REFUSED): R,
    (P, Happening.NO_ANSWER): U,
    (P, Happening.WITHDRAWN): C,
    (U, Happening.FOUND): S,
    (U, Happening.NOT_FOUND): R,
    (S, Happening.REFUSED): R,
    (S, Happening.PART_FILLED): PART,
    (S, Happening.FILLED): F,
    (S, Happening.CANCELLED): C,
    (S, Happening.EXPIRED): C,
    (PART, Happening.PART_FILLED): PART,
    (PART, Happening.FILLED): F,
    (PART, Happening.CANCELLED): C,
    (PART, Happening.EXPIRED): C,
    (C, Happening.PART_FILLED): C,
    (C, Happening.FILLED): F,
    (C, Happening.CANCELLED): C,
    (R, Happening.FOUND): S,
}
EMPTY_CELLS = [cell for cell in product(OrderState, Happening) if cell not in FILLED_CELLS]


@pytest.mark.parametrize(("state", "happening"), FILLED_CELLS)
def test_a_filled_cell_moves_the_order_one_version_on(state: OrderState, happening: Happening) -> None:
    after = FILLED_CELLS[state, happening]

    moved = an_order(state=state).moved(happening, at("09:31"))

    assert move(state, happening) is after
    assert (moved.state, moved.version, moved.updated_at) == (after, 2, at("09:31"))
    assert moved.created_at == at("09:30")


@pytest.mark.parametrize(("state", "happening"), EMPTY_CELLS)
def test_an_empty_cell_is_refused(state: OrderState, happening: Happening) -> None:
    order = an_order(state=state)

    with pytest.raises(IllegalTransition, match=f"an order that is {state} cannot be {happening}") as refused:
        order.moved(happening, at("09:31"))

    assert (refused.value.state, refused.value.happening) == (state, happening)


def test_the_table_has_a_row_for_every_state_and_no_cell_beside_those_told() -> None:
    assert list(MOVES) == [P, U, S, PART, C, R, F]
    assert {(state, happening) for state, row in MOVES.items() for happening in row} == set(FILLED_CELLS)
    assert len(EMPTY_CELLS) == 7 * 10 - 19


def test_filled_is_never_left() -> None:
    assert MOVES[F] == {}


def test_an_order_may_still_be_filled_until_the_broker_said_otherwise() -> None:
    live = {state for state in OrderState if an_order(state=state).is_live}

    assert live == LIVE_STATES == {P, U, S, PART}


def test_what_remains_is_what_was_not_filled() -> None:
    assert an_order(quantity=10, filled_quantity=3).remaining_quantity == 7


def test_the_page_of_state_tables_is_the_table_of_the_code() -> None:
    """`python -m tests.state_tables > docs/state-tables.md` writes it again."""
    assert (ROOT / "docs" / "state-tables.md").read_text(encoding="utf-8") == rendered()


# ── keys


def test_the_order_key_is_the_hash_of_mode_side_symbol_quantity_and_signal() -> None:
    # printf '%s' 'PAPER|BUY|005930|10|20240305|005930|TREND_ATR_BREAKOUT|1|0' | sha256sum
    assert order_key("PAPER", an_intent()) == "27a7cb9f2f4f896b89404f34fa65109a83a1244f1d62127d7d3a43f364daac71"
    # printf '%s' 'REAL|SELL|005930|7|20240305|005930|ATR_STOP_LOSS|1|2' | sha256sum
    stop = an_intent(side=Side.SELL, quantity=7, signal_id="20240305|005930|ATR_STOP_LOSS|1|2")
    assert order_key("REAL", stop) == "ce44eee8c8e20ac05ca4e778ab683531f25654afd8ea44289ef7b35d5b6d6a2d"


def test_the_same_signal_gets_a_new_key_each_minute() -> None:
    """Requirements, section 9: neither price nor minute is in the key."""
    again = an_intent(price=70_500)
    market = an_intent(order_type=OrderType.MARKET, price=None)

    assert {order_key("PAPER", intent) for intent in (an_intent(), again, market)} == {order_key("PAPER", an_intent())}


@pytest.mark.parametrize(
    ("mode", "changed"),
    [
        ("REAL", {}),
        ("PAPER", {"side": Side.SELL}),
        ("PAPER", {"symbol": "000660"}),
        ("PAPER", {"quantity": 11}),
        ("PAPER", {"signal_id": "20240305|005930|TREND_ATR_BREAKOUT|1|1"}),
    ],
)
def test_each_part_of_the_key_makes_another_key(mode: str, changed: dict[str, Any]) -> None:
    assert order_key(mode, an_intent(**changed)) != order_key("PAPER", an_intent())


def test_a_key_fits_its_column() -> None:
    assert len(order_key("PAPER", an_intent())) == hashlib.sha256().digest_size * 2 == 64


def test_a_signal_is_named_by_day_symbol_rule_entry_and_attempt() -> None:
    assert signal_id(date(2024, 3, 5), SAMSUNG, "ATR_STOP_LOSS", 1, 2) == "20240305|005930|ATR_STOP_LOSS|1|2"


# ── what may be wanted


@pytest.mark.parametrize("quantity", [0, -1])
def test_an_intent_is_for_one_share_or_more(quantity: int) -> None:
    with pytest.raises(ValueError, match=f"quantity {quantity}: expected one share or more"):
        an_intent(quantity=quantity)


@pytest.mark.parametrize(("order_type", "price"), [(OrderType.LIMIT, None), (OrderType.MARKET, 70_000)])
def test_a_limit_order_and_only_it_has_a_price(order_type: OrderType, price: int | None) -> None:
    with pytest.raises(ValueError, match=f"{order_type} order with price {price}"):
        an_intent(order_type=order_type, price=price)


@pytest.mark.parametrize("price", [0, -70_000])
def test_a_limit_is_above_zero(price: int) -> None:
    with pytest.raises(ValueError, match=f"price {price}: expected more than zero won"):
        an_intent(price=price)
