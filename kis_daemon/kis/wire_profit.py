"""What sales brought, on the wire. REAL only. Pure.

Rules of this room
    KIS manual, 주식잔고조회_실현손익 (inquire-balance-rlz-pl), 기간별손익일별합산조회 (inquire-period-profit),
    기간별매매손익현황조회 (inquire-period-trade-profit).
    A day, and a symbol on a day, stands there once; cash and credit trades of one symbol are added up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from kis_daemon.domain.market import Symbol, Won
from kis_daemon.kis.capabilities import KisProfile, Purpose, path_of, tr_id
from kis_daemon.kis.credentials import Credentials
from kis_daemon.kis.wire import Body, Question, Row
from kis_daemon.kis.wire_pages import FIRST_PAGE
from kis_daemon.kis.wire_values import read_day, read_symbol
from kis_daemon.ports import DayProfit, ListingChanged, ProtocolError, TradeProfit

_OLDEST_FIRST = "01"


def ask_realized_today(credentials: Credentials, profile: KisProfile) -> Question:
    """Return the question for the balance with what today's sales brought, costs included."""
    return Question(
        tr_id=tr_id(Purpose.REALIZED_TODAY, profile),
        path=path_of(Purpose.REALIZED_TODAY),
        params=(
            ("CANO", credentials.cano),
            ("ACNT_PRDT_CD", credentials.product),
            ("AFHR_FLPR_YN", "N"),
            ("OFL_YN", ""),
            ("INQR_DVSN", "00"),
            ("UNPR_DVSN", "01"),
            ("FUND_STTL_ICLD_YN", "N"),
            ("FNCG_AMT_AUTO_RDPT_YN", "N"),
            ("PRCS_DVSN", "00"),
            ("COST_ICLD_YN", "Y"),
            *FIRST_PAGE,
        ),
    )


def read_realized_today(pages: Sequence[Body]) -> Won:
    """Return today's sum; it is on the last page that has one."""
    found: Won | None = None
    for page in pages:
        for row in page.rows("output2"):
            if row.text("rlzt_pfls"):
                found = row.number("rlzt_pfls")
    if found is None:
        raise ProtocolError("output2: expected the realized profit")
    return found


def ask_profit_by_day(first: date, last: date, credentials: Credentials, profile: KisProfile) -> Question:
    """Return the question for the first page of the days of `first` to `last`, oldest first."""
    return _ask(Purpose.REALIZED_BY_DAY, first, last, credentials, profile, ("INQR_DVSN", "00"))


def ask_profit_by_symbol(first: date, last: date, credentials: Credentials, profile: KisProfile) -> Question:
    """Return the question for the first page of each symbol's days of `first` to `last`, oldest first."""
    return _ask(Purpose.REALIZED_BY_SYMBOL, first, last, credentials, profile)


def _ask(
    purpose: Purpose, first: date, last: date, credentials: Credentials, profile: KisProfile, *more: tuple[str, str]
) -> Question:
    return Question(
        tr_id=tr_id(purpose, profile),
        path=path_of(purpose),
        params=(
            ("CANO", credentials.cano),
            ("ACNT_PRDT_CD", credentials.product),
            ("PDNO", ""),
            ("INQR_STRT_DT", f"{first:%Y%m%d}"),
            ("INQR_END_DT", f"{last:%Y%m%d}"),
            ("SORT_DVSN", _OLDEST_FIRST),
            ("CBLC_DVSN", "00"),
            *more,
            *FIRST_PAGE,
        ),
    )


def read_days(pages: Sequence[Body]) -> tuple[DayProfit, ...]:
    """Return the days that stand on `pages`, oldest first."""
    days: dict[date, DayProfit] = {}
    for page in pages:
        for row in page.rows("output1"):
            found = _read_day(row)
            if found.day in days:
                raise ListingChanged(f"{found.day} stands in the listing twice")
            days[found.day] = found
    return tuple(days[day] for day in sorted(days))


def _read_day(row: Row) -> DayProfit:
    return DayProfit(
        day=read_day(row.text("trad_dt")),
        profit=row.number("rlzt_pfls"),
        bought=row.count("buy_amt", 0),
        sold=row.count("sll_amt", 0),
        fee=row.count("fee", 0),
        tax=row.count("tl_tax", 0),
        interest=row.count("loan_int", 0),
    )


def read_trades_by_symbol(pages: Sequence[Body]) -> tuple[TradeProfit, ...]:
    """Return the symbols' days that stand on `pages`, oldest first and by symbol within a day."""
    parts: set[tuple[str, ...]] = set()
    found: dict[tuple[date, Symbol], TradeProfit] = {}
    for page in pages:
        for row in page.rows("output1"):
            part = tuple(row.text(key) for key in ("trad_dt", "pdno", "trad_dvsn_name", "loan_dt"))
            if part in parts:
                raise ListingChanged(f"{part[1][:12]} of {part[0][:8]} stands in the listing twice")
            parts.add(part)
            trade = _read_trade(row)
            key = (trade.day, trade.symbol)
            found[key] = _sum(found[key], trade) if key in found else trade
    return tuple(found[key] for key in sorted(found))


def _read_trade(row: Row) -> TradeProfit:
    day = _read_day(row)
    return TradeProfit(
        day=day.day,
        profit=day.profit,
        bought=day.bought,
        sold=day.sold,
        fee=day.fee,
        tax=day.tax,
        interest=day.interest,
        symbol=read_symbol(row.text("pdno")),
        name=row.text("prdt_name"),
        bought_quantity=row.count("buy_qty", 0),
        sold_quantity=row.count("sll_qty", 0),
    )


def _sum(one: TradeProfit, other: TradeProfit) -> TradeProfit:
    return replace(
        one,
        profit=one.profit + other.profit,
        bought=one.bought + other.bought,
        sold=one.sold + other.sold,
        fee=one.fee + other.fee,
        tax=one.tax + other.tax,
        interest=one.interest + other.interest,
        bought_quantity=one.bought_quantity + other.bought_quantity,
        sold_quantity=one.sold_quantity + other.sold_quantity,
    )
