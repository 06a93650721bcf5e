"""Which symbols are watched for entries: the rules, and what a selection came to.

Rules of this room (S3-U03, U04, U22, U27, U28; C36)
    `fixed` keeps the listed order and takes the first `max_stocks`; duplicates count once; an empty result is an error.
    Every method keeps to the same constraints: symbols of six characters, none twice, never more than `max_stocks`.
    A selection says of every candidate where it left and by which number; a number nobody told is None, never 0.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date
from enum import StrEnum

from kis_daemon.domain.market import Symbol, Won, as_symbol

EOK: Won = 100_000_000
"""Market values are configured in units of 100 million won (L15)."""


class SelectionMethod(StrEnum):
    """How the day's symbols are found."""

    FIXED = "fixed"
    VOLUME_TOP = "volume_top"
    ATR_FILTER = "atr_filter"
    COMBINED = "combined"


class CandidatePool(StrEnum):
    """Among which symbols an automatic method looks."""

    KOSPI200 = "kospi200"
    YAML = "yaml"
    VOLUME_TOP = "volume_top"
    MARKET = "market"


class EmptyUniverse(ValueError):
    """No symbol is left to trade; entries have nothing to look at (S3-U28)."""


class NoCandidates(ValueError):
    """An automatic method found nobody to choose from: its pool is empty, or who knows it did not answer (S3-U24)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UniverseRules:
    """The `universe` section of the configuration. `min_volume` is a day's traded value in won, `min_market_cap` is in
    units of 100 million won (L15)."""

    selection_method: SelectionMethod = SelectionMethod.FIXED
    stocks: tuple[Symbol, ...] = ()
    max_stocks: int = 5
    candidate_pool_mode: CandidatePool = CandidatePool.MARKET
    candidate_stocks: tuple[Symbol, ...] = ()
    market_scan_size: int = 200
    volume_top_n: int = 50
    min_volume: Won = 1_000_000_000
    min_market_cap: int = 1_000
    exclude_management: bool = True
    min_atr_pct: float = 1.0
    max_atr_pct: float = 8.0
    atr_period: int = 14
    fallback_to_fixed: bool = True
    halt_on_fallback_in_real: bool = True

    @property
    def is_automatic(self) -> bool:
        """Whether the day's symbols are found by asking, and not by reading a list."""
        return self.selection_method is not SelectionMethod.FIXED

    @property
    def named(self) -> tuple[Symbol, ...]:
        """The symbols of the `yaml` pool: `candidate_stocks`, or `stocks` where there are none (S3-U06)."""
        return self.candidate_stocks or self.stocks

    @property
    def fingerprint(self) -> str:
        """Return what tells these rules from others, to know for which ones a cached universe was selected."""
        text = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One step of a selection: how many came to it and how many it let through (S3-U29)."""

    name: str
    before: int
    after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Why a candidate stayed (`cause` "") or went, with every number that was known of it by then.

    `stage` is where it left; `value` and `limit` are the numbers that decided. `traded_value` is that of the last
    completed day, `market_cap` in won, `atr_pct` the ATR in percent of `close`.
    """

    symbol: Symbol
    name: str = ""
    stage: str = ""
    cause: str = ""
    value: float | None = None
    limit: float | None = None
    rank: int | None = None
    traded_value: Won | None = None
    market_cap: Won | None = None
    price: Won | None = None
    open: Won | None = None
    change_pct: float | None = None
    bars: int | None = None
    close: Won | None = None
    atr: float | None = None
    atr_pct: float | None = None
    suspended: bool | None = None
    under_administration: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The symbols of `day` in their rank, and how they came about. `method` is the one that really chose."""

    day: date
    method: SelectionMethod
    symbols: tuple[Symbol, ...]
    stages: tuple[Stage, ...] = ()
    verdicts: tuple[Verdict, ...] = ()

    def required(self) -> Selection:
        """Return itself, or raise the `EmptyUniverse` that counts the stages (S3-U28)."""
        if not self.symbols:
            counts = ", ".join(f"{stage.name} {stage.after}" for stage in self.stages)
            raise EmptyUniverse(f"no candidate passed the filters of {self.method} ({counts})")
        return self


def constrained(symbols: Iterable[str], max_stocks: int) -> tuple[Symbol, ...]:
    """Return the first `max_stocks` different symbols; `ValueError` for one that is none (S3-U27, C36)."""
    return tuple(dict.fromkeys(as_symbol(text) for text in symbols))[:max_stocks]


def select_fixed(stocks: Iterable[Symbol], max_stocks: int) -> tuple[Symbol, ...]:
    """Return the first `max_stocks` different symbols of `stocks`, in their order."""
    chosen = constrained(stocks, max_stocks)
    if not chosen:
        raise EmptyUniverse("the universe has no symbol; list six-character codes under universe.stocks")
    return chosen


def fixed(rules: UniverseRules, day: date) -> Selection:
    """Return the listed universe of `day` with a word on every listed symbol; `EmptyUniverse` where there is none."""
    chosen = select_fixed(rules.stocks, rules.max_stocks)
    listed = tuple(dict.fromkeys(rules.stocks))
    return Selection(
        day=day,
        method=SelectionMethod.FIXED,
        symbols=chosen,
        stages=(
            Stage(name="stocks", before=len(rules.stocks), after=len(listed)),
            Stage(name="max_stocks", before=len(listed), after=len(chosen)),
        ),
        verdicts=tuple(
            Verdict(symbol=symbol, rank=rank)
            if rank <= len(chosen)
            else Verdict(symbol=symbol, rank=rank, stage="max_stocks", cause="rank", value=rank, limit=rules.max_stocks)
            for rank, symbol in enumerate(listed, start=1)
        ),
    )
