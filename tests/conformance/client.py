"""Somebody else's client: raw HTTP, raw frames and JSON, written from the wire contract and nothing else.

Rules of this room
    Nothing of the project is imported. What is sent is what the contract's tables say, to the letter.
    An answer is kept whole: status, headers, bytes and body.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, time, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
from websockets.asyncio.client import unix_connect

from tests.conformance.answers import Answer, Card
from tests.conformance.connection import Stream

DOMESTIC = "/uapi/domestic-stock/v1"
QUOTATIONS = f"{DOMESTIC}/quotations"
TRADING = f"{DOMESTIC}/trading"
PAGE = {"CTX_AREA_FK100": "", "CTX_AREA_NK100": ""}


class Client:
    """Speaks to one venue; `real` says which."""

    def __init__(self, card: Card, profile: str, rest: Path, stream: Path, now: Callable[[], datetime]) -> None:
        self.card = card
        self.real = profile == "real"
        self.now = now
        self.token = ""
        self._rest, self._stream = rest, stream

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession("http://localhost", connector=aiohttp.UnixConnector(path=str(self._rest)))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.close()

    # --- time -----------------------------------------------------------------------------------------------

    async def wait(self, **span: float) -> None:
        await asyncio.sleep(timedelta(**span).total_seconds())

    async def until(self, clock: str, days: int = 0) -> None:
        """Wait for `clock` (HH:MM:SS) of today, or of a day after it."""
        when = datetime.combine(self.now().date() + timedelta(days=days), time.fromisoformat(clock), self.now().tzinfo)
        await asyncio.sleep((when - self.now()).total_seconds())

    async def next_day(self, clock: str = "10:00:00", days: int = 1) -> None:
        """Wait for a moment of another day and sign in anew."""
        await self.until(clock, days)
        await self.sign_in()

    # --- HTTP -----------------------------------------------------------------------------------------------

    async def send(
        self,
        method: str,
        path: str,
        *,
        headers: dict[str, str] | None = None,
        query: dict[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        skipped = [] if headers and "content-type" in {name.lower() for name in headers} else ["content-type"]
        async with self._http.request(
            method, path, headers=headers, params=query, data=body, skip_auto_headers=skipped
        ) as answer:
            raw = await answer.read()
            names = {name.lower(): value for name, value in answer.headers.items()}
            body_read = json.loads(raw) if answer.content_type == "application/json" else None
            return Answer(status=answer.status, headers=names, raw=raw, body=body_read)

    def headers(self, tr_id: str, **changes: str | None) -> dict[str, str]:
        """Return the headers of section 1.2; a change to None leaves one out, and `_` in a name is `-`."""
        sent: dict[str, str | None] = {
            "content-type": "application/json; charset=utf-8",
            "authorization": f"Bearer {self.token}",
            "appkey": self.card.app_key,
            "appsecret": self.card.app_secret,
            "tr_id": tr_id,
            "custtype": "P",
        }
        sent |= {{"content_type": "content-type"}.get(name, name): value for name, value in changes.items()}
        return {name: value for name, value in sent.items() if value is not None}

    async def get(self, path: str, tr_id: str, query: dict[str, str], **headers: str | None) -> Answer:
        return await self.send("GET", path, headers=self.headers(tr_id, **headers), query=query)

    async def post(self, path: str, tr_id: str, body: Any, **headers: str | None) -> Answer:
        return await self.send("POST", path, headers=self.headers(tr_id, **headers), body=json.dumps(body).encode())

    # --- keys -----------------------------------------------------------------------------------------------

    async def oauth(self, path: str, **body: str) -> Answer:
        return await self.send(
            "POST", f"/oauth2/{path}", headers={"content-type": "application/json"}, body=json.dumps(body).encode()
        )

    async def ask_token(self, **changes: str) -> Answer:
        keys = {"appkey": self.card.app_key, "appsecret": self.card.app_secret}
        return await self.oauth("tokenP", **({"grant_type": "client_credentials"} | keys | changes))

    async def sign_in(self) -> None:
        self.token = (await self.ask_token()).body["access_token"]

    async def ask_approval(self, **changes: str) -> Answer:
        keys = {"appkey": self.card.app_key, "secretkey": self.card.app_secret}
        return await self.oauth("Approval", **({"grant_type": "client_credentials"} | keys | changes))

    # --- services -------------------------------------------------------------------------------------------

    def tr(self, real_id: str) -> str:
        """Return the venue's id of a ledger TR: paper's begin with V."""
        return real_id if self.real else f"V{real_id[1:]}"

    @property
    def account(self) -> dict[str, str]:
        return {"CANO": self.card.account[:8], "ACNT_PRDT_CD": self.card.account[-2:]}

    async def quotation(self, name: str, tr_id: str, symbol: str = "005930", **query: str) -> Answer:
        sent = {"FID_COND_MRKT_DIV_CODE": "J", "FID_INPUT_ISCD": symbol, **query}
        return await self.get(f"{QUOTATIONS}/{name}", tr_id, sent)

    async def price(self, symbol: str = "005930") -> dict[str, str]:
        found: dict[str, str] = (await self.quotation("inquire-price", "FHKST01010100", symbol)).done().output
        return found

    async def book(self, symbol: str = "005930") -> Answer:
        return (await self.quotation("inquire-asking-price-exp-ccn", "FHKST01010200", symbol)).done()

    async def chart(self, first: str, last: str, symbol: str = "005930", **query: str) -> Answer:
        dates = {"FID_INPUT_DATE_1": first, "FID_INPUT_DATE_2": last}
        sent = {"FID_PERIOD_DIV_CODE": "D", "FID_ORG_ADJ_PRC": "0", **dates, **query}
        return (await self.quotation("inquire-daily-itemchartprice", "FHKST03010100", symbol, **sent)).done()

    async def ledger(self, name: str, real_id: str, tr_cont: str | None = None, **query: str) -> Answer:
        return await self.get(f"{TRADING}/{name}", self.tr(real_id), {**self.account, **query}, tr_cont=tr_cont)

    async def order(self, side: str, quantity: int | str, price: int | str = 0, **changes: str) -> Answer:
        """Send order-cash: a limit order where a price is given, else a market order."""
        body = {
            **self.account,
            "PDNO": "005930",
            "ORD_DVSN": "00" if price else "01",
            "ORD_QTY": str(quantity),
            "ORD_UNPR": str(price),
            "EXCG_ID_DVSN_CD": "KRX",
            **changes,
        }
        tr_id = self.tr("TTTC0012U" if side == "buy" else "TTTC0011U")
        return await self.post(f"{TRADING}/order-cash", tr_id, body)

    async def placed(self, side: str, quantity: int, price: int = 0, **changes: str) -> str:
        """Send an order that must be taken; return its number."""
        return str((await self.order(side, quantity, price, **changes)).done().output["ODNO"])

    async def change(self, number: str, what: str, quantity: int = 0, price: int = 0, **changes: str) -> Answer:
        """Send order-rvsecncl: `what` is 01 to modify, 02 to cancel; quantity 0 is all of it."""
        body = {
            **self.account,
            "KRX_FWDG_ORD_ORGNO": "",
            "ORGN_ODNO": number,
            "ORD_DVSN": "00",
            "RVSE_CNCL_DVSN_CD": what,
            "ORD_QTY": str(quantity),
            "ORD_UNPR": str(price),
            "QTY_ALL_ORD_YN": "N" if quantity else "Y",
            "EXCG_ID_DVSN_CD": "KRX",
            **changes,
        }
        return await self.post(f"{TRADING}/order-rvsecncl", self.tr("TTTC0013U"), body)

    async def balance(self, tr_cont: str | None = None, **changes: str) -> Answer:
        query = {
            "AFHR_FLPR_YN": "N",
            "OFL_YN": "",
            "INQR_DVSN": "02",
            "UNPR_DVSN": "01",
            "FUND_STTL_ICLD_YN": "N",
            "FNCG_AMT_AUTO_RDPT_YN": "N",
            "PRCS_DVSN": "00",
            **PAGE,
            **changes,
        }
        return (await self.ledger("inquire-balance", "TTTC8434R", tr_cont, **query)).done()

    async def held(self, symbol: str = "005930") -> dict[str, str]:
        """Return the balance's row of a symbol."""
        return next(row for row in (await self.balance()).rows if row["pdno"] == symbol)

    async def sums(self) -> dict[str, str]:
        """Return the balance's sums."""
        found: list[dict[str, str]] = (await self.balance()).body["output2"]
        assert len(found) == 1
        return found[0]

    async def listing(self, tr_cont: str | None = None, real_id: str = "TTTC0081R", **changes: str) -> Answer:
        today = f"{self.now():%Y%m%d}"
        query = {
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
            **PAGE,
            **changes,
        }
        return (await self.ledger("inquire-daily-ccld", real_id, tr_cont, **query)).done()

    async def listed(self, number: str) -> dict[str, str]:
        """Return the listing's row of an order of today."""
        return next(row for row in (await self.listing()).rows if row["odno"].lstrip("0") == number.lstrip("0"))

    async def power(self, price: int | str = "", symbol: str = "005930", division: str = "01") -> dict[str, str]:
        """Return what can be bought."""
        query = {
            "PDNO": symbol,
            "ORD_UNPR": str(price),
            "ORD_DVSN": division,
            "CMA_EVLU_AMT_ICLD_YN": "N",
            "OVRS_ICLD_YN": "N",
        }
        found: dict[str, str] = (await self.ledger("inquire-psbl-order", "TTTC8908R", **query)).done().output
        return found

    # --- the examiner's own door ------------------------------------------------------------------------------

    async def sim(self, page: str, **asked: Any) -> Any:
        """Ask a page of the simulator itself: GET without arguments, else POST."""
        body = json.dumps(asked).encode() if asked else None
        answer = await self.send("POST" if asked else "GET", f"/__sim/{page}", body=body)
        assert answer.status == 200, answer.body
        return answer.body

    # --- the stream -----------------------------------------------------------------------------------------

    @asynccontextmanager
    async def stream(self, key: str | None = None, path: str = "/tryitout") -> AsyncIterator[Stream]:
        approval = (await self.ask_approval()).body["approval_key"] if key is None else key
        uri = f"ws://localhost{path}"
        async with unix_connect(
            str(self._stream), uri, compression=None, ping_interval=None, close_timeout=0.2
        ) as socket:
            yield Stream(socket, approval, self.card, real=self.real)
