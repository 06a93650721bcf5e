"""Walk-forward: the days cut into windows, each a stretch to search and the one after it to see what that was worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from kis_daemon.app.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Parameters are searched on the days of `train` and tried on those of `test`; first and last day of each."""

    train: tuple[date, date]
    test: tuple[date, date]


def parsed(text: str) -> tuple[int, int]:
    """Return the trading days of `train/test`; `UsageError` for anything else."""
    train, slash, test = text.partition("/")
    if not slash or not train.isdecimal() or not test.isdecimal() or not int(train) or not int(test):
        raise UsageError("usage.sweep_walk", value=text)
    return int(train), int(test)


def windows(days: Sequence[date], train: int, test: int) -> tuple[Window, ...]:
    """Return the windows that fit whole into `days`, each a test further; `UsageError` where not one does."""
    starts = range(0, len(days) - train - test + 1, test)
    if not starts:
        raise UsageError("usage.sweep_days", days=len(days), wanted=train + test)
    return tuple(
        Window(
            train=(days[start], days[start + train - 1]),
            test=(days[start + train], days[start + train + test - 1]),
        )
        for start in starts
    )
