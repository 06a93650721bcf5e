"""The price of a symbol with its listing, and its daily bars, on the wire. Pure.

Rules of this room
    KIS manual, 국내주식 시세: inquire-price (FHKST01010100), inquire-daily-itemchartprice (FHKST03010100),
    inquire-daily-price (FHKST01010400).
    An unknown symbol is answered with success and zeros: `SymbolBlocked`.
    Market J (KRX) only. `FID_ORG_ADJ_PRC`: 0 is adjusted and 1 raw in the chart; in the daily price it is the
    other way round.
    A day without trade has open, high and low 0 and is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from kis_daemon.domain.market import Bar, Listing, Market, Quote, QuoteSession, QuoteSource, Symbol
from kis_daemon.kis.capabilities import KisProfile, Purpose, path_of, tr_id
from kis_daemon.kis.wire import Body, Question, Row
from kis_daemon.kis.wire_values import read_day, read_symbol
from kis_daemon.ports import ProtocolError, Snapshot, SymbolBlocked

BARS_A_PAGE = 100


def ask_price(symbol: Symbol, profile: KisProfile) -> Question:
    """Return the question for the last trade and the listing of `symbol`."""
    return Question(
        tr_id=tr_id(Purpose.PRICE, profile),
        path=path_of(Purpose.PRICE),
        params=(("FID_COND_MRKT_DIV_CODE", "J"), ("FID_INPUT_ISCD", symbol)),
    )


def read_snapshot(body: Body, symbol: Symbol, at: datetime) -> Snapshot:
    """Return what the price answer says of `symbol`.

    It has no time, no name and no book: `at` is the time of asking, the name is empty, ask and bid are 0. Its
    session is REGULAR unless the symbol is interrupted: the phase of the day is the calendar's to say.
    """
    row = body.row("output")
    check_echo(row, "stck_shrn_iscd", symbol)
    base, price = row.count("stck_sdpr", 0), row.count("stck_prpr", 0)
    upper, lower = row.count("stck_mxpr", 0), row.count("stck_llam", 0)
    if not base and not price:
        raise SymbolBlocked(f"{symbol} is unknown to the broker")
    state = row.text("iscd_stat_cls_code")
    listing = Listing(
        symbol=symbol,
        name="",
        market=read_market(row.text("rprs_mrkt_kor_name"), row.text("bstp_kor_isnm")),
        base_price=base,
        upper_limit=upper,
        lower_limit=lower,
        suspended=row.text("temp_stop_yn") == "Y" or state == "58",
        under_administration=row.text("mang_issu_cls_code") == "Y" or state == "51",
        in_liquidation=row.text("sltr_yn") == "Y",
    )
    in_vi = row.text("vi_cls_code") == "Y"
    quote = Quote(
        symbol=symbol,
        price=price,
        at=at,
        ask=0,
        bid=0,
        open=row.count("stck_oprc", 0),
        high=row.count("stck_hgpr", 0),
        low=row.count("stck_lwpr", 0),
        day_volume=row.count("acml_vol", 0),
        session=QuoteSession.AUCTION if in_vi else QuoteSession.REGULAR,
        halted=listing.suspended,
        in_vi=in_vi,
        source=QuoteSource.REST,
    )
    return Snapshot(listing=listing, quote=quote if price > 0 else None)


def read_market(board: str, sector: str) -> Market:
    """Return the market of a `rprs_mrkt_kor_name` such as KOSPI200, KOSDAQ, KSQ150, ETF."""
    for words in (board, sector):
        if any(word in words for word in ("ETF", "ETN", "상장지수")):
            return Market.ETF
    if board.startswith(("KOSPI", "코스피", "유가증권")):
        return Market.KOSPI
    if board.startswith(("KOSDAQ", "KSQ", "코스닥")):
        return Market.KOSDAQ
    raise ProtocolError(f"market {board[:24]!r}: expected KOSPI, KOSDAQ or ETF")


def check_echo(row: Row, key: str, symbol: Symbol) -> None:
    """Raise `ProtocolError` if the answer says under `key` that it is about another symbol."""
    echo = row.text(key)
    if echo and read_symbol(echo) != symbol:
        raise ProtocolError(f"asked about {symbol}, answered about {echo[:12]}")


def ask_chart(symbol: Symbol, first: date, last: date, profile: KisProfile) -> Question:
    """Return the question for the newest hundred bars of `first` to `last`."""
    return Question(
        tr_id=tr_id(Purpose.DAILY_CHART, profile),
        path=path_of(Purpose.DAILY_CHART),
        params=(
            ("FID_COND_MRKT_DIV_CODE", "J"),
            ("FID_INPUT_ISCD", symbol),
            ("FID_INPUT_DATE_1", f"{first:%Y%m%d}"),
            ("FID_INPUT_DATE_2", f"{last:%Y%m%d}"),
            ("FID_PERIOD_DIV_CODE", "D"),
            ("FID_ORG_ADJ_PRC", "0"),
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartPage:
    """One page of bars, newest first; `oldest` and `count` speak of all its rows, those without trade too."""

    name: str
    bars: tuple[Bar, ...]
    oldest: date | None
    count: int


def read_chart(body: Body, symbol: Symbol, first: date, last: date) -> ChartPage:
    """Return a page of the chart; `ProtocolError` unless its days go back within `first` to `last`."""
    name = ""
    if isinstance(body.fields.get("output1"), dict):
        about = body.row("output1")
        check_echo(about, "stck_shrn_iscd", symbol)
        name = about.text("hts_kor_isnm")
    bars: list[Bar] = []
    oldest: date | None = None
    count = 0
    for row in body.rows("output2"):
        if not row.text("stck_bsop_date"):
            continue  # before its listing a symbol has empty rows
        day = read_day(row.text("stck_bsop_date"))
        if not first <= day <= last or (oldest is not None and day >= oldest):
            raise ProtocolError(f"{symbol}: the bar of {day} is out of place")
        oldest = day
        count += 1
        if (bar := _read_bar(row, day)) is not None:
            bars.append(bar)
    return ChartPage(name=name, bars=tuple(bars), oldest=oldest, count=count)


def _read_bar(row: Row, day: date) -> Bar | None:
    bar = Bar(
        date=day,
        open=row.count("stck_oprc"),
        high=row.count("stck_hgpr"),
        low=row.count("stck_lwpr"),
        close=row.count("stck_clpr"),
        volume=row.count("acml_vol"),
    )
    if not bar.volume or not (bar.open and bar.high and bar.low):
        return None
    if not bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high:
        raise ProtocolError(f"bar of {day}: open and close are not between low and high")
    return bar


def ask_recent_days(symbol: Symbol, *, adjusted: bool, profile: KisProfile) -> Question:
    """Return the question for the last thirty trading days."""
    return Question(
        tr_id=tr_id(Purpose.RECENT_DAYS, profile),
        path=path_of(Purpose.RECENT_DAYS),
        params=(
            ("FID_COND_MRKT_DIV_CODE", "J"),
            ("FID_INPUT_ISCD", symbol),
            ("FID_PERIOD_DIV_CODE", "D"),
            ("FID_ORG_ADJ_PRC", "1" if adjusted else "0"),  # the opposite of the chart's
        ),
    )


def read_recent_days(body: Body) -> tuple[Bar, ...]:
    """Return the bars of the answer, oldest first; it does not say whose they are."""
    newest_first: list[Bar] = []
    oldest: date | None = None
    for row in body.rows("output"):
        if not row.text("stck_bsop_date"):
            continue
        day = read_day(row.text("stck_bsop_date"))
        if oldest is not None and day >= oldest:
            raise ProtocolError(f"the bar of {day} is out of place")
        oldest = day
        if (bar := _read_bar(row, day)) is not None:
            newest_first.append(bar)
    return tuple(reversed(newest_first))
