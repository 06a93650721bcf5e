"""Dates, and chance."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Dates. Durations belong to the loop (`asyncio.sleep`, `asyncio.timeout`)."""

    def now(self) -> datetime:
        """Return the present moment, aware, in Asia/Seoul."""

    async def sleep_until(self, when: datetime) -> None:
        """Return once `now()` has reached `when`; at once if it has already."""


class Entropy(Protocol):
    """Where secrets and token ids come from: the operating system, or a seed in the embedded simulator."""

    def token_bytes(self, count: int) -> bytes: ...
