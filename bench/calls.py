"""What a REST call costs beside the same call over bare aiohttp: a price, a page of a hundred rows, an order.

Rules of this room
    Turns are short and paired: in each one both ways make as many calls, in turn the other way round, and the ratio is
    taken within the turn.
    Bare is what any caller must do: the same headers and values, aiohttp's own time limit, the body parsed as JSON.
    Ours is the whole way: slot, token, address, headers, time limit, parsing, keys in lower case, and judging.
    The prices are those of forty symbols in turn, as on a trading day.
"""

from __future__ import annotations

import gc
import itertools
import json
import time
from collections.abc import Awaitable, Callable
from random import Random
from typing import TypeAlias

import aiohttp

from bench.figures import Figure, paired
from bench.processes import BenchError
from bench.wire_server import CHART_PATH, ORDER_PATH, SYMBOLS
from kis_daemon.clock import SystemClock
from kis_daemon.kis.access import Access
from kis_daemon.kis.budget import Budget, CallLimit, Priority
from kis_daemon.kis.commands import Commands
from kis_daemon.kis.credentials import Credentials
from kis_daemon.kis.key_file import KeyFile
from kis_daemon.kis.questions import Questions, RetryRule
from kis_daemon.kis.tokens import AccessTokens, KeyKeeper
from kis_daemon.kis.transport import Endpoint, Transport
from kis_daemon.kis.wire import Command, Question
from kis_daemon.ports import Withdrawn

MOST = 1.3  # times bare aiohttp's CPU
Call: TypeAlias = Callable[[], Awaitable[object]]

_CREDENTIALS = Credentials(app_key="a" * 36, app_secret="s" * 180, account="5012345601")
HEADERS = {
    "content-type": "application/json; charset=utf-8",
    "authorization": "Bearer " + "x" * 300,
    "appkey": _CREDENTIALS.app_key,
    "appsecret": _CREDENTIALS.app_secret,
    "tr_cont": "",
    "custtype": "P",
}
_PRICES = tuple(
    Question(
        tr_id="FHKST01010100",
        path="/uapi/domestic-stock/v1/quotations/inquire-price",
        params=(("FID_COND_MRKT_DIV_CODE", "J"), ("FID_INPUT_ISCD", symbol)),
    )
    for symbol in SYMBOLS
)
_CHARTS = tuple(
    Question(
        tr_id="FHKST03010100",
        path=CHART_PATH,
        params=(
            *(("FID_COND_MRKT_DIV_CODE", "J"), ("FID_INPUT_ISCD", symbol), ("FID_INPUT_DATE_1", "20260601")),
            *(("FID_INPUT_DATE_2", "20261118"), ("FID_PERIOD_DIV_CODE", "D"), ("FID_ORG_ADJ_PRC", "0")),
        ),
    )
    for symbol in SYMBOLS
)
ORDER = Command(
    tr_id="TTTC0012U",
    path=ORDER_PATH,
    body={
        "CANO": "50123456",
        "ACNT_PRDT_CD": "01",
        "PDNO": "005930",
        "ORD_DVSN": "00",
        "ORD_QTY": "10",
        "ORD_UNPR": "61000",
        "EXCG_ID_DVSN_CD": "KRX",
        "SLL_TYPE": "",
        "CNDT_PRIC": "",
    },
)


async def calls(turns: int, count: int, url: str) -> list[Figure]:
    """Measure each kind of call, so many turns of so many calls."""
    figures: list[Figure] = []
    async with Transport(Endpoint(url=url), 15.0) as transport, bare_session() as session:
        bare, ours = _Bare(session, url), _Ours(transport)
        kinds: dict[str, tuple[Call, Call]] = {
            "a price": (bare.asking(_PRICES), ours.asking(_PRICES)),
            "a chart of 100 days": (bare.asking(_CHARTS), ours.asking(_CHARTS)),
            "an order": (bare.order, ours.order),
        }
        for name, ways in kinds.items():
            theirs, own = await _turns(turns, count, ways)
            figures += [
                Figure(name=f"{name}: bare aiohttp and json", unit="µs CPU", values=theirs),
                Figure(name=f"{name}: ours, whole", unit="µs CPU", values=own),
                Figure(name=f"{name}: ours / bare, paired", unit="×", values=paired(own, theirs), most=MOST),
            ]
    return figures


async def _turns(turns: int, count: int, ways: tuple[Call, Call]) -> tuple[list[float], list[float]]:
    costs: tuple[list[float], list[float]] = ([], [])
    for number in range(turns + 1):
        gc.collect()
        for way in (0, 1) if number % 2 else (1, 0):
            began = time.process_time()
            for _ in range(count):
                await ways[way]()
            if number:  # the first turn warms up
                costs[way].append((time.process_time() - began) / count * 1e6)
    return costs


class _Bare:
    """The calls as somebody makes them who has aiohttp and nothing else."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    def asking(self, questions: tuple[Question, ...]) -> Call:
        turn = itertools.cycle(questions)

        async def ask() -> object:
            question = next(turn)
            headers = {**HEADERS, "tr_id": question.tr_id}
            async with self._session.get(
                self._url + question.path, params=question.params, headers=headers
            ) as response:
                return json.loads(await response.read())

        return ask

    async def order(self) -> object:
        headers = {**HEADERS, "tr_id": ORDER.tr_id}
        async with self._session.post(self._url + ORDER.path, json=ORDER.body, headers=headers) as response:
            return json.loads(await response.read())


class _Ours:
    """The same calls as the daemon makes them, at a budget that is there and never the limit."""

    def __init__(self, transport: Transport) -> None:
        clock, budget = SystemClock(), Budget(CallLimit(calls=1_000_000, window_s=1.0), {})
        keeper = KeyKeeper(AccessTokens(transport, budget, _CREDENTIALS, clock), KeyFile(None, "bench"), clock)
        access = Access(keeper, budget, _CREDENTIALS)
        self._questions = Questions(transport, access, RetryRule(), Random(1))
        self._commands = Commands(transport, access)

    def asking(self, questions: tuple[Question, ...]) -> Call:
        turn = itertools.cycle(questions)

        async def ask() -> object:
            return await self._questions.ask(next(turn), Priority.QUOTE)

        return ask

    async def order(self) -> object:
        answer = await self._commands.send(ORDER, lambda: True, Priority.ENTRY)
        if isinstance(answer, Withdrawn):
            raise BenchError("an order was withdrawn")
        return answer


def bare_session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
