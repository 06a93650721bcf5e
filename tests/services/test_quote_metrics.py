"""The figures of the quote path have the names that operators query."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from kis_daemon.domain.market import QuoteSource
from kis_daemon.services.quote_metrics import quote_figures
from tests.services.builders import HYNIX, TEN_O_CLOCK, a_quote
from tests.services.trading import a_floor, a_listing


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """A stream that was lost twice and is well again."""

    ws_connected: bool = True
    ws_messages: int = 7
    last_ws_message_ts: datetime | None = TEN_O_CLOCK
    ws_heartbeat_fresh: bool = True
    ws_reconnect_count: int = 2
    ws_last_error: str = "silent for 90 s"


def test_the_figures_are_those_of_board_desk_and_stream(tmp_path: Path) -> None:
    with a_floor(tmp_path) as floor:
        floor.publish(a_quote())
        floor.market.listings[HYNIX] = a_listing(symbol=HYNIX)
        floor.market.last[HYNIX] = a_quote(symbol=HYNIX, source=QuoteSource.REST)
        floor.run(floor.quote_desk.get(HYNIX))

        figures = quote_figures(floor.board, floor.quote_desk, Stream())

    assert asdict(figures) == {
        "cached_symbols": 2,
        "ws_messages": 7,
        "rest_fallbacks": 1,
        "ws_connected": True,
        "last_ws_message_ts": TEN_O_CLOCK,
        "ws_heartbeat_fresh": True,
        "ws_reconnect_count": 2,
        "ws_last_error": "silent for 90 s",
    }
