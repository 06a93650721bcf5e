"""What the body fuzz begins with, and everything that reads it: whole answers as the contract writes them (all values
invented), and one table of every reader of `kis/wire_*`. A reader that is not in the table is told by a test."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

from kis_daemon.domain.market import Symbol
from kis_daemon.kis import (
    wire_balance,
    wire_listing,
    wire_market,
    wire_minutes,
    wire_orders,
    wire_pages,
    wire_profit,
    wire_quotes,
    wire_research,
    wire_survey,
)
from kis_daemon.kis.tokens import read_expiry
from kis_daemon.kis.wire import Body, Question
from tests.kis.builders import KAKAO, TODAY, accepted_body, refusal, token_body

DAY = TODAY.date()
_STAMP = f"{DAY:%Y%m%d}"
_NEXT = f"{DAY + timedelta(days=1):%Y%m%d}"
_LISTING = Question(tr_id="T", path="/", params=wire_pages.FIRST_PAGE)

_PRICE = {
    "stck_shrn_iscd": "035720", "rprs_mrkt_kor_name": "KOSPI200", "bstp_kor_isnm": "서비스업", "hts_kor_isnm": "카카오",
    "iscd_stat_cls_code": "55", "temp_stop_yn": "N", "sltr_yn": "N", "vi_cls_code": "N", "mang_issu_cls_code": "N",
    "stck_prpr": "61300", "stck_oprc": "60700", "stck_hgpr": "61600", "stck_lwpr": "60300", "stck_mxpr": "78600",
    "stck_llam": "42400", "stck_sdpr": "60500", "acml_vol": "1283950", "stck_prdy_clpr": "60500",
}  # fmt: skip
_BAR = {
    "stck_bsop_date": "20261117", "stck_oprc": "60700", "stck_hgpr": "61600", "stck_lwpr": "60300",
    "stck_clpr": "61300", "acml_vol": "1283950", "prtt_rate": "0.00", "mod_yn": "N", "flng_cls_code": "00",
}  # fmt: skip
_MINUTE = {
    "stck_bsop_date": _STAMP, "stck_cntg_hour": "111900", "stck_oprc": "61200", "stck_hgpr": "61300",
    "stck_lwpr": "61100", "stck_prpr": "61300", "cntg_vol": "2210", "acml_tr_pbmn": "78362914300",
}  # fmt: skip
_HELD = {
    "pdno": "035720", "prdt_name": "카카오", "trad_dvsn_name": "현금", "hldg_qty": "10", "ord_psbl_qty": "10",
    "pchs_avg_pric": "61250.0000", "pchs_amt": "612500", "prpr": "61300", "evlu_amt": "613000", "loan_dt": "",
}  # fmt: skip
_ORDER = {
    "ord_dt": _STAMP, "ord_gno_brno": "00950", "odno": "0000012345", "orgn_odno": "", "sll_buy_dvsn_cd": "02",
    "pdno": "035720", "prdt_name": "카카오", "ord_qty": "10", "ord_unpr": "61300", "ord_tmd": "112010",
    "tot_ccld_qty": "4", "avg_prvs": "61300", "tot_ccld_amt": "245200", "ord_dvsn_cd": "00", "cncl_cfrm_qty": "0",
    "rmn_qty": "6", "rjct_qty": "0", "psbl_qty": "6", "excg_id_dvsn_cd": "KRX",
}  # fmt: skip
_MULTI = {
    "inter_shrn_iscd": "035720", "inter2_prpr": "61300", "inter2_askp": "61300", "inter2_bidp": "61200",
    "inter2_oprc": "60700", "inter2_hgpr": "61600", "inter2_lwpr": "60300", "acml_vol": "1283950",
    "hour_cls_code": "0", "new_mkop_cls_code": "20", "vi_cls_code": "N",
}  # fmt: skip
_BOOK = {
    f"{side}{kind}{level}": str(value)
    for level in range(1, 11)
    for side, kind, value in (
        ("askp", "", 61_200 + 100 * level), ("bidp", "", 61_300 - 100 * level),
        ("askp", "_rsqn", 400 * level), ("bidp", "_rsqn", 300 * level),
    )
} | {"aspr_acpt_hour": "112008", "new_mkop_cls_code": "20", "antc_cnpr": "0", "antc_vol": "0"}  # fmt: skip
_RANKED = {
    "hts_kor_isnm": "카카오", "mksc_shrn_iscd": "035720", "data_rank": "1", "stck_prpr": "61300",
    "acml_vol": "1283950", "acml_tr_pbmn": "78362914300", "stck_avls": "271000", "lstn_stcn": "442100000",
}  # fmt: skip
_STOCK = {
    "pdno": "00000A035720", "prdt_name": "카카오보통주", "prdt_abrv_name": "카카오", "std_pdno": "KR7035720002",
    "mket_id_cd": "STK", "scty_grp_id_cd": "ST", "lstg_stqt": "442100000", "scts_mket_lstg_dt": "20170710",
    "kosdaq_mket_lstg_dt": "", "lstg_abol_dt": "", "kospi200_item_yn": "Y", "tr_stop_yn": "N", "admn_item_yn": "N",
    "bfdy_clpr": "60500",
}  # fmt: skip
_PROFIT = {
    "trad_dt": _STAMP, "pdno": "035720", "prdt_name": "카카오", "buy_qty": "10", "buy_amt": "613000", "sll_qty": "10",
    "sll_amt": "620000", "rlzt_pfls": "5200", "fee": "170", "tl_tax": "1240", "loan_int": "0", "loan_dt": "",
}  # fmt: skip


def _whole(**outputs: object) -> str:
    envelope = {"rt_cd": "0", "msg_cd": "MCA00000", "msg1": "정상처리 되었습니다.".ljust(80)}
    cursor = {"ctx_area_fk100": "50012345^01^".ljust(100), "ctx_area_nk100": "2".ljust(100)}
    return json.dumps(envelope | cursor | outputs, ensure_ascii=False)


BODIES: tuple[str, ...] = (
    _whole(output=_PRICE),
    _whole(output1=_PRICE, output2=[_BAR, _BAR | {"stck_bsop_date": "20261116"}, {}]),
    _whole(output=[_BAR, _BAR | {"stck_bsop_date": "20261116"}]),
    _whole(output1=_PRICE, output2=[_MINUTE, _MINUTE | {"stck_cntg_hour": "111800"}]),
    _whole(output1=[_HELD, _HELD | {"pdno": "005930", "hldg_qty": "0"}], output2=[
        {"dnca_tot_amt": "10000000", "prvs_rcdl_excc_amt": "9387500", "scts_evlu_amt": "613000", "rlzt_pfls": "5200"}
    ]),
    _whole(output1=[_ORDER, _ORDER | {"odno": "12346", "orgn_odno": "0000012345", "sll_buy_dvsn_cd": "01"}],
           output2={"tot_ord_qty": "20"}),
    _whole(output=[_ORDER]),
    _whole(output={"nrcvb_buy_amt": "6130000", "nrcvb_buy_qty": "99", "max_buy_qty": "120"}),
    _whole(output={"pdno": "035720", "ord_psbl_qty": "10", "cblc_qty": "10"}),
    _whole(output=[_MULTI, _MULTI | {"inter_shrn_iscd": "005930"}, {"inter_shrn_iscd": ""}]),
    _whole(output1=_BOOK, output2=_BOOK | {"stck_shrn_iscd": "035720", "antc_cnpr": "61300"}),
    _whole(output=[_RANKED, _RANKED | {"mksc_shrn_iscd": "005930", "data_rank": "2"}]),
    _whole(output=_STOCK),
    _whole(output=[{"bass_dt": day, "wday_dvsn_cd": "03", "bzdy_yn": "Y", "tr_day_yn": "Y", "opnd_yn": "Y",
                    "sttl_day_yn": "Y"} for day in (_STAMP, _NEXT)]),
    _whole(output1=[_PROFIT, _PROFIT | {"trad_dt": "20261117", "rlzt_pfls": "-5200"}], output2={"tot_rlzt_pfls": "0"}),
    json.dumps(accepted_body(), ensure_ascii=False),
    json.dumps(token_body("a.token"), ensure_ascii=False),
    json.dumps({"approval_key": "6d1e2f90-0000-4000-8000-123456789abc"}),
    json.dumps({"error_code": "EGW00133", "error_description": "접근토큰 발급 잠시 후 다시 시도하세요(1분당 1회)"}),
    json.dumps(refusal("EGW00201", "초당 거래건수를 초과하였습니다."), ensure_ascii=False),
    json.dumps(refusal("EGW00123", "기간이 만료된 token 입니다."), ensure_ascii=False),
    json.dumps(refusal("APBK0919", "장운영시간이 아닙니다.", "7"), ensure_ascii=False),
    json.dumps(refusal("APBK0952", "주문가능금액을 초과 했습니다", "7"), ensure_ascii=False),
    "<html><head><title>점검</title></head><body>503 Service Unavailable</body></html>",
    "",
)  # fmt: skip

READERS: tuple[Callable[[Body], object], ...] = (
    lambda body: wire_balance.read_account_pages([body]),
    wire_balance.read_holdings,
    lambda body: wire_balance.read_totals([body]),
    lambda body: wire_balance.read_buyable(body, 61_300),
    lambda body: wire_balance.read_sellable(body, KAKAO),
    lambda body: wire_listing.read_order_pages([body]),
    lambda body: wire_listing.read_open_pages([body], DAY),
    lambda body: wire_market.read_snapshot(body, KAKAO, TODAY),
    lambda body: wire_market.read_chart(body, KAKAO, DAY - timedelta(days=200), DAY),
    wire_market.read_recent_days,
    lambda body: wire_minutes.read_minutes(body, KAKAO, DAY, None),
    wire_orders.read_accepted,
    lambda body: wire_pages.next_cursor(_LISTING, body),
    lambda body: wire_profit.read_realized_today([body]),
    lambda body: wire_profit.read_days([body]),
    lambda body: wire_profit.read_trades_by_symbol([body]),
    lambda body: wire_quotes.read_multi_price(body, (KAKAO, Symbol("005930")), TODAY),
    lambda body: wire_quotes.read_order_book(body, KAKAO),
    lambda body: wire_survey.read_surveyed(body, (KAKAO, Symbol("005930"))),
    lambda body: wire_survey.read_surveyed_one(body, KAKAO),
    wire_research.read_ranking,
    lambda body: wire_research.read_stock_info(body, KAKAO),
    lambda body: wire_research.has_day(body, DAY),
    lambda body: wire_research.read_days([body], DAY, DAY + timedelta(days=1)),
    lambda body: read_expiry(body.top, TODAY),
)
# Not of a body: they read one text, and stand inside the readers above, or in the frame fuzz.
PARTS = (
    "wire_errors.read_answer", "wire_errors.read_key", "wire_errors.read_outcome", "wire_frames.read_session",
    "wire_frames.read_trade", "wire_frames.read_trades", "wire_market.read_market", "wire_notices.read_notices",
    "wire_values.read_day", "wire_values.read_moment", "wire_values.read_order_no", "wire_values.read_side",
    "wire_values.read_symbol", "wire_values.read_time",
)  # fmt: skip
