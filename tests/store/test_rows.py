"""The rows: what is unique, what is compared before it is written, what comes back as it went in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kis_daemon.domain.approvals import Approval, Proposal, ProposalStatus, TokenRefusal
from kis_daemon.domain.events import GENESIS_HASH, Event, chain_hash
from kis_daemon.domain.orders import OrderKey, OrderNo, OrderState
from kis_daemon.domain.safeguards import NEVER_RELEASED, KillSwitch, KillSwitchScope, KillSwitchStatus
from kis_daemon.ports import StaleVersion
from kis_daemon.store.database import Database
from tests.services.builders import (
    HYNIX,
    SAMSUNG,
    TEN_O_CLOCK,
    TODAY,
    YESTERDAY,
    a_fill,
    a_position,
    a_sent_order,
    a_trade,
    an_exit,
    an_intent,
    an_order,
    at,
)
from tests.store.builders import a_database, a_file, by_hand

BY_SQL = "INSERT INTO system_state(timestamp, kill_switch_status, kill_switch_reason) VALUES(datetime('now'), ?, ?)"
EVENT_BY_SQL = (
    "INSERT INTO event_log(timestamp, event_type, correlation_id, payload_json) "
    "VALUES(datetime('now'), 'kill_switch_deactivated', 'manual-kill-switch-change', '{\"reason\": \"checked\"}')"
)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with a_database(tmp_path, durable=False) as opened:
        yield opened


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return a_file(tmp_path)


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


def test_an_operators_row_stays_unhashed_and_does_not_break_the_chain(database: Database, file: Path) -> None:
    database.transact_now(lambda rows: rows.append(an_event("first")))
    by_hand(file, EVENT_BY_SQL)
    database.transact_now(lambda rows: rows.append(an_event("third")))

    first, operators, third = database.transact_now(lambda rows: rows.events())

    assert (operators.actor, operators.prev_hash, operators.hash) == ("operator", None, None)
    assert third.prev_hash == first.hash


def test_moments_are_kept_in_utc_with_microseconds(database: Database, file: Path) -> None:
    database.transact_now(lambda rows: rows.append(an_event()))

    assert by_hand(file, "SELECT timestamp FROM event_log") == [("2024-03-05 01:00:00.123456",)]


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


def test_a_signal_is_claimed_once_a_mode_and_side_whatever_its_quantity(database: Database, file: Path) -> None:
    assert database.transact_now(lambda rows: rows.claim_order(an_order()))

    resized = an_order(an_intent(quantity=9))
    sale = an_order(an_exit(signal_id=an_intent().signal_id))
    real = an_order(mode="REAL", key=OrderKey("r"))

    assert not database.transact_now(lambda rows: rows.claim_order(resized))
    assert database.transact_now(lambda rows: rows.claim_order(sale))
    assert database.transact_now(lambda rows: rows.claim_order(real))
    assert by_hand(file, "SELECT count(*) FROM orders") == [(3,)]


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
    database: Database, file: Path, state: OrderState, status: str
) -> None:
    database.transact_now(lambda rows: rows.claim_order(an_order()))

    database.transact_now(lambda rows: rows.save_order(replace(a_sent_order(), state=state, version=2)))

    assert by_hand(file, "SELECT status, broker_order_id FROM orders") == [(status, "1")]


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

    with pytest.raises(Exception, match="UNIQUE constraint failed"):
        database.transact_now(
            lambda rows: rows.save_order(replace(a_sent_order(an_intent(attempt=1)), version=2, order_no=OrderNo("1")))
        )


def test_a_refused_request_is_kept_without_a_key(database: Database, file: Path) -> None:
    database.transact_now(lambda rows: rows.add_refused_request(an_intent(), TEN_O_CLOCK, "halted"))

    ((key, status, payload),) = by_hand(file, "SELECT idempotency_key, status, payload_json FROM orders")
    assert (key, status) == (None, "rejected")
    assert json.loads(payload)["refused"] == "halted"


# --- fills and trades --------------------------------------------------------------------------------------------


def test_a_fill_is_unique_by_order_and_cumulative_quantity(database: Database, file: Path) -> None:
    order = an_order()
    database.transact_now(lambda rows: rows.claim_order(order))

    assert database.transact_now(lambda rows: rows.add_fill(a_fill(order, 4)))
    assert not database.transact_now(lambda rows: rows.add_fill(a_fill(order, 4, price=70_100)))
    assert database.transact_now(lambda rows: rows.add_fill(a_fill(order, 6, cumulative_quantity=10)))
    assert by_hand(file, "SELECT quantity, amount FROM fills") == [(4, 280_000), (6, 420_000)]
    assert by_hand(file, "SELECT fill_id FROM order_state") == [(2,)]


def test_a_trade_is_written_over_by_its_newer_sums(database: Database) -> None:
    order = an_order()
    database.transact_now(lambda rows: rows.claim_order(order))
    part, whole = a_trade(order.key, quantity=3), a_trade(order.key, quantity=10)

    database.transact_now(lambda rows: rows.save_trade(part))
    database.transact_now(lambda rows: rows.save_trade(whole))

    assert database.transact_now(lambda rows: rows.trades(TODAY, TODAY)) == (whole,)
    assert database.transact_now(lambda rows: rows.trades(YESTERDAY, YESTERDAY)) == ()


def test_the_day_of_a_trade_is_seouls(database: Database, file: Path) -> None:
    order = an_order()
    database.transact_now(lambda rows: rows.claim_order(order))

    database.transact_now(lambda rows: rows.save_trade(a_trade(order.key, at=at("08:30"))))  # 23:30 UTC the day before

    assert by_hand(file, "SELECT trade_day FROM trades") == [(str(TODAY),)]


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


def test_a_position_is_written_over_by_its_newer_version(database: Database, file: Path) -> None:
    grown = a_position(quantity=14, cost=980_000, version=2)

    database.transact_now(lambda rows: rows.save_position(a_position()))
    database.transact_now(lambda rows: rows.save_position(grown))

    assert database.transact_now(lambda rows: rows.open_positions()) == (grown,)
    assert by_hand(file, "SELECT count(*) FROM positions") == [(1,)]


def test_a_closed_position_is_kept_and_no_longer_open(database: Database, file: Path) -> None:
    database.transact_now(lambda rows: rows.save_position(a_position()))

    database.transact_now(lambda rows: rows.close_position(a_position(), TEN_O_CLOCK))

    assert database.transact_now(lambda rows: rows.open_positions()) == ()
    assert by_hand(file, "SELECT quantity, closed_at, atr FROM positions") == [
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


def approved(database: Database, token_hash: str = "h" * 64, expires_at: datetime | None = None) -> None:
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
    database.transact_now(lambda rows: rows.add_proposal(proposal))
    database.transact_now(lambda rows: rows.add_approval(approval))


def test_a_token_is_used_once(database: Database, file: Path) -> None:
    approved(database)

    first = database.transact_now(lambda rows: rows.use_approval("h" * 64, TEN_O_CLOCK))
    second = database.transact_now(lambda rows: rows.use_approval("h" * 64, TEN_O_CLOCK))

    assert (first, second) == (None, TokenRefusal.ALREADY_USED)
    assert by_hand(file, "SELECT status FROM proposals") == [("executed",)]


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


def test_a_rejected_approval_is_not_found(database: Database, file: Path) -> None:
    approved(database)
    by_hand(file, "UPDATE approvals SET status = 'rejected'")

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


def test_a_release_by_sql_takes_effect(database: Database, file: Path) -> None:
    by_hand(file, BY_SQL, "inactive", "checked by hand")

    switch = database.transact_now(lambda rows: rows.kill_switch())

    assert not switch.is_active
    assert (switch.reason, switch.actor) == ("checked by hand", "operator")
    assert switch.since is not None
    assert abs(switch.since - datetime.now(UTC)) < timedelta(minutes=1)


def test_an_activation_by_sql_takes_effect_and_stops_all(database: Database, file: Path) -> None:
    by_hand(file, BY_SQL, "inactive", "checked")
    by_hand(file, BY_SQL, "active", "stop")

    switch = database.transact_now(lambda rows: rows.kill_switch())

    assert (switch.is_active, switch.scope) == (True, KillSwitchScope.ALL)


@pytest.mark.parametrize("reason", ["", "  ", None])
def test_a_release_by_sql_without_a_reason_is_ignored(database: Database, file: Path, reason: str | None) -> None:
    by_hand(file, BY_SQL, "active", "stop")
    by_hand(file, BY_SQL, "inactive", reason)

    assert database.transact_now(lambda rows: rows.kill_switch()).is_active


def test_an_ignored_release_does_not_disarm_the_stops(database: Database, file: Path) -> None:
    database.transact_now(lambda rows: rows.set_kill_switch(a_switch(KillSwitchStatus.ACTIVE, KillSwitchScope.ENTRIES)))

    by_hand(file, BY_SQL, "inactive", "")

    assert database.transact_now(lambda rows: rows.kill_switch()).scope is KillSwitchScope.ENTRIES


@pytest.mark.parametrize("moment", ["2024-03-05T10:00:00+09:00", "now", "", "05.03.2024 10:00"])
def test_an_operators_time_of_any_form_does_not_hide_the_switch(database: Database, file: Path, moment: str) -> None:
    by_hand(
        file,
        "INSERT INTO system_state(timestamp, kill_switch_status, kill_switch_reason) VALUES(?, 'inactive', 'checked')",
        moment,
    )

    assert not database.transact_now(lambda rows: rows.kill_switch()).is_active


def test_a_release_without_a_reason_does_not_undo_a_good_one(database: Database, file: Path) -> None:
    by_hand(file, BY_SQL, "inactive", "checked")
    by_hand(file, BY_SQL, "inactive", "")

    assert database.transact_now(lambda rows: rows.kill_switch()).reason == "checked"


def test_only_what_prices_move_is_written_between_fills(database: Database) -> None:
    held = a_position(trailing_armed=False)
    database.transact_now(lambda rows: rows.save_position(held))

    database.transact_now(lambda rows: rows.save_levels(replace(held, highest=72_000, trailing_armed=True, quantity=1)))

    assert database.transact_now(lambda rows: rows.open_positions()) == (
        replace(held, highest=72_000, trailing_armed=True),
    )
