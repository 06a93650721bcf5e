"""The stream's frames: what we say to it, its control messages, and records of trades. Pure.

Rules of this room
    A data frame is ``<encrypted>|<tr_id>|<count>|<payload>``, the payload `count` times the same fields,
    flat.
    Fields are read by index from the front: KIS appends new ones without notice (46, then 47).
    What cannot be read is `ProtocolError`; a trade at a price of zero is no quote and no error.
    Prices at half a tick are trades like any other (mid-point trades).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from kis_daemon.domain.market import Quote, QuoteSession, QuoteSource
from kis_daemon.kis.wire import Row, parse
from kis_daemon.kis.wire_values import read_moment, read_symbol
from kis_daemon.ports import ProtocolError

TRADES = "H0STCNT0"
TRADE_FIELDS = 46  # documented; 47 since 2026-09-14
ONE_TRADE = f"0|{TRADES}|001|"  # how nine in ten messages begin

_MAX_RECORDS = 999
_TOP = 10**9  # won: far above any price, far below a shifted field such as the traded value
_MOST_SHARES = 10**12  # a day's volume: a hundred times the shares of the largest company
_MARKET_CLS = 46

REGISTER = "1"
UNREGISTER = "2"


class DataFrame(NamedTuple):  # twice as quick to make as a frozen dataclass, and made for every message
    """A frame of records, unread."""

    tr_id: str
    encrypted: bool
    records: int
    payload: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """The server asks whether we are there; the answer is the same text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the server says of a registration, or of the connection where `tr_key` is empty."""

    tr_id: str
    tr_key: str
    code: str
    sentence: str
    cipher: Cipher | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cipher:
    """Key and initial vector of encrypted frames, good for one TR on one connection."""

    key: str
    iv: str

    def __repr__(self) -> str:
        return "Cipher(***)"


Frame: TypeAlias = DataFrame | Ping | Reply
Trade: TypeAlias = tuple[Quote, int]
"""A trade, and the shares that changed hands in it."""


def write_registration(stream_key: str, tr_type: str, tr_id: str, tr_key: str) -> str:
    """Return the text that registers or unregisters one (TR, key) pair."""
    return json.dumps(
        {
            "header": {
                "approval_key": stream_key,
                "custtype": "P",
                "tr_type": tr_type,
                "content-type": "utf-8",
            },
            "body": {"input": {"tr_id": tr_id, "tr_key": tr_key}},
        }
    )


def decode_frame(text: str) -> Frame:
    """Return what `text` is; its records or sentence are not judged yet."""
    if text[:2] in ("0|", "1|"):
        parts = text.split("|", 3)
        if len(parts) != 4 or not parts[1]:
            raise ProtocolError("data frame: expected four parts")
        if not (len(parts[2]) <= 3 and parts[2].isascii() and parts[2].isdigit()):
            raise ProtocolError(f"data frame: count {parts[2][:8]!r}")
        return DataFrame(tr_id=parts[1], encrypted=parts[0] == "1", records=int(parts[2]), payload=parts[3])
    return _decode_control(text)


def _decode_control(text: str) -> Ping | Reply:
    message = parse(text.encode("utf-8", "replace"))
    if message is None:
        raise ProtocolError("neither a data frame nor a JSON object")
    header = _part(message, "header")
    if header.text("tr_id") == "PINGPONG":
        return Ping()
    if not isinstance(message.get("body"), dict):
        raise ProtocolError("control message without a body")
    body = _part(message, "body")
    output = _part(message["body"], "output") if isinstance(message["body"], dict) else Row({})
    key, iv = output.text("key"), output.text("iv")
    tr_id = header.text("tr_id")
    return Reply(
        tr_id="" if tr_id == "(null)" else tr_id,
        tr_key=header.text("tr_key"),
        code=body.text("msg_cd"),
        sentence=body.text("msg1"),
        cipher=Cipher(key=key, iv=iv) if key and iv else None,
    )


def _part(message: Mapping[str, object], key: str) -> Row:
    value = message.get(key)
    return Row(value if isinstance(value, dict) else {})


def split_records(payload: str, count: int, fields: int) -> tuple[list[str], int]:
    """Return the flat list of a payload and the number of fields of each record; at least `fields`."""
    values = payload.split("^")
    if not 0 < count <= _MAX_RECORDS or len(values) % count:
        raise ProtocolError(f"{len(values)} fields do not make {count} records")
    width = len(values) // count
    if width < fields:
        raise ProtocolError(f"records of {width} fields: expected {fields} or more")
    return values, width


def read_trade(payload: str) -> Trade | None:
    """Return the trade in the payload of a frame of one, None without a price; `ProtocolError` if it is unreadable."""
    # int() also reads "1_000" and other scripts' digits; one look at the frame is cheaper than at each field
    if not payload.isascii() or "_" in payload:
        raise ProtocolError("trades: expected plain figures")
    record = payload.split("^")
    if len(record) < TRADE_FIELDS:
        raise ProtocolError(f"a record of {len(record)} fields: expected {TRADE_FIELDS} or more")
    return _read_trade(record)


def read_trades(payload: str, count: int) -> tuple[list[Trade], int]:
    """Return the trades in the payload of a frame, oldest first, and how many of its records could not be read.

    Raises `ProtocolError` if the payload as a whole cannot be read.
    """
    if not payload.isascii() or "_" in payload:
        raise ProtocolError("trades: expected plain figures")
    values, width = split_records(payload, count, TRADE_FIELDS)
    trades: list[Trade] = []
    unreadable = 0
    for start in range(0, len(values), width):
        try:
            trade = _read_trade(values[start : start + width])
        except ProtocolError:
            unreadable += 1
        else:
            if trade is not None:
                trades.append(trade)
    return trades, unreadable


def _read_trade(record: list[str]) -> Trade | None:
    try:
        price = int(record[2])
        if price <= 0:
            return None
        first, high, low = int(record[7]), int(record[8]), int(record[9])
        ask, bid, size, volume = int(record[10]), int(record[11]), int(record[12]), int(record[13])
    except ValueError:
        raise ProtocolError("trade: expected whole numbers") from None
    if not (0 <= low <= high <= _TOP >= first >= 0 <= ask <= _TOP >= bid >= 0 <= volume <= _MOST_SHARES):
        raise ProtocolError("a figure out of all proportion")
    if price > _TOP or size < 0:
        raise ProtocolError("a figure out of all proportion")
    hour_class = record[43]
    quote = _new(Quote)
    _set_symbol(quote, read_symbol(record[0]))
    _set_price(quote, price)
    _set_at(quote, read_moment(record[33], record[1]))
    _set_ask(quote, ask)
    _set_bid(quote, bid)
    _set_open(quote, first)
    _set_high(quote, high)
    _set_low(quote, low)
    _set_day_volume(quote, volume)
    _set_session(quote, read_session(record[34], hour_class, record[_MARKET_CLS] if len(record) > _MARKET_CLS else ""))
    _set_halted(quote, record[35] == "Y")
    _set_in_vi(quote, hour_class == "C")
    _set_source(quote, _STREAM)
    return quote, size


# A quote is made for every trade of the day: setting its slots takes a third of the time of its own frozen __init__.
_STREAM = QuoteSource.STREAM
_new = object.__new__
(
    _set_symbol, _set_price, _set_at, _set_ask, _set_bid, _set_open, _set_high, _set_low, _set_day_volume,
    _set_session, _set_halted, _set_in_vi, _set_source,
) = (
    Quote.__dict__[name].__set__
    for name in (
        "symbol", "price", "at", "ask", "bid", "open", "high", "low", "day_volume",
        "session", "halted", "in_vi", "source",
    )
)  # fmt: skip


@lru_cache(maxsize=256)
def read_session(operation: str, hour: str, market: str) -> QuoteSession:
    """Return the session of NEW_MKOP_CLS_CODE, HOUR_CLS_CODE and, where it is there, MARKET_CLS_CODE.

    Only what the exchange matched in the regular book counts as the session's: trades at the closing price,
    blocks and baskets (second digit 1 to 3) were agreed elsewhere.
    """
    if market in ("1", "3", "5") or operation[:1] in ("1", "3", "4") or operation[1:2] in ("1", "2", "3"):
        return QuoteSession.AFTER_HOURS
    if hour == "A":
        return QuoteSession.AFTER_HOURS
    if hour in ("B", "C", "D"):
        return QuoteSession.AUCTION
    return QuoteSession.REGULAR
