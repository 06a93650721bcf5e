"""What was earned, on the wire: inquire-balance-rlz-pl, inquire-period-trade-profit and inquire-period-profit.

Source: the wire contract, section 4.3.8. Real venue only.
"""

from __future__ import annotations

from datetime import date
from itertools import groupby

from kis_daemon.domain.market import Symbol
from kis_daemon.simulator.fields import Fields
from kis_daemon.simulator.realised import DayTrade, history_of
from kis_daemon.simulator.rest_ledger import average, balance_sums, holdings_page
from kis_daemon.simulator.rest_pages import page_of
from kis_daemon.simulator.venue import Venue
from kis_daemon.simulator.wire import Body, Reply, done, percent, plain_symbol

_RATE_PLACES = 8
# the balance's fields that this TR does not have
_NOT_HERE = ("item_mgna_rt_name", "grta_rt_name", "sbst_pric")


def balance_with_profit(venue: Venue, fields: Fields) -> Reply:
    """Answer TTTC8494R: the balance, and what was realised today, with or without its costs."""
    with_costs = fields.one_of("COST_ICLD_YN", ("Y", "N")) == "Y"
    account = venue.exchange.account_shown(venue.now())
    page, _ = holdings_page(venue, fields, account, ("00", "01", "02"))
    rows = [{name: value for name, value in row.items() if name not in _NOT_HERE} for row in page.rows]
    today = venue.now().date()
    trades = history_of(venue.exchange).between(today, today)
    cost = sum(trade.cost_sold for trade in trades)
    gained = sum(trade.profit if with_costs else trade.sold_for - trade.cost_sold for trade in trades)
    sums = balance_sums(venue, account)
    open_gain, open_cost = int(sums["evlu_pfls_smtl_amt"]), int(sums["pchs_amt_smtl_amt"])
    sums |= {
        "rlzt_pfls": str(gained),
        "rlzt_erng_rt": _rate(gained, cost),
        "real_evlu_pfls": str(gained + open_gain),
        "real_evlu_pfls_erng_rt": _rate(gained + open_gain, cost + open_cost),
    }
    body = done(venue.profile.listed, **page.contexts, output1=rows, output2=[sums])
    return Reply(body=body, tr_cont=page.tr_cont)


def _rate(gained: int, cost: int) -> str:
    return f"{gained * 100 / cost if cost else 0.0:.{_RATE_PLACES}f}"


def _chosen(venue: Venue, fields: Fields) -> list[DayTrade]:
    """Return the trades of the period and symbol asked for, in the order asked for."""
    first, last = fields.day("INQR_STRT_DT"), fields.day("INQR_END_DT")
    newest_first = fields.one_of("SORT_DVSN", ("00", "01", "02")) == "00"
    fields.one_of("CBLC_DVSN", ("00",))
    symbol = plain_symbol(fields.text("PDNO"))
    trades = [trade for trade in history_of(venue.exchange).between(first, last) if symbol in ("", trade.symbol)]
    return trades[::-1] if newest_first else trades


def _key(venue: Venue, fields: Fields) -> str:
    asked = (fields.text("INQR_STRT_DT"), fields.text("INQR_END_DT"), fields.text("SORT_DVSN"), "")
    return "!^".join((venue.settings.account_no, venue.settings.product, *asked))


def period_trade_profit(venue: Venue, fields: Fields) -> Reply:
    """Answer TTTC8715R: a row a day and symbol, and the sums of the whole period."""
    trades = _chosen(venue, fields)
    page = page_of(
        venue, [_trade_row(venue, trade) for trade in trades], venue.profile.listing_rows, fields, _key(venue, fields)
    )
    sums = _sums(trades)
    sums["buyqty_smtl"] = sums.pop("buy_qty_smtl")
    sums["tot_pftrt"] = _rate(sum(t.profit for t in trades), sum(t.cost_sold for t in trades))
    outcome = venue.profile.listed if trades else venue.profile.nothing_listed
    return Reply(body=done(outcome, **page.contexts, output1=page.rows, output2=sums), tr_cont=page.tr_cont)


def _trade_row(venue: Venue, trade: DayTrade) -> Body:
    board = venue.exchange.boards.get(trade.symbol)
    average_cost = (
        average(trade.cost_sold, trade.sold, places=4) if trade.sold else average(trade.cost, trade.held, places=4)
    )
    return {
        "trad_dt": f"{trade.day:%Y%m%d}",
        "pdno": trade.symbol,
        "prdt_name": board.name if board is not None else "",
        "trad_dvsn_name": "현금",
        "loan_dt": "",
        "hldg_qty": str(trade.held),
        "pchs_unpr": average_cost,
        "buy_qty": str(trade.bought),
        "buy_amt": str(trade.bought_for),
        "sll_pric": average(trade.sold_for, trade.sold, places=4),
        "sll_qty": str(trade.sold),
        "sll_amt": str(trade.sold_for),
        "rlzt_pfls": str(trade.profit),
        "pfls_rt": percent(trade.profit, trade.cost_sold),
        "fee": str(trade.buy_fee + trade.sell_fee),
        "tl_tax": str(trade.tax),
        "loan_int": "0",
    }


def period_profit(venue: Venue, fields: Fields) -> Reply:
    """Answer TTTC8708R: a row a day, and the sums of the whole period."""
    fields.one_of("INQR_DVSN", ("00",))
    trades = _chosen(venue, fields)
    rows = [_day_row(list(group)) for _, group in groupby(trades, key=lambda trade: trade.day)]
    page = page_of(venue, rows, venue.profile.listing_rows, fields, _key(venue, fields))
    outcome = venue.profile.listed if rows else venue.profile.nothing_listed
    body = done(outcome, **page.contexts, output1=page.rows, output2=_sums(trades))
    return Reply(body=body, tr_cont=page.tr_cont)


def _day_row(trades: list[DayTrade]) -> Body:
    gained, cost = sum(t.profit for t in trades), sum(t.cost_sold for t in trades)
    return {
        "trad_dt": f"{trades[0].day:%Y%m%d}",
        "buy_amt": str(sum(t.bought_for for t in trades)),
        "sll_amt": str(sum(t.sold_for for t in trades)),
        "rlzt_pfls": str(gained),
        "fee": str(sum(t.buy_fee + t.sell_fee for t in trades)),
        "loan_int": "0",
        "tl_tax": str(sum(t.tax for t in trades)),
        "pfls_rt": _rate(gained, cost),
        "sll_qty1": str(sum(t.sold for t in trades)),
        "buy_qty1": str(sum(t.bought for t in trades)),
    }


def _sums(trades: list[DayTrade]) -> Body:
    whole = DayTrade(day=date.min, symbol=Symbol(""))
    for trade in trades:
        whole.bought, whole.bought_for = whole.bought + trade.bought, whole.bought_for + trade.bought_for
        whole.sold, whole.sold_for = whole.sold + trade.sold, whole.sold_for + trade.sold_for
        whole.buy_fee, whole.sell_fee = whole.buy_fee + trade.buy_fee, whole.sell_fee + trade.sell_fee
        whole.tax, whole.cost_sold = whole.tax + trade.tax, whole.cost_sold + trade.cost_sold
    paid = whole.bought_for + whole.buy_fee
    received = whole.sold_for - whole.sell_fee - whole.tax
    return {
        "sll_qty_smtl": str(whole.sold),
        "sll_tr_amt_smtl": str(whole.sold_for),
        "sll_fee_smtl": str(whole.sell_fee),
        "sll_tltx_smtl": str(whole.tax),
        "sll_excc_amt_smtl": str(received),
        "buy_qty_smtl": str(whole.bought),
        "buy_tr_amt_smtl": str(whole.bought_for),
        "buy_fee_smtl": str(whole.buy_fee),
        "buy_tax_smtl": "0",
        "buy_excc_amt_smtl": str(paid),
        "tot_qty": str(whole.bought + whole.sold),
        "tot_tr_amt": str(whole.bought_for + whole.sold_for),
        "tot_fee": str(whole.buy_fee + whole.sell_fee),
        "tot_tltx": str(whole.tax),
        "tot_excc_amt": str(received + paid),
        "tot_rlzt_pfls": str(whole.profit),
        "loan_int": "0",
    }
