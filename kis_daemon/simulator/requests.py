"""What a client asks of the simulated exchange: order types, requests, refusals, and what then happens.

Rules of this room
    A request (new, modify or cancel) has a number of its own; modify and cancel point to the one they concern.
    quantity = filled + remaining + cancelled + rejected, for every request at every moment.
    A modified order's remainder moves to the new number: under the old one it counts as cancelled.
    What is left at the close expires in silence: it stays `remaining`, and can no longer be filled or cancelled.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from kis_daemon.domain.costs import Costs
from kis_daemon.domain.market import Side, Symbol, Won

NO_COSTS = Costs(fee=0, tax=0)


class Pricing(StrEnum):
    """How the limit of an order is found."""

    LIMIT = "LIMIT"
    MARKET = "MARKET"
    BEST = "BEST"  # the counter side's touch at entry
    PRIORITY = "PRIORITY"  # the own side's touch at entry
    LIMIT_THEN_MARKET = "LIMIT_THEN_MARKET"  # a limit that becomes a market order in the closing auction
    FIXED = "FIXED"  # at a close that is known
    MIDDLE = "MIDDLE"  # halfway between the two sides of the touch, wherever they go


class Patience(StrEnum):
    """How long an order waits."""

    DAY = "DAY"
    IMMEDIATE = "IMMEDIATE"  # IOC: what cannot be filled at once is cancelled
    ALL_OR_NOTHING = "ALL_OR_NOTHING"  # FOK


class Hours(StrEnum):
    """The part of the day in which an order type may be entered; `sessions` has the times."""

    REGULAR = "REGULAR"
    BEFORE_OPEN = "BEFORE_OPEN"  # at the close of the day before
    AT_CLOSE = "AT_CLOSE"  # at the close of this day
    AFTER_MARKET = "AFTER_MARKET"


@dataclass(frozen=True, slots=True, kw_only=True)
class Division:
    """An order type of the exchange (ORD_DVSN)."""

    code: str
    name: str
    pricing: Pricing
    patience: Patience = Patience.DAY
    hours: Hours = Hours.REGULAR
    has_trigger: bool = False

    @property
    def has_price(self) -> bool:
        return self.pricing in (Pricing.LIMIT, Pricing.LIMIT_THEN_MARKET)


DIVISIONS = {
    division.code: division
    for division in (
        Division(code="00", name="지정가", pricing=Pricing.LIMIT),
        Division(code="01", name="시장가", pricing=Pricing.MARKET),
        Division(code="02", name="조건부지정가", pricing=Pricing.LIMIT_THEN_MARKET),
        Division(code="03", name="최유리지정가", pricing=Pricing.BEST),
        Division(code="04", name="최우선지정가", pricing=Pricing.PRIORITY),
        Division(code="11", name="IOC지정가", pricing=Pricing.LIMIT, patience=Patience.IMMEDIATE),
        Division(code="12", name="FOK지정가", pricing=Pricing.LIMIT, patience=Patience.ALL_OR_NOTHING),
        Division(code="13", name="IOC시장가", pricing=Pricing.MARKET, patience=Patience.IMMEDIATE),
        Division(code="14", name="FOK시장가", pricing=Pricing.MARKET, patience=Patience.ALL_OR_NOTHING),
        Division(code="15", name="IOC최유리", pricing=Pricing.BEST, patience=Patience.IMMEDIATE),
        Division(code="16", name="FOK최유리", pricing=Pricing.BEST, patience=Patience.ALL_OR_NOTHING),
        Division(code="21", name="중간가", pricing=Pricing.MIDDLE),
        Division(code="22", name="스톱지정가", pricing=Pricing.LIMIT, has_trigger=True),
        Division(code="23", name="중간가IOC", pricing=Pricing.MIDDLE, patience=Patience.IMMEDIATE),
        Division(code="24", name="중간가FOK", pricing=Pricing.MIDDLE, patience=Patience.ALL_OR_NOTHING),
        Division(code="05", name="장전시간외", pricing=Pricing.FIXED, hours=Hours.BEFORE_OPEN),
        Division(code="06", name="장후시간외", pricing=Pricing.FIXED, hours=Hours.AT_CLOSE),
        *(
            Division(code=code, name=name, pricing=pricing, patience=patience, hours=Hours.AFTER_MARKET)
            for code, name, pricing, patience in (
                ("41", "애프터마켓지정가", Pricing.LIMIT, Patience.DAY),
                ("42", "애프터마켓IOC지정가", Pricing.LIMIT, Patience.IMMEDIATE),
                ("43", "애프터마켓FOK지정가", Pricing.LIMIT, Patience.ALL_OR_NOTHING),
                ("44", "애프터마켓최유리", Pricing.BEST, Patience.DAY),
                ("45", "애프터마켓IOC최유리", Pricing.BEST, Patience.IMMEDIATE),
                ("46", "애프터마켓FOK최유리", Pricing.BEST, Patience.ALL_OR_NOTHING),
                ("47", "애프터마켓최우선", Pricing.PRIORITY, Patience.DAY),
            )
        ),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseRules:
    """What the broker lets through to the exchange; paper and real differ."""

    divisions: tuple[str, ...]
    takes_opening_auction: bool
    minimum_price: Won
    number_step: int


PAPER_RULES = HouseRules(
    divisions=("00", "01", "02", "03", "04"), takes_opening_auction=False, minimum_price=1000, number_step=1
)
REAL_RULES = HouseRules(divisions=tuple(DIVISIONS), takes_opening_auction=True, minimum_price=0, number_step=100)


class Refusal(StrEnum):
    """Why a request was refused; the servers have a code and a sentence for each."""

    NOT_A_TRADING_DAY = "NOT_A_TRADING_DAY"
    BEFORE_HOURS = "BEFORE_HOURS"
    AFTER_HOURS = "AFTER_HOURS"
    UNKNOWN_SYMBOL = "UNKNOWN_SYMBOL"
    BLOCKED = "BLOCKED"
    WRONG_DIVISION = "WRONG_DIVISION"
    WRONG_QUANTITY = "WRONG_QUANTITY"
    OFF_TICK = "OFF_TICK"
    BEYOND_LIMITS = "BEYOND_LIMITS"
    NOT_ENOUGH_CASH = "NOT_ENOUGH_CASH"
    NOT_ENOUGH_SHARES = "NOT_ENOUGH_SHARES"
    NOTHING_TO_CHANGE = "NOTHING_TO_CHANGE"


class RequestKind(StrEnum):
    NEW = "NEW"
    MODIFY = "MODIFY"
    CANCEL = "CANCEL"


class Channel(StrEnum):
    """Who asked: the API's client, or a person at the account's trading screen."""

    API = "API"
    SCREEN = "SCREEN"


@dataclass(slots=True, kw_only=True, eq=False)
class Request:
    """One numbered row of the day.

    `limit` 0 means any price or the middle one, `held` is the cash it holds back, `ahead` the shares that stand before
    it in the queue.
    A stop sleeps until a trade reaches its `trigger`; `triggered_at` is None until then.
    """

    number: int
    original: int | None
    kind: RequestKind
    symbol: Symbol
    side: Side
    division: str
    quantity: int
    price: Won
    at: datetime
    limit: Won = 0
    filled: int = 0
    amount: Won = 0
    cancelled: int = 0
    rejected: int = 0
    expired: bool = False
    held: Won = 0
    ahead: int = 0
    trigger: Won = 0
    triggered_at: datetime | None = None
    channel: Channel = Channel.API
    costs: Costs = NO_COSTS

    @property
    def remaining(self) -> int:
        return self.quantity - self.filled - self.cancelled - self.rejected

    @property
    def is_open(self) -> bool:
        return self.remaining > 0 and not self.expired

    @property
    def sleeps(self) -> bool:
        return self.trigger != 0 and self.triggered_at is None


class EventKind(StrEnum):
    ACCEPTED = "ACCEPTED"
    FILLED = "FILLED"
    MODIFIED = "MODIFIED"
    CANCELLED = "CANCELLED"
    LAPSED = "LAPSED"  # the remainder of an IOC or FOK
    REJECTED = "REJECTED"  # by the exchange, after the counter gave it a number


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderEvent:
    """Something that happened to a request: what the execution notice tells."""

    kind: EventKind
    request: Request
    quantity: int
    price: Won
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A request that was taken, and everything that happened at once."""

    request: Request
    events: tuple[OrderEvent, ...]
