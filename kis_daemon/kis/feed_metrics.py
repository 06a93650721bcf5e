"""What is counted about the stream; the names are those of `GET /v1/metrics/quote` (S2-L03, S2-L04)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedMetrics:
    """The state of the stream at one moment. Every message counts for its life, also the server's pings."""

    ws_connected: bool
    ws_messages: int
    last_ws_message_ts: datetime | None
    ws_heartbeat_fresh: bool
    ws_reconnect_count: int
    ws_last_error: str
    ws_quotes: int
    ws_notices: int
    ws_unreadable: int
    ws_unknown: int
    ws_symbols: tuple[str, ...]


@dataclass(slots=True)
class FeedCounters:
    """The running figures of a feed over all its connections; `heard_at` is the loop's time."""

    connected: bool = False
    messages: int = 0
    heard_at: float | None = None
    connections: int = 0
    last_error: str = ""
    quotes: int = 0
    notices: int = 0
    unreadable: int = 0
    unknown: int = 0
    symbols: tuple[str, ...] = field(default_factory=tuple)
