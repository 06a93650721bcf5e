"""Asking KIS for a whole listing, page by page.

Rules of this room
    A listing is whole or it is an error: all pages, no cursor twice.
    One that changed between its pages (KIS says so, or a row stands on two of them) is begun again, up to
    three times.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import structlog

from kis_daemon.kis.budget import Priority
from kis_daemon.kis.questions import Questions
from kis_daemon.kis.wire import Body, Question
from kis_daemon.kis.wire_pages import Cursor, at_cursor, next_cursor
from kis_daemon.ports import ListingChanged, ProtocolError

log = structlog.get_logger(__name__)

T = TypeVar("T")

_MAX_PAGES = 500
_RESTARTS = 3


def _to_the_end(_page: Body) -> bool:
    return False


class Listings:
    """See the rules above."""

    def __init__(self, questions: Questions) -> None:
        self._questions = questions

    async def whole(
        self,
        question: Question,
        priority: Priority,
        read: Callable[[Sequence[Body]], T],
        is_enough: Callable[[Body], bool] = _to_the_end,
    ) -> T:
        """Return all pages as `read` reads them, up to the first that `is_enough`."""
        for restart in range(_RESTARTS + 1):
            try:
                return read(await self._pages(question, priority, is_enough))
            except ListingChanged:
                if restart == _RESTARTS:
                    raise
                log.warning("listing_changed", tr_id=question.tr_id, restart=restart + 1)
        raise AssertionError("unreachable: the last restart returns or raises")

    async def _pages(self, question: Question, priority: Priority, is_enough: Callable[[Body], bool]) -> list[Body]:
        pages: list[Body] = []
        seen: list[Cursor] = []
        cursor: Cursor | None = None
        while True:
            page = await self._questions.ask(question if cursor is None else at_cursor(question, cursor), priority)
            pages.append(page)
            cursor = None if is_enough(page) else next_cursor(question, page)
            if cursor is None:
                return pages
            if cursor in seen or len(pages) == _MAX_PAGES:
                raise ProtocolError(f"{question.tr_id}: page {len(pages)} leads back to an earlier one")
            seen.append(cursor)
