"""What every call needs before it may leave: a budget slot and an access token, good at the same moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kis_daemon.kis.budget import Budget, Priority
from kis_daemon.kis.credentials import Credentials
from kis_daemon.kis.tokens import KeyKeeper
from kis_daemon.kis.transport import JSON_TYPE
from kis_daemon.kis.wire_errors import CALL_LIMITS_S, AccessTokenRefused
from kis_daemon.ports import BrokerError, RateLimited


class Access:
    """Lets calls out, and listens to what KIS says of their token and of their number."""

    def __init__(self, keeper: KeyKeeper, budget: Budget, credentials: Credentials) -> None:
        self._keeper = keeper
        self._budget = budget
        self._credentials = credentials

    async def admit(self, priority: Priority) -> str:
        """Return a good access token at the moment when this caller may call."""
        while True:
            await self._keeper.key()
            await self._budget.slot(priority)
            # the wait may have been long enough for the token to end; then both are sought again
            if (token := self._keeper.current()) is not None:
                return token

    def headers(self, token: str, tr_id: str, *, continued: bool = False) -> dict[str, str]:
        """Return the headers of a call (KIS manual, REST 공통 헤더)."""
        return {
            "content-type": JSON_TYPE,
            "authorization": f"Bearer {token}",
            "appkey": self._credentials.app_key,
            "appsecret": self._credentials.app_secret,
            "tr_id": tr_id,
            "tr_cont": "N" if continued else "",
            "custtype": "P",
        }

    @contextmanager
    def heeding(self, token: str) -> Iterator[None]:
        """Read an answer inside: a refused token is forgotten, a met limit stops all calls for a while."""
        try:
            yield
        except AccessTokenRefused:
            self._keeper.refuse(token)
            raise
        except BrokerError as error:
            known_s = CALL_LIMITS_S.get(error.code, 0.0)
            self._budget.pause(error.retry_after_s if isinstance(error, RateLimited) else known_s)
            raise
