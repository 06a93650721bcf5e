"""First steps with real money: small, and in one symbol."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kis_daemon.domain.first_steps import FirstSteps, check_first_day, first_quantity
from kis_daemon.domain.market import as_symbol

ONE, OTHER = as_symbol("005930"), as_symbol("000660")


@given(st.integers(1, 1_000_000), st.floats(0.01, 100), st.integers(0, 20))
def test_a_first_step_is_never_larger_and_never_nothing(quantity: int, percent: float, entries: int) -> None:
    steps = FirstSteps(order_percent=percent)

    taken = first_quantity(quantity, entries, steps)

    assert 1 <= taken <= quantity
    assert entries == 0 or taken == quantity
    assert entries > 0 or taken == 1 or taken <= quantity * percent / 100


def test_the_first_day_trades_one_symbol() -> None:
    assert check_first_day(ONE, ()) is None
    assert check_first_day(ONE, (ONE,)) is None
    denied = check_first_day(OTHER, (ONE,))
    assert denied is not None
    assert (denied.code, ONE in denied.reason) == ("first_day_symbol", True)
