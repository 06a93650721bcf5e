"""What is to be replayed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from kis_daemon.app.backtest.result import Fills
from kis_daemon.domain.market import Symbol, Won
from kis_daemon.simulator.board import VOLUME_SHARE


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestPlan:
    """`first` and `last` are trading days with bars; bars before `first` are history.

    Our orders take at most the `volume_share`th part of what a symbol has traded so far that day: a larger one is
    filled in part.
    """

    symbols: tuple[Symbol, ...]
    first: date
    last: date
    cash: Won = 100_000_000
    fills: Fills = Fills.PATH
    volume_share: int = VOLUME_SHARE
