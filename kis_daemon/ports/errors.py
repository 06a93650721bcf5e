"""What the broker may answer instead of a result.

    BrokerError                 anything the broker's side may answer instead of a result
    ├── BrokerUnreachable       no answer to a question; asking again is safe
    ├── NoAnswer                an order or cancel was sent and its outcome is unknown; never send it again
    ├── RateLimited             too many calls; ask again after `retry_after_s`
    │   └── NoSlotInTime        no call came free within the caller's own time; nothing was sent
    ├── AccessRefused           key, token or account are not accepted; a person must look
    ├── OrderRefused            the broker said no, and nothing was ordered
    │   ├── MarketClosed        not at this hour or on this day
    │   ├── NothingToSell       fewer shares are sellable than the order asks for
    │   ├── InsufficientCash    the cash does not cover the order
    │   ├── NothingToCancel     already filled, cancelled or gone: ask, do not assume
    │   └── SymbolBlocked       halted, in liquidation, or unknown to the broker
    ├── NotOnThisVenue          the venue does not offer this; something else must stand in
    ├── ListingChanged          a listing changed between its pages; read it again from the start
    └── ProtocolError           an answer we cannot read

An error's type says what the caller may do next; `code` is the broker's own.
"""

from __future__ import annotations

from typing import Protocol


class BrokerError(Exception):
    """Something the broker's side answered, or did not, instead of a result."""

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class BrokerUnreachable(BrokerError):
    """No answer to a question; asking again is safe."""


class NoAnswer(BrokerError):
    """An order or a cancel was sent and its outcome is unknown; it must never be sent again."""


REST_RATE_LIMIT_COOLDOWN = "REST_RATE_LIMIT_COOLDOWN"
"""What operators are told a `RateLimited` by, whichever code or HTTP status it came with (C12)."""


class RateLimited(BrokerError):
    """Too many calls; ask again after `retry_after_s` seconds."""

    def __init__(self, message: str, *, code: str = "", retry_after_s: float = 1.0) -> None:
        super().__init__(message, code=code)
        self.retry_after_s = retry_after_s


class NoSlotInTime(RateLimited):
    """No call came free within the time that the caller had; nothing was sent."""


class AccessRefused(BrokerError):
    """Key, token or account are not accepted; a person must look."""


class OrderRefused(BrokerError):
    """The broker said no: nothing was ordered, changed or cancelled."""


class MarketClosed(OrderRefused):
    """Not at this hour, or not on this day."""


class NothingToSell(OrderRefused):
    """Fewer shares are sellable than the order asks for."""


class InsufficientCash(OrderRefused):
    """The cash does not cover the order."""


class NothingToCancel(OrderRefused):
    """The order is already filled, cancelled or gone: ask which, never assume."""


class SymbolBlocked(OrderRefused):
    """The symbol is halted, in liquidation, or unknown to the broker."""


class NotOnThisVenue(BrokerError):
    """The venue does not offer this; something else must stand in, and asking again is of no use."""


class ListingChanged(BrokerError):
    """A listing changed between two of its pages; read it again from the first."""


class ProtocolError(BrokerError):
    """An answer that we cannot read."""


class Cooldown(Protocol):
    """How long the broker's last "too many calls" still holds."""

    @property
    def cooldown_s(self) -> float:
        """For how many seconds from now no call leaves; 0.0: calls leave."""
