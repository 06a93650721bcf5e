"""A day with a fault every minute, on virtual time: nothing in the simulator gives way, and each run is the same."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection, unix_connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from kis_daemon.clock import LoopClock
from kis_daemon.simulator.faults import FaultPlan
from kis_daemon.simulator.faults_kinds import KINDS as RULES
from kis_daemon.simulator.faults_kinds import SEEDED_KINDS, Area, FaultKind
from kis_daemon.simulator.price_generator import GeneratedPrices
from kis_daemon.simulator.server import Simulator
from kis_daemon.virtual_loop import VirtualLoop
from tests.simulator.builders import TUESDAY, at, the_calendar
from tests.simulator.conftest import TRADING, some_settings

KINDS = (*SEEDED_KINDS, FaultKind.REFUSED, FaultKind.EGW00201)


class Stubborn:
    """A client that asks and orders every twenty seconds and listens all day, whatever it is told."""

    def __init__(self, sim: Simulator, http: aiohttp.ClientSession, stream: Path) -> None:
        self.sim = sim
        self.http = http
        self.stream = stream
        self.heard = 0
        settings = sim.settings
        self.keys = {"appkey": settings.app_key, "appsecret": settings.app_secret}
        self.headers = self.keys | {"custtype": "P", "content-type": "application/json"}
        self.approval = ""

    async def post(self, path: str, body: dict[str, str], **headers: str) -> Any:
        return await self._ask("POST", path, headers, json=body)

    async def _ask(self, method: str, path: str, headers: dict[str, str], **parts: Any) -> Any:
        try:
            async with self.http.request(method, path, headers=self.headers | headers, **parts) as answer:
                return json.loads(await answer.read())
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return {}

    async def trade(self) -> None:
        """Sign in, then order and ask until the day is over."""
        grant = {"grant_type": "client_credentials"}
        while "authorization" not in self.headers:
            token = (await self.post("/oauth2/tokenP", grant | self.keys)).get("access_token")
            if token:
                self.headers["authorization"] = f"Bearer {token}"
            await asyncio.sleep(61)
        account = {"CANO": "50123456", "ACNT_PRDT_CD": "01"}
        listing = account | {"INQR_STRT_DT": "20240305", "INQR_END_DT": "20240305", "SLL_BUY_DVSN_CD": "00"}
        listing |= dict.fromkeys(("PDNO", "ORD_GNO_BRNO", "ODNO", "INQR_DVSN_1"), "")
        listing |= {"INQR_DVSN": "00", "CCLD_DVSN": "00", "INQR_DVSN_3": "00"}
        symbols = [str(listed.symbol) for listed in self.sim.exchange.prices.listings()]
        for count in range(10_000):
            order = account | {"PDNO": symbols[count % len(symbols)], "ORD_DVSN": "01", "ORD_QTY": "1", "ORD_UNPR": "0"}
            if count % 3 == 0:
                await self.post(f"{TRADING}/order-cash", order, tr_id="VTTC0012U")
            listing["CCLD_DVSN"] = "02" if count % 10 else "00"
            await self._ask(
                "GET", f"{TRADING}/inquire-daily-ccld", {"tr_id": "VTTC0081R", "tr_cont": "N"}, params=listing
            )
            await asyncio.sleep(20)

    async def listen(self) -> None:
        """Register and listen, again and again."""
        grant = {"grant_type": "client_credentials", "appkey": self.keys["appkey"]}
        while True:
            secret = self.keys["appsecret"]
            self.approval = (await self.post("/oauth2/Approval", grant | {"secretkey": secret})).get("approval_key", "")
            try:
                async with unix_connect(
                    str(self.stream), uri=self.sim.ws_url, compression=None, ping_interval=None, close_timeout=1
                ) as socket:
                    await self._register(socket)
                    while True:
                        async with asyncio.timeout(90):
                            text = await socket.recv()
                        self.heard += 1
                        if isinstance(text, str) and "PINGPONG" in text:
                            await socket.send(text)
            except (ConnectionClosed, WebSocketException, OSError, TimeoutError):
                await asyncio.sleep(5)

    async def _register(self, socket: ClientConnection) -> None:
        head = {"approval_key": self.approval, "custtype": "P", "tr_type": "1", "content-type": "utf-8"}
        wanted = [("H0STCNI9", self.sim.settings.hts_id)]
        wanted += [("H0STCNT0", str(listed.symbol)) for listed in self.sim.exchange.prices.listings()]
        for tr_id, tr_key in wanted:
            await socket.send(json.dumps({"header": head, "body": {"input": {"tr_id": tr_id, "tr_key": tr_key}}}))


def a_day(folder: Path) -> tuple[list[tuple[str, str]], int, dict[str, object]]:
    """Live through a day and return what happened, how many frames were heard, and the account."""
    folder.mkdir()
    loop = VirtualLoop()

    async def go() -> tuple[list[tuple[str, str]], int, dict[str, object]]:
        clock = LoopClock(loop, at("08:30"))
        settings = some_settings(latency_s=0.02, notice_delay_s=0.03, ping_interval_s=20.0, cash=10**10)
        plan = FaultPlan.seeded(3, TUESDAY, kinds=KINDS)
        prices = GeneratedPrices(1, the_calendar())
        async with Simulator(settings, prices, the_calendar(), clock, Random(1), faults=plan) as sim:
            await sim.serve_unix(folder / "rest", folder / "stream")
            connector = aiohttp.UnixConnector(str(folder / "rest"))
            limit = aiohttp.ClientTimeout(total=10)
            async with aiohttp.ClientSession("http://localhost", connector=connector, timeout=limit) as http:
                client = Stubborn(sim, http, folder / "stream")
                tasks = [asyncio.create_task(client.trade()), asyncio.create_task(client.listen())]
                await sim.wait_days(1)
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
            happened = [(fired.at.isoformat(), fired.kind) for fired in sim.fault_desk.fired]
            return happened, client.heard, sim.account_view()

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(go())


def test_a_day_of_faults_is_lived_through_and_is_the_same_every_time(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = a_day(tmp_path / "1"), a_day(tmp_path / "2")

    happened, heard, account = first
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert first == second
    assert len(happened) > 250
    met = {FaultKind(kind) for _, kind in happened}
    assert len(met) > 35
    assert not met & {kind for kind in FaultKind if RULES[kind].area is Area.MARKET}
    assert heard > 1_000
    assert account["holdings"]
