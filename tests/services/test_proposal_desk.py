"""What a person decides: approvals and rejections, tokens, and orders of signals that wait for an answer."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from kis_daemon.domain.approvals import ProposalStatus
from kis_daemon.domain.orders import Order
from kis_daemon.ports import BrokerUnreachable, StoreError
from kis_daemon.services.approvals import IssueRequest, NotIssued, SignedToken, token_hash
from kis_daemon.services.door import Refused
from kis_daemon.services.proposal_desk import Approved, NotDecided, ProposalDesk, Rejected
from tests.services.builders import SAMSUNG, an_intent
from tests.services.order_path import HALTED, OPEN, OrderPath, lived
from tests.services.persons import AN_HOUR, Persons


class Issuer:
    """`TokenIssuer` that fails as a test says, and remembers what it was asked."""

    def __init__(self, answer: SignedToken | NotIssued | StoreError) -> None:
        self._answer = answer
        self.asked: list[IssueRequest] = []

    async def issue(self, request: IssueRequest) -> SignedToken | NotIssued:
        self.asked.append(request)
        if isinstance(self._answer, StoreError):
            raise self._answer
        return self._answer


def code(answer: Approved | Rejected | NotDecided) -> str:
    assert isinstance(answer, NotDecided)
    return answer.code


@lived
async def test_an_approval_tells_the_token_once_and_keeps_its_hash(path: OrderPath) -> None:
    persons = Persons(path)

    approved = await persons.approved()

    assert approved.token is not None
    assert path.by_hand("SELECT token_hash, status, approved_by FROM approvals") == [
        (token_hash(approved.token), "approved", "admin")
    ]
    assert path.by_hand("SELECT status FROM proposals") == [("approved",)]
    everything = repr([path.by_hand(f"SELECT * FROM {table}") for table in ("approvals", "proposals", "event_log")])
    assert approved.token not in everything
    assert path.payload("approval_granted")["by"] == "admin"


@lived
async def test_a_rejection_keeps_who_and_why(path: OrderPath) -> None:
    persons = Persons(path)
    proposal = persons.propose()

    done = await persons.proposals.reject(proposal.proposal_id, "admin", "Risk too high")

    assert done == Rejected(approval_id=1, proposal_id=proposal.proposal_id)
    assert path.by_hand("SELECT status, approved_by, rejection_reason FROM approvals") == [
        ("rejected", "admin", "Risk too high")
    ]
    assert path.payload("approval_rejected") == {
        "proposal_id": proposal.proposal_id,
        "by": "admin",
        "reason": "Risk too high",
    }


@lived
async def test_a_decision_is_taken_once(path: OrderPath) -> None:
    persons = Persons(path)
    proposal = persons.propose()

    decisions = await asyncio.gather(
        *(persons.proposals.approve(proposal.proposal_id, f"person {each}", AN_HOUR) for each in range(10)),
        *(persons.proposals.reject(proposal.proposal_id, f"person {each}", "no") for each in range(10)),
    )

    assert sum(isinstance(decision, Approved | Rejected) for decision in decisions) == 1
    assert {code(each) for each in decisions if isinstance(each, NotDecided)} <= {
        "PROPOSAL_NOT_PENDING",
        "ISSUER_REFUSED",
    }
    assert path.by_hand("SELECT count(*) FROM approvals") == [(1,)]


@lived
async def test_an_unknown_proposal_is_told(path: OrderPath) -> None:
    persons = Persons(path)

    assert code(await persons.proposals.approve("x", "admin", AN_HOUR)) == "PROPOSAL_NOT_FOUND"
    assert code(await persons.proposals.reject("x", "admin", "no")) == "PROPOSAL_NOT_FOUND"


@pytest.mark.parametrize(
    ("answer", "expected", "status"),
    [
        (NotIssued(code="PAYLOAD_MISMATCH", reason="other"), "ISSUER_REFUSED", "502 Bad Gateway"),
        (StoreError("away"), "ISSUER_UNAVAILABLE", "503 Service Unavailable"),
    ],
)
@lived
async def test_a_token_that_cannot_be_issued_leaves_the_proposal_pending_and_calls_a_person(
    path: OrderPath, answer: Any, expected: str, status: str
) -> None:
    persons = Persons(path, Issuer(answer))
    proposal = persons.propose()

    assert code(await persons.proposals.approve(proposal.proposal_id, "admin", AN_HOUR)) == expected

    await path.journal.write()
    assert path.payload("token_issuance_failed")["status"] == status
    assert path.by_hand("SELECT status FROM proposals") == [("pending",)]
    assert "token_issuance_failed" in path.notifier.events


@lived
async def test_the_issuer_is_asked_for_the_proposal_as_it_stands(path: OrderPath) -> None:
    issuer = Issuer(NotIssued(code="x", reason="x"))
    persons = Persons(path, issuer)
    proposal = persons.propose()

    await persons.proposals.approve(proposal.proposal_id, "admin", AN_HOUR)

    assert issuer.asked == [
        IssueRequest(
            proposal_id=proposal.proposal_id,
            correlation_id=proposal.correlation_id,
            payload_hash=proposal.payload_hash,
            life=AN_HOUR,
        )
    ]


@lived
async def test_the_desk_of_proposals_holds_no_secret(path: OrderPath) -> None:
    persons = Persons(path, Issuer(NotIssued(code="x", reason="x")))

    held = [getattr(persons.proposals, name) for name in vars(persons.proposals)]

    assert not any(isinstance(each, bytes) or hasattr(each, "mint") or hasattr(each, "_secret") for each in held)
    assert "secret" not in ProposalDesk.__init__.__annotations__


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"proposal_id": "x"}, "PROPOSAL_NOT_FOUND"),
        ({"correlation_id": "x"}, "CORRELATION_MISMATCH"),
        ({"payload_hash": "0" * 64}, "PAYLOAD_MISMATCH"),
    ],
)
@lived
async def test_a_token_is_issued_only_for_the_proposal_as_it_stands(
    path: OrderPath, change: dict[str, str], expected: str
) -> None:
    persons = Persons(path)
    proposal = persons.propose()
    asked = {
        "proposal_id": proposal.proposal_id,
        "correlation_id": proposal.correlation_id,
        "payload_hash": proposal.payload_hash,
    }

    issued = await persons.issuer.issue(IssueRequest(**(asked | change), life=AN_HOUR))

    assert isinstance(issued, NotIssued)
    assert issued.code == expected


# --- orders of signals: a person approves each entry -----------------------------------------------------------------


@lived
async def test_a_signal_becomes_a_pending_proposal_and_calls_a_person(path: OrderPath) -> None:
    persons = Persons(path)

    proposal_id = await persons.signal(an_intent())

    told = path.payload("proposal_created")
    assert (told["symbol"], told["quantity"], told["price"], told["lowest_price"]) == (SAMSUNG, 10, 70_300, 69_597)
    assert "proposal_created" in path.notifier.events
    assert path.by_hand("SELECT proposal_id, status, git_commit_sha, schema_version FROM proposals") == [
        (proposal_id, "pending", "unknown", "0001")
    ]
    assert path.broker.sent == []


@lived
async def test_an_approved_signal_is_ordered_and_its_token_told_to_nobody(path: OrderPath) -> None:
    persons = Persons(path)
    intent = an_intent()

    done = await persons.proposals.approve(await persons.signal(intent), "admin", AN_HOUR)

    assert isinstance(done, Approved)
    assert done.token is None
    assert isinstance(done.outcome, Order)
    assert path.broker.sent == [intent]
    assert path.by_hand("SELECT status FROM proposals") == [("executed",)]
    assert path.by_hand("SELECT token_used_at IS NOT NULL FROM approvals") == [(1,)]


@pytest.mark.parametrize("price", [70_301, 69_596, None])
@lived
async def test_a_price_that_left_the_band_is_not_ordered(path: OrderPath, price: int | None) -> None:
    persons = Persons(path)
    proposal_id = await persons.signal(an_intent())
    path.broker.prices.pop(SAMSUNG)
    if price is not None:
        path.broker.prices[SAMSUNG] = price

    answer = await persons.proposals.approve(proposal_id, "admin", AN_HOUR)
    path.broker.prices[SAMSUNG] = 70_000

    assert code(answer) == "PRICE_LEFT_THE_BAND"
    assert path.broker.sent == []


@lived
async def test_what_nobody_answers_in_time_is_rejected(path: OrderPath) -> None:
    persons = Persons(path)
    running = asyncio.create_task(persons.proposals.run())
    proposal_id = await persons.signal(an_intent())

    await path.passes(299)
    assert (await persons.proposals.shown(proposal_id)).status is ProposalStatus.PENDING  # type: ignore[union-attr]
    await path.passes(2)

    assert (await persons.proposals.shown(proposal_id)).status is ProposalStatus.REJECTED  # type: ignore[union-attr]
    assert code(await persons.proposals.approve(proposal_id, "admin", AN_HOUR)) == "PROPOSAL_NOT_PENDING"
    assert path.payload("proposal_expired")["reason"] == "nobody answered in time"
    running.cancel()


@lived
async def test_a_late_answer_orders_nothing_even_before_it_was_rejected(path: OrderPath) -> None:
    persons = Persons(path)
    proposal_id = await persons.signal(an_intent())
    await path.passes(300)

    assert code(await persons.proposals.approve(proposal_id, "admin", AN_HOUR)) == "PROPOSAL_EXPIRED"


@lived
async def test_an_expiry_waits_for_records_that_cannot_be_asked(path: OrderPath) -> None:
    persons = Persons(path)
    running = asyncio.create_task(persons.proposals.run())
    proposal_id = await persons.signal(an_intent())
    path.records.broken = True
    await path.passes(310)
    path.records.broken = False

    await path.passes(10)

    assert (await persons.proposals.shown(proposal_id)).status is ProposalStatus.REJECTED  # type: ignore[union-attr]
    running.cancel()


@lived
async def test_what_an_earlier_run_proposed_is_rejected_at_the_start(path: OrderPath) -> None:
    before = Persons(path)
    signal = await before.signal(an_intent())
    positions = before.propose()

    after = Persons(path)
    await after.proposals.begin()

    statuses = dict(path.by_hand("SELECT proposal_id, status FROM proposals"))
    assert statuses == {signal: "rejected", positions.proposal_id: "pending"}


@lived
async def test_the_accounts_limits_are_asked_again_at_the_approval(path: OrderPath) -> None:
    persons = Persons(path)
    proposal_id = await persons.signal(an_intent())
    persons.forbidden = "5 positions >= 5"

    assert code(await persons.proposals.approve(proposal_id, "admin", AN_HOUR)) == "RISK_DENIED"


@lived
async def test_an_approved_order_still_passes_the_gate(path: OrderPath) -> None:
    persons = Persons(path)
    proposal_id = await persons.signal(an_intent())
    path.gate = HALTED

    done = await persons.proposals.approve(proposal_id, "admin", AN_HOUR)
    path.gate = OPEN

    assert isinstance(done, Approved)
    assert isinstance(done.outcome, Refused)
    assert done.outcome.code == "gate"
    assert path.broker.sent == []


@lived
async def test_a_signals_token_lives_no_longer_than_its_proposal(path: OrderPath) -> None:
    persons = Persons(path)
    began = path.clock.now()

    done = await persons.proposals.approve(await persons.signal(an_intent()), "admin", AN_HOUR)

    assert isinstance(done, Approved)
    assert done.approval.token_expires_at <= began + timedelta(seconds=300)


@lived
async def test_the_price_is_asked_for_before_an_approval_counts(path: OrderPath) -> None:
    persons = Persons(path)
    proposal_id = await persons.signal(an_intent())
    path.broker.failing = BrokerUnreachable("no answer")
    away = await persons.proposals.approve(proposal_id, "admin", AN_HOUR)
    path.broker.failing = None

    done = await persons.proposals.approve(proposal_id, "admin", AN_HOUR)

    assert code(away) == "BROKER_UNREACHABLE"
    assert isinstance(done, Approved)
    assert persons.looked == [SAMSUNG, SAMSUNG]
