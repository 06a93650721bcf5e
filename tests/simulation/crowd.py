"""Others who trade: an order that rests is met a little later, so that a thin one is filled in parts."""

from __future__ import annotations

import asyncio

from kis_daemon.domain.calendar import SessionPhase
from kis_daemon.ports import Clock
from kis_daemon.services.hours import trading_phase
from kis_daemon.simulator.requests import Request
from kis_daemon.simulator.server import Simulator

_PAUSES_S = (3.0, 9.0, 11.0)


class Crowd:
    """Brings trades at the last price to the symbols of orders that rest."""

    def __init__(self, simulator: Simulator, clock: Clock) -> None:
        self._simulator = simulator
        self._clock = clock
        self._trading = set[asyncio.Task[None]]()

    def come(self, request: Request) -> None:
        task = asyncio.get_running_loop().create_task(self._trade(request), name="crowd")
        self._trading.add(task)
        task.add_done_callback(self._trading.discard)

    async def _trade(self, request: Request) -> None:
        exchange = self._simulator.exchange
        board = exchange.boards[request.symbol]
        for pause in _PAUSES_S:
            await asyncio.sleep(pause)
            now = self._clock.now()
            if not request.is_open or trading_phase(exchange.calendar, now) is not SessionPhase.REGULAR:
                return
            tick, known = board.tape[-1][1], board.trades
            events = exchange.on_tick(request.symbol, tick, now)
            if board.trades != known:
                self._simulator._stream.on_trade(board, tick)
            if events:
                self._simulator._publish(events)
