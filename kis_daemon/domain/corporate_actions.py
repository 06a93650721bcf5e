"""Splits, reverse splits and rights: what proves one, and what it makes of a position.

Rules of this room (requirements, section 8: corporate action)
    Three witnesses: the day's base price against our last close, the refetched history against that same close, and
    the shares in the account against those we know of. Two that agree prove an action; one alone proves nothing.
    Prices are moved by what prices say, quantities become what the account holds: rights lower the price weeks before
    the new shares come.
    Levels stay whole ticks: the stop is rounded down, the target up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from kis_daemon.domain.market import Rounding, Won, to_tick
from kis_daemon.domain.positions import Position

_NOTHING = 0.005  # of shares: what is paid out for a part of one
_LITTLE = 0.03  # of prices: a close read before its auction was in it; no stop is given up for rights as small as this
_AGREEMENT = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Witnesses:
    """What is known before a day's first price. A witness that cannot be had is 0.

    `last_close` is the close that we wrote down on `its` day, as it was traded; `closed_then` the same close in the
    history as it is told today; `base` today's base price, 0 where days were missed since that close. `shares` are
    those in the account, -1 where it could not be asked; `known` those we think are in it.
    """

    last_close: Won
    closed_then: Won
    base: Won
    shares: int
    known: int

    @property
    def by_base(self) -> float:
        """What a price has become, by the day's base price; 0 unknown."""
        return self.base / self.last_close if self.base and self.last_close else 0.0

    @property
    def by_history(self) -> float:
        return self.closed_then / self.last_close if self.closed_then and self.last_close else 0.0

    @property
    def by_shares(self) -> float:
        """What a price would have become if the shares were split so; 0 unknown."""
        return self.known / self.shares if self.shares > 0 and self.known > 0 else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Untouched:
    """No action: prices go on where they ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """Prices are `factor` times what they were; `by` names the witnesses."""

    factor: float
    by: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unproven:
    """Something was changed, and what it was is not proven."""

    reason: str


def judge(seen: Witnesses) -> Untouched | Proven | Unproven:
    """Return what happened to a symbol since our last close."""
    told = {"base": seen.by_base, "history": seen.by_history, "shares": seen.by_shares}
    known = {name: factor for name, factor in told.items() if factor > 0}
    moved = {
        name: factor for name, factor in known.items() if abs(factor - 1) > (_NOTHING if name == "shares" else _LITTLE)
    }
    if seen.shares == 0 and seen.known > 0 and not moved:
        return Untouched()  # sold by somebody: the account keeper's affair
    if not moved:
        return Untouched()
    prices = [name for name in ("base", "history") if name in moved]
    for name in prices:
        agreeing = tuple(other for other in moved if _agree(seen, moved, name, other))
        if len(agreeing) > 1:
            return Proven(factor=moved[name], by=agreeing)
    if not prices and "base" in known and "history" in known:
        return Untouched()  # prices say twice that nothing happened: shares that moved are no corporate action
    figures = ", ".join(f"{name} {factor:.4f}" for name, factor in known.items())
    return Unproven(reason=f"of our last close: {figures}")


def _agree(seen: Witnesses, factors: Mapping[str, float], one: str, other: str) -> bool:
    if other == "shares" and abs(seen.shares - seen.known / factors[one]) < 1:
        return True  # what does not make a whole share is paid out
    return abs(factors[one] / factors[other] - 1) <= _AGREEMENT


def rebased(position: Position, factor: float, quantity: int, on: date) -> Position:
    """Return the position after prices have become `factor` times what they were, with `quantity` shares."""

    def moved(level: Won, rounding: Rounding) -> Won:
        return to_tick(level * factor, rounding, position.market, on)

    return replace(
        position,
        quantity=quantity,
        cost=round(position.cost * factor * quantity / position.quantity),
        atr=position.atr * factor,
        stop=moved(position.stop, Rounding.DOWN),
        target=moved(position.target, Rounding.UP),
        highest=moved(position.highest, Rounding.DOWN),
        version=position.version + 1,
    )
