"""What the servers share: the exchange, the clock, the profile, and the one place where an order's events go
out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from kis_daemon.ports import Clock
from kis_daemon.simulator.exchange import Exchange
from kis_daemon.simulator.profile import Profile, SimulatorSettings
from kis_daemon.simulator.requests import OrderEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Venue:
    """The broker as its servers see it; `publish` saves the state and sends the notices."""

    settings: SimulatorSettings
    profile: Profile
    exchange: Exchange
    clock: Clock
    publish: Callable[[tuple[OrderEvent, ...]], None]

    def now(self) -> datetime:
        return self.clock.now()


def account_view(exchange: Exchange) -> dict[str, object]:
    """Return cash (D+2), holdings and equity: what `/__sim/account` shows."""
    holdings = {
        symbol: {
            "quantity": row.quantity,
            "cost": row.cost,
            "price": exchange.price(symbol),
            "value": row.quantity * exchange.price(symbol),
        }
        for symbol, row in exchange.account.holdings.items()
        if row.quantity
    }
    return {
        "cash": exchange.account.cash_d2,
        "holdings": holdings,
        "holdings_value": exchange.holdings_value(),
        "equity": exchange.equity(),
    }
