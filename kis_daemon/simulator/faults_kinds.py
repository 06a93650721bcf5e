"""The kinds of faults: where each strikes, what it does, and what it is told.

Where the contract names a failure (sections 2.4, 5.3, 5.8), the kind has its code or its name.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Area(StrEnum):
    """Where a fault strikes."""

    REQUEST = "REQUEST"  # a REST call, before or after its service
    ANSWER = "ANSWER"  # a REST answer that is rewritten, if there is something in it to rewrite
    REGISTRATION = "REGISTRATION"
    FRAME = "FRAME"
    MARKET = "MARKET"
    DOOR = "DOOR"


class FaultKind(StrEnum):
    """Every fault by the name it has in a plan; what each does is told in `KINDS`."""

    REFUSED = "refused"
    RESET_BEFORE = "reset_before"
    RESET_AFTER = "reset_after"
    TIMEOUT_AFTER = "timeout_after"
    SLOW_DRIP = "slow_drip"
    HTTP_500_JSON = "http_500_json"
    HTTP_500_TEXT = "http_500_text"
    HTTP_429 = "http_429"
    HTML = "html"
    TRUNCATED = "truncated"
    CUT_JSON = "cut_json"
    EGW00121 = "EGW00121"
    EGW00123 = "EGW00123"
    EGW00133 = "EGW00133"
    EGW00201 = "EGW00201"
    EGW00215 = "EGW00215"
    EGW00301 = "EGW00301"
    EGW00302 = "EGW00302"
    NOTICE_EARLY = "notice_early"
    STALE_PAGE = "stale_page"
    DUPLICATE_ROWS = "duplicate_rows"
    DUPLICATE_PAGE = "duplicate_page"
    MISSING_PAGE = "missing_page"
    REPEATED_CURSOR = "repeated_cursor"
    DATA_CHANGED = "data_changed"
    LAGGING_CCLD = "lagging_ccld"
    LAGGING_BALANCE = "lagging_balance"
    WRONG_EXPIRES_IN = "wrong_expires_in"
    UNKNOWN_FIELDS = "unknown_fields"
    PADDED_VALUES = "padded_values"
    UPPER_CASE_KEYS = "upper_case_keys"
    OPSP0007 = "OPSP0007"
    OPSP0008 = "OPSP0008"
    OPSP0009 = "OPSP0009"
    OPSP0010 = "OPSP0010"
    OPSP0011 = "OPSP0011"
    OPSP8996 = "OPSP8996"
    OPSP9993 = "OPSP9993"
    ACK_DELAYED = "ack_delayed"
    ACK_MISSING = "ack_missing"
    NOTICE_LOST = "notice_lost"
    NOTICE_DUPLICATE = "notice_duplicate"
    NOTICE_REORDERED = "notice_reordered"
    NOTICE_LATE = "notice_late"
    FILL_BEFORE_ACCEPT = "fill_before_accept"
    KEY_ROTATED = "key_rotated"
    DEAD_SOCKET = "dead_socket"
    CLOSE_1006 = "close_1006"
    FRAME_DUPLICATE = "frame_duplicate"
    FIELD_APPENDED = "field_appended"
    WRONG_COUNT = "wrong_count"
    GARBAGE = "garbage"
    BURST = "burst"
    SILENCE = "silence"
    PINGPONG_LOST = "pingpong_lost"
    HALT = "halt"
    VI = "vi"
    PRICE_GAP = "price_gap"
    LIMIT_LOCK = "limit_lock"
    EXCHANGE_REJECT = "exchange_reject"
    PARTIAL_FILLS = "partial_fills"
    NO_FILLS = "no_fills"


@dataclass(frozen=True, slots=True, kw_only=True)
class KindRules:
    """What a kind does and is told: `for_s` is how long it lasts where nothing else is said, `value` its number.

    `may_be_accepted` kinds can let the service do its work first (`accepted`); `path` is what it matches by itself.
    """

    area: Area
    does: str
    for_s: float | None = None
    value: int | None = None
    may_be_accepted: bool = False
    needs_symbol: bool = False
    path: str = ""


def _request(does: str, *, for_s: float | None = None, accepted: bool = False, path: str = "") -> KindRules:
    return KindRules(area=Area.REQUEST, does=does, for_s=for_s, may_be_accepted=accepted, path=path)


def _answer(does: str, *, for_s: float | None = None, value: int | None = None, path: str = "") -> KindRules:
    return KindRules(area=Area.ANSWER, does=does, for_s=for_s, value=value, path=path)


def _frame(does: str, *, for_s: float | None = None, value: int | None = None) -> KindRules:
    return KindRules(area=Area.FRAME, does=does, for_s=for_s, value=value)


def _registration(code: str, *, for_s: float | None = None) -> KindRules:
    return KindRules(area=Area.REGISTRATION, does=f"a registration is refused with {code}", for_s=for_s)


def _market(does: str, *, for_s: float | None = None, value: int | None = None, symbol: bool = True) -> KindRules:
    return KindRules(area=Area.MARKET, does=does, for_s=for_s, value=value, needs_symbol=symbol)


_SERVICES = "/uapi/*"
_ORDERS = "/trading/order-*"
_CCLD, _BALANCE, _TOKEN = "/trading/inquire-daily-ccld", "/trading/inquire-balance", "/oauth2/tokenP"
_K = FaultKind

KINDS: dict[FaultKind, KindRules] = {
    _K.REFUSED: KindRules(
        area=Area.DOOR, does="nobody listens on the REST address and open connections are reset", for_s=5.0
    ),
    _K.RESET_BEFORE: _request("the connection is reset before the service saw the request"),
    _K.RESET_AFTER: _request("the service does its work, then the connection is reset without an answer"),
    _K.TIMEOUT_AFTER: _request("the service does its work, its answer is held back", for_s=60.0),
    _K.SLOW_DRIP: _request("the answer comes byte by byte", for_s=30.0),
    _K.HTTP_500_JSON: _request("HTTP 500 with EGW00002", accepted=True),
    _K.HTTP_500_TEXT: _request("HTTP 500 with a text that is no JSON", accepted=True),
    _K.HTTP_429: _request("HTTP 429 with Retry-After"),
    _K.HTML: _request("HTTP 200 with the page of a maintenance", accepted=True),
    _K.TRUNCATED: _request("the service does its work, the connection ends in the middle of the answer"),
    _K.CUT_JSON: _request("the service does its work, the answer is half of its JSON"),
    _K.EGW00121: _request("HTTP 500: the token is not valid", path=_SERVICES),
    _K.EGW00123: _request("HTTP 500: the token has expired", path=_SERVICES),
    _K.EGW00133: _request("HTTP 403: one token a minute", path=_TOKEN),
    _K.EGW00201: _request("HTTP 500: too many calls a second", path=_SERVICES, accepted=True),
    _K.EGW00215: _request("HTTP 500: the ledger has too many calls of all customers", path="/trading/inquire-*"),
    _K.EGW00301: _request("HTTP 500: connection timeout, outcome unknown", path=_SERVICES, accepted=True),
    _K.EGW00302: _request("HTTP 500: transaction timeout, outcome unknown", path=_SERVICES, accepted=True),
    _K.NOTICE_EARLY: _request("an order's answer waits until its notices have gone out", for_s=0.05, path=_ORDERS),
    _K.STALE_PAGE: _answer("the answer is the one to the same question at an earlier time"),
    _K.DUPLICATE_ROWS: _answer("every row of a list comes twice"),
    _K.DUPLICATE_PAGE: _answer("a later page brings the rows of the first"),
    _K.MISSING_PAGE: _answer("a page is left out: the answer is the page after it"),
    _K.REPEATED_CURSOR: _answer("a later page says that more follow, under the cursor that was asked with"),
    _K.DATA_CHANGED: _answer("a later page answers that the data changed meanwhile", path="/trading/inquire-*"),
    _K.LAGGING_CCLD: _answer("the listing of orders shows what was known a while ago", for_s=10.0, path=_CCLD),
    _K.LAGGING_BALANCE: _answer("the balance shows what was known a while ago", for_s=10.0, path=_BALANCE),
    _K.WRONG_EXPIRES_IN: _answer("the token answer says `value` seconds of life", value=1, path=_TOKEN),
    _K.UNKNOWN_FIELDS: _answer("every object of the answer has fields that nobody knows"),
    _K.PADDED_VALUES: _answer("every text of the answer is filled with blanks", path=_SERVICES),
    _K.UPPER_CASE_KEYS: _answer("every key of the outputs is in capitals", path=_SERVICES),
    _K.OPSP0007: _registration("OPSP0007 SUBSCRIBE INTERNAL ERROR"),
    _K.OPSP0008: _registration("OPSP0008 MAX SUBSCRIBE OVER"),
    _K.OPSP0009: _registration("OPSP0009 mci send failed"),
    _K.OPSP0010: _registration("OPSP0010 invalid appkey warning"),
    _K.OPSP0011: _registration("OPSP0011 invalid approval"),
    _K.OPSP8996: _registration("OPSP8996, then closed: a session that has gone still holds the key", for_s=30.0),
    _K.OPSP9993: _registration("OPSP9993 internal"),
    _K.ACK_DELAYED: _frame("the answer to a registration comes late", for_s=3.0),
    _K.ACK_MISSING: _frame("a registration counts, but its answer never comes"),
    _K.NOTICE_LOST: _frame("a notice is not sent"),
    _K.NOTICE_DUPLICATE: _frame("a notice is sent twice"),
    _K.NOTICE_REORDERED: _frame("a notice is sent after the one that follows it", for_s=5.0),
    _K.NOTICE_LATE: _frame("a notice is sent late", for_s=5.0),
    _K.FILL_BEFORE_ACCEPT: _frame("the notice of acceptance is sent after the order's first fill", for_s=5.0),
    _K.KEY_ROTATED: _frame("notices are encrypted with another key from now on, and no answer tells it"),
    _K.DEAD_SOCKET: _frame("nothing is sent any more and the connection stays open"),
    _K.CLOSE_1006: _frame("the connection ends without a close frame"),
    _K.FRAME_DUPLICATE: _frame("a frame is sent twice"),
    _K.FIELD_APPENDED: _frame("every record of a frame has one field more"),
    _K.WRONG_COUNT: _frame("a frame says `value` records more than it has", value=1),
    _K.GARBAGE: _frame("texts and bytes that are nothing come before a frame"),
    _K.BURST: _frame("a frame is sent `value` times at once", value=100),
    _K.SILENCE: _frame("nothing is sent for a while, PINGPONG included; REST goes on", for_s=180.0),
    _K.PINGPONG_LOST: _frame("a PINGPONG is not sent"),
    _K.HALT: _market("the symbol is halted", for_s=300.0),
    _K.VI: _market("a volatility interruption begins"),
    _K.PRICE_GAP: _market("the symbol's prices jump by `value` percent", value=-10),
    _K.LIMIT_LOCK: _market("the symbol stays at its limit; side BUY the upper, SELL the lower", for_s=600.0),
    _K.EXCHANGE_REJECT: _market("an order gets a number, then the exchange rejects it", symbol=False),
    _K.PARTIAL_FILLS: _market(
        "the account gets one share in `value` of what is traded", for_s=600.0, value=10_000, symbol=False
    ),
    _K.NO_FILLS: _market("limit orders rest and never fill", for_s=600.0, symbol=False),
}

# a session must be able to live with every one of them: a shut door, a token refused on every call and a limit that
# the client did not pass are planned by name
_NOT_SEEDED = (_K.REFUSED, _K.EGW00133, _K.EGW00201, _K.WRONG_EXPIRES_IN)
SEEDED_KINDS = tuple(kind for kind, rules in KINDS.items() if rules.area is not Area.MARKET and kind not in _NOT_SEEDED)
