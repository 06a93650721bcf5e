"""How much to buy, and what must not be bought at all.

Rules of this room (requirements, section 8; C15)
    Size by risk: equity x risk per trade / (stop distance in ATRs), capped by position share, cash and largest
    quantity; or a fixed quantity. A size of 0 is a denial with its numbers.
    A denial is a result, not an exception. Limits are asked of entries only: an exit is never denied here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from kis_daemon.domain.market import Symbol, Won


class Sizing(StrEnum):
    RISK = "risk"
    FIXED = "fixed"


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskLimits:
    """The limits of one account. Percentages are of equity."""

    sizing: Sizing = Sizing.RISK
    order_quantity: int = 1
    risk_per_trade_pct: float = 1.0
    max_position_pct: float = 20.0
    max_quantity: int = 100_000
    max_positions: int = 5
    max_trades_a_day: int = 20
    max_consecutive_losses: int = 3
    max_daily_loss_pct: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFigures:
    """What limits are measured against, as last reconciled and booked since.

    `cash` is what is free to buy with: settled cash less what live buy orders have reserved. `busy_symbols` are those
    held or being bought; `resting_symbols` are in their cool-down after a stop.
    """

    equity: Won
    cash: Won
    day_base_equity: Won
    realized_today: Won
    entries_today: int
    consecutive_losses: int
    busy_symbols: frozenset[Symbol]
    resting_symbols: frozenset[Symbol] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """Why an entry is not allowed: a constant code and the sentence with its numbers."""

    code: str
    reason: str


def daily_loss_reached(figures: AccountFigures, limits: RiskLimits) -> bool:
    """Whether today's realised loss has reached the limit; its base is the day's first reconciled equity."""
    return figures.realized_today <= -figures.day_base_equity * limits.max_daily_loss_pct / 100 < 0


def check_entry(symbol: Symbol, figures: AccountFigures, limits: RiskLimits) -> Allowed | Denied:
    """Return whether a new position in `symbol` may be begun; the first limit reached answers."""
    if symbol in figures.busy_symbols:
        return Denied(code="already_busy", reason=f"{symbol} is held or being bought")
    if symbol in figures.resting_symbols:
        return Denied(code="cooldown", reason=f"{symbol} rests after a stop")
    if len(figures.busy_symbols) >= limits.max_positions:
        return Denied(code="max_positions", reason=f"{len(figures.busy_symbols)} positions >= {limits.max_positions}")
    if figures.entries_today >= limits.max_trades_a_day:
        return Denied(code="max_trades_a_day", reason=f"{figures.entries_today} entries >= {limits.max_trades_a_day}")
    if figures.consecutive_losses >= limits.max_consecutive_losses:
        return Denied(
            code="consecutive_losses",
            reason=f"{figures.consecutive_losses} losses in a row >= {limits.max_consecutive_losses}",
        )
    if daily_loss_reached(figures, limits):
        return Denied(
            code="daily_loss",
            reason=f"realised {figures.realized_today} of {figures.day_base_equity}: "
            f"limit {limits.max_daily_loss_pct} %",
        )
    return Allowed()


def entry_quantity(
    limit_price: Won, stop_distance: float, figures: AccountFigures, limits: RiskLimits, commission_ppb: int
) -> int | Denied:
    """Return how many shares to buy at most `limit_price` each, or why none.

    `stop_distance` is the won a share may fall before the stop (2 ATR by default).
    """
    if limit_price <= 0 or stop_distance <= 0:
        return Denied(code="no_price", reason=f"price {limit_price}, stop distance {stop_distance:.2f}")
    if limits.sizing is Sizing.FIXED:
        wanted = limits.order_quantity
    else:
        by_risk = math.floor(figures.equity * limits.risk_per_trade_pct / 100 / stop_distance)
        by_share = math.floor(figures.equity * limits.max_position_pct / 100 / limit_price)
        wanted = min(by_risk, by_share)
    affordable = figures.cash * 1_000_000_000 // (limit_price * (1_000_000_000 + commission_ppb))
    quantity = min(wanted, affordable, limits.max_quantity)
    if quantity < 1:
        return Denied(
            code="size_zero",
            reason=f"wanted {wanted}, affordable {affordable} at {limit_price} (equity {figures.equity}, "
            f"cash {figures.cash}, stop distance {stop_distance:.2f})",
        )
    return quantity
