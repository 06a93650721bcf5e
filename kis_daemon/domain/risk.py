"""How much to buy, and what must not be bought at all.

Rules of this room (requirements, section 8; C15)
    Size by risk: equity x risk per trade / (stop distance in ATRs), capped by position share, cash, exposure, the
    largest order and the largest quantity; or a fixed quantity. A size of 0 is a denial with its numbers.
    A denial is a result, not an exception. Limits are asked of entries only: an exit is never denied here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from kis_daemon.domain.calendar import SessionPhase
from kis_daemon.domain.market import Listing, Quote, QuoteSource, Symbol, Won, tick_size

_NEAR = 0.6  # of the daily loss limit (C15)


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
    max_exposure_pct: float = 100.0
    max_quantity: int = 100_000
    max_order_won: Won = 1_000_000_000
    max_positions: int = 5
    max_trades_a_day: int = 20
    max_entries_a_minute: int = 10
    max_consecutive_losses: int = 3
    max_daily_loss_pct: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What a HALF_OPEN circuit breaker still lets through: smaller sizes, and so many entries since it is that.

    `earlier_entries` are those of days before today.
    """

    since: datetime
    size_pct: float
    most_entries: int
    earlier_entries: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFigures:
    """What limits are measured against, as last reconciled and booked since.

    `cash` is what is free to buy with: settled cash less what live buy orders have reserved. `exposure` is all that the
    account holds, shares that are not ours too, and what live buy orders may add. `busy_symbols` are those held or
    being bought; `resting_symbols` are in their cool-down after a stop.
    `worst_realized_today` is the lowest the day's realised sum has been, `worst_losses_in_a_row` the longest run of
    losses: what has ended the day's entries ends them for the day, whatever is won afterwards.
    `trial_entries` are the entries that `trial` has let through so far.
    """

    equity: Won
    cash: Won
    day_base_equity: Won
    realized_today: Won
    entries_today: int
    consecutive_losses: int
    busy_symbols: frozenset[Symbol]
    resting_symbols: frozenset[Symbol] = frozenset()
    exposure: Won = 0
    entries_last_minute: int = 0
    worst_realized_today: Won = 0
    worst_losses_in_a_row: int = 0
    trial: Trial | None = None
    trial_entries: int = 0


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
    return _worst_realized(figures) <= -figures.day_base_equity * limits.max_daily_loss_pct / 100 < 0


def daily_loss_near(figures: AccountFigures, limits: RiskLimits) -> bool:
    """Whether today's realised loss has come so near its limit that a person is warned (C15)."""
    return _worst_realized(figures) <= -figures.day_base_equity * limits.max_daily_loss_pct / 100 * _NEAR < 0


def losses_in_a_row_reached(figures: AccountFigures, limits: RiskLimits) -> bool:
    """Whether as many losses in a row as end the day's entries were made today."""
    return _worst_run(figures) >= limits.max_consecutive_losses


def _worst_realized(figures: AccountFigures) -> Won:
    return min(figures.realized_today, figures.worst_realized_today)


def _worst_run(figures: AccountFigures) -> int:
    return max(figures.consecutive_losses, figures.worst_losses_in_a_row)


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
    if losses_in_a_row_reached(figures, limits):
        return Denied(
            code="consecutive_losses",
            reason=f"{_worst_run(figures)} losses in a row >= {limits.max_consecutive_losses}",
        )
    if daily_loss_reached(figures, limits):
        return Denied(
            code="daily_loss",
            reason=f"realised {_worst_realized(figures)} of {figures.day_base_equity}: "
            f"limit {limits.max_daily_loss_pct} %",
        )
    if _room(figures, limits) <= 0 < figures.exposure:
        return Denied(
            code="max_exposure",
            reason=f"{figures.exposure} won of {figures.equity} at risk: limit {limits.max_exposure_pct} %",
        )
    if figures.entries_last_minute >= limits.max_entries_a_minute:
        return Denied(
            code="entry_rate",
            reason=f"{figures.entries_last_minute} entries within a minute >= {limits.max_entries_a_minute}",
        )
    if figures.trial is not None and figures.trial_entries >= figures.trial.most_entries:
        return Denied(
            code="breaker_half_open",
            reason=f"{figures.trial_entries} entries on trial >= {figures.trial.most_entries}",
        )
    return Allowed()


def _room(figures: AccountFigures, limits: RiskLimits) -> Won:
    """Return how many won may be put at risk yet."""
    return math.floor(figures.equity * limits.max_exposure_pct / 100) - figures.exposure


def touch(quote: Quote) -> Won:
    """Return the price to buy at: the ask, or the last price where the source tells no touch; 0 where nobody offers."""
    return quote.price if quote.source is QuoteSource.REST else quote.ask


def market_refuses(listing: Listing | None, quote: Quote | None, phase: SessionPhase) -> Denied | None:
    """Return why the market is in no state to buy in (S3-F08; section 8), None where it is."""
    if phase is not SessionPhase.REGULAR:
        return Denied(code="not_continuous", reason=f"the session is {phase}")
    if listing is None or quote is None or touch(quote) <= 0:
        return Denied(code="no_price", reason="no listing of today, no price, or nobody offers")
    refusals = {
        "halted": quote.halted or listing.suspended,
        "in_vi": quote.in_vi,
        "under_administration": listing.under_administration,
        "in_liquidation": listing.in_liquidation,
        "upper_limit": quote.price >= listing.upper_limit,
    }
    code = next((name for name, holds in refusals.items() if holds), None)
    return None if code is None else Denied(code=code, reason=f"{quote.symbol} at {quote.price}: {code}")


def price_refused(price: Won, listing: Listing, on: date) -> Denied | None:
    """Return why no limit order can stand at `price`, None where it can."""
    tick = tick_size(price, listing.market, on) if price > 0 else 0
    if not tick or price % tick:
        return Denied(code="tick", reason=f"{price} is no price of {listing.market}, which moves in {tick}")
    if not listing.lower_limit <= price <= listing.upper_limit:
        return Denied(
            code="price_limits", reason=f"{price} is outside of {listing.lower_limit} to {listing.upper_limit}"
        )
    return None


def check_order(
    symbol: Symbol, quantity: int, price: Won, figures: AccountFigures, limits: RiskLimits
) -> Allowed | Denied:
    """Return whether an entry of `quantity` shares at `price` at most may be sent, whoever sized it."""
    verdict = check_entry(symbol, figures, limits)
    if isinstance(verdict, Denied):
        return verdict
    if quantity > limits.max_quantity:
        return Denied(code="max_quantity", reason=f"{quantity} shares > {limits.max_quantity}")
    amount = quantity * price
    if amount > limits.max_order_won:
        return Denied(code="order_amount", reason=f"{amount} won > {limits.max_order_won} an order")
    if amount > _room(figures, limits):
        return Denied(
            code="max_exposure",
            reason=f"{figures.exposure} + {amount} won of {figures.equity} at risk: limit {limits.max_exposure_pct} %",
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
    if figures.trial is not None:
        wanted = math.floor(wanted * figures.trial.size_pct / 100)
    affordable = figures.cash * 1_000_000_000 // (limit_price * (1_000_000_000 + commission_ppb))
    room = min(limits.max_order_won, _room(figures, limits)) // limit_price
    quantity = min(wanted, affordable, room, limits.max_quantity)
    if quantity < 1:
        return Denied(
            code="size_zero",
            reason=f"wanted {wanted}, affordable {affordable}, room for {room} at {limit_price} "
            f"(equity {figures.equity}, cash {figures.cash}, stop distance {stop_distance:.2f})",
        )
    return quantity
