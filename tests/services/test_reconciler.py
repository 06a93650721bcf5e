"""The reconciler: what the broker says is true, what it does not say proves nothing."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import TypeVar

import pytest

from kis_daemon.domain.market import Side
from kis_daemon.domain.orders import Order, OrderIntent, OrderNo, OrderState
from kis_daemon.ports import (
    Accepted,
    AccountStatement,
    BrokerUnreachable,
    ListingChanged,
    NoAnswer,
    Permit,
    ProtocolError,
    RateLimited,
    Rows,
    Severity,
    Withdrawn,
)
from tests.services.builders import (
    HYNIX,
    SAMSUNG,
    TEN_O_CLOCK,
    TODAY,
    YESTERDAY,
    a_position,
    a_sent_order,
    an_exit,
    an_intent,
    an_order,
    at,
)
from tests.services.fakes import Silence
from tests.services.order_path import OrderPath, beginning, lived, prepared

T = TypeVar("T")


def left_pending(path: OrderPath, intent: OrderIntent | None = None, day: date = TODAY) -> Order:
    """Leave an order in the records as a crash between its row and its answer does."""
    moment = TEN_O_CLOCK - timedelta(seconds=1)
    order = an_order(intent, created_at=moment, updated_at=moment, day=day)
    path.now(lambda rows: rows.claim_order(order))
    return order


def left_sent(path: OrderPath, order_no: str, intent: OrderIntent | None = None, day: date = TODAY) -> Order:
    """Leave an order in the records that has its number."""
    pending = left_pending(path, intent, day)
    sent = a_sent_order(
        intent, order_no=OrderNo(order_no), day=day, created_at=pending.created_at, version=pending.version + 1
    )
    path.now(lambda rows: rows.save_order(sent))
    return sent


# --- a failed question -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error", [BrokerUnreachable("no route"), RateLimited("slow"), ProtocolError("?"), ListingChanged("again")]
)
@lived
async def test_a_failed_question_changes_nothing(path: OrderPath, error: Exception) -> None:
    path.holds(a_position())
    path.buy(symbol=HYNIX, price=150_000)
    await path.passes(1)
    before = path.stored_orders()
    path.broker.failing = error  # type: ignore[assignment]  # all are broker errors

    await path.passes(40)

    assert path.stored_orders() == before
    assert path.stored_position(SAMSUNG) == a_position()
    assert path.reconciler.failing_since is not None
    assert "reconciliation_failed" in path.events()


@lived
async def test_a_broker_that_is_back_is_told_with_the_length_of_the_outage(path: OrderPath) -> None:
    path.broker.failing = BrokerUnreachable("no route")
    path.reconciler.wake()
    await path.passes(10)

    path.broker.failing = None
    await path.passes(5)

    assert path.reconciler.failing_since is None
    assert path.notifier.events == ["broker_reachable"]
    assert path.payload("broker_reachable")["seconds"] == 12.0


@prepared
async def test_without_an_answer_no_reconciliation_has_succeeded(path: OrderPath) -> None:
    path.broker.failing = BrokerUnreachable("no route")

    assert not await path.reconciler.attempt()

    assert path.reconciler.last_success is None


# --- orders at start ---------------------------------------------------------------------------------------------


@prepared
async def test_an_order_not_in_the_listing_at_start_is_not_taken_for_cancelled(path: OrderPath) -> None:
    left_sent(path, "77")

    await path.start()
    await path.passes(40)

    assert path.state() is OrderState.SUBMITTED


@prepared
async def test_a_pending_order_at_start_that_the_broker_has_is_found(path: OrderPath) -> None:
    order = left_pending(path)
    path.broker.take(order.intent)

    await path.start()

    assert path.events()[-2:] == ["order_unconfirmed", "order_found"]
    assert (path.state(), path.order.order_no) == (OrderState.SUBMITTED, "1")


@prepared
async def test_a_pending_order_at_start_that_was_filled_meanwhile_is_a_position(path: OrderPath) -> None:
    order = left_pending(path)
    path.broker.fill(path.broker.take(order.intent), 10)

    await path.start()

    assert path.state() is OrderState.FILLED
    position = path.stored_position(SAMSUNG)
    assert position is not None
    assert (position.quantity, position.atr) == (10, order.intent.atr)


@prepared
async def test_a_pending_order_of_a_clock_that_was_ahead_is_not_forgotten(path: OrderPath) -> None:
    """Found by the simulation: begun at a moment that has not come yet by the new process's clock, nobody woke it."""
    ahead = TEN_O_CLOCK + timedelta(seconds=40)
    order = an_order(created_at=ahead, updated_at=ahead)
    path.now(lambda rows: rows.claim_order(order))

    await path.start()
    assert path.state() is OrderState.UNCONFIRMED
    await path.passes(90)

    assert path.state() is OrderState.REJECTED


@prepared
async def test_an_order_thought_never_taken_does_not_keep_the_broker_asked_all_day(path: OrderPath) -> None:
    """Found by the simulation: what is looked for in every listing must not itself cause listings."""
    left_pending(path)
    await path.start()
    await path.passes(120)
    assert path.state() is OrderState.REJECTED
    asked = len(path.broker.questions)

    await path.passes(600)

    assert len(path.broker.questions) - asked <= 30


@prepared
async def test_a_pending_buy_that_never_arrived_is_given_up_after_a_minute_and_three_listings(path: OrderPath) -> None:
    left_pending(path)

    await path.start()
    assert path.state() is OrderState.UNCONFIRMED
    await path.passes(55)
    assert path.state() is OrderState.UNCONFIRMED
    await path.passes(15)

    assert path.state() is OrderState.REJECTED
    assert path.order.refusal.startswith("not found: ")
    assert path.broker.sent == []


@prepared
async def test_a_pending_sale_that_never_arrived_is_given_up_while_its_shares_are_sellable(path: OrderPath) -> None:
    path.holds(a_position())
    left_pending(path, an_exit())

    await path.start()
    await path.passes(20)

    assert path.state() is OrderState.REJECTED
    assert path.stored_position(SAMSUNG) == a_position()


@prepared
async def test_a_pending_sale_whose_shares_are_not_sellable_stays_open(path: OrderPath) -> None:
    path.holds(a_position())
    left_pending(path, an_exit())
    path.broker.take(an_exit(quantity=1))  # somebody sells one by hand

    await path.start()
    await path.passes(120)

    assert path.state() is OrderState.UNCONFIRMED


@prepared
async def test_a_start_looks_back_to_the_day_of_its_oldest_order(path: OrderPath) -> None:
    order = left_sent(path, "1", day=YESTERDAY)
    path.broker.take(order.intent)
    path.broker.revise("1", at=at("15:00", YESTERDAY))
    path.broker.fill("1", 10)

    await path.start()

    assert path.state() is OrderState.FILLED
    position = path.stored_position(SAMSUNG)
    assert position is not None
    assert position.entry_day == YESTERDAY


@prepared
async def test_twins_block_and_call_a_person_once(path: OrderPath) -> None:
    order = left_pending(path)
    path.broker.take(order.intent)
    path.broker.take(order.intent)

    await path.start()
    await path.passes(120)

    assert path.state() is OrderState.UNCONFIRMED
    assert not path.reconciler.evidence_sound
    assert path.notifier.events.count("order_ambiguous") == 1


@prepared
async def test_an_order_of_ours_explains_its_row_and_leaves_the_other_for_the_doubtful_one(path: OrderPath) -> None:
    first = left_sent(path, "1")
    path.broker.take(first.intent)
    path.now(lambda rows: rows.save_order(replace(first, state=OrderState.CANCELLED, version=3)))
    doubtful = left_pending(path, an_intent(attempt=1))
    path.broker.take(doubtful.intent)

    await path.start()

    found = path.book.orders[doubtful.key]
    assert (found.state, found.order_no) == (OrderState.SUBMITTED, "2")


# --- orders under way --------------------------------------------------------------------------------------------


@lived
async def test_a_lagging_listing_is_asked_again_and_nothing_is_assumed(path: OrderPath) -> None:
    path.broker.lag_s = 7
    path.broker.depth[SAMSUNG] = 10

    path.buy()
    await path.passes(6)
    assert path.state() is OrderState.SUBMITTED
    await path.passes(6)

    assert path.state() is OrderState.FILLED


@lived
async def test_with_orders_open_the_broker_is_asked_every_three_seconds(path: OrderPath) -> None:
    path.buy()
    await path.passes(1)
    asked = path.broker.asked("orders")

    await path.passes(30)

    assert path.broker.asked("orders") - asked == 10


@lived
async def test_with_nothing_open_orders_are_not_asked_for_and_the_account_once_a_minute(path: OrderPath) -> None:
    asked_orders, asked_account = path.broker.asked("orders"), path.broker.asked("account")

    await path.passes(601)

    assert path.broker.asked("orders") == asked_orders
    assert path.broker.asked("account") - asked_account == 10


@lived
async def test_a_fill_after_a_cancel_counts(path: OrderPath) -> None:
    path.buy()
    await path.passes(60)
    assert path.state() is OrderState.CANCELLED

    path.broker.revise("1", remaining_quantity=4, cancelled_quantity=6)
    path.broker.fill("1", 4)
    await path.passes(180)

    assert path.order.filled_quantity == 4
    assert path.book.positions[SAMSUNG].quantity == 4


@lived
async def test_an_order_given_up_as_not_found_that_appears_after_all_is_ours_and_alerted(path: OrderPath) -> None:
    path.broker.answers.append(Silence(arrived=False))
    path.buy()
    await path.passes(120)
    assert path.state() is OrderState.REJECTED

    path.broker.revise(path.broker.take(path.order.intent), at=TEN_O_CLOCK)
    path.broker.fill("1", 10)
    await path.passes(180)

    assert path.book.positions[SAMSUNG].quantity == 10
    assert not path.reconciler.evidence_sound


# --- the end of the day ------------------------------------------------------------------------------------------


@beginning("15:20:30")
async def test_a_day_order_expires_by_the_listing_after_the_close(path: OrderPath) -> None:
    await path.start()
    path.sell_limit(a_position())

    await path.passes(10 * 60 + 200)  # 15:33:50
    assert path.state() is OrderState.SUBMITTED
    await path.passes(30)

    assert path.state() is OrderState.CANCELLED
    assert path.payload("order_expired")["remaining"] == 10


@beginning("15:20:30")
async def test_a_day_order_that_the_listing_lacks_does_not_expire(path: OrderPath) -> None:
    await path.start()
    path.sell_limit(a_position())
    await path.passes(1)
    path.broker.lose("1")

    await path.passes(3600)

    assert path.state() is OrderState.SUBMITTED


@beginning("15:20:30")
async def test_a_fill_listed_only_after_the_expiry_counts(path: OrderPath) -> None:
    await path.start()
    path.sell_limit(a_position())
    await path.passes(15 * 60)
    assert path.state() is OrderState.CANCELLED

    path.broker.fill("1", 6)
    await path.passes(2 * 1800)

    assert (path.state(), path.order.filled_quantity) == (OrderState.CANCELLED, 6)
    assert path.book.positions[SAMSUNG].quantity == 4


@prepared
async def test_an_order_of_an_earlier_day_that_no_listing_has_is_over_and_alerted(path: OrderPath) -> None:
    left_sent(path, "77", day=YESTERDAY)

    await path.start()

    assert path.state() is OrderState.CANCELLED
    assert path.payload("order_expired")["listed"] is False
    assert "order_expired" in path.notifier.events


# --- the account -------------------------------------------------------------------------------------------------


@lived
async def test_a_quantity_is_taken_over_after_two_statements_ten_seconds_apart(path: OrderPath) -> None:
    path.holds(a_position())
    path.broker.hold(SAMSUNG, 7)

    for _ in range(3):
        await path.reconciler.attempt()
        await path.passes(3)
        assert path.book.positions[SAMSUNG].quantity == 10
    await path.passes(1)
    await path.reconciler.attempt()

    assert path.book.positions[SAMSUNG].quantity == 7
    assert path.payload("position_mismatch")["ours"] == 10
    assert "position_mismatch" in path.notifier.events


@prepared
async def test_a_restart_does_not_overwrite_entry_day_atr_and_stop(path: OrderPath) -> None:
    held = a_position()
    path.holds(held)
    path.broker.hold(SAMSUNG, 7, cost=1)

    await path.start()
    await path.passes(180)

    adopted = path.stored_position(SAMSUNG)
    assert adopted == replace(held, quantity=7, cost=490_000, fees=68, version=2)


@lived
async def test_a_statement_that_swings_back_takes_nothing_over(path: OrderPath) -> None:
    path.holds(a_position())
    path.broker.hold(SAMSUNG, 0)
    await path.reconciler.attempt()
    path.broker.hold(SAMSUNG, 10)

    await path.passes(180)

    assert path.stored_position(SAMSUNG) == a_position()
    assert "position_mismatch" not in path.events()


@lived
async def test_a_position_that_is_gone_is_closed_after_two_statements(path: OrderPath) -> None:
    path.holds(a_position())
    path.broker.hold(SAMSUNG, 0)

    await path.passes(180)

    assert path.stored_position(SAMSUNG) is None
    assert SAMSUNG not in path.book.positions


@lived
async def test_a_statement_read_while_an_order_is_under_way_is_not_compared(path: OrderPath) -> None:
    path.holds(a_position())
    path.buy(symbol=HYNIX, price=150_000)
    path.broker.hold(SAMSUNG, 7)

    await path.passes(40)

    assert path.book.positions[SAMSUNG].quantity == 10


@lived
async def test_a_position_not_ours_is_told_once_and_not_taken(path: OrderPath) -> None:
    path.broker.hold(HYNIX, 3)

    await path.passes(600)

    assert path.book.external == {HYNIX: 3}
    assert HYNIX not in path.book.positions
    assert path.notifier.events == ["external_position"]


@lived
async def test_a_position_not_ours_that_is_gone_is_forgotten(path: OrderPath) -> None:
    path.broker.hold(HYNIX, 3)
    await path.passes(180)
    path.broker.hold(HYNIX, 0)

    await path.passes(180)

    assert path.book.external == {}


@lived
async def test_more_shares_than_we_bought_are_not_ours_and_lock_the_symbol(path: OrderPath) -> None:
    held = a_position()
    path.holds(held)
    path.broker.hold(SAMSUNG, 15)

    await path.passes(600)

    assert path.stored_position(SAMSUNG) == held
    assert path.book.external == {SAMSUNG: 5}
    assert list(path.book.locked) == [SAMSUNG]
    assert path.account_changed == [SAMSUNG]
    assert path.events().count("position_mismatch") == 1
    assert "position_unprotected" in path.notifier.events


@lived
async def test_a_share_lost_beside_shares_not_ours_is_one_of_ours_and_told_once(path: OrderPath) -> None:
    path.broker.hold(SAMSUNG, 5)
    await path.passes(180)
    path.holds(a_position())
    path.broker.hold(SAMSUNG, 14)

    await path.passes(600)

    assert path.book.positions[SAMSUNG].quantity == 9
    assert path.book.external == {SAMSUNG: 5}
    assert path.events().count("position_mismatch") == 1


@lived
async def test_a_balance_that_lags_behind_a_fill_takes_nothing_over(path: OrderPath) -> None:
    path.broker.depth[SAMSUNG] = 10
    path.buy()
    await path.passes(5)
    path.broker.hold(SAMSUNG, 0)  # the balance does not show it yet

    await path.passes(50)
    path.broker.hold(SAMSUNG, 10)
    await path.passes(300)

    assert path.book.positions[SAMSUNG].quantity == 10
    assert "position_mismatch" not in path.events()


@lived
async def test_a_doubtful_sale_frees_its_slot_and_caps_the_next_one(path: OrderPath) -> None:
    path.holds(a_position())
    path.broker.take(an_exit(quantity=4))  # somebody sells four by hand
    path.broker.answers.append(Silence(arrived=False))
    path.sell()

    await path.passes(60)

    assert path.state() is OrderState.UNCONFIRMED
    assert path.book.live_order(SAMSUNG, Side.SELL) is None
    assert path.book.sellable_cap == {SAMSUNG: 6}


@lived
async def test_cash_that_no_trade_explains_is_told_and_taken_over_once_seen_twice(path: OrderPath) -> None:
    path.broker.pay_in(500_000)

    await path.reconciler.attempt()
    await path.reconciler.attempt()
    assert "cash_unexplained" not in path.events()
    await path.passes(600)

    assert path.events().count("cash_unexplained") == 1
    assert path.payload("cash_unexplained")["difference"] == 500_000
    assert path.reconciler.unexplained_cash == 500_000
    assert path.book.ledger_cash == path.book.statement_cash == 10_500_000


@lived
async def test_cash_after_trades_is_explained_to_the_won(path: OrderPath) -> None:
    path.broker.depth[SAMSUNG] = 20
    path.buy()
    await path.passes(10)
    path.broker.prices[SAMSUNG] = 68_000
    path.sell()

    await path.passes(180)

    assert [order.state for order in path.stored_orders()] == [OrderState.FILLED] * 2
    assert path.book.ledger_cash == path.broker.cash
    assert path.reconciler.unexplained_cash == 0


@lived
async def test_a_deposit_while_the_daemon_slept_is_told_at_its_start(path: OrderPath) -> None:
    path.broker.pay_in(500_000)

    following = await path.restarted()
    await following.passes(180)

    assert following.payload("cash_unexplained")["difference"] == 500_000
    await following.stop()


@lived
async def test_the_days_first_equity_is_kept_though_the_records_were_away_when_it_was_told(path: OrderPath) -> None:
    path.book.day_base_of = None
    path.broker.pay_in(1_000_000)
    path.records.broken = True
    await path.passes(180)
    path.records.broken = False
    path.broker.pay_in(500_000)
    await path.passes(180)

    assert path.book.day_base_equity == 11_000_000
    assert path.by_hand("SELECT value FROM marks WHERE name = 'day_base'") == [("2024-03-05|11000000",)]


@lived
async def test_the_days_first_equity_is_kept_and_outlives_the_day(path: OrderPath) -> None:
    path.broker.pay_in(500_000)
    await path.passes(180)

    assert path.book.day_base_equity == 10_000_000
    assert path.by_hand("SELECT value FROM marks WHERE name = 'day_base'") == [("2024-03-05|10000000",)]


@beginning("16:00")
async def test_out_of_session_the_broker_is_asked_every_half_hour(path: OrderPath) -> None:
    await path.start()
    asked = path.broker.asked("account")

    await path.passes(3 * 3600 + 1)

    assert path.broker.asked("account") - asked == 6


@lived
async def test_sides_of_one_symbol_are_resolved_each_by_its_own_evidence(path: OrderPath) -> None:
    path.holds(a_position())
    path.broker.answers.append(Silence(arrived=False))
    path.broker.answers.append(Silence(arrived=True))
    path.buy()
    await path.passes(16)
    path.sell()
    await path.passes(25)

    states = {order.intent.side: order.state for order in path.stored_orders()}
    assert states == {Side.BUY: OrderState.UNCONFIRMED, Side.SELL: OrderState.SUBMITTED}


# --- hints ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_noticed", [True, False])
@lived
async def test_a_notice_that_overtakes_its_answer_waits_for_the_order_number(path: OrderPath, is_noticed: bool) -> None:
    """The order is filled and noticed before its number is known: it is looked at again as soon as it is."""
    path.broker.answer_takes_s = 2.0
    path.buy()
    await path.passes(0.5)
    path.broker.fill("1", 10)
    if is_noticed:
        path.reconciler.wake()
    await path.passes(1)
    before_the_answer = path.order

    await path.passes(0.6)

    assert (before_the_answer.state, before_the_answer.order_no) == (OrderState.PENDING, None)
    assert path.state() is OrderState.FILLED


@lived
async def test_many_early_notices_cost_no_more_than_one_question_each(path: OrderPath) -> None:
    path.broker.answer_takes_s = 2.0
    path.buy()
    await path.passes(0.5)
    asked = path.broker.asked("orders")

    for _ in range(1_000):
        path.reconciler.wake()
    await path.passes(1)

    assert path.broker.asked("orders") <= asked + 2


@lived
async def test_a_hint_that_comes_while_the_listing_is_on_its_way_asks_again(path: OrderPath) -> None:
    path.buy()
    await path.passes(1)
    path.broker.fill("1", 10)
    await path.passes(10)
    path.broker.question_takes_s = 1.0
    path.reconciler.wake()
    await path.passes(0.5)
    asked = path.broker.asked("orders")

    path.reconciler.wake()
    await path.passes(5)

    assert path.broker.asked("orders") == asked + 1


# --- what a person reads, and what a doubt does ---------------------------------------------------------------------


@prepared
async def test_an_order_found_pending_at_start_is_told_with_all_that_is_needed_to_look_for_it(path: OrderPath) -> None:
    order = left_pending(path)
    path.book.rename(SAMSUNG, "삼성전자")

    await path.start()

    (alert,) = [alert for alert in path.notifier.alerts if alert.event == "order_unconfirmed"]
    kept = path.payload("order_unconfirmed")
    assert (alert.severity, alert.data["correlation_id"]) == (Severity.WARNING, order.intent.correlation_id)
    assert kept == {
        "symbol": SAMSUNG,
        "name": "삼성전자",
        "side": "BUY",
        "quantity": 10,
        "reason": "the daemon stopped before an answer was written",
    }
    assert kept.items() <= alert.data.items()


@prepared
async def test_twins_are_told_with_the_order_that_nobody_can_tell_from_the_other(path: OrderPath) -> None:
    order = left_pending(path)
    path.book.rename(SAMSUNG, "삼성전자")
    path.broker.take(order.intent)
    path.broker.take(order.intent)

    await path.start()
    await path.passes(5)

    (alert,) = [alert for alert in path.notifier.alerts if alert.event == "order_ambiguous"]
    assert (alert.severity, alert.data["correlation_id"]) == (Severity.ERROR, order.intent.correlation_id)
    assert path.payload("order_ambiguous") == {
        "symbol": SAMSUNG,
        "name": "삼성전자",
        "side": "BUY",
        "quantity": 10,
    }


@prepared
async def test_a_twin_that_proves_to_be_somebody_elses_ends_the_doubt(path: OrderPath) -> None:
    order = left_pending(path)
    path.broker.take(order.intent)
    twin = path.broker.take(order.intent)
    await path.start()
    assert not path.reconciler.evidence_sound

    path.broker.revise(twin, quantity=99)
    await path.passes(30)

    assert (path.state(), path.order.order_no) == (OrderState.SUBMITTED, "1")
    assert path.reconciler.evidence_sound


@prepared
async def test_what_was_looked_for_in_vain_says_how_often_and_how_long(path: OrderPath) -> None:
    left_pending(path)

    await path.start()
    await path.passes(75)

    assert re.fullmatch(r"not found: [3-9] complete listings in 6\d s", path.order.refusal)


@prepared
async def test_a_settled_order_does_not_keep_the_broker_asked(path: OrderPath) -> None:
    left_pending(path)
    await path.start()
    await path.passes(120)
    asked = path.broker.asked("orders")

    await path.passes(1200)

    assert path.broker.asked("orders") - asked == 10  # what has ended is looked at every two minutes


@lived
async def test_a_failed_question_is_kept_with_its_code_and_words(path: OrderPath) -> None:
    path.broker.failing = RateLimited("slow down")

    assert not await path.reconciler.attempt()
    await path.passes(1)

    assert path.payload("reconciliation_failed") == {"code": path.broker.failing.code, "reason": "slow down"}


@lived
async def test_records_that_cannot_be_written_fail_a_reconciliation_and_the_next_one_books_the_fill(
    path: OrderPath,
) -> None:
    path.buy()
    await path.passes(1)
    path.broker.fill("1", 10)
    path.records.broken = True

    assert not await path.reconciler.attempt()
    path.records.broken = False
    await path.passes(10)

    assert path.state() is OrderState.FILLED
    assert path.book.positions[SAMSUNG].quantity == 10
    assert path.payload("reconciliation_failed")["code"] == "store"


@lived
async def test_a_sale_in_doubt_is_capped_by_what_is_sellable_beside_shares_not_ours(path: OrderPath) -> None:
    path.holds(a_position())
    path.book.external[SAMSUNG] = 5
    path.broker.hold(SAMSUNG, 15, 1_050_000)
    path.broker.take(an_exit(quantity=4))  # somebody sells four by hand
    path.broker.answers.append(Silence(arrived=False))

    path.sell()
    await path.passes(60)

    assert path.state() is OrderState.UNCONFIRMED
    assert path.book.sellable_cap == {SAMSUNG: 6}


@lived
async def test_a_sale_in_doubt_of_which_nothing_is_sellable_is_capped_at_nothing(path: OrderPath) -> None:
    path.holds(a_position())
    path.book.external[SAMSUNG] = 5
    path.broker.take(an_exit(quantity=10))
    path.broker.answers.append(Silence(arrived=False))

    path.sell()
    await path.passes(60)

    assert path.book.sellable_cap == {SAMSUNG: 0}


@lived
async def test_shares_that_are_whole_again_lift_the_cap_and_settle_the_sale(path: OrderPath) -> None:
    path.holds(a_position())
    somebodys = path.broker.take(an_exit(quantity=4))
    path.broker.answers.append(Silence(arrived=False))
    path.sell()
    await path.passes(60)
    assert path.book.sellable_cap == {SAMSUNG: 6}

    path.broker.reject(somebodys)
    await path.passes(30)

    assert path.state() is OrderState.REJECTED
    assert path.book.sellable_cap == {}


@prepared
async def test_the_number_of_an_order_of_yesterday_is_never_cancelled_today(path: OrderPath) -> None:
    """It may be another order's today."""
    left_sent(path, "1", day=YESTERDAY)
    path.broker.failing = BrokerUnreachable("no route")

    await path.start()
    await path.passes(300)

    assert path.broker.cancelled == []


@prepared
async def test_an_order_too_old_for_the_listing_is_left_to_a_person(path: OrderPath) -> None:
    order = left_sent(path, "1", day=TODAY - timedelta(days=120))
    path.broker.take(order.intent)  # the same number, of today

    await path.start()
    await path.passes(60)

    assert path.state() is OrderState.SUBMITTED


@lived
async def test_a_statement_read_while_an_order_is_begun_is_asked_for_anew(path: OrderPath) -> None:
    path.broker.depth[SAMSUNG] = 10
    asked = path.reconciler.account_asked_at
    account = path.broker.account

    async def meanwhile() -> AccountStatement:
        statement = await account()
        path.broker.account = account  # type: ignore[method-assign]  # once
        path.buy()
        await path.passes(0.1)
        return statement

    path.broker.account = meanwhile  # type: ignore[method-assign]
    await path.reconciler.attempt()
    assert path.reconciler.account_asked_at == asked
    await path.passes(10)

    assert path.reconciler.account_asked_at != asked
    assert path.book.positions[SAMSUNG].quantity == 10
    assert "position_mismatch" not in path.events()


# --- what a listing proves ---------------------------------------------------------------------------------------


@lived
async def test_a_listing_asked_before_an_order_was_in_doubt_proves_nothing_about_it(path: OrderPath) -> None:
    """A slow page of a listing that left before the order did must not count as a look that found nothing."""
    path.holds(a_position())
    broker, transact = path.broker, path.records.transact
    broker.lag_s = 2.0

    async def waits(work: Callable[[Rows], T]) -> T:
        path.records.transact = transact  # type: ignore[method-assign]  # once
        await asyncio.sleep(11.0)  # the claim waits for records in trouble
        return await transact(work)

    submit = broker.submit

    async def falls_silent(intent: OrderIntent, permit: Permit, *, urgent: bool) -> Accepted | Withdrawn:
        assert permit()
        broker.submit = submit  # type: ignore[method-assign]  # once
        broker.take(intent)
        raise NoAnswer("HTTP 500")

    broker.question_takes_s = 12.0
    broker.submit = falls_silent  # type: ignore[method-assign]
    path.records.transact = waits  # type: ignore[method-assign]
    path.sell()
    path.reconciler.wake()
    await path.passes(11.5)
    broker.question_takes_s = 0.0
    seen: set[OrderState] = set()
    for _ in range(300):
        await path.passes(0.1)
        seen.update(order.state for order in path.stored_orders())

    assert OrderState.REJECTED not in seen
    assert (path.state(), path.order.order_no) == (OrderState.SUBMITTED, "1")


@lived
async def test_an_order_that_cannot_be_written_keeps_no_other_from_its_fill(path: OrderPath) -> None:
    path.buy()
    path.buy(symbol=HYNIX, price=150_000, quantity=1)
    await path.passes(1)
    stale, other = (path.book.live_order(symbol, Side.BUY) for symbol in (SAMSUNG, HYNIX))
    assert stale is not None
    assert other is not None
    path.book.orders[stale.key] = replace(stale, version=stale.version + 1)  # not the row that is stored
    path.broker.fill(stale.order_no or "", 1)
    path.broker.fill(other.order_no or "", 1)

    await path.passes(20)

    assert path.book.orders[other.key].state is OrderState.FILLED
    assert path.reconciler.failing_since is not None
    path.book.orders[stale.key] = stale


@lived
async def test_a_sale_that_only_the_records_know_is_taken_up_and_settled(path: OrderPath) -> None:
    """The records refuse its twin as a duplicate: what they know is taken up, evidence settles it, the exit leaves."""
    path.holds(a_position())
    path.now(lambda rows: rows.claim_order(an_order(an_exit())))

    for _ in range(3):
        path.sell(attempt=path.book.attempts(SAMSUNG, "ATR_STOP_LOSS", TODAY, 1))
        await path.passes(60)

    assert [intent.side for intent in path.broker.sent] == [Side.SELL]
