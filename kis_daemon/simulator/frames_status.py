"""What the stream tells of a symbol without a trade: its status (H0STMKO0) and what an auction expects (H0STANC0).

Source: the wire contract, sections 5.5 and 5.5.3. A field without a value is the literal `(null)`, as in the official
example. An expected match has the trade's layout without the interruption's reference, which the other venues keep.
"""

from __future__ import annotations

from datetime import datetime

from kis_daemon.domain.calendar import SessionPhase
from kis_daemon.simulator.listing_view import ListingView
from kis_daemon.simulator.wire import sign_of

_NULL = "(null)"
_MARKET_CODES = {
    SessionPhase.OPENING_AUCTION: "110",
    SessionPhase.REGULAR: "112",
    SessionPhase.CLOSING_AUCTION: "121",
    SessionPhase.CLOSED: "129",
}
_SESSION_CODES = {
    SessionPhase.OPENING_AUCTION: "10",
    SessionPhase.REGULAR: "20",
    SessionPhase.CLOSING_AUCTION: "20",
    SessionPhase.CLOSED: "30",
}
_HALT_REASON = "매매거래정지"


def status_frame(view: ListingView, *, tr_id: str = "H0STMKO0") -> str:
    """Return the frame of what state a symbol is in; that of the unified venue does not name the symbol."""
    told = [
        view.board.symbol,
        "Y" if view.halted else "N",
        _HALT_REASON if view.halted else _NULL,
        _MARKET_CODES[view.phase],
        _NULL if view.expected is None else view.expected.code.value,
        _NULL,
        _NULL,
        view.status_code,
        "Y" if view.in_vi else "N",
        "N",
        "1",
    ]
    return f"0|{tr_id}|001|{'^'.join(told[1:] if tr_id == 'H0UNMKO0' else told)}"


def expected_frame(view: ListingView, at: datetime, *, tr_id: str = "H0STANC0") -> str:
    """Return the frame of the match that a running auction expects; at the last price where it expects none."""
    board = view.board
    price, quantity = (board.price, 0) if view.expected is None else (view.expected.price, view.expected.volume)
    base = board.base or price
    before = board.previous.volume if board.previous is not None else 0
    average = board.turnover / board.volume if board.volume else 0.0
    record = (
        f"{board.symbol}^{at:%H%M%S}^{price}^{sign_of(board, price)}^{price - base}^{(price - base) * 100 / base:.2f}"
        f"^{average:.2f}^{board.open}^{board.high}^{board.low}^{board.ask}^{board.bid}^{quantity}^{board.volume}"
        f"^{board.turnover}^{board.trades - board.buys}^{board.buys}^{2 * board.buys - board.trades}^0.00"
        f"^{board.volume - board.bought}^{board.bought}^3^0.00^0.00^{board.opened_at:06d}^3^0^{board.high_at:06d}^3^0"
        f"^{board.low_at:06d}^3^0^{board.stamp}^{_SESSION_CODES[view.phase]}^{'Y' if view.halted else 'N'}"
        f"^{quantity}^{quantity}^{quantity * 10}^{quantity * 10}^0.00^{before}^0.00^{view.hour_code}^"
    )
    return f"0|{tr_id}|001|{record}{'' if tr_id == 'H0STANC0' else f'^{board.reference}'}"
