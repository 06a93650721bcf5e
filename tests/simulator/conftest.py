"""A simulator that is served on loopback, and a bare client that knows its keys."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any, TypeAlias

import aiohttp
import pytest

from kis_daemon.simulator.faults import Fault, FaultPlan
from kis_daemon.simulator.prices import PriceBook
from kis_daemon.simulator.profile import SimulatorSettings
from kis_daemon.simulator.rest_services import SERVICES
from kis_daemon.simulator.server import Simulator
from kis_daemon.simulator.stream import FrameHook
from tests.simulator.builders import HandClock, a_book, at, the_calendar

TRADING = "/uapi/domestic-stock/v1/trading"
QUOTATIONS = "/uapi/domestic-stock/v1/quotations"


class Client:
    """Speaks to a simulator in raw requests, with a token of its own."""

    def __init__(self, sim: Simulator, clock: HandClock, http: aiohttp.ClientSession) -> None:
        self.sim = sim
        self.clock = clock
        self.http = http
        self.token = ""
        self.headers: dict[str, str] = {}

    @property
    def settings(self) -> SimulatorSettings:
        return self.sim.settings

    @property
    def real(self) -> bool:
        return self.settings.profile == "real"

    async def post(self, path: str, body: Any, headers: dict[str, str] | None = None) -> tuple[int, dict[str, Any]]:
        async with self.http.post(self.sim.rest_url + path, json=body, headers=headers) as answer:
            return answer.status, await answer.json()

    async def page(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Return (status, what was answered): JSON where it is JSON, else a text."""
        async with self.http.request(method, self.sim.rest_url + path, json=body) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if answer.content_type == "application/json" else text

    async def sign_in(self) -> None:
        keys = {"appkey": self.settings.app_key, "appsecret": self.settings.app_secret}
        _, body = await self.post("/oauth2/tokenP", {"grant_type": "client_credentials", **keys})
        self.token = body["access_token"]
        self.headers = {
            "content-type": "application/json; charset=utf-8",
            "authorization": f"Bearer {self.token}",
            **keys,
            "custtype": "P",
        }

    async def approval(self) -> str:
        keys = {"appkey": self.settings.app_key, "secretkey": self.settings.app_secret}
        _, body = await self.post("/oauth2/Approval", {"grant_type": "client_credentials", **keys})
        return str(body["approval_key"])

    def tr(self, tr_id: str) -> str:
        """Return the TR id of this venue: paper's begin with V."""
        return tr_id if self.real or tr_id.startswith("F") else f"V{tr_id[1:]}"

    async def ask(
        self, method: str, path: str, tr_id: str, fields: dict[str, str], **headers: str
    ) -> tuple[int, dict[str, Any], str]:
        """Return (status, body, tr_cont)."""
        sent = {**self.headers, "tr_id": tr_id, **headers}
        parts: dict[str, Any] = {"json": fields} if method == "POST" else {"params": fields}
        async with self.http.request(method, self.sim.rest_url + path, headers=sent, **parts) as answer:
            return answer.status, await answer.json(), answer.headers.get("tr_cont", "")

    async def call(self, tr_id: str, *, tr_cont: str = "", **fields: str) -> dict[str, Any]:
        """Ask a service by its TR id, an account's with the account, and return the body."""
        return (await self.called(tr_id, tr_cont=tr_cont, **fields))[1]

    async def called(self, tr_id: str, *, tr_cont: str = "", **fields: str) -> tuple[int, dict[str, Any], str]:
        """Return (status, body, tr_cont)."""
        service = SERVICES[tr_id]
        sent = {**self.account(), **fields} if service.of_account else fields
        return await self.ask(service.method, service.path, tr_id, sent, tr_cont=tr_cont)

    def account(self) -> dict[str, str]:
        return {"CANO": self.settings.account_no, "ACNT_PRDT_CD": self.settings.product}

    async def buy(self, quantity: int, price: int = 0, **changes: str) -> dict[str, Any]:
        return await self._order("TTTC0012U", quantity, price, changes)

    async def sell(self, quantity: int, price: int = 0, **changes: str) -> dict[str, Any]:
        return await self._order("TTTC0011U", quantity, price, changes)

    async def _order(self, tr_id: str, quantity: int, price: int, changes: dict[str, str]) -> dict[str, Any]:
        fields = {
            **self.account(),
            "PDNO": "005930",
            "ORD_DVSN": "00" if price else "01",
            "ORD_QTY": str(quantity),
            "ORD_UNPR": str(price),
            "EXCG_ID_DVSN_CD": "KRX",
            **changes,
        }
        status, body, _ = await self.ask("POST", f"{TRADING}/order-cash", self.tr(tr_id), fields)
        assert status == 200
        return body

    async def cancel(self, number: str, **changes: str) -> dict[str, Any]:
        fields = {
            **self.account(),
            "KRX_FWDG_ORD_ORGNO": "",
            "ORGN_ODNO": number,
            "ORD_DVSN": "00",
            "RVSE_CNCL_DVSN_CD": "02",
            "ORD_QTY": "0",
            "ORD_UNPR": "0",
            "QTY_ALL_ORD_YN": "Y",
            "EXCG_ID_DVSN_CD": "KRX",
            **changes,
        }
        _, body, _ = await self.ask("POST", f"{TRADING}/order-rvsecncl", self.tr("TTTC0013U"), fields)
        return body

    async def balance(self, **changes: str) -> tuple[int, dict[str, Any], str]:
        fields = {
            **self.account(),
            "AFHR_FLPR_YN": "N",
            "OFL_YN": "",
            "INQR_DVSN": "02",
            "UNPR_DVSN": "01",
            "FUND_STTL_ICLD_YN": "N",
            "FNCG_AMT_AUTO_RDPT_YN": "N",
            "PRCS_DVSN": "00",
            "CTX_AREA_FK100": "",
            "CTX_AREA_NK100": "",
            **changes,
        }
        return await self.ask("GET", f"{TRADING}/inquire-balance", self.tr("TTTC8434R"), fields)

    async def listing(self, tr_cont: str = "", **changes: str) -> tuple[int, dict[str, Any], str]:
        today = f"{self.clock.now():%Y%m%d}"
        fields = {
            **self.account(),
            "INQR_STRT_DT": today,
            "INQR_END_DT": today,
            "SLL_BUY_DVSN_CD": "00",
            "INQR_DVSN": "01",
            "PDNO": "",
            "CCLD_DVSN": "00",
            "ORD_GNO_BRNO": "",
            "ODNO": "",
            "INQR_DVSN_3": "00",
            "INQR_DVSN_1": "",
            "EXCG_ID_DVSN_CD": "KRX",
            "CTX_AREA_FK100": "",
            "CTX_AREA_NK100": "",
            **changes,
        }
        path = f"{TRADING}/inquire-daily-ccld"
        return await self.ask("GET", path, self.tr("TTTC0081R"), fields, tr_cont=tr_cont)


def some_settings(**changes: Any) -> SimulatorSettings:
    """Return settings without waits and without a limit of calls."""
    quick = SimulatorSettings(latency_s=0, notice_delay_s=0, rate_limit_per_s=0, cash=10_000_000)
    return replace(quick, **changes)


Served: TypeAlias = Callable[..., AbstractAsyncContextManager[Client]]


@pytest.fixture
def served() -> Served:
    """Return a way to enter a served simulator at a moment, signed in."""

    @asynccontextmanager
    async def serve(
        *,
        now: datetime | None = None,
        clock: HandClock | None = None,
        book: PriceBook | None = None,
        state_path: Path | None = None,
        frame_hook: FrameHook | None = None,
        faults: Sequence[Fault] = (),
        **changes: Any,
    ) -> AsyncIterator[Client]:
        clock = clock or HandClock(now or at("10:00"))
        sim = Simulator(
            some_settings(**changes),
            book or a_book(),
            the_calendar(),
            clock,
            Random(1),
            state_path=state_path,
            frame_hook=frame_hook,
        )
        async with sim, aiohttp.ClientSession() as http:
            await sim.serve_tcp()
            client = Client(sim, clock, http)
            await client.sign_in()
            sim.fault_desk.add(FaultPlan(faults=tuple(faults)))
            yield client

    return serve
