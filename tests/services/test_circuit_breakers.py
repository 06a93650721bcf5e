"""The circuit breakers on the floor: what opens them, what they close, how they close again; exits never ask."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from kis_daemon.domain.breakers import Breaker, BreakerRules, BreakerState, Trigger, Trip
from kis_daemon.domain.market import Won
from kis_daemon.domain.orders import OrderKey, OrderNo, OrderState
from kis_daemon.domain.safeguards import Gate, KillSwitchScope
from kis_daemon.ports import BrokerUnreachable
from kis_daemon.services import circuit_breakers
from tests.services.builders import (
    HYNIX,
    SAMSUNG,
    TODAY,
    a_position,
    a_quote,
    a_sent_order,
    a_trade,
    an_intent,
    an_order,
)
from tests.services.trading import WEDNESDAY, Floor, a_floor

BREAKOUT = 70_000
STOP = 67_000
RULES = BreakerRules(loss_cooldown_hours=1.0, api_cooldown_hours=0.5)


@pytest.fixture
def floor(tmp_path: Path) -> Iterator[Floor]:
    with a_floor(tmp_path, breaker=RULES) as made:
        look(made)
        yield made


def look(floor: Floor, times: int = 1) -> None:
    for _ in range(times):
        floor.run(floor.control.refresh())


def held(floor: Floor, quantity: int = 100, price: Won = 70_000) -> None:
    """Hold half the account in one symbol, as bought with its cash; the peak is known."""
    floor.holds(a_position(quantity=quantity, cost=quantity * price, stop=1, target=10**9))
    floor.price(price)
    look(floor)


def fall(floor: Floor, price: Won) -> None:
    """Let the price fall and be seen for longer than a wrong one would last."""
    floor.board.publish(a_quote(price=price, ask=price, at=floor.now, low=price))
    look(floor)
    floor.pass_time(11)
    look(floor)


def trip(floor: Floor, breaker: Breaker = Breaker.LOSS, minutes: float = 60) -> Trip:
    """Have a trip in the records, made before now."""
    made = Trip(
        breaker=breaker,
        trigger=Trigger.MAX_DRAWDOWN if breaker is Breaker.LOSS else Trigger.NETWORK_ISSUE,
        at=floor.now - timedelta(hours=2),
        until=floor.now + timedelta(minutes=minutes),
    )
    floor.records.transact_now(lambda rows: rows.add_breaker_trip(made))
    look(floor)
    return made


def sold(floor: Floor, number: int, profit: Won) -> None:
    """Book a sale of another position."""
    key = OrderKey(f"{number:064d}")
    order = replace(a_sent_order(an_intent(symbol=HYNIX, attempt=number)), key=key, order_no=OrderNo(str(900 + number)))
    trade = a_trade(
        key, symbol=HYNIX, correlation_id=f"p{number}", at=floor.now, realized_pnl=profit, rule="TREND_BROKEN"
    )

    def work(rows: Any) -> None:
        pending = replace(order, state=OrderState.PENDING, order_no=None, version=1)
        assert rows.claim_order(replace(pending, day=TODAY))
        rows.save_trade(trade)

    floor.records.transact_now(work)
    floor.book.put_trade(trade)


# --- losses ------------------------------------------------------------------------------------------------------


def test_a_drawdown_at_its_limit_opens_the_loss_breaker_and_closes_entries_only(floor: Floor) -> None:
    held(floor)

    fall(floor, 44_000)  # 2,600,000 of 17,000,000: 15.3 %

    assert floor.breakers.state(Breaker.LOSS) is BreakerState.OPEN
    view = floor.control.gate()
    assert view.gate is Gate.EXIT_ONLY
    assert "loss_breaker" in view.reasons
    (fact,) = floor.events("circuit_breaker_opened")
    assert (fact["breaker"], fact["trigger"], fact["threshold"]) == ("loss", "max_drawdown", 15.0)
    assert fact["actual"] == pytest.approx(15.2941)
    assert floor.told("circuit_breaker_opened") == 1


def test_a_drawdown_turns_the_kill_switch_on_for_entries(floor: Floor) -> None:
    floor.journal.observe(floor.stops.on_fact)
    held(floor)

    fall(floor, 44_000)

    switch = floor.rows(lambda rows: rows.kill_switch())
    assert (switch.is_active, switch.scope, switch.actor) == (True, KillSwitchScope.ENTRIES, "engine")
    assert "15.2941 % >= 15.0 %" in switch.reason


def test_a_drawdown_never_weakens_what_a_person_has_stopped(floor: Floor) -> None:
    floor.journal.observe(floor.stops.on_fact)
    held(floor)
    floor.activate(KillSwitchScope.ALL)

    fall(floor, 44_000)

    assert floor.rows(lambda rows: rows.kill_switch()).scope is KillSwitchScope.ALL


def test_exits_pass_while_both_breakers_are_open(floor: Floor) -> None:
    floor.holds(a_position())
    trip(floor)
    trip(floor, Breaker.API)

    floor.price(STOP)

    assert floor.rules_sent() == ["ATR_STOP_LOSS"]


@pytest.mark.parametrize("breaker", Breaker)
def test_no_entry_passes_an_open_breaker(floor: Floor, breaker: Breaker) -> None:
    trip(floor, breaker)
    floor.is_ready_to_buy()

    floor.price(BREAKOUT)

    assert floor.sent == []


def test_a_wrong_price_that_does_not_last_opens_nothing(floor: Floor) -> None:
    held(floor)
    floor.board.publish(a_quote(price=40_000, at=floor.now))
    look(floor)
    floor.board.publish(a_quote(price=70_000, at=floor.now))
    look(floor)
    floor.pass_time(11)

    fall(floor, 69_000)

    assert floor.breakers.state(Breaker.LOSS) is BreakerState.CLOSED


def test_a_withdrawal_is_no_drawdown(floor: Floor) -> None:
    held(floor)

    floor.broker.pay_in(-5_000_000)
    for _ in range(3):
        floor.pass_time(11)
        floor.reconcile()
        look(floor)

    assert floor.told("cash_unexplained") == 1
    assert floor.breakers.state(Breaker.LOSS) is BreakerState.CLOSED
    assert floor.breakers._drawdown.pct == 0.0
    assert floor.book.flows == -5_000_000


def test_a_deposit_hides_no_drawdown(floor: Floor) -> None:
    held(floor)
    floor.broker.pay_in(50_000_000)
    for _ in range(3):
        floor.pass_time(11)
        floor.reconcile()

    fall(floor, 44_000)

    assert floor.breakers.state(Breaker.LOSS) is BreakerState.OPEN


def test_shares_sold_by_hand_are_no_drawdown(floor: Floor) -> None:
    held(floor)
    floor.broker.hold(SAMSUNG, 0)
    for _ in range(4):
        floor.pass_time(61)
        floor.reconcile()
        look(floor)

    assert floor.told("position_mismatch") == 1
    assert floor.breakers._drawdown.pct == 0.0


def test_a_price_that_is_not_known_measures_nothing(floor: Floor) -> None:
    held(floor)
    floor.book.positions[HYNIX] = a_position(symbol=HYNIX, quantity=1)

    fall(floor, 40_000)

    assert floor.breakers.state(Breaker.LOSS) is BreakerState.CLOSED


def test_of_a_symbol_that_may_have_been_split_the_last_good_price_counts(floor: Floor) -> None:
    held(floor)
    floor.locks.no_exit(floor.position(), "ratio 0.5", "corporate_action_unproven")

    fall(floor, 35_000)

    assert floor.breakers.state(Breaker.LOSS) is BreakerState.CLOSED


def test_the_peak_outlives_a_restart(tmp_path: Path) -> None:
    with a_floor(tmp_path, breaker=RULES) as floor:
        held(floor)
        floor.pass_time(61)
        look(floor)
        peak = floor.breakers._drawdown.peak
    with a_floor(tmp_path, breaker=RULES, is_open=False) as again:
        again.rows(lambda rows: again.breakers.load(rows))

        assert again.breakers._drawdown.peak == peak == 17_000_000


# --- what survives ------------------------------------------------------------------------------------------------


def test_an_open_breaker_is_open_after_a_restart(tmp_path: Path) -> None:
    with a_floor(tmp_path, breaker=RULES) as floor:
        made = trip(floor)
    with a_floor(tmp_path, breaker=RULES, is_open=False) as again:
        again.rows(lambda rows: again.breakers.load(rows))

        assert again.breakers.is_open(Breaker.LOSS)
        assert again.breakers.status()[0].cooldown_until == made.until


def test_every_trip_is_in_the_table_with_its_numbers(floor: Floor) -> None:
    held(floor)
    fall(floor, 44_000)

    (row,) = floor.rows(lambda rows: rows.breaker_trips())

    assert (row.breaker, row.trigger, row.threshold) == (Breaker.LOSS, Trigger.MAX_DRAWDOWN, 15.0)
    assert row.until == row.at + timedelta(hours=1)


def test_a_row_of_an_operator_opens_it_until_a_person_resets_it(floor: Floor) -> None:
    floor.sql("INSERT INTO circuit_breaker_events (triggered_at, trigger_type) VALUES (datetime('now'), 'manual')")
    look(floor)

    assert floor.breakers.is_open(Breaker.LOSS)
    assert floor.run(floor.breakers.reset("kim", "tried it")) == (Breaker.LOSS,)
    assert floor.control.gate().gate is Gate.OPEN


# --- the reset ---------------------------------------------------------------------------------------------------


def test_a_reset_closes_what_is_open_and_says_who(floor: Floor) -> None:
    trip(floor)
    trip(floor, Breaker.API)

    closed = floor.run(floor.breakers.reset("kim", "looked into it", Breaker.API))

    assert closed == (Breaker.API,)
    assert [one.state for one in floor.breakers.status()] == [BreakerState.OPEN, BreakerState.CLOSED]
    (fact,) = floor.events("circuit_breaker_reset")
    assert fact == {"breaker": "api", "reason": "looked into it", "by": "kim"}
    assert floor.told("circuit_breaker_reset_seen") == 1


def test_a_reset_beside_the_daemon_counts_at_the_next_look(floor: Floor) -> None:
    trip(floor)

    floor.records.transact_now(lambda rows: circuit_breakers.reset(rows, floor.now, "looked", "kim"))
    look(floor)

    assert floor.breakers.state(Breaker.LOSS) is BreakerState.CLOSED
    assert floor.told("circuit_breaker_reset_seen") == 1


@pytest.mark.parametrize(("by", "reason"), [("", "why"), ("kim", " ")])
def test_a_reset_needs_a_reason_and_a_name(floor: Floor, by: str, reason: str) -> None:
    trip(floor)

    with pytest.raises(ValueError, match="needs a reason and a name"):
        floor.run(floor.breakers.reset(by, reason))

    assert floor.breakers.is_open(Breaker.LOSS)


def test_after_a_reset_a_drawdown_counts_from_there(floor: Floor) -> None:
    held(floor)
    fall(floor, 44_000)

    floor.run(floor.breakers.reset("kim", "accepted"))
    fall(floor, 43_900)

    assert floor.breakers.state(Breaker.LOSS) is BreakerState.CLOSED


# --- half open ---------------------------------------------------------------------------------------------------


def on_trial(floor: Floor, breaker: Breaker = Breaker.LOSS) -> None:
    """Have the cool-down behind us."""
    trip(floor, breaker, minutes=1)
    floor.pass_time(61)
    floor.reconcile()
    look(floor)


def test_after_the_cool_down_a_part_of_the_size_is_bought(floor: Floor) -> None:
    on_trial(floor)
    floor.is_ready_to_buy()

    floor.price(BREAKOUT)

    (intent,) = floor.sent
    assert intent.quantity == 7  # of 28
    assert floor.breakers.state(Breaker.LOSS) is BreakerState.HALF_OPEN
    assert floor.told("circuit_breaker_half_open") == 1


def test_no_entry_of_the_whole_size_slips_through_before_the_trial_is_set(floor: Floor) -> None:
    trip(floor, minutes=1)
    floor.pass_time(61)

    assert floor.breakers.is_open(Breaker.LOSS)


def test_on_trial_so_many_entries_pass_and_no_more(floor: Floor) -> None:
    on_trial(floor)
    for attempt in range(3):
        order = a_sent_order(
            an_intent(symbol=HYNIX, attempt=attempt),
            order_no=OrderNo(str(attempt)),
            created_at=floor.now,
            state=OrderState.FILLED,
            filled_quantity=10,
        )
        floor.book.put(order)
    floor.is_ready_to_buy()

    floor.price(BREAKOUT)

    assert floor.sent == []
    assert floor.events("entry_denied")[0]["code"] == "breaker_half_open"


def test_entries_of_the_day_before_count_on_trial_too(floor: Floor) -> None:
    floor.wait_until("14:00")
    on_trial(floor)
    order = replace(an_order(an_intent(symbol=HYNIX)), created_at=floor.now)
    floor.records.transact_now(lambda rows: rows.claim_order(order))

    floor.go_to("09:01", WEDNESDAY)
    floor.book.start_day(WEDNESDAY)
    look(floor)

    assert floor.book.trial is not None
    assert floor.book.trial.earlier_entries == 1


def test_three_good_trades_close_it(floor: Floor) -> None:
    on_trial(floor)
    for number in range(3):
        sold(floor, number, 1_000)

    look(floor)

    assert floor.breakers.state(Breaker.LOSS) is BreakerState.CLOSED
    assert floor.book.trial is None
    assert floor.events("circuit_breaker_closed")[0] == {"breaker": "loss", "good": 3, "bad": 0}
    look(floor)
    assert floor.rows(lambda rows: rows.breaker_trips()) == ()


def test_two_losses_open_it_again(floor: Floor) -> None:
    on_trial(floor)
    sold(floor, 1, -1_000)
    look(floor)
    assert floor.breakers.state(Breaker.LOSS) is BreakerState.HALF_OPEN

    sold(floor, 2, -1_000)
    look(floor)

    assert floor.breakers.is_open(Breaker.LOSS)
    assert floor.breakers.status()[0].trigger is Trigger.CONSECUTIVE_LOSSES


def test_four_hours_of_trading_without_a_failure_close_it(floor: Floor) -> None:
    on_trial(floor)  # a minute after ten

    floor.wait_until("14:00")
    look(floor)
    assert floor.breakers.state(Breaker.LOSS) is BreakerState.HALF_OPEN
    floor.wait_until("14:02")
    look(floor)

    assert floor.breakers.state(Breaker.LOSS) is BreakerState.CLOSED


def test_a_night_is_no_time_without_a_failure(floor: Floor) -> None:
    floor.wait_until("15:00")
    on_trial(floor)

    floor.wait_until("09:30", WEDNESDAY)
    look(floor)

    assert floor.breakers.state(Breaker.LOSS) is BreakerState.HALF_OPEN


def test_a_smaller_drawdown_opens_it_again_on_trial(floor: Floor) -> None:
    on_trial(floor)
    held(floor)
    look(floor)

    fall(floor, 49_000)  # 12.4 %

    assert floor.breakers.is_open(Breaker.LOSS)
    assert floor.breakers.status()[0].threshold == 12.0


# --- the broker's answers ----------------------------------------------------------------------------------------


def answers(floor: Floor, answered: int, failed: int) -> None:
    for _ in range(failed):
        floor.outages.failed(BrokerUnreachable("no answer"))
    for _ in range(answered):
        floor.outages.answered()
    look(floor)


def test_half_of_the_questions_without_an_answer_open_the_api_breaker(floor: Floor) -> None:
    floor.outages.forget_calls()
    answers(floor, 10, 9)
    assert floor.breakers.state(Breaker.API) is BreakerState.CLOSED

    answers(floor, 0, 1)

    assert floor.breakers.is_open(Breaker.API)
    assert "api_breaker" in floor.control.gate().reasons
    assert not floor.rows(lambda rows: rows.kill_switch()).is_active


def test_few_questions_say_nothing(floor: Floor) -> None:
    floor.outages.forget_calls()

    answers(floor, 1, 18)

    assert floor.breakers.state(Breaker.API) is BreakerState.CLOSED


def test_what_failed_long_ago_does_not_count(floor: Floor) -> None:
    floor.outages.forget_calls()
    for _ in range(19):
        floor.outages.failed(BrokerUnreachable("no answer"))
    floor.pass_time(320)

    answers(floor, 0, 1)

    assert floor.breakers.state(Breaker.API) is BreakerState.CLOSED


def test_orders_that_the_broker_took_close_the_api_breaker(floor: Floor) -> None:
    on_trial(floor, Breaker.API)
    for number in range(3):
        order = replace(an_order(an_intent(symbol=HYNIX, attempt=number)), created_at=floor.now)
        taken = replace(order, state=OrderState.SUBMITTED, order_no=OrderNo(str(number + 1)), version=order.version + 1)

        def work(rows: Any, order: Any = order, taken: Any = taken) -> None:
            assert rows.claim_order(order)
            rows.save_order(taken)

        floor.records.transact_now(work)

    look(floor)

    assert floor.breakers.state(Breaker.API) is BreakerState.CLOSED


# --- alarms ------------------------------------------------------------------------------------------------------


def test_a_loss_limit_is_told_when_it_is_near_and_when_it_is_reached(floor: Floor) -> None:
    sold(floor, 1, -299_999)
    look(floor)
    assert floor.told("daily_loss_warning") == 0
    sold(floor, 2, -1)
    look(floor, 2)
    assert (floor.told("daily_loss_warning"), floor.told("daily_loss_reached")) == (1, 0)

    sold(floor, 3, -200_000)
    look(floor, 2)

    assert (floor.told("daily_loss_warning"), floor.told("daily_loss_reached")) == (1, 1)
    assert floor.told("losses_in_a_row") == 1


def test_a_drawdown_is_told_before_it_opens_anything(floor: Floor) -> None:
    held(floor)

    fall(floor, 52_000)  # 10.6 %

    assert floor.told("drawdown_warning") == 1
    assert floor.breakers.state(Breaker.LOSS) is BreakerState.CLOSED
