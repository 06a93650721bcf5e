"""The broker's stream of trades, and of notices about our orders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from kis_daemon.domain.market import Quote, Side, Symbol, Won
    from kis_daemon.domain.orders import OrderNo


class NoticeKind(StrEnum):
    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"
    FILLED = "FILLED"
    MODIFIED = "MODIFIED"
    CANCELLED = "CANCELLED"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionNotice:
    """What the stream says of an order: a hint. The order listing is the truth."""

    kind: NoticeKind
    order_no: OrderNo
    original_no: OrderNo | None
    symbol: Symbol
    side: Side
    quantity: int
    price: Won
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedState:
    """The stream's link: up with these symbols acknowledged, or down with the reason.

    `resync_needed` stands in the first state of every connection: what happened before it was missed, so orders,
    account and prices are to be asked for before entries go on. `gave_up`: a whole series of attempts has failed and
    a person is to be told; the feed goes on, slowly. `key_in_use`: another session has our key, again and again.
    """

    connected: bool
    symbols: tuple[Symbol, ...] = ()
    reason: str = ""
    resync_needed: bool = False
    gave_up: bool = False
    key_in_use: bool = False


class FeedSink(Protocol):
    """Who listens to the feed. Called synchronously from the reader: it must not wait."""

    def on_quote(self, quote: Quote) -> None: ...

    def on_notice(self, notice: ExecutionNotice) -> None: ...

    def on_feed_state(self, state: FeedState) -> None: ...

    def on_gap(self, symbol: Symbol, missed: int) -> None:
        """Hear once that about `missed` shares were traded in `symbol` without a word to us: ask for its price."""


class QuoteFeed(Protocol):
    """The broker's stream of trades and of notices about our orders."""

    async def run(self, sink: FeedSink) -> None:
        """Connect, register, read and reconnect until cancelled."""

    def want(self, held: Sequence[Symbol], candidates: Sequence[Symbol] = ()) -> None:
        """Say what to carry beside the notices, most important (nearest to a trigger) first. What is held is carried
        at once, whatever must leave for it; among candidates places change slowly."""
