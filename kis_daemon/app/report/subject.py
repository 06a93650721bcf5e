"""What a report is about, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kis_daemon.app.backtest.result import BacktestResult, Fills, Metrics
from kis_daemon.app.report.benchmark import Benchmark
from kis_daemon.domain.market import Bar, Symbol


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One sentence of the catalogue about what the figures leave out."""

    key: str
    data: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolBars:
    """One symbol with the bars of the run; a symbol without bars has no chart."""

    symbol: Symbol
    name: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """`result` is the headline, `compared` the figures of other runs to stand beside it.

    `title` is a key of the catalogue; `fills` says how the headline was filled, as the end of one
    (`report.fills.path`).
    """

    result: BacktestResult
    fills: str
    compared: Mapping[Fills, Metrics]
    symbols: tuple[SymbolBars, ...]
    benchmark: Benchmark | None
    params: tuple[str, ...]
    notes: tuple[Note, ...]
    title: str = "report.title"
