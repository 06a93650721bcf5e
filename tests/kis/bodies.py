"""Answers of KIS as the book writes them, with the values that a test is about; every value a text, texts padded."""

from __future__ import annotations

from typing import Any

from tests.kis.builders import http, refusal

CHANGED = http(refusal("KIER0001", "조회이후에 자료가 변경되었습니다.(다시 조회하세요)", "7"))


def success(**parts: Any) -> dict[str, Any]:
    return {"rt_cd": "0", "msg_cd": "KIOK0510", "msg1": "조회가 완료되었습니다".ljust(80)} | parts


def a_page(
    key: str, rows: list[dict[str, str]], cursor: str = "", more: str = "", width: int = 100, **parts: Any
) -> bytes:
    """Return a page of a listing as sent: both cursors padded to `width`, the header saying `more`."""
    cursors = {f"ctx_area_fk{width}": "50123456^01^".ljust(width), f"ctx_area_nk{width}": cursor.ljust(width)}
    return http(success(**{key: rows}, **cursors, **parts), tr_cont=more)


def order_row(number: int, **changes: str) -> dict[str, str]:
    return {
        "ord_dt": "20261118", "ord_gno_brno": "00950", "odno": f"{number:010}", "orgn_odno": "",
        "sll_buy_dvsn_cd": "02", "pdno": "035720", "ord_qty": "10", "ord_unpr": "61300",
        "ord_tmd": f"1120{number % 60:02}", "tot_ccld_qty": "0", "tot_ccld_amt": "0", "ord_dvsn_cd": "00",
        "cncl_cfrm_qty": "0", "rmn_qty": "10", "rjct_qty": "0",
    } | changes  # fmt: skip


def open_row(number: int, **changes: str) -> dict[str, str]:
    return {
        "ord_gno_brno": "03930", "odno": f"{number:010}", "orgn_odno": "", "ord_dvsn_name": "지정가",
        "pdno": "035720", "prdt_name": "카카오", "rvse_cncl_dvsn_name": "현금매수", "ord_qty": "10",
        "ord_unpr": "61300", "ord_tmd": f"1120{number % 60:02}", "tot_ccld_qty": "3", "tot_ccld_amt": "183900",
        "psbl_qty": "6", "sll_buy_dvsn_cd": "02", "ord_dvsn_cd": "00", "excg_id_dvsn_cd": "KRX",
    } | changes  # fmt: skip


def order_page(rows: list[dict[str, str]], cursor: str = "", more: str = "") -> bytes:
    return a_page("output1", rows, cursor, more, output2={})


def holding_row(symbol: str, quantity: int, **changes: str) -> dict[str, str]:
    return {
        "pdno": symbol, "prdt_name": "이름", "trad_dvsn_name": "현금", "hldg_qty": str(quantity),
        "ord_psbl_qty": str(quantity), "pchs_avg_pric": "100.0000", "pchs_amt": str(quantity * 100),
        "prpr": "110", "loan_dt": "",
    } | changes  # fmt: skip


def balance_page(rows: list[dict[str, str]], cursor: str = "", more: str = "", cash: int = 1000) -> bytes:
    sums = [{"prvs_rcdl_excc_amt": str(cash), "scts_evlu_amt": "500"}]
    return a_page("output1", rows, cursor, more, output2=sums)


def day_row(day: str, **changes: str) -> dict[str, str]:
    return {
        "trad_dt": day, "buy_amt": "613000", "sll_amt": "620000", "rlzt_pfls": "5500", "fee": "120",
        "loan_int": "0", "tl_tax": "1240", "pfls_rt": "0.89720000", "sll_qty1": "10", "buy_qty1": "10",
    } | changes  # fmt: skip


def trade_row(day: str, symbol: str, **changes: str) -> dict[str, str]:
    return {
        "trad_dt": day, "pdno": symbol, "prdt_name": "이름", "trad_dvsn_name": "현금", "loan_dt": "",
        "hldg_qty": "0", "pchs_unpr": "61300.0000", "buy_qty": "0", "buy_amt": "0", "sll_pric": "62000",
        "sll_qty": "10", "sll_amt": "620000", "rlzt_pfls": "-5500", "pfls_rt": "0.89720000", "fee": "120",
        "tl_tax": "1240", "loan_int": "0",
    } | changes  # fmt: skip


def price_body(symbol: str = "035720", **changes: str) -> dict[str, Any]:
    output = {
        "stck_shrn_iscd": symbol, "rprs_mrkt_kor_name": "KOSPI200", "stck_prpr": "61300", "stck_sdpr": "60500",
        "stck_mxpr": "78600", "stck_llam": "42400", "stck_oprc": "60700", "stck_hgpr": "61600",
        "stck_lwpr": "60300", "acml_vol": "1283950",
    }  # fmt: skip
    return success(output=output | changes)


def multi_row(symbol: str, price: int = 61_300, **changes: str) -> dict[str, str]:
    return {
        "kospi_kosdaq_cls_name": "거래소", "mrkt_trtm_cls_name": "", "hour_cls_code": "0",
        "inter_shrn_iscd": symbol, "inter_kor_isnm": "이름", "inter2_prpr": str(price), "acml_vol": "1283950",
        "inter2_oprc": "60700", "inter2_hgpr": "61600", "inter2_lwpr": "60300", "inter2_llam": "42400",
        "inter2_mxpr": "78600", "inter2_askp": str(price), "inter2_bidp": str(price - 100),
        "inter2_sdpr": "60500",
    } | changes  # fmt: skip


def book_body(symbol: str = "035720", **changes: str) -> dict[str, Any]:
    book = {"aspr_acpt_hour": "102315", "new_mkop_cls_code": "20"}
    for n in range(1, 11):
        book |= {
            f"askp{n}": str(61_300 + 100 * n), f"askp_rsqn{n}": str(n),
            f"bidp{n}": str(61_300 - 100 * n), f"bidp_rsqn{n}": str(10 * n),
        }  # fmt: skip
    auction = {"stck_shrn_iscd": symbol, "antc_cnpr": "61300", "antc_vol": "0", "vi_cls_code": "N"}
    return success(
        output1=book | {key: value for key, value in changes.items() if key not in auction},
        output2=auction | {key: value for key, value in changes.items() if key in auction},
    )


def bar_row(day: str, close: int = 100, **changes: str) -> dict[str, str]:
    values = {"stck_oprc": "100", "stck_hgpr": "110", "stck_lwpr": "90", "stck_clpr": str(close), "acml_vol": "5"}
    return {"stck_bsop_date": day} | values | changes


def minute_row(day: str, hour: str, close: int = 100, **changes: str) -> dict[str, str]:
    return {
        "stck_bsop_date": day, "stck_cntg_hour": hour, "stck_prpr": str(close), "stck_oprc": "100",
        "stck_hgpr": "110", "stck_lwpr": "90", "cntg_vol": "7", "acml_tr_pbmn": "700",
    } | changes  # fmt: skip


def rank_row(rank: int, symbol: str, **changes: str) -> dict[str, str]:
    return {
        "hts_kor_isnm": "이름", "mksc_shrn_iscd": symbol, "data_rank": str(rank), "stck_prpr": "61300",
        "prdy_vrss_sign": "5", "prdy_vrss": "-100", "prdy_ctrt": "-0.16", "acml_vol": "1283950",
        "lstn_stcn": "445000000", "acml_tr_pbmn": "78706135000",
    } | changes  # fmt: skip


def info_body(symbol: str = "035720", **changes: str) -> dict[str, Any]:
    output = {
        "pdno": f"00000A{symbol}", "prdt_type_cd": "300", "mket_id_cd": "STK", "scty_grp_id_cd": "ST",
        "lstg_stqt": "445000000", "kospi200_item_yn": "Y", "scts_mket_lstg_dt": "20170710",
        "kosdaq_mket_lstg_dt": "", "lstg_abol_dt": "", "std_pdno": "KR7035720002", "prdt_abrv_name": "카카오",
        "prdt_name": "카카오보통주", "tr_stop_yn": "N", "admn_item_yn": "N", "bfdy_clpr": "60500",
    }  # fmt: skip
    return success(output=output | changes)


def calendar_row(day: str, is_open: str = "Y", **changes: str) -> dict[str, str]:
    return {
        "bass_dt": day, "wday_dvsn_cd": "02", "bzdy_yn": is_open, "tr_day_yn": "Y", "opnd_yn": is_open,
        "sttl_day_yn": is_open,
    } | changes  # fmt: skip
