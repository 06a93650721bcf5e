"""The faults of a seed: which, when, and how they end.

A strike waits for a second of the day, or for the n-th order to leave the house, and then does its work; most of what
can go wrong goes wrong around an order. Everything is over at 15:00 (`Watch`: the calm hour).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any

from kis_daemon.domain.market import Side
from kis_daemon.domain.safeguards import KillSwitchScope
from kis_daemon.simulator.faults import Fault, FaultPlan
from kis_daemon.simulator.faults_kinds import KINDS, Area, FaultKind
from tests.simulation.market import OPENS, SYMBOLS
from tests.simulation.store import tear

if TYPE_CHECKING:
    from tests.simulation.town import Town
    from tests.simulation.watch import Watch

_OPEN_S = 40 * 60.0  # the market opens so long after the simulated date begins
_CALM_S = (6 * 60 + 40) * 60.0
_BROKER_SPAN_S = 5 * 3600.0
# the venue's own token and call limits are not to be met by chance: what meets them is a mistake of ours
_BROKER_KINDS = tuple(
    kind
    for kind in FaultKind
    if kind not in (FaultKind.EGW00133, FaultKind.WRONG_EXPIRES_IN, FaultKind.LIMIT_LOCK, FaultKind.REFUSED)
)
_ABOUT_FILLS = (  # these come more often: what is told twice, late or of old is what books are wrong by
    FaultKind.NOTICE_DUPLICATE,
    FaultKind.NOTICE_LATE,
    FaultKind.NOTICE_REORDERED,
    FaultKind.LAGGING_CCLD,
    FaultKind.LAGGING_BALANCE,
    FaultKind.DUPLICATE_ROWS,
)
_PATHS = (
    "/trading/order-cash",
    "/trading/order-cash",
    "/trading/order-*",
    "/trading/order-rvsecncl",
    "/trading/inquire-daily-ccld",
    "/trading/inquire-balance",
    "",
)
_DEATHS = {
    "kill": 1,
    "kill_twice": 2,
    "power_cut": 1,
    "stop": 1,
    "cut_before_commit": 1,
    "cut_after_commit": 1,
    "torn_log": 1,
    "store_away_and_killed": 1,
}
_MOST_DEATHS = 2
_AWAY = ("database is locked", "disk I/O error", "database or disk is full", "connection refused")


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When a strike comes: `order` counts orders that left the house, 0 means the clock alone decides."""

    order: int = 0
    after_s: float = 0.0


class Weather:
    """Draws and carries out the faults of one seed."""

    def __init__(self, town: Town, seed: int) -> None:
        self.town = town
        self.watch: Watch | None = None
        self.struck: list[str] = []
        self.chance = Random(f"weather|{seed}")
        self.plan = self._draw()
        self.broker_faults = self._draw_broker_faults()
        self._theirs: tuple[str, ...] = ()
        self._orders_left = 0
        self._order_left = asyncio.Event()
        self._over: list[asyncio.Task[None]] = []

    def _draw(self) -> list[tuple[str, Moment]]:
        names = list(STRIKES)
        wanted = self.chance.randint(3, 5)
        plan: list[tuple[str, Moment]] = []
        deaths = 0
        while len(plan) < wanted:
            name = self.chance.choice(names)
            if deaths + _DEATHS.get(name, 0) > _MOST_DEATHS:
                continue  # each start costs thousands of steps
            deaths += _DEATHS.get(name, 0)
            if self.chance.random() < 0.6:
                after_s = self.chance.choice((0.0, 0.01, 0.03, 0.2, 2.0))
                moment = Moment(order=self.chance.randint(1, 8), after_s=after_s)
            else:
                moment = Moment(after_s=_OPEN_S + self.chance.random() ** 3 * (_CALM_S - _OPEN_S - 60.0))
            plan.append((name, moment))
        return plan

    def _draw_broker_faults(self) -> FaultPlan:
        """Some of the broker's own faults, most of them for the next order, listing, balance or notice."""
        faults = []
        for _ in range(self.chance.randint(1, 4)):
            kind = self.chance.choice(self.chance.choice((_BROKER_KINDS, _BROKER_KINDS, _ABOUT_FILLS)))
            rules = KINDS[kind]
            seconds = _OPEN_S + self.chance.choice((-60.0, 0.0, 0.0, self.chance.random() ** 2 * _BROKER_SPAN_S))
            faults.append(
                Fault(
                    kind=kind,
                    at=OPENS + timedelta(seconds=seconds),
                    times=self.chance.choice((1, 1, 1, 2, 5)),
                    path=self.chance.choice(_PATHS) if rules.area is Area.REQUEST and not rules.path else "",
                    symbol=self.chance.choice(SYMBOLS) if rules.needs_symbol else "",
                    accepted=rules.may_be_accepted and self.chance.random() < 0.5,
                    within_s=3600.0,
                )
            )
        return FaultPlan(faults=tuple(faults))

    def of_the_simulator(self) -> dict[str, Any]:
        """Return what the simulator is made with: the faults of the broker's side."""
        return {"faults": self.broker_faults}

    def all_struck(self) -> tuple[str, ...]:
        """Return the names of all that happened: here, and at the broker."""
        return (*self.struck, *self._theirs)

    # --- when -----------------------------------------------------------------------------------------------

    def order_left(self) -> None:
        """Called when a permit was given: the order's bytes leave in this instant."""
        self._orders_left += 1
        self._order_left.set()

    async def blow(self) -> None:
        """Carry out the plan; returns when every strike has been, or its moment will not come any more."""
        async with asyncio.TaskGroup() as group:
            for name, moment in self.plan:
                group.create_task(self._strike(name, moment), name=f"strike-{name}")

    async def _strike(self, name: str, moment: Moment) -> None:
        if moment.order and not await self._orders_reach(moment.order):
            return
        if moment.order:
            await asyncio.sleep(moment.after_s)
        else:
            await self.town.until_offset(moment.after_s)
        if self.now_s() < _CALM_S - 60.0:
            self.struck.append(name)
            await STRIKES[name](self)

    async def _orders_reach(self, count: int) -> bool:
        while self._orders_left < count:
            self._order_left.clear()
            try:
                async with asyncio.timeout(_CALM_S - 60.0 - self.now_s()):
                    await self._order_left.wait()
            except TimeoutError:
                return False
        return True

    def now_s(self) -> float:
        return self.town.seconds()

    def seconds(self, low: float, high: float) -> float:
        """Return a duration that ends before the calm hour."""
        return min(self.chance.uniform(low, high), max(_CALM_S - 30.0 - self.now_s(), 0.0))

    async def calm(self) -> None:
        """End whatever still blows."""
        town = self.town
        town.loop.net.heal()
        town.loop.net.set_clock("daemon", offset=0.0)
        town.loop.net.set_defaults(latency=(0.001, 0.02))
        town.bot_answers = True
        if town.simulator is not None:
            self._theirs = tuple(dict.fromkeys(fired.kind for fired in town.simulator.fault_desk.fired))
            town.simulator.fault_desk.clear()
        if town.life is not None:
            town.life.weather.away = ""
            town.life.weather.slow_s = 0.0
            town.life.weather.full = town.life.weather.tears_line = False
            town.life.weather.cut_before = town.life.weather.cut_after = town.life.weather.lose_answer = None
        if town.is_dead:
            await town.revive()

    # --- what -----------------------------------------------------------------------------------------------

    async def kill(self) -> None:
        await self.town.kill()
        await self._start_again()

    async def power_cut(self) -> None:
        await self.town.kill(power_cut=True)
        await self._start_again()

    async def kill_twice(self) -> None:
        await self.kill()
        await asyncio.sleep(self.chance.choice((0.001, 0.05, 0.5, 3.0)))
        await self.kill()

    async def stop(self) -> None:
        life = self.town.life
        if life is not None and not self.town.is_dead:
            life.stop.set()
            await self.town.buried()
            await self._start_again()

    async def cut_before_commit(self) -> None:
        await self._cut("cut_before")

    async def cut_after_commit(self) -> None:
        await self._cut("cut_after")

    async def _cut(self, where: str) -> None:
        life = self.town.life
        if life is None or self.town.is_dead:
            return
        setattr(life.weather, where, life.weather.transactions + self.chance.randint(1, 4))
        await asyncio.sleep(self.seconds(60.0, 600.0))
        if life.weather.dead:
            await self._start_again()
        setattr(life.weather, where, None)

    async def torn_log(self) -> None:
        await self.town.kill(power_cut=True)
        tear(self.town.database, self.chance.randint(1, 5000))
        await self._start_again()

    async def _start_again(self) -> None:
        await asyncio.sleep(self.seconds(1.0, 90.0))
        if self.town.is_dead:
            await self.town.revive()

    async def store_away(self) -> None:
        life = self.town.life
        if life is not None:
            life.weather.away = self.chance.choice(_AWAY)
            await asyncio.sleep(self.seconds(0.5, 120.0))
            life.weather.away = ""

    async def store_away_and_killed(self) -> None:
        """The database goes, and the power in the middle of what stood in for it."""
        life = self.town.life
        if life is None:
            return
        life.weather.away = self.chance.choice(_AWAY)
        life.weather.tears_line = self.chance.random() < 0.5
        await asyncio.sleep(self.seconds(1.0, 300.0))
        await self.town.kill()
        life.weather.away = ""
        await self._start_again()

    async def disk_full(self) -> None:
        """Neither database nor spare file takes anything."""
        life = self.town.life
        if life is not None:
            life.weather.away, life.weather.full = "database or disk is full", True
            await asyncio.sleep(self.seconds(0.5, 60.0))
            life.weather.away, life.weather.full = "", False

    async def store_loses_answer(self) -> None:
        life = self.town.life
        if life is not None:
            life.weather.lose_answer = life.weather.transactions + self.chance.randint(1, 3)

    async def store_slow(self) -> None:
        life = self.town.life
        if life is not None:
            life.weather.slow_s = self.chance.uniform(0.05, 5.0)
            await asyncio.sleep(self.seconds(5.0, 60.0))
            life.weather.slow_s = 0.0

    async def cut_off(self) -> None:
        """KIS cannot be reached, nor anything it sends."""
        self.town.loop.net.partition(["daemon"], ["kis"])
        await asyncio.sleep(self.seconds(0.5, 200.0))
        self.town.loop.net.heal()

    async def slow_wire(self) -> None:
        self.town.loop.net.set_link("daemon", "kis", latency=(0.5, self.chance.choice((2.0, 20.0))))
        await asyncio.sleep(self.seconds(5.0, 60.0))
        self.town.loop.net.set_link("daemon", "kis", latency=(0.001, 0.02))

    async def slow_answers(self) -> None:
        self.town.loop.net.set_link("kis", "daemon", latency=(0.5, self.chance.choice((2.0, 20.0))))
        await asyncio.sleep(self.seconds(5.0, 60.0))
        self.town.loop.net.set_link("kis", "daemon", latency=(0.001, 0.02))

    async def account_not_told(self) -> None:
        """Every question about the account fails for minutes; everything else is answered."""
        self._refuse("/trading/inquire-balance")

    async def orders_not_told(self) -> None:
        self._refuse("/trading/inquire-daily-ccld")

    def _refuse(self, path: str) -> None:
        if self.town.simulator is not None:
            kind, for_s = FaultKind.HTTP_500_JSON, self.seconds(60.0, 400.0)
            self.town.simulator.fault_desk.add(
                FaultPlan(faults=(Fault(kind=kind, path=path, times=0, within_s=for_s),))
            )

    async def clock_ahead(self) -> None:
        self.town.loop.net.set_clock("daemon", offset=self.chance.uniform(0.5, 90.0))
        await asyncio.sleep(self.seconds(30.0, 900.0))
        self.town.loop.net.set_clock("daemon", offset=0.0)

    async def clock_behind(self) -> None:
        self.town.loop.net.set_clock("daemon", offset=-self.chance.uniform(0.5, 90.0))
        await asyncio.sleep(self.seconds(30.0, 900.0))
        self.town.loop.net.set_clock("daemon", offset=0.0)

    async def telegram_fails(self) -> None:
        self.town.bot_answers = False
        await asyncio.sleep(self.seconds(30.0, 900.0))
        self.town.bot_answers = True

    async def telegram_unreachable(self) -> None:
        self.town.loop.net.partition(["daemon"], ["telegram"])
        await asyncio.sleep(self.seconds(30.0, 300.0))
        self.town.loop.net.heal()

    async def halted_by_hand(self) -> None:
        self.town.switch(KillSwitchScope.ALL)
        await asyncio.sleep(self.seconds(30.0, 600.0))
        self.town.release()

    async def entries_closed_by_hand(self) -> None:
        self.town.switch(KillSwitchScope.ENTRIES)

    async def somebody_else_buys(self) -> None:
        """The owner buys by hand in the same account, often just what the daemon buys."""
        self._foreign(Side.BUY)

    def _foreign(self, side: Side) -> None:
        watch, simulator = self.watch, self.town.simulator
        if watch is None or simulator is None:
            return
        exchange = simulator.exchange
        symbol = self.chance.choice(SYMBOLS)
        ours = (
            [r for r in exchange.orders.days[exchange.day.date].values() if r.symbol == symbol] if exchange.day else []
        )
        twin = ours[-1] if ours and self.chance.random() < 0.5 else None
        watch.placing_foreign = True
        exchange.submit(
            side=side,
            symbol=symbol if twin is None else twin.symbol,
            division="01" if twin is None else twin.division,
            quantity=self.chance.randint(1, 20) if twin is None else twin.quantity,
            price=0 if twin is None else twin.price,
            at=self.town.clock.now(),
        )
        watch.placing_foreign = False


STRIKES: Mapping[str, Callable[[Weather], Awaitable[None]]] = {
    strike.__name__: strike
    for strike in (
        Weather.kill,
        Weather.kill_twice,
        Weather.power_cut,
        Weather.stop,
        Weather.cut_before_commit,
        Weather.cut_after_commit,
        Weather.torn_log,
        Weather.store_away,
        Weather.store_away_and_killed,
        Weather.disk_full,
        Weather.store_loses_answer,
        Weather.store_slow,
        Weather.cut_off,
        Weather.slow_wire,
        Weather.slow_answers,
        Weather.account_not_told,
        Weather.orders_not_told,
        Weather.clock_ahead,
        Weather.clock_behind,
        Weather.telegram_fails,
        Weather.telegram_unreachable,
        Weather.halted_by_hand,
        Weather.entries_closed_by_hand,
        Weather.somebody_else_buys,
    )
}

KINDS_OF_STRIKES = len(STRIKES) + len(_BROKER_KINDS)
