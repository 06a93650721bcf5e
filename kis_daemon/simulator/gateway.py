"""The gate in front of every REST service: who asks, how often, and for what.

Rules of this room
    Checked in this order, and the first trouble is the answer: content type, app key and secret, access token, calls
    a second, customer type, TR id and venue, account; the fields themselves are the service's affair.
    Trouble at the gate is HTTP 500 with a JSON body; the business's own refusals are HTTP 200.
    A GET without a content type and a call without a customer type pass: clients that live on KIS send neither.
    A call counts in the second it was made in, whatever is wrong with it; one beyond the limit only where the settings
    say so. KIS does not tell; who asks twice a second on paper, as python-kis does, would else never come through.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from datetime import timedelta

from kis_daemon.simulator.fields import Fields
from kis_daemon.simulator.rest_services import SERVICES, Service
from kis_daemon.simulator.tokens import KeyDesk, KeyRefused
from kis_daemon.simulator.venue import Venue
from kis_daemon.simulator.wire import Failed

# a customer who has just applied for the API is held back; paper is not
NEWCOMER_PER_S = 3
NEWCOMER_FOR = timedelta(days=3)


class CallBudget:
    """At most `per_second` calls in any window of one second; 0 lets everything through.

    A call beyond the limit fills the window only with `counts_excess`: then who never slows down never comes through.
    """

    def __init__(self, per_second: int, *, counts_excess: bool = False) -> None:
        self._per_second = per_second
        self._counts_excess = counts_excess
        self._calls: deque[float] = deque()

    def take(self, at: float) -> bool:
        """Count a call made at `at` seconds and tell whether it is within the limit."""
        if not self._per_second:
            return True
        while self._calls and at - self._calls[0] >= 1.0:
            self._calls.popleft()
        is_within = len(self._calls) < self._per_second
        if is_within or self._counts_excess:
            self._calls.append(at)
        return is_within


class Gateway:
    """Lets a request through to its service, or says why not."""

    def __init__(self, venue: Venue, desk: KeyDesk) -> None:
        self._venue = venue
        self._desk = desk
        limit, counts_excess = venue.settings.rate_limit_per_s, venue.settings.counts_excess_calls
        limit = venue.profile.rate_limit_per_s if limit is None else limit
        self._budget = CallBudget(limit, counts_excess=counts_excess)
        self._newcomer = CallBudget(NEWCOMER_PER_S, counts_excess=counts_excess)

    def admit(self, method: str, path: str, headers: Mapping[str, str], at: float) -> Service:
        """Return the service asked for; raises `Failed`. `at` is the loop's time in seconds."""
        content_type = headers.get("content-type", "")
        if not content_type.lower().startswith("application/json") and (content_type or method != "GET"):
            raise Failed("EGW00132", "Content-Type이 유효하지 않습니다.")
        try:
            self._desk.identify(headers.get("appkey"), headers.get("appsecret"))
            self._desk.check(headers.get("authorization"), self._venue.now())
        except KeyRefused as refused:
            raise Failed(refused.code, refused.text) from None
        if not self._takes(at):
            raise Failed("EGW00201", "초당 거래건수를 초과하였습니다.")
        if headers.get("custtype", "P") not in ("P", "B"):
            raise Failed("EGW00208", "유효하지 않은 custtype 입니다.")
        return self._service(method, path, headers.get("tr_id", ""))

    def check_account(self, fields: Fields) -> None:
        """Raise `Failed` unless the request names our account."""
        settings = self._venue.settings
        if (fields.text("CANO"), fields.text("ACNT_PRDT_CD")) != (settings.account_no, settings.product):
            raise Failed(*self._venue.profile.wrong_account)

    def _takes(self, at: float) -> bool:
        """Count a call against the limit, and against the newcomer's while it lasts."""
        applied_on = self._venue.settings.applied_on if self._venue.profile.name == "real" else None
        is_new = applied_on is not None and self._venue.now().date() - applied_on < NEWCOMER_FOR
        return (self._newcomer if is_new else self._budget).take(at)

    def _service(self, method: str, path: str, tr_id: str) -> Service:
        service = SERVICES.get(tr_id)
        on_paper = self._venue.profile.name == "paper"
        if on_paper and service is not None and not service.on_paper:
            raise Failed("EGW02006", "모의투자 TR 이 아닙니다.")
        known = service is not None and (service.on_paper if on_paper else service.on_real)
        if service is None or not known or (service.method, service.path) != (method, path):
            raise Failed("EGW00310", "유효하지 않은 TR ID 입니다.")
        return service
