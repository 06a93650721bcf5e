"""The key desk: access tokens and stream keys, as the contract's section 2.3 tells their lives.

Rules of this room
    A call within 60 s of the one before is refused (EGW00133). A token younger than 6 h is handed out again; an older
    one is followed by a new one, and both live for their 24 h.
    A stream key lives for 24 h and is asked for only when something is registered with it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random

LIFETIME = timedelta(hours=24)
SAME_TOKEN_FOR = timedelta(hours=6)
BETWEEN_CALLS = timedelta(seconds=60)
_JWT_HEAD = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzUxMiJ9"


class KeyRefused(Exception):
    """A key, secret or token was not accepted; `code` and the text go to the caller as they are."""

    def __init__(self, code: str, text: str, status: int = 403) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.status = status


class KeyDesk:
    """Issues and checks the tokens of one app key."""

    def __init__(self, app_key: str, app_secret: str, chance: Random) -> None:
        self._app_key = app_key
        self._app_secret = app_secret
        self._chance = chance
        self._tokens: dict[str, datetime] = {}
        self._newest: tuple[str, datetime] | None = None
        self._last_call: datetime | None = None
        self._stream_keys: dict[str, datetime] = {}

    def identify(self, app_key: str | None, app_secret: str | None, status: int = 403) -> None:
        """Raise `KeyRefused` unless both are those of the account."""
        if not app_key:
            raise KeyRefused("EGW00102", "AppKey는 필수입니다.", status)
        if app_key != self._app_key:
            raise KeyRefused("EGW00103", "유효하지 않은 AppKey입니다.", status)
        if not app_secret:
            raise KeyRefused("EGW00104", "AppSecret은 필수입니다.", status)
        if app_secret != self._app_secret:
            raise KeyRefused("EGW00105", "유효하지 않은 AppSecret입니다.", status)

    def issue(self, now: datetime) -> tuple[str, datetime]:
        """Return (token, when it expires)."""
        if self._last_call is not None and now - self._last_call < BETWEEN_CALLS:
            raise KeyRefused("EGW00133", "접근토큰 발급 잠시 후 다시 시도하세요(1분당 1회)")
        self._last_call = now
        if self._newest is None or now - self._newest[1] >= SAME_TOKEN_FOR or self._newest[0] not in self._tokens:
            self._newest = (f"{_JWT_HEAD}.{self._hex(60)}.{self._hex(60)}", now)
            self._tokens[self._newest[0]] = now + LIFETIME
        return self._newest[0], self._tokens[self._newest[0]]

    def revoke(self, token: str) -> None:
        """Forget `token`; `KeyRefused` if it is not known."""
        if self._tokens.pop(token, None) is None:
            raise KeyRefused("EGW00121", "유효하지 않은 token 입니다.")

    def check(self, authorization: str | None, now: datetime) -> None:
        """Raise `KeyRefused` unless the header carries a living token."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme != "Bearer":
            raise KeyRefused("EGW00205", "credentials_type이 유효하지 않습니다.(Bearer)", 500)
        if not token.strip():
            raise KeyRefused("EGW00122", "token 을 찾을 수 없습니다.", 500)
        expires_at = self._tokens.get(token.strip())
        if expires_at is None:
            raise KeyRefused("EGW00121", "유효하지 않은 token 입니다.", 500)
        if now >= expires_at:
            raise KeyRefused("EGW00123", "기간이 만료된 token 입니다.", 500)

    def stream_key(self, now: datetime) -> str:
        """Return a new key for the stream."""
        text = self._hex(16)
        key = f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:32]}"
        self._stream_keys[key] = now + LIFETIME
        return key

    def opens_stream(self, key: str, now: datetime) -> bool:
        expires_at = self._stream_keys.get(key)
        return expires_at is not None and now < expires_at

    def _hex(self, count: int) -> str:
        return self._chance.randbytes(count).hex()
