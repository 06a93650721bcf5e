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
from typing import NamedTuple, TypeAlias

from kis_daemon.domain.market import Quote, QuoteSession, QuoteSource
from kis_daemon.kis.wire import Row, parse
from kis_daemon.kis.wire_values import read_moment, read_symbol
from kis_daemon.ports import ProtocolError

TRADES = "H0STCNT0"
TRADE_FIELDS = 46  # documented; 47 since 2026-09-14

_MAX_RECORDS = 999
_TOP = 10**9  # won: far above any price, far below a shifted field such as the traded value
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


def read_trades(frame: DataFrame) -> tuple[list[Quote], int]:
    """Return the trades of a frame, oldest first, and how many of its records could not be read.

    Raises `ProtocolError` if the frame as a whole cannot be read.
    """
    payload = frame.payload
    # int() also reads "1_000" and other scripts' digits; one look at the frame is cheaper than at each field
    if not payload.isascii() or "_" in payload:
        raise ProtocolError("trades: expected plain figures")
    values, width = split_records(payload, frame.records, TRADE_FIELDS)
    quotes: list[Quote] = []
    unreadable = 0
    for start in range(0, len(values), width):
        try:
            quote = _read_trade(values, start, width)
        except (ProtocolError, ValueError):
            unreadable += 1
            continue
        if quote is not None:
            quotes.append(quote)
    return quotes, unreadable


def _read_trade(values: list[str], start: int, width: int) -> Quote | None:
    price = int(values[start + 2])
    if price <= 0:
        return None
    first, high, low = int(values[start + 7]), int(values[start + 8]), int(values[start + 9])
    ask, bid, volume = int(values[start + 10]), int(values[start + 11]), int(values[start + 13])
    sound = 0 <= low <= high <= _TOP and 0 <= first <= _TOP and 0 <= ask <= _TOP and 0 <= bid <= _TOP
    if not sound or price > _TOP or volume < 0:
        raise ProtocolError("a figure out of all proportion")
    hour_class = values[start + 43]
    return Quote(
        symbol=read_symbol(values[start]),
        price=price,
        at=read_moment(values[start + 33], values[start + 1]),
        ask=ask,
        bid=bid,
        open=first,
        high=high,
        low=low,
        day_volume=volume,
        session=read_session(
            values[start + 34], hour_class, values[start + _MARKET_CLS] if width > _MARKET_CLS else ""
        ),
        halted=values[start + 35] == "Y",
        in_vi=hour_class == "C",
        source=QuoteSource.STREAM,
    )


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
