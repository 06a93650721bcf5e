"""Who we are to KIS: key, secret, account and login name, none of which is ever shown."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from kis_daemon.kis.capabilities import KisProfile

CANO_LENGTH = 8
PRODUCT_LENGTH = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """One key set of one environment. `account`: the ten digits of CANO and product code, no hyphen."""

    app_key: str = field(repr=False)
    app_secret: str = field(repr=False)
    account: str = field(repr=False)
    hts_id: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        digits = self.account.isascii() and self.account.isdigit()
        if not digits or len(self.account) != CANO_LENGTH + PRODUCT_LENGTH:
            raise ValueError("account: expected eight digits and a two-digit product code")
        if not self.app_key or not self.app_secret:
            raise ValueError("app key and app secret: expected both")

    @property
    def cano(self) -> str:
        return self.account[:CANO_LENGTH]

    @property
    def product(self) -> str:
        return self.account[CANO_LENGTH:]

    def owner(self, profile: KisProfile) -> str:
        """Return what a stored key is bound to: a hash of app key and profile, which tells neither."""
        return hashlib.sha256(f"{profile}|{self.app_key}".encode()).hexdigest()
