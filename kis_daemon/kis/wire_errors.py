"""Which error an answer of KIS's REST server is. Pure.

Rules of this room
    The body is read before the status is judged: gateway errors are HTTP 500 with a JSON body.
    `rt_cd` "0" is the only success.
    A question (`read_answer`) and a command (`read_outcome`) judge the same code differently. After a command
    only a proven refusal is one: a business rejection (HTTP 200), or a gateway check that comes before
    routing. All else is `NoAnswer`.
    Told by code; by KIS's sentence only where the code is ambiguous, absent or unknown.
    No error text repeats what may be a key, a token or an account.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from kis_daemon.kis.wire import Answer, Body, Row, parse
from kis_daemon.ports import (
    AccessRefused,
    BrokerError,
    BrokerUnreachable,
    InsufficientCash,
    ListingChanged,
    MarketClosed,
    NoAnswer,
    NothingToCancel,
    NothingToSell,
    NotOnThisVenue,
    OrderRefused,
    ProtocolError,
    RateLimited,
    SymbolBlocked,
)

_HTTP_OK = 200
_HTTP_TOO_MANY = 429
_SECRET = re.compile(r"[0-9]{8,}|[0-9A-Za-z+/=._-]{20,}")

TOKEN_REFUSED = ("EGW00121", "EGW00122", "EGW00123")
ISSUE_LIMIT = "EGW00133"
# How long everybody waits after a limit: that of the app key, that of the ledger all customers share.
CALL_LIMITS_S = {"EGW00201": 1.0, "EGW00215": 2.0}
_LIMITS_S = CALL_LIMITS_S | {ISSUE_LIMIT: 60.0}


class AccessTokenRefused(AccessRefused):
    """The access token is not, or no longer, good: a new one may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Refusal:
    code: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.code or 'no code'}: {_SECRET.sub('***', self.sentence)}"


def _refusal(fields: dict[str, object]) -> _Refusal | None:
    top = Row(fields)
    if (oauth := top.text("error_code")) != "":
        return _Refusal(code=oauth, sentence=top.text("error_description"))
    if top.text("rt_cd") == "0":
        return None
    return _Refusal(code=top.text("msg_cd"), sentence=top.text("msg1"))


# --- the tables -------------------------------------------------------------------------------------

# Checked by the gateway before anything is routed to the ledger: nothing was ordered, and a person must look.
_ACCESS = re.compile(r"EGW0000[34]|EGW001\d\d|EGW0020[5-9]|EGW00210|EGW0030[34]|OPSQ2000|IGW00002")
# Refused for its form, before anything is routed: nothing was ordered, and we are wrong.
_FORM = re.compile(r"EGW00213|EGW00310|EGW02006|OPSQ0002|OPSQ200[123]|OPSQ300[124]|OPSQ999[5-9]|IGW00007")
# Of those, the TRs that the other environment has.
_ELSEWHERE = ("EGW00213", "EGW02006")
# Something behind the gateway failed: a question may be asked again, a command may have been carried out.
_TRANSIENT = re.compile(r"EGW.*|OPSQ.*|IGW.*|90020000")

_BUSINESS: dict[str, type[BrokerError]] = {
    "40100000": MarketClosed,
    "40570000": MarketClosed,
    "40580000": MarketClosed,
    "40240000": NothingToSell,
    "APBK0400": NothingToSell,
    "APBK1234": NothingToSell,
    "40250000": InsufficientCash,
    "APBK0952": InsufficientCash,
    "40330000": NothingToCancel,
    "APBK0927": NothingToCancel,
    "40070000": SymbolBlocked,
    "APBK0634": SymbolBlocked,
    "APBK0656": SymbolBlocked,
    "40030000": OrderRefused,  # off the tick
    "40270000": OrderRefused,  # beyond the day's limits
    "APBK0506": OrderRefused,  # off the tick
    "APBK0963": OrderRefused,  # order type not valid here and now
    "APAC0081": AccessRefused,
    "APAC0489": AccessRefused,
    "APBK1744": AccessRefused,  # a pension account
    "APTR0058": AccessRefused,
}
_AMBIGUOUS = ("APBK0918", "APBK0919")  # "market closed", but met with other sentences too (contract 4.5)

# In this order: a cancel's sentence speaks of quantities too, a market order's of blocked trade.
_SENTENCES: tuple[tuple[re.Pattern[str], type[BrokerError]], ...] = (
    (re.compile(r"(정정|취소).*수량"), NothingToCancel),
    (re.compile(r"금액.*(부족|초과)"), InsufficientCash),
    (re.compile(r"수량.*(부족|초과)"), NothingToSell),
    (re.compile(r"호가단위|상/하한가|상·하한가|시장가\s*매매불가|단일가\s*매매"), OrderRefused),
    (re.compile(r"장시작전|장종료|장운영시간|영업일|장운영일자"), MarketClosed),
    (re.compile(r"거래정지|매매불가|정리매매"), SymbolBlocked),
)
_CHANGED = re.compile(r"자료가\s*변경")


def _business(refusal: _Refusal) -> type[BrokerError]:
    if refusal.code in _BUSINESS:
        return _BUSINESS[refusal.code]
    for pattern, kind in _SENTENCES:
        if pattern.search(refusal.sentence):
            return kind
    return MarketClosed if refusal.code in _AMBIGUOUS else OrderRefused


def _access(refusal: _Refusal) -> AccessRefused | None:
    if refusal.code in TOKEN_REFUSED:
        return AccessTokenRefused(str(refusal), code=refusal.code)
    if _ACCESS.fullmatch(refusal.code) and refusal.code != ISSUE_LIMIT:
        return AccessRefused(str(refusal), code=refusal.code)
    return None


def question_error(status: int, refusal: _Refusal) -> BrokerError:
    """Return what a refused question means."""
    code = refusal.code
    if code in _LIMITS_S or status == _HTTP_TOO_MANY:
        return RateLimited(str(refusal), code=code, retry_after_s=_LIMITS_S.get(code, 1.0))
    if (access := _access(refusal)) is not None:
        return access
    if _CHANGED.search(refusal.sentence):
        return ListingChanged(str(refusal), code=code)
    if code in _ELSEWHERE:
        return NotOnThisVenue(str(refusal), code=code)
    if _FORM.fullmatch(code):
        return ProtocolError(str(refusal), code=code)
    if _TRANSIENT.fullmatch(code) or status != _HTTP_OK:
        return BrokerUnreachable(str(refusal), code=code)
    if _BUSINESS.get(code) is AccessRefused:
        return AccessRefused(str(refusal), code=code)
    return ProtocolError(str(refusal), code=code)


def command_error(status: int, refusal: _Refusal) -> BrokerError:
    """Return what a refused command means: a proven refusal, or that nothing is known."""
    if (access := _access(refusal)) is not None:
        return access
    if _FORM.fullmatch(refusal.code):
        return OrderRefused(str(refusal), code=refusal.code)
    unproven = refusal.code in _LIMITS_S or _TRANSIENT.fullmatch(refusal.code)
    if status != _HTTP_OK or unproven:
        return NoAnswer(str(refusal), code=refusal.code)
    return _business(refusal)(str(refusal), code=refusal.code)


def read_answer(answer: Answer) -> Body:
    """Return the body of a successful question, or raise the error that says what may be done next."""
    fields = parse(answer.body)
    if fields is None:
        if answer.status == _HTTP_TOO_MANY:
            raise RateLimited("HTTP 429")
        raise BrokerUnreachable(f"HTTP {answer.status} without a JSON object")
    refusal = _refusal(fields)
    if refusal is not None:
        raise question_error(answer.status, refusal)
    if answer.status != _HTTP_OK:
        raise BrokerUnreachable(f"HTTP {answer.status} with a success inside")
    return Body(fields=fields, has_more=answer.tr_cont.strip().upper() in ("F", "M"))


def read_key(answer: Answer) -> Row:
    """Return what an OAuth endpoint issued; its success has no `rt_cd`, its refusal is an `error_code`."""
    fields = parse(answer.body)
    if fields is None:
        raise BrokerUnreachable(f"HTTP {answer.status} without a JSON object")
    if answer.status == _HTTP_OK and "error_code" not in fields and "rt_cd" not in fields:
        return Row(fields)
    refusal = _refusal(fields)
    if refusal is None:
        raise BrokerUnreachable(f"HTTP {answer.status} with a success inside")
    raise question_error(answer.status, refusal)


def read_outcome(answer: Answer) -> Body:
    """Return the body of an accepted command; raise `OrderRefused`, `AccessRefused` or `NoAnswer`."""
    fields = parse(answer.body)
    if fields is None:
        raise NoAnswer(f"HTTP {answer.status} without a JSON object")
    try:
        refusal = _refusal(fields)
    except ProtocolError as unreadable:
        raise NoAnswer(f"unreadable answer: {unreadable}") from None
    if refusal is not None:
        if "rt_cd" not in fields and "error_code" not in fields:
            raise NoAnswer(f"HTTP {answer.status} with an unknown envelope")
        raise command_error(answer.status, refusal)
    if answer.status != _HTTP_OK:
        raise NoAnswer(f"HTTP {answer.status} with a success inside")
    return Body(fields=fields)
