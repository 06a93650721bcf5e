"""Many symbols in one answer: volume-rank, ranking/market-cap and intstock-multprice.

Source: the wire contract, sections 4.2.11 to 4.2.13. At most 30 rows, no paging. Of the flags that leave symbols out,
those are obeyed that the simulated market knows: designations, halts, preferred shares and funds.
"""

from __future__ import annotations

from collections.abc import Callable

from kis_daemon.domain.market import Market
from kis_daemon.simulator.board import Board
from kis_daemon.simulator.fields import Fields
from kis_daemon.simulator.market_rules import Designation
from kis_daemon.simulator.rest_book import book_of, sizes
from kis_daemon.simulator.rest_days import MARKETS
from kis_daemon.simulator.venue import Venue
from kis_daemon.simulator.wire import QUOTED, Body, Failed, Reply, change_of, done, named, percent

RANK_ROWS = 30
MULTI_ROWS = 30
_WARNED = (Designation.CAUTION, Designation.WARNING, Designation.RISK)
# FID_TRGT_EXLS_CLS_CODE, flag by flag; None is a kind that is not played
_LEFT_OUT: tuple[Callable[[Board], bool] | None, ...] = (
    lambda board: board.designation in _WARNED,
    lambda board: board.designation is Designation.ADMINISTRATIVE,
    lambda board: board.designation is Designation.LIQUIDATION,
    None,  # unfaithful disclosure
    lambda board: is_preferred(board),
    lambda board: board.halted,
    lambda board: board.market is Market.ETF,
    None,  # ETN
    None,  # no credit
    None,  # SPAC
)
_FLAG_COUNTS = (6, len(_LEFT_OUT))
_SECTORS = {"0001": (Market.KOSPI, Market.ETF), "1001": (Market.KOSDAQ,), "2001": (Market.KOSPI,)}
_MULTI_ZERO = (
    "inter2_prpr inter2_prdy_vrss acml_vol inter2_oprc inter2_hgpr inter2_lwpr inter2_llam inter2_mxpr inter2_askp "
    "inter2_bidp seln_rsqn shnu_rsqn total_askp_rsqn total_bidp_rsqn acml_tr_pbmn inter2_prdy_clpr intr_antc_cntg_vrss "
    "intr_antc_vol inter2_sdpr"
)


def is_preferred(board: Board) -> bool:
    """Tell a preferred share by its code: common shares end with 0."""
    return board.market is not Market.ETF and not board.symbol.endswith("0")


def _chosen(venue: Venue, fields: Fields) -> list[Board]:
    """Return the boards of the sector, kind and price band asked for."""
    sector = fields.text("FID_INPUT_ISCD")
    if sector not in ("0000", *_SECTORS):
        return []
    kind = fields.one_of("FID_DIV_CLS_CODE", ("0", "1", "2"))
    low, high = _bound(fields, "FID_INPUT_PRICE_1"), _bound(fields, "FID_INPUT_PRICE_2")
    least = _bound(fields, "FID_VOL_CNT")
    return [
        board
        for board in venue.exchange.boards.values()
        if board.base
        and (sector == "0000" or board.market in _SECTORS[sector])
        and (kind == "0" or is_preferred(board) is (kind == "2"))
        and board.price >= low
        and (not high or board.price <= high)
        and board.volume >= least
    ]


def _bound(fields: Fields, name: str) -> int:
    return fields.whole(name) if fields.text(name) else 0


def volume_rank(venue: Venue, fields: Fields) -> Reply:
    """Answer FHPST01710000: the most traded, by the measure asked for."""
    fields.one_of("FID_COND_MRKT_DIV_CODE", MARKETS, "OPSQ2001")
    fields.one_of("FID_COND_SCR_DIV_CODE", ("20171",))
    measure = fields.one_of("FID_BLNG_CLS_CODE", ("0", "1", "2", "3", "4"))
    fields.text("FID_TRGT_CLS_CODE")
    fields.text("FID_INPUT_DATE_1")
    flags = fields.text("FID_TRGT_EXLS_CLS_CODE")
    if flags.strip("01") or (flags and len(flags) not in _FLAG_COUNTS):
        raise Failed("OPSQ2003", "ERROR INVALID INPUT [FID_TRGT_EXLS_CLS_CODE]")
    left_out = [test for test, flag in zip(_LEFT_OUT, flags, strict=False) if test is not None and flag == "1"]
    boards = [board for board in _chosen(venue, fields) if not any(test(board) for test in left_out)]

    def size(board: Board) -> float:
        capital, before = venue.capital(board.symbol), _volume_before(board)
        match measure:
            case "1":
                return board.volume / before if before else 0.0
            case "2":
                return board.volume / capital.shares
            case "3":
                return float(board.turnover)
            case "4":
                return board.turnover / (capital.shares * board.price)
            case _:
                return float(board.volume)

    boards.sort(key=size, reverse=True)
    rows = [_volume_row(venue, board, rank) for rank, board in enumerate(boards[:RANK_ROWS], start=1)]
    return Reply(body=done(QUOTED, output=rows))


def _volume_before(board: Board) -> int:
    return board.previous.volume if board.previous is not None else 0


def _volume_row(venue: Venue, board: Board, rank: int) -> Body:
    capital, before = venue.capital(board.symbol), _volume_before(board)
    turned = percent(board.volume, capital.shares)
    value_turned = percent(board.turnover, capital.shares * board.price)
    return {
        "hts_kor_isnm": board.name,
        "mksc_shrn_iscd": board.symbol,
        "data_rank": str(rank),
        "stck_prpr": str(board.price),
        **change_of(board, board.price),
        "acml_vol": str(board.volume),
        "prdy_vol": str(before),
        "lstn_stcn": str(capital.shares),
        "avrg_vol": str(board.volume),
        "n_befr_clpr_vrss_prpr_rate": percent(board.price - board.base, board.base),
        "vol_inrt": percent(board.volume, before),
        "vol_tnrt": turned,
        "nday_vol_tnrt": turned,
        "avrg_tr_pbmn": str(board.turnover),
        "tr_pbmn_tnrt": value_turned,
        "nday_tr_pbmn_tnrt": value_turned,
        "acml_tr_pbmn": str(board.turnover),
    }


def market_cap(venue: Venue, fields: Fields) -> Reply:
    """Answer FHPST01740000: the largest by market value, which is in units of 10^8 won."""
    fields.one_of("FID_COND_MRKT_DIV_CODE", MARKETS, "OPSQ2001")
    fields.one_of("FID_COND_SCR_DIV_CODE", ("20174",))
    for name in ("FID_TRGT_CLS_CODE", "FID_TRGT_EXLS_CLS_CODE"):
        fields.text(name)
    values = {board.symbol: venue.capital(board.symbol).value(board.price) for board in _chosen(venue, fields)}
    whole = sum(
        venue.capital(board.symbol).value(board.price) for board in venue.exchange.boards.values() if board.base
    )
    ranked = sorted(values, key=lambda symbol: -values[symbol])[:RANK_ROWS]
    rows = []
    for rank, symbol in enumerate(ranked, start=1):
        board = venue.exchange.boards[symbol]
        rows.append(
            {
                "mksc_shrn_iscd": symbol,
                "data_rank": str(rank),
                "hts_kor_isnm": board.name,
                "stck_prpr": str(board.price),
                **change_of(board, board.price),
                "acml_vol": str(board.volume),
                "lstn_stcn": str(venue.capital(symbol).shares),
                "stck_avls": str(values[symbol]),
                "mrkt_whol_avls_rlim": percent(values[symbol], whole),
            }
        )
    return Reply(body=done(QUOTED, output=rows))


def multi_price(venue: Venue, fields: Fields) -> Reply:
    """Answer FHKST11300006: up to 30 symbols in the order asked for; the pairs end with the first that is missing."""
    rows: list[Body] = []
    for place in range(1, MULTI_ROWS + 1):
        symbol = fields.text(f"FID_INPUT_ISCD_{place}") if place == 1 else fields.optional(f"FID_INPUT_ISCD_{place}")
        if not symbol:
            break
        fields.one_of(f"FID_COND_MRKT_DIV_CODE_{place}", MARKETS, "OPSQ2001")
        rows.append(_multi_row(venue, symbol))
    return Reply(body=done(QUOTED, output=rows))


def _multi_row(venue: Venue, symbol: str) -> Body:
    board = venue.board(symbol)
    if board is None:
        texts = "kospi_kosdaq_cls_name mrkt_trtm_cls_name hour_cls_code inter_kor_isnm prdy_vrss_sign"
        rates = "prdy_ctrt oprc_vrss_hgpr_rate intr_antc_cntg_prdy_ctrt"
        row = named(texts, "") | named(_MULTI_ZERO, "0") | named(rates, "0.00")
        return row | {"inter_shrn_iscd": symbol, "intr_antc_cntg_vrss_sign": "3"}
    asks, bids = book_of(board)
    ask_sizes, bid_sizes = sizes(board, asks), sizes(board, bids)
    change = change_of(board, board.price)
    expected = venue.view(board).expected
    antc = change_of(board, expected.price) if expected is not None else change_of(board, board.base)
    market = "코스닥" if board.market is Market.KOSDAQ else "거래소"
    return {
        "kospi_kosdaq_cls_name": market,
        "mrkt_trtm_cls_name": market,
        "hour_cls_code": venue.view(board).hour_code,
        "inter_shrn_iscd": board.symbol,
        "inter_kor_isnm": board.name,
        "inter2_prpr": str(board.price),
        "inter2_prdy_vrss": change["prdy_vrss"],
        "prdy_vrss_sign": change["prdy_vrss_sign"],
        "prdy_ctrt": change["prdy_ctrt"],
        "acml_vol": str(board.volume),
        "inter2_oprc": str(board.open),
        "inter2_hgpr": str(board.high),
        "inter2_lwpr": str(board.low),
        "inter2_llam": str(board.lower),
        "inter2_mxpr": str(board.upper),
        "inter2_askp": str(board.ask),
        "inter2_bidp": str(board.bid),
        "seln_rsqn": str(ask_sizes[0]),
        "shnu_rsqn": str(bid_sizes[0]),
        "total_askp_rsqn": str(sum(ask_sizes)),
        "total_bidp_rsqn": str(sum(bid_sizes)),
        "acml_tr_pbmn": str(board.turnover),
        "inter2_prdy_clpr": str(board.base),
        "oprc_vrss_hgpr_rate": percent(board.high - board.open, board.open),
        "intr_antc_cntg_vrss": antc["prdy_vrss"],
        "intr_antc_cntg_vrss_sign": antc["prdy_vrss_sign"],
        "intr_antc_cntg_prdy_ctrt": antc["prdy_ctrt"],
        "intr_antc_vol": str(expected.volume if expected is not None else 0),
        "inter2_sdpr": str(board.base),
    }
