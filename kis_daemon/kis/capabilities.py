"""What exists on which venue: one table from our purpose to the path and TR id of each profile.

KIS manual, menu 국내주식: TR ids since 2025-03 (the older ones "may be blocked without notice").
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

_QUOTATIONS = "/uapi/domestic-stock/v1/quotations"
_TRADING = "/uapi/domestic-stock/v1/trading"


class KisProfile(StrEnum):
    """Which of KIS's two separate worlds a key belongs to."""

    REAL = "REAL"
    PAPER = "PAPER"


class Purpose(StrEnum):
    """What we ask of KIS."""

    PRICE = "price"
    DAILY_CHART = "daily chart"
    BUY = "buy"
    SELL = "sell"
    CANCEL = "cancel"
    BUYABLE = "buyable quantity"
    BALANCE = "balance"
    ORDERS = "orders of the last three months"
    OLD_ORDERS = "orders of more than three months ago"
    TRADES = "stream of trades"
    NOTICES = "stream of notices"


@dataclass(frozen=True, slots=True, kw_only=True)
class Capability:
    """Where a purpose is served and under which TR id; `None`: not on that venue. Streams have no path."""

    real: str | None
    paper: str | None
    path: str = ""


CAPABILITIES: dict[Purpose, Capability] = {
    Purpose.PRICE: Capability(path=f"{_QUOTATIONS}/inquire-price", real="FHKST01010100", paper="FHKST01010100"),
    Purpose.DAILY_CHART: Capability(
        path=f"{_QUOTATIONS}/inquire-daily-itemchartprice", real="FHKST03010100", paper="FHKST03010100"
    ),
    Purpose.BUY: Capability(path=f"{_TRADING}/order-cash", real="TTTC0012U", paper="VTTC0012U"),
    Purpose.SELL: Capability(path=f"{_TRADING}/order-cash", real="TTTC0011U", paper="VTTC0011U"),
    Purpose.CANCEL: Capability(path=f"{_TRADING}/order-rvsecncl", real="TTTC0013U", paper="VTTC0013U"),
    Purpose.BUYABLE: Capability(path=f"{_TRADING}/inquire-psbl-order", real="TTTC8908R", paper="VTTC8908R"),
    Purpose.BALANCE: Capability(path=f"{_TRADING}/inquire-balance", real="TTTC8434R", paper="VTTC8434R"),
    Purpose.ORDERS: Capability(path=f"{_TRADING}/inquire-daily-ccld", real="TTTC0081R", paper="VTTC0081R"),
    Purpose.OLD_ORDERS: Capability(path=f"{_TRADING}/inquire-daily-ccld", real="CTSC9215R", paper="VTSC9215R"),
    Purpose.TRADES: Capability(real="H0STCNT0", paper="H0STCNT0"),
    Purpose.NOTICES: Capability(real="H0STCNI0", paper="H0STCNI9"),
}

# Where orders are listed: leaving NXT and SOR out hides fills; PAPER knows KRX only and refuses the rest.
LISTED_VENUES: dict[KisProfile, str] = {KisProfile.REAL: "ALL", KisProfile.PAPER: "KRX"}

REST_HOSTS: dict[KisProfile, str] = {
    KisProfile.REAL: "https://openapi.koreainvestment.com:9443",
    KisProfile.PAPER: "https://openapivts.koreainvestment.com:29443",
}
STREAM_HOSTS: dict[KisProfile, str] = {
    KisProfile.REAL: "ws://ops.koreainvestment.com:21000/tryitout",
    KisProfile.PAPER: "ws://ops.koreainvestment.com:31000/tryitout",
}


class NotOnThisVenue(LookupError):
    """KIS does not offer this on this profile; something else must stand in."""

    def __init__(self, purpose: Purpose, profile: KisProfile) -> None:
        super().__init__(f"{purpose.value} does not exist on {profile}")


def path_of(purpose: Purpose) -> str:
    """Return the path that serves `purpose`."""
    return CAPABILITIES[purpose].path


def tr_id(purpose: Purpose, profile: KisProfile) -> str:
    """Return the TR id of `purpose` on `profile`; `NotOnThisVenue` where there is none."""
    capability = CAPABILITIES[purpose]
    found = capability.real if profile is KisProfile.REAL else capability.paper
    if found is None:
        raise NotOnThisVenue(purpose, profile)
    return found
