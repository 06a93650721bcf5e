"""What is counted about the stream; the names are those of `GET /v1/metrics/quote` (S2-L03, S2-L04).

Rules of this room
    Every message is one of: a control message, a frame of a channel nobody asked for, an unreadable one, or records.
    Every record is one of: a quote, dropped (twice or late), without a price, a notice, another account's notice, or
    unreadable. So all that came is accounted for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedMetrics:
    """The state of the stream at one moment. Every message counts for its life, also the server's pings.

    `ws_last_error` is what ended the last connection or attempt, and empty once data comes again.
    """

    ws_connected: bool
    ws_messages: int
    last_ws_message_ts: datetime | None
    last_ws_quote_ts: datetime | None
    ws_heartbeat_fresh: bool
    ws_reconnect_count: int
    ws_reconnect_attempts: int
    ws_last_error: str
    ws_quotes: int
    ws_notices: int
    ws_notices_foreign: int
    ws_unreadable: int
    ws_unknown: int
    ws_unpriced: int
    ws_dropped: int
    ws_gaps: int
    ws_controls: int
    ws_symbols: tuple[str, ...]


@dataclass(slots=True)
class FeedCounters:
    """The running figures of a feed over all its connections; `heard_at` and `quoted_at` are the loop's time.

    `attempts` is that of the running incident: 0 once data has come.
    """

    connected: bool = False
    messages: int = 0
    heard_at: float | None = None
    quoted_at: float | None = None
    connections: int = 0
    attempts: int = 0
    last_error: str = ""
    quotes: int = 0
    notices: int = 0
    foreign: int = 0
    unpriced: int = 0
    unreadable: int = 0
    unknown: int = 0
    controls: int = 0
    symbols: tuple[str, ...] = field(default_factory=tuple)
