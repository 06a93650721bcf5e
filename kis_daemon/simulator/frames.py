"""What goes out on the stream: trade frames (H0STCNT0) and execution notices (H0STCNI0, H0STCNI9).

Source: the wire contract, sections 5.4, 5.5.1 and 5.5.4. A trade frame is one f-string: it is made 300,000
times in a simulated year.
"""

from __future__ import annotations

import base64
from datetime import date, datetime

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from kis_daemon.domain.market import Side
from kis_daemon.domain.price_path import PathTick
from kis_daemon.simulator.board import Board
from kis_daemon.simulator.profile import SimulatorSettings
from kis_daemon.simulator.requests import EventKind, OrderEvent, RequestKind
from kis_daemon.simulator.wire import direction, sign_of

# from this day on a trade record ends with MARKET_CLS_CODE
FIELD_47_SINCE = date(2026, 9, 14)

_AES_BITS = 128
_CHANGE_CODES = {RequestKind.NEW: "0", RequestKind.MODIFY: "1", RequestKind.CANCEL: "2"}
_CONDITIONS = {"11": "1", "13": "1", "15": "1", "12": "2", "14": "2", "16": "2"}


def trade_frame(board: Board, tick: PathTick, *, with_field_47: bool) -> str:
    """Return the frame of the trade that `board` has just recorded."""
    price, base, volume = board.price, board.base or board.price, board.volume
    bought, sold = board.bought, volume - board.bought
    sells = board.trades - board.buys
    change = price - base
    from_open, from_high, from_low = price - board.open, price - board.high, price - board.low
    before = board.previous.volume if board.previous is not None else 0
    asks, bids = (tick.volume if board.ask else 0), (tick.volume if board.bid else 0)
    return (
        f"0|H0STCNT0|001|{board.symbol}^{board.traded_at:06d}^{price}^{sign_of(board, price)}^{change}"
        f"^{change * 100 / base:.2f}^{board.turnover / volume:.2f}^{board.open}^{board.high}^{board.low}"
        f"^{board.ask}^{board.bid}^{tick.volume}^{volume}^{board.turnover}"
        f"^{sells}^{board.buys}^{board.buys - sells}"
        f"^{bought * 100 / sold if sold else 0.0:.2f}^{sold}^{bought}^{1 if board.bought_last else 5}"
        f"^{bought * 100 / volume:.2f}^{volume * 100 / before if before else 0.0:.2f}"
        f"^{board.opened_at:06d}^{direction(from_open)}^{from_open}"
        f"^{board.high_at:06d}^{direction(from_high)}^{from_high}"
        f"^{board.low_at:06d}^{direction(from_low)}^{from_low}"
        f"^{board.stamp}^20^N^{asks}^{bids}^{asks * 10}^{bids * 10}^0.00^{before}^0.00^0^^{board.open}"
        f"{'^2' if with_field_47 else ''}"
    )


def notices(event: OrderEvent, name: str, branch: str, settings: SimulatorSettings) -> tuple[str, ...]:
    """Return the plain texts of the notices that tell `event`: a change is first received, then confirmed."""
    if event.kind is EventKind.FILLED:
        return (_notice(event, name, branch, settings, is_fill=True, acceptance="2"),)
    if event.kind is EventKind.LAPSED:
        return (_notice(event, name, branch, settings, is_fill=False, acceptance="3"),)
    if event.kind is EventKind.ACCEPTED:
        return (_notice(event, name, branch, settings, is_fill=False, acceptance="1"),)
    return tuple(
        _notice(event, name, branch, settings, is_fill=False, acceptance=acceptance) for acceptance in ("1", "2")
    )


def _notice(
    event: OrderEvent, name: str, branch: str, settings: SimulatorSettings, *, is_fill: bool, acceptance: str
) -> str:
    request = event.request
    original = "" if request.original is None else f"{request.original:010d}"
    at: datetime = event.at
    return (
        f"{settings.hts_id}^{settings.account_no}{settings.product}^{request.number:010d}^{original}"
        f"^{'01' if request.side is Side.SELL else '02'}^{_CHANGE_CODES[request.kind]}^{request.division}"
        f"^{_CONDITIONS.get(request.division, '0')}^{request.symbol}^{event.quantity:010d}^{event.price:09d}"
        f"^{at:%H%M%S}^0^{'2' if is_fill else '1'}^{acceptance}^{branch}^{request.quantity:09d}"
        f"^{settings.account_name}^0^1^Y^^00^^{name}^{request.price:09d}"
    )


def notice_frame(tr_id: str, plain: str, key: str, iv: str) -> str:
    """Return the frame that carries `plain` encrypted for the session that was given `key` and `iv`."""
    return f"1|{tr_id}|001|{encrypted(plain, key, iv)}"


def encrypted(plain: str, key: str, iv: str) -> str:
    """AES-256-CBC with PKCS#7, in base64; key and iv are the UTF-8 bytes of their texts."""
    padder = PKCS7(_AES_BITS).padder()
    padded = padder.update(plain.encode()) + padder.finalize()
    cipher = Cipher(algorithms.AES256(key.encode()), modes.CBC(iv.encode())).encryptor()
    return base64.b64encode(cipher.update(padded) + cipher.finalize()).decode()
