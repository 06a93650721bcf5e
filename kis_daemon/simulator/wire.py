"""How the simulator writes: envelopes, paddings, signs and rates of the contract's sections 0 and 1.

Written from the contract alone and never shared with the client's reader, so that a misread field shows as a
disagreement between the two.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from kis_daemon.domain.market import Won
from kis_daemon.simulator.board import Board

QUOTED = ("MCA00000", "정상처리 되었습니다.")
MESSAGE_BYTES = 80
CURSOR_CHARS = 100

Body = dict[str, Any]


class Failed(Exception):
    """A request that ends in an error of the gateway or of the fields; HTTP `status` with a JSON body."""

    def __init__(self, code: str, text: str, status: int = 500) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A REST answer before it becomes bytes; `tr_cont` F or M says that more pages follow."""

    body: Body
    tr_cont: str = ""
    status: int = 200


def message(text: str) -> str:
    """Return `text` filled with blanks to 80 bytes of UTF-8."""
    return text + " " * (MESSAGE_BYTES - len(text.encode()))


def envelope(rt_cd: str, code: str, text: str, **outputs: Any) -> Body:
    """Return the outer object of every answer."""
    return {"rt_cd": rt_cd, "msg_cd": code, "msg1": message(text), **outputs}


def done(outcome: tuple[str, str], **outputs: Any) -> Body:
    return envelope("0", *outcome, **outputs)


def as_bytes(body: Body) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def named(names: str, value: str) -> dict[str, str]:
    """Return a field for each of the names in one text, all of the same value."""
    return dict.fromkeys(names.split(), value)


def cursor(text: str, chars: int = CURSOR_CHARS) -> str:
    return text.ljust(chars)


def plain_symbol(text: str) -> str:
    """Return the six characters of a symbol that may come as A005930 or 00000A005930."""
    return text[-6:] if text[:-6].strip("0") == "A" else text


def percent(part: float, whole: float) -> str:
    """Return part / whole in percent with two decimals, 0.00 where there is no whole."""
    return f"{part * 100 / whole:.2f}" if whole else "0.00"


def sign_of(board: Board, price: Won) -> int:
    """Return prdy_vrss_sign: 1 upper limit, 2 up, 3 unchanged, 4 lower limit, 5 down."""
    if price == board.base:
        return 3
    if price > board.base:
        return 1 if price == board.upper else 2
    return 4 if price == board.lower else 5


def change_of(board: Board, price: Won) -> dict[str, str]:
    """Return how `price` stands to the base price: prdy_vrss, prdy_vrss_sign, prdy_ctrt."""
    return {
        "prdy_vrss": str(price - board.base),
        "prdy_vrss_sign": str(sign_of(board, price)),
        "prdy_ctrt": percent(price - board.base, board.base),
    }


def direction(change: int) -> int:
    """Return the sign code of a change that has no limits: 2 up, 3 unchanged, 5 down."""
    return 3 if change == 0 else 2 if change > 0 else 5
