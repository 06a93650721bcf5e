"""Pages of a ledger's listing: how many rows, which cursor, and what to do when the rows have changed meanwhile.

Source: the wire contract, section 1.5. `tr_cont` F or M says that more follow, D or E that this was the last. The
cursor is read only where the request's own `tr_cont` is N: who forgets that header reads the first page for ever.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from zlib import crc32

from kis_daemon.simulator.fields import Fields
from kis_daemon.simulator.venue import Venue
from kis_daemon.simulator.wire import Body, Failed, cursor, envelope

_PLACE_DIGITS = 10


class RowsChanged(Exception):
    """The rows are no longer those of the first page, and the venue was told to say so."""

    def __init__(self, venue: Venue) -> None:
        super().__init__("rows changed between two pages")
        self.body = envelope(venue.profile.refused_rt, "KIER0570", "조회이후에 자료가 변경되었습니다.(다시 조회하세요)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page: its rows, the two cursor fields of the body, and `tr_cont`."""

    rows: list[Body]
    contexts: Body
    tr_cont: str


def page_of(venue: Venue, rows: list[Body], size: int, fields: Fields, key: str, *, chars: int = 100) -> Page:
    """Return the page that the request asks for; `RowsChanged` where the venue refuses rows that have changed."""
    asked = fields.optional(f"CTX_AREA_NK{chars}") if fields.is_continued else ""
    if asked and not asked[:_PLACE_DIGITS].isdigit():
        raise Failed("OPSQ2003", f"ERROR INVALID INPUT [CTX_AREA_NK{chars}]")
    start = int(asked[:_PLACE_DIGITS] or 0)
    stamp = _stamp(rows) if venue.settings.refuses_changed_pages else ""
    if asked and asked[_PLACE_DIGITS:] != stamp:
        raise RowsChanged(venue)
    end = start + size
    more = end < len(rows)
    contexts: Body = {
        f"ctx_area_fk{chars}": cursor(key, chars),
        f"ctx_area_nk{chars}": cursor(f"{end:0{_PLACE_DIGITS}d}{stamp}" if more else "", chars),
    }
    tr_cont = ("M" if start else "F") if more else ("E" if start else "D")
    return Page(rows=rows[start:end], contexts=contexts, tr_cont=tr_cont)


def _stamp(rows: list[Body]) -> str:
    return f"{crc32(json.dumps(rows).encode()):08x}"
