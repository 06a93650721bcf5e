"""The present price of a symbol on the wire: inquire-price.

Source: the wire contract, section 4.2.1. What the simulated market does not know (shares listed, earnings,
ownership) is zero or empty, under the names that KIS has for it.
"""

from __future__ import annotations

from datetime import timedelta

from kis_daemon.domain.market import Market, Symbol, tick_size
from kis_daemon.simulator.board import Board
from kis_daemon.simulator.fields import Fields
from kis_daemon.simulator.rest_days import MARKETS, QUOTED, today_bar
from kis_daemon.simulator.venue import Venue
from kis_daemon.simulator.wire import Reply, done, percent, sign_of

_BOARD_NAMES = {Market.KOSPI: "KOSPI200", Market.KOSDAQ: "KOSDAQ", Market.ETF: "ETF"}
_ZERO = [
    "frgn_ntby_qty",
    "pgtr_ntby_qty",
    "cpfn",
    "stck_sspr",
    "lstn_stcn",
    "hts_avls",
    "frgn_hldn_qty",
    "last_ssts_cntg_qty",
]
_ZERO_RATE = [
    "hts_frgn_ehrt",
    "apprch_rate",
    "per",
    "pbr",
    "vol_tnrt",
    "eps",
    "bps",
    "whol_loan_rmnd_rate",
    "pvt_scnd_dmrs_prc",
    "pvt_frst_dmrs_prc",
    "pvt_pont_val",
    "pvt_frst_dmsp_prc",
    "pvt_scnd_dmsp_prc",
    "dmrs_val",
    "dmsp_val",
]
_NO = [
    "oprc_rang_cont_yn",
    "clpr_rang_cont_yn",
    "elw_pblc_yn",
    "vi_cls_code",
    "ovtm_vi_cls_code",
    "invt_caful_yn",
    "short_over_yn",
    "sltr_yn",
    "mang_issu_cls_code",
]
_EMPTY = ["new_hgpr_lwpr_cls_code", "bstp_kor_isnm", "stac_month", "fcam_cnnm", "cpfn_cnnm"]
_RANGES = (
    (
        "d250_hgpr",
        "d250_hgpr_date",
        "d250_hgpr_vrss_prpr_rate",
        "d250_lwpr",
        "d250_lwpr_date",
        "d250_lwpr_vrss_prpr_rate",
    ),
    (
        "stck_dryy_hgpr",
        "dryy_hgpr_date",
        "dryy_hgpr_vrss_prpr_rate",
        "stck_dryy_lwpr",
        "dryy_lwpr_date",
        "dryy_lwpr_vrss_prpr_rate",
    ),
    (
        "w52_hgpr",
        "w52_hgpr_date",
        "w52_hgpr_vrss_prpr_ctrt",
        "w52_lwpr",
        "w52_lwpr_date",
        "w52_lwpr_vrss_prpr_ctrt",
    ),
)


def inquire_price(venue: Venue, fields: Fields) -> Reply:
    """Answer FHKST01010100. An unknown symbol is no error: zeros and empty texts."""
    fields.one_of("FID_COND_MRKT_DIV_CODE", MARKETS, "OPSQ2001")
    board = venue.exchange.boards.get(Symbol(fields.text("FID_INPUT_ISCD")))
    if board is None or board.base == 0:
        names = ("iscd_stat_cls_code", "rprs_mrkt_kor_name", "temp_stop_yn", *_NO, *_EMPTY)
        zeros = (
            "stck_prpr",
            "stck_sdpr",
            "stck_mxpr",
            "stck_llam",
            "stck_oprc",
            "stck_hgpr",
            "stck_lwpr",
            "acml_vol",
        )
        return Reply(body=done(QUOTED, output=dict.fromkeys(names, "") | dict.fromkeys(zeros, "0")))
    change = board.price - board.base
    before = board.previous.volume if board.previous is not None else 0
    output: dict[str, str] = {
        "iscd_stat_cls_code": "58" if board.halted else "55",
        "marg_rate": "20.00",
        "rprs_mrkt_kor_name": _BOARD_NAMES[board.market],
        "temp_stop_yn": "Y" if board.halted else "N",
        "crdt_able_yn": "Y",
        "grmn_rate_cls_code": "40",
        "ssts_yn": "Y",
        "mrkt_warn_cls_code": "00",
        "stck_prpr": str(board.price),
        "prdy_vrss": str(change),
        "prdy_vrss_sign": str(sign_of(board, board.price)),
        "prdy_ctrt": percent(change, board.base),
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
        "stck_fcam": "5000",
        "aspr_unit": str(tick_size(board.price, board.market, board.day)),
        "hts_deal_qty_unit_val": "1",
        "stck_shrn_iscd": board.symbol,
    }
    output |= dict.fromkeys(_ZERO, "0") | dict.fromkeys(_ZERO_RATE, "0.00")
    output |= dict.fromkeys(_NO, "N") | dict.fromkeys(_EMPTY, "")
    output |= _ranges(venue, board)
    return Reply(body=done(QUOTED, output=output))


def _ranges(venue: Venue, board: Board) -> dict[str, str]:
    """Return highest and lowest of 250 days, of the year and of 52 weeks, each with its date and distance."""
    year_ago = board.day - timedelta(days=365)
    past = venue.exchange.prices.bars(board.symbol, year_ago, board.day - timedelta(days=1))
    bars = [bar for bar in (*past, *today_bar(board)) if bar.volume]
    this_year = [bar for bar in bars if bar.date.year == board.day.year]
    texts: dict[str, str] = {}
    for names, chosen in zip(_RANGES, (bars[-250:], this_year, bars), strict=True):
        if not chosen:
            texts |= dict.fromkeys(names, "0")
            continue
        top, bottom = max(chosen, key=lambda bar: bar.high), min(chosen, key=lambda bar: bar.low)
        texts |= zip(
            names,
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
