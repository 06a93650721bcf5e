"""When to sell: gap, stop, target, trailing, trend break, in this order; one exit per position at a time.

Rules of this room (requirements, section 8)
    Gap protection looks once, at the day's first regular price, and only at positions of an earlier day. It fires on a
    loss gap only and compares signed numbers: (open - reference) / reference * 100 <= -(threshold + epsilon).
    Stop, trailing: price <= level. Target: price >= level. The trend break is judged on completed bars.
    The quiet band is the open price interval in which the answer stays "nothing".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from kis_daemon.domain.market import Won
from kis_daemon.domain.positions import Position, ProtectionRules, arming_price, trailing_level


class ExitReason(StrEnum):
    GAP_PROTECTION = "GAP_PROTECTION"
    ATR_STOP_LOSS = "ATR_STOP_LOSS"
    ATR_TAKE_PROFIT = "ATR_TAKE_PROFIT"
    TRAILING_STOP = "TRAILING_STOP"
    TREND_BROKEN = "TREND_BROKEN"
    MANUAL_EXIT = "MANUAL_EXIT"
    KILL_SWITCH = "KILL_SWITCH"


class GapReference(StrEnum):
    PREV_CLOSE = "prev_close"
    ENTRY = "entry"
    STOP = "stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class GapRules:
    """Gap protection; a threshold of None or not above 0 disables it (S3-G04)."""

    threshold_pct: float | None = 2.0
    epsilon_pct: float = 0.001
    reference: GapReference = GapReference.PREV_CLOSE


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """Sell the whole position, for this reason, with these numbers."""

    rule: ExitReason
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """The gap of one opening, as computed; the prices shown to the operator are these (S3-G07)."""

    open_price: Won
    reference: GapReference
    reference_price: float
    raw_gap_pct: float
    threshold_pct: float
    triggered: bool


def gap(position: Position, open_price: Won, prev_close: Won, on: date, rules: GapRules) -> Gap | None:
    """Return the gap at the day's first regular price, or None where the rule does not look (S3-G01..G05)."""
    if rules.threshold_pct is None or rules.threshold_pct <= 0 or position.entry_day >= on:
        return None
    match rules.reference:
        case GapReference.PREV_CLOSE:
            reference: float = prev_close
        case GapReference.ENTRY:
            reference = position.average_price
        case GapReference.STOP:
            reference = position.stop
    if reference <= 0 or open_price <= 0:
        return None
    raw = (open_price - reference) / reference * 100
    return Gap(
        open_price=open_price,
        reference=rules.reference,
        reference_price=reference,
        raw_gap_pct=raw,
        threshold_pct=rules.threshold_pct,
        triggered=raw <= -(rules.threshold_pct + rules.epsilon_pct),
    )


def decide(
    position: Position,
    price: Won,
    on: date,
    protection: ProtectionRules,
    opening_gap: Gap | None,
    broken_trend: str | None,
) -> Exit | None:
    """Return why to sell at `price`, first rule first, or None. `opening_gap` is given at the first price only."""
    if opening_gap is not None and opening_gap.triggered:
        return Exit(
            rule=ExitReason.GAP_PROTECTION,
            reason=(
                f"open {opening_gap.open_price} vs {opening_gap.reference} {opening_gap.reference_price:.2f}: "
                f"{opening_gap.raw_gap_pct:.3f} % <= -{opening_gap.threshold_pct} %"
            ),
        )
    if price <= position.stop:
        return Exit(rule=ExitReason.ATR_STOP_LOSS, reason=f"price {price} <= stop {position.stop}")
    if price >= position.target:
        return Exit(rule=ExitReason.ATR_TAKE_PROFIT, reason=f"price {price} >= target {position.target}")
    trailing = trailing_level(position, protection, on)
    if trailing is not None and price <= trailing:
        return Exit(
            rule=ExitReason.TRAILING_STOP,
            reason=f"price {price} <= trailing {trailing} (highest {position.highest})",
        )
    if broken_trend is not None:
        return Exit(rule=ExitReason.TREND_BROKEN, reason=broken_trend)
    return None


def quiet_band(position: Position, on: date, protection: ProtectionRules) -> tuple[Won, Won]:
    """Return (low, high): while low < price < high neither an exit nor the position itself can change."""
    low = position.stop
    trailing = trailing_level(position, protection, on)
    if trailing is not None:
        low = max(low, trailing)
    high = min(position.target, position.highest + 1)
    if not position.trailing_armed:
        high = min(high, math.ceil(arming_price(position, protection)))
    return low, high
