"""Execution notices: decrypting them, and what they say of an order. Pure.

Rules of this room
    AES-256-CBC, PKCS#7, base64, with key and iv of the notice's ACK on this connection (KIS manual,
    H0STCNI0).
    Only fields 0 to 17 are used: they are the same in the layouts of 23 and of 26 fields.
    One login name hears of all its accounts: notices of others are left out.
    A notice has no date and no id, and may come early, twice or never: it is a hint.
"""

from __future__ import annotations

import base64
from datetime import date

from cryptography.hazmat.primitives.ciphers import Cipher as BlockCipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

from kis_daemon.kis.wire_frames import Cipher, DataFrame, split_records
from kis_daemon.kis.wire_values import read_moment, read_order_no, read_side, read_symbol
from kis_daemon.ports import ExecutionNotice, NoticeKind, ProtocolError

NOTICE_FIELDS = 18

_CANO_LENGTH = 8
_FIGURES = "0123456789"


def decrypt(text: str, cipher: Cipher) -> str:
    """Return the plain text of a notice; `ProtocolError` if this key does not open it."""
    try:
        sealed = base64.b64decode(text, validate=True)
        opener = BlockCipher(AES(cipher.key.encode()), CBC(cipher.iv.encode())).decryptor()
        padded = opener.update(sealed) + opener.finalize()
        unpadder = PKCS7(AES.block_size).unpadder()
        return (unpadder.update(padded) + unpadder.finalize()).decode()
    except ValueError:
        raise ProtocolError("notice: this connection's key does not open it") from None


def read_notices(
    frame: DataFrame, cipher: Cipher | None, account: str, today: date
) -> tuple[list[ExecutionNotice], int]:
    """Return the notices of `account` in a frame and how many of its records could not be read."""
    payload = frame.payload
    if frame.encrypted:
        if cipher is None:
            raise ProtocolError("notice: encrypted before its key was told")
        payload = decrypt(payload, cipher)
    values, width = split_records(payload, frame.records, NOTICE_FIELDS)
    notices: list[ExecutionNotice] = []
    unreadable = 0
    for start in range(0, len(values), width):
        record = values[start : start + NOTICE_FIELDS]
        if not _concerns(record[1].strip(), account):
            continue
        try:
            notices.append(_read_notice(record, today))
        except ProtocolError:
            unreadable += 1
    return notices, unreadable


def _concerns(told: str, account: str) -> bool:
    """Whether `told` is our account: ten digits, or the eight of CANO where the product code is left out."""
    return told == account or (len(told) == _CANO_LENGTH and told == account[:_CANO_LENGTH])


def _read_notice(record: list[str], today: date) -> ExecutionNotice:
    order_no = read_order_no(record[2])
    if order_no is None:
        raise ProtocolError("notice without an order number")
    return ExecutionNotice(
        kind=_read_kind(revised=record[5], refused=record[12], filled=record[13], accepted=record[14]),
        order_no=order_no,
        original_no=read_order_no(record[3]),
        symbol=read_symbol(record[8]),
        side=read_side(record[4].strip()),
        quantity=_figure(record[9]),
        price=_figure(record[10]),
        at=read_moment(f"{today:%Y%m%d}", record[11].strip()),
    )


def _read_kind(*, revised: str, refused: str, filled: str, accepted: str) -> NoticeKind:
    if refused == "1":
        return NoticeKind.REJECTED
    if filled == "2":
        return NoticeKind.FILLED
    if filled != "1":
        raise ProtocolError(f"notice of kind {filled[:8]!r}: expected 1 or 2")
    if revised == "1":
        return NoticeKind.MODIFIED
    if revised == "2" or accepted == "3":  # 3: the remainder of an IOC or FOK order is gone
        return NoticeKind.CANCELLED
    return NoticeKind.ACCEPTED


def _figure(text: str) -> int:
    """Return a zero-padded figure of a notice; an empty one is 0."""
    stripped = text.strip()
    if len(stripped) > len("000000000000000000") or any(sign not in _FIGURES for sign in stripped):
        raise ProtocolError("notice: expected a figure")
    return int(stripped or "0")
