"""Anchors: how far the chain had come, told where whoever cuts the chain cannot reach.

Rules of this room
    An anchor is a fact, a line of the log and a message to a person, at the start and at every day's end.
    It names the head before it, how many facts there are, and a seal over what the hashes leave out: the number and the
    actor of every row since the anchor before.
    An anchor that the database does not take is left out and logged; the next one covers more.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import structlog

from kis_daemon.domain.chain import ANCHOR, Row
from kis_daemon.ports import StoreError
from kis_daemon.services.audit_verify import AuditRecords, AuditRows, pages
from kis_daemon.services.journal import Fact, Journal

log = structlog.get_logger("audit_anchors")


@dataclass(slots=True)
class _Stretch:
    """The rows since the last anchor, that anchor included."""

    seal: Any
    count: int
    last_id: int

    def copy(self) -> _Stretch:
        return _Stretch(self.seal.copy(), self.count, self.last_id)

    def take(self, row: Row) -> None:
        if row[6] is not None:
            self.seal.update(f"{row[0]}|{row[4]}\n".encode(errors="replace"))
            self.count += 1
        self.last_id = row[0]


class AnchorKeeper:
    """Writes anchors; knows what stands behind the last one."""

    def __init__(self, records: AuditRecords, journal: Journal) -> None:
        self._records = records
        self._journal = journal
        self._stretch: _Stretch | None = None

    async def anchor(self, occasion: str) -> None:
        """Write down how far the chain has come, and tell it."""
        try:
            await self._journal.write()
            begun, self._stretch = self._stretch, None  # read anew unless this ends well
            stretch = await self._records.transact(_since_last_anchor) if begun is None else begun
            async for page in pages(self._records, stretch.last_id):
                for row in page:
                    stretch.take(row)
            self._stretch, fact = await self._records.transact(lambda rows: self._write(rows, stretch, occasion))
        except StoreError as error:
            log.warning("audit_anchor_left_out", occasion=occasion, reason=str(error))
            return
        self._journal.tell(fact)

    def _write(self, rows: AuditRows, before: _Stretch, occasion: str) -> tuple[_Stretch, Fact]:
        """Take what was written meanwhile, append the anchor, and return the stretch that it begins."""
        stretch = before.copy()  # this may be run again
        while page := rows.event_texts(stretch.last_id):
            for row in page:
                stretch.take(row)
        fact = self._journal.fact(
            ANCHOR,
            alerts=True,
            occasion=occasion,
            event_id=stretch.last_id,
            count=stretch.count,
            head=rows.chain_head(),
            beside=stretch.seal.hexdigest(),
        )
        rows.append(fact.event)
        return _Stretch(hashlib.sha256(), stretch.count, stretch.last_id), fact


def _since_last_anchor(rows: AuditRows) -> _Stretch:
    """Return the beginning of the stretch behind the last anchor; the anchor itself is its first row."""
    last = rows.last_text(ANCHOR)
    if last is None:
        return _Stretch(hashlib.sha256(), 0, 0)
    return _Stretch(hashlib.sha256(), json.loads(last[5])["count"], last[0] - 1)
