"""The ledger's answers: buying power, sellable and amendable shares, the balance, and the listing of orders.

Source: the wire contract, sections 4.3.3 to 4.3.7 and 1.5 (pages). Cash to spend is `nrcvb_buy_amt` alone;
the deposit of today does not fall before a purchase settles.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from kis_daemon.domain.market import Side, Symbol, Won
from kis_daemon.simulator.account import HoldingRow
from kis_daemon.simulator.fields import Fields
from kis_daemon.simulator.requests import DIVISIONS, Pricing
from kis_daemon.simulator.venue import Venue
from kis_daemon.simulator.wire import Body, Failed, Reply, cursor, done, percent

BALANCE_FIELDS = (
    "AFHR_FLPR_YN",
    "INQR_DVSN",
    "UNPR_DVSN",
    "FUND_STTL_ICLD_YN",
    "FNCG_AMT_AUTO_RDPT_YN",
    "PRCS_DVSN",
)


def page_of(rows: list[Body], size: int, fields: Fields, key: str) -> tuple[list[Body], Body, str]:
    """Return (this page's rows, the two cursor fields, tr_cont); the cursor is where the next page begins."""
    start_text = fields.optional("CTX_AREA_NK100")
    if start_text and not start_text.isdigit():
        raise Failed("OPSQ2003", "ERROR INVALID INPUT [CTX_AREA_NK100]")
    start = int(start_text or 0)
    end = start + size
    more = end < len(rows)
    state = ("F" if start == 0 else "M") if more else ("D" if start == 0 else "E")
    contexts = {"ctx_area_fk100": cursor(key), "ctx_area_nk100": cursor(f"{end:010d}" if more else "")}
    return rows[start:end], contexts, state


def psbl_order(venue: Venue, fields: Fields) -> Reply:
    """Answer TTTC8908R: what can be bought without debt, at the price asked or, for a market order, the upper limit."""
    exchange = venue.exchange
    symbol, price_text = Symbol(fields.text("PDNO")), fields.text("ORD_UNPR")
    division = DIVISIONS.get(fields.text("ORD_DVSN"))
    board = exchange.boards.get(symbol)
    price = int(price_text) if price_text.isdigit() else 0
    if board is not None and (price == 0 or division is None or division.pricing is Pricing.MARKET):
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
    symbol = Symbol(fields.text("PDNO"))
    row = venue.exchange.account.holdings.get(symbol) or HoldingRow(symbol=symbol)
    shown = balance_row(venue, row)
    output = {
        "pdno": symbol,
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
    asked = [fields.text(name) for name in BALANCE_FIELDS]
    rows = [balance_row(venue, row) for row in venue.exchange.account.holdings.values()]
    key = "^".join((venue.settings.account_no, venue.settings.product, *asked[3:5], *asked[1:3], asked[0], ""))
    shown, contexts, state = page_of(rows, venue.profile.balance_rows, fields, key)
    body = done(venue.profile.listed, **contexts, output1=shown, output2=[_sums(venue)])
    return Reply(body=body, tr_cont=state)


def balance_row(venue: Venue, row: HoldingRow) -> dict[str, str]:
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
        "ord_psbl_qty": str(exchange.sellable(row.symbol)),
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


def _sums(venue: Venue) -> dict[str, str]:
    exchange = venue.exchange
    account = exchange.account
    value, equity = exchange.holdings_value(), exchange.equity()
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
