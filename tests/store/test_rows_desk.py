"""Proposals, decisions and mandates in every database."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kis_daemon.domain.approvals import ProposalStatus, ProposalTerms, StoredMandate, StoredProposal
from kis_daemon.domain.market import Symbol
from kis_daemon.ports import StoreError
from kis_daemon.store.database import Database
from kis_daemon.store.memory import MemoryRecords
from tests.services.builders import TEN_O_CLOCK, a_mandate, an_intent, an_order
from tests.store.places import Place
from tests.store.test_rows import approved


def a_proposal(number: int = 1, payload: str = '{"positions": [{"symbol": "005930"}]}') -> StoredProposal:
    return StoredProposal(
        proposal_id=f"p{number}",
        created_at=TEN_O_CLOCK + timedelta(minutes=number),
        correlation_id=f"c{number}",
        config_hash="c" * 64,
        git_commit_sha="a" * 40,
        schema_version="0001",
        status=ProposalStatus.PENDING,
        payload=payload,
    )


def test_a_proposal_comes_back_as_it_was_with_its_snapshot(database: Database) -> None:
    number = database.transact_now(lambda rows: rows.add_snapshot(TEN_O_CLOCK, "sample", "{}"))
    kept = StoredProposal(
        **{name: getattr(a_proposal(), name) for name in StoredProposal.__slots__} | {"snapshot_id": number}
    )

    database.transact_now(lambda rows: rows.add_stored_proposal(kept))

    assert database.transact_now(lambda rows: rows.proposal("p1")) == kept
    assert database.transact_now(lambda rows: rows.proposal("p2")) is None


def test_proposals_are_listed_newest_first_by_status(database: Database) -> None:
    for number in (1, 2, 3):
        database.transact_now(lambda rows, number=number: rows.add_stored_proposal(a_proposal(number)))  # type: ignore[misc]
    database.transact_now(lambda rows: rows.decide_proposal("p2", ProposalStatus.REJECTED))

    def listed(status: ProposalStatus | None, limit: int = 10) -> list[str]:
        return [each.proposal_id for each in database.transact_now(lambda rows: rows.proposals(status, limit))]

    assert listed(None) == ["p3", "p2", "p1"]
    assert listed(ProposalStatus.PENDING) == ["p3", "p1"]
    assert listed(None, 1) == ["p3"]


def test_a_proposal_is_decided_once(database: Database) -> None:
    database.transact_now(lambda rows: rows.add_stored_proposal(a_proposal()))

    first = database.transact_now(lambda rows: rows.decide_proposal("p1", ProposalStatus.APPROVED))
    second = database.transact_now(lambda rows: rows.decide_proposal("p1", ProposalStatus.REJECTED))
    unknown = database.transact_now(lambda rows: rows.decide_proposal("p9", ProposalStatus.REJECTED))

    assert (first, second, unknown) == (True, False, False)


def test_an_approval_is_found_by_the_hash_of_its_token(database: Database) -> None:
    approved(database)

    found = database.transact_now(lambda rows: rows.approval("h" * 64))
    assert found is not None
    assert (found.proposal_id, found.token_used_at) == ("p1", None)
    database.transact_now(lambda rows: rows.use_approval("h" * 64, TEN_O_CLOCK))
    used = database.transact_now(lambda rows: rows.approval("h" * 64))
    assert used is not None
    assert used.token_used_at == TEN_O_CLOCK
    assert database.transact_now(lambda rows: rows.approval("x" * 64)) is None


def test_a_rejection_is_no_approval(database: Database, place: Place) -> None:
    database.transact_now(lambda rows: rows.add_stored_proposal(a_proposal()))

    assert database.transact_now(lambda rows: rows.add_rejection("p1", "admin", TEN_O_CLOCK, "Risk too high")) == 1
    assert place.by_hand("SELECT status, rejection_reason FROM approvals") == [("rejected", "Risk too high")]


def test_an_order_has_the_number_of_its_request(database: Database) -> None:
    order = an_order()
    database.transact_now(lambda rows: rows.add_refused_request(an_intent(), TEN_O_CLOCK, "before it"))
    database.transact_now(lambda rows: rows.claim_order(order))

    assert database.transact_now(lambda rows: rows.order_number(order.key)) == 2


def test_a_mandate_comes_back_as_it_was_and_is_revoked_once(database: Database) -> None:
    kept = StoredMandate(
        mandate=a_mandate(symbols=(Symbol("005930"), Symbol("000660"))), mode="PAPER", signature="s" * 64
    )
    database.transact_now(lambda rows: rows.add_mandate(kept))

    assert database.transact_now(lambda rows: rows.mandates()) == (kept,)
    assert not database.transact_now(lambda rows: rows.is_revoked("m1"))
    assert database.transact_now(lambda rows: rows.revoke_mandate("m1", TEN_O_CLOCK, "kim", "enough"))
    assert not database.transact_now(lambda rows: rows.revoke_mandate("m1", TEN_O_CLOCK, "kim", "again"))
    assert database.transact_now(lambda rows: rows.is_revoked("m1"))
    (stored,) = database.transact_now(lambda rows: rows.mandates())
    assert (stored.revoked_at, stored.revoked_by, stored.revoked_reason) == (TEN_O_CLOCK, "kim", "enough")


def test_a_signals_proposal_gives_its_order_and_terms_back(database: Database) -> None:
    from tests.services.test_approvals import a_desk, a_grant

    grant = a_grant(a_desk())
    terms = ProposalTerms(expires_at=TEN_O_CLOCK, lowest_price=69_000)
    proposal = grant.proposal
    assert not isinstance(proposal, StoredProposal)
    made = type(proposal)(**{name: getattr(proposal, name) for name in proposal.__slots__} | {"terms": terms})
    database.transact_now(lambda rows: rows.add_proposal(made))

    stored = database.transact_now(lambda rows: rows.proposal(made.proposal_id))

    assert stored is not None
    assert stored.is_of_a_signal
    assert (stored.intent(), stored.terms()) == (an_intent(), terms)


@pytest.mark.parametrize("payload", ["", "[]", "{", '{"signal_id": 1}', '{"positions": 5}'])
def test_a_payload_that_is_no_order_is_no_order(payload: str) -> None:
    proposal = a_proposal(payload=payload)

    assert proposal.terms() is None
    with pytest.raises(ValueError):
        proposal.intent()


def test_memory_keeps_no_decisions_of_persons() -> None:
    records = MemoryRecords()

    with pytest.raises(StoreError, match="wait for it"):
        records.transact_now(lambda rows: rows.proposals(None, 1))
    assert not records.transact_now(lambda rows: rows.is_revoked("m1"))
