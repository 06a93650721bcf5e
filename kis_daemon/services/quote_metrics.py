"""The figures of the quote path, under the names that operators query (S2-L03, S2-L04)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from kis_daemon.services.quote_desk import QuoteDesk
from kis_daemon.services.quotes import QuoteBoard


class StreamFigures(Protocol):
    """What the stream tells of itself."""

    @property
    def ws_messages(self) -> int: ...
    @property
    def ws_connected(self) -> bool: ...
    @property
    def last_ws_message_ts(self) -> datetime | None: ...
    @property
    def ws_heartbeat_fresh(self) -> bool: ...
    @property
    def ws_reconnect_count(self) -> int: ...
    @property
    def ws_last_error(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteFigures:
    """What `GET /v1/metrics/quote` answers, key by key."""

    cached_symbols: int
    ws_messages: int
    rest_fallbacks: int
    ws_connected: bool
    last_ws_message_ts: datetime | None
    ws_heartbeat_fresh: bool
    ws_reconnect_count: int
    ws_last_error: str


def quote_figures(board: QuoteBoard, desk: QuoteDesk, stream: StreamFigures) -> QuoteFigures:
    """Return the figures of this moment."""
    return QuoteFigures(
        cached_symbols=len(board),
        ws_messages=stream.ws_messages,
        rest_fallbacks=desk.rest_fallbacks,
        ws_connected=stream.ws_connected,
        last_ws_message_ts=stream.last_ws_message_ts,
        ws_heartbeat_fresh=stream.ws_heartbeat_fresh,
        ws_reconnect_count=stream.ws_reconnect_count,
        ws_last_error=stream.ws_last_error,
    )
