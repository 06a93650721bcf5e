"""The execution notices: H0STCNI0 on the real venue, H0STCNI9 on paper; encrypted for the session that asked for them.

Source: the wire contract, section 5.5.4. Numbers are filled with zeros to their widths. A change is first received,
then confirmed; a remainder that lapses is one notice. A notice says nothing of why an order was rejected. Before the
second venue opened it had 23 fields, with the name where its price of condition is now.
"""

from __future__ import annotations

import base64
from datetime import date

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from kis_daemon.domain.market import Side
from kis_daemon.simulator.frames_book import FIELDS_62_SINCE
from kis_daemon.simulator.profile import SimulatorSettings
from kis_daemon.simulator.requests import DIVISIONS, EventKind, OrderEvent, Patience, RequestKind

_AES_BITS = 128
_CHANGE_CODES = {RequestKind.NEW: "0", RequestKind.MODIFY: "1", RequestKind.CANCEL: "2"}
_CONDITIONS = {Patience.DAY: "0", Patience.IMMEDIATE: "1", Patience.ALL_OR_NOTHING: "2"}
RECEIVED, CONFIRMED, LAPSED = "1", "2", "3"
OLD_FIELDS, NEW_FIELDS = 23, 26


def notices(event: OrderEvent, name: str, branch: str, settings: SimulatorSettings) -> tuple[str, ...]:
    """Return the plain texts of the notices that tell `event`."""
    told: tuple[str, ...]
    match event.kind:
        case EventKind.FILLED:
            told = (CONFIRMED,)
        case EventKind.LAPSED:
            told = (LAPSED,)
        case EventKind.MODIFIED | EventKind.CANCELLED:
            told = (RECEIVED, CONFIRMED)
        case _:
            told = (RECEIVED,)
    return tuple(_notice(event, name, branch, settings, acceptance) for acceptance in told)


def _notice(event: OrderEvent, name: str, branch: str, settings: SimulatorSettings, acceptance: str) -> str:
    request = event.request
    original = "" if request.original is None else f"{request.original:010d}"
    is_fill = event.kind is EventKind.FILLED
    told = (
        f"{settings.hts_id}^{settings.account_no}{settings.product}^{request.number:010d}^{original}"
        f"^{'01' if request.side is Side.SELL else '02'}^{_CHANGE_CODES[request.kind]}^{request.division}"
        f"^{_CONDITIONS[DIVISIONS[request.division].patience]}^{request.symbol}^{event.quantity:010d}^{event.price:09d}"
        f"^{event.at:%H%M%S}^{'1' if event.kind.value == 'REJECTED' else '0'}^{'2' if is_fill else '1'}"
        f"^{acceptance}^{branch}^{request.quantity:09d}^{settings.account_name}"
    )
    if fields_on(event.at.date(), settings) == OLD_FIELDS:
        return f"{told}^{name}^00^^{name}^{request.price:09d}"
    condition = f"{request.trigger:09d}" if request.trigger else "0"
    return f"{told}^{condition}^1^Y^^00^^{name}^{request.price:09d}"


def fields_on(day: date, settings: SimulatorSettings) -> int:
    """Return how many fields a notice of `day` has."""
    if settings.notice_fields is not None:
        return settings.notice_fields
    return OLD_FIELDS if day < FIELDS_62_SINCE and not settings.reformed else NEW_FIELDS


def notice_frame(tr_id: str, plain: str, key: str, iv: str) -> str:
    """Return the frame that carries `plain` encrypted for the session that was given `key` and `iv`."""
    return f"1|{tr_id}|001|{encrypted(plain, key, iv)}"


def encrypted(plain: str, key: str, iv: str) -> str:
    """AES-256-CBC with PKCS#7, in base64; key and iv are the UTF-8 bytes of their texts."""
    padder = PKCS7(_AES_BITS).padder()
    padded = padder.update(plain.encode()) + padder.finalize()
    cipher = Cipher(algorithms.AES256(key.encode()), modes.CBC(iv.encode())).encryptor()
    return base64.b64encode(cipher.update(padded) + cipher.finalize()).decode()
