"""A daemon under measurement: the whole house as the daemon composes it, around one database, at ten in the morning.

Rules of this room
    Everything that lives beside an order lives here too: journal, kill switch poll, reconciler, spare records, mirror,
    recorded inputs, log file. Left out is what asks the market: prices are published by the bench.
    The account is what the bench says it is; each exit sells one position of its own.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from random import Random
from typing import TypeVar

import aiohttp

from bench.order_server import BRANCH
from bench.processes import ROOT, BenchError
from kis_daemon.app.audit_places import audit_places
from kis_daemon.app.compose import compose
from kis_daemon.app.entropy import SystemEntropy
from kis_daemon.app.files import load_calendar
from kis_daemon.app.house import House
from kis_daemon.app.options import RunOptions
from kis_daemon.app.settings import Settings
from kis_daemon.app.universe_outfit import NoDirectory, UniverseOutfit, selector_of
from kis_daemon.clock import LoopClock
from kis_daemon.console.alerts import AlertDesk, AlertRules
from kis_daemon.console.catalogue import Language
from kis_daemon.domain.calendar import KST
from kis_daemon.domain.costs import order_costs
from kis_daemon.domain.market import Market, Quote, QuoteSession, QuoteSource, Side, Symbol, Won
from kis_daemon.domain.orders import OrderState
from kis_daemon.domain.positions import Position
from kis_daemon.kis.budget import CallLimit
from kis_daemon.kis.capabilities import KisProfile, Purpose, path_of
from kis_daemon.kis.credentials import Credentials
from kis_daemon.kis.opening import KisLimits, open_kis
from kis_daemon.kis.transport import Endpoint, KisEndpoints
from kis_daemon.ports import ExecutionNotice, NoticeKind
from kis_daemon.services import kill_switch
from kis_daemon.store.database import Database
from kis_daemon.store.rows import SqlRows
from kis_daemon.store.schema import SCHEMA_VERSION
from kis_daemon.store.spare import SpareRecords

T = TypeVar("T")

_DAY = date(2026, 3, 3)
_MORNING = datetime(2026, 3, 3, 10, 0, tzinfo=KST)
_CREDENTIALS = Credentials(app_key="a" * 36, app_secret="s" * 180, account="5012345601")
_SHARES, _STOP, _PRICE = 10, 68_000, 67_900
_WITHIN_S = 10.0
_NAP_S = 0.002  # between two looks at whether something has come about; nothing that is measured waits by it


@dataclass(slots=True)
class Counted:
    """A database, and when each of its transactions ended."""

    database: Database
    ends: list[float] = field(default_factory=list)

    async def transact(self, work: Callable[[SqlRows], T]) -> T:
        try:
            return await self.database.transact(work)
        finally:
            self.ends.append(time.perf_counter())


class MeasuredHouse:
    """A house whose exits are measured one by one."""

    def __init__(self, house: House, records: Counted, far: aiohttp.ClientSession, url: str) -> None:
        self._house = house
        self._far = far
        self._url = url
        self._cash: Won = 100_000_000
        self._exits = 0
        self.records = records
        self.committed_at = 0.0
        self._committed = asyncio.Event()
        house.journal.listen(self._note_commit)

    def _note_commit(self) -> None:
        self.committed_at = time.perf_counter()
        self._committed.set()

    async def tell_account(self) -> None:
        """Have the broker say what we hold."""
        held = self._house.book.positions.values()
        rows = [
            {
                "pdno": position.symbol,
                "prdt_name": position.name,
                "hldg_qty": str(position.quantity),
                "ord_psbl_qty": str(position.quantity),
                "pchs_amt": str(position.cost),
                "prpr": str(_PRICE),
                "trad_dvsn_name": "",
                "loan_dt": "",
            }
            for position in held
        ]
        worth = sum(position.quantity for position in held) * _PRICE
        sums = {"prvs_rcdl_excc_amt": str(self._cash), "scts_evlu_amt": str(worth)}
        await self._put(Purpose.BALANCE, {"output1": rows, "output2": [sums]})

    async def buy(self) -> Position:
        """Hold one more position, as if it had been bought this morning, in records, book and account."""
        self._exits += 1
        position = Position(
            symbol=Symbol(f"{self._exits % 20 + 5930:06}"),
            name="삼성전자",
            market=Market.KOSPI,
            quantity=_SHARES,
            cost=700_000,
            fees=98,
            atr=1_000.0,
            stop=_STOP,
            target=73_000,
            highest=70_000,
            trailing_armed=False,
            entry_day=_DAY,
            entry_seq=self._exits,
            opened_at=_MORNING,
            correlation_id=f"20260303|bench|{self._exits}",
        )
        await self.records.database.transact(lambda rows: rows.save_position(position))
        self._house.book.positions[position.symbol] = position
        self._house.book.rename(position.symbol, position.name)
        return position

    def publish(self, position: Position) -> float:
        """Show a price below the stop; return when it came."""
        quote = Quote(
            symbol=position.symbol,
            price=_PRICE,
            at=self._house.clock.now(),
            ask=_PRICE,
            bid=_PRICE - 100,
            open=69_500,
            high=70_000,
            low=_PRICE,
            day_volume=1_000_000 + self._exits,
            session=QuoteSession.REGULAR,
            halted=False,
            in_vi=False,
            source=QuoteSource.STREAM,
        )
        began = time.perf_counter()
        self._house.board.publish(quote)
        return began

    async def submitted(self, position: Position) -> None:
        """Return when the broker's answer is written down and the listing behind it was read."""
        await self._until(lambda: self._state(position) is OrderState.SUBMITTED, f"exit of {position.symbol} submitted")
        await self._reconciled()

    async def filled(self, position: Position) -> tuple[float, float]:
        """Have the exit filled and a notice of it arrive; return when it came and when the booking was committed."""
        house = self._house
        order = house.book.live_order(position.symbol, Side.SELL)
        if order is None or order.order_no is None:
            raise BenchError(f"the exit of {position.symbol} has no number")
        amount = _SHARES * _PRICE
        costs = order_costs(Side.SELL, amount, position.market, _DAY, house.settings.commission_ppb)
        self._cash += amount - costs.fee - costs.tax
        row = {
            "ord_dt": f"{_DAY:%Y%m%d}",
            "ord_tmd": f"{order.created_at:%H%M%S}",
            "odno": f"{order.order_no:0>10}",
            "orgn_odno": "",
            "ord_gno_brno": BRANCH,
            "pdno": position.symbol,
            "sll_buy_dvsn_cd": "01",
            "ord_dvsn_cd": "01",
            "ord_qty": str(_SHARES),
            "ord_unpr": "0",
            "tot_ccld_qty": str(_SHARES),
            "tot_ccld_amt": str(amount),
            "avg_prvs": str(_PRICE),
            "rmn_qty": "0",
            "cncl_cfrm_qty": "0",
            "rjct_qty": "0",
        }
        await self._put(Purpose.ORDERS, {"output1": [row], "output2": {}})
        still_held = dict(house.book.positions)
        del house.book.positions[position.symbol]
        await self.tell_account()
        house.book.positions.clear()
        house.book.positions.update(still_held)
        notice = ExecutionNotice(
            kind=NoticeKind.FILLED,
            order_no=order.order_no,
            original_no=None,
            symbol=position.symbol,
            side=Side.SELL,
            quantity=_SHARES,
            price=_PRICE,
            at=house.clock.now(),
        )
        began = time.perf_counter()
        house.intake.on_notice(notice)
        async with asyncio.timeout(_WITHIN_S):
            while position.symbol in house.book.positions:
                self._committed.clear()
                await self._committed.wait()
        ended = self.committed_at
        await self._reconciled()
        return began, ended

    async def nothing_open(self) -> None:
        """Have the broker list no order, and no orders of ours be known: each exit meets a young day."""
        self._house.book.orders.clear()
        self._house.book.trades_today.clear()
        await self._put(Purpose.ORDERS, {"output1": [], "output2": {}})

    def _state(self, position: Position) -> OrderState | None:
        order = self._house.book.live_order(position.symbol, Side.SELL)
        return None if order is None else order.state

    async def _reconciled(self) -> None:
        now = self._house.clock.now()
        self._house.reconciler.wake()
        await self._until(lambda: (self._house.reconciler.success_asked_at or _MORNING) >= now, "reconciliation")

    async def _until(self, is_so: Callable[[], bool], what: str) -> None:
        ends = time.perf_counter() + _WITHIN_S
        while not is_so():
            if time.perf_counter() > ends:
                raise BenchError(f"{what}: not within {_WITHIN_S:.0f} s")
            await asyncio.sleep(_NAP_S)

    async def _put(self, purpose: Purpose, fields: dict[str, object]) -> None:
        body = json.dumps({"rt_cd": "0", "msg_cd": "0", "msg1": "", **fields})
        async with self._far.put(self._url + path_of(purpose), data=body.encode()) as response:
            await response.read()


@asynccontextmanager
async def lived_in(
    database: Database, folder: Path, far: aiohttp.ClientSession, url: str
) -> AsyncIterator[MeasuredHouse]:
    """Let a house live around `database`, whose broker is at `url`."""
    clock = LoopClock(asyncio.get_running_loop(), _MORNING)
    settings = Settings.model_validate({"data_dir": folder, "log_dir": folder / "logs", "config_dir": ROOT / "config"})
    counted = Counted(database)
    on_a_server = not str(database).startswith("sqlite")
    records = SpareRecords(counted, folder / "orders.journal", clock, keeps_state=on_a_server)
    limits = replace(KisLimits.of(KisProfile.REAL), calls=CallLimit(calls=1_000_000, window_s=1.0), spacing_s={})
    endpoints = KisEndpoints(rest=Endpoint(url=url), stream=Endpoint(url="ws://127.0.0.1:9"))
    async with open_kis(endpoints, _CREDENTIALS, KisProfile.REAL, clock, Random(1), None, limits) as kis:
        await database.transact(lambda rows: kill_switch.release(rows, clock.now(), "measured", "bench"))
        await records.open(primary_is_open=True)
        house = compose(
            settings,
            RunOptions(data_dir=folder, config_dir=ROOT / "config"),
            kis=kis,
            records=records,
            mend_store=records.mend,
            calendar=load_calendar(ROOT / "config"),
            clock=clock,
            entropy=SystemEntropy(),
            notifier=AlertDesk((), Language.EN, AlertRules()),
            secret=b"s" * 32,
            commit="unknown",
            schema_version=SCHEMA_VERSION,
            selector=selector_of(
                UniverseOutfit(rules=settings.universe, directory=NoDirectory()),
                settings,
                kis=kis,
                calendar=load_calendar(ROOT / "config"),
                clock=clock,
            ),
            poll_s=1.0,
            on_day_over=lambda _day: None,
            on_runs_done=lambda: None,
            audit=audit_places(settings, database),
        )
        measured = MeasuredHouse(house, counted, far, url)
        await measured.nothing_open()
        await measured.tell_account()
        async with asyncio.TaskGroup() as group:
            await kis.access_tokens.key()
            house.book.start_day(_DAY)
            house.trader.start_day()
            await house.control.refresh()
            if not await house.reconciler.attempt():
                raise BenchError("the house did not find its broker")
            assert house.audit is not None
            lives = (house.journal.run, house.control.run, house.reconciler.run, house.synchronizer.run)
            tasks = [group.create_task(life()) for life in (*lives, house.mend_store, house.audit.run)]
            try:
                yield measured
            finally:
                for task in tasks:
                    task.cancel()
        records.close()
    await database.aclose()
