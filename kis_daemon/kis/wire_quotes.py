"""The touch by REST: thirty symbols in one answer, and the book of one. Pure.

Rules of this room
    KIS manual, 관심종목(멀티종목) 시세조회 (intstock-multprice), 주식현재가 호가/예상체결
    (inquire-asking-price-exp-ccn).
    An answer tells whose price it is; its place in the list decides nothing.
    Neither answer knows the date: outside of a session both are of the last one.
    HOUR_CLS_CODE is the stream's: A after hours, B and D auctions, C one by volatility interruption.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from kis_daemon.domain.market import Quote, QuoteSession, QuoteSource, Symbol, Won
from kis_daemon.kis.capabilities import KisProfile, Purpose, path_of, tr_id
from kis_daemon.kis.wire import Body, Question, Row
from kis_daemon.kis.wire_market import check_echo
from kis_daemon.kis.wire_values import read_symbol, read_time
from kis_daemon.ports import Level, OrderBook, ProtocolError

SYMBOLS_A_CALL = 30

_LEVELS = 10
_CONTINUOUS = "20"
_SESSIONS = {
    "A": QuoteSession.AFTER_HOURS,
    "B": QuoteSession.AUCTION,
    "C": QuoteSession.AUCTION,
    "D": QuoteSession.AUCTION,
}


def ask_multi_price(symbols: Sequence[Symbol], profile: KisProfile) -> Question:
    """Return the question for the last trades of up to thirty symbols; `NotOnThisVenue` on paper."""
    if not 0 < len(symbols) <= SYMBOLS_A_CALL:
        raise ValueError(f"{len(symbols)} symbols: expected 1 to {SYMBOLS_A_CALL}")
    return Question(
        tr_id=tr_id(Purpose.MULTI_PRICE, profile),
        path=path_of(Purpose.MULTI_PRICE),
        params=tuple(
            pair
            for number, symbol in enumerate(symbols, start=1)
            for pair in ((f"FID_COND_MRKT_DIV_CODE_{number}", "J"), (f"FID_INPUT_ISCD_{number}", symbol))
        ),
    )


def read_multi_price(body: Body, symbols: Collection[Symbol], at: datetime) -> tuple[Quote, ...]:
    """Return the quotes of those of `symbols` that the answer knows a price of; `at` is the time of asking.

    The answer tells of no halt; whoever needs to know asks for the listing.
    """
    quotes: list[Quote] = []
    for row in body.rows("output"):
        if not row.text("inter_shrn_iscd"):
            continue  # an unknown symbol is an empty row
        quote = _read_quote(row, read_symbol(row.text("inter_shrn_iscd")), at)
        if quote.symbol not in symbols or any(known.symbol == quote.symbol for known in quotes):
            raise ProtocolError(f"{quote.symbol} was not asked for, or answered twice")
        quotes.append(quote)
    return tuple(quote for quote in quotes if quote.price > 0)


def _read_quote(row: Row, symbol: Symbol, at: datetime) -> Quote:
    hour = row.text("hour_cls_code")
    return Quote(
        symbol=symbol,
        price=row.count("inter2_prpr", 0),
        at=at,
        ask=row.count("inter2_askp", 0),
        bid=row.count("inter2_bidp", 0),
        open=row.count("inter2_oprc", 0),
        high=row.count("inter2_hgpr", 0),
        low=row.count("inter2_lwpr", 0),
        day_volume=row.count("acml_vol", 0),
        session=_SESSIONS.get(hour, QuoteSession.REGULAR),
        halted=False,
        in_vi=hour == "C",
        source=QuoteSource.REST,
    )


def ask_order_book(symbol: Symbol, profile: KisProfile) -> Question:
    """Return the question for the ten best prices of each side and the expected auction."""
    return Question(
        tr_id=tr_id(Purpose.ORDER_BOOK, profile),
        path=path_of(Purpose.ORDER_BOOK),
        params=(("FID_COND_MRKT_DIV_CODE", "J"), ("FID_INPUT_ISCD", symbol)),
    )


def read_order_book(body: Body, symbol: Symbol) -> OrderBook:
    """Return the book of the answer; empty levels, as beyond a limit, are left out."""
    book, auction = body.row("output1"), body.row("output2")
    check_echo(auction, "stck_shrn_iscd", symbol)
    asks, bids = _levels(book, "askp"), _levels(book, "bidp")
    if _out_of_order(asks, 1) or _out_of_order(bids, -1):
        raise ProtocolError(f"{symbol}: the prices of the book are not in their order")
    return OrderBook(
        symbol=symbol,
        at=read_time(book.text("aspr_acpt_hour") or "000000"),
        asks=asks,
        bids=bids,
        expected_price=auction.count("antc_cnpr", 0),
        expected_quantity=auction.count("antc_vol", 0),
        continuous=book.text("new_mkop_cls_code") == _CONTINUOUS,
        in_vi=auction.text("vi_cls_code") == "Y",
    )


def _levels(book: Row, side: str) -> tuple[Level, ...]:
    levels = (
        Level(price=book.count(f"{side}{n}", 0), quantity=book.count(f"{side}_rsqn{n}", 0))
        for n in range(1, _LEVELS + 1)
    )
    return tuple(level for level in levels if level.price > 0 and level.quantity > 0)


def _out_of_order(levels: Sequence[Level], sign: int) -> bool:
    prices: list[Won] = [sign * level.price for level in levels]
    return prices != sorted(set(prices))
