"""Faults of the market: they happen at their moment, by the exchange's own commands, and end by themselves.

Rules of this room
    `value` and the symbol mean what `KINDS` says. What a fault of a while has changed, its end puts back.
    A command that the market cannot follow at that moment is missed, and the list says why.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from kis_daemon.domain.market import Symbol
from kis_daemon.simulator.commands import CommandError, Commands
from kis_daemon.simulator.faults import Fault, Scene
from kis_daemon.simulator.faults_desk import FaultDesk, Planned
from kis_daemon.simulator.faults_kinds import FaultKind as K
from kis_daemon.simulator.venue import Venue

# far enough that every price of a day lands on its limit
_TO_UPPER_PCT, _TO_LOWER_PCT = 100.0, -60.0


class MarketFaults:
    """Carries out the planned faults of the market."""

    def __init__(self, desk: FaultDesk, venue: Venue, commands: Commands) -> None:
        self._desk = desk
        self._venue = venue
        self._commands = commands

    def happen(self, planned: Planned) -> None:
        """Do what the fault says, now."""
        fault = planned.fault
        try:
            ending = self._begin(fault)
        except CommandError as refused:
            self._desk.miss(planned, str(refused))
            return
        self._desk.fire(planned, Scene(what="the market", symbol=fault.symbol, side=fault.side))
        if ending is not None and fault.lasts_s:
            self._desk.later(fault.lasts_s, ending)

    def _begin(self, fault: Fault) -> Callable[[], None] | None:
        """Do what the fault says and return what ends it."""
        symbol = Symbol(fault.symbol)
        match fault.kind:
            case K.HALT:
                self._commands.halt(symbol)
                return lambda: self._commands.resume(symbol)
            case K.VI:
                self._commands.interrupt(symbol)
            case K.PRICE_GAP:
                self._commands.shift(symbol, fault.number)
            case K.LIMIT_LOCK:
                self._commands.shift(symbol, _TO_LOWER_PCT if fault.side == "SELL" else _TO_UPPER_PCT)
                return lambda: self._commands.shift(symbol, 0)
            case K.EXCHANGE_REJECT:
                self._commands.reject_next("", fault.symbol)
            case K.PARTIAL_FILLS:
                return self._share(fault)
            case K.NO_FILLS:
                exchange = self._venue.exchange
                before = exchange.market.limits_never_fill
                exchange.market = replace(exchange.market, limits_never_fill=True)
                return lambda: self._never_fills(before)
            case _:
                raise CommandError(f"{fault.kind.value}: not a fault of the market")
        return None

    def _never_fills(self, never: bool) -> None:
        self._venue.exchange.market = replace(self._venue.exchange.market, limits_never_fill=never)

    def _share(self, fault: Fault) -> Callable[[], None]:
        """Let the account have one share in `value` of the day's volume."""
        exchange = self._venue.exchange
        before = exchange.market.volume_share

        def give(share: int) -> None:
            exchange.market = replace(exchange.market, volume_share=share)
            for board in exchange.boards.values():
                if fault.symbol in ("", board.symbol):
                    board.share = share

        give(max(fault.number, 1))
        return lambda: give(before)
