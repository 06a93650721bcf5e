"""The account as a whole, on the wire: inquire-account-balance, intgr-margin and period-rights.

Source: the wire contract, section 4.3.8, which names the fields of the first only in part; the others are those of
the official field tables. Only cash and Korean shares are played: everything else is zero.
"""

from __future__ import annotations

from kis_daemon.simulator.fields import Fields
from kis_daemon.simulator.market_rules import ActionKind
from kis_daemon.simulator.realised import Right, history_of
from kis_daemon.simulator.rest_pages import page_of
from kis_daemon.simulator.venue import Venue
from kis_daemon.simulator.wire import Body, Reply, done, named, percent

ASSET_ROWS = 20
_SHARES_ROW, _CASH_ROW, _WHOLE_ROW = 0, 16, 19
_ASSET_SUMS_ZERO = (
    "loan_amt_smtl tot_lnda_tot_ulst_lnda cma_auto_loan_amt tot_mgln_amt stln_evlu_amt crdt_fncg_amt ocl_apl_loan_amt "
    "pldg_stup_amt frcr_evlu_tota cma_evlu_amt tot_sbst_amt thdt_rcvb_amt ovrs_stck_evlu_amt1 ovrs_bond_evlu_amt "
    "mmf_cma_mgge_loan_amt sbsc_dncl_amt pbst_sbsc_fnds_loan_use_amt etpr_crdt_grnt_loan_amt"
)
_MARGIN_ZERO = (
    "stck_sbst_objt_amt stck_evlu_objt_amt stck_fund_rpch_chgs_objt_amt stck_fncg_rdpt_objt_atm "
    "bond_ruse_psbl_objt_amt stck_sbst_use_amt stck_evlu_use_amt stck_ruse_psbl_amt_use_amt "
    "stck_fund_rpch_chgs_use_amt stck_fncg_rdpt_amt_use_amt bond_ruse_psbl_amt_use_amt stck_sbst_ord_psbl_amt "
    "stck_evlu_ord_psbl_amt stck_fund_rpch_ord_psbl_amt bond_ruse_psbl_ord_psbl_amt rcvb_amt "
    "stck_loan_grta_ruse_psbl_amt bond_max_ord_psbl_amt stck_fncg45_max_ord_psbl_amt stck_fncg50_max_ord_psbl_amt "
    "stck_fncg60_max_ord_psbl_amt stck_fncg70_max_ord_psbl_amt stck_stln_max_ord_psbl_amt lmt_amt "
    "stck_itgr_fncg45_ord_psbl_amt stck_itgr_fncg50_ord_psbl_amt stck_itgr_fncg60_ord_psbl_amt "
    "stck_itgr_fncg70_ord_psbl_amt stck_itgr_stln_ord_psbl_amt bond_itgr_ord_psbl_amt stck_cash_ovrs_use_amt "
    "stck_sbst_ovrs_use_amt stck_evlu_ovrs_use_amt stck_re_use_amt_ovrs_use_amt stck_fund_rpch_ovrs_use_amt "
    "stck_fncg_rdpt_ovrs_use_amt bond_re_use_ovrs_use_amt hgkg_cny_re_use_amt"
)
_MARGIN_CASH = (
    "stck_cash_ord_psbl_amt stck_cash20_max_ord_psbl_amt stck_cash30_max_ord_psbl_amt stck_cash40_max_ord_psbl_amt "
    "stck_cash50_max_ord_psbl_amt stck_cash60_max_ord_psbl_amt stck_cash100_max_ord_psbl_amt "
    "stck_itgr_cash20_ord_psbl_amt stck_itgr_cash30_ord_psbl_amt stck_itgr_cash40_ord_psbl_amt "
    "stck_itgr_cash50_ord_psbl_amt stck_itgr_cash60_ord_psbl_amt stck_itgr_cash100_ord_psbl_amt "
    "stck_itgr_100_ord_psbl_amt"
)
_FOREIGN = "objt_amt use_amt ord_psbl_amt ruse_objt_amt ruse_amt ruse_ord_psbl_amt gnrl_ord_psbl_amt itgr_ord_psbl_amt"
_FOREIGN_MORE = "oth_mket_use_amt re_use_oth_mket_use_amt frst_bltn_exrt"
_CURRENCIES = ("usd", "hkd", "jpy", "cny")
_RIGHT_CODES = {
    ActionKind.RIGHTS: "2",
    ActionKind.CASH_DIVIDEND: "3",
    ActionKind.SPLIT: "14",
    ActionKind.REVERSE_SPLIT: "15",
}
_RIGHT_ZERO = (
    "excs_alct_qty last_ftsk_qty last_alct_amt last_ftsk_chgs rdpt_prca dlay_int_amt rqst_qty rqst_amt rfnd_amt "
    "lstg_stqt tax_amt sbsc_unpr"
)
_RIGHT_EMPTY = "sbsc_end_dt cash_dfrm_dt rqst_dt rfnd_dt"


def account_balance(venue: Venue, fields: Fields) -> Reply:
    """Answer CTRP6548R: 20 kinds of assets in their fixed order, the first shares, the last all of them; and sums."""
    for name in ("INQR_DVSN_1", "BSPR_BF_DT_APLY_YN"):
        fields.text(name)
    account = venue.exchange.account_shown(venue.now())
    value = sum(row.quantity * venue.exchange.price(symbol) for symbol, row in account.holdings.items())
    cost, cash = sum(row.cost for row in account.holdings.values()), account.cash_d2
    amounts = {_SHARES_ROW: (cost, value), _CASH_ROW: (cash, cash), _WHOLE_ROW: (cost + cash, value + cash)}
    rows: list[Body] = []
    for place in range(ASSET_ROWS):
        paid, worth = amounts.get(place, (0, 0))
        rows.append(
            {
                "pchs_amt": str(paid),
                "evlu_amt": str(worth),
                "evlu_pfls_amt": str(worth - paid),
                "crdt_lnd_amt": "0",
                "real_nass_amt": str(worth),
                "whol_weit_rt": percent(worth, value + cash),
            }
        )
    sums = named(_ASSET_SUMS_ZERO, "0") | {
        "pchs_amt_smtl": str(cost),
        "nass_tot_amt": str(value + cash),
        "evlu_pfls_amt_smtl": str(value - cost),
        "evlu_amt_smtl": str(value),
        "tot_asst_amt": str(value + cash),
        "tot_dncl_amt": str(cash),
        "dncl_amt": str(account.cash),
    }
    return Reply(body=done(venue.profile.listed, output1=rows, output2=sums))


def intgr_margin(venue: Venue, fields: Fields) -> Reply:
    """Answer TTTC0869R: what may be ordered at each margin rate; this account pays the whole price."""
    fields.one_of("CMA_EVLU_AMT_ICLD_YN", ("Y", "N"))
    for name in ("WCRC_FRCR_DVSN_CD", "FWEX_CTRT_FRCR_DVSN_CD"):
        fields.one_of(name, ("01", "02"))
    account = venue.exchange.account
    names = " ".join(f"{currency}_{name}" for currency in _CURRENCIES for name in f"{_FOREIGN} {_FOREIGN_MORE}".split())
    reused = min(account.today.sold, max(account.spendable, 0))
    output = named(_MARGIN_ZERO, "0.0000") | named(names, "0.0000") | named(_MARGIN_CASH, _four(account.spendable))
    output |= {
        "acmga_rt": "100.0000",
        "acmga_pct100_aptm_rson": "고객100%신청",
        "stck_cash_objt_amt": _four(account.cash_d2),
        "stck_cash_use_amt": _four(account.held_back),
        "stck_ruse_psbl_objt_amt": _four(account.today.sold),
        "stck_ruse_psbl_ord_psbl_amt": _four(reused),
        "stck_rsip100_max_ord_psbl_amt": _four(account.spendable - reused),
        "ovrs_stck_itgr_mgna_dvsn_name": "미신청",
    }
    return Reply(body=done(venue.profile.listed, output=output))


def _four(amount: int) -> str:
    return f"{max(amount, 0)}.0000"


def period_rights(venue: Venue, fields: Fields) -> Reply:
    """Answer CTRGA011R: what companies did to the shares held, by the day on which it took effect."""
    fields.one_of("INQR_DVSN", ("03",))
    first, last = fields.day("INQR_STRT_DT"), fields.day("INQR_END_DT")
    for name in ("CUST_RNCNO25", "HMID", "RGHT_TYPE_CD", "PDNO", "PRDT_TYPE_CD"):
        fields.text(name)
    rights = [right for right in history_of(venue.exchange).rights if first <= right.action.day <= last]
    rows = [_right_row(venue, right) for right in rights if right.action.kind in _RIGHT_CODES]
    key = "!^".join((venue.settings.account_no, venue.settings.product, f"{first:%Y%m%d}", f"{last:%Y%m%d}", ""))
    page = page_of(venue, rows, venue.profile.listing_rows, fields, key)
    outcome = venue.profile.listed if rows else venue.profile.nothing_listed
    return Reply(body=done(outcome, **page.contexts, output1=page.rows), tr_cont=page.tr_cont)


def _right_row(venue: Venue, right: Right) -> Body:
    action = right.action
    board = venue.exchange.boards.get(action.symbol)
    effective = f"{action.day:%Y%m%d}"
    return (
        named(_RIGHT_ZERO, "0")
        | named(_RIGHT_EMPTY, "")
        | {
            "acno10": f"{venue.settings.account_no}{venue.settings.product}",
            "rght_type_cd": _RIGHT_CODES[action.kind],
            "bass_dt": effective,
            "rght_cblc_type_cd": "10" if action.kind is ActionKind.CASH_DIVIDEND else "3",
            "rptt_pdno": f"00000A{action.symbol}",
            "pdno": f"00000A{action.symbol}",
            "prdt_type_cd": "300",
            "shtn_pdno": f"A{action.symbol}",
            "prdt_name": board.name if board is not None else "",
            "cblc_qty": str(right.before),
            "last_alct_qty": str(right.after),
            "tot_alct_qty": str(right.after),
            "lstg_dt": effective,
        }
    )
