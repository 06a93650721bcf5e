"""What each number of the settings may be, and which numbers must fit together.

A range is wide enough for every sane trial and narrow enough that a slip of the finger is refused.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """A number from `low` to `high`, both included."""

    low: float
    high: float
    whole: bool = False

    def allows(self, text: str) -> bool:
        """Whether `text` is such a number."""
        try:
            number = int(text) if self.whole else float(text)
        except ValueError:
            return False
        return math.isfinite(number) and self.low <= number <= self.high


def _whole(low: int, high: int) -> Range:
    return Range(low=low, high=high, whole=True)


def _number(low: float, high: float) -> Range:
    return Range(low=low, high=high)


RANGES: Mapping[str, Range] = {
    "api_timeout_s": _number(1, 60),
    "kis_calls_per_second": _whole(1, 20),
    "commission_pct": _number(0, 1),
    "entry.periods.atr": _whole(2, 100),
    "entry.periods.adx": _whole(2, 100),
    "entry.periods.sma": _whole(2, 400),
    "entry.periods.spike_window": _whole(1, 250),
    "entry.periods.breakout": _whole(1, 250),
    "entry.adx_min": _number(0, 100),
    "entry.atr_spike_max": _number(0.5, 100),
    "entry.min_bars": _whole(30, 2000),
    "entry.full_bars": _whole(30, 2000),
    "entry.limit_ticks": _whole(0, 50),
    "entry.cooldown_days": _whole(0, 365),
    "protection.stop_atr": _number(0.1, 20),
    "protection.target_atr": _number(0.1, 50),
    "protection.trailing_atr": _number(0.1, 20),
    "protection.trailing_arm_pct": _number(0, 100),
    "protection.max_loss_pct": _number(0.1, 30),
    "trend_break.adx_min": _number(0, 100),
    "gap.threshold_pct": _number(-30, 30),  # 0 and less disable the rule (S3-G04)
    "gap.epsilon_pct": _number(0, 1),
    "risk.order_quantity": _whole(1, 1_000_000),
    "risk.risk_per_trade_pct": _number(0.01, 10),
    "risk.max_position_pct": _number(0.1, 100),
    "risk.max_quantity": _whole(1, 1_000_000),
    "risk.max_exposure_pct": _number(1, 100),  # no credit
    "risk.max_order_won": _whole(1, 10**13),
    "risk.max_entries_a_minute": _whole(1, 600),
    "risk.max_positions": _whole(1, 100),
    "risk.max_trades_a_day": _whole(1, 1000),
    "risk.max_consecutive_losses": _whole(1, 100),
    "risk.max_daily_loss_pct": _number(0.1, 5),  # 5 % is the hard stop of every mode (C15)
    "approvals.wait_s": _number(5, 3600),
    "approvals.band_pct": _number(0.01, 10),
    "breaker.warn_drawdown_pct": _number(0.1, 100),
    "breaker.max_drawdown_pct": _number(0.1, 100),
    "breaker.loss_cooldown_hours": _number(0.1, 720),
    "breaker.api_failure_pct": _number(1, 100),
    "breaker.api_window_s": _number(30, 3600),  # no call is remembered for longer
    "breaker.api_min_calls": _whole(1, 10_000),
    "breaker.api_cooldown_hours": _number(0.01, 720),
    "breaker.trial_size_pct": _number(1, 100),
    "breaker.trial_entries": _whole(1, 100),
    "breaker.trial_good_trades": _whole(1, 100),
    "breaker.trial_bad_trades": _whole(1, 100),
    "breaker.trial_hours": _number(0.1, 100),
    "breaker.trial_drawdown_pct": _number(0.1, 100),
    "universe.max_stocks": _whole(1, 200),
    "universe.market_scan_size": _whole(1, 5000),  # the whole of both boards
    "universe.volume_top_n": _whole(1, 1000),
    "universe.min_volume": _whole(0, 10**15),  # won a day
    "universe.min_market_cap": _whole(0, 10_000_000),  # units of 100 million won
    "universe.min_atr_pct": _number(0, 100),
    "universe.max_atr_pct": _number(0, 100),
    "universe.atr_period": _whole(2, 60),  # a page of the chart has room for it
    "alerts.queue_size": _whole(10, 10_000),
    "alerts.per_minute": _whole(1, 60),
    "alerts.repeat_s": _number(0, 86_400),
    "alerts.send_timeout_s": _number(1, 60),
}

AT_LEAST = (
    ("entry.min_bars", "entry.periods.sma", 1),
    ("entry.min_bars", "entry.periods.adx", 2),
    ("entry.min_bars", "entry.periods.breakout", 1),
    ("entry.full_bars", "entry.min_bars", 1),
    ("risk.max_quantity", "risk.order_quantity", 1),
    ("breaker.max_drawdown_pct", "breaker.warn_drawdown_pct", 1),
    ("breaker.max_drawdown_pct", "breaker.trial_drawdown_pct", 1),
    ("universe.max_atr_pct", "universe.min_atr_pct", 1),
)
"""(field, other field, factor): the field must be at least factor × the other."""
