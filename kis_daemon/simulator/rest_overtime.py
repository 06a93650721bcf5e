"""Trades outside of the regular session on the wire: inquire-time-overtimeconclusion and inquire-daily-overtimeprice.

Source: the wire contract, section 4.0, and the official field tables of FHPST02310000 and FHPST02320000. The hours they
were made for, single prices until 18:00, ended with the reform; since then they tell the after-market, before it
nothing was traded here: the price is the close, and the volume 0.
"""

from __future__ import annotations

from datetime import timedelta

from kis_daemon.domain.market import Market, Won
from kis_daemon.simulator.board import Board
from kis_daemon.simulator.fields import Fields
from kis_daemon.simulator.requests import Hours
from kis_daemon.simulator.rest_days import DAILY_ROWS, MARKETS, bars_until_now, with_change
from kis_daemon.simulator.venue import Venue
from kis_daemon.simulator.wire import QUOTED, Body, Reply, change_of, direction, done, named, percent

OVERTIME_ROWS = 30
_EXPECTED_ZERO = "ovtm_untp_antc_cnpr ovtm_untp_antc_cntg_vrss ovtm_untp_antc_vol"


def overtime_trades(venue: Venue, fields: Fields) -> Reply:
    """Answer FHPST02310000: the last 30 trades after the close of today, newest first."""
    fields.one_of("FID_COND_MRKT_DIV_CODE", MARKETS, "OPSQ2001")
    fields.one_of("FID_HOUR_CLS_CODE", ("1",))
    board = venue.board(fields.text("FID_INPUT_ISCD"))
    if board is None:
        return Reply(body=done(QUOTED, output1={"ovtm_untp_prpr": "0"}, output2=[]))
    late, rows, volume = _late(venue, board), list[Body](), 0
    for at, tick in late.tape:
        volume += tick.volume
        rows.append(
            {
                "stck_cntg_hour": f"{at:%H%M%S}",
                "stck_prpr": str(tick.price),
                **change_of(board, tick.price),
                "askp": str(tick.ask),
                "bidp": str(tick.bid),
                "acml_vol": str(volume),
                "cntg_vol": str(tick.volume),
            }
        )
    signs = {"uplm_sign": "1", "lslm_sign": "4"}
    return Reply(body=done(QUOTED, output1=_summary(board, late) | signs, output2=rows[-OVERTIME_ROWS:][::-1]))


def overtime_days(venue: Venue, fields: Fields) -> Reply:
    """Answer FHPST02320000: what the last 30 days did after their close, newest first."""
    fields.one_of("FID_COND_MRKT_DIV_CODE", MARKETS, "OPSQ2001")
    board = venue.board(fields.text("FID_INPUT_ISCD"))
    if board is None:
        return Reply(body=done(QUOTED, output1={"ovtm_untp_prpr": "0"}, output2=[]))
    late = _late(venue, board)
    reach = board.day - timedelta(days=2 * (DAILY_ROWS + 5))
    bars = bars_until_now(venue, board, reach, board.day, "D", adjusted=False)
    rows: list[Body] = []
    for bar, before, _ in with_change(venue, board, bars, DAILY_ROWS):
        price, volume = (late.price, late.volume) if bar.date == board.day and late.trades else (bar.close, 0)
        turnover = late.turnover if volume else 0
        rows.append(
            {
                "stck_bsop_date": f"{bar.date:%Y%m%d}",
                **_overtime(price, before),
                "ovtm_untp_vol": str(volume),
                "stck_clpr": str(bar.close),
                "prdy_vrss": str(bar.close - before),
                "prdy_vrss_sign": str(direction(bar.close - before)),
                "prdy_ctrt": percent(bar.close - before, before),
                "acml_vol": str(bar.volume),
                "ovtm_untp_tr_pbmn": str(turnover),
            }
        )
    return Reply(body=done(QUOTED, output1=_summary(board, late), output2=rows))


def _late(venue: Venue, board: Board) -> Board:
    """Return the after-market's book; that of a fund, or of a day without one, is empty."""
    if board.market is Market.ETF:
        return board.cleared()
    return venue.exchange.late_book(Hours.AFTER_MARKET, board.symbol, venue.now())


def _summary(board: Board, late: Board) -> Body:
    price = late.price if late.trades else board.price
    shown: Body = _overtime(price, board.base) | {
        "ovtm_untp_vol": str(late.volume),
        "ovtm_untp_tr_pbmn": str(late.turnover),
        "ovtm_untp_mxpr": str(board.upper),
        "ovtm_untp_llam": str(board.lower),
        "ovtm_untp_oprc": str(late.open),
        "ovtm_untp_hgpr": str(late.high),
        "ovtm_untp_lwpr": str(late.low),
    }
    unexpected = named(_EXPECTED_ZERO, "0") | {"ovtm_untp_antc_cntg_vrss_sign": "3", "ovtm_untp_antc_cntg_ctrt": "0.00"}
    return shown | unexpected


def _overtime(price: Won, before: Won) -> Body:
    return {
        "ovtm_untp_prpr": str(price),
        "ovtm_untp_prdy_vrss": str(price - before),
        "ovtm_untp_prdy_vrss_sign": str(direction(price - before)),
        "ovtm_untp_prdy_ctrt": percent(price - before, before),
    }
