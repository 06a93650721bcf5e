"""The broker under examination: a simulator with a market of its own, served in virtual time.

Rules of this room
    Only this module and `mutants` know how the simulator is made. A check sees two sockets and a card with keys.
    The market stands still over days: every symbol closes where it opened, so that a check can do sums in its head.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import yaml

from kis_daemon.clock import LoopClock
from kis_daemon.domain.calendar import KST, TradingCalendar
from kis_daemon.domain.market import Bar, Market, Symbol, Won
from kis_daemon.simulator.market_rules import ActionKind, CorporateAction, MarketRules
from kis_daemon.simulator.prices import ListedSymbol, Series
from kis_daemon.simulator.profile import SimulatorSettings
from kis_daemon.simulator.server import Simulator
from kis_daemon.virtual_loop import VirtualLoop
from tests.conformance.answers import Card
from tests.conformance.client import Client
from tests.conftest import ROOT

DAY = date(2026, 10, 13)  # a Tuesday, a month after the reform; Friday the 9th and Monday the 5th were holidays
NEVER_S = 1e9
DAYS_BEFORE = 260
DAYS_AFTER = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """A symbol of the market: what it opens and closes at, and how far it goes in between."""

    symbol: str
    name: str
    price: Won
    swing: Won
    market: Market = Market.KOSPI
    volume: int = 3_000_000


ISSUES = (
    Issue(symbol="005930", name="삼성전자", price=70_000, swing=1_000),
    Issue(symbol="035720", name="카카오", price=50_000, swing=500),
    Issue(symbol="091990", name="셀트리온헬스케어", price=15_000, swing=100, market=Market.KOSDAQ),
    Issue(symbol="069500", name="KODEX 200", price=35_000, swing=200, market=Market.ETF),
    Issue(symbol="900010", name="동전주", price=900, swing=10),
    Issue(symbol="0000X0", name="글자코드", price=10_000, swing=100),
    Issue(symbol="123450", name="널뛰기", price=10_000, swing=2_500),
    Issue(symbol="222220", name="쉬는주식", price=10_000, swing=0, volume=0),
    Issue(symbol="333330", name="상한가", price=13_000, swing=0),
    Issue(symbol="700000", name="종목0", price=5_000, swing=100),
)
CROWD = tuple(Issue(symbol=f"7{number:04d}0", name=f"종목{number}", price=5_000, swing=100) for number in range(1, 60))
LOCKED_UP, LOCKED_BASE = "333330", 10_000  # opens at its upper limit on DAY and stays there


@cache
def the_calendar() -> TradingCalendar:
    return TradingCalendar.from_mapping(yaml.safe_load((ROOT / "config" / "krx_calendar.yaml").read_text("utf-8")))


class Book:
    """The prices of the market around `day`."""

    def __init__(self, day: date, issues: tuple[Issue, ...]) -> None:
        self._issues = issues
        calendar = the_calendar()
        wide = timedelta(days=DAYS_BEFORE * 3 // 2)
        days = [
            each.date
            for each in calendar.trading_days(max(day - wide, calendar.first), day + timedelta(days=DAYS_AFTER))
        ]
        self.first_day, self.last_day = days[0], days[-1]
        self._series: dict[Symbol, Series] = {}
        for issue in issues:
            series = self._series[Symbol(issue.symbol)] = Series(issue.market)
            for each in days:
                series.append(_bar(issue, each, day), on_tick=True)

    def listings(self) -> tuple[ListedSymbol, ...]:
        return tuple(ListedSymbol(symbol=Symbol(i.symbol), name=i.name, market=i.market) for i in self._issues)

    def bar(self, symbol: Symbol, day: date) -> Bar | None:
        return self._series[symbol].bar(day)

    def bars(self, symbol: Symbol, first: date, last: date) -> tuple[Bar, ...]:
        return self._series[symbol].between(first, last)

    def base_price(self, symbol: Symbol, day: date) -> Won:
        return self._series[symbol].base(day)


def _bar(issue: Issue, each: date, day: date) -> Bar:
    price = LOCKED_BASE if issue.symbol == LOCKED_UP and each < day else issue.price
    if issue.volume == 0 and each >= day:
        return Bar(date=each, open=0, high=0, low=0, close=price, volume=0)
    swing = issue.swing
    return Bar(
        date=each, open=price, high=price + swing, low=price - swing, close=price, volume=issue.volume or 1_000_000
    )


@cache
def the_book(day: date, *, crowd: bool) -> Book:
    return Book(day, ISSUES + CROWD if crowd else ISSUES)


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """How the broker is set up for one check; `market` and `settings` are its switches, off where nothing is said."""

    profile: str = "paper"
    day: date = DAY
    at: str = "10:00"
    split: bool = False  # 035720 splits in five on DAY
    crowd: bool = False  # sixty symbols at 5,000 instead of one
    market: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    signed_in: bool = True

    def rules(self) -> MarketRules:
        split = CorporateAction(symbol=Symbol("035720"), day=DAY, kind=ActionKind.SPLIT, ratio_num=5)
        return MarketRules(actions=(split,) if self.split else (), **self.market)


@asynccontextmanager
async def opened(house: House) -> AsyncIterator[Client]:
    """Open the broker and give a client its card."""
    begins = datetime.combine(house.day, time.fromisoformat(house.at), KST)
    clock = LoopClock(asyncio.get_running_loop(), begins)
    quick = SimulatorSettings(
        profile="real" if house.profile == "real" else "paper",
        latency_s=0,
        notice_delay_s=0,
        rate_limit_per_s=0,
        ping_interval_s=NEVER_S,
        cash=10_000_000,
        market=house.rules(),
    )
    settings = replace(quick, **house.settings)
    card = Card(
        app_key=settings.app_key, app_secret=settings.app_secret, account=settings.account, hts_id=settings.hts_id
    )
    with tempfile.TemporaryDirectory(prefix="kis") as folder:
        sockets = Path(folder) / "rest", Path(folder) / "stream"
        async with Simulator(
            settings, the_book(house.day, crowd=house.crowd), the_calendar(), clock, Random(1)
        ) as simulator:
            await simulator.serve_unix(*sockets)
            async with Client(card, house.profile, sockets[0], sockets[1], clock.now) as client:
                if house.signed_in:
                    await client.sign_in()
                yield client


def examined(house: House, check: Callable[[Client], Awaitable[None]]) -> None:
    """Have one check look at a broker of its own; raises whatever it finds."""

    async def look() -> None:
        async with opened(house) as client:
            await check(client)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(look())
