"""What is asked about the market as a whole, on the wire: rankings, master records, days. REAL only. Pure.

Rules of this room
    KIS manual: 거래량순위 (volume-rank), 국내주식 시가총액 상위 (market-cap), 주식기본조회 (search-stock-info),
    국내휴장일조회 (chk-holiday).
    Rankings have thirty rows and no next page. What we would never buy is left out where the ranking can:
    warned of, under administration, in liquidation, unfaithful, preferred, halted, ETF, ETN, SPAC.
    Market values come in units of 100 million won.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from kis_daemon.domain.market import Market, Symbol
from kis_daemon.kis.capabilities import KisProfile, Purpose, path_of, tr_id
from kis_daemon.kis.wire import Body, Question, Row
from kis_daemon.kis.wire_market import check_echo
from kis_daemon.kis.wire_values import read_day, read_symbol
from kis_daemon.ports import ListingChanged, MarketDay, ProtocolError, Ranked, Ranking, StockInfo, SymbolBlocked

_EOK = 100_000_000
_BELONGING = {Ranking.VOLUME: "0", Ranking.TRADED_VALUE: "3"}
_SECTORS = {None: "0000", Market.KOSPI: "0001", Market.KOSDAQ: "1001"}
_COMMON_STOCK = "1"
_LEFT_OUT = "1111111101"  # all but those that cannot be bought on credit
_BOARDS = {"STK": Market.KOSPI, "KSQ": Market.KOSDAQ}
_FUNDS = ("EF", "EN")


def ask_ranking(by: Ranking, market: Market | None, profile: KisProfile) -> Question:
    """Return the question for a ranking of common stocks, of one board or of all; ETFs have no board here."""
    if market not in _SECTORS:
        raise ValueError(f"{market}: there is no ranking of it")
    sector = _SECTORS[market]
    if by is Ranking.MARKET_VALUE:
        return Question(
            tr_id=tr_id(Purpose.RANK_BY_VALUE, profile),
            path=path_of(Purpose.RANK_BY_VALUE),
            params=(
                ("fid_cond_mrkt_div_code", "J"),
                ("fid_cond_scr_div_code", "20174"),
                ("fid_div_cls_code", _COMMON_STOCK),
                ("fid_input_iscd", sector),
                ("fid_trgt_cls_code", "0"),
                ("fid_trgt_exls_cls_code", "0"),
                ("fid_input_price_1", ""),
                ("fid_input_price_2", ""),
                ("fid_vol_cnt", ""),
            ),
        )
    return Question(
        tr_id=tr_id(Purpose.RANK_BY_TRADE, profile),
        path=path_of(Purpose.RANK_BY_TRADE),
        params=(
            ("FID_COND_MRKT_DIV_CODE", "J"),
            ("FID_COND_SCR_DIV_CODE", "20171"),
            ("FID_INPUT_ISCD", sector),
            ("FID_DIV_CLS_CODE", _COMMON_STOCK),
            ("FID_BLNG_CLS_CODE", _BELONGING[by]),
            ("FID_TRGT_CLS_CODE", "111111111"),
            ("FID_TRGT_EXLS_CLS_CODE", _LEFT_OUT),
            ("FID_INPUT_PRICE_1", ""),
            ("FID_INPUT_PRICE_2", ""),
            ("FID_VOL_CNT", ""),
            ("FID_INPUT_DATE_1", ""),
        ),
    )


def read_ranking(body: Body) -> tuple[Ranked, ...]:
    """Return the rows of a ranking of either kind, foremost first."""
    ranked = [_read_ranked(row) for row in body.rows("output") if row.text("mksc_shrn_iscd")]
    return tuple(sorted(ranked, key=lambda place: place.rank))


def _read_ranked(row: Row) -> Ranked:
    return Ranked(
        rank=row.count("data_rank"),
        symbol=read_symbol(row.text("mksc_shrn_iscd")),
        name=row.text("hts_kor_isnm"),
        price=row.count("stck_prpr"),
        day_volume=row.count("acml_vol"),
        traded_value=row.count("acml_tr_pbmn", 0),
        market_value=row.count("stck_avls", 0) * _EOK,
        listed_shares=row.count("lstn_stcn", 0),
    )


def ask_stock_info(symbol: Symbol, profile: KisProfile) -> Question:
    """Return the question for the master record of `symbol`."""
    return Question(
        tr_id=tr_id(Purpose.STOCK_INFO, profile),
        path=path_of(Purpose.STOCK_INFO),
        params=(("PRDT_TYPE_CD", "300"), ("PDNO", symbol)),
    )


def read_stock_info(body: Body, symbol: Symbol) -> StockInfo:
    """Return the master record; `SymbolBlocked` if the answer knows nothing of `symbol`."""
    row = body.row("output")
    if not row.text("pdno"):
        raise SymbolBlocked(f"{symbol} is unknown to the broker")
    check_echo(row, "pdno", symbol)
    is_fund = row.text("scty_grp_id_cd") in _FUNDS
    listed = row.text("scts_mket_lstg_dt") or row.text("kosdaq_mket_lstg_dt")
    delisted = row.text("lstg_abol_dt")
    return StockInfo(
        symbol=symbol,
        name=row.text("prdt_abrv_name") or row.text("prdt_name"),
        isin=row.text("std_pdno"),
        market=Market.ETF if is_fund else _BOARDS.get(row.text("mket_id_cd")),
        listed_shares=row.count("lstg_stqt", 0),
        listed_on=read_day(listed) if listed else None,
        delisted_on=read_day(delisted) if delisted else None,
        in_kospi200=row.text("kospi200_item_yn") == "Y",
        suspended=row.text("tr_stop_yn") == "Y",
        under_administration=row.text("admn_item_yn") == "Y",
        previous_close=row.count("bfdy_clpr", 0),
    )


def ask_days(first: date, profile: KisProfile) -> Question:
    """Return the question for the first page of the days from `first` on, which has no end."""
    return Question(
        tr_id=tr_id(Purpose.HOLIDAYS, profile),
        path=path_of(Purpose.HOLIDAYS),
        params=(("BASS_DT", f"{first:%Y%m%d}"), ("CTX_AREA_NK", ""), ("CTX_AREA_FK", "")),
    )


def has_day(body: Body, day: date) -> bool:
    """Whether the page reaches `day`."""
    return any(row.text("bass_dt") >= f"{day:%Y%m%d}" for row in body.rows("output"))


def read_days(pages: Sequence[Body], first: date, last: date) -> tuple[MarketDay, ...]:
    """Return every day of `first` to `last`; `ProtocolError` if one is missing, `ListingChanged` if one comes twice."""
    days: dict[date, MarketDay] = {}
    for page in pages:
        for row in page.rows("output"):
            day = read_day(row.text("bass_dt"))
            if day in days:
                raise ListingChanged(f"{day} stands in the listing twice")
            days[day] = MarketDay(date=day, is_open=_yes(row, "opnd_yn"), is_settlement=_yes(row, "sttl_day_yn"))
    wanted = [date.fromordinal(n) for n in range(first.toordinal(), last.toordinal() + 1)]
    missing = [day for day in wanted if day not in days]
    if missing:
        raise ProtocolError(f"days: {missing[0]} is missing")
    return tuple(days[day] for day in wanted)


def _yes(row: Row, key: str) -> bool:
    text = row.text(key)
    if text not in ("Y", "N"):
        raise ProtocolError(f"{key} {text[:8]!r}: expected Y or N")
    return text == "Y"
