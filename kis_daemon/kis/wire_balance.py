"""Cash and holdings on the wire, and what they allow to buy and to sell. Pure.

Rules of this room
    KIS manual, 주식잔고조회 (inquire-balance), 매수가능조회 (inquire-psbl-order), 매도가능수량조회
    (inquire-psbl-sell).
    Cash is the sum settled two days on: the deposit of today does not know today's trades.
    The sums of a statement come on its pages; empty means missing, never zero.
    A holding that cannot be read is an error: a statement without it would be a lie.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from kis_daemon.domain.market import Symbol, Won
from kis_daemon.kis.capabilities import KisProfile, Purpose, path_of, tr_id
from kis_daemon.kis.credentials import Credentials
from kis_daemon.kis.wire import Body, Question, Row
from kis_daemon.kis.wire_pages import FIRST_PAGE
from kis_daemon.kis.wire_values import read_symbol
from kis_daemon.ports import AccountStatement, Holding, ListingChanged, ProtocolError


def ask_balance(credentials: Credentials, profile: KisProfile) -> Question:
    """Return the question for the first page of cash and holdings, at regular-session prices."""
    return Question(
        tr_id=tr_id(Purpose.BALANCE, profile),
        path=path_of(Purpose.BALANCE),
        params=(
            ("CANO", credentials.cano),
            ("ACNT_PRDT_CD", credentials.product),
            ("AFHR_FLPR_YN", "N"),
            ("OFL_YN", ""),
            ("INQR_DVSN", "02"),
            ("UNPR_DVSN", "01"),
            ("FUND_STTL_ICLD_YN", "N"),
            ("FNCG_AMT_AUTO_RDPT_YN", "N"),
            ("PRCS_DVSN", "00"),
            *FIRST_PAGE,
        ),
    )


def read_account_pages(pages: Sequence[Body]) -> AccountStatement:
    """Return the statement that stands on `pages`; `ListingChanged` unless they are of one moment."""
    known: set[tuple[str, ...]] = set()
    for page in pages:
        for row in page.rows("output1"):
            part = tuple(row.text(key) for key in ("pdno", "trad_dvsn_name", "loan_dt"))
            if part in known:
                raise ListingChanged(f"holding {part[0][:12]} stands in the statement twice")
            known.add(part)
    totals = read_totals(pages)
    holdings = merged([holding for page in pages for holding in read_holdings(page)])
    return AccountStatement(cash=totals.cash, holdings=holdings, holdings_value=totals.holdings_value)


def read_holdings(body: Body) -> list[Holding]:
    """Return the rows of one page that hold a share; sold positions stay as rows of zero until settled."""
    return [_read_holding(row) for row in body.rows("output1") if row.count("hldg_qty", 0) > 0]


def _read_holding(row: Row) -> Holding:
    on_credit = row.text("loan_dt") != ""  # bought on credit: a cash sale cannot sell it
    return Holding(
        symbol=read_symbol(row.text("pdno")),
        name=row.text("prdt_name"),
        quantity=row.count("hldg_qty"),
        sellable=0 if on_credit else row.count("ord_psbl_qty"),
        cost=row.count("pchs_amt"),
        price=row.count("prpr", 0),
    )


def merged(holdings: Sequence[Holding]) -> tuple[Holding, ...]:
    """Return one holding a symbol, in the order of first rows: cash and credit parts are rows apart."""
    whole: dict[Symbol, Holding] = {}
    for part in holdings:
        known = whole.get(part.symbol)
        whole[part.symbol] = part if known is None else replace(
            known,
            quantity=known.quantity + part.quantity,
            sellable=known.sellable + part.sellable,
            cost=known.cost + part.cost,
        )  # fmt: skip
    return tuple(whole.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """The sums of an account statement: cash settled two days on, and what the holdings are worth."""

    cash: Won
    holdings_value: Won


_NOTHING = Totals(cash=0, holdings_value=0)


def read_totals(bodies: Sequence[Body]) -> Totals:
    """Return the sums that stand on the pages; `ListingChanged` if two pages state different ones."""
    found: Totals | None = None
    for body in bodies:
        for row in body.rows("output2"):
            if not row.text("prvs_rcdl_excc_amt"):
                continue
            totals = Totals(cash=row.number("prvs_rcdl_excc_amt"), holdings_value=row.count("scts_evlu_amt"))
            if totals == _NOTHING and len(bodies) > 1:
                continue  # a page that only holds the place of the sums
            if found is not None and totals != found:
                raise ListingChanged("the sums differ between two pages")
            found = totals
    if found is None:
        raise ProtocolError("output2: expected the sums of the account")
    return found


def ask_buyable(symbol: Symbol, price: Won, credentials: Credentials, profile: KisProfile) -> Question:
    """Return the question how much of `symbol` the cash buys at `price`."""
    return Question(
        tr_id=tr_id(Purpose.BUYABLE, profile),
        path=path_of(Purpose.BUYABLE),
        params=(
            ("CANO", credentials.cano),
            ("ACNT_PRDT_CD", credentials.product),
            ("PDNO", symbol),
            ("ORD_UNPR", str(price)),
            ("ORD_DVSN", "00"),
            ("CMA_EVLU_AMT_ICLD_YN", "N"),
            ("OVRS_ICLD_YN", "N"),
        ),
    )


def read_buyable(body: Body, price: Won) -> int:
    """Return the shares that can be bought at `price` without debt: KIS's count, or its sum's if smaller."""
    row = body.row("output")
    return min(row.count("nrcvb_buy_qty"), row.count("nrcvb_buy_amt") // price)


def ask_sellable(symbol: Symbol, credentials: Credentials, profile: KisProfile) -> Question:
    """Return the question how many shares of `symbol` can be sold; `NotOnThisVenue` on paper."""
    return Question(
        tr_id=tr_id(Purpose.SELLABLE, profile),
        path=path_of(Purpose.SELLABLE),
        params=(("CANO", credentials.cano), ("ACNT_PRDT_CD", credentials.product), ("PDNO", symbol)),
    )


def read_sellable(body: Body, symbol: Symbol) -> int:
    """Return the shares that can be sold; the manual calls their place output1, its samples output."""
    row = body.row("output1" if "output1" in body.fields else "output")
    echo = row.text("pdno")
    if echo and read_symbol(echo) != symbol:
        raise ProtocolError(f"asked about {symbol}, answered about {echo[:12]}")
    return row.count("ord_psbl_qty", 0)
