"""Indices on the wire: inquire-daily-indexchartprice and inquire-index-price; `frames_index` tells them on the stream.

Source: the wire contract, section 4.2.9. Volume is in thousands of shares, turnover in millions of won.

Rules of this room
    An index is the value of all shares of its market over their value at the beginning of each symbol's history. A
    symbol that is not yet listed, or no longer, stands still, so that neither a listing nor a delisting moves it.
    The highest of a day is the sum of the highest prices, which were not all paid at one moment: an upper bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from kis_daemon.domain.market import Bar, Market, Won
from kis_daemon.simulator.board import Board
from kis_daemon.simulator.fields import Fields
from kis_daemon.simulator.rest_days import PERIODS, period_start, today_bar
from kis_daemon.simulator.venue import Venue
from kis_daemon.simulator.wire import QUOTED, Body, Reply, done, named, percent

INDEX_ROWS = 50
_LARGEST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """A market's index: its code's name and the level at which it began."""

    name: str
    market: Market
    begins_at: float
    most: int | None = None


INDICES = {
    "0001": Index(name="종합", market=Market.KOSPI, begins_at=2000.0),
    "1001": Index(name="KOSDAQ", market=Market.KOSDAQ, begins_at=700.0),
    "2001": Index(name="KOSPI200", market=Market.KOSPI, begins_at=260.0, most=_LARGEST),
}


@dataclass(slots=True, kw_only=True)
class Level:
    """An index on one day or in one period."""

    day: date
    open: float = 0.0
    high: float = 0.0
    low: float = 0.0
    close: float = 0.0
    volume: int = 0
    turnover: Won = 0


def members(venue: Venue, index: Index) -> list[Board]:
    """Return the boards whose shares make the index, the largest where it has a limit."""
    chosen = [board for board in venue.exchange.boards.values() if board.market is index.market]
    if index.most is not None and len(chosen) > index.most:
        chosen.sort(key=lambda board: -venue.capital(board.symbol).shares * venue.capital(board.symbol).first_close)
    return chosen[: index.most]


def levels_of(venue: Venue, index: Index, days: list[date]) -> list[Level]:
    """Return the index on each of `days` (ascending, to today), oldest first."""
    made = [Level(day=day) for day in days]
    whole = 0
    for board in members(venue, index) if days else ():
        capital = venue.capital(board.symbol)
        whole += capital.shares * capital.first_close
        prices = venue.exchange.prices
        bars = {bar.date: bar for bar in prices.bars(board.symbol, days[0], days[-1]) if bar.date != board.day}
        bars |= {bar.date: bar for bar in today_bar(board)}
        price = prices.base_price(board.symbol, days[0]) if capital.listed_on < days[0] else capital.first_close
        for level in made:
            price = _add(level, bars.get(level.day), price, capital.shares)
    scale = index.begins_at / whole if whole else 0.0
    for level in made:
        level.open, level.high = level.open * scale, level.high * scale
        level.low, level.close = level.low * scale, level.close * scale
    return made


def _add(level: Level, bar: Bar | None, before: Won, shares: int) -> Won:
    """Add one symbol's day to a level and return its last price."""
    last = bar.close if bar is not None else before
    traded = bar is not None and bar.volume > 0
    level.open += shares * (bar.open if bar is not None and traded else last)
    level.high += shares * (bar.high if bar is not None and traded else last)
    level.low += shares * (bar.low if bar is not None and traded else last)
    level.close += shares * last
    if bar is not None:
        level.volume += bar.volume
        level.turnover += bar.volume * bar.close
    return last


def _days(venue: Venue, first: date, last: date, count: int, period: str = "D") -> list[date]:
    """Return the trading days of the last `count` periods that touch `first` to `last`."""
    calendar, today = venue.exchange.calendar, venue.exchange.day
    if today is None:
        return []
    start = max(period_start(max(first, calendar.first), period), calendar.first, venue.exchange.prices.first_day)
    end = min(last, today.date)
    days = [day.date for day in calendar.trading_days(start, end)] if start <= end else []
    kept = sorted({period_start(day, period) for day in days})[-count:]
    return [day for day in days if kept and day >= kept[0]]


def index_chart(venue: Venue, fields: Fields) -> Reply:
    """Answer FHKUP03500100: at most 50 rows, newest first."""
    fields.one_of("FID_COND_MRKT_DIV_CODE", ("U",), "OPSQ2001")
    code = fields.text("FID_INPUT_ISCD")
    first, last = fields.day("FID_INPUT_DATE_1"), fields.day("FID_INPUT_DATE_2")
    period = fields.one_of("FID_PERIOD_DIV_CODE", PERIODS)
    index = INDICES.get(code)
    if index is None:
        return Reply(body=done(QUOTED, output1={"bstp_nmix_prpr": "0.00", "hts_kor_isnm": ""}, output2=[]))
    shown: list[Level] = []
    for level in levels_of(venue, index, _days(venue, first, last, INDEX_ROWS, period)):
        if shown and period_start(shown[-1].day, period) == period_start(level.day, period):
            _join(shown[-1], level)
        else:
            shown.append(level)
    rows = [
        {
            "stck_bsop_date": f"{level.day:%Y%m%d}",
            "bstp_nmix_prpr": f"{level.close:.2f}",
            "bstp_nmix_oprc": f"{level.open:.2f}",
            "bstp_nmix_hgpr": f"{level.high:.2f}",
            "bstp_nmix_lwpr": f"{level.low:.2f}",
            "acml_vol": str(level.volume // 1000),
            "acml_tr_pbmn": str(level.turnover // 1_000_000),
            "mod_yn": "N",
        }
        for level in reversed(shown)
    ]
    return Reply(body=done(QUOTED, output1=_summary(venue, code, index), output2=rows))


def _join(whole: Level, day: Level) -> None:
    whole.high, whole.low, whole.close = max(whole.high, day.high), min(whole.low, day.low), day.close
    whole.volume, whole.turnover = whole.volume + day.volume, whole.turnover + day.turnover


def today_and_before(venue: Venue, index: Index) -> tuple[Level, Level]:
    """Return an index as it stands, and on the day before."""
    today = venue.exchange.day
    assert today is not None  # the servers answer only once the exchange was begun
    days = _days(venue, today.date - timedelta(days=20), today.date, 2)
    made = levels_of(venue, index, days)
    return made[-1], made[-2] if len(made) > 1 else made[-1]


def change_from(now: float, before: float) -> tuple[str, str, str]:
    """Return (change, its sign code, its rate) of `now` against `before`."""
    change = round(now, 2) - round(before, 2)
    sign = "3" if round(change, 2) == 0 else "2" if change > 0 else "5"
    return f"{change + 0.0:.2f}", sign, percent(change, before)


def _summary(venue: Venue, code: str, index: Index) -> Body:
    now, before = today_and_before(venue, index)
    change, sign, rate = change_from(now.close, before.close)
    return {
        "bstp_nmix_prdy_vrss": change,
        "prdy_vrss_sign": sign,
        "bstp_nmix_prdy_ctrt": rate,
        "prdy_nmix": f"{before.close:.2f}",
        "acml_vol": str(now.volume // 1000),
        "acml_tr_pbmn": str(now.turnover // 1_000_000),
        "hts_kor_isnm": index.name,
        "bstp_nmix_prpr": f"{now.close:.2f}",
        "bstp_cls_code": code,
        "prdy_vol": str(before.volume // 1000),
        "bstp_nmix_oprc": f"{now.open:.2f}",
        "bstp_nmix_hgpr": f"{now.high:.2f}",
        "bstp_nmix_lwpr": f"{now.low:.2f}",
        "futs_prdy_oprc": f"{before.open:.2f}",
        "futs_prdy_hgpr": f"{before.high:.2f}",
        "futs_prdy_lwpr": f"{before.low:.2f}",
    }


def index_price(venue: Venue, fields: Fields) -> Reply:
    """Answer FHPUP02100000: the index now, and how many of its symbols rose and fell."""
    fields.one_of("FID_COND_MRKT_DIV_CODE", ("U",), "OPSQ2001")
    index = INDICES.get(fields.text("FID_INPUT_ISCD"))
    if index is None:
        return Reply(body=done(QUOTED, output={"bstp_nmix_prpr": "0.00", "acml_vol": "0"}))
    now, before = today_and_before(venue, index)
    change, sign, rate = change_from(now.close, before.close)
    output: Body = {
        "bstp_nmix_prpr": f"{now.close:.2f}",
        "bstp_nmix_prdy_vrss": change,
        "prdy_vrss_sign": sign,
        "bstp_nmix_prdy_ctrt": rate,
        "acml_vol": str(now.volume // 1000),
        "prdy_vol": str(before.volume // 1000),
        "acml_tr_pbmn": str(now.turnover // 1_000_000),
        "prdy_tr_pbmn": str(before.turnover // 1_000_000),
    }
    for name, value, (vrss, vrss_sign, ctrt) in (
        ("oprc", now.open, ("prdy_nmix_vrss_nmix_oprc", "oprc_vrss_prpr_sign", "bstp_nmix_oprc_prdy_ctrt")),
        ("hgpr", now.high, ("prdy_nmix_vrss_nmix_hgpr", "hgpr_vrss_prpr_sign", "bstp_nmix_hgpr_prdy_ctrt")),
        ("lwpr", now.low, ("prdy_clpr_vrss_lwpr", "lwpr_vrss_prpr_sign", "prdy_clpr_vrss_lwpr_rate")),
    ):
        output[f"bstp_nmix_{name}"] = f"{value:.2f}"
        output[vrss], output[vrss_sign], output[ctrt] = change_from(value, before.close)
    output |= counts(members(venue, index)) | _year(venue, index, now.close)
    zeros = "total_askp_rsqn total_bidp_rsqn ntby_rsqn"
    output |= named(zeros, "0") | named("seln_rsqn_rate shnu_rsqn_rate", "0.00")
    return Reply(body=done(QUOTED, output=output))


def counts(boards: list[Board]) -> Body:
    """Return how many rose, fell, stood still, and of them how many are at a limit."""
    rose = [board for board in boards if board.price > board.base]
    fell = [board for board in boards if board.price < board.base]
    return {
        "ascn_issu_cnt": str(len(rose)),
        "uplm_issu_cnt": str(sum(board.price == board.upper for board in rose)),
        "stnr_issu_cnt": str(len(boards) - len(rose) - len(fell)),
        "down_issu_cnt": str(len(fell)),
        "lslm_issu_cnt": str(sum(board.price == board.lower for board in fell)),
    }


def _year(venue: Venue, index: Index, now: float) -> Body:
    today = venue.now().date()
    levels = levels_of(venue, index, _days(venue, today.replace(month=1, day=1), today, 366))
    top = max(levels, key=lambda level: level.high, default=Level(day=today))
    bottom = min(levels, key=lambda level: level.low, default=Level(day=today))
    return {
        "dryy_bstp_nmix_hgpr": f"{top.high:.2f}",
        "dryy_hgpr_vrss_prpr_rate": percent(now - top.high, top.high),
        "dryy_bstp_nmix_hgpr_date": f"{top.day:%Y%m%d}",
        "dryy_bstp_nmix_lwpr": f"{bottom.low:.2f}",
        "dryy_lwpr_vrss_prpr_rate": percent(now - bottom.low, bottom.low),
        "dryy_bstp_nmix_lwpr_date": f"{bottom.day:%Y%m%d}",
    }
