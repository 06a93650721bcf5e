"""Values that stand in more than one of KIS's answers and frames: symbols, order numbers, moments. Pure."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from functools import lru_cache

from kis_daemon.domain.calendar import KST
from kis_daemon.domain.market import Side, Symbol, as_symbol
from kis_daemon.domain.orders import OrderNo
from kis_daemon.ports import ProtocolError

_LONG_SYMBOL = re.compile(r"(?:0{0,5}A|Q)([0-9A-Z]{6})")
_DIGITS_14 = re.compile(r"[0-9]{14}")
_ORDER_NO = re.compile(r"[0-9A-Za-z]{1,20}")


@lru_cache(maxsize=8192)
def read_symbol(text: str) -> Symbol:
    """Return the six-character symbol in `text`; ledgers write A005930 or 00000A005930, ETNs Q500001."""
    long = _LONG_SYMBOL.fullmatch(text.strip())
    try:
        return as_symbol(long[1] if long else text.strip())
    except ValueError:
        raise ProtocolError(f"symbol {text[:16]!r}: expected six digits or capital letters") from None


@lru_cache(maxsize=1024)
def read_moment(day: str, time: str) -> datetime:
    """Return the second that YYYYMMDD and HHMMSS say, in Seoul. Cached: trades of one second share it."""
    text = day + time
    if not _DIGITS_14.fullmatch(text):
        raise ProtocolError(f"time {day[:12]!r} {time[:12]!r}: expected YYYYMMDD and HHMMSS")
    try:
        return datetime(
            int(text[:4]), int(text[4:6]), int(text[6:8]), int(text[8:10]), int(text[10:12]), int(text[12:]),
            tzinfo=KST,
        )  # fmt: skip
    except ValueError:
        raise ProtocolError(f"time {day} {time}: no such date or hour") from None


def read_day(text: str) -> date:
    """Return the day that YYYYMMDD says."""
    return read_moment(text, "000000").date()


def read_time(text: str) -> time:
    """Return the second of a day that HHMMSS says; the day is not told."""
    return read_moment("20000101", text).time()


def read_order_no(text: str) -> OrderNo | None:
    """Return the canonical order number: stripped, without leading zeros; None for an empty one.

    Surfaces pad differently (0000012345, 12345), so that only this form may be compared.
    """
    stripped = text.strip().lstrip("0")
    if not stripped:
        return None
    if not _ORDER_NO.fullmatch(stripped):
        raise ProtocolError("order number: expected digits or letters")
    return OrderNo(stripped)


def read_side(text: str) -> Side:
    """Return the side of SLL_BUY_DVSN_CD: 01 sell, 02 buy."""
    if text == "01":
        return Side.SELL
    if text == "02":
        return Side.BUY
    raise ProtocolError(f"side {text[:8]!r}: expected 01 or 02")
