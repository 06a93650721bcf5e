"""The two keys KIS issues us: the access token of REST calls and the stream key of the WebSocket.

Rules of this room
    One issuance at a time, however many ask; who waited for one that failed hears of the same failure.
    The access token is renewed on the change of the date in Seoul and ten minutes early, the stream key
    an hour early.
    KIS's word outranks the clock: a refused key is forgotten, by everybody, at once.
    The access token is asked for at most once a minute; told to wait (EGW00133) we wait that minute and
    ask once more.
    An issuance that has begun is finished, though who asked for it is cancelled: KIS has counted it.
    For six hours KIS answers with the same token. So one whose stated end has come as it is issued (a wrong
    date, a wrong clock) is used for these six hours unless KIS refuses it.
    A new key that is refused as well makes the gap to the next issuance longer, time and again, up to an hour;
    in that time who asks is refused at once.
    Any other failure reaches the caller as it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Mapping
from copy import copy
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from kis_daemon.domain.calendar import KST
from kis_daemon.kis.budget import Budget, Priority
from kis_daemon.kis.credentials import Credentials
from kis_daemon.kis.key_file import Key, KeyFile
from kis_daemon.kis.transport import Transport
from kis_daemon.kis.wire import Row
from kis_daemon.kis.wire_errors import ISSUE_LIMIT, read_key
from kis_daemon.ports import AccessRefused, BrokerError, Clock, ProtocolError, RateLimited

log = structlog.get_logger(__name__)

ISSUE_GAP_S = 60.0
LIFETIME = timedelta(hours=24)
SAME_TOKEN_FOR = timedelta(hours=6)
_LONGEST_GAP_S = 3600.0
_EXPIRY_FORMAT = "%Y-%m-%d %H:%M:%S"


class Issuer(Protocol):
    """One kind of key: its name, how it is asked for, and when it is too old."""

    kind: str
    gap_s: float

    async def issue(self) -> Key: ...

    def is_usable(self, key: Key, now: datetime) -> bool: ...


class AccessTokens:
    """Issues access tokens (KIS manual, 접근토큰발급(P), /oauth2/tokenP)."""

    kind = "access_token"
    gap_s = ISSUE_GAP_S

    def __init__(self, transport: Transport, budget: Budget, credentials: Credentials, clock: Clock) -> None:
        self._transport = transport
        self._budget = budget
        self._credentials = credentials
        self._clock = clock

    async def issue(self) -> Key:
        asked_at = self._clock.now()
        body = {
            "grant_type": "client_credentials",
            "appkey": self._credentials.app_key,
            "appsecret": self._credentials.app_secret,
        }
        row = await _ask(self._transport, self._budget, "/oauth2/tokenP", body)
        return Key(text=_needed(row, "access_token"), issued_at=asked_at, expires_at=read_expiry(row, asked_at))

    def is_usable(self, key: Key, now: datetime) -> bool:
        return now < key.expires_at - timedelta(minutes=10) and now.date() == key.issued_at.date()


class StreamKeys:
    """Issues stream keys (KIS manual, 실시간 (웹소켓) 접속키 발급, /oauth2/Approval)."""

    kind = "stream_key"
    gap_s = 1.0

    def __init__(self, transport: Transport, budget: Budget, credentials: Credentials, clock: Clock) -> None:
        self._transport = transport
        self._budget = budget
        self._credentials = credentials
        self._clock = clock

    async def issue(self) -> Key:
        asked_at = self._clock.now()
        body = {
            "grant_type": "client_credentials",
            "appkey": self._credentials.app_key,
            "secretkey": self._credentials.app_secret,  # the same secret under another name
        }
        row = await _ask(self._transport, self._budget, "/oauth2/Approval", body)
        return Key(text=_needed(row, "approval_key"), issued_at=asked_at, expires_at=asked_at + LIFETIME)

    def is_usable(self, key: Key, now: datetime) -> bool:
        return now < key.expires_at - timedelta(hours=1)


async def _ask(transport: Transport, budget: Budget, path: str, body: Mapping[str, str]) -> Row:
    """Return what KIS issued; met with the limit of all calls, we step back as after any call."""
    async with budget.turn(Priority.KEY) as slot:
        answer = await transport.post(path, body, slot)
    try:
        return read_key(answer)
    except RateLimited as limited:
        if limited.code != ISSUE_LIMIT:
            budget.refused(limited.retry_after_s)
        raise


def _needed(row: Row, key: str) -> str:
    text = row.text(key)
    if not text:
        raise ProtocolError(f"{key}: expected a key")
    return text


def read_expiry(row: Row, asked_at: datetime) -> datetime:
    """Return when a token ends: the stated moment; only without one `expires_in`, which can be wrong."""
    stated = row.text("access_token_token_expired")
    if stated:
        try:
            return datetime.strptime(stated, _EXPIRY_FORMAT).replace(tzinfo=KST)
        except ValueError:
            raise ProtocolError("access_token_token_expired: expected a date and a time") from None
    lasts_s = row.count("expires_in", int(LIFETIME.total_seconds()))
    return asked_at + min(timedelta(seconds=min(lasts_s, 10**6)), LIFETIME)


class KeyKeeper:
    """Keeps one kind of key valid. See the rules above."""

    def __init__(self, issuer: Issuer, file: KeyFile, clock: Clock) -> None:
        self._issuer = issuer
        self._file = file
        self._clock = clock
        self._lock = asyncio.Lock()
        self._key: Key | None = None
        self._held_until = -math.inf  # a key of our own call is used until then, whatever it says of its end
        self._refused = ""
        self._refusals = 0
        self._answered_at: float | None = None
        self._failures = 0
        self._failure: BrokerError | None = None

    def current(self) -> str | None:
        """Return the key if it is good at this moment."""
        if self._key is None:
            return None
        if self._issuer.is_usable(self._key, self._clock.now()) or _loop_s() < self._held_until:
            return self._key.text
        return None

    async def key(self) -> str:
        """Return a good key, issued now if there is none; raises what its issuance raised."""
        if (text := self.current()) is not None:
            return text
        failures = self._failures
        async with self._lock:
            if (text := self.current()) is not None:
                return text
            if self._failures != failures and self._failure is not None:
                raise copy(self._failure)
            self._adopt_stored()
            if (text := self.current()) is not None:
                return text
            return (await self._renew()).text

    async def warm(self, until: datetime) -> bool:
        """Have a key that is good until then, if KIS can be brought to issue one; tell whether there is a good one."""
        try:
            await self.key()
            async with self._lock:
                if self._ends_before(until):
                    await self._renew()
        except BrokerError:
            return self.current() is not None  # it was logged; the next call meets it, if it lasts
        return True

    def refuse(self, text: str) -> None:
        """Forget the key if it is still this one: KIS does not accept it."""
        if self._key is not None and self._key.text == text:
            log.warning(f"{self._issuer.kind}_refused")
            self._refusals = self._refusals + 1 if self._since_answer_s() < _LONGEST_GAP_S else 1
            self._key = None
            self._refused = text
            self._file.save(self._issuer.kind, None)

    def confirm(self, text: str) -> None:
        """Note that KIS has accepted this key: what it refused before is over."""
        if self._key is not None and self._key.text == text:
            self._refusals = 0

    def _ends_before(self, until: datetime) -> bool:
        """Whether the key will not do until then, and another one can be had."""
        if self._key is None:
            return True
        is_old = self._clock.now() - self._key.issued_at >= SAME_TOKEN_FOR
        return is_old and not self._issuer.is_usable(self._key, until)

    def _adopt_stored(self) -> None:
        """Take over what an earlier run, or another process of this key set, has stored."""
        stored = self._file.load(self._issuer.kind)
        if stored is not None and stored.text != self._refused:
            self._key, self._held_until = stored, -math.inf

    async def _renew(self) -> Key:
        try:
            await self._keep_the_gap()
            try:
                return await self._issue_whole()
            except RateLimited as limited:
                if limited.code != ISSUE_LIMIT:
                    raise
                log.warning(f"{self._issuer.kind}_waits", seconds=limited.retry_after_s)
                await asyncio.sleep(limited.retry_after_s)
                return await self._issue_whole()
        except BrokerError as error:
            self._failures += 1
            self._failure = error
            log.error(f"{self._issuer.kind}_not_issued", error=type(error).__name__, code=error.code, reason=str(error))
            raise

    async def _keep_the_gap(self) -> None:
        gap_s = self._issuer.gap_s * 2.0 ** max(0, self._refusals - 1)
        left_s = min(gap_s, _LONGEST_GAP_S) - self._since_answer_s()
        if left_s > self._issuer.gap_s:
            raise AccessRefused(f"{self._refusals} keys were refused one after the other; next in {left_s:.0f} s")
        await asyncio.sleep(max(0.0, left_s))

    def _since_answer_s(self) -> float:
        return math.inf if self._answered_at is None else _loop_s() - self._answered_at

    async def _issue_whole(self) -> Key:
        """Have a key issued and keep it, even if the caller is cancelled meanwhile."""
        issuance = asyncio.create_task(self._issue(), name=f"{self._issuer.kind}_issuance")
        try:
            return await asyncio.shield(issuance)
        except asyncio.CancelledError:
            with contextlib.suppress(BrokerError):
                await issuance
            raise

    async def _issue(self) -> Key:
        try:
            key = await self._issuer.issue()
        except BrokerError as error:
            if error.code:  # KIS answered, and counts it
                self._answered_at = _loop_s()
            raise
        self._answered_at = _loop_s()
        self._key, self._held_until = key, self._answered_at + ISSUE_GAP_S
        if not self._issuer.is_usable(key, self._clock.now()):
            self._held_until = self._answered_at + SAME_TOKEN_FOR.total_seconds()
            log.warning(f"{self._issuer.kind}_end_not_believed", expires_at=key.expires_at.isoformat())
        self._file.save(self._issuer.kind, key)
        log.info(f"{self._issuer.kind}_issued", expires_at=key.expires_at.isoformat())
        return key


def _loop_s() -> float:
    return asyncio.get_running_loop().time()
