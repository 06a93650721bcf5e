"""What we hold: cost, protective levels, and how fills and prices change them.

Rules of this room
    A position keeps its total cost and its shares; the average is computed to be shown.
    ATR is frozen at entry. Stop and target follow from the real average price after each buy, the loss cap included.
    Trailing is armed once and stays armed; its level and the highest price only rise.
    Levels are whole ticks, rounded so that comparing a tick price with them answers as the exact level would.
    Realised profit has the costs of both sides in it: a buy's fee travels with its shares.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime

from kis_daemon.domain.market import Market, Rounding, Side, Symbol, Won, to_tick
from kis_daemon.domain.orders import Fill, OrderKey


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectionRules:
    """Distances of stop, target and trailing level, in ATRs and percent (requirements, section 8)."""

    stop_atr: float = 2.0
    target_atr: float = 3.0
    trailing_atr: float = 2.0
    trailing_arm_pct: float = 1.0
    max_loss_pct: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Shares of one symbol that we manage. `fees` are the buying fees of the shares still held."""

    symbol: Symbol
    name: str
    market: Market
    quantity: int
    cost: Won
    fees: Won
    atr: float
    stop: Won
    target: Won
    highest: Won
    trailing_armed: bool
    entry_day: date
    entry_seq: int
    opened_at: datetime
    correlation_id: str
    version: int = 1

    @property
    def average_price(self) -> float:
        return self.cost / self.quantity

    def value(self, price: Won) -> Won:
        return price * self.quantity

    def open_pnl(self, price: Won) -> Won:
        """Return what is won or lost so far at `price`, buying fees included, selling costs not."""
        return self.value(price) - self.cost - self.fees


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """A booked order: all its fills so far, and for a sale the profit they realised."""

    order_key: OrderKey
    symbol: Symbol
    name: str
    side: Side
    quantity: int
    amount: Won
    fee: Won
    tax: Won
    realized_pnl: Won
    rule: str
    reason: str
    correlation_id: str
    at: datetime


def opened(
    fill: Fill,
    *,
    name: str,
    market: Market,
    atr: float,
    entry_day: date,
    entry_seq: int,
    rules: ProtectionRules,
) -> Position:
    """Return the position that a first buy fill makes."""
    position = Position(
        symbol=fill.symbol,
        name=name,
        market=market,
        quantity=fill.quantity,
        cost=fill.amount,
        fees=fill.fee,
        atr=atr,
        stop=0,
        target=0,
        highest=0,
        trailing_armed=False,
        entry_day=entry_day,
        entry_seq=entry_seq,
        opened_at=fill.at,
        correlation_id=fill.correlation_id,
    )
    return protected(position, rules, fill.at.date())


def bought(position: Position, fill: Fill, rules: ProtectionRules) -> Position:
    """Return the position after a further buy fill; stop and target follow the new average."""
    grown = replace(
        position,
        quantity=position.quantity + fill.quantity,
        cost=position.cost + fill.amount,
        fees=position.fees + fill.fee,
        version=position.version + 1,
    )
    return protected(grown, rules, fill.at.date())


def sold(position: Position, fill: Fill) -> tuple[Position | None, Won]:
    """Return what is left after a sell fill (None when flat) and the profit it realised, all costs included."""
    if fill.quantity > position.quantity:
        raise ValueError(f"{fill.symbol}: {fill.quantity} shares sold of {position.quantity} held")
    if fill.quantity == position.quantity:
        cost, fees = position.cost, position.fees
    else:
        cost = position.cost * fill.quantity // position.quantity
        fees = position.fees * fill.quantity // position.quantity
    realized = fill.amount - cost - fees - fill.fee - fill.tax
    if fill.quantity == position.quantity:
        return None, realized
    left = replace(
        position,
        quantity=position.quantity - fill.quantity,
        cost=position.cost - cost,
        fees=position.fees - fees,
        version=position.version + 1,
    )
    return left, realized


def protected(position: Position, rules: ProtectionRules, on: date) -> Position:
    """Return the position with stop and target computed from its average price; the highest is at least the average."""
    entry = position.average_price
    stop = max(entry - rules.stop_atr * position.atr, entry * (1 - rules.max_loss_pct / 100))
    target = entry + rules.target_atr * position.atr
    return replace(
        position,
        stop=to_tick(max(stop, 0.0), Rounding.DOWN, position.market, on),
        target=to_tick(target, Rounding.UP, position.market, on),
        highest=max(position.highest, to_tick(entry, Rounding.DOWN, position.market, on)),
    )


def trailing_level(position: Position, rules: ProtectionRules, on: date) -> Won | None:
    """Return the price at or under which trailing sells, or None while it is not armed."""
    if not position.trailing_armed:
        return None
    level = position.highest - rules.trailing_atr * position.atr
    return to_tick(max(level, 0.0), Rounding.DOWN, position.market, on)


def arming_price(position: Position, rules: ProtectionRules) -> float:
    """Return the price from which on trailing is armed."""
    return position.average_price * (1 + rules.trailing_arm_pct / 100)


def seen(position: Position, price: Won, rules: ProtectionRules) -> Position:
    """Return the position after a regular trade at `price`: the highest rises, trailing may be armed.

    The same object comes back when nothing changed.
    """
    armed = position.trailing_armed or price >= arming_price(position, rules)
    if price <= position.highest and armed == position.trailing_armed:
        return position
    return replace(position, highest=max(price, position.highest), trailing_armed=armed, version=position.version + 1)
