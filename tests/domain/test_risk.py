"""Every limit refuses an entry, and a size never goes beyond one."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kis_daemon.domain.costs import order_costs
from kis_daemon.domain.market import Market, Side, Symbol
from kis_daemon.domain.risk import (
    AccountFigures,
    Allowed,
    Denied,
    RiskLimits,
    Sizing,
    Trial,
    check_entry,
    check_order,
    daily_loss_reached,
    entry_quantity,
)
from tests.domain.builders import HYNIX, SAMSUNG, TODAY
from tests.services.builders import TEN_O_CLOCK

PPB = 140_527
LIMITS = RiskLimits()
FIGURES = AccountFigures(
    equity=100_000_000,
    cash=100_000_000,
    day_base_equity=100_000_000,
    realized_today=0,
    entries_today=0,
    consecutive_losses=0,
    busy_symbols=frozenset(),
)
TRIAL = Trial(since=TEN_O_CLOCK, size_pct=25.0, most_entries=3)
OTHERS = frozenset(Symbol(f"{number:06}") for number in range(1, 6))


def test_within_every_limit_an_entry_is_allowed() -> None:
    busiest = replace(
        FIGURES,
        realized_today=-4_999_999,
        entries_today=19,
        consecutive_losses=2,
        busy_symbols=frozenset(sorted(OTHERS)[:4]),
        resting_symbols=frozenset({HYNIX}),
    )

    assert check_entry(SAMSUNG, FIGURES, LIMITS) == Allowed()
    assert check_entry(SAMSUNG, busiest, LIMITS) == Allowed()


REFUSALS: list[tuple[dict[str, Any], str, str]] = [
    ({"busy_symbols": frozenset({SAMSUNG})}, "already_busy", "005930 is held or being bought"),
    ({"resting_symbols": frozenset({SAMSUNG})}, "cooldown", "005930 rests after a stop"),
    ({"busy_symbols": OTHERS}, "max_positions", "5 positions >= 5"),
    ({"entries_today": 20}, "max_trades_a_day", "20 entries >= 20"),
    ({"consecutive_losses": 3}, "consecutive_losses", "3 losses in a row >= 3"),
    ({"realized_today": -5_000_000}, "daily_loss", "realised -5000000 of 100000000: limit 5.0 %"),
    ({"exposure": 100_000_000}, "max_exposure", "100000000 won of 100000000 at risk: limit 100.0 %"),
    ({"entries_last_minute": 10}, "entry_rate", "10 entries within a minute >= 10"),
    ({"trial": TRIAL, "trial_entries": 3}, "breaker_half_open", "3 entries on trial >= 3"),
]


@pytest.mark.parametrize(("changed", "code", "reason"), REFUSALS)
def test_each_limit_refuses_with_its_numbers(changed: dict[str, Any], code: str, reason: str) -> None:
    assert check_entry(SAMSUNG, replace(FIGURES, **changed), LIMITS) == Denied(code=code, reason=reason)


@pytest.mark.parametrize("place", range(len(REFUSALS)))
def test_the_first_limit_reached_answers(place: int) -> None:
    changed: dict[str, Any] = {"busy_symbols": OTHERS}
    for more, _, _ in reversed(REFUSALS[place:]):
        changed |= more
    if place > 2:
        changed["busy_symbols"] = frozenset()

    answer = check_entry(SAMSUNG, replace(FIGURES, **changed), LIMITS)

    assert isinstance(answer, Denied)
    assert answer.code == REFUSALS[place][1]


def test_the_limits_are_those_configured() -> None:
    strict = RiskLimits(max_positions=1, max_trades_a_day=3, max_consecutive_losses=2, max_daily_loss_pct=2.0)

    def code(**changed: Any) -> str | None:
        answer = check_entry(SAMSUNG, replace(FIGURES, **changed), strict)
        return answer.code if isinstance(answer, Denied) else None

    assert code(busy_symbols=frozenset({HYNIX})) == "max_positions"
    assert (code(entries_today=2), code(entries_today=3)) == (None, "max_trades_a_day")
    assert (code(consecutive_losses=1), code(consecutive_losses=2)) == (None, "consecutive_losses")
    assert (code(realized_today=-1_999_999), code(realized_today=-2_000_000)) == (None, "daily_loss")


# ── the daily loss


@pytest.mark.parametrize(
    ("realized", "reached"),
    [(-5_000_000, True), (-5_000_001, True), (-4_999_999, False), (0, False), (5_000_000, False)],
)
def test_the_daily_loss_counts_from_the_days_first_equity(realized: int, reached: bool) -> None:
    sunk = replace(FIGURES, realized_today=realized, equity=50_000_000)

    assert daily_loss_reached(sunk, LIMITS) is reached


def test_without_a_base_there_is_no_daily_loss() -> None:
    assert not daily_loss_reached(replace(FIGURES, day_base_equity=0), LIMITS)


def test_what_ended_the_days_entries_ends_them_whatever_is_won_afterwards() -> None:
    lost = replace(FIGURES, realized_today=3_000_000, worst_realized_today=-5_000_000)
    unlucky = replace(FIGURES, consecutive_losses=0, worst_losses_in_a_row=3)

    assert daily_loss_reached(lost, LIMITS)
    assert check_entry(SAMSUNG, lost, LIMITS) == Denied(
        code="daily_loss", reason="realised -5000000 of 100000000: limit 5.0 %"
    )
    assert check_entry(SAMSUNG, unlucky, LIMITS) == Denied(code="consecutive_losses", reason="3 losses in a row >= 3")


ORDERS_REFUSED: dict[str, tuple[RiskLimits, dict[str, Any]]] = {
    "sizing": (RiskLimits(sizing=Sizing.FIXED, order_quantity=10), {"cash": 0}),
    "order_quantity": (RiskLimits(sizing=Sizing.FIXED, order_quantity=0), {}),
    "risk_per_trade_pct": (RiskLimits(risk_per_trade_pct=0.001), {}),
    "max_position_pct": (RiskLimits(max_position_pct=0.05), {}),
    "max_exposure_pct": (RiskLimits(max_exposure_pct=50.0), {"exposure": 50_000_000}),
    "max_quantity": (RiskLimits(max_quantity=0), {}),
    "max_order_won": (RiskLimits(max_order_won=99_999), {}),
    "max_positions": (RiskLimits(max_positions=1), {"busy_symbols": frozenset({HYNIX})}),
    "max_trades_a_day": (RiskLimits(max_trades_a_day=1), {"entries_today": 1}),
    "max_entries_a_minute": (RiskLimits(max_entries_a_minute=1), {"entries_last_minute": 1}),
    "max_consecutive_losses": (RiskLimits(max_consecutive_losses=1), {"consecutive_losses": 1}),
    "max_daily_loss_pct": (RiskLimits(max_daily_loss_pct=0.1), {"realized_today": -100_000}),
}


@pytest.mark.parametrize("name", [field.name for field in fields(RiskLimits)])
def test_every_configured_limit_refuses_an_order_that_the_default_lets_pass(name: str) -> None:
    limits, changed = ORDERS_REFUSED[name]  # a new limit needs its line

    def answer(with_limits: RiskLimits, figures: AccountFigures) -> object:
        verdict = check_entry(SAMSUNG, figures, with_limits)
        return verdict if isinstance(verdict, Denied) else entry_quantity(100_000, 2_000.0, figures, with_limits, PPB)

    assert isinstance(answer(limits, replace(FIGURES, **changed)), Denied)
    if name != "sizing":
        assert not isinstance(answer(RiskLimits(), replace(FIGURES, **changed)), Denied)


# ── the order, whoever sized it


@pytest.mark.parametrize(
    ("quantity", "changed", "code"),
    [
        (10, {}, None),
        (101, {}, "max_quantity"),
        (51, {}, "order_amount"),
        (50, {"exposure": 95_000_001}, "max_exposure"),
        (50, {"exposure": 95_000_000}, None),
        (10, {"realized_today": -5_000_000}, "daily_loss"),
    ],
)
def test_an_order_is_held_against_every_limit(quantity: int, changed: dict[str, Any], code: str | None) -> None:
    limits = RiskLimits(max_quantity=100, max_order_won=5_000_000)

    answer = check_order(SAMSUNG, quantity, 100_000, replace(FIGURES, **changed), limits)

    assert (answer.code if isinstance(answer, Denied) else None) == code


# ── sizes


def size(price: int = 100_000, distance: float = 2_000.0, limits: RiskLimits = LIMITS, **changed: Any) -> int | Denied:
    return entry_quantity(price, distance, replace(FIGURES, **changed), limits, PPB)


def test_the_size_is_what_may_be_lost_over_the_distance_to_the_stop() -> None:
    assert size(price=10_000, distance=2_000.0) == 500  # 1 % of 100,000,000 over 2,000
    assert size(price=10_000, distance=2_000.1) == 499


def test_the_size_is_capped_by_the_position_share() -> None:
    assert size(price=100_000, distance=2_000.0) == 200  # 20 % of 100,000,000, where risk alone says 500


def test_the_size_is_capped_by_the_cash_with_the_commission() -> None:
    assert size(cash=10_000_000) == 99  # the hundredth share's commission is not there
    assert size(cash=10_001_405) == 99
    assert size(cash=10_001_406) == 100


def test_the_size_is_capped_by_the_largest_quantity() -> None:
    assert size(limits=replace(LIMITS, max_quantity=7)) == 7


def test_the_size_is_capped_by_the_largest_order() -> None:
    assert size(limits=replace(LIMITS, max_order_won=1_050_000)) == 10


def test_the_size_is_capped_by_what_may_be_exposed() -> None:
    assert size(exposure=99_000_000) == 10
    assert size(limits=replace(LIMITS, max_exposure_pct=50.0), exposure=49_700_000) == 3


def test_on_trial_the_size_is_a_part_of_what_it_would_be() -> None:
    assert size(price=100_000, trial=TRIAL) == 50
    assert size(limits=replace(LIMITS, sizing=Sizing.FIXED, order_quantity=10), trial=TRIAL) == 2


def test_a_fixed_size_looks_at_neither_risk_nor_share_but_at_cash_and_the_largest_quantity() -> None:
    fixed = RiskLimits(sizing=Sizing.FIXED, order_quantity=300)

    assert size(limits=fixed) == 300
    assert size(limits=fixed, cash=1_000_000) == 9
    assert size(limits=replace(fixed, max_quantity=250)) == 250


@pytest.mark.parametrize(
    ("limits", "changed", "wanted", "affordable", "room"),
    [
        (LIMITS, {"equity": 100_000}, 0, 999, 1),
        (LIMITS, {"cash": 99_999}, 200, 0, 1_000),
        (LIMITS, {"cash": -5_000_000}, 200, -50, 1_000),
        (RiskLimits(sizing=Sizing.FIXED, order_quantity=0), {}, 0, 999, 1_000),
    ],
)
def test_a_size_of_zero_is_a_denial_with_its_numbers(
    limits: RiskLimits, changed: dict[str, int], wanted: int, affordable: int, room: int
) -> None:
    figures = replace(FIGURES, **changed)  # type: ignore[arg-type]

    assert entry_quantity(100_000, 2_000.0, figures, limits, PPB) == Denied(
        code="size_zero",
        reason=f"wanted {wanted}, affordable {affordable}, room for {room} at 100000 (equity {figures.equity}, "
        f"cash {figures.cash}, stop distance 2000.00)",
    )


@pytest.mark.parametrize(("price", "distance"), [(0, 2_000.0), (100_000, 0.0), (-1, 1.0)])
def test_without_a_price_or_a_distance_nothing_is_sized(price: int, distance: float) -> None:
    assert size(price, distance) == Denied(code="no_price", reason=f"price {price}, stop distance {distance:.2f}")


@given(
    st.integers(1, 2_000_000),
    st.floats(0.5, 500_000),
    st.integers(0, 10**10),
    st.integers(-(10**6), 10**10),
    st.integers(0, 5_000_000),
    st.sampled_from(Sizing),
)
def test_a_size_never_goes_beyond_cash_share_risk_or_the_largest_quantity(
    price: int, distance: float, equity: int, cash: int, ppb: int, sizing: Sizing
) -> None:
    limits = RiskLimits(sizing=sizing, order_quantity=50, max_quantity=1_000)

    quantity = entry_quantity(price, distance, replace(FIGURES, equity=equity, cash=cash), limits, ppb)

    if isinstance(quantity, Denied):
        assert quantity.code == "size_zero"
        return
    amount = quantity * price
    assert 1 <= quantity <= 1_000
    assert amount + order_costs(Side.BUY, amount, Market.KOSPI, TODAY, ppb).fee <= cash
    if sizing is Sizing.RISK:
        assert quantity * distance <= equity * 0.01 * (1 + 1e-9)
        assert amount <= equity * 0.20 * (1 + 1e-9)
    else:
        assert quantity <= 50
