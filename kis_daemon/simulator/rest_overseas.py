"""The foreign side of an account that has none: what clients ask beside the Korean side gets an empty answer.

Not in the wire contract, which is about Korean shares; the TRs and the places of their rows are those of the official
field tables. Foreign symbols are unknown: no error, an empty last price.
"""

from __future__ import annotations

from kis_daemon.simulator.fields import Fields
from kis_daemon.simulator.rest_pages import page_of
from kis_daemon.simulator.venue import Venue
from kis_daemon.simulator.wire import QUOTED, Reply, done, named

_CURSOR_CHARS = 200
_PRESENT_SUMS = (
    "pchs_amt_smtl evlu_amt_smtl evlu_pfls_amt_smtl dncl_amt cma_evlu_amt tot_dncl_amt etc_mgna wdrw_psbl_tot_amt "
    "frcr_evlu_tota evlu_erng_rt1 pchs_amt_smtl_amt evlu_amt_smtl_amt tot_evlu_pfls_amt tot_asst_amt buy_mgn_amt "
    "mgna_tota frcr_use_psbl_amt ustl_sll_amt_smtl ustl_buy_amt_smtl tot_frcr_cblc_smtl tot_loan_amt"
)
_BALANCE_SUMS = (
    "frcr_pchs_amt1 ovrs_rlzt_pfls_amt ovrs_tot_pfls rlzt_erng_rt tot_evlu_pfls_amt tot_pftrt frcr_buy_amt_smtl1 "
    "ovrs_rlzt_pfls_amt2 frcr_buy_amt_smtl2"
)
_PROFIT_SUMS = "stck_sll_amt_smtl stck_buy_amt_smtl smtl_fee1 excc_dfrm_amt ovrs_rlzt_pfls_tot_amt tot_pftrt"


def present_balance(venue: Venue, _fields: Fields) -> Reply:
    """Answer CTRP6504R / VTRP6504R: no shares, no currencies, and sums of nothing."""
    return Reply(body=done(venue.profile.listed, output1=[], output2=[], output3=named(_PRESENT_SUMS, "0")))


def foreign_balance(venue: Venue, fields: Fields) -> Reply:
    """Answer TTTS3012R / VTTS3012R."""
    page = page_of(venue, [], 1, fields, "", chars=_CURSOR_CHARS)
    body = done(venue.profile.listed, **page.contexts, output1=[], output2=named(_BALANCE_SUMS, "0"))
    return Reply(body=body, tr_cont=page.tr_cont)


def foreign_orders(venue: Venue, fields: Fields) -> Reply:
    """Answer TTTS3018R (open orders) and TTTS3035R (all orders): none."""
    page = page_of(venue, [], 1, fields, "", chars=_CURSOR_CHARS)
    return Reply(body=done(venue.profile.nothing_listed, **page.contexts, output=[]), tr_cont=page.tr_cont)


def foreign_profit(venue: Venue, fields: Fields) -> Reply:
    """Answer TTTS3039R: nothing was earned."""
    page = page_of(venue, [], 1, fields, "", chars=_CURSOR_CHARS)
    body = done(venue.profile.nothing_listed, **page.contexts, output1=[], output2=named(_PROFIT_SUMS, "0"))
    return Reply(body=body, tr_cont=page.tr_cont)


def foreign_price(_venue: Venue, fields: Fields) -> Reply:
    """Answer HHDFS00000300: no foreign symbol is known."""
    fields.text("SYMB")
    return Reply(body=done(QUOTED, output=named("rsym zdiv base pvol last sign diff rate tvol tamt ordy", "")))
