"""Days on the wire: inquire-daily-itemchartprice and chk-holiday.

Source: the wire contract, sections 4.2.6 and 4.2.15. The chart has a row of the running day from
midnight on: before its first trade a placeholder at the price of the day before, then the day so far.
"""

from __future__ import annotations

from datetime import date, timedelta

from kis_daemon.domain.market import Bar, Symbol
from kis_daemon.simulator.board import Board
from kis_daemon.simulator.fields import Fields
from kis_daemon.simulator.venue import Venue
from kis_daemon.simulator.wire import Body, Failed, Reply, cursor, done, percent, sign_of

CHART_ROWS = 100
HOLIDAY_ROWS = 24
QUOTED = ("MCA00000", "정상처리 되었습니다.")
MARKETS = ("J", "UN")


def today_bar(board: Board) -> tuple[Bar, ...]:
    """Return the running day's bar as it stands, none for a symbol that is not listed today."""
    if board.bar is None:
        return ()
    if board.trades == 0:
        price = board.base
        opened = 0 if board.halted else price  # a suspended day shows zeros, one not yet begun the price before
        return (Bar(date=board.day, open=opened, high=opened, low=opened, close=price, volume=0),)
    return (
        Bar(
            date=board.day,
            open=board.open,
            high=board.high,
            low=board.low,
            close=board.price,
            volume=board.volume,
        ),
    )


def daily_chart(venue: Venue, fields: Fields) -> Reply:
    """Answer FHKST03010100: at most 100 daily rows, newest first; adjusted and raw are the same here."""
    fields.one_of("FID_COND_MRKT_DIV_CODE", MARKETS, "OPSQ2001")
    fields.one_of("FID_PERIOD_DIV_CODE", ("D",))
    fields.one_of("FID_ORG_ADJ_PRC", ("0", "1"))
    first, last = fields.day("FID_INPUT_DATE_1"), fields.day("FID_INPUT_DATE_2")
    board = venue.exchange.boards.get(Symbol(fields.text("FID_INPUT_ISCD")))
    if board is None:
        return Reply(body=done(QUOTED, output1={"stck_prpr": "0", "hts_kor_isnm": ""}, output2=[]))
    past = venue.exchange.prices.bars(board.symbol, first, min(last, board.day - timedelta(days=1)))
    shown = list(past[-(CHART_ROWS + 1) :])
    if first <= board.day <= last:
        shown += today_bar(board)
    rows = [_chart_row(bar, before) for before, bar in zip([None, *shown[:-1]], shown, strict=True)]
    return Reply(body=done(QUOTED, output1=_summary(board), output2=rows[-CHART_ROWS:][::-1]))


def _chart_row(bar: Bar, before: Bar | None) -> dict[str, str]:
    change = bar.close - before.close if before is not None else 0
    return {
        "stck_bsop_date": f"{bar.date:%Y%m%d}",
        "stck_clpr": str(bar.close),
        "stck_oprc": str(bar.open),
        "stck_hgpr": str(bar.high),
        "stck_lwpr": str(bar.low),
        "acml_vol": str(bar.volume),
        "acml_tr_pbmn": str(bar.volume * bar.close),
        "flng_cls_code": "00",
        "prtt_rate": "0.00",
        "mod_yn": "N",
        "prdy_vrss_sign": "3" if change == 0 else "2" if change > 0 else "5",
        "prdy_vrss": str(change),
        "revl_issu_reas": "",
    }


def _summary(board: Board) -> Body:
    before = board.previous
    volume_before = before.volume if before is not None else 0
    return {
        "prdy_vrss": str(board.price - board.base),
        "prdy_vrss_sign": str(sign_of(board, board.price)),
        "prdy_ctrt": percent(board.price - board.base, board.base),
        "stck_prdy_clpr": str(board.base),
        "acml_vol": str(board.volume),
        "acml_tr_pbmn": str(board.turnover),
        "hts_kor_isnm": board.name,
        "stck_prpr": str(board.price),
        "stck_shrn_iscd": board.symbol,
        "prdy_vol": str(volume_before),
        "stck_mxpr": str(board.upper),
        "stck_llam": str(board.lower),
        "stck_oprc": str(board.open),
        "stck_hgpr": str(board.high),
        "stck_lwpr": str(board.low),
        "stck_prdy_oprc": str(before.open if before is not None else 0),
        "stck_prdy_hgpr": str(before.high if before is not None else 0),
        "stck_prdy_lwpr": str(before.low if before is not None else 0),
        "askp": str(board.ask),
        "bidp": str(board.bid),
        "prdy_vrss_vol": str(board.volume - volume_before),
        "vol_tnrt": "0.00",
        "stck_fcam": "5000",
        "lstn_stcn": "0",
        "cpfn": "0",
        "hts_avls": "0",
        "per": "0.00",
        "eps": "0.00",
        "pbr": "0.00",
        "itewhol_loan_rmnd_ratem": "0.00",
    }


def chk_holiday(venue: Venue, fields: Fields) -> Reply:
    """Answer CTCA0903R: the days from BASS_DT on, as far as the calendar goes, a page at a time."""
    calendar = venue.exchange.calendar
    start = fields.day("CTX_AREA_NK") if fields.optional("CTX_AREA_NK") else fields.day("BASS_DT")
    if not calendar.covers(start):
        raise Failed("OPSQ2003", "ERROR INVALID INPUT [BASS_DT]")
    days: list[date] = []
    day = start
    while len(days) < HOLIDAY_ROWS and calendar.covers(day):
        days.append(day)
        day += timedelta(days=1)
    rows = []
    for shown in days:
        opens = "Y" if calendar.is_trading_day(shown) else "N"
        rows.append(
            {
                "bass_dt": f"{shown:%Y%m%d}",
                "wday_dvsn_cd": f"{shown.isoweekday() % 7 + 1:02d}",
                "bzdy_yn": opens,
                "tr_day_yn": opens,
                "opnd_yn": opens,
                "sttl_day_yn": opens,
            }
        )
    more = calendar.covers(day)
    return Reply(
        body=done(
            ("KIOK0500" if more else "KIOK0460", "조회가 계속됩니다" if more else "조회가 완료되었습니다"),
            ctx_area_nk=cursor(f"{day:%Y%m%d}" if more else "")[:20],
            ctx_area_fk=cursor(f"{start:%Y%m%d}")[:20],
            output=rows,
        ),
        tr_cont="M" if more else "D",
    )
