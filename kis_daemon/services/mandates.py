"""Standing mandates: signed, bounded, listed and revoked; those in force are what the approval desk mints from.

Rules of this room (C28)
    A start signs one for its run, until a person grants one: from then on only persons do. Where the newest one was
    revoked it signs none either: nothing automatic takes a revocation back. One of an earlier run ends with its run.
    A mandate counts only with our signature over all of its bounds, for this mode, unexpired and not revoked.
    Revocation is read in the transaction that claims an order; the list is looked at again every `poll_s` seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from kis_daemon.domain.approvals import Mandate, StoredMandate
from kis_daemon.domain.events import Event
from kis_daemon.ports import Clock, Rows, Severity, StoreError
from kis_daemon.services.approvals import ApprovalDesk, TokenMint
from kis_daemon.services.journal import Fact, Journal

log = structlog.get_logger("mandates")

SIGNED_BY_A_START = "start on "
"""How the signer of a run's own mandate begins; a person's name may not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a mandate is worth now: in force, or why not."""

    stored: StoredMandate
    state: str

    @property
    def in_force(self) -> bool:
        return self.state == "in force"


def standing(mint: TokenMint | None, mode: str, at: datetime, stored: Sequence[StoredMandate]) -> list[Standing]:
    """Return what each mandate is worth; without a mint signatures are left unread."""

    def state(each: StoredMandate) -> str:
        if each.revoked_at is not None:
            return "revoked"
        if at >= each.mandate.expires_at:
            return "expired"
        if each.mode != mode:
            return f"of {each.mode}"
        if mint is not None and not mint.vouches_for(each.mandate, each.mode, each.signature):
            return "not ours"
        return "in force"

    return [Standing(stored=each, state=state(each)) for each in stored]


def grant(rows: Rows, mint: TokenMint, mandate: Mandate, mode: str) -> StoredMandate:
    """Sign and keep a mandate, in one transaction with its event."""
    stored = StoredMandate(mandate=mandate, mode=mode, signature=mint.sign_mandate(mandate, mode))
    rows.add_mandate(stored)
    rows.append(signed_event(mandate))
    return stored


def revoke(rows: Rows, mandate_id: str, at: datetime, by: str, reason: str) -> bool:
    """Revoke a mandate in one transaction with its event; False where there is none to revoke."""
    if not rows.revoke_mandate(mandate_id, at, by, reason):
        return False
    payload = {"mandate": mandate_id, "revoked_by": by, "reason": reason}
    rows.append(Event(at=at, type="mandate_revoked", actor=by[:50], payload=payload))
    return True


def signed_event(mandate: Mandate) -> Event:
    return Event(
        at=mandate.signed_at,
        type="mandate_signed",
        payload={
            "mandate": mandate.mandate_id,
            "signed_by": mandate.signed_by,
            "expires_at": mandate.expires_at.isoformat(),
            "symbols": ",".join(mandate.symbols),
            "max_quantity": mandate.max_quantity,
            "max_notional_a_day": mandate.max_notional_a_day,
        },
    )


class Mandates:
    """See the rules above."""

    def __init__(
        self,
        *,
        journal: Journal,
        desk: ApprovalDesk,
        clock: Clock,
        mode: str,
        of_the_run: Mandate,
        poll_s: float,
        on_change: Callable[[], None],
    ) -> None:
        self._journal = journal
        self._desk = desk
        self._clock = clock
        self._mode = mode
        self._of_the_run = of_the_run
        self._poll_s = poll_s
        self._on_change = on_change
        self._has_begun = False

    async def begin(self) -> None:
        """Take up what stands in the records, and sign for this run where that is called for.

        Records that cannot be asked leave us without a mandate until they can.
        """
        desk, mint, mode = self._desk, self._desk.mint, self._mode
        now = self._clock.now()

        def look(rows: Rows) -> list[Mandate]:
            known = [each for each in standing(mint, mode, now, rows.mandates()) if each.stored.mode == mode]
            mine = self._of_the_run
            is_known = any(each.stored.mandate.mandate_id == mine.mandate_id for each in known)
            was_revoked = bool(known) and known[-1].state == "revoked"
            if is_known or was_revoked or _has_a_persons(known):
                return self._in_force(known)
            grant(rows, mint, mine, mode)
            signed.append(mine)
            return [mine]

        signed: list[Mandate] = []
        try:
            found = await self._journal.transact(look)
        except StoreError as error:
            log.error("mandates_not_read", reason=str(error))
            desk.stand_by(())
            return
        self._has_begun = True
        desk.stand_by(tuple(found))
        for mandate in signed[-1:]:
            self._journal.tell(Fact(event=signed_event(mandate)))
        if not found:
            self._journal.note(self._journal.fact("mandate_missing", severity=Severity.WARNING, alerts=True))

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await asyncio.sleep(self._poll_s)
            await self.refresh()

    async def refresh(self) -> None:
        """Look once. A store that cannot be asked changes nothing: it lets no entry be claimed either."""
        if not self._has_begun:
            await self.begin()
            return
        now = self._clock.now()
        try:
            stored = await self._journal.transact(lambda rows: rows.mandates())
        except StoreError:
            return
        known = standing(self._desk.mint, self._mode, now, [each for each in stored if each.mode == self._mode])
        found = tuple(self._in_force(known))
        if found == self._desk.mandates:
            return
        self._desk.stand_by(found)
        self._journal.note(
            self._journal.fact("mandates_changed", mandates=",".join(mandate.mandate_id for mandate in found))
        )
        self._on_change()

    def _in_force(self, known: Sequence[Standing]) -> list[Mandate]:
        """Return what entries may be minted from: persons' mandates, or the run's where no person granted any."""
        by_persons = _has_a_persons(known)
        found = [each.stored.mandate for each in known if each.in_force]
        if by_persons:
            return [mandate for mandate in found if not _is_of_a_run(mandate)]
        return [mandate for mandate in found if mandate.mandate_id == self._of_the_run.mandate_id]


def _has_a_persons(known: Sequence[Standing]) -> bool:
    return any(not _is_of_a_run(each.stored.mandate) for each in known)


def _is_of_a_run(mandate: Mandate) -> bool:
    return mandate.signed_by.startswith(SIGNED_BY_A_START)
