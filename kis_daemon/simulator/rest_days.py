"""Past days on the wire: inquire-daily-itemchartprice and inquire-daily-price.

Source: the wire contract, sections 4.2.5 and 4.2.6. Both have a row of the running day from midnight on: before its
first trade a placeholder at the price of the day before, then the day so far.

Rules of this room
    FID_ORG_ADJ_PRC says the opposite in the two: the chart's 0 is adjusted, the daily price's 0 is raw.
    A week, month or year is dated by its first trading day, and is whole as soon as a day of it is asked for: so the
    next page, which ends the day before the oldest row, begins with the whole period before.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from itertools import groupby

from kis_daemon.domain.market import Bar, Won
from kis_daemon.simulator.board import Board
from kis_daemon.simulator.capital import PAR_VALUE
from kis_daemon.simulator.fields import Fields
from kis_daemon.simulator.listing_view import action_codes
from kis_daemon.simulator.venue import Venue
from kis_daemon.simulator.wire import QUOTED, Body, Reply, change_of, direction, done, percent

CHART_ROWS = 100
DAILY_ROWS = 30
MARKETS = ("J", "NX", "UN")
PERIODS = ("D", "W", "M", "Y")
_LONGEST = {"D": 1, "W": 7, "M": 31, "Y": 366}


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


def period_start(day: date, period: str) -> date:
    """Return the first calendar day of the day, week, month or year of `day`."""
    match period:
        case "W":
            return day - timedelta(days=day.weekday())
        case "M":
            return day.replace(day=1)
        case "Y":
            return day.replace(month=1, day=1)
        case _:
            return day


def period_end(day: date, period: str) -> date:
    """Return the last calendar day of the day, week, month or year of `day`."""
    last = period_start(day, period) + timedelta(days=_LONGEST[period] - 1)
    while period_start(last, period) != period_start(day, period):
        last -= timedelta(days=1)
    return last


def by_period(bars: Iterable[Bar], period: str) -> list[Bar]:
    """Return one bar a period: first open, highest, lowest, last close, all volume; days without trade add none."""
    made: list[Bar] = []
    for _, group in groupby(bars, key=lambda bar: period_start(bar.date, period)):
        days = list(group)
        traded = [bar for bar in days if bar.high]
        made.append(
            Bar(
                date=days[0].date,
                open=traded[0].open if traded else 0,
                high=max((bar.high for bar in traded), default=0),
                low=min((bar.low for bar in traded), default=0),
                close=days[-1].close,
                volume=sum(bar.volume for bar in days),
            )
        )
    return made


def bars_until_now(venue: Venue, board: Board, first: date, last: date, period: str, *, adjusted: bool) -> list[Bar]:
    """Return the bars of the periods that touch `first` to `last`, oldest first, with the running day's."""
    start = first if first == date.min else period_start(first, period)
    end = min(last, board.day)
    if end < start:
        return []
    end = min(period_end(end, period), board.day)
    bars = list(venue.exchange.chart(board.symbol, start, end, adjusted=adjusted))
    if end == board.day:
        bars += (venue.exchange.bar_at(board.symbol, bar, venue.now()) for bar in today_bar(board))
    return by_period(bars, period) if period != "D" else bars


def with_change(venue: Venue, board: Board, bars: list[Bar], rows: int) -> list[tuple[Bar, Won, int]]:
    """Return the newest `rows` bars, newest first, each with the price and the volume that it is compared to.

    That is the close before, but the base price where the company did something to its shares in between.
    """
    prices, symbol = venue.exchange.prices, board.symbol
    compared: list[tuple[Bar, Won, int]] = []
    before: Bar | None = None
    for bar in bars[-(rows + 1) :]:
        if before is None or prices.actions_of(symbol, bar.date):
            close, volume = prices.base_price(symbol, bar.date), before.volume if before is not None else 0
        else:
            close, volume = before.close, before.volume
        compared.append((bar, close or bar.close, volume))
        before = bar
    return compared[-rows:][::-1]


def daily_chart(venue: Venue, fields: Fields) -> Reply:
    """Answer FHKST03010100: at most 100 rows, newest first."""
    fields.one_of("FID_COND_MRKT_DIV_CODE", MARKETS, "OPSQ2001")
    period = fields.one_of("FID_PERIOD_DIV_CODE", PERIODS)
    adjusted = fields.one_of("FID_ORG_ADJ_PRC", ("0", "1")) == "0"
    first, last = fields.day("FID_INPUT_DATE_1"), fields.day("FID_INPUT_DATE_2")
    board = venue.board(fields.text("FID_INPUT_ISCD"))
    if board is None:
        return Reply(body=done(QUOTED, output1={"stck_prpr": "0", "hts_kor_isnm": ""}, output2=[]))
    bars = bars_until_now(venue, board, first, last, period, adjusted=adjusted)
    rows = [_chart_row(venue, board, bar, before) for bar, before, _ in with_change(venue, board, bars, CHART_ROWS)]
    return Reply(body=done(QUOTED, output1=_summary(venue, board), output2=rows))


def _chart_row(venue: Venue, board: Board, bar: Bar, before: Won) -> dict[str, str]:
    change = bar.close - before
    flng_code, split_rate, reason = action_codes(venue.exchange.actions_on(board.symbol, bar.date))
    return {
        "stck_bsop_date": f"{bar.date:%Y%m%d}",
        "stck_clpr": str(bar.close),
        "stck_oprc": str(bar.open),
        "stck_hgpr": str(bar.high),
        "stck_lwpr": str(bar.low),
        "acml_vol": str(bar.volume),
        "acml_tr_pbmn": str(bar.volume * bar.close),
        "flng_cls_code": flng_code,
        "prtt_rate": split_rate,
        "mod_yn": "N",
        "prdy_vrss_sign": str(direction(change)),
        "prdy_vrss": str(change),
        "revl_issu_reas": reason,
    }


def _summary(venue: Venue, board: Board) -> Body:
    before = board.previous
    volume_before = before.volume if before is not None else 0
    capital = venue.capital(board.symbol)
    return {
        **change_of(board, board.price),
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
        "vol_tnrt": percent(board.volume, capital.shares),
        "stck_fcam": str(PAR_VALUE),
        "lstn_stcn": str(capital.shares),
        "cpfn": str(capital.paid_in),
        "hts_avls": str(capital.value(board.price)),
        "per": "0.00",
        "eps": "0.00",
        "pbr": "0.00",
        "itewhol_loan_rmnd_ratem": "0.00",
    }


def daily_price(venue: Venue, fields: Fields) -> Reply:
    """Answer FHKST01010400: the last 30 days, weeks or months, newest first."""
    fields.one_of("FID_COND_MRKT_DIV_CODE", MARKETS, "OPSQ2001")
    period = fields.one_of("FID_PERIOD_DIV_CODE", ("D", "W", "M"))
    # the official sample sends ten digits
    adjusted = fields.one_of("FID_ORG_ADJ_PRC", ("0", "1", "0000000000", "0000000001")).endswith("1")
    board = venue.board(fields.text("FID_INPUT_ISCD"))
    if board is None:
        return Reply(body=done(QUOTED, output=[]))
    reach = board.day - timedelta(days=(DAILY_ROWS + 5) * _LONGEST[period] * (2 if period == "D" else 1))
    bars = bars_until_now(venue, board, reach, board.day, period, adjusted=adjusted)
    rows: list[Body] = []
    for bar, before, volume in with_change(venue, board, bars, DAILY_ROWS):
        flng_code, split_rate, _ = action_codes(venue.exchange.actions_on(board.symbol, bar.date))
        rows.append(
            {
                "stck_bsop_date": f"{bar.date:%Y%m%d}",
                "stck_oprc": str(bar.open),
                "stck_hgpr": str(bar.high),
                "stck_lwpr": str(bar.low),
                "stck_clpr": str(bar.close),
                "acml_vol": str(bar.volume),
                "prdy_vrss_vol_rate": percent(bar.volume - volume, volume),
                "prdy_vrss": str(bar.close - before),
                "prdy_vrss_sign": str(direction(bar.close - before)),
                "prdy_ctrt": percent(bar.close - before, before),
                "hts_frgn_ehrt": "0.00",
                "frgn_ntby_qty": "0",
                "flng_cls_code": flng_code,
                "acml_prtt_rate": split_rate,
            }
        )
    return Reply(body=done(QUOTED, output=rows))
