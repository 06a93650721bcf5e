"""The desks where persons decide, over the order path of `order_path`: their proposals, tokens and orders."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from kis_daemon.domain.allocation import AllocationRules, allocate, read_snapshot
from kis_daemon.domain.approvals import ApprovalRules, OrderRequest, StoredProposal
from kis_daemon.domain.indicators import Indicators
from kis_daemon.domain.market import Side, Symbol
from kis_daemon.domain.orders import OrderIntent
from kis_daemon.services.approvals import RecordsIssuer, TokenIssuer
from kis_daemon.services.order_desk import NotPlaced, OrderDesk, Placed
from kis_daemon.services.proposal_desk import Approved, ProposalDesk
from kis_daemon.services.proposals_made import keep_proposal
from tests.conftest import ROOT
from tests.services.builders import SAMSUNG
from tests.services.fakes import SeededEntropy
from tests.services.order_path import OrderPath
from tests.services.trading import a_listing, indicators

SAMPLE = (ROOT / "data" / "sample_snapshot.json").read_text("utf-8")
AN_HOUR = timedelta(hours=1)


class Persons:
    """Proposal desk and order desk of a path; `looked` are the symbols whose price was asked for."""

    def __init__(self, path: OrderPath, issuer: TokenIssuer | None = None) -> None:
        self.path = path
        self.looked: list[Symbol] = []
        self.forbidden: str | None = None
        self.known: dict[Symbol, Indicators] = {SAMSUNG: indicators()}
        path.book.listings[SAMSUNG] = a_listing()
        path.book.statement_cash = 100_000_000
        self._entropy = SeededEntropy(7)
        self.issuer = issuer or RecordsIssuer(path.desk.mint, path.records)
        self.proposals = ProposalDesk(
            journal=path.journal,
            issuer=self.issuer,
            clock=path.clock,
            provenance=path.desk.provenance,
            terms=ApprovalRules(),
            look=self._look,
            last_price=path.broker.prices.get,
            forbids=lambda _: self.forbidden,
            place=path.synchronizer.place_and_wait,
        )
        self.orders = OrderDesk(
            journal=path.journal,
            book=path.book,
            clock=path.clock,
            approvals=path.desk,
            look=self._look,
            last_price=path.broker.prices.get,
            indicators=self.known.get,
            forbids=lambda _: self.forbidden,
            place=path.synchronizer.place_and_wait,
        )

    async def _look(self, symbol: Symbol) -> None:
        self.looked.append(symbol)
        if self.path.broker.failing is not None:
            raise self.path.broker.failing

    def propose(self) -> StoredProposal:
        """Keep a proposal of the sample snapshot's positions."""
        rules = AllocationRules()
        snapshot = read_snapshot(json.loads(SAMPLE))
        provenance = replace(self.path.desk.provenance, config_hash=rules.config_hash)
        payload = allocate(snapshot, rules)
        return self.path.now(
            lambda rows: keep_proposal(
                rows, self.path.clock.now(), self._entropy, snapshot, SAMPLE, payload, provenance
            )
        )

    async def approved(self, life: timedelta = AN_HOUR) -> Approved:
        """Propose, and have a person approve."""
        done = await self.proposals.approve(self.propose().proposal_id, "admin", life)
        assert isinstance(done, Approved)
        return done

    async def token(self, life: timedelta = AN_HOUR) -> str:
        token = (await self.approved(life)).token
        assert token is not None
        return token

    async def signal(self, intent: OrderIntent) -> str:
        """Have an order of a signal proposed; return the number of the proposal."""
        self.proposals.propose(intent)
        await self.path.journal.write()
        (pending,) = [each for each in await self.proposals.listed(None) if each.is_of_a_signal]
        return pending.proposal_id

    async def place(self, token: str | None, **wanted: Any) -> Placed | NotPlaced:
        return await self.orders.place(token, a_request(**wanted))

    def refused(self) -> int:
        """Return how many refusals stand in the log."""
        return sum(event.startswith(("order_rejected_", "order_blocked_")) for event in self.path.events())


def a_request(**wanted: Any) -> Callable[[], OrderRequest]:
    request = OrderRequest(symbol="005930", side=Side.BUY, quantity=10, price=None)
    return lambda: replace(request, **wanted)
