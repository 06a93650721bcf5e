"""The simulator's own pages beside clock, account and orders: planned faults, and commands to the market.

    POST /__sim/clock                     {"to": "HH:MM"}: jump there, playing everything in between; of this day only
    GET, DELETE, POST /__sim/faults       the plan and what happened; forget all of it; plan more, as in a faults file
    POST /__sim/halt, /resume, /vi        {"symbol"}
    POST /__sim/shift                     {"symbol", "percent"}: a gap in the rest of the day
    POST /__sim/designate                 {"symbol", "designation"}
    POST /__sim/reject                    {"kind", "symbol"}: the exchange rejects the next request
    POST /__sim/deposit, /withdraw        {"amount"}
    POST /__sim/trade                     {"side", "symbol", "quantity", "price", "division"}: at the trading screen

What cannot be done is HTTP 400 with {"error"}.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import datetime, time
from typing import Any

from aiohttp import web

from kis_daemon.domain.market import Side, Symbol
from kis_daemon.simulator.commands import CommandError, Commands
from kis_daemon.simulator.faults_desk import FaultDesk
from kis_daemon.simulator.faults_file import FaultError, plan_of
from kis_daemon.simulator.venue import Venue


class AdminPages:
    """Answers what whoever runs the simulator asks of it."""

    def __init__(self, venue: Venue, desk: FaultDesk, commands: Commands) -> None:
        self._venue = venue
        self._desk = desk
        self._commands = commands

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Put the pages under `/__sim`."""
        router.add_post("/__sim/clock", self._jump)
        router.add_get("/__sim/faults", self._list_faults)
        router.add_post("/__sim/faults", self._page(self._plan))
        router.add_delete("/__sim/faults", self._clear_faults)
        for name, act in (
            ("halt", self._halt),
            ("resume", self._resume),
            ("vi", self._interrupt),
            ("shift", self._shift),
            ("designate", self._designate),
            ("reject", self._reject),
            ("deposit", self._deposit),
            ("withdraw", self._withdraw),
            ("trade", self._trade),
        ):
            router.add_post(f"/__sim/{name}", self._page(act))

    def _page(self, act: Callable[[Any], dict[str, Any]]) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def page(request: web.Request) -> web.Response:
            try:
                asked = json.loads(await request.read() or b"{}")
                return _json({"now": self._venue.now().isoformat(), **act(asked)})
            except ValueError as wrong:  # FaultError and CommandError are of it, and so is text that is no JSON
                return _json({"error": str(wrong)}, 400)

        return page

    # --- time -----------------------------------------------------------------------------------------------

    async def _jump(self, request: web.Request) -> web.Response:
        now, pace, loop = self._venue.now(), self._venue.pace, asyncio.get_running_loop()
        try:
            to = _text(json.loads(await request.read() or b"{}"), "to")
            when = datetime.combine(now.date(), time.fromisoformat(to), now.tzinfo)
            if pace is None:
                raise CommandError("clock: the time of this simulator cannot jump")
            if when <= now:
                raise CommandError(f"to {to!r}: expected a moment after {now:%H:%M:%S}")
        except ValueError as wrong:
            return _json({"error": str(wrong)}, 400)
        pace.jump_to(loop.time() + (when - now).total_seconds())
        await self._venue.clock.sleep_until(when)
        return _json({"now": self._venue.now().isoformat()})

    # --- faults ---------------------------------------------------------------------------------------------

    async def _list_faults(self, _request: web.Request) -> web.Response:
        return _json(self._desk.shown())

    async def _clear_faults(self, _request: web.Request) -> web.Response:
        self._desk.clear()
        return _json({})

    def _plan(self, asked: Any) -> dict[str, Any]:
        plan = plan_of(asked, self._venue.now().date())
        for fault in plan.faults:
            if fault.symbol and fault.symbol not in self._venue.exchange.boards:
                raise FaultError(f"symbol {fault.symbol!r}: expected a listed one")
        return {"numbers": self._desk.add(plan)}

    # --- the market -----------------------------------------------------------------------------------------

    def _halt(self, asked: Any) -> dict[str, Any]:
        self._commands.halt(Symbol(_text(asked, "symbol")))
        return {}

    def _resume(self, asked: Any) -> dict[str, Any]:
        self._commands.resume(Symbol(_text(asked, "symbol")))
        return {}

    def _interrupt(self, asked: Any) -> dict[str, Any]:
        self._commands.interrupt(Symbol(_text(asked, "symbol")))
        return {}

    def _shift(self, asked: Any) -> dict[str, Any]:
        self._commands.shift(Symbol(_text(asked, "symbol")), _number(asked, "percent"))
        return {}

    def _designate(self, asked: Any) -> dict[str, Any]:
        self._commands.designate(Symbol(_text(asked, "symbol")), _text(asked, "designation"))
        return {}

    def _reject(self, asked: Any) -> dict[str, Any]:
        self._commands.reject_next(_text(asked, "kind", ""), _text(asked, "symbol", ""))
        return {}

    def _deposit(self, asked: Any) -> dict[str, Any]:
        return {"cash": self._commands.transfer(_positive(asked, "amount"))}

    def _withdraw(self, asked: Any) -> dict[str, Any]:
        return {"cash": self._commands.transfer(-_positive(asked, "amount"))}

    def _trade(self, asked: Any) -> dict[str, Any]:
        side = _text(asked, "side")
        if side not in tuple(Side):
            raise CommandError(f"side {side!r}: expected BUY or SELL")
        price = int(_number(asked, "price", 0.0))
        division = _text(asked, "division", "00" if price else "01")
        request = self._commands.trade(
            Side(side), Symbol(_text(asked, "symbol")), division, _positive(asked, "quantity"), price
        )
        return {"number": f"{request.number:010d}"}


def _text(asked: Any, name: str, default: str | None = None) -> str:
    value = asked.get(name, default) if isinstance(asked, dict) else None
    if not isinstance(value, str):
        raise CommandError(f"{name} {value!r}: expected a text")
    return value


def _number(asked: Any, name: str, default: float | None = None) -> float:
    value = asked.get(name, default) if isinstance(asked, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise CommandError(f"{name} {value!r}: expected a number")
    return value


def _positive(asked: Any, name: str) -> int:
    value = _number(asked, name)
    if value != int(value) or value <= 0:
        raise CommandError(f"{name} {value!r}: expected a whole number above 0")
    return int(value)


def _json(body: dict[str, Any], status: int = 200) -> web.Response:
    return web.Response(
        text=json.dumps(body, ensure_ascii=False), status=status, content_type="application/json", charset="utf-8"
    )
