"""An order with an approval token: its checks in their one order, and the weaknesses that earlier systems had (L04)."""

from __future__ import annotations

import asyncio
import itertools
from datetime import timedelta
from typing import Any

import jwt
import pytest

from kis_daemon.domain.approvals import OrderRequest, TokenRefusal
from kis_daemon.domain.market import Side, Symbol
from kis_daemon.domain.orders import OrderType
from kis_daemon.domain.safeguards import KillSwitchScope
from kis_daemon.ports import BrokerUnreachable
from kis_daemon.services import kill_switch
from kis_daemon.services.approvals import token_hash
from kis_daemon.services.order_desk import Cause, NotPlaced, Placed
from tests.services.builders import SAMSUNG, an_intent
from tests.services.order_path import HALTED, OrderPath, lived
from tests.services.persons import Persons, a_request


def refused(answer: Placed | NotPlaced) -> tuple[Cause, str, str]:
    assert isinstance(answer, NotPlaced)
    return answer.cause, answer.event, answer.reason


def activate(path: OrderPath, scope: KillSwitchScope = KillSwitchScope.ALL) -> None:
    path.now(lambda rows: kill_switch.activate(rows, path.clock.now(), "a test", "tester", scope))


@lived
async def test_an_approved_position_is_ordered_at_the_market(path: OrderPath) -> None:
    persons = Persons(path)

    placed = await persons.place(await persons.token())

    assert placed == Placed(order_id=1, status="pending")
    (sent,) = path.broker.sent
    assert (sent.symbol, sent.side, sent.quantity, sent.order_type) == (SAMSUNG, Side.BUY, 10, OrderType.MARKET)


@lived
async def test_the_token_is_spent_in_the_transaction_that_claims_the_order(path: OrderPath) -> None:
    persons = Persons(path)
    token = await persons.token()
    await persons.place(token, price=70_000)

    used = path.by_hand("SELECT token_used_at, token_hash FROM approvals")
    status = path.by_hand("SELECT status FROM proposals")

    assert used[0][0] is not None
    assert used[0][1] == token_hash(token)
    assert status == [("executed",)]


@lived
async def test_proposal_approval_order_and_request_have_one_correlation_id(path: OrderPath) -> None:
    persons = Persons(path)
    await persons.place(await persons.token())
    await path.journal.write()

    (correlation_id,) = path.by_hand("SELECT correlation_id FROM proposals")[0]

    found = path.by_hand("SELECT event_type FROM event_log WHERE correlation_id = ?", correlation_id)
    assert {"proposal_created", "approval_granted", "order_requested", "order_submitted"} <= {name for (name,) in found}
    assert path.by_hand("SELECT correlation_id FROM orders") == [(correlation_id,)]


@lived
async def test_a_token_is_good_once(path: OrderPath) -> None:
    persons = Persons(path)
    token = await persons.token()
    await persons.place(token)

    again = await persons.place(token)

    assert refused(again) == (Cause.RECORD, "order_rejected_record", "already used")
    assert len(path.broker.sent) == 1


@lived
async def test_of_a_thousand_at_once_with_one_token_one_places_an_order(path: OrderPath) -> None:
    persons = Persons(path)
    token = await persons.token()

    answers = await asyncio.gather(*(persons.place(token, price=70_000) for _ in range(1_000)))

    assert sum(isinstance(answer, Placed) for answer in answers) == 1
    assert {refused(answer)[2] for answer in answers if isinstance(answer, NotPlaced)} == {"already used"}
    assert len(path.broker.sent) == 1
    await path.journal.write()
    assert persons.refused() == 999


@lived
async def test_two_tokens_at_once_for_one_symbol_place_one_order_and_spend_one(path: OrderPath) -> None:
    persons = Persons(path)
    tokens = [await persons.token(), await persons.token()]

    answers = await asyncio.gather(*(persons.place(token, price=70_000) for token in tokens))

    assert sorted(type(answer).__name__ for answer in answers) == ["NotPlaced", "Placed"]
    assert path.by_hand("SELECT count(*) FROM approvals WHERE token_used_at IS NULL") == [(1,)]
    assert len(path.broker.sent) == 1


@lived
async def test_the_kill_switch_is_asked_before_anything_else(path: OrderPath) -> None:
    persons = Persons(path)
    token = await persons.token()
    activate(path)

    def unread() -> OrderRequest:
        raise ValueError("not JSON")

    answers = [
        await persons.orders.place(shown, read) for shown in (None, "x", token) for read in (unread, a_request())
    ]

    assert {refused(answer)[:2] for answer in answers} == {(Cause.KILL_SWITCH, "order_blocked_killswitch")}
    assert path.broker.sent == []


@lived
async def test_a_switch_for_entries_blocks_it_too(path: OrderPath) -> None:
    persons = Persons(path)
    token = await persons.token()
    activate(path, KillSwitchScope.ENTRIES)

    assert refused(await persons.place(token))[0] is Cause.KILL_SWITCH


@lived
async def test_a_blocked_order_leaves_its_token_as_it_was(path: OrderPath) -> None:
    persons = Persons(path)
    token = await persons.token()
    activate(path)
    await persons.place(token)
    path.now(lambda rows: kill_switch.release(rows, path.clock.now(), "again", "tester"))

    assert isinstance(await persons.place(token), Placed)


@lived
async def test_the_checks_keep_their_order_whatever_else_is_wrong(path: OrderPath) -> None:
    """Kill switch, signature, expiry, record, order: of several faults the first one answers (S0-X10)."""
    persons = Persons(path)
    short = await persons.token(timedelta(seconds=1))
    await path.passes(2)
    forged = short[:-2] + ("AA" if short[-2:] != "AA" else "BB")

    expired_and_malformed = await persons.place(short, symbol="000000", quantity=-1)
    forged_and_expired = await persons.place(forged)

    assert refused(expired_and_malformed)[0] is Cause.EXPIRED
    assert refused(forged_and_expired)[0] is Cause.SIGNATURE


@lived
async def test_no_token_is_told_from_a_wrong_one(path: OrderPath) -> None:
    persons = Persons(path)

    assert refused(await persons.place(None))[0] is Cause.NO_TOKEN
    assert refused(await persons.place("a.b.c"))[::2] == (Cause.SIGNATURE, "invalid_signature")


@lived
async def test_an_expired_token_is_refused_and_not_an_error(path: OrderPath) -> None:
    """An earlier system read the payload before it had one, and answered 500 (L04)."""
    persons = Persons(path)
    token = await persons.token(timedelta(seconds=60))
    await path.passes(60)

    assert refused(await persons.place(token)) == (Cause.EXPIRED, "order_rejected_expired", "expired")


@lived
async def test_a_token_that_was_only_issued_has_no_record(path: OrderPath) -> None:
    persons = Persons(path)
    proposal = persons.propose()
    signed = path.desk.mint.sign("j", proposal.proposal_id, f"proposal|{proposal.payload_hash}", timedelta(hours=1))

    answer = await persons.place(signed.token)

    assert refused(answer) == (Cause.RECORD, "order_rejected_record", "Approval record not found")


@lived
async def test_the_records_expiry_counts_beside_the_tokens(path: OrderPath) -> None:
    persons = Persons(path)
    token = await persons.token()
    path.by_hand("UPDATE approvals SET token_expires_at = '2024-03-05 00:00:00.000000'")

    assert refused(await persons.place(token))[::2] == (Cause.EXPIRED, "expired")


@lived
async def test_a_proposal_that_was_changed_after_its_approval_is_another_order(path: OrderPath) -> None:
    """An earlier system never compared the payload's hash with the order (L04)."""
    persons = Persons(path)
    token = await persons.token()
    path.by_hand("""UPDATE proposals SET payload_json = replace(payload_json, '000660', '247540')""")

    assert refused(await persons.place(token))[::2] == (Cause.OTHER_ORDER, TokenRefusal.OTHER_ORDER.value)


@pytest.mark.parametrize(
    "wanted",
    [{"symbol": "247540"}, {"side": Side.SELL}, {"symbol": "TSLA"}],
    ids=["a symbol that is no position", "a sale", "a foreign one"],
)
@lived
async def test_only_a_position_of_the_proposal_may_be_bought(path: OrderPath, wanted: dict[str, Any]) -> None:
    persons = Persons(path)

    answer = await persons.place(await persons.token(), **wanted)

    assert refused(answer)[::2] == (Cause.OTHER_ORDER, TokenRefusal.OTHER_ORDER.value)
    assert path.broker.sent == []


@lived
async def test_a_foreign_position_is_refused_and_the_next_order_of_its_token_goes_through(path: OrderPath) -> None:
    persons = Persons(path)
    token = await persons.token()

    foreign = await persons.place(token, symbol="AAPL")
    ours = await persons.place(token)

    assert refused(foreign)[:2] == (Cause.UNSUPPORTED_SYMBOL, "order_rejected_unsupported_symbol")
    assert isinstance(ours, Placed)


@lived
async def test_a_position_is_bought_up_to_its_weight_of_the_equity(path: OrderPath) -> None:
    persons = Persons(path)
    token = await persons.token()

    too_much = await persons.place(token, quantity=115, price=70_000)  # 8 % of 100,000,000 are 114 shares
    enough = await persons.place(token, quantity=114, price=70_000)

    assert refused(too_much)[0] is Cause.WEIGHT
    assert isinstance(enough, Placed)


@pytest.mark.parametrize("price", [1, 70_050, 10_000_000])
@lived
async def test_a_price_outside_of_the_days_limits_or_between_two_ticks_is_refused(path: OrderPath, price: int) -> None:
    persons = Persons(path)

    assert refused(await persons.place(await persons.token(), price=price))[0] is Cause.PRICE


@lived
async def test_what_could_not_be_protected_is_not_bought(path: OrderPath) -> None:
    persons = Persons(path)
    persons.known.clear()

    answer = await persons.place(await persons.token())

    assert refused(answer)[0] is Cause.NO_HISTORY
    assert persons.looked == [SAMSUNG]


@lived
async def test_the_accounts_limits_and_the_gate_hold_for_it_too(path: OrderPath) -> None:
    persons = Persons(path)
    token = await persons.token()
    persons.forbidden = "5 positions >= 5"
    limited = await persons.place(token)
    persons.forbidden = None
    path.gate = HALTED

    gated = await persons.place(token)

    assert refused(limited)[::2] == (Cause.RISK, "5 positions >= 5")
    assert refused(gated)[:2] == (Cause.GATE, "order_rejected_gate")
    path.gate = type(HALTED)(gate=type(HALTED.gate).OPEN)
    assert isinstance(await persons.place(token), Placed)


@lived
async def test_the_token_of_a_signals_order_places_nothing_here(path: OrderPath) -> None:
    persons = Persons(path)
    proposal = await persons.signal(an_intent())
    stored = await persons.proposals.shown(proposal)
    assert stored is not None
    path.now(lambda rows: rows.decide_proposal(proposal, type(stored.status).APPROVED))
    signed = path.desk.mint.sign("j", proposal, "anything", timedelta(hours=1))
    path.by_hand(
        "INSERT INTO approvals (proposal_id, token_hash, token_jti, token_expires_at, status, approved_by, approved_at)"
        " VALUES (?, ?, 'j', '2099-01-01 00:00:00.000000', 'approved', 'x', '2024-03-05 00:00:00.000000')",
        proposal,
        token_hash(signed.token),
    )

    assert refused(await persons.place(signed.token))[0] is Cause.OTHER_ORDER


@lived
async def test_every_refused_request_is_kept_with_its_reason(path: OrderPath) -> None:
    persons = Persons(path)
    token = await persons.token()
    await persons.place(token, symbol="AAPL")
    await persons.place("a.b.c", quantity=3)
    await path.journal.write()

    kept = path.by_hand("SELECT status, json_extract(payload_json, '$.refused') FROM orders ORDER BY order_id")

    assert kept == [("rejected", "'AAPL' is no symbol of this venue"), ("rejected", "invalid_signature")]
    assert path.payload("order_rejected_signature")["reason"] == "invalid_signature"


@lived
async def test_records_that_cannot_be_asked_place_nothing(path: OrderPath) -> None:
    persons = Persons(path)
    token = await persons.token()
    path.records.broken = True

    answer = await persons.place(token)
    path.records.broken = False

    assert refused(answer)[0] is Cause.STORE
    assert path.broker.sent == []


@lived
async def test_whoever_goes_away_does_not_take_his_order_along(path: OrderPath) -> None:
    persons = Persons(path)
    path.broker.answer_takes_s = 5.0
    asking = asyncio.create_task(persons.place(await persons.token()))
    await path.passes(1)

    asking.cancel()
    await path.passes(10)

    assert [order.state.value for order in path.stored_orders()] == ["SUBMITTED"]


@lived
async def test_a_token_without_a_claim_or_with_one_of_another_kind_is_not_ours(path: OrderPath) -> None:
    secret = b"s" * 32
    whole: dict[str, Any] = {"jti": "j", "exp": 9e9, "sub": "p", "bound": "b"}
    spoilt = [{name: value for name, value in whole.items() if name != gone} for gone in whole]
    spoilt += [whole | {name: odd} for name, odd in itertools.product(whole, (None, [], {}, True)) if odd is not True]
    spoilt += [whole | {"exp": "never"}, whole | {"exp": float("nan")}]

    read = [path.desk.mint.read(jwt.encode(claims, secret, "HS256")) for claims in spoilt]

    assert {type(each) for each in read} == {TokenRefusal}


@lived
async def test_a_symbol_that_is_not_listed_is_asked_about_and_refused(path: OrderPath) -> None:
    persons = Persons(path)

    answer = await persons.place(await persons.token(), symbol="000660")

    assert refused(answer)[0] is Cause.UNSUPPORTED_SYMBOL
    assert persons.looked == [Symbol("000660")]


@lived
async def test_the_price_is_asked_for_before_anything_is_bought_on_it(path: OrderPath) -> None:
    persons = Persons(path)
    token = await persons.token()
    path.broker.failing = BrokerUnreachable("no answer")
    away = await persons.place(token)
    path.broker.failing = None

    placed = await persons.place(token)

    assert refused(away)[:2] == (Cause.BROKER, "order_rejected_broker")
    assert isinstance(placed, Placed)
    assert persons.looked == [SAMSUNG, SAMSUNG]
