"""The one way to the broker: what is sent, what is written, and what every answer makes of an order."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TypeVar

import pytest
import structlog

from kis_daemon.domain.market import Side
from kis_daemon.domain.orders import OrderIntent, OrderNo, OrderState, OrderType
from kis_daemon.domain.risk import Denied
from kis_daemon.domain.safeguards import Gate, GateView, KillSwitchScope
from kis_daemon.ports import (
    Accepted,
    AccessRefused,
    Alert,
    BrokerError,
    BrokerUnreachable,
    InsufficientCash,
    MarketClosed,
    NothingToCancel,
    NothingToSell,
    OrderRefused,
    OutcomeUnknown,
    Permit,
    ProtocolError,
    RateLimited,
    Rows,
    Severity,
    StoreError,
    Withdrawn,
)
from kis_daemon.services import kill_switch
from kis_daemon.services.approvals import Grant
from kis_daemon.services.door import Queued, Refused
from tests.services.builders import BRANCH, HYNIX, SAMSUNG, a_position, an_exit, an_intent
from tests.services.fakes import Echo, Silence
from tests.services.order_path import HALTED, OPEN, OrderPath, beginning, lived

T = TypeVar("T")

EXIT_ONLY = GateView(gate=Gate.EXIT_ONLY, reasons=("daily_loss",))
KILLED = GateView(gate=Gate.HALTED, reasons=("kill_switch",))
A_RELEASE = "INSERT INTO system_state(timestamp, kill_switch_status, kill_switch_reason) VALUES (datetime('now'), ?, ?)"


# --- sent once ---------------------------------------------------------------------------------------------------


@lived
async def test_an_order_is_written_before_it_is_sent(path: OrderPath) -> None:
    written: list[str] = []
    path.broker.before_permit = lambda: written.append(path.state())

    path.buy()
    await path.passes(1)

    assert written == ["PENDING"]
    assert path.state() is OrderState.SUBMITTED
    assert (path.order.order_no, path.order.branch_no) == ("1", BRANCH)


@lived
async def test_the_way_of_an_order_is_told_in_its_order(path: OrderPath) -> None:
    path.broker.depth[SAMSUNG] = 10

    path.buy()
    await path.passes(5)

    assert path.events()[-4:] == ["order_requested", "order_submitted", "order_filled", "position_opened"]


@lived
async def test_approval_proposal_order_and_fill_carry_one_correlation_id(path: OrderPath) -> None:
    path.broker.depth[SAMSUNG] = 10

    path.buy()
    await path.passes(5)

    tables = ("proposals", "order_state", "orders", "fills", "trades", "positions")
    found = {row for table in tables for row in path.by_hand(f"SELECT correlation_id FROM {table}")}
    assert found == {(an_intent().correlation_id,)}
    assert path.by_hand("SELECT status FROM proposals") == [("executed",)]
    assert path.by_hand("SELECT count(*) FROM approvals WHERE token_used_at IS NOT NULL") == [(1,)]


@pytest.mark.parametrize("arrived", [True, False])
@lived
async def test_a_submit_timeout_is_not_sent_again(path: OrderPath, arrived: bool) -> None:
    path.broker.answers.append(Silence(arrived=arrived))

    path.buy()
    await path.passes(600)

    assert len(path.broker.sent) == 1


@lived
async def test_a_submit_timeout_leaves_the_order_unconfirmed_and_its_slot_taken(path: OrderPath) -> None:
    path.broker.answers.append(Silence(arrived=False))

    path.buy()
    await path.passes(16)

    assert path.state() is OrderState.UNCONFIRMED
    assert path.buy(attempt=1) == Refused(code="already_live", reason="BUY of 005930 is live")
    assert "order_unconfirmed" in path.notifier.events


@lived
async def test_an_answer_with_the_number_of_another_order_is_no_answer(path: OrderPath) -> None:
    """Found by the simulation: a stale answer would have made two orders one, and the table refuses it for ever."""
    path.buy()
    await path.passes(1)
    path.broker.answers.append(Echo(order_no=OrderNo("1")))
    path.buy(symbol=HYNIX, price=150_000)
    await path.passes(1)

    await path.passes(30)

    numbers = {order.intent.symbol: order.order_no for order in path.stored_orders()}
    assert numbers == {SAMSUNG: "1", HYNIX: "2"}
    assert "order_unconfirmed" in path.notifier.events
    assert len(path.broker.sent) == 2


@lived
async def test_an_order_that_arrived_without_an_answer_is_found_and_booked(path: OrderPath) -> None:
    path.broker.answers.append(Silence(arrived=True))
    path.broker.depth[SAMSUNG] = 10

    path.buy()
    await path.passes(30)

    assert (path.state(), path.order.order_no) == (OrderState.FILLED, "1")
    assert path.book.positions[SAMSUNG].quantity == 10


@lived
async def test_an_order_that_never_arrived_is_rejected_and_may_be_tried_anew(path: OrderPath) -> None:
    path.broker.answers.append(Silence(arrived=False))

    path.buy()
    await path.passes(120)
    tried_anew = path.buy(attempt=1)

    assert path.state() is OrderState.REJECTED
    assert isinstance(tried_anew, Queued)


@lived
async def test_the_same_signal_never_gets_a_second_key(path: OrderPath) -> None:
    path.buy(quantity=10)
    await path.passes(50)
    assert not path.order.is_live

    path.buy(quantity=9)  # re-sized: another key, the same signal
    await path.passes(5)

    assert len(path.broker.sent) == 1
    assert len(path.stored_orders()) == 1
    assert path.events().count("order_rejected_duplicate") == 1


@lived
async def test_the_same_order_is_a_duplicate_though_its_first_is_over(path: OrderPath) -> None:
    path.buy()
    await path.passes(50)

    assert path.buy() == Refused(code="duplicate", reason=f"signal {an_intent().signal_id} was ordered before")


@lived
async def test_a_duplicate_of_an_earlier_run_is_refused_by_the_records(path: OrderPath) -> None:
    path.buy()
    await path.passes(50)
    path.book.orders.clear()  # another process began it; this one never heard of it

    assert isinstance(path.buy(), Queued)
    await path.passes(5)

    assert len(path.broker.sent) == 1
    assert path.book.live_orders() == ()


@lived
async def test_one_live_order_a_symbol_and_side(path: OrderPath) -> None:
    path.buy()

    assert path.buy(attempt=1) == Refused(code="already_live", reason="BUY of 005930 is live")


@lived
async def test_the_broker_is_not_called_when_the_pending_row_was_not_written(path: OrderPath) -> None:
    path.records.broken = True

    path.buy()
    await path.passes(1)
    path.records.broken = False

    assert path.broker.sent == []
    assert path.stored_orders() == ()
    assert path.book.live_orders() == ()
    assert [order.intent for order, _ in path.refusals] == [an_intent()]


@lived
async def test_an_order_that_could_not_be_written_may_be_tried_again(path: OrderPath) -> None:
    path.records.broken = True
    path.buy()
    await path.passes(1)
    path.records.broken = False

    assert isinstance(path.buy(), Queued)
    await path.passes(1)

    assert path.broker.sent == [an_intent()]


# --- the guards --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("view", [HALTED, EXIT_ONLY])
@lived
async def test_a_gate_closed_between_place_and_permit_sends_nothing(path: OrderPath, view: GateView) -> None:
    def close() -> None:
        path.gate = view

    path.broker.before_permit = close

    path.buy()
    await path.passes(1)

    assert path.broker.sent == []
    assert path.state() is OrderState.CANCELLED
    assert path.payload("order_withdrawn")["reason"] == view.reasons[0]


@lived
async def test_the_door_asks_the_risk_manager_whoever_wants_the_order(path: OrderPath) -> None:
    path.verdict = Denied(code="daily_loss", reason="realised -1 of 1: limit 5 %")

    answer = path.buy()
    await path.passes(1)

    assert answer == Refused(code="limit", reason="daily_loss: realised -1 of 1: limit 5 %")
    assert path.broker.sent == []
    assert path.payload("order_rejected_limit")["reason"] == "daily_loss: realised -1 of 1: limit 5 %"
    path.holds(a_position())
    assert isinstance(path.sell(), Queued)


@lived
async def test_a_kill_switch_row_inserted_between_place_and_claim_stops_the_order(path: OrderPath) -> None:
    assert isinstance(path.buy(), Queued)
    path.by_hand(A_RELEASE, "active", "stop everything")

    await path.passes(1)

    assert path.broker.sent == []
    assert path.stored_orders() == ()
    assert path.events()[-1] == "order_blocked_killswitch"
    assert "order_blocked_killswitch" in path.notifier.events
    assert path.by_hand("SELECT status FROM orders") == [("rejected",)]


@lived
async def test_the_slot_of_an_order_the_kill_switch_blocked_is_free_again(path: OrderPath) -> None:
    path.buy()
    path.by_hand(A_RELEASE, "active", "stop everything")
    await path.passes(1)
    path.by_hand(A_RELEASE, "inactive", "go on")

    path.buy()
    await path.passes(1)

    assert len(path.broker.sent) == 1


@lived
async def test_a_switch_for_entries_lets_a_stop_pass(path: OrderPath) -> None:
    path.holds(a_position())
    path.now(lambda rows: kill_switch.activate(rows, path.clock.now(), "drawdown", "engine", KillSwitchScope.ENTRIES))

    path.sell()
    path.buy(symbol=HYNIX, price=150_000)
    await path.passes(1)

    assert [intent.side for intent in path.broker.sent] == [Side.SELL]


@lived
async def test_a_halted_gate_refuses_at_the_door_and_tells_it_once_a_signal(path: OrderPath) -> None:
    path.gate = KILLED

    refused = [path.buy() for _ in range(3)]
    await path.passes(1)

    assert refused == [Refused(code="gate", reason="kill_switch")] * 3
    assert path.broker.sent == []
    assert path.events().count("order_blocked_killswitch") == 1


@lived
async def test_an_exit_only_gate_refuses_a_buy_and_lets_a_sale_pass(path: OrderPath) -> None:
    path.holds(a_position())
    path.gate = EXIT_ONLY

    bought, sold = path.buy(symbol=HYNIX, price=150_000), path.sell()
    await path.passes(1)

    assert bought == Refused(code="gate", reason="daily_loss")
    assert isinstance(sold, Queued)
    assert path.events().count("order_rejected_gate") == 1
    assert [intent.side for intent in path.broker.sent] == [Side.SELL]


@lived
async def test_a_token_of_another_order_does_not_open_the_door(path: OrderPath) -> None:
    grant = path.desk.for_entry(an_intent(quantity=1), 70_300, 0)
    assert isinstance(grant, Grant)

    refused = path.synchronizer.place(an_intent(quantity=10), grant)
    await path.passes(1)

    assert refused == Refused(code="token", reason="token is bound to another order")
    assert path.broker.sent == []
    assert path.events()[-1] == "order_rejected_token"


@lived
async def test_an_entry_whose_price_ran_away_is_not_sent(path: OrderPath) -> None:
    def run_away() -> None:
        path.broker.prices[SAMSUNG] = 70_400

    path.broker.before_permit = run_away

    path.buy(price=70_300)
    await path.passes(1)

    assert path.broker.sent == []
    assert path.payload("order_withdrawn")["reason"] == "price moved away"


# --- answers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "refusal",
    [AccessRefused("key", code="k"), InsufficientCash("no cash", code="40250000"), MarketClosed("closed", code="x")],
)
@lived
async def test_a_refused_order_is_rejected_with_the_brokers_words(path: OrderPath, refusal: BrokerError) -> None:
    path.broker.answers.append(refusal)

    path.buy()
    await path.passes(1)

    assert path.state() is OrderState.REJECTED
    assert path.order.refusal == f"{refusal.code} {refusal}"
    assert [closed for _, closed in path.refusals] == [isinstance(refusal, MarketClosed)]
    assert "order_rejected" in path.notifier.events


@lived
async def test_without_a_connection_nothing_was_sent_and_the_order_is_withdrawn(path: OrderPath) -> None:
    path.broker.answers.append(BrokerUnreachable("no route"))

    path.buy()
    await path.passes(1)

    assert path.state() is OrderState.CANCELLED
    assert path.payload("order_withdrawn")["reason"] == "no route"


@pytest.mark.parametrize("error", [ProtocolError("unreadable"), RateLimited("slow down")])
@lived
async def test_an_error_that_proves_nothing_after_the_permit_is_unconfirmed(
    path: OrderPath, error: BrokerError
) -> None:
    path.broker.answers.append(error)

    path.buy()
    await path.passes(1)

    assert path.state() is OrderState.UNCONFIRMED


@lived
async def test_a_sale_of_nothing_is_rejected_and_the_position_stays(path: OrderPath) -> None:
    path.holds(a_position())
    path.broker.answers.append(NothingToSell("none", code="40240000"))

    path.sell()
    await path.passes(1)

    assert path.state() is OrderState.REJECTED
    assert path.stored_position(SAMSUNG) == a_position()


# --- time is over ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("side", "patience_s"), [(Side.BUY, 45), (Side.SELL, 135)])
@lived
async def test_a_time_out_cancels_the_rest(path: OrderPath, side: Side, patience_s: float) -> None:
    path.holds(a_position())
    order = an_intent(symbol=HYNIX, price=150_000) if side is Side.BUY else an_exit()

    path.place(order)
    await path.passes(patience_s - 1)
    assert path.broker.cancelled == []
    await path.passes(5)

    assert path.broker.cancelled == ["1"]
    assert path.state() is OrderState.CANCELLED


@lived
async def test_partial_then_timeout_keeps_what_was_bought(path: OrderPath) -> None:
    path.broker.depth[SAMSUNG] = 4

    path.buy()
    await path.passes(60)

    assert (path.state(), path.order.filled_quantity) == (OrderState.CANCELLED, 4)
    position = path.stored_position(SAMSUNG)
    assert position is not None
    assert (position.quantity, position.cost) == (4, 280_000)
    assert position.stop == 68_000
    assert path.by_hand("SELECT quantity, amount FROM trades") == [(4, 280_000)]


@lived
async def test_a_fill_between_time_out_and_cancel_counts(path: OrderPath) -> None:
    path.broker.lag_s = 20
    path.buy()
    await path.passes(30)
    path.broker.fill("1", 10)  # the listing shows it only at 50 s, the time is over at 45

    await path.passes(60)

    assert path.broker.cancelled == ["1"]  # answered with "nothing to cancel"
    assert path.state() is OrderState.FILLED
    assert path.book.positions[SAMSUNG].quantity == 10


@lived
async def test_a_refused_cancel_asks_the_listing(path: OrderPath) -> None:
    path.broker.cancel_answers.append(NothingToCancel("none", code="40330000"))
    path.buy()
    await path.passes(44.9)
    asked = path.broker.asked("orders")

    await path.passes(0.2)

    assert path.broker.asked("orders") == asked + 1
    assert path.state() is OrderState.SUBMITTED  # the refusal alone proves nothing
    assert "order_cancel_unproven" in path.events()


@lived
async def test_a_cancel_without_an_answer_is_believed_only_by_the_listing(path: OrderPath) -> None:
    path.broker.cancel_answers.append(Silence(arrived=True))
    path.buy()

    await path.passes(60)

    assert path.broker.cancelled == ["1"]
    assert path.state() is OrderState.CANCELLED


@lived
async def test_a_cancel_is_not_repeated_before_a_listing_has_shown_a_remainder(path: OrderPath) -> None:
    path.broker.cancel_answers.append(Silence(arrived=False))
    path.buy()
    await path.passes(44)
    path.broker.failing = BrokerUnreachable("no route")

    await path.passes(300)
    assert path.broker.cancelled == ["1"]
    path.broker.failing = None
    await path.passes(30)

    assert path.broker.cancelled == ["1", "1"]
    assert path.state() is OrderState.CANCELLED


@lived
async def test_an_exit_that_rests_at_a_limit_stays_until_the_day_ends(path: OrderPath) -> None:
    path.sell_limit(a_position())

    await path.passes(3600)

    assert path.broker.cancelled == []


@beginning("15:20:30")
async def test_an_order_in_an_auction_is_not_timed_out(path: OrderPath) -> None:
    path.holds(a_position())
    await path.start()
    path.sell(order_type=OrderType.LIMIT, price=49_000)

    await path.passes(9 * 60)

    assert path.broker.cancelled == []
    assert path.state() is OrderState.SUBMITTED


# --- exits -------------------------------------------------------------------------------------------------------


@lived
async def test_one_unfilled_buy_does_not_block_a_stop(path: OrderPath) -> None:
    path.holds(a_position())
    path.buy(symbol=HYNIX, price=150_000)
    await path.passes(1)

    path.sell()
    await path.passes(1)

    assert [intent.symbol for intent in path.broker.sent] == [HYNIX, SAMSUNG]


@lived
async def test_an_exit_withdraws_the_opposite_buy_first(path: OrderPath) -> None:
    path.broker.depth[SAMSUNG] = 4
    path.buy()
    await path.passes(5)
    sent_with_live_buy: list[bool] = []
    path.broker.before_permit = lambda: sent_with_live_buy.append(path.book.live_order(SAMSUNG, Side.BUY) is not None)

    path.sell(quantity=4)
    await path.passes(5)

    assert path.broker.cancelled == ["1"]
    assert sent_with_live_buy == [False]


@lived
async def test_an_opposite_buy_that_does_not_go_away_holds_an_exit_for_two_seconds_only(path: OrderPath) -> None:
    path.broker.depth[SAMSUNG] = 4
    path.buy()
    await path.passes(5)
    path.broker.cancel_answers.extend([Silence(arrived=False)] * 9)

    path.sell(quantity=4)
    await path.passes(1.9)
    assert len(path.broker.sent) == 1
    await path.passes(0.2)

    assert [intent.side for intent in path.broker.sent] == [Side.BUY, Side.SELL]


@lived
async def test_an_unconfirmed_buy_of_the_symbol_does_not_block_its_stop(path: OrderPath) -> None:
    path.holds(a_position())
    path.broker.answers.append(Silence(arrived=False))
    path.buy()
    await path.passes(16)

    path.sell()
    await path.passes(3)

    assert [intent.side for intent in path.broker.sent] == [Side.BUY, Side.SELL]
    assert path.broker.cancelled == []


@lived
async def test_a_buy_that_fills_after_the_exit_is_held_again_also_after_a_restart(path: OrderPath) -> None:
    path.broker.depth[SAMSUNG] = 4
    path.buy()
    await path.passes(5)
    path.broker.cancel_answers.extend([Silence(arrived=False)] * 9)
    path.broker.depth[SAMSUNG] = 4
    path.sell(quantity=4)
    await path.passes(5)
    assert SAMSUNG not in path.book.positions

    path.broker.fill("1", 6)
    await path.passes(5)

    assert path.book.positions[SAMSUNG].quantity == 6
    position = path.stored_position(SAMSUNG)
    assert position is not None
    assert position.quantity == 6


@lived
async def test_a_sale_the_exchange_rejects_after_its_acceptance_is_told_to_who_wanted_it(path: OrderPath) -> None:
    path.holds(a_position())
    path.sell()
    await path.passes(1)

    path.broker.reject("1")
    await path.passes(5)

    assert path.state() is OrderState.REJECTED
    assert path.changes[-1] == path.order
    assert path.notifier.events == ["order_rejected"]


# --- the end -----------------------------------------------------------------------------------------------------


@lived
async def test_sigterm_inside_an_order_wait_does_not_lose_the_order(path: OrderPath) -> None:
    path.broker.answer_takes_s = 10
    path.buy()
    await path.passes(1)

    following = await path.restarted()
    assert following.state() is OrderState.SUBMITTED
    following.broker.fill("1", 10)
    await following.passes(5)

    assert following.state() is OrderState.FILLED
    assert following.book.positions[SAMSUNG].quantity == 10
    await following.stop()


@lived
async def test_drain_waits_for_an_answer_that_never_comes_and_writes_that_down(path: OrderPath) -> None:
    path.broker.answers.append(Silence(arrived=True))
    path.buy()
    await path.passes(1)

    await path.stop()

    assert path.state() is OrderState.UNCONFIRMED


@lived
async def test_what_is_not_yet_sent_when_the_daemon_stops_is_withdrawn(path: OrderPath) -> None:
    path.buy()
    await asyncio.sleep(0)  # the carrier has begun; its claim has not been asked for the permit
    await path.stop()

    assert path.broker.sent == []
    assert all(order.state is OrderState.CANCELLED for order in path.stored_orders())


@lived
async def test_a_restart_follows_what_is_live_and_times_it_out(path: OrderPath) -> None:
    path.buy()
    await path.passes(10)

    following = await path.restarted()
    await following.passes(60)

    assert following.broker.cancelled == [OrderNo("1")]
    assert following.state() is OrderState.CANCELLED
    await following.stop()


@lived
async def test_each_tick_that_became_an_order_is_measured(path: OrderPath) -> None:
    path.buy()
    path.broker.answers.append(BrokerUnreachable("no route"))
    path.buy(symbol=HYNIX, price=150_000)
    await path.passes(1)

    assert len(path.synchronizer.tick_to_order_ms) == 1


@lived
async def test_a_gate_that_opens_again_lets_the_next_attempt_pass(path: OrderPath) -> None:
    path.gate = HALTED
    path.buy()
    path.gate = OPEN

    assert isinstance(path.buy(), Queued)


# --- what a person reads -----------------------------------------------------------------------------------------


def told(path: OrderPath, event: str) -> Alert:
    """Return the one alert of `event`, which tells what the journal keeps of it."""
    (alert,) = [alert for alert in path.notifier.alerts if alert.event == event]
    kept = path.payload(event)
    assert {key: alert.data[key] for key in kept} == kept
    return alert


@pytest.mark.parametrize(
    ("refusal", "severity"),
    [
        (InsufficientCash("no cash", code="40250000"), Severity.ERROR),
        (MarketClosed("closed", code="40570000"), Severity.WARNING),
    ],
)
@lived
async def test_a_refusal_is_told_with_order_code_and_words(
    path: OrderPath, refusal: OrderRefused, severity: Severity
) -> None:
    path.book.rename(SAMSUNG, "삼성전자")
    path.broker.answers.append(refusal)

    path.buy()
    await path.passes(1)

    assert told(path, "order_rejected").severity is severity
    assert path.payload("order_rejected") == {
        "symbol": SAMSUNG,
        "name": "삼성전자",
        "side": "BUY",
        "quantity": 10,
        "code": refusal.code,
        "reason": str(refusal),
        "order_key": path.order.key,
    }


@lived
async def test_an_order_without_an_answer_is_told_with_all_that_is_needed_to_look_for_it(path: OrderPath) -> None:
    path.book.rename(SAMSUNG, "삼성전자")
    path.broker.answers.append(Silence(arrived=False))

    path.buy()
    await path.passes(16)

    assert told(path, "order_unconfirmed").severity is Severity.WARNING
    assert told(path, "order_unconfirmed").data["correlation_id"] == an_intent().correlation_id
    assert path.payload("order_unconfirmed") == {
        "symbol": SAMSUNG,
        "name": "삼성전자",
        "side": "BUY",
        "quantity": 10,
        "reason": "no answer",
        "order_key": path.order.key,
    }


@lived
async def test_an_order_that_the_switch_blocked_is_told_with_what_it_wanted_and_why(path: OrderPath) -> None:
    path.book.rename(SAMSUNG, "삼성전자")
    path.gate = KILLED

    path.buy()
    await path.passes(1)

    assert told(path, "order_blocked_killswitch").severity is Severity.ERROR
    assert path.payload("order_blocked_killswitch") == {
        "symbol": SAMSUNG,
        "name": "삼성전자",
        "side": "BUY",
        "quantity": 10,
        "rule": an_intent().rule,
        "reason": "kill_switch",
        "detail": an_intent().reason,
    }


@lived
async def test_an_order_that_a_closed_gate_refused_is_kept_and_is_no_alert(path: OrderPath) -> None:
    path.gate = EXIT_ONLY

    path.buy()
    await path.passes(1)

    assert path.payload("order_rejected_gate")["reason"] == "daily_loss"
    assert path.by_hand("SELECT status FROM orders") == [("rejected",)]
    assert path.notifier.events == []


@lived
async def test_a_refusal_for_another_reason_is_told_although_the_signal_is_the_same(path: OrderPath) -> None:
    path.gate = EXIT_ONLY
    path.buy()
    path.gate = KILLED
    path.buy()
    path.buy()
    await path.passes(1)

    assert path.events()[-2:] == ["order_rejected_gate", "order_blocked_killswitch"]


@lived
async def test_a_new_day_tells_its_refusals_anew(path: OrderPath) -> None:
    path.gate = EXIT_ONLY
    path.buy()

    path.synchronizer.start_day()
    path.buy()
    await path.passes(1)

    assert path.events().count("order_rejected_gate") == 2


@lived
async def test_a_cancel_is_kept_with_its_reason(path: OrderPath) -> None:
    path.buy()
    await path.passes(50)

    assert path.payload("order_cancel_requested") == {
        "symbol": SAMSUNG,
        "side": "BUY",
        "order_key": path.order.key,
        "reason": "time is over",
    }


@lived
async def test_a_cancel_for_an_exit_says_so(path: OrderPath) -> None:
    path.holds(a_position())
    path.buy()
    await path.passes(1)

    path.sell()
    await path.passes(5)

    assert path.payload("order_cancel_requested")["reason"] == "withdrawn"


@lived
async def test_a_refused_cancel_is_kept_with_the_brokers_code_and_words(path: OrderPath) -> None:
    path.broker.cancel_answers.append(NothingToCancel("nothing left", code="40330000"))

    path.buy()
    await path.passes(46)

    kept = path.payload("order_cancel_unproven")
    assert (kept["code"], kept["reason"]) == ("40330000", "nothing left")


# --- records that do not say what became of a row ------------------------------------------------------------------


class MuteRecords:
    """Records whose next commit is not answered: it happened, or it did not."""

    def __init__(self, path: OrderPath, *, happens: bool) -> None:
        self._path, self._happens = path, happens
        self.is_mute = True
        self.degraded = ""

    def take_refused(self) -> tuple[str, ...]:
        return ()

    async def transact(self, work: Callable[[Rows], T]) -> T:
        if not self.is_mute:
            return await self._path.database.transact(work)
        self.is_mute = False
        if self._happens:
            await self._path.database.transact(work)
        raise OutcomeUnknown("connection lost during COMMIT")


@pytest.mark.parametrize("happens", [True, False])
@lived
async def test_the_broker_is_not_called_when_nobody_knows_whether_the_pending_row_was_written(
    path: OrderPath, happens: bool
) -> None:
    path.journal._records = MuteRecords(path, happens=happens)

    path.buy()
    await path.passes(1)
    assert path.buy(attempt=1) == Refused(code="already_live", reason="BUY of 005930 is live")
    await path.passes(600)

    assert path.broker.sent == []
    assert [order.state for order in path.stored_orders()] == [OrderState.CANCELLED] * happens
    assert (path.book.live_orders(), path.book.left_behind) == ((), {})
    assert path.events().count("order_withdrawn") == happens
    assert isinstance(path.buy(attempt=1), Queued)


@lived
async def test_a_row_that_nobody_knows_of_is_not_settled_while_the_spare_stands_in(path: OrderPath) -> None:
    mute = MuteRecords(path, happens=True)
    path.journal._records = mute
    path.buy()
    await path.passes(1)
    mute.degraded = "server has gone away"

    await path.passes(600)
    assert path.state() is OrderState.PENDING
    mute.degraded = ""
    await path.passes(60)

    assert path.state() is OrderState.CANCELLED
    assert path.payload("order_withdrawn") == {
        "symbol": SAMSUNG,
        "side": "BUY",
        "order_key": path.order.key,
        "reason": "nobody knew whether its row was written",
    }
    assert path.broker.sent == []


@lived
async def test_an_answer_that_cannot_be_written_is_logged_and_the_start_finds_the_order(path: OrderPath) -> None:
    path.broker.answer_takes_s = 10
    path.buy()
    await path.passes(1)
    path.records.broken = True

    with structlog.testing.capture_logs() as logs, contextlib.suppress(StoreError):
        await path.stop()
    path.records.broken = False

    assert "order_answer_not_written" in [line["event"] for line in logs]
    assert path.state() is OrderState.PENDING
    following = OrderPath(path.file, path.database, path.clock, path.broker)
    await following.start()
    assert (following.state(), following.order.order_no) == (OrderState.SUBMITTED, "1")
    assert len(following.broker.sent) == 1
    await following.stop()


@lived
async def test_an_order_whose_end_is_not_written_while_the_daemon_dies_is_told_though_nobody_drains(
    path: OrderPath,
) -> None:
    """Found by the simulation: it failed after its carrier had gone and before the drain, and nobody heard."""
    path.broker.answer_takes_s = 10
    path.buy()
    await path.passes(1)
    path.records.broken = True
    for task in path._tasks:
        task.cancel()

    with structlog.testing.capture_logs() as logs:
        await path.passes(12)
    path.records.broken = False

    assert "order_answer_not_written" in [line["event"] for line in logs]


@lived
async def test_a_sale_is_sent_before_what_can_wait_and_an_entry_is_not(path: OrderPath) -> None:
    path.holds(a_position())
    submit = path.broker.submit
    urgency: dict[Side, bool] = {}

    async def heard(intent: OrderIntent, permit: Permit, *, urgent: bool) -> Accepted | Withdrawn:
        urgency[intent.side] = urgent
        return await submit(intent, permit, urgent=urgent)

    path.broker.submit = heard  # type: ignore[method-assign]
    path.sell()
    path.buy(symbol=HYNIX, price=150_000)
    await path.passes(1)

    assert urgency == {Side.SELL: True, Side.BUY: False}


@lived
async def test_an_acceptance_is_kept_with_the_brokers_number_and_branch(path: OrderPath) -> None:
    path.buy()
    await path.passes(1)

    assert path.payload("order_submitted") == {
        "symbol": SAMSUNG,
        "side": "BUY",
        "order_key": path.order.key,
        "order_no": "1",
        "branch_no": BRANCH,
    }


@lived
async def test_the_number_of_another_order_is_told_as_the_reason_of_the_doubt(path: OrderPath) -> None:
    path.buy()
    await path.passes(1)
    path.broker.answers.append(Echo(order_no=OrderNo("1")))

    path.buy(symbol=HYNIX, price=150_000)
    await path.passes(1)

    assert path.payload("order_unconfirmed")["reason"] == "the number of another order: 1"
