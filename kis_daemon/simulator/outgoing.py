"""What leaves the stream, as faults see it before it is written: its kind, its TR, and what it is about."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from kis_daemon.simulator.requests import OrderEvent


class OutKind(StrEnum):
    """What a frame is."""

    DATA = "DATA"
    NOTICE = "NOTICE"
    PING = "PING"
    ANSWER = "ANSWER"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One frame; a notice carries its plain text and the event it tells."""

    kind: OutKind
    tr_id: str
    tr_key: str
    frame: str
    plain: str = ""
    event: OrderEvent | None = None


def ping_frame(at: datetime) -> str:
    """Return the PINGPONG of the moment `at`."""
    return _text({"header": {"tr_id": "PINGPONG", "datetime": f"{at:%Y%m%d%H%M%S}"}})


def answer_frame(tr_id: str, tr_key: str, encrypted: str, body: dict[str, Any]) -> str:
    """Return the answer to a registration."""
    return _text({"header": {"tr_id": tr_id, "tr_key": tr_key, "encrypt": encrypted}, "body": body})


def _text(message: dict[str, Any]) -> str:
    return json.dumps(message, separators=(",", ":"))
