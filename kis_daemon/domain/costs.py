"""What a trade costs: the broker's commission and the state's tax on a sale.

Rules of this room
    Tax is on sales only, by the date of the sale; funds (ETF) pay none. Both are rounded down to the won per order.
    Costs of an order filled in parts are those of its sum: the cost of a further part is the difference.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from kis_daemon.domain.market import Market, Side, Won

_BILLION = 1_000_000_000

# (from date, parts per million of the sale), KOSPI including the agricultural tax = KOSDAQ.
_SELL_TAX_PPM = (
    (date(2026, 1, 1), 2000),
    (date(2025, 1, 1), 1500),
    (date(2024, 1, 1), 1800),
    (date(2023, 1, 1), 2000),
    (date(2021, 1, 1), 2300),
    (date(2019, 6, 3), 2500),
    (date.min, 3000),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Commission and tax of one order or one part of it, in won."""

    fee: Won
    tax: Won

    def __sub__(self, other: Costs) -> Costs:
        return Costs(fee=self.fee - other.fee, tax=self.tax - other.tax)


def sell_tax_ppm(market: Market, on: date) -> int:
    """Return the tax on a sale of `market` on `on` in parts per million of its amount."""
    if market is Market.ETF:
        return 0
    return next(ppm for since, ppm in _SELL_TAX_PPM if on >= since)


def order_costs(side: Side, amount: Won, market: Market, on: date, commission_ppb: int) -> Costs:
    """Return what an order costs whose fills so far sum to `amount` won.

    `commission_ppb` is the account's rate in parts per billion (0.0140527 % = 140,527).
    """
    fee = amount * commission_ppb // _BILLION
    tax = amount * sell_tax_ppm(market, on) // 1_000_000 if side is Side.SELL else 0
    return Costs(fee=fee, tax=tax)
