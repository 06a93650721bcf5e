"""The rows: what is unique, what is compared before it is written, what comes back as it went in."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kis_daemon.domain.approvals import Approval, Proposal, ProposalStatus, TokenRefusal
from kis_daemon.domain.breakers import Breaker, Trigger, Trip
from kis_daemon.domain.events import GENESIS_HASH, Event, chain_hash
from kis_daemon.domain.locks import LockScope
from kis_daemon.domain.orders import OrderKey, OrderNo, OrderState
from kis_daemon.domain.safeguards import NEVER_RELEASED, KillSwitch, KillSwitchScope, KillSwitchStatus
from kis_daemon.ports import AccountFigures, DaySummary, StaleVersion, StoreError, SymbolName
from kis_daemon.store.database import Database
from kis_daemon.store.rows import SqlRows
from tests.services.builders import (
    HYNIX,
    SAMSUNG,
    TEN_O_CLOCK,
    TODAY,
    YESTERDAY,
    a_fill,
    a_lock,
    a_position,
    a_sent_order,
    a_trade,
    an_exit,
    an_intent,
    an_order,
    at,
)
from tests.store.places import Place


def switch_by_sql(place: Place, status: str, reason: str | None) -> None:
    """Write the switch as the documents tell an operator to (S0-K04)."""
    place.by_hand(
        f"INSERT INTO system_state(timestamp, kill_switch_status, kill_switch_reason) VALUES({place.now}, ?, ?)",
        status,
        reason,
    )


def event_by_sql(place: Place, name: str = "kill_switch_deactivated") -> None:
    """Write an event as the documents tell an operator to (S0-K05)."""
    place.by_hand(
        "INSERT INTO event_log(timestamp, event_type, correlation_id, payload_json) "
        f"VALUES({place.now}, ?, 'manual-kill-switch-change', ?)",
        name,
        '{"reason": "checked"}',
    )


def an_event(name: str = "order_filled", **payload: Any) -> Event:
    return Event(at=TEN_O_CLOCK.replace(microsecond=123_456), type=name, correlation_id="c1", payload=payload)


# --- the chain ---------------------------------------------------------------------------------------------------


def test_each_event_is_chained_to_the_one_before(database: Database) -> None:
    events = [an_event("first", price=70_000), an_event("second", reason="삼성전자"), an_event("third", ratio=0.1)]
    for event in events:
        database.transact_now(lambda rows, event=event: rows.append(event))  # type: ignore[misc]

    head = GENESIS_HASH
    for event, row in zip(events, database.transact_now(lambda rows: rows.events()), strict=True):
        assert row.prev_hash == head
        head = chain_hash(head, event)
        assert row.hash == head
    assert database.transact_now(lambda rows: rows.chain_head()) == head


def test_a_stored_event_hashes_to_what_its_row_says(database: Database) -> None:
    database.transact_now(lambda rows: rows.append(an_event(price=70_000, nothing=None, reason="삼성전자")))

    (row,) = database.transact_now(lambda rows: rows.events())

    read = Event(
        at=row.timestamp,
        type=row.event_type,
        actor=row.actor,
        correlation_id=row.correlation_id,
        payload=json.loads(row.payload_json),
    )
    assert chain_hash(row.prev_hash, read) == row.hash


def test_the_chain_begins_at_genesis(database: Database) -> None:
    assert database.transact_now(lambda rows: rows.chain_head()) == GENESIS_HASH


def test_an_operators_row_stays_unhashed_and_does_not_break_the_chain(database: Database, place: Place) -> None:
    database.transact_now(lambda rows: rows.append(an_event("first")))
    event_by_sql(place)
    database.transact_now(lambda rows: rows.append(an_event("third")))

    first, operators, third = database.transact_now(lambda rows: rows.events())

    assert (operators.actor, operators.prev_hash, operators.hash) == ("operator", None, None)
    assert third.prev_hash == first.hash


def test_moments_are_kept_in_utc_with_microseconds(database: Database, place: Place) -> None:
    database.transact_now(lambda rows: rows.append(an_event()))

    assert place.by_hand("SELECT timestamp FROM event_log") == [("2024-03-05 01:00:00.123456",)]


@pytest.mark.parametrize("sql", ["UPDATE event_log SET payload_json = '{}'", "DELETE FROM event_log"])
def test_the_event_log_is_append_only_for_everybody(database: Database, place: Place, sql: str) -> None:
    database.transact_now(lambda rows: rows.append(an_event("first")))
    event_by_sql(place)

    with pytest.raises(Exception, match="event_log is append-only"):
        place.by_hand(sql)

    assert place.by_hand("SELECT event_type FROM event_log ORDER BY event_id") == [
        ("first",),
        ("kill_switch_deactivated",),
    ]


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_the_event_log_cannot_be_emptied(database: Database, place: Place) -> None:
    with pytest.raises(Exception, match="event_log is append-only"):
        place.by_hand("TRUNCATE event_log CASCADE")


def test_an_operators_event_is_adopted_once(database: Database, place: Place) -> None:
    database.transact_now(lambda rows: rows.append(an_event("first")))
    event_by_sql(place)
    (waiting,) = database.transact_now(lambda rows: rows.unadopted_events())

    adopted = database.transact_now(lambda rows: rows.adopt_events(TEN_O_CLOCK))
    again = database.transact_now(lambda rows: rows.adopt_events(TEN_O_CLOCK))

    first, operators, adoption = database.transact_now(lambda rows: rows.events())
    assert (adopted, again) == ((waiting,), ())
    assert (adoption.event_type, adoption.correlation_id) == ("event_adopted", "manual-kill-switch-change")
    assert json.loads(adoption.payload_json) == {"event_id": operators.event_id, "row_hash": waiting.row_hash()}
    assert adoption.prev_hash == first.hash
    assert place.by_hand("SELECT event_id, row_hash FROM adopted_events") == [(operators.event_id, waiting.row_hash())]


def test_several_events_of_one_transaction_are_chained(database: Database) -> None:
    def work(rows: SqlRows) -> None:
        for name in ("first", "second", "third"):
            rows.append(an_event(name))

    database.transact_now(work)

    written = database.transact_now(lambda rows: rows.events())
    assert [row.prev_hash for row in written] == [GENESIS_HASH, written[0].hash, written[1].hash]


def test_an_operators_hash_does_not_become_the_head(database: Database, place: Place) -> None:
    database.transact_now(lambda rows: rows.append(an_event("first")))
    place.by_hand(
        f"INSERT INTO event_log(timestamp, event_type, payload_json, hash) VALUES({place.now}, 'forged', '{{}}', ?)",
        "f" * 64,
    )

    database.transact_now(lambda rows: rows.append(an_event("second")))

    first, forged, second = database.transact_now(lambda rows: rows.events())
    assert second.prev_hash == first.hash
    assert [row.event_id for row in database.transact_now(lambda rows: rows.unadopted_events())] == [forged.event_id]


# --- orders ------------------------------------------------------------------------------------------------------


def test_an_order_comes_back_as_it_was_written(database: Database) -> None:
    order = an_order(an_intent(reason="고가 돌파: 70,000 > 69,900"))

    assert database.transact_now(lambda rows: rows.claim_order(order))

    assert database.transact_now(lambda rows: rows.order(order.key)) == order
    assert database.transact_now(lambda rows: rows.order(OrderKey("unknown"))) is None


def test_a_key_is_claimed_once(database: Database) -> None:
    first = an_order()
    same_key = an_order(an_intent(attempt=1), key=first.key)

    assert database.transact_now(lambda rows: rows.claim_order(first))
    assert not database.transact_now(lambda rows: rows.claim_order(same_key))


def test_a_signal_is_claimed_once_a_mode_and_side_whatever_its_quantity(database: Database, place: Place) -> None:
    assert database.transact_now(lambda rows: rows.claim_order(an_order()))

    resized = an_order(an_intent(quantity=9))
    sale = an_order(an_exit(signal_id=an_intent().signal_id))
    real = an_order(mode="REAL", key=OrderKey("r"))

    assert not database.transact_now(lambda rows: rows.claim_order(resized))
    assert database.transact_now(lambda rows: rows.claim_order(sale))
    assert database.transact_now(lambda rows: rows.claim_order(real))
    assert place.by_hand("SELECT count(*) FROM orders") == [(3,)]


def test_a_refused_claim_leaves_the_rest_of_its_transaction_whole(database: Database) -> None:
    database.transact_now(lambda rows: rows.claim_order(an_order()))

    def work(rows: Any) -> bool:
        rows.append(an_event("before"))
        claimed: bool = rows.claim_order(an_order())
        rows.append(an_event("after"))
        return claimed

    assert not database.transact_now(work)
    assert database.transact_now(lambda rows: rows.count_events()) == 2


def test_an_order_is_saved_over_the_version_before_only(database: Database) -> None:
    database.transact_now(lambda rows: rows.claim_order(an_order()))
    sent = replace(a_sent_order(), version=2)
    database.transact_now(lambda rows: rows.save_order(sent))

    for stale in (replace(sent, version=2), replace(sent, version=4), replace(sent, key=OrderKey("x"), version=3)):
        with pytest.raises(StaleVersion):
            database.transact_now(lambda rows, stale=stale: rows.save_order(stale))  # type: ignore[misc]

    assert database.transact_now(lambda rows: rows.order(sent.key)) == sent


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (OrderState.PENDING, "pending"),
        (OrderState.UNCONFIRMED, "pending"),
        (OrderState.SUBMITTED, "pending"),
        (OrderState.PARTIAL, "pending"),
        (OrderState.FILLED, "filled"),
        (OrderState.CANCELLED, "cancelled"),
        (OrderState.REJECTED, "rejected"),
    ],
)
def test_the_orders_table_shows_each_state_in_its_own_words(
    database: Database, place: Place, state: OrderState, status: str
) -> None:
    database.transact_now(lambda rows: rows.claim_order(an_order()))

    database.transact_now(lambda rows: rows.save_order(replace(a_sent_order(), state=state, version=2)))

    assert place.by_hand("SELECT status, broker_order_id FROM orders") == [(status, "1")]


@pytest.mark.parametrize("state", OrderState)
def test_live_orders_are_those_that_may_still_be_filled(database: Database, state: OrderState) -> None:
    database.transact_now(lambda rows: rows.claim_order(an_order()))
    order = replace(a_sent_order(), state=state, version=2)
    database.transact_now(lambda rows: rows.save_order(order))

    assert database.transact_now(lambda rows: rows.live_orders()) == ((order,) if order.is_live else ())


def test_orders_of_a_day_come_in_the_order_they_were_begun(database: Database) -> None:
    late = an_order(an_intent(attempt=1), created_at=at("11:00"))
    early = an_order(an_intent(attempt=2), created_at=at("09:30"))
    yesterdays = an_order(an_intent(attempt=3), day=YESTERDAY)
    for order in (late, early, yesterdays):
        database.transact_now(lambda rows, order=order: rows.claim_order(order))  # type: ignore[misc]

    assert database.transact_now(lambda rows: rows.orders_of(TODAY)) == (early, late)


def test_two_orders_of_a_day_never_share_a_brokers_number(database: Database) -> None:
    first, second = an_order(), an_order(an_intent(attempt=1))
    for order in (first, second):
        database.transact_now(lambda rows, order=order: rows.claim_order(order))  # type: ignore[misc]
    numbered = replace(a_sent_order(), version=2)
    database.transact_now(lambda rows: rows.save_order(numbered))

    with pytest.raises(StoreError, match=r"UNIQUE constraint failed|Duplicate entry|unique constraint"):
        database.transact_now(
            lambda rows: rows.save_order(replace(a_sent_order(an_intent(attempt=1)), version=2, order_no=OrderNo("1")))
        )


def test_a_refused_request_is_kept_without_a_key(database: Database, place: Place) -> None:
    database.transact_now(lambda rows: rows.add_refused_request(an_intent(), TEN_O_CLOCK, "halted"))

    ((key, status, payload),) = place.by_hand("SELECT idempotency_key, status, payload_json FROM orders")
    assert (key, status) == (None, "rejected")
    assert json.loads(payload)["refused"] == "halted"


# --- fills and trades --------------------------------------------------------------------------------------------


def test_a_fill_is_unique_by_order_and_cumulative_quantity(database: Database, place: Place) -> None:
    order = an_order()
    database.transact_now(lambda rows: rows.claim_order(order))

    assert database.transact_now(lambda rows: rows.add_fill(a_fill(order, 4)))
    assert not database.transact_now(lambda rows: rows.add_fill(a_fill(order, 4, price=70_100)))
    assert database.transact_now(lambda rows: rows.add_fill(a_fill(order, 6, cumulative_quantity=10)))
    assert place.by_hand("SELECT quantity, amount FROM fills") == [(4, 280_000), (6, 420_000)]
    assert place.by_hand("SELECT fill_id FROM order_state") == [(2,)]


def test_a_trade_is_written_over_by_its_newer_sums(database: Database) -> None:
    order = an_order()
    database.transact_now(lambda rows: rows.claim_order(order))
    part, whole = a_trade(order.key, quantity=3), a_trade(order.key, quantity=10)

    database.transact_now(lambda rows: rows.save_trade(part))
    database.transact_now(lambda rows: rows.save_trade(whole))

    assert database.transact_now(lambda rows: rows.trades(TODAY, TODAY)) == (whole,)
    assert database.transact_now(lambda rows: rows.trades(YESTERDAY, YESTERDAY)) == ()


def test_the_day_of_a_trade_is_seouls(database: Database, place: Place) -> None:
    order = an_order()
    database.transact_now(lambda rows: rows.claim_order(order))

    database.transact_now(lambda rows: rows.save_trade(a_trade(order.key, at=at("08:30"))))  # 23:30 UTC the day before

    assert place.by_hand("SELECT trade_day FROM trades") == [(str(TODAY),)]


def test_the_last_stop_of_each_symbol_is_remembered(database: Database) -> None:
    trades = [
        a_trade(OrderKey("a"), at=at("10:00", YESTERDAY)),
        a_trade(OrderKey("b")),
        a_trade(OrderKey("c"), symbol=HYNIX, rule="ATR_TAKE_PROFIT"),
    ]
    for attempt, trade in enumerate(trades):
        order = an_order(an_intent(attempt=attempt), key=trade.order_key)
        database.transact_now(lambda rows, order=order: rows.claim_order(order))  # type: ignore[misc]
        database.transact_now(lambda rows, trade=trade: rows.save_trade(trade))  # type: ignore[misc]

    assert database.transact_now(lambda rows: rows.last_stops()) == ((SAMSUNG, TODAY),)


# --- positions and marks -----------------------------------------------------------------------------------------


def test_a_position_is_written_over_by_its_newer_version(database: Database, place: Place) -> None:
    grown = a_position(quantity=14, cost=980_000, version=2)

    database.transact_now(lambda rows: rows.save_position(a_position()))
    database.transact_now(lambda rows: rows.save_position(grown))

    assert database.transact_now(lambda rows: rows.open_positions()) == (grown,)
    assert place.by_hand("SELECT count(*) FROM positions") == [(1,)]


def test_a_closed_position_is_kept_and_no_longer_open(database: Database, place: Place) -> None:
    database.transact_now(lambda rows: rows.save_position(a_position()))

    database.transact_now(lambda rows: rows.close_position(a_position(), TEN_O_CLOCK))

    assert database.transact_now(lambda rows: rows.open_positions()) == ()
    assert place.by_hand("SELECT quantity, closed_at, atr FROM positions") == [
        (0, "2024-03-05 01:00:00.000000", 1_000.0)
    ]


def test_the_next_entry_of_a_symbol_is_a_row_of_its_own(database: Database) -> None:
    database.transact_now(lambda rows: rows.save_position(a_position()))
    database.transact_now(lambda rows: rows.close_position(a_position(), TEN_O_CLOCK))
    following = a_position(entry_day=TODAY)

    database.transact_now(lambda rows: rows.save_position(following))

    assert database.transact_now(lambda rows: rows.open_positions()) == (following,)


def test_a_closed_position_that_is_bought_into_again_is_open_again(database: Database) -> None:
    database.transact_now(lambda rows: rows.save_position(a_position()))
    database.transact_now(lambda rows: rows.close_position(a_position(), TEN_O_CLOCK))
    late_fill = a_position(quantity=6, cost=420_000)

    database.transact_now(lambda rows: rows.save_position(late_fill))

    assert database.transact_now(lambda rows: rows.open_positions()) == (late_fill,)


def test_a_mark_is_the_last_one_set(database: Database) -> None:
    assert database.transact_now(lambda rows: rows.mark("ledger_cash")) is None

    database.transact_now(lambda rows: rows.set_mark("ledger_cash", "1"))
    database.transact_now(lambda rows: rows.set_mark("ledger_cash", "2"))

    assert database.transact_now(lambda rows: rows.mark("ledger_cash")) == "2"


# --- approvals ---------------------------------------------------------------------------------------------------


def an_approval(token_hash: str = "h" * 64, expires_at: datetime | None = None) -> tuple[Proposal, Approval]:
    proposal = Proposal(
        proposal_id="p1",
        created_at=TEN_O_CLOCK,
        correlation_id="c1",
        config_hash="c" * 64,
        git_commit_sha="unknown",
        schema_version="0001",
        intent=an_intent(),
        status=ProposalStatus.APPROVED,
    )
    approval = Approval(
        proposal_id="p1",
        token_hash=token_hash,
        token_jti="j1",
        token_expires_at=expires_at or TEN_O_CLOCK + timedelta(minutes=10),
        approved_by="operator",
        approved_at=TEN_O_CLOCK,
    )
    return proposal, approval


def approved(database: Database, token_hash: str = "h" * 64, expires_at: datetime | None = None) -> None:
    proposal, approval = an_approval(token_hash, expires_at)
    database.transact_now(lambda rows: rows.add_proposal(proposal))
    database.transact_now(lambda rows: rows.add_approval(approval))


def test_a_token_is_used_once(database: Database, place: Place) -> None:
    approved(database)

    first = database.transact_now(lambda rows: rows.use_approval("h" * 64, TEN_O_CLOCK))
    second = database.transact_now(lambda rows: rows.use_approval("h" * 64, TEN_O_CLOCK))

    assert (first, second) == (None, TokenRefusal.ALREADY_USED)
    assert place.by_hand("SELECT status FROM proposals") == [("executed",)]


def test_an_approval_that_is_written_spent_is_used_no_more(database: Database, place: Place) -> None:
    proposal, approval = an_approval()

    database.transact_now(lambda rows: rows.add_spent_approval(proposal, approval, TEN_O_CLOCK))
    refusal = database.transact_now(lambda rows: rows.use_approval("h" * 64, TEN_O_CLOCK))

    assert refusal is TokenRefusal.ALREADY_USED
    assert place.by_hand("SELECT status FROM proposals") == [("executed",)]


def test_a_token_is_not_written_spent_twice(database: Database, place: Place) -> None:
    proposal, approval = an_approval()
    database.transact_now(lambda rows: rows.add_spent_approval(proposal, approval, TEN_O_CLOCK))

    again = replace(proposal, proposal_id="p2"), replace(approval, proposal_id="p2")
    with pytest.raises(StoreError):
        database.transact_now(lambda rows: rows.add_spent_approval(*again, TEN_O_CLOCK))

    assert place.by_hand("SELECT count(*) FROM approvals") == [(1,)]


def test_what_a_transaction_appends_is_read_by_itself(database: Database) -> None:
    event = Event(at=TEN_O_CLOCK, type="first", payload={})

    def work(rows: Any) -> bool:
        rows.append(event)
        return bool(rows.has_event(event))

    assert database.transact_now(work)


def test_a_use_that_was_rolled_back_did_not_spend_the_token(database: Database) -> None:
    approved(database)

    def work(rows: Any) -> None:
        rows.use_approval("h" * 64, TEN_O_CLOCK)
        raise KeyError("in the middle")

    with pytest.raises(KeyError):
        database.transact_now(work)

    assert database.transact_now(lambda rows: rows.use_approval("h" * 64, TEN_O_CLOCK)) is None


@pytest.mark.parametrize(("late_s", "refusal"), [(-1, None), (0, TokenRefusal.EXPIRED), (1, TokenRefusal.EXPIRED)])
def test_a_token_is_good_until_its_expiry(database: Database, late_s: float, refusal: TokenRefusal | None) -> None:
    approved(database, expires_at=TEN_O_CLOCK)

    at_that_time = TEN_O_CLOCK + timedelta(seconds=late_s)

    assert database.transact_now(lambda rows: rows.use_approval("h" * 64, at_that_time)) is refusal


def test_an_unknown_token_is_not_found(database: Database) -> None:
    approved(database)

    assert database.transact_now(lambda rows: rows.use_approval("x" * 64, TEN_O_CLOCK)) is TokenRefusal.NOT_FOUND


def test_a_rejected_approval_is_not_found(database: Database, place: Place) -> None:
    approved(database)
    place.by_hand("UPDATE approvals SET status = 'rejected'")

    assert database.transact_now(lambda rows: rows.use_approval("h" * 64, TEN_O_CLOCK)) is TokenRefusal.NOT_FOUND


# --- the kill switch ---------------------------------------------------------------------------------------------


def a_switch(status: KillSwitchStatus, scope: KillSwitchScope = KillSwitchScope.ALL, **changes: Any) -> KillSwitch:
    switch = KillSwitch(status=status, scope=scope, reason="checked", actor="operator", since=TEN_O_CLOCK)
    return replace(switch, **changes)


def test_without_a_row_the_switch_is_active(database: Database) -> None:
    assert database.transact_now(lambda rows: rows.kill_switch()) == NEVER_RELEASED
    assert NEVER_RELEASED.is_active


@pytest.mark.parametrize("scope", KillSwitchScope)
def test_the_switch_comes_back_as_it_was_set(database: Database, scope: KillSwitchScope) -> None:
    switch = a_switch(KillSwitchStatus.ACTIVE, scope)

    database.transact_now(lambda rows: rows.set_kill_switch(switch))

    assert database.transact_now(lambda rows: rows.kill_switch()) == switch


def test_the_newest_row_wins_whatever_its_time_says(database: Database) -> None:
    later = a_switch(KillSwitchStatus.INACTIVE, since=TEN_O_CLOCK + timedelta(hours=9))  # an operator's local time
    newest = a_switch(KillSwitchStatus.ACTIVE)

    for switch in (later, newest):
        database.transact_now(lambda rows, switch=switch: rows.set_kill_switch(switch))  # type: ignore[misc]

    assert database.transact_now(lambda rows: rows.kill_switch()) == newest


def test_a_release_by_sql_takes_effect(database: Database, place: Place) -> None:
    switch_by_sql(place, "inactive", "checked by hand")

    switch = database.transact_now(lambda rows: rows.kill_switch())

    assert not switch.is_active
    assert (switch.reason, switch.actor) == ("checked by hand", "operator")
    assert switch.since is not None
    assert abs(switch.since - datetime.now(UTC)) < timedelta(minutes=1)


def test_an_activation_by_sql_takes_effect_and_stops_all(database: Database, place: Place) -> None:
    switch_by_sql(place, "inactive", "checked")
    switch_by_sql(place, "active", "stop")

    switch = database.transact_now(lambda rows: rows.kill_switch())

    assert (switch.is_active, switch.scope) == (True, KillSwitchScope.ALL)


@pytest.mark.parametrize("reason", ["", "  ", None])
def test_a_release_by_sql_without_a_reason_is_ignored(database: Database, place: Place, reason: str | None) -> None:
    switch_by_sql(place, "active", "stop")
    switch_by_sql(place, "inactive", reason)

    assert database.transact_now(lambda rows: rows.kill_switch()).is_active


def test_an_ignored_release_does_not_disarm_the_stops(database: Database, place: Place) -> None:
    database.transact_now(lambda rows: rows.set_kill_switch(a_switch(KillSwitchStatus.ACTIVE, KillSwitchScope.ENTRIES)))

    switch_by_sql(place, "inactive", "")

    assert database.transact_now(lambda rows: rows.kill_switch()).scope is KillSwitchScope.ENTRIES


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)  # the servers refuse what is no moment
@pytest.mark.parametrize("moment", ["2024-03-05T10:00:00+09:00", "now", "", "05.03.2024 10:00"])
def test_an_operators_time_of_any_form_does_not_hide_the_switch(database: Database, place: Place, moment: str) -> None:
    place.by_hand(
        "INSERT INTO system_state(timestamp, kill_switch_status, kill_switch_reason) VALUES(?, 'inactive', 'checked')",
        moment,
    )

    assert not database.transact_now(lambda rows: rows.kill_switch()).is_active


def test_a_release_without_a_reason_does_not_undo_a_good_one(database: Database, place: Place) -> None:
    switch_by_sql(place, "inactive", "checked")
    switch_by_sql(place, "inactive", "")

    assert database.transact_now(lambda rows: rows.kill_switch()).reason == "checked"


def test_only_what_prices_move_is_written_between_fills(database: Database) -> None:
    held = a_position(trailing_armed=False)
    database.transact_now(lambda rows: rows.save_position(held))

    database.transact_now(lambda rows: rows.save_levels(replace(held, highest=72_000, trailing_armed=True, quantity=1)))

    assert database.transact_now(lambda rows: rows.open_positions()) == (
        replace(held, highest=72_000, trailing_armed=True),
    )


# --- the activations of S4 ---------------------------------------------------------------------------------------


def released(database: Database) -> None:
    database.transact_now(lambda rows: rows.set_kill_switch(a_switch(KillSwitchStatus.INACTIVE)))


def activation_by_sql(place: Place, reason: str = "stop") -> None:
    """Activate as the documents tell an operator to (S4-K03)."""
    place.by_hand(f"INSERT INTO kill_switch_events (activated_at, reason) VALUES ({place.now}, ?)", reason)


def test_an_activation_by_the_documents_sql_stops_all(database: Database, place: Place) -> None:
    released(database)

    activation_by_sql(place)

    switch = database.transact_now(lambda rows: rows.kill_switch())
    assert (switch.is_active, switch.scope, switch.reason) == (True, KillSwitchScope.ALL, "stop")


def test_a_newer_release_does_not_undo_an_open_activation(database: Database, place: Place) -> None:
    activation_by_sql(place)

    switch_by_sql(place, "inactive", "checked")

    assert database.transact_now(lambda rows: rows.kill_switch()).is_active


def test_our_release_closes_every_open_activation(database: Database, place: Place) -> None:
    activation_by_sql(place)

    released(database)

    assert not database.transact_now(lambda rows: rows.kill_switch()).is_active
    assert place.by_hand("SELECT status, deactivated_by, deactivated_reason FROM kill_switch_events") == [
        ("deactivated", "operator", "checked")
    ]


@pytest.mark.parametrize(("reason", "stays"), [("", True), ("  ", True), (None, True), ("checked", False)])
def test_an_activation_is_closed_by_sql_with_a_reason_only(
    database: Database, place: Place, reason: str | None, stays: bool
) -> None:
    released(database)
    activation_by_sql(place)

    place.by_hand("UPDATE kill_switch_events SET status = 'deactivated', deactivated_reason = ?", reason)

    assert database.transact_now(lambda rows: rows.kill_switch()).is_active is stays


def test_a_release_by_sql_undoes_an_activation_of_ours(database: Database, place: Place) -> None:
    database.transact_now(lambda rows: rows.set_kill_switch(a_switch(KillSwitchStatus.ACTIVE)))

    switch_by_sql(place, "inactive", "checked")

    assert not database.transact_now(lambda rows: rows.kill_switch()).is_active


def test_the_widest_open_activation_counts(database: Database, place: Place) -> None:
    released(database)
    place.by_hand(
        f"INSERT INTO kill_switch_events (activated_at, reason, scope) VALUES ({place.now}, 'first', 'entries')"
    )
    assert database.transact_now(lambda rows: rows.kill_switch()).scope is KillSwitchScope.ENTRIES

    database.transact_now(lambda rows: rows.set_kill_switch(a_switch(KillSwitchStatus.ACTIVE)))

    assert database.transact_now(lambda rows: rows.kill_switch()).scope is KillSwitchScope.ALL


# --- symbol locks ------------------------------------------------------------------------------------------------


def test_locks_come_back_as_they_went_in_one_of_a_scope(database: Database, place: Place) -> None:
    ours = a_lock(scope=LockScope.ALL, by="engine")
    until = a_lock(symbol=HYNIX, expires_at=at("15:00"))
    for lock in (a_lock(reason="older"), until, ours, a_lock(reason="newer", since=at("11:00"))):
        database.transact_now(lambda rows, lock=lock: rows.lock_symbol(lock))  # type: ignore[misc]

    known = database.transact_now(lambda rows: rows.symbol_locks())

    assert known == (until, ours, a_lock(reason="newer", since=at("11:00")))
    assert place.by_hand("SELECT reason, release_reason FROM symbol_locks WHERE released_at IS NOT NULL") == [
        ("older", "a newer lock")
    ]


def test_an_unlocked_symbol_keeps_its_history(database: Database, place: Place) -> None:
    database.transact_now(lambda rows: rows.lock_symbol(a_lock()))

    took = [
        database.transact_now(
            lambda rows, scope=scope: rows.unlock_symbol(SAMSUNG, scope, at("11:00"), "lee", "out")  # type: ignore[misc]
        )
        for scope in (LockScope.ALL, LockScope.ENTRIES, LockScope.ENTRIES)
    ]

    assert took == [False, True, False]
    assert database.transact_now(lambda rows: rows.symbol_locks()) == ()
    assert place.by_hand("SELECT locked_by, released_by, release_reason FROM symbol_locks") == [("kim", "lee", "out")]


def test_a_lock_that_an_operator_wrote_by_sql_is_one(database: Database, place: Place) -> None:
    place.by_hand("INSERT INTO symbol_locks (symbol, reason) VALUES ('005930', 'earnings')")
    place.by_hand(
        f"INSERT INTO symbol_locks (symbol, reason, expires_at) VALUES ('000660', 'news', {place.now})",
    )

    over, stands = database.transact_now(lambda rows: rows.symbol_locks())

    assert (stands.symbol, stands.scope, stands.by, stands.expires_at) == (SAMSUNG, LockScope.ENTRIES, "operator", None)
    assert over.is_over(datetime.now(UTC) + timedelta(minutes=1))


# --- circuit breakers --------------------------------------------------------------------------------------------


def a_trip(**changes: Any) -> Trip:
    trip = Trip(
        breaker=Breaker.LOSS,
        trigger=Trigger.MAX_DRAWDOWN,
        at=TEN_O_CLOCK,
        until=at("11:30"),
        threshold=15.0,
        actual=15.5,
    )
    return replace(trip, **changes)


def test_a_trip_comes_back_as_it_went_in_one_of_a_breaker(database: Database, place: Place) -> None:
    api = a_trip(breaker=Breaker.API, trigger=Trigger.NETWORK_ISSUE, threshold=None, actual=None, until=None)
    again = a_trip(trigger=Trigger.CONSECUTIVE_LOSSES, at=at("12:00"), until=at("13:00"))
    for trip in (a_trip(), api, again):
        database.transact_now(lambda rows, trip=trip: rows.add_breaker_trip(trip))  # type: ignore[misc]

    assert database.transact_now(lambda rows: rows.breaker_trips()) == (api, again)
    assert place.by_hand(
        "SELECT trigger_type, status, cooldown_hours, resolved_by FROM circuit_breaker_events ORDER BY event_id"
    ) == [
        ("max_drawdown", "expired", 1.5, "engine"),
        ("network_issue", "active", None, None),
        ("consecutive_losses", "active", 1.0, None),
    ]


def test_a_trip_ends_once_and_says_by_whom(database: Database, place: Place) -> None:
    database.transact_now(lambda rows: rows.add_breaker_trip(a_trip()))

    ended = [
        database.transact_now(
            lambda rows, breaker=breaker: rows.end_breaker_trips(breaker, at("11:00"), "kim", "overridden")  # type: ignore[misc]
        )
        for breaker in (Breaker.API, Breaker.LOSS, Breaker.LOSS)
    ]

    assert ended == [False, True, False]
    assert place.by_hand("SELECT status, resolved_by, resolved_at FROM circuit_breaker_events") == [
        ("overridden", "kim", "2024-03-05 02:00:00.000000")
    ]


def test_a_trip_that_an_operator_wrote_by_sql_is_one(database: Database, place: Place) -> None:
    place.by_hand(
        f"INSERT INTO circuit_breaker_events (triggered_at, trigger_type, context_json) "
        f"VALUES ({place.now}, 'exchange_error', 'not json')"
    )

    (trip,) = database.transact_now(lambda rows: rows.breaker_trips())

    assert (trip.breaker, trip.until) == (Breaker.API, None)


# --- names, the account, days ------------------------------------------------------------------------------------


def test_a_name_is_the_last_one_learned(database: Database, place: Place) -> None:
    old = SymbolName(symbol=SAMSUNG, name="삼성전자", updated_at=at("10:00", YESTERDAY))
    other = SymbolName(symbol=HYNIX, name="SK하이닉스", updated_at=TEN_O_CLOCK)
    for name in (old, other, replace(old, name="삼성전자우", updated_at=TEN_O_CLOCK)):
        database.transact_now(lambda rows, name=name: rows.save_symbol_name(name))  # type: ignore[misc]

    known = database.transact_now(lambda rows: rows.symbol_names())

    assert known == (other, replace(old, name="삼성전자우", updated_at=TEN_O_CLOCK))
    assert place.by_hand("SELECT stock_name FROM symbol_cache WHERE stock_code = '005930'") == [("삼성전자우",)]


def test_the_account_is_kept_as_it_stood(database: Database, place: Place) -> None:
    figures = AccountFigures(
        at=TEN_O_CLOCK, cash=9_000_000, holdings_value=1_000_000, realized_pnl=-5_000, open_pnl=7, positions=1
    )

    database.transact_now(lambda rows: rows.add_account_snapshot(figures))
    database.transact_now(lambda rows: rows.add_account_snapshot(replace(figures, at=at("11:00"))))

    assert place.by_hand("SELECT snapshot_time, total_equity, realized_pnl FROM account_snapshots ORDER BY 1") == [
        ("2024-03-05 01:00:00.000000", 10_000_000, -5_000),
        ("2024-03-05 02:00:00.000000", 10_000_000, -5_000),
    ]


def test_a_day_is_summed_up_in_one_row(database: Database, place: Place) -> None:
    summary = DaySummary(day=TODAY, trades=2, realized_pnl=1, open_pnl=2, fees=3, tax=4, cash=5, equity=6, positions=1)

    database.transact_now(lambda rows: rows.save_day_summary(replace(summary, trades=1)))
    database.transact_now(lambda rows: rows.save_day_summary(summary))

    assert place.by_hand("SELECT trade_date, trades, equity FROM daily_summary") == [(str(TODAY), 2, 6)]


def test_texts_are_compared_to_the_letter(database: Database) -> None:
    database.transact_now(lambda rows: rows.set_mark("name", "1"))

    assert database.transact_now(lambda rows: rows.mark("NAME")) is None
