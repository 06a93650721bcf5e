"""What every call needs before it may leave: a budget slot and an access token, good at the same moment.

What KIS answers of token and number is heeded here, for everybody: HTTP 429 and EGW00201 say that our app key made
too many calls, EGW00215 that all customers together press on the ledger.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from types import TracebackType

import structlog
from multidict import istr

from kis_daemon.kis.budget import Budget, Priority, Slot
from kis_daemon.kis.credentials import Credentials
from kis_daemon.kis.tokens import KeyKeeper
from kis_daemon.kis.transport import JSON_TYPE
from kis_daemon.kis.wire_errors import CALL_LIMITS_S, AccessTokenRefused
from kis_daemon.ports import BrokerError, NoSlotInTime, RateLimited

log = structlog.get_logger(__name__)

_OF_THE_LEDGER = "EGW00215"
_HTTP_TOO_MANY = 429
_UNTOLD_S = 1.0  # how long a 429 without KIS's code keeps us back

# aiohttp reads a name written so without lowering it again at every call
_CONTENT_TYPE, _AUTHORIZATION, _APP_KEY = istr("content-type"), istr("authorization"), istr("appkey")
_APP_SECRET, _TR_ID, _TR_CONT, _CUSTOMER = istr("appsecret"), istr("tr_id"), istr("tr_cont"), istr("custtype")


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Leave for one call: its slot, and a token that is good now."""

    token: str = field(repr=False)
    slot: Slot


class Access:
    """Lets calls out, and listens to what KIS says of their token and of their number."""

    def __init__(self, keeper: KeyKeeper, budget: Budget, credentials: Credentials) -> None:
        self._keeper = keeper
        self._budget = budget
        self._credentials = credentials

    def admit(self, priority: Priority, *, tr_id: str = "", within_s: float | None = None) -> _Turn:
        """Hold a good access token and the slot of one call; `NoSlotInTime` if none is free within `within_s`."""
        return _Turn(self, priority, tr_id, within_s)

    async def admission(self, priority: Priority, tr_id: str, within_s: float | None) -> Admission:
        """Return what `admit` holds; the slot is its caller's to end."""
        ends = None if within_s is None else asyncio.get_running_loop().time() + within_s
        while True:
            if self._keeper.current() is None:
                await self._key(ends)
            slot = await self._budget.slot(priority, tr_id=tr_id, within_s=_left_s(ends))
            token = None
            try:
                token = self._keeper.current()
            finally:
                if token is None:
                    slot.end()
            if token is not None:
                return Admission(token=token, slot=slot)
            # the wait was long enough for the token to end: both are sought again

    async def _key(self, ends: float | None) -> None:
        try:
            async with asyncio.timeout_at(ends):
                await self._keeper.key()
        except TimeoutError:
            raise NoSlotInTime("no access token was issued in time") from None

    def headers(self, token: str, tr_id: str, *, continued: bool = False) -> dict[str, str]:
        """Return the headers of a call (KIS manual, REST 공통 헤더)."""
        return {
            _CONTENT_TYPE: JSON_TYPE,
            _AUTHORIZATION: f"Bearer {token}",
            _APP_KEY: self._credentials.app_key,
            _APP_SECRET: self._credentials.app_secret,
            _TR_ID: tr_id,
            _TR_CONT: "N" if continued else "",
            _CUSTOMER: "P",
        }

    def heeding(self, token: str, status: int = 200) -> _Heeding:
        """Read an answer inside: a refused token is forgotten, a met limit holds calls back for a while."""
        return _Heeding(self, token, status)

    def heed(self, error: BaseException | None, token: str, status: int) -> None:
        """Take note of how an answer read."""
        if error is None:
            self._keeper.confirm(token)
        elif isinstance(error, AccessTokenRefused):
            self._keeper.refuse(token)
        elif isinstance(error, BrokerError):
            self._step_back(error, status)

    def _step_back(self, error: BrokerError, status: int) -> None:
        wait_s = CALL_LIMITS_S.get(error.code, _UNTOLD_S if status == _HTTP_TOO_MANY else 0.0)
        if isinstance(error, RateLimited):
            wait_s = error.retry_after_s
        if wait_s <= 0:
            return
        by_the_ledger = error.code == _OF_THE_LEDGER
        log.warning("rest_rate_limit_cooldown", code=error.code, retry_after_s=wait_s, by_the_ledger=by_the_ledger)
        self._budget.refused(wait_s, by_the_ledger=by_the_ledger)


class _Turn:
    """The leave of one call, held while it lasts; a generator would cost each call more than its slot does."""

    __slots__ = ("_access", "_admission", "_priority", "_tr_id", "_within_s")

    def __init__(self, access: Access, priority: Priority, tr_id: str, within_s: float | None) -> None:
        self._access = access
        self._priority = priority
        self._tr_id = tr_id
        self._within_s = within_s

    async def __aenter__(self) -> Admission:
        self._admission = await self._access.admission(self._priority, self._tr_id, self._within_s)
        return self._admission

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._admission.slot.end()


class _Heeding:
    """The reading of one answer."""

    __slots__ = ("_access", "_status", "_token")

    def __init__(self, access: Access, token: str, status: int) -> None:
        self._access = access
        self._token = token
        self._status = status

    def __enter__(self) -> None:
        return

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._access.heed(error, self._token, self._status)


def _left_s(ends: float | None) -> float | None:
    return None if ends is None else ends - asyncio.get_running_loop().time()
