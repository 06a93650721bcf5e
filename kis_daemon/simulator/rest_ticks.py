"""The trades of a day on the wire: inquire-ccnl, inquire-time-itemconclusion, and the two charts of minutes.

Source: the wire contract, sections 4.2.3, 4.2.7 and 4.2.8, and the official field table of FHPST01060000. A minute
without trade has no row. An hour that lies ahead, or none at all (empty or 000000), means now.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

from kis_daemon.domain.calendar import TradingDay
from kis_daemon.domain.price_path import PathTick
from kis_daemon.simulator.board import Board
from kis_daemon.simulator.fields import Fields
from kis_daemon.simulator.rest_days import MARKETS
from kis_daemon.simulator.rest_price import BOARD_NAMES
from kis_daemon.simulator.tape import Minute
from kis_daemon.simulator.venue import Venue
from kis_daemon.simulator.wire import QUOTED, Body, Reply, change_of, done

TICK_ROWS = 30
TODAY_ROWS = 30
PAST_ROWS = 120
HISTORY = timedelta(days=365)


def inquire_ccnl(venue: Venue, fields: Fields) -> Reply:
    """Answer FHKST01010300: the last 30 trades of today, newest first."""
    fields.one_of("FID_COND_MRKT_DIV_CODE", MARKETS, "OPSQ2001")
    board = venue.board(fields.text("FID_INPUT_ISCD"))
    day = venue.exchange.day
    if board is None or day is None:
        return Reply(body=done(QUOTED, output=[]))
    rows: list[Body] = [
        {
            "stck_cntg_hour": f"{at:%H%M%S}",
            "stck_prpr": str(tick.price),
            **change_of(board, tick.price),
            "cntg_vol": str(tick.volume),
            "tday_rltv": strength,
        }
        for at, tick, strength, _ in _trades(venue, board, day)
    ]
    return Reply(body=done(QUOTED, output=rows[-TICK_ROWS:][::-1]))


def trades_at(venue: Venue, fields: Fields) -> Reply:
    """Answer FHPST01060000: the last 30 trades of today up to an hour, newest first."""
    fields.one_of("FID_COND_MRKT_DIV_CODE", MARKETS, "OPSQ2001")
    until = fields.clock("FID_INPUT_HOUR_1")
    board, day = venue.board(fields.text("FID_INPUT_ISCD")), venue.exchange.day
    if board is None or day is None:
        return Reply(body=done(QUOTED, output1={"stck_prpr": "0"}, output2=[]))
    rows: list[Body] = [
        {
            "stck_cntg_hour": f"{at:%H%M%S}",
            "stck_pbpr": str(tick.price),  # the name in the field table; its example has the next one
            "stck_prpr": str(tick.price),
            **change_of(board, tick.price),
            "askp": str(tick.ask),
            "bidp": str(tick.bid),
            "tday_rltv": strength,
            "acml_vol": str(volume),
            "cnqn": str(tick.volume),
        }
        for at, tick, strength, volume in _trades(venue, board, day)
        if at.timetz().replace(tzinfo=None) <= until
    ]
    output1 = {
        "stck_prpr": str(board.price),
        **change_of(board, board.price),
        "acml_vol": str(board.volume),
        "prdy_vol": str(board.previous.volume if board.previous is not None else 0),
        "rprs_mrkt_kor_name": BOARD_NAMES[board.market],
    }
    return Reply(body=done(QUOTED, output1=output1, output2=rows[-TICK_ROWS:][::-1]))


def _trades(venue: Venue, board: Board, day: TradingDay) -> Iterator[tuple[datetime, PathTick, str, int]]:
    """Yield today's trades with the strength of the buyers and the volume up to each."""
    bought = sold = 0
    for at, tick in venue.tape.trades(venue.exchange, board.symbol, day, venue.settings.ticks_per_day):
        if tick.price == tick.ask:
            bought += tick.volume
        else:
            sold += tick.volume
        yield at, tick, f"{bought * 100 / sold if sold else 0.0:.2f}", bought + sold


def minutes_today(venue: Venue, fields: Fields) -> Reply:
    """Answer FHKST03010200: at most 30 minutes up to an hour of today, newest first."""
    fields.text("FID_ETC_CLS_CODE")
    day = venue.exchange.day
    return _minutes(venue, fields, None if day is None else day.date, TODAY_ROWS)


def minutes_of_a_day(venue: Venue, fields: Fields) -> Reply:
    """Answer FHKST03010230: at most 120 minutes up to an hour of a day in the last year, newest first."""
    fields.optional("FID_FAKE_TICK_INCU_YN")
    asked = fields.day("FID_INPUT_DATE_1")
    known = venue.now().date() - HISTORY <= asked <= venue.now().date()
    return _minutes(venue, fields, asked if known else None, PAST_ROWS)


def _minutes(venue: Venue, fields: Fields, asked: date | None, most: int) -> Reply:
    fields.one_of("FID_COND_MRKT_DIV_CODE", MARKETS, "OPSQ2001")
    with_past = fields.one_of("FID_PW_DATA_INCU_YN", ("Y", "N")) == "Y"
    until = fields.clock("FID_INPUT_HOUR_1")
    board = venue.board(fields.text("FID_INPUT_ISCD"))
    if board is None:
        return Reply(body=done(QUOTED, output1={"stck_prpr": "0", "hts_kor_isnm": ""}, output2=[]))
    rows = _rows(venue, board, asked, until, most, with_past=with_past) if asked is not None else []
    output1 = {
        **change_of(board, board.price),
        "stck_prdy_clpr": str(board.base),
        "acml_vol": str(board.volume),
        "acml_tr_pbmn": str(board.turnover),
        "hts_kor_isnm": board.name,
        "stck_prpr": str(board.price),
    }
    return Reply(body=done(QUOTED, output1=output1, output2=rows))


def _rows(venue: Venue, board: Board, asked: date, until: time, most: int, *, with_past: bool) -> list[Body]:
    calendar = venue.exchange.calendar
    day = calendar.trading_day(asked) if calendar.covers(asked) else None
    minutes: list[Minute] = []
    if day is not None:
        minutes = [row for row in _of(venue, board, day) if row.at <= until]
    earliest = venue.now() - HISTORY
    while with_past and len(minutes) < most:
        before = datetime.combine(asked, time(), venue.now().tzinfo) - timedelta(days=1)
        if before < earliest or before.date() < max(calendar.first, venue.exchange.prices.first_day):
            break
        asked = before.date()
        past = calendar.trading_day(asked)
        minutes = (_of(venue, board, past) if past is not None else []) + minutes
    return [_row(minute) for minute in minutes[-most:][::-1]]


def _of(venue: Venue, board: Board, day: TradingDay) -> list[Minute]:
    return venue.tape.minutes(venue.exchange, board.symbol, day, venue.settings.ticks_per_day)


def _row(minute: Minute) -> Body:
    return {
        "stck_bsop_date": f"{minute.day:%Y%m%d}",
        "stck_cntg_hour": f"{minute.at:%H%M%S}",
        "stck_prpr": str(minute.close),
        "stck_oprc": str(minute.open),
        "stck_hgpr": str(minute.high),
        "stck_lwpr": str(minute.low),
        "cntg_vol": str(minute.volume),
        "acml_tr_pbmn": str(minute.turnover),
    }
