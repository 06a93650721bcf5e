"""What the simulated market does beyond a plain day: every switch, all of them off where nothing else is said.

Rules of this room
    The defaults are the market of `make run`: no interruption, no queue, and a tenth of the day's volume.
    A switch changes what the exchange does, never what a price book says.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from kis_daemon.domain.market import Symbol


class Designation(StrEnum):
    """What the exchange has declared a symbol to be (the wire contract, section 6.5)."""

    ORDINARY = "ORDINARY"
    ADMINISTRATIVE = "ADMINISTRATIVE"
    LIQUIDATION = "LIQUIDATION"  # a single price every half hour, without limits
    CAUTION = "CAUTION"
    WARNING = "WARNING"
    RISK = "RISK"
    OVERHEATED = "OVERHEATED"  # a single price every half hour


SINGLE_PRICED = (Designation.LIQUIDATION, Designation.OVERHEATED)


class ActionKind(StrEnum):
    """What a company did to its shares."""

    SPLIT = "SPLIT"
    REVERSE_SPLIT = "REVERSE_SPLIT"
    RIGHTS = "RIGHTS"  # new shares to those who hold: the price falls and the shares grow, without a halt
    CASH_DIVIDEND = "CASH_DIVIDEND"  # the ex-date only: neither price nor shares change
    DELISTING = "DELISTING"


@dataclass(frozen=True, slots=True, kw_only=True)
class CorporateAction:
    """From `day` on, `ratio_num` shares stand where `ratio_den` stood; a split in five is 5 / 1.

    Before a split the symbol does not trade for `halted_days` trading days.
    """

    symbol: Symbol
    day: date
    kind: ActionKind
    ratio_num: int = 1
    ratio_den: int = 1
    halted_days: int = 2

    def __post_init__(self) -> None:
        if self.ratio_num <= 0 or self.ratio_den <= 0 or self.halted_days < 0:
            raise ValueError(f"action {self}: expected a positive ratio and zero or more days of halt")


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketRules:
    """The market's switches; `volume_share` N lets the account take at most an Nth of what is traded.

    `queue` puts a resting order behind what stands at its price. `limits_never_fill` is what the paper venue does to
    some limit orders. `sells_what_the_balance_shows` refuses a sale of shares that a lagging balance lacks.
    `bars_take_after_market` has the charts of a day count the trades of its after-market, as KIS reportedly does.
    """

    interruptions: bool = False
    random_close: bool = False
    queue: bool = False
    volume_share: int = 10
    limits_never_fill: bool = False
    sells_what_the_balance_shows: bool = False
    bars_take_after_market: bool = False
    listing_lag_s: float = 0.0
    balance_lag_s: float = 0.0
    actions: tuple[CorporateAction, ...] = ()
    designations: tuple[tuple[Symbol, Designation], ...] = field(default=())

    def __post_init__(self) -> None:
        if self.volume_share <= 0:
            raise ValueError(f"volume_share {self.volume_share}: expected 1 or more")
