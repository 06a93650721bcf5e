"""Ten levels and the expected match on the wire: inquire-asking-price-exp-ccn, and exp-closing-price.

Source: the wire contract, section 4.2.4. The levels are those of the stream: made of the tick table around the touch.
A match is expected only while an auction runs; outside of the session the last book stands.
"""

from __future__ import annotations

from datetime import datetime

from kis_daemon.domain.calendar import SessionPhase
from kis_daemon.domain.market import Market, Won
from kis_daemon.simulator.board import Board
from kis_daemon.simulator.fields import Fields
from kis_daemon.simulator.frames_book import LEVELS, levels
from kis_daemon.simulator.listing_view import AuctionCode, Expected, ListingView
from kis_daemon.simulator.rest_days import MARKETS
from kis_daemon.simulator.venue import Venue
from kis_daemon.simulator.wire import QUOTED, Body, Reply, change_of, direction, done, percent

CLOSING_ROWS = 30
_SIDES = ("askp", "bidp")
_SESSION_CODES = {
    SessionPhase.OPENING_AUCTION: "10",
    SessionPhase.REGULAR: "20",
    SessionPhase.CLOSING_AUCTION: "21",
    SessionPhase.CLOSED: "30",
}
_INDEX_MARKETS = {"0001": Market.KOSPI, "1001": Market.KOSDAQ, "2001": Market.KOSPI}


def asking_price(venue: Venue, fields: Fields) -> Reply:
    """Answer FHKST01010200: the book, and what an auction would match."""
    fields.one_of("FID_COND_MRKT_DIV_CODE", MARKETS, "OPSQ2001")
    board = venue.board(fields.text("FID_INPUT_ISCD"))
    if board is None:
        return Reply(body=done(QUOTED, output1={}, output2={"stck_prpr": "0", "antc_cnpr": "0", "antc_vol": "0"}))
    view = venue.view(board)
    return Reply(body=done(QUOTED, output1=_book(view, venue.now()), output2=_expected(view)))


def sizes(board: Board, prices: tuple[Won, ...]) -> list[int]:
    """Return the shares at each level, as the stream has them: at the touch those of the last trade."""
    made = [(board.volume * (place + 3) + price) % 9973 + 27 if price else 0 for place, price in enumerate(prices)]
    if prices[0] and board.last_tick is not None:
        made[0] = board.last_tick.volume
    return made


def book_of(board: Board) -> tuple[tuple[Won, ...], tuple[Won, ...]]:
    """Return (asks, bids); before the first trade they stand around the price of the day before."""
    if board.trades:
        return levels(board, board.ask, 1), levels(board, board.bid, -1)
    bids = levels(board, board.base, -1)
    return levels(board, board.base, 1), (*bids[1:], 0)


def _book(view: ListingView, now: datetime) -> Body:
    board = view.board
    shown: Body = {"aspr_acpt_hour": f"{board.traded_at:06d}" if view.expected is None else f"{now:%H%M%S}"}
    for side, prices in zip(_SIDES, book_of(board), strict=True):
        shares = sizes(board, prices)
        for level in range(1, LEVELS + 1):
            shown[f"{side}{level}"] = str(prices[level - 1])
            shown[f"{side}_rsqn{level}"] = str(shares[level - 1])
            shown[f"{side}_rsqn_icdc{level}"] = "0"
        shown[f"total_{side}_rsqn"] = str(sum(shares))
        shown[f"total_{side}_rsqn_icdc"] = shown[f"ovtm_total_{side}_icdc"] = shown[f"ovtm_total_{side}_rsqn"] = "0"
    shown["ntby_aspr_rsqn"] = str(int(shown["total_bidp_rsqn"]) - int(shown["total_askp_rsqn"]))
    shown["new_mkop_cls_code"] = _SESSION_CODES[view.phase]
    return shown


def _expected(view: ListingView) -> Body:
    board, expected = view.board, view.expected
    change = expected.price - board.base if expected is not None else 0
    return {
        "antc_mkop_cls_code": expected.code.value if expected is not None else "000",
        "stck_prpr": str(board.price),
        "stck_oprc": str(board.open),
        "stck_hgpr": str(board.high),
        "stck_lwpr": str(board.low),
        "stck_sdpr": str(board.base),
        "antc_cnpr": str(expected.price if expected is not None else 0),
        "antc_cntg_vrss_sign": str(direction(change)),
        "antc_cntg_vrss": str(change),
        "antc_cntg_prdy_ctrt": percent(change, board.base),
        "antc_vol": str(expected.volume if expected is not None else 0),
        "stck_shrn_iscd": board.symbol,
        "vi_cls_code": "Y" if view.in_vi else "N",
    }


def exp_closing_price(venue: Venue, fields: Fields) -> Reply:
    """Answer FHKST117300C0: while the closing auction runs, what it would match; KIS's table and sample differ in
    where the rows stand, so they are given under both names.
    """
    order = fields.one_of("FID_RANK_SORT_CLS_CODE", ("0", "1", "2", "3", "4"))
    fields.one_of("FID_COND_MRKT_DIV_CODE", MARKETS, "OPSQ2001")
    fields.one_of("FID_COND_SCR_DIV_CODE", ("11173",))
    market = _INDEX_MARKETS.get(fields.one_of("FID_INPUT_ISCD", ("0000", "4001", *_INDEX_MARKETS)))
    fields.one_of("FID_BLNG_CLS_CODE", ("0", "1"))
    chosen = []
    for board in venue.exchange.boards.values():
        expected = venue.view(board).expected if board.base and market in (None, board.market) else None
        if expected is None or expected.code is not AuctionCode.CLOSING:
            continue
        if order not in ("1", "2") or expected.price == (board.upper if order == "1" else board.lower):
            chosen.append((board, expected))
    if order in ("3", "4"):
        chosen.sort(key=lambda pair: (pair[1].price - pair[0].price) / pair[0].price, reverse=order == "3")
    rows = [_closing_row(board, expected) for board, expected in chosen[:CLOSING_ROWS]]
    return Reply(body=done(QUOTED, output=rows, output1=rows))


def _closing_row(board: Board, expected: Expected) -> Body:
    change = expected.price - board.base
    return {
        "stck_shrn_iscd": board.symbol,
        "hts_kor_isnm": board.name,
        "stck_prpr": str(expected.price),
        **change_of(board, expected.price),
        "sdpr_vrss_prpr": str(change),
        "sdpr_vrss_prpr_rate": percent(change, board.base),
        "cntg_vol": str(expected.volume),
    }
