"""What the servers share: the exchange, the clock, the profile, and the one place where an order's events go
out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime

from kis_daemon.domain.market import Symbol
from kis_daemon.ports import Clock
from kis_daemon.simulator.board import Board
from kis_daemon.simulator.capital import Capital, Register
from kis_daemon.simulator.exchange import Exchange
from kis_daemon.simulator.listing_view import ListingView
from kis_daemon.simulator.pace import JumpingPace
from kis_daemon.simulator.profile import Profile, SimulatorSettings
from kis_daemon.simulator.requests import OrderEvent, Request
from kis_daemon.simulator.reservations import Reservations
from kis_daemon.simulator.tape import Tape


@dataclass(frozen=True, slots=True, kw_only=True)
class Venue:
    """The broker as its servers see it; `publish` saves the state and sends the notices.

    What only REST knows is kept here: the reservations, and which orders came in by the road `SOR`. `pace` is None
    where time cannot be made to jump.
    """

    settings: SimulatorSettings
    profile: Profile
    exchange: Exchange
    clock: Clock
    publish: Callable[[tuple[OrderEvent, ...]], None]
    tape: Tape = field(default_factory=Tape)
    register: Register = field(default_factory=Register)
    reservations: Reservations = field(default_factory=Reservations)
    by_sor: set[tuple[date, int]] = field(default_factory=set)
    pace: JumpingPace | None = None

    def now(self) -> datetime:
        return self.clock.now()

    def board(self, symbol: str) -> Board | None:
        """Return the board of a symbol that has a price today, None where it is unknown or has none."""
        board = self.exchange.boards.get(Symbol(symbol))
        return board if board is not None and board.base else None

    def view(self, board: Board) -> ListingView:
        """Return a board with what depends on the moment: its session, its state, what an auction expects."""
        view = self.exchange.listing(board.symbol, self.now())
        assert view is not None  # a board is a listed symbol of a day that was begun
        return view

    def capital(self, symbol: Symbol) -> Capital:
        return self.register.of(self.exchange.prices, symbol)

    def road_of(self, request: Request) -> str:
        """Return the venue code under which an order is listed: KRX, or SOR where it was sent by that road."""
        return "SOR" if (request.at.date(), request.number) in self.by_sor else "KRX"


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
