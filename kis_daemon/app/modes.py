"""The two axes of a run: whether the money is real, and who answers."""

from __future__ import annotations

from enum import StrEnum


class TradingMode(StrEnum):
    """Is the money real? (`TRADING_MODE`, S3-M01)"""

    PAPER = "PAPER"
    REAL = "REAL"


class Venue(StrEnum):
    """Who answers: derived from the mode and the keys, never configured."""

    KIS_REAL = "KIS_REAL"
    KIS_PAPER = "KIS_PAPER"
    SIMULATOR = "SIMULATOR"
