"""Verifying: the log of a database, read in pages and held against its mirror and its anchors.

Rules of this room
    Nothing is written. A page is one short transaction, so that a running daemon trades on beside it.
    The judgement is `domain.chain`'s alone; here is only the reading.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Protocol, TypeVar

from kis_daemon.domain.chain import Examination, Report, Row
from kis_daemon.domain.events import Event

T = TypeVar("T")

_PAGE = 10_000


class AuditRows(Protocol):
    """What the audit asks of the rows of one transaction, beyond `ports.Rows`."""

    def event_texts(self, after_id: int = 0, limit: int = 10_000) -> Sequence[Row]:
        """Return the rows of the log behind number `after_id` as they stand."""

    def last_text(self, event_type: str) -> Row | None:
        """Return the newest row of the chain of that type."""

    def adoptions(self) -> Sequence[tuple[int, str]]: ...

    def chain_head(self) -> str: ...

    def append(self, event: Event) -> None: ...


class AuditRecords(Protocol):
    """The database itself, never what stands in for it: only what is committed there is audited."""

    async def transact(self, work: Callable[[AuditRows], T]) -> T: ...


async def pages(records: AuditRecords, after_id: int = 0, limit: int = _PAGE) -> AsyncIterator[Sequence[Row]]:
    """Yield the rows behind `after_id` page by page, to the end that the log has by then."""
    while True:
        page = await records.transact(lambda rows, after=after_id: rows.event_texts(after, limit))  # type: ignore[misc]
        if not page:
            return
        yield page
        after_id = page[-1][0]


async def verified(records: AuditRecords, mirror: Iterable[str] | None = None, heads: Iterable[str] = ()) -> Report:
    """Return what the whole log says, held against its mirror line by line; `Broken` at the first difference."""
    examination = Examination(mirror, heads)
    async for page in pages(records):
        examination.follow(page)
    return examination.report(await records.transact(lambda rows: rows.adoptions()))
