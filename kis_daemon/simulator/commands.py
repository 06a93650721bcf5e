"""Commands to the market from outside: what `POST /__sim/...` and the faults of the market ask of the exchange.

Rules of this room
    A command that cannot be done says why (`CommandError`) and has changed nothing.
    What a command changed is saved and told like anything else that happens.
"""

from __future__ import annotations

from kis_daemon.domain.market import Side, Symbol, Won
from kis_daemon.simulator.herald import Herald
from kis_daemon.simulator.market_rules import Designation
from kis_daemon.simulator.requests import Channel, Refusal, Request, RequestKind
from kis_daemon.simulator.venue import Venue


class CommandError(ValueError):
    """A command could not be done; the message says what was asked and why not."""


class Commands:
    """What can be done to the market and to the account by hand."""

    def __init__(self, venue: Venue, herald: Herald) -> None:
        self._venue = venue
        self._herald = herald

    def halt(self, symbol: Symbol) -> None:
        """Stop the trading of `symbol`, over days, until it is resumed."""
        self._venue.exchange.halt(self._listed(symbol))
        self._changed(symbol)

    def resume(self, symbol: Symbol) -> None:
        """Let `symbol` trade again."""
        self._venue.exchange.resume(self._listed(symbol))
        self._changed(symbol)

    def interrupt(self, symbol: Symbol) -> None:
        """Begin a volatility interruption of `symbol`."""
        if not self._venue.exchange.trigger_vi(self._listed(symbol), self._venue.now()):
            raise CommandError(f"vi {symbol}: it does not trade continuously now")
        self._venue.publish(())

    def shift(self, symbol: Symbol, percent: float) -> None:
        """Move all further trades of the day by `percent`."""
        self._venue.exchange.shift(self._listed(symbol), percent)
        self._venue.publish(())

    def designate(self, symbol: Symbol, designation: str) -> None:
        """Declare `symbol` to be something."""
        try:
            found = Designation(designation)
        except ValueError:
            raise CommandError(f"designation {designation!r}: expected one of {', '.join(Designation)}") from None
        self._venue.exchange.designate(self._listed(symbol), found)
        self._changed(symbol)

    def reject_next(self, kind: str, symbol: str) -> None:
        """Have the exchange reject the next request; an empty text is any kind, any symbol."""
        try:
            found = RequestKind(kind) if kind else None
        except ValueError:
            raise CommandError(f"kind {kind!r}: expected one of {', '.join(RequestKind)}") from None
        self._venue.exchange.reject_next(found, self._listed(Symbol(symbol)) if symbol else None)

    def transfer(self, amount: Won) -> Won:
        """Pay money in, or out where `amount` is negative; return the cash of today."""
        cash = self._venue.exchange.transfer(amount, self._venue.now())
        if isinstance(cash, Refusal):
            raise CommandError(f"amount {amount}: {cash.value}")
        self._venue.publish(())
        return cash

    def trade(self, side: Side, symbol: Symbol, division: str, quantity: int, price: Won) -> Request:
        """Order as a person at the trading screen of the same account does."""
        placed = self._venue.exchange.submit(
            side=side,
            symbol=symbol,
            division=division,
            quantity=quantity,
            price=price,
            at=self._venue.now(),
            channel=Channel.SCREEN,
        )
        if isinstance(placed, Refusal):
            raise CommandError(f"order {side.value} {quantity} {symbol}: {placed.value}")
        self._venue.publish(placed.events)
        return placed.request

    def _listed(self, symbol: Symbol) -> Symbol:
        if symbol not in self._venue.exchange.boards:
            raise CommandError(f"symbol {symbol!r}: expected a listed one")
        return symbol

    def _changed(self, symbol: Symbol) -> None:
        self._venue.publish(())
        self._herald.tell(symbol)
