"""The gate in front of every REST service: who asks, how often, and for what.

Rules of this room
    Checked in this order, and the first trouble is the answer: content type, app key and secret, access token, calls
    a second, customer type, TR id and venue, account; the fields themselves are the service's affair.
    Trouble at the gate is HTTP 500 with a JSON body; the business's own refusals are HTTP 200.
    A call counts in the second it was made in, refused or not.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from kis_daemon.simulator.fields import Fields
from kis_daemon.simulator.rest_days import chk_holiday, daily_chart
from kis_daemon.simulator.rest_ledger import balance, psbl_order, psbl_sell
from kis_daemon.simulator.rest_listing import daily_ccld, psbl_rvsecncl
from kis_daemon.simulator.rest_price import inquire_price
from kis_daemon.simulator.rest_trading import order_cash, order_change
from kis_daemon.simulator.tokens import KeyDesk, KeyRefused
from kis_daemon.simulator.venue import Venue
from kis_daemon.simulator.wire import Failed, Reply

Answer: TypeAlias = Callable[[Venue, Fields, str], Reply]

_PREFIX = "/uapi/domestic-stock/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One TR: its method and path, whether the paper venue has it, whether it names an account, and who answers."""

    method: str
    path: str
    on_paper: bool
    on_real: bool
    of_account: bool
    answer: Answer


def _simple(answer: Callable[[Venue, Fields], Reply]) -> Answer:
    return lambda venue, fields, _tr_id: answer(venue, fields)


def _services() -> dict[str, Service]:
    table: dict[str, Service] = {}

    def add(
        method: str,
        path: str,
        answer: Answer,
        *,
        both: str = "",
        real: str = "",
        paper: str = "",
        account: bool = True,
    ) -> None:
        for ids, on_real, on_paper in ((both, True, True), (real, True, False), (paper, False, True)):
            for tr_id in ids.split():
                table[tr_id] = Service(
                    method=method,
                    path=_PREFIX + path,
                    on_paper=on_paper,
                    on_real=on_real,
                    of_account=account,
                    answer=answer,
                )

    quotations, trading = "/quotations", "/trading"
    add("GET", f"{quotations}/inquire-price", _simple(inquire_price), both="FHKST01010100", account=False)
    add(
        "GET",
        f"{quotations}/inquire-daily-itemchartprice",
        _simple(daily_chart),
        both="FHKST03010100",
        account=False,
    )
    add("GET", f"{quotations}/chk-holiday", _simple(chk_holiday), real="CTCA0903R", account=False)
    add(
        "POST",
        f"{trading}/order-cash",
        order_cash,
        real="TTTC0012U TTTC0011U TTTC0802U TTTC0801U",
        paper="VTTC0012U VTTC0011U VTTC0802U VTTC0801U",
    )
    add(
        "POST",
        f"{trading}/order-rvsecncl",
        _simple(order_change),
        real="TTTC0013U TTTC0803U",
        paper="VTTC0013U VTTC0803U",
    )
    add("GET", f"{trading}/inquire-psbl-order", _simple(psbl_order), real="TTTC8908R", paper="VTTC8908R")
    add("GET", f"{trading}/inquire-balance", _simple(balance), real="TTTC8434R", paper="VTTC8434R")
    add(
        "GET",
        f"{trading}/inquire-daily-ccld",
        _simple(daily_ccld),
        real="TTTC0081R TTTC8001R CTSC9215R CTSC9115R",
        paper="VTTC0081R VTTC8001R VTSC9215R VTSC9115R",
    )
    add("GET", f"{trading}/inquire-psbl-rvsecncl", _simple(psbl_rvsecncl), real="TTTC0084R TTTC8036R")
    add("GET", f"{trading}/inquire-psbl-sell", _simple(psbl_sell), real="TTTC8408R")
    return table


SERVICES = _services()
PATHS = tuple(dict.fromkeys(service.path for service in SERVICES.values()))

# real services that this simulator does not play: on paper they are refused as KIS refuses them
_NOT_PLAYED = [
    "FHPST01010000",
    "FHKST03010230",
    "FHPUP02100000",
    "FHPST01390000",
    "FHPST01710000",
    "FHPST01740000",
    "FHKST11300006",
    "CTPF1002R",
    "CTPF1604R",
    "HHMCM000002C0",
    "TTTC8494R",
    "TTTC8715R",
    "TTTC8708R",
    "CTRP6548R",
    "TTTC0869R",
    "CTSC0008U",
    "CTSC0009U",
    "CTSC0013U",
    "CTSC0004R",
    "CTRGA011R",
    "HHKDB669102C0",
    "HHKDB669105C0",
    "FHKST117300C0",
]


class CallBudget:
    """At most `per_second` calls in any window of one second; 0 lets everything through."""

    def __init__(self, per_second: int) -> None:
        self._per_second = per_second
        self._calls: deque[float] = deque()

    def take(self, at: float) -> bool:
        """Count a call made at `at` seconds and tell whether it is within the limit."""
        if not self._per_second:
            return True
        while self._calls and at - self._calls[0] >= 1.0:
            self._calls.popleft()
        self._calls.append(at)
        return len(self._calls) <= self._per_second


class Gateway:
    """Lets a request through to its service, or says why not."""

    def __init__(self, venue: Venue, desk: KeyDesk) -> None:
        self._venue = venue
        self._desk = desk
        limit = venue.settings.rate_limit_per_s
        self._budget = CallBudget(venue.profile.rate_limit_per_s if limit is None else limit)

    def admit(self, method: str, path: str, headers: Mapping[str, str], at: float) -> Service:
        """Return the service asked for; raises `Failed`. `at` is the loop's time in seconds."""
        if not headers.get("content-type", "").lower().startswith("application/json"):
            raise Failed("EGW00132", "Content-Type이 유효하지 않습니다.")
        try:
            self._desk.identify(headers.get("appkey"), headers.get("appsecret"))
            self._desk.check(headers.get("authorization"), self._venue.now())
        except KeyRefused as refused:
            raise Failed(refused.code, refused.text) from None
        if not self._budget.take(at):
            raise Failed("EGW00201", "초당 거래건수를 초과하였습니다.")
        if headers.get("custtype") not in ("P", "B"):
            raise Failed("EGW00208", "유효하지 않은 custtype 입니다.")
        return self._service(method, path, headers.get("tr_id", ""))

    def check_account(self, fields: Fields) -> None:
        """Raise `Failed` unless the request names our account."""
        settings = self._venue.settings
        if (fields.text("CANO"), fields.text("ACNT_PRDT_CD")) != (settings.account_no, settings.product):
            raise Failed(*self._venue.profile.wrong_account)

    def _service(self, method: str, path: str, tr_id: str) -> Service:
        service = SERVICES.get(tr_id)
        on_paper = self._venue.profile.name == "paper"
        if on_paper and (tr_id in _NOT_PLAYED or (service is not None and not service.on_paper)):
            raise Failed("EGW02006", "모의투자 TR 이 아닙니다.")
        known = service is not None and (service.on_paper if on_paper else service.on_real)
        if service is None or not known or (service.method, service.path) != (method, path):
            raise Failed("EGW00310", "유효하지 않은 TR ID 입니다.")
        return service
