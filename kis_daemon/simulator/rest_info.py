"""What a symbol is, on the wire: search-stock-info, search-info, and the depository's dividends and splits.

Source: the wire contract, sections 4.2.14 and 4.3.8. The echo of the symbol is 00000A005930 here, and both forms are
taken in the question. What is not listed is no data: rt_cd 7.
"""

from __future__ import annotations

from kis_daemon.domain.market import Market
from kis_daemon.simulator.board import Board
from kis_daemon.simulator.capital import PAR_VALUE, isin_of
from kis_daemon.simulator.fields import Fields
from kis_daemon.simulator.market_rules import ActionKind, CorporateAction
from kis_daemon.simulator.rest_rank import is_preferred
from kis_daemon.simulator.venue import Venue
from kis_daemon.simulator.wire import QUOTED, Body, Reply, done, envelope, named, plain_symbol

FOUND = ("KIOK0530", "조회되었습니다")
NO_DATA = ("APBK0656", "해당종목정보가 없습니다")
STOCKS = "300"
_STOCK_EMPTY = (
    "setl_mmdd frbd_mket_lstg_dt frbd_mket_lstg_abol_dt scts_mket_lstg_abol_dt kosdaq_mket_lstg_abol_dt reits_kind_cd "
    "idx_bztp_lcls_cd idx_bztp_mcls_cd idx_bztp_scls_cd mfnd_opng_dt mfnd_end_dt dpsi_erlm_cncl_dt prdt_eng_name "
    "prdt_eng_name120 prdt_eng_abrv_name etf_txtn_type_cd etf_type_cd lstg_abol_dt nwst_odst_dvsn_cd "
    "thco_sbst_pric_chng_dt std_idst_clsf_cd std_idst_clsf_cd_name idx_bztp_lcls_cd_name idx_bztp_mcls_cd_name "
    "idx_bztp_scls_cd_name ocr_no issu_istt_cd stln_int_rt_dvsn_cd lstg_rqsr_issu_istt_cd lstg_rqsr_item_cd "
    "trst_istt_issu_istt_cd"
)
_STOCK_ZERO = "lstg_cptl_amt issu_pric etf_cu_qty sbst_pric thco_sbst_pric etf_chas_erng_rt_dbnb frnr_psnl_lmt_rt"
_STOCK_NO = "oilf_fund_yn crfd_item_yn elec_scty_yn etf_etn_ivst_heed_item_yn nxt_tr_stop_yn"
_INFO_EMPTY = (
    "prdt_sale_stat_cd prdt_risk_grad_cd sale_strt_dt sale_end_dt wrap_asst_type_cd prdt_eng_name prdt_eng_name120 "
    "prdt_eng_abrv_name"
)
_DIVIDEND_EMPTY = "divi_rate stk_divi_rate divi_pay_dt stk_div_pay_dt odd_pay_dt high_divi_gb"


def _asked(venue: Venue, fields: Fields) -> Board | None:
    kind = fields.text("PRDT_TYPE_CD")
    return venue.board(plain_symbol(fields.text("PDNO"))) if kind == STOCKS else None


def stock_info(venue: Venue, fields: Fields) -> Reply:
    """Answer CTPF1002R: the master data of a listed symbol."""
    board = _asked(venue, fields)
    if board is None:
        return Reply(body=envelope("7", *NO_DATA))
    capital, view = venue.capital(board.symbol), venue.view(board)
    is_fund, on_kosdaq = board.market is Market.ETF, board.market is Market.KOSDAQ
    listed_on = f"{capital.listed_on:%Y%m%d}"
    output = named(_STOCK_EMPTY, "") | named(_STOCK_ZERO, "0") | named(_STOCK_NO, "N")
    output |= {
        "pdno": f"00000A{board.symbol}",
        "prdt_type_cd": STOCKS,
        "mket_id_cd": "KSQ" if on_kosdaq else "STK",
        "scty_grp_id_cd": "EF" if is_fund else "ST",
        "excg_dvsn_cd": "03" if on_kosdaq else "02",
        "lstg_stqt": str(capital.shares),
        "cpta": str(capital.shares * PAR_VALUE),
        "papr": str(PAR_VALUE),
        "kospi200_item_yn": "Y" if board.market is Market.KOSPI else "N",
        "scts_mket_lstg_dt": "" if on_kosdaq else listed_on,
        "kosdaq_mket_lstg_dt": listed_on if on_kosdaq else "",
        "etf_dvsn_cd": "1" if is_fund else "",
        "stck_kind_cd": "" if is_fund else "201" if is_preferred(board) else "101",
        "prdt_name": board.name,
        "prdt_name120": board.name,
        "prdt_abrv_name": board.name,
        "std_pdno": isin_of(board.symbol),
        "dpsi_aptm_erlm_yn": "Y",
        "tr_stop_yn": "Y" if view.halted else "N",
        "admn_item_yn": "Y" if view.under_administration else "N",
        "thdt_clpr": str(board.price),
        "bfdy_clpr": str(board.base),
        "clpr_chng_dt": f"{board.day:%Y%m%d}",
        "cptt_trad_tr_psbl_yn": "N" if view.under_administration else "Y",
    }
    return Reply(body=done(FOUND, output=output))


def product_info(venue: Venue, fields: Fields) -> Reply:
    """Answer CTPF1604R: the names and codes of a product."""
    board = _asked(venue, fields)
    if board is None:
        return Reply(body=envelope("7", *NO_DATA))
    output = named(_INFO_EMPTY, "") | {
        "pdno": f"00000A{board.symbol}",
        "prdt_type_cd": STOCKS,
        "prdt_name": board.name,
        "prdt_name120": board.name,
        "prdt_abrv_name": board.name,
        "std_pdno": isin_of(board.symbol),
        "shtn_pdno": board.symbol,
        "prdt_clsf_cd": "101110" if board.market is Market.ETF else "101010",
        "prdt_clsf_name": "ETF" if board.market is Market.ETF else "주식",
        "ivst_prdt_type_cd": "1010",
        "ivst_prdt_type_cd_name": "국내주식",
        "frst_erlm_dt": f"{venue.capital(board.symbol).listed_on:%Y%m%d}",
    }
    return Reply(body=done(FOUND, output=output))


def _actions(venue: Venue, fields: Fields, kinds: tuple[ActionKind, ...]) -> list[tuple[Board, CorporateAction]]:
    """Return what companies did, or have announced, between the two dates asked for."""
    first, last = fields.day("F_DT"), fields.day("T_DT")
    symbol = plain_symbol(fields.text("SHT_CD"))
    fields.text("CTS")
    return [
        (venue.exchange.boards[action.symbol], action)
        for action in venue.exchange.market.actions
        if first <= action.day <= last and action.kind in kinds and symbol in ("", action.symbol)
    ]


def dividends(venue: Venue, fields: Fields) -> Reply:
    """Answer HHKDB669102C0: the ex-dates that are known, each a day after its record date's purchase."""
    fields.one_of("GB1", ("0", "1", "2"))
    fields.text("HIGH_GB")
    calendar = venue.exchange.calendar
    rows: list[Body] = [
        named(_DIVIDEND_EMPTY, "")
        | {
            "record_date": f"{calendar.next_trading_day(action.day).date:%Y%m%d}",
            "sht_cd": board.symbol,
            "isin_name": board.name,
            "divi_kind": "결산",
            "face_val": str(PAR_VALUE),
            "per_sto_divi_amt": "0",
            "stk_kind": "우선" if is_preferred(board) else "보통",
        }
        for board, action in _actions(venue, fields, (ActionKind.CASH_DIVIDEND,))
    ]
    return Reply(body=done(QUOTED, output1=rows))


def splits(venue: Venue, fields: Fields) -> Reply:
    """Answer HHKDB669105C0: splits and consolidations, with the days on which the symbol does not trade."""
    market = fields.one_of("MARKET_GB", ("0", "1", "2"))
    calendar = venue.exchange.calendar
    rows: list[Body] = []
    for board, action in _actions(venue, fields, (ActionKind.SPLIT, ActionKind.REVERSE_SPLIT)):
        if market != "0" and (board.market is Market.KOSDAQ) is not (market == "2"):
            continue
        begins = ends = action.day
        for _ in range(action.halted_days):
            begins = calendar.previous_trading_day(begins).date
        ends = calendar.previous_trading_day(action.day).date
        rows.append(
            {
                "record_date": f"{begins:%Y%m%d}",
                "sht_cd": board.symbol,
                "isin_name": board.name,
                "inter_bf_face_amt": str(PAR_VALUE),
                "inter_af_face_amt": str(PAR_VALUE * action.ratio_den // action.ratio_num),
                "td_stop_dt": f"{begins:%Y/%m/%d}~{ends:%Y/%m/%d}" if action.halted_days else "",
                "list_dt": f"{action.day:%Y/%m/%d}",
            }
        )
    return Reply(body=done(QUOTED, output1=rows))
