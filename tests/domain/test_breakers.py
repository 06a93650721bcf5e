"""The circuit breakers' values: which state a trip is in, what a trial came to, how deep a drawdown is."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kis_daemon.domain.breakers import (
    BREAKER,
    Breaker,
    BreakerEvent,
    BreakerState,
    TrialResult,
    Trigger,
    Trip,
    breaker_of,
    drawdown_pct,
    trial_of,
)
from kis_daemon.domain.orders import OrderKey
from tests.services.builders import TEN_O_CLOCK, a_trade, at

TRIP = Trip(breaker=Breaker.LOSS, trigger=Trigger.MAX_DRAWDOWN, at=TEN_O_CLOCK, until=TEN_O_CLOCK + timedelta(hours=24))


def test_every_state_is_left_only_as_the_table_says() -> None:
    allowed = {(state, event) for state, row in BREAKER.items() for event in row}

    assert set(BREAKER) == set(BreakerState)
    assert (BreakerState.CLOSED, BreakerEvent.RESET) not in allowed
    assert (BreakerState.OPEN, BreakerEvent.SUCCESS) not in allowed
    assert {BREAKER[state][BreakerEvent.RESET] for state in (BreakerState.OPEN, BreakerState.HALF_OPEN)} == {
        BreakerState.CLOSED
    }
    assert BREAKER[BreakerState.HALF_OPEN][BreakerEvent.TRIP] is BreakerState.OPEN


def test_a_trip_is_open_until_its_cool_down_is_over() -> None:
    assert TRIP.until is not None
    assert TRIP.state(TRIP.until - timedelta(microseconds=1)) is BreakerState.OPEN
    assert TRIP.state(TRIP.until) is BreakerState.HALF_OPEN


def test_a_trip_without_an_end_waits_for_a_person() -> None:
    forever = Trip(breaker=Breaker.LOSS, trigger=Trigger.MANUAL, at=TEN_O_CLOCK, until=None)

    assert forever.state(TEN_O_CLOCK + timedelta(days=999)) is BreakerState.OPEN


def test_a_trial_counts_positions_sold_since_by_what_they_brought() -> None:
    trades = [
        a_trade(OrderKey("0"), correlation_id="before", at=at("09:59"), realized_pnl=-1),
        a_trade(OrderKey("1"), correlation_id="in parts", at=at("10:10"), realized_pnl=-5),
        a_trade(OrderKey("2"), correlation_id="in parts", at=at("10:20"), realized_pnl=9),
        a_trade(OrderKey("3"), correlation_id="lost", at=at("10:30"), realized_pnl=-3),
        a_trade(OrderKey("4"), correlation_id="even", at=at("10:40"), realized_pnl=0),
    ]

    assert trial_of(trades, TEN_O_CLOCK) == TrialResult(good=1, bad=1, last_bad_at=at("10:30"))


@pytest.mark.parametrize(("peak", "equity", "pct"), [(100, 85, 15.0), (100, 100, 0), (100, 110, 0), (0, -5, 0)])
def test_a_drawdown_is_what_is_missing_of_the_peak(peak: int, equity: int, pct: float) -> None:
    assert drawdown_pct(peak, equity) == pct


def test_a_trip_without_a_name_belongs_to_the_breaker_of_its_trigger() -> None:
    assert [trigger for trigger in Trigger if breaker_of(trigger) is Breaker.API] == [
        Trigger.EXCHANGE_ERROR,
        Trigger.NETWORK_ISSUE,
    ]
