"""The present price of a symbol on the wire: inquire-price and inquire-price-2.

Source: the wire contract, sections 4.2.1 and 4.2.2. What the simulated market does not know (earnings, ownership)
is zero or empty, under the names that KIS has for it. An unknown symbol is no error: zeros and empty texts.
"""

from __future__ import annotations

from datetime import timedelta

from kis_daemon.domain.market import Bar, Market, tick_size
from kis_daemon.simulator.board import Board
from kis_daemon.simulator.capital import PAR_VALUE
from kis_daemon.simulator.fields import Fields
from kis_daemon.simulator.listing_view import ListingView
from kis_daemon.simulator.rest_days import MARKETS, today_bar
from kis_daemon.simulator.venue import Venue
from kis_daemon.simulator.wire import QUOTED, Reply, change_of, direction, done, named, percent

BOARD_NAMES = {Market.KOSPI: "KOSPI200", Market.KOSDAQ: "KOSDAQ", Market.ETF: "ETF"}
_ZERO = "frgn_ntby_qty pgtr_ntby_qty stck_sspr frgn_hldn_qty last_ssts_cntg_qty"
_ZERO_RATE = "hts_frgn_ehrt apprch_rate per pbr eps bps whol_loan_rmnd_rate"
_NO = "oprc_rang_cont_yn clpr_rang_cont_yn elw_pblc_yn ovtm_vi_cls_code"
_STATES = "temp_stop_yn vi_cls_code invt_caful_yn short_over_yn sltr_yn mang_issu_cls_code"
_EMPTY = "new_hgpr_lwpr_cls_code bstp_kor_isnm stac_month fcam_cnnm cpfn_cnnm"
_UNKNOWN_ZERO = "stck_prpr stck_sdpr stck_mxpr stck_llam stck_oprc stck_hgpr stck_lwpr acml_vol"
_RANGES = (
    "d250_hgpr d250_hgpr_date d250_hgpr_vrss_prpr_rate d250_lwpr d250_lwpr_date d250_lwpr_vrss_prpr_rate",
    "stck_dryy_hgpr dryy_hgpr_date dryy_hgpr_vrss_prpr_rate stck_dryy_lwpr dryy_lwpr_date dryy_lwpr_vrss_prpr_rate",
    "w52_hgpr w52_hgpr_date w52_hgpr_vrss_prpr_ctrt w52_lwpr w52_lwpr_date w52_lwpr_vrss_prpr_ctrt",
)
_PRICE_2_NO = "stange_runup_yn ssts_hot_yn low_current_yn insn_pbnt_yn oprc_rang_cont_yn elw_pblc_yn"
_PRICE_2_STATES = "mang_issu_yn short_over_yn invt_caful_yn sltr_yn vi_cls_code trht_yn"
_PRICE_2_EMPTY = (
    "new_hgpr_lwpr_cls_code divi_app_cls_code short_over_cls_code new_lstn_cls_name vlnt_deal_cls_name "
    "revl_issu_reas_name bstp_cls_code fcam_mod_cls_name bstp_kor_isnm vlnt_fin_cls_code"
)
_WARNING_NAMES = {"01": "투자주의", "02": "투자경고", "03": "투자위험"}
_FLNG_NAMES = {"01": "권리락", "02": "배당락"}


def inquire_price(venue: Venue, fields: Fields) -> Reply:
    """Answer FHKST01010100: 82 fields of a symbol."""
    fields.one_of("FID_COND_MRKT_DIV_CODE", MARKETS, "OPSQ2001")
    board = venue.board(fields.text("FID_INPUT_ISCD"))
    if board is None:
        names = f"iscd_stat_cls_code rprs_mrkt_kor_name {_STATES} {_NO} {_EMPTY}"
        return Reply(body=done(QUOTED, output=named(names, "") | named(_UNKNOWN_ZERO, "0")))
    capital, view = venue.capital(board.symbol), venue.view(board)
    before = board.previous.volume if board.previous is not None else 0
    output: dict[str, str] = {
        "iscd_stat_cls_code": view.status_code,
        "marg_rate": "100.00" if _is_watched(view) else "20.00",
        "rprs_mrkt_kor_name": BOARD_NAMES[board.market],
        "crdt_able_yn": _yes(not _is_watched(view)),
        "grmn_rate_cls_code": "40",
        "ssts_yn": "Y",
        "temp_stop_yn": _yes(view.halted),
        "vi_cls_code": _yes(view.in_vi),
        "invt_caful_yn": _yes(view.warning_code == "01"),
        "short_over_yn": _yes(view.overheated),
        "sltr_yn": _yes(view.in_liquidation),
        "mang_issu_cls_code": _yes(view.under_administration),
        "mrkt_warn_cls_code": view.warning_code,
        "stck_prpr": str(board.price),
        **change_of(board, board.price),
        "acml_tr_pbmn": str(board.turnover),
        "acml_vol": str(board.volume),
        "prdy_vrss_vol_rate": percent(board.volume, before),
        "stck_oprc": str(board.open),
        "stck_hgpr": str(board.high),
        "stck_lwpr": str(board.low),
        "stck_mxpr": str(board.upper),
        "stck_llam": str(board.lower),
        "stck_sdpr": str(board.base),
        "wghn_avrg_stck_prc": f"{board.turnover / board.volume:.2f}" if board.volume else "0.00",
        "rstc_wdth_prc": str(board.upper - board.base),
        "stck_fcam": str(PAR_VALUE),
        "aspr_unit": str(tick_size(board.price, board.market, board.day)),
        "hts_deal_qty_unit_val": "1",
        "cpfn": str(capital.paid_in),
        "lstn_stcn": str(capital.shares),
        "hts_avls": str(capital.value(board.price)),
        "vol_tnrt": percent(board.volume, capital.shares),
        "stck_shrn_iscd": board.symbol,
    }
    output |= named(_ZERO, "0") | named(_ZERO_RATE, "0.00")
    output |= named(_NO, "N") | named(_EMPTY, "")
    output |= _pivots(board.previous) | _ranges(venue, board)
    return Reply(body=done(QUOTED, output=output))


def _yes(claim: bool) -> str:
    return "Y" if claim else "N"


def _is_watched(view: ListingView) -> bool:
    """Tell whether the exchange's designation takes credit away and asks for the whole price."""
    return view.warning_code != "00" or view.under_administration or view.in_liquidation


def _pivots(bar: Bar | None) -> dict[str, str]:
    """Return the pivot of the day before with two resistances and supports, and the two of DeMark."""
    high, low, close, opened = (bar.high, bar.low, bar.close, bar.open) if bar is not None else (0, 0, 0, 0)
    pivot = (high + low + close) / 3
    weight = 2 * high + low + close if close > opened else high + 2 * low + close if close < opened else 0
    half = (weight or high + low + 2 * close) / 2
    levels = {
        "pvt_scnd_dmrs_prc": pivot + high - low,
        "pvt_frst_dmrs_prc": 2 * pivot - low,
        "pvt_pont_val": pivot,
        "pvt_frst_dmsp_prc": 2 * pivot - high,
        "pvt_scnd_dmsp_prc": pivot - high + low,
        "dmrs_val": half - low,
        "dmsp_val": half - high,
    }
    return {name: str(int(value)) for name, value in levels.items()}


def _ranges(venue: Venue, board: Board) -> dict[str, str]:
    """Return highest and lowest of 250 days, of the year and of 52 weeks, each with its date and distance."""
    year_ago = board.day - timedelta(days=365)
    past = venue.exchange.prices.bars(board.symbol, year_ago, board.day - timedelta(days=1))
    bars = [bar for bar in (*past, *today_bar(board)) if bar.volume]
    flat = Bar(date=board.day, open=board.price, high=board.price, low=board.price, close=board.price, volume=0)
    this_year = [bar for bar in bars if bar.date.year == board.day.year]
    texts: dict[str, str] = {}
    for fields, chosen in zip(_RANGES, (bars[-250:], this_year, bars), strict=True):
        top = max(chosen, key=lambda bar: bar.high, default=flat)
        bottom = min(chosen, key=lambda bar: bar.low, default=flat)
        texts |= zip(
            fields.split(),
            (
                str(top.high),
                f"{top.date:%Y%m%d}",
                percent(board.price - top.high, top.high),
                str(bottom.low),
                f"{bottom.date:%Y%m%d}",
                percent(board.price - bottom.low, bottom.low),
            ),
            strict=True,
        )
    return texts


def inquire_price_2(venue: Venue, fields: Fields) -> Reply:
    """Answer FHPST01010000: what the first price inquiry leaves out."""
    fields.one_of("FID_COND_MRKT_DIV_CODE", MARKETS, "OPSQ2001")
    board = venue.board(fields.text("FID_INPUT_ISCD"))
    if board is None:
        empty = named(f"rprs_mrkt_kor_name {_PRICE_2_STATES} {_PRICE_2_NO} {_PRICE_2_EMPTY}", "")
        return Reply(body=done(QUOTED, output=empty | named(f"{_UNKNOWN_ZERO} stck_prdy_clpr", "0")))
    before = board.previous.volume if board.previous is not None else 0
    view = venue.view(board)
    limit = {board.upper: "1", board.lower: "2"}.get(board.price, "0")
    output: dict[str, str] = {
        "rprs_mrkt_kor_name": BOARD_NAMES[board.market],
        "mxpr_llam_cls_code": limit,
        "crdt_able_yn": _yes(not _is_watched(view)),
        "crdt_rate": "0.00",
        "marg_rate": "100.00" if _is_watched(view) else "20.00",
        "mrkt_warn_cls_code": view.warning_code,
        "mrkt_warn_cls_name": _WARNING_NAMES.get(view.warning_code, ""),
        "flng_cls_name": _FLNG_NAMES.get(view.flng_code, ""),
        "mang_issu_yn": _yes(view.under_administration),
        "short_over_yn": _yes(view.overheated),
        "invt_caful_yn": _yes(view.warning_code == "01"),
        "sltr_yn": _yes(view.in_liquidation),
        "vi_cls_code": _yes(view.in_vi),
        "trht_yn": _yes(view.halted),
        "stck_mxpr": str(board.upper),
        "stck_llam": str(board.lower),
        "stck_sdpr": str(board.base),
        "stck_prdy_clpr": str(board.base),
        "stck_prpr": str(board.price),
        **change_of(board, board.price),
        "acml_tr_pbmn": str(board.turnover),
        "acml_vol": str(board.volume),
        "prdy_vol": str(before),
        "prdy_vrss_vol_rate": percent(board.volume, before),
        "stck_oprc": str(board.open),
        "stck_hgpr": str(board.high),
        "stck_lwpr": str(board.low),
    }
    for name, price in (("oprc", board.open), ("hgpr", board.high), ("lwpr", board.low)):
        output[f"prdy_clpr_vrss_{name}_rate"] = percent(price - board.base if price else 0, board.base)
        output[f"{name}_vrss_prpr"] = str(board.price - price if price else 0)
        output[f"{name}_vrss_prpr_sign"] = str(direction(board.price - price if price else 0))
    output |= named(_PRICE_2_NO, "N") | named(_PRICE_2_EMPTY, "")
    return Reply(body=done(QUOTED, output=output))
