"""What exists on which venue: one table from our purpose to the path and TR id of each profile.

KIS manual, menu 국내주식, and the paper collection of its samples: what paper lacks, and what stands in there.

    OPEN_ORDERS             daily listing of the unfilled (`ORDERS` with CCLD_DVSN 02)
    SELLABLE                the sellable shares of the balance's row
    MULTI_PRICE             the price of each symbol, one by one
    PAST_MINUTES, RANKS,    nothing: `NotOnThisVenue`; our records, the master file and the calendar
    STOCK_INFO, HOLIDAYS,   file know what these tell
    REALIZED_*
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from kis_daemon.ports import NotOnThisVenue

_QUOTATIONS = "/uapi/domestic-stock/v1/quotations"
_RANKING = "/uapi/domestic-stock/v1/ranking"
_TRADING = "/uapi/domestic-stock/v1/trading"


class KisProfile(StrEnum):
    """Which of KIS's two separate worlds a key belongs to."""

    REAL = "REAL"
    PAPER = "PAPER"


class Generation(StrEnum):
    """Which TR ids of the ledger are used: those since 2025-03, or the older ones, which know KRX only.

    The older "may be blocked without notice"; they are for a server that does not know the newer.
    """

    NEW = "NEW"
    OLD = "OLD"


class Purpose(StrEnum):
    """What we ask of KIS."""

    PRICE = "price"
    MULTI_PRICE = "prices of thirty symbols"
    ORDER_BOOK = "order book"
    DAILY_CHART = "daily chart"
    RECENT_DAYS = "last thirty days"
    MINUTES = "minutes of today"
    PAST_MINUTES = "minutes of a past day"
    RANK_BY_TRADE = "ranking by trade"
    RANK_BY_VALUE = "ranking by market value"
    STOCK_INFO = "stock info"
    HOLIDAYS = "holidays"
    BUY = "buy"
    SELL = "sell"
    MODIFY_OR_CANCEL = "modify or cancel"
    BUYABLE = "buyable quantity"
    SELLABLE = "sellable quantity"
    BALANCE = "balance"
    OPEN_ORDERS = "open orders"
    ORDERS = "orders of the last three months"
    OLD_ORDERS = "orders of more than three months ago"
    REALIZED_TODAY = "realized profit of today"
    REALIZED_BY_SYMBOL = "realized profit by symbol"
    REALIZED_BY_DAY = "realized profit by day"
    TRADES = "stream of trades"
    NOTICES = "stream of notices"


@dataclass(frozen=True, slots=True, kw_only=True)
class Capability:
    """Where a purpose is served and under which TR id; `None`: not on that venue. Streams have no path.

    `older` is its real TR id before 2025-03, where it had another.
    """

    real: str
    paper: str | None
    path: str = ""
    older: str | None = None


def _quotation(name: str, real: str, *, on_paper: bool = True, menu: str = _QUOTATIONS) -> Capability:
    """TR ids that tell prices are the same on both venues."""
    return Capability(path=f"{menu}/{name}", real=real, paper=real if on_paper else None)


def _ledger(name: str, real: str, *, on_paper: bool = True, older: str | None = None) -> Capability:
    """A ledger's TR id on paper is the real one with a V in front."""
    return Capability(path=f"{_TRADING}/{name}", real=real, paper=_paper_id(real) if on_paper else None, older=older)


def _paper_id(real: str) -> str:
    return "V" + real[1:]


CAPABILITIES: dict[Purpose, Capability] = {
    Purpose.PRICE: _quotation("inquire-price", "FHKST01010100"),
    Purpose.MULTI_PRICE: _quotation("intstock-multprice", "FHKST11300006", on_paper=False),
    Purpose.ORDER_BOOK: _quotation("inquire-asking-price-exp-ccn", "FHKST01010200"),
    Purpose.DAILY_CHART: _quotation("inquire-daily-itemchartprice", "FHKST03010100"),
    Purpose.RECENT_DAYS: _quotation("inquire-daily-price", "FHKST01010400"),
    Purpose.MINUTES: _quotation("inquire-time-itemchartprice", "FHKST03010200"),
    Purpose.PAST_MINUTES: _quotation("inquire-time-dailychartprice", "FHKST03010230", on_paper=False),
    Purpose.RANK_BY_TRADE: _quotation("volume-rank", "FHPST01710000", on_paper=False),
    Purpose.RANK_BY_VALUE: _quotation("market-cap", "FHPST01740000", on_paper=False, menu=_RANKING),
    Purpose.STOCK_INFO: _quotation("search-stock-info", "CTPF1002R", on_paper=False),
    Purpose.HOLIDAYS: _quotation("chk-holiday", "CTCA0903R", on_paper=False),
    Purpose.BUY: _ledger("order-cash", "TTTC0012U", older="TTTC0802U"),
    Purpose.SELL: _ledger("order-cash", "TTTC0011U", older="TTTC0801U"),
    Purpose.MODIFY_OR_CANCEL: _ledger("order-rvsecncl", "TTTC0013U", older="TTTC0803U"),
    Purpose.BUYABLE: _ledger("inquire-psbl-order", "TTTC8908R"),
    Purpose.SELLABLE: _ledger("inquire-psbl-sell", "TTTC8408R", on_paper=False),
    Purpose.BALANCE: _ledger("inquire-balance", "TTTC8434R"),
    Purpose.OPEN_ORDERS: _ledger("inquire-psbl-rvsecncl", "TTTC0084R", on_paper=False, older="TTTC8036R"),
    Purpose.ORDERS: _ledger("inquire-daily-ccld", "TTTC0081R", older="TTTC8001R"),
    Purpose.OLD_ORDERS: _ledger("inquire-daily-ccld", "CTSC9215R", older="CTSC9115R"),
    Purpose.REALIZED_TODAY: _ledger("inquire-balance-rlz-pl", "TTTC8494R", on_paper=False),
    Purpose.REALIZED_BY_SYMBOL: _ledger("inquire-period-trade-profit", "TTTC8715R", on_paper=False),
    Purpose.REALIZED_BY_DAY: _ledger("inquire-period-profit", "TTTC8708R", on_paper=False),
    Purpose.TRADES: Capability(real="H0STCNT0", paper="H0STCNT0"),
    Purpose.NOTICES: Capability(real="H0STCNI0", paper="H0STCNI9"),
}

# Where orders are listed: leaving NXT and SOR out hides fills; PAPER knows KRX only and refuses the rest.
LISTED_VENUES: dict[KisProfile, str] = {KisProfile.REAL: "ALL", KisProfile.PAPER: "KRX"}


def path_of(purpose: Purpose) -> str:
    """Return the path that serves `purpose`."""
    return CAPABILITIES[purpose].path


def is_offered(purpose: Purpose, profile: KisProfile) -> bool:
    """Whether `profile` serves `purpose` at all."""
    return profile is KisProfile.REAL or CAPABILITIES[purpose].paper is not None


def tr_id(purpose: Purpose, profile: KisProfile, generation: Generation = Generation.NEW) -> str:
    """Return the TR id of `purpose` on `profile`; `NotOnThisVenue` where there is none."""
    capability = CAPABILITIES[purpose]
    if profile is KisProfile.PAPER and capability.paper is None:
        raise NotOnThisVenue(f"{purpose.value}: KIS does not offer it on paper")
    if generation is Generation.OLD and capability.older is not None:
        return capability.older if profile is KisProfile.REAL else _paper_id(capability.older)
    return capability.real if profile is KisProfile.REAL or capability.paper is None else capability.paper
