"""The master files: every listed symbol with its flags, as KIS publishes them each day. Pure.

Rules of this room (the wire contract, 4.2.16)
    One line a symbol, CP949. The head (code, ISIN, name) is counted from the line's start, everything else in bytes
    from its END: the name is of any length, and a character of it is one or two bytes.
    A line that cannot be read is refused by its number and field, and costs no other line. A file without one readable
    line is refused as a whole.
    Codes that are not six characters (notes, funds, warrants) are nothing we trade: they are counted and left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import TypeVar

from kis_daemon.domain.market import Market, Symbol, Won, as_symbol
from kis_daemon.ports import ProtocolError

T = TypeVar("T")

_CODE, _ISIN, _NAME = slice(0, 9), slice(9, 21), 21
_SYMBOL_LENGTH = 6
_EOK = 100_000_000  # market caps are told in units of 100 million won
_WRAP = 1 << 32
_SHARES = 1_000  # listed shares in thousands


class MasterError(ProtocolError):
    """A line of a master file that we cannot read."""

    def __init__(self, line_no: int, field: str, reason: str) -> None:
        super().__init__(f"line {line_no}, {field}: {reason}")
        self.line_no = line_no
        self.field = field


class SecurityGroup(StrEnum):
    """What a symbol is; a group that is new to us is OTHER."""

    STOCK = "ST"
    FOREIGN_STOCK = "FS"
    DEPOSITARY_RECEIPT = "DR"
    ETF = "EF"
    ETN = "EN"
    REIT = "RT"
    INFRASTRUCTURE_FUND = "IF"
    MUTUAL_FUND = "MF"
    OTHER = ""


class CapSize(StrEnum):
    NONE = "0"
    LARGE = "1"
    MID = "2"
    SMALL = "3"


class Overheated(StrEnum):
    """Short-term overheating; designated symbols trade in single-price auctions."""

    NONE = "0"
    NOTICE = "1"
    DESIGNATED = "2"
    EXTENDED = "3"


class MarketWarning(StrEnum):
    NONE = "00"
    CAUTION = "01"
    WARNING = "02"
    RISK = "03"


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterRecord:
    """One symbol on one morning. `base_price` is that day's, volume and market cap are of the day before.

    `listed_on` is None where the file has none. `attention` (투자주의환기) and `kosdaq150` exist on KOSDAQ only,
    `kospi200` on KOSPI only; elsewhere they are False.
    """

    symbol: Symbol
    isin: str
    name: str
    market: Market
    group: SecurityGroup
    cap_size: CapSize
    low_liquidity: bool
    spac: bool
    overheated: Overheated
    attention: bool
    kospi200: bool
    kosdaq150: bool
    base_price: Won
    suspended: bool
    in_liquidation: bool
    under_administration: bool
    warning: MarketWarning
    warning_noticed: bool
    margin_rate_pct: int
    previous_volume: int
    listed_on: date | None
    listed_shares: int
    preferred: bool
    surging: bool
    market_cap: Won


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterFile:
    """One board's file as read: its records, the lines that could not be read, and how many are not ours to trade."""

    board: Market
    records: tuple[MasterRecord, ...]
    refused: tuple[MasterError, ...]
    left_out: int


class MasterBook:
    """What the newest files say, by symbol."""

    def __init__(self, files: Iterable[MasterFile] = ()) -> None:
        self._records = {record.symbol: record for file in files for record in file.records}

    def __len__(self) -> int:
        return len(self._records)

    def get(self, symbol: Symbol) -> MasterRecord | None:
        return self._records.get(symbol)

    def records(self) -> tuple[MasterRecord, ...]:
        return tuple(self._records.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """Where a board's fields stand in the tail of `width` bytes; -1 where the board has no such field."""

    width: int
    low_liquidity: int
    kospi200: int
    kosdaq150: int
    spac: int
    overheated: int
    attention: int
    base_price: int
    suspended: int  # then: in liquidation, under administration, two bytes of warning, warning noticed
    margin_rate: int
    previous_volume: int
    listed_on: int
    listed_shares: int
    preferred: int
    surging: int
    market_cap: int


_LAYOUTS: Mapping[Market, _Layout] = {
    Market.KOSPI: _Layout(
        width=227,
        low_liquidity=16,
        kospi200=18,
        kosdaq150=-1,
        spac=29,
        overheated=32,
        attention=-1,
        base_price=41,
        suspended=60,
        margin_rate=74,
        previous_volume=81,
        listed_on=105,
        listed_shares=113,
        preferred=158,
        surging=160,
        market_cap=212,
    ),
    Market.KOSDAQ: _Layout(
        width=221,
        low_liquidity=16,
        kospi200=-1,
        kosdaq150=35,
        spac=24,
        overheated=27,
        attention=30,
        base_price=36,
        suspended=55,
        margin_rate=69,
        previous_volume=76,
        listed_on=100,
        listed_shares=108,
        preferred=153,
        surging=155,
        market_cap=206,
    ),
}

_GROUPS = {group.value.encode(): group for group in SecurityGroup if group.value}
_CAP_SIZES = {size.value.encode(): size for size in CapSize} | {b" ": CapSize.NONE}
_OVERHEATED = {state.value.encode(): state for state in Overheated} | {b" ": Overheated.NONE}
_WARNINGS = {state.value.encode(): state for state in MarketWarning}
_MUST_SAY = {b"Y": True, b"N": False}
_MAY_SAY = {**_MUST_SAY, b" ": False}
_NO_MEMBER = (b"0", b" ", b"N")
_FUNDS = (SecurityGroup.ETF, SecurityGroup.ETN)


def read_masters(board: Market, data: bytes) -> MasterFile:
    """Return what the file of `board` (KOSPI or KOSDAQ) says; `ProtocolError` if none of its lines can be read."""
    layout = _LAYOUTS[board]
    records: list[MasterRecord] = []
    refused: list[MasterError] = []
    left_out = 0
    for line_no, line in enumerate(data.split(b"\n"), 1):
        line = line.removesuffix(b"\r")
        if not line.strip():
            continue
        if len(line[_CODE].strip()) != _SYMBOL_LENGTH and len(line) >= _NAME + layout.width:
            left_out += 1
            continue
        try:
            records.append(_read(board, layout, line_no, line))
        except MasterError as error:
            refused.append(error)
    if not records:
        raise ProtocolError(f"{board} master of {len(data)} bytes: no line of it can be read")
    return MasterFile(board=board, records=tuple(records), refused=tuple(refused), left_out=left_out)


def _read(board: Market, layout: _Layout, line_no: int, line: bytes) -> MasterRecord:
    if len(line) < _NAME + layout.width:
        raise MasterError(line_no, "length", f"{len(line)} bytes, expected {_NAME + layout.width} or more")
    tail = _Tail(line_no, line[-layout.width :])
    group = _GROUPS.get(tail.raw[0:2], SecurityGroup.OTHER)
    flags = layout.suspended
    return MasterRecord(
        symbol=_symbol(line_no, line[_CODE]),
        isin=_isin(line_no, line[_ISIN]),
        name=_name(line_no, line[_NAME : -layout.width]),
        market=Market.ETF if group in _FUNDS else board,
        group=group,
        cap_size=tail.word("cap_size", 2, _CAP_SIZES),
        low_liquidity=tail.word("low_liquidity", layout.low_liquidity, _MAY_SAY),
        spac=tail.word("spac", layout.spac, _MAY_SAY),
        overheated=tail.word("overheated", layout.overheated, _OVERHEATED),
        attention=layout.attention >= 0 and tail.word("attention", layout.attention, _MAY_SAY),
        kospi200=layout.kospi200 >= 0 and tail.raw[layout.kospi200 : layout.kospi200 + 1] not in _NO_MEMBER,
        kosdaq150=layout.kosdaq150 >= 0 and tail.raw[layout.kosdaq150 : layout.kosdaq150 + 1] not in _NO_MEMBER,
        base_price=tail.count("base_price", layout.base_price, 9),
        suspended=tail.word("suspended", flags, _MUST_SAY),
        in_liquidation=tail.word("in_liquidation", flags + 1, _MUST_SAY),
        under_administration=tail.word("under_administration", flags + 2, _MUST_SAY),
        warning=tail.word("warning", flags + 3, _WARNINGS, 2),
        warning_noticed=tail.word("warning_noticed", flags + 5, _MAY_SAY),
        margin_rate_pct=tail.count("margin_rate_pct", layout.margin_rate, 3),
        previous_volume=tail.volume("previous_volume", layout.previous_volume),
        listed_on=tail.day("listed_on", layout.listed_on),
        listed_shares=tail.count("listed_shares", layout.listed_shares, 15) * _SHARES,
        preferred=tail.raw[layout.preferred : layout.preferred + 1] not in _NO_MEMBER,
        surging=tail.word("surging", layout.surging, _MAY_SAY),
        market_cap=tail.count("market_cap", layout.market_cap, 9) * _EOK,
    )


class _Tail:
    """The fixed part of one line."""

    __slots__ = ("_line_no", "raw")

    def __init__(self, line_no: int, raw: bytes) -> None:
        self._line_no = line_no
        self.raw = raw

    def word(self, field: str, at: int, known: Mapping[bytes, T], width: int = 1) -> T:
        found = known.get(self.raw[at : at + width])
        if found is None:
            expected = ", ".join(word.decode() for word in known)
            raise MasterError(self._line_no, field, f"{self.raw[at : at + width]!r}, expected one of {expected}")
        return found

    def count(self, field: str, at: int, width: int) -> int:
        text = self.raw[at : at + width].strip()
        if not text.isdigit():
            raise MasterError(self._line_no, field, f"{text!r}, expected a whole number")
        return int(text)

    def volume(self, field: str, at: int) -> int:
        """Return a day's volume; KIS keeps it in 32 bits, so more than 2^31 shares are told as a negative number."""
        if self.raw[at : at + 1] == b"-":
            return _WRAP - self.count(field, at + 1, 11)
        return self.count(field, at, 12)

    def day(self, field: str, at: int) -> date | None:
        text = self.raw[at : at + 8].strip()
        if not text.strip(b"0"):
            return None
        try:
            return date(int(text[0:4]), int(text[4:6]), int(text[6:8]))
        except ValueError:
            raise MasterError(self._line_no, field, f"{text!r}, expected a date like 20070720") from None


def _symbol(line_no: int, code: bytes) -> Symbol:
    try:
        return as_symbol(code.decode("ascii").strip())
    except ValueError:
        raise MasterError(line_no, "symbol", f"{code!r}, expected six digits or capitals") from None


def _isin(line_no: int, code: bytes) -> str:
    if not code.isalnum():
        raise MasterError(line_no, "isin", f"{code!r}, expected twelve letters and digits")
    return code.decode("ascii")


def _name(line_no: int, raw: bytes) -> str:
    try:
        return raw.decode("cp949").strip()
    except UnicodeDecodeError:
        raise MasterError(line_no, "name", f"{raw[:16]!r}, expected CP949") from None
