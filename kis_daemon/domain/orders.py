"""Orders: what we want, what we have begun, and the one table of what may happen to it.

Rules of this room
    `MOVES` is the whole life of an order; a missing cell raises `IllegalTransition`.
    No terminal state without evidence from the broker. `UNCONFIRMED` means: we asked and heard nothing.
    `order_key` has no price and no minute in it, so neither a re-sized repeat nor a blocked stop can happen.
    A fill after a cancel happens, and counts. FILLED is never left.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import NewType

from kis_daemon.domain.market import Market, Side, Symbol, Won

OrderKey = NewType("OrderKey", str)
OrderNo = NewType("OrderNo", str)
SignalId = NewType("SignalId", str)


class OrderType(StrEnum):
    LIMIT = "LIMIT"
    MARKET = "MARKET"


class OrderState(StrEnum):
    PENDING = "PENDING"
    UNCONFIRMED = "UNCONFIRMED"
    SUBMITTED = "SUBMITTED"
    PARTIAL = "PARTIAL"
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"


class Happening(StrEnum):
    ACCEPTED = "accepted"
    REFUSED = "refused"
    NO_ANSWER = "no_answer"
    WITHDRAWN = "withdrawn"
    FOUND = "found"
    NOT_FOUND = "not_found"
    PART_FILLED = "part_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


MOVES: dict[OrderState, dict[Happening, OrderState]] = {
    OrderState.PENDING: {
        Happening.ACCEPTED: OrderState.SUBMITTED,
        Happening.REFUSED: OrderState.REJECTED,
        Happening.NO_ANSWER: OrderState.UNCONFIRMED,
        Happening.WITHDRAWN: OrderState.CANCELLED,
    },
    OrderState.UNCONFIRMED: {
        Happening.FOUND: OrderState.SUBMITTED,
        Happening.NOT_FOUND: OrderState.REJECTED,
    },
    OrderState.SUBMITTED: {
        Happening.REFUSED: OrderState.REJECTED,
        Happening.PART_FILLED: OrderState.PARTIAL,
        Happening.FILLED: OrderState.FILLED,
        Happening.CANCELLED: OrderState.CANCELLED,
        Happening.EXPIRED: OrderState.CANCELLED,
    },
    OrderState.PARTIAL: {
        Happening.PART_FILLED: OrderState.PARTIAL,
        Happening.FILLED: OrderState.FILLED,
        Happening.CANCELLED: OrderState.CANCELLED,
        Happening.EXPIRED: OrderState.CANCELLED,
    },
    OrderState.CANCELLED: {
        Happening.PART_FILLED: OrderState.CANCELLED,
        Happening.FILLED: OrderState.FILLED,
        Happening.CANCELLED: OrderState.CANCELLED,
    },
    OrderState.REJECTED: {
        Happening.FOUND: OrderState.SUBMITTED,
    },
    OrderState.FILLED: {},
}

LIVE_STATES = frozenset({OrderState.PENDING, OrderState.UNCONFIRMED, OrderState.SUBMITTED, OrderState.PARTIAL})


class IllegalTransition(Exception):
    """A happening that the table has no cell for; from our own code it is a bug."""

    def __init__(self, state: OrderState, happening: Happening) -> None:
        super().__init__(f"an order that is {state} cannot be {happening.value}")
        self.state = state
        self.happening = happening


def move(state: OrderState, happening: Happening) -> OrderState:
    """Return the state after `happening`; `IllegalTransition` where the table has no cell."""
    try:
        return MOVES[state][happening]
    except KeyError:
        raise IllegalTransition(state, happening) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderIntent:
    """An order we want, sized and priced, before anything was asked or written.

    `price` is the limit in won, or None for a market order. `rule` says which rule wants it (an entry's name or an
    exit reason), `reason` the sentence with its numbers. `correlation_id` links proposal, approval, order and fills.
    `entry_seq` counts the entries of the symbol on its day; an exit has its position's. `atr` is frozen here for the
    position that an entry makes (0 for an exit), so that a restart between order and fill finds it again.
    """

    symbol: Symbol
    market: Market
    side: Side
    quantity: int
    order_type: OrderType
    price: Won | None
    signal_id: SignalId
    rule: str
    reason: str
    correlation_id: str
    entry_seq: int
    atr: float

    def __post_init__(self) -> None:
        if self.quantity <= 0:
            raise ValueError(f"quantity {self.quantity}: expected one share or more")
        if (self.order_type is OrderType.LIMIT) != (self.price is not None):
            raise ValueError(
                f"{self.order_type} order with price {self.price}: a limit order, and only it, has a price"
            )
        if self.price is not None and self.price <= 0:
            raise ValueError(f"price {self.price}: expected more than zero won")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order we have begun: the intent, how far it has come, and the version for compare-and-set.

    `order_no` and `branch_no` (KRX_FWDG_ORD_ORGNO) are the broker's and empty until it answered. `filled_amount` is the
    sum paid or received for `filled_quantity`, before costs.
    """

    key: OrderKey
    mode: str
    intent: OrderIntent
    state: OrderState
    day: date
    created_at: datetime
    updated_at: datetime
    order_no: OrderNo | None = None
    branch_no: str = ""
    filled_quantity: int = 0
    filled_amount: Won = 0
    refusal: str = ""
    version: int = 1

    @property
    def is_live(self) -> bool:
        """Whether it may still be filled as far as we know."""
        return self.state in LIVE_STATES

    @property
    def remaining_quantity(self) -> int:
        return self.intent.quantity - self.filled_quantity

    def moved(self, happening: Happening, at: datetime) -> Order:
        """Return the order after `happening`, one version on."""
        return replace(self, state=move(self.state, happening), updated_at=at, version=self.version + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """A part of an order that was executed: shares and won since the part before.

    The broker tells sums only, so `cumulative_quantity` is what makes a fill unique within its order.
    """

    order_key: OrderKey
    symbol: Symbol
    side: Side
    quantity: int
    amount: Won
    cumulative_quantity: int
    fee: Won
    tax: Won
    at: datetime
    correlation_id: str


def order_key(mode: str, intent: OrderIntent) -> OrderKey:
    """Return the idempotency key: SHA-256 of ``mode|side|symbol|quantity|signal_id`` (S3-I01)."""
    text = f"{mode}|{intent.side}|{intent.symbol}|{intent.quantity}|{intent.signal_id}"
    return OrderKey(hashlib.sha256(text.encode()).hexdigest())


def signal_id(day: date, symbol: Symbol, rule: str, entry_seq: int, attempt: int) -> SignalId:
    """Return ``day|symbol|rule|entry_seq|attempt``: the same signal found again after a restart has the same id."""
    return SignalId(f"{day:%Y%m%d}|{symbol}|{rule}|{entry_seq}|{attempt}")
