"""First steps with real money: small the first time of a day, and in one symbol on the very first day.

Rules of this room (S3-C02, S3-C06, section 8)
    They make entries smaller or fewer. An exit does not know of them.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

from kis_daemon.domain.market import Symbol
from kis_daemon.domain.risk import Denied


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstSteps:
    """How careful the beginning is; the defaults are those of invented money: not at all."""

    order_percent: float = 100.0
    one_symbol_on_the_first_day: bool = False


def first_quantity(quantity: int, entries_today: int, steps: FirstSteps) -> int:
    """Return `quantity`, or its share of the day's first entry: at least one share, at most `order_percent` of it."""
    if entries_today > 0:
        return quantity
    return max(1, math.floor(quantity * steps.order_percent / 100))


def check_first_day(symbol: Symbol, bought_today: Collection[Symbol]) -> Denied | None:
    """Return why `symbol` is not bought on the first day of an account that trades one symbol then, or None."""
    others = sorted(set(bought_today) - {symbol})
    if not others:
        return None
    return Denied(code="first_day_symbol", reason=f"the first day trades one symbol: {', '.join(others)}")
