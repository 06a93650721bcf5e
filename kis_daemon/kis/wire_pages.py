"""The pages of a ledger's listing: how the next one is asked for. Pure.

Rules of this room
    KIS manual, 연속조회: the header `tr_cont` F or M says that more follows (D, E, empty and absent: nothing),
    two opaque cursors in the body say where; both go back as they came, without their padding.
    A cursor is found under the name that its question has for it (CTX_AREA_NK100, CTX_AREA_NK200, CTX_AREA_NK).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from kis_daemon.kis.wire import Body, Question
from kis_daemon.ports import ProtocolError

FIRST_PAGE = (("CTX_AREA_FK100", ""), ("CTX_AREA_NK100", ""))

_FK = "CTX_AREA_FK"
_NK = "CTX_AREA_NK"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """Where the next page of a listing begins; opaque."""

    fk: str = ""
    nk: str = ""


def next_cursor(question: Question, body: Body) -> Cursor | None:
    """Return where the listing goes on, None after its last page."""
    if not body.has_more:
        return None
    texts = {key: body.top.text(key.lower()) for key, _ in question.params if key.startswith((_FK, _NK))}
    fk = next((text for key, text in texts.items() if key.startswith(_FK)), "")
    nk = next((text for key, text in texts.items() if key.startswith(_NK)), "")
    if not nk:
        raise ProtocolError(f"{question.tr_id}: a page says that more follows, but not where")
    return Cursor(fk=fk, nk=nk)


def at_cursor(question: Question, cursor: Cursor) -> Question:
    """Return the same question about the page at `cursor`."""
    params = tuple(
        (key, cursor.fk if key.startswith(_FK) else cursor.nk if key.startswith(_NK) else value)
        for key, value in question.params
    )
    return replace(question, params=params, continued=True)
