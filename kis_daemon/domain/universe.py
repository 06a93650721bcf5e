"""Which symbols are watched for entries.

Rules of this room (S3-U03, U04, U27, U28)
    `fixed` keeps the listed order and takes the first `max_stocks`; duplicates count once; an empty result is an error.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from kis_daemon.domain.market import Symbol


class SelectionMethod(StrEnum):
    FIXED = "fixed"


class EmptyUniverse(ValueError):
    """No symbol is left to trade; entries have nothing to look at (S3-U28)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UniverseRules:
    """The `universe` section of the configuration."""

    selection_method: SelectionMethod = SelectionMethod.FIXED
    stocks: tuple[Symbol, ...] = ()
    max_stocks: int = 5


def select_fixed(stocks: Iterable[Symbol], max_stocks: int) -> tuple[Symbol, ...]:
    """Return the first `max_stocks` different symbols of `stocks`, in their order."""
    chosen = tuple(dict.fromkeys(stocks))[:max_stocks]
    if not chosen:
        raise EmptyUniverse("the universe has no symbol; list six-character codes under universe.stocks")
    return chosen
