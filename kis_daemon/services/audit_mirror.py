"""The mirror: every committed fact once more, in files that another pair of hands would have to change as well.

Rules of this room (S3-L13)
    A line is written after its fact was committed, never before, and nothing waits for it. What a crash or a full
    disk kept back is written from the database afterwards, in its order.
    An operator's row stands before the fact that adopted it.
    A mirror whose last line the database does not know stands still and calls a person: one of the two was changed.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence

from kis_daemon.domain.chain import ADOPTED, Row
from kis_daemon.ports import Alert, Clock, Notifier, Severity, StoreError
from kis_daemon.services.audit_files import MirrorFiles, MirrorUnreadable
from kis_daemon.services.audit_verify import AuditRecords, AuditRows, pages

_PAUSE_S = 1.0  # facts of one stretch become one write
_TRY_AGAIN_S = 60.0


class AuditMirror:
    """Writes behind the database; `wake` it after a commit."""

    def __init__(self, records: AuditRecords, files: MirrorFiles, clock: Clock, notifier: Notifier) -> None:
        self._records = records
        self._files = files
        self._clock = clock
        self._notifier = notifier
        self._woken = asyncio.Event()
        self._woken.set()
        self._turn = asyncio.Lock()
        self._is_open = False
        self._stands_still = False
        self._failing = False
        self._behind = 0  # the number of the last row that was mirrored

    def wake(self) -> None:
        """Something was committed."""
        self._woken.set()

    async def run(self) -> None:
        """Mirror what is committed, until cancelled."""
        while not self._stands_still:
            await self._woken.wait()
            await asyncio.sleep(_PAUSE_S)  # an order that is under way comes first
            self._woken.clear()
            if not await self.catch_up():
                await asyncio.sleep(_TRY_AGAIN_S)
                self._woken.set()

    async def catch_up(self) -> bool:
        """Mirror all that is committed by now; False where the disk or the database did not let us."""
        async with self._turn:
            written = 0
            try:
                if not self._is_open and not await self._open():
                    return True
                async for page in pages(self._records, self._behind):
                    rows = await self._with_adopted(page)
                    if rows:
                        await asyncio.to_thread(self._files.append, rows)
                        self._behind = rows[-1][0]
                        written += len(rows)
            except (OSError, StoreError) as error:
                self._is_open = False  # the next try looks at what came to the disk
                if not self._failing:
                    self._tell("audit_mirror_failed", Severity.WARNING, reason=str(error))
                self._failing = True
                return False
            if self._failing:
                self._tell("audit_mirror_caught_up", Severity.INFO, lines=written)
            self._failing = False
            return True

    async def _open(self) -> bool:
        """Find where the mirror ends; False where it must stand still."""
        try:
            last = await asyncio.to_thread(self._files.open)
        except MirrorUnreadable as error:
            return self._stand_still(str(error), 0)
        if last is not None:
            there = await self._records.transact(_row(last[0]))
            if there != last:
                return self._stand_still("the database does not have its last line", last[0])
            self._behind = last[0]
        self._is_open = True
        return True

    def _stand_still(self, reason: str, event_id: int) -> bool:
        if not self._stands_still:
            self._stands_still = True
            self._tell("audit_mirror_diverged", Severity.ERROR, reason=reason, event_id=event_id)
        return False

    async def _with_adopted(self, page: Sequence[Row]) -> list[Row]:
        """Return the rows of the chain, each operator's row in front of the one that adopts it."""
        rows = list[Row]()
        for row in page:
            if row[6] is None:
                continue
            if row[2] == ADOPTED:
                adopted = await self._records.transact(_row(json.loads(row[5])["event_id"]))
                if adopted is not None:
                    rows.append(adopted)
            rows.append(row)
        return rows

    def _tell(self, event: str, severity: Severity, **data: str | int) -> None:
        self._notifier.tell(Alert(event=event, severity=severity, at=self._clock.now(), data=data))


def _row(event_id: int) -> Callable[[AuditRows], Row | None]:
    """Return the work that reads one row."""

    def work(rows: AuditRows) -> Row | None:
        found = rows.event_texts(event_id - 1, 1)
        return found[0] if found and found[0][0] == event_id else None

    return work
