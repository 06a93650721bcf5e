"""The ledger's answers: buying power, sellable shares, and the balance.

Source: the wire contract, sections 4.3.3, 4.3.5 and 4.3.6. Cash to spend is `nrcvb_buy_amt` alone; the deposit of
today does not fall before a purchase settles. The balance may lag behind what was bought; buying power never does.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from kis_daemon.domain.market import Side, Symbol, Won
from kis_daemon.simulator.account import Account, HoldingRow
from kis_daemon.simulator.fields import Fields
from kis_daemon.simulator.requests import DIVISIONS, Pricing
from kis_daemon.simulator.rest_pages import Page, page_of
from kis_daemon.simulator.venue import Venue
from kis_daemon.simulator.wire import Body, Reply, done, named, percent, plain_symbol

BALANCE_FIELDS = (
    "AFHR_FLPR_YN",
    "INQR_DVSN",
    "UNPR_DVSN",
    "FUND_STTL_ICLD_YN",
    "FNCG_AMT_AUTO_RDPT_YN",
    "PRCS_DVSN",
)


def psbl_order(venue: Venue, fields: Fields) -> Reply:
    """Answer TTTC8908R: what can be bought without debt, at the price asked or, for a market order, the upper limit.

    Without a symbol the amounts alone are told.
    """
    exchange = venue.exchange
    symbol, price_text = Symbol(fields.text("PDNO")), fields.text("ORD_UNPR")
    division = DIVISIONS.get(fields.text("ORD_DVSN"))
    for name in ("CMA_EVLU_AMT_ICLD_YN", "OVRS_ICLD_YN"):
        fields.one_of(name, ("Y", "N"))
    board = venue.board(symbol)
    price = fields.whole("ORD_UNPR") if price_text else 0
    if board is not None and (price == 0 or division is None or division.pricing in (Pricing.MARKET, Pricing.MIDDLE)):
        price = board.upper
    cash = max(exchange.account.spendable, 0)
    quantity = exchange.buyable(price) if price and board is not None else 0
    output = {
        "ord_psbl_cash": str(cash),
        "ord_psbl_sbst": "0",
        "ruse_psbl_amt": str(exchange.account.today.sold),
        "fund_rpch_chgs": "0",
        "psbl_qty_calc_unpr": str(price),
        "nrcvb_buy_amt": str(cash),
        "nrcvb_buy_qty": str(quantity),
        "max_buy_amt": str(cash),
        "max_buy_qty": str(quantity),
        "cma_evlu_amt": "0",
        "ovrs_re_use_amt_wcrc": "0",
        "ord_psbl_frcr_amt_wcrc": "0",
    }
    return Reply(body=done(venue.profile.listed, output=output))


def psbl_sell(venue: Venue, fields: Fields) -> Reply:
    """Answer TTTC8408R: the shares of one symbol that can be sold."""
    symbol = Symbol(plain_symbol(fields.text("PDNO")))
    row = venue.exchange.account_shown(venue.now()).holdings.get(symbol) or HoldingRow(symbol=symbol)
    shown = balance_row(venue, row)
    output = {
        "pdno": symbol,
        "prdt_name": shown["prdt_name"],
        "buy_qty": shown["thdt_buyqty"],
        "sll_qty": shown["thdt_sll_qty"],
        "cblc_qty": shown["hldg_qty"],
        "nsvg_qty": "0",
        "ord_psbl_qty": shown["ord_psbl_qty"],
        "pchs_avg_pric": shown["pchs_avg_pric"],
        "pchs_amt": shown["pchs_amt"],
        "now_pric": shown["prpr"],
        "evlu_amt": shown["evlu_amt"],
        "evlu_pfls_amt": shown["evlu_pfls_amt"],
        "evlu_pfls_rt": shown["evlu_pfls_rt"],
    }
    return Reply(body=done(venue.profile.listed, output=output))


def balance(venue: Venue, fields: Fields) -> Reply:
    """Answer TTTC8434R / VTTC8434R: a page of holdings, and the account's sums in a list of one."""
    account = venue.exchange.account_shown(venue.now())
    page, _ = holdings_page(venue, fields, account, ("01", "02"))
    body = done(venue.profile.listed, **page.contexts, output1=page.rows, output2=[balance_sums(venue, account)])
    return Reply(body=body, tr_cont=page.tr_cont)


def holdings_page(
    venue: Venue, fields: Fields, account: Account, divisions: tuple[str, ...]
) -> tuple[Page, list[Body]]:
    """Return a page of the holdings, and all of their rows.

    Without the trades of the day before (PRCS_DVSN 01) their quantities are 0, and what was sold out then is no row.
    """
    asked = [fields.text(name) for name in BALANCE_FIELDS]
    fields.one_of("AFHR_FLPR_YN", ("N", "X", "Y"))
    fields.one_of("INQR_DVSN", divisions)
    fields.one_of("UNPR_DVSN", ("01",))
    with_yesterday = fields.one_of("PRCS_DVSN", ("00", "01")) == "00"
    rows: list[Body] = []
    for row in account.holdings.values():
        if not with_yesterday and not (row.quantity or row.sold_today):
            continue
        shown = balance_row(venue, row)
        rows.append(shown if with_yesterday else shown | named("bfdy_buy_qty bfdy_sll_qty", "0"))
    key = "^".join((venue.settings.account_no, venue.settings.product, *asked[3:5], *asked[1:3], asked[0], ""))
    return page_of(venue, rows, venue.profile.balance_rows, fields, key), rows


def balance_row(venue: Venue, row: HoldingRow) -> Body:
    """Return the balance's row of one holding."""
    exchange = venue.exchange
    board = exchange.boards.get(row.symbol)
    price = exchange.price(row.symbol)
    base = board.base if board is not None else 0
    value = row.quantity * price
    return {
        "pdno": row.symbol,
        "prdt_name": board.name if board is not None else "",
        "trad_dvsn_name": "현금",
        "bfdy_buy_qty": str(row.bought_before),
        "bfdy_sll_qty": str(row.sold_before),
        "thdt_buyqty": str(row.bought_today),
        "thdt_sll_qty": str(row.sold_today),
        "hldg_qty": str(row.quantity),
        "ord_psbl_qty": str(max(row.quantity - exchange.orders.open_sales(row.symbol), 0)),
        "pchs_avg_pric": average(row.cost, row.quantity, places=4),
        "pchs_amt": str(row.cost),
        "prpr": str(price),
        "evlu_amt": str(value),
        "evlu_pfls_amt": str(value - row.cost),
        "evlu_pfls_rt": percent(value - row.cost, row.cost),
        "evlu_erng_rt": "0.00000000",
        "loan_dt": "",
        "loan_amt": "0",
        "stln_slng_chgs": "0",
        "expd_dt": "",
        "fltt_rt": f"{(price - base) * 100 / base:.8f}" if base else "0.00000000",
        "bfdy_cprs_icdc": str(price - base),
        "item_mgna_rt_name": "20%",
        "grta_rt_name": "",
        "sbst_pric": "0",
        "stck_loan_unpr": "0.0000",
    }


def average(amount: Won, quantity: int, *, places: int) -> str:
    """Return amount / quantity with `places` decimals, rounded half up."""
    if quantity == 0:
        return f"{0:.{places}f}"
    return str((Decimal(amount) / quantity).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP))


def balance_sums(venue: Venue, account: Account) -> Body:
    """Return the sums of an account at the present prices."""
    exchange = venue.exchange
    value = sum(row.quantity * exchange.price(symbol) for symbol, row in account.holdings.items())
    equity = account.cash_d2 + value
    cost = sum(row.cost for row in account.holdings.values())
    tomorrow = exchange.calendar.next_trading_day(venue.now().date()).date
    return {
        "dnca_tot_amt": str(account.cash),
        "nxdy_excc_amt": str(account.cash_on(tomorrow)),
        "prvs_rcdl_excc_amt": str(account.cash_d2),
        "cma_evlu_amt": "0",
        "bfdy_buy_amt": str(account.day_before.bought),
        "thdt_buy_amt": str(account.today.bought),
        "nxdy_auto_rdpt_amt": "0",
        "bfdy_sll_amt": str(account.day_before.sold),
        "thdt_sll_amt": str(account.today.sold),
        "d2_auto_rdpt_amt": "0",
        "bfdy_tlex_amt": str(account.day_before.costs),
        "thdt_tlex_amt": str(account.today.costs),
        "tot_loan_amt": "0",
        "scts_evlu_amt": str(value),
        "tot_evlu_amt": str(equity),
        "nass_amt": str(equity),
        "fncg_gld_auto_rdpt_yn": "",
        "pchs_amt_smtl_amt": str(cost),
        "evlu_amt_smtl_amt": str(value),
        "evlu_pfls_smtl_amt": str(value - cost),
        "tot_stln_slng_chgs": "0",
        "bfdy_tot_asst_evlu_amt": str(account.opening_equity),
        "asst_icdc_amt": str(equity - account.opening_equity),
        "asst_icdc_erng_rt": "0.00000000",
    }


def side_code(side: Side) -> str:
    return "01" if side is Side.SELL else "02"
