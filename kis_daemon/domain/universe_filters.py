"""The filters of an automatic selection: each takes a candidate and says why it must go, or nothing. Pure.

Rules of this room (S3-U05, U09..U13, U16..U18; L15)
    Traded value is that of the last completed day, so that the choice does not depend on the minute it is made in.
    A market value, a halt or an opening price that nobody told removes nobody; a traded value or a chart that nobody
    told does, for there is nothing to rank or to measure by.
    ATR % = ATR / close × 100; the limits themselves stay in. Equal traded values are ranked by symbol.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import TypeAlias

from kis_daemon.domain.indicators import IndicatorPeriods, IndicatorSeries
from kis_daemon.domain.market import Bar, Symbol, Won
from kis_daemon.domain.universe import EOK, Selection, Stage, UniverseRules, Verdict

FEWEST_BARS = 20
MOST_CHANGE_PCT = 28.0
"""An absolute change from the open that is a limit move in the making (S3-U13)."""


class Cause(StrEnum):
    """Why a candidate went; the words of the explanation."""

    NO_ANSWER = "no_answer"
    SUSPENDED = "suspended"
    UNDER_ADMINISTRATION = "under_administration"
    MARKET_CAP = "min_market_cap"
    TRADED_VALUE = "min_volume"
    CHANGE = "change_from_open"
    BARS = "too_few_bars"
    CLOSE = "no_close"
    ATR_LOW = "min_atr_pct"
    ATR_HIGH = "max_atr_pct"
    RANK = "rank"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What is known of a symbol so far; None is what nobody told. Prices, values and caps in won."""

    symbol: Symbol
    name: str = ""
    suspended: bool | None = None
    under_administration: bool | None = None
    market_cap: Won | None = None
    traded_value: Won | None = None
    price: Won | None = None
    open: Won | None = None
    bars: int | None = None
    close: Won | None = None
    atr: float | None = None
    answered: bool = True

    @property
    def change_pct(self) -> float | None:
        """The change from today's open in percent, None before there is one."""
        return None if not self.price or not self.open else (self.price - self.open) / self.open * 100

    @property
    def atr_pct(self) -> float | None:
        """The ATR in percent of the last close, None where one of the two is not known (S3-U16)."""
        return None if self.atr is None or not self.close or self.close < 0 else self.atr / self.close * 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why one candidate goes, and the two numbers that decided where there are two."""

    cause: Cause
    value: float | None = None
    limit: float | None = None


Filter: TypeAlias = Callable[[Candidate, UniverseRules], Reason | None]


def unanswered(candidate: Candidate, _rules: UniverseRules) -> Reason | None:
    """Exclude what the broker knows nothing of."""
    return None if candidate.answered else Reason(cause=Cause.NO_ANSWER)


def unsafe(candidate: Candidate, rules: UniverseRules) -> Reason | None:
    """Exclude what is suspended, under administration, too small, or near a limit (S3-U10..U13)."""
    if candidate.suspended:
        return Reason(cause=Cause.SUSPENDED)
    if candidate.under_administration and rules.exclude_management:
        return Reason(cause=Cause.UNDER_ADMINISTRATION)
    least = rules.min_market_cap * EOK
    if candidate.market_cap is not None and candidate.market_cap < least:
        return Reason(cause=Cause.MARKET_CAP, value=candidate.market_cap, limit=least)
    change = candidate.change_pct
    if change is not None and abs(change) >= MOST_CHANGE_PCT:
        return Reason(cause=Cause.CHANGE, value=round(change, 4), limit=MOST_CHANGE_PCT)
    return None


def thinly_traded(candidate: Candidate, rules: UniverseRules) -> Reason | None:
    """Exclude what traded for less than `min_volume` won, or nobody knows for how much (S3-U09)."""
    if candidate.traded_value is None:
        return Reason(cause=Cause.NO_ANSWER)
    if candidate.traded_value < rules.min_volume:
        return Reason(cause=Cause.TRADED_VALUE, value=candidate.traded_value, limit=rules.min_volume)
    return None


def moves_wrong(candidate: Candidate, rules: UniverseRules) -> Reason | None:
    """Exclude what has too short a history or moves too little or too much (S3-U16, U17)."""
    if candidate.bars is None:
        return Reason(cause=Cause.NO_ANSWER)
    if candidate.bars < FEWEST_BARS:
        return Reason(cause=Cause.BARS, value=candidate.bars, limit=FEWEST_BARS)
    if candidate.close is None or candidate.close <= 0:
        return Reason(cause=Cause.CLOSE, value=candidate.close, limit=0)
    moved = candidate.atr_pct
    if moved is None:  # fewer bars than the ATR looks back
        return Reason(cause=Cause.BARS, value=candidate.bars, limit=rules.atr_period + 1)
    if moved < rules.min_atr_pct:
        return Reason(cause=Cause.ATR_LOW, value=round(moved, 4), limit=rules.min_atr_pct)
    if moved > rules.max_atr_pct:
        return Reason(cause=Cause.ATR_HIGH, value=round(moved, 4), limit=rules.max_atr_pct)
    return None


def with_chart(candidate: Candidate, bars: Sequence[Bar], last: date, atr_period: int) -> Candidate:
    """Return the candidate with what its completed bars say; a traded value that is known already stays.

    Without a bar of `last`, the last completed day, nothing was traded on it: it was halted, or nobody wanted it.
    """
    series = IndicatorSeries(IndicatorPeriods(atr=atr_period))
    series.feed_all(bars)
    values = series.values
    if values is None:
        return replace(candidate, bars=0)
    traded = values.last.close * values.last.volume if values.last.date == last else 0
    return replace(
        candidate,
        bars=values.bars,
        close=values.last.close,
        atr=values.atr,
        traded_value=traded if candidate.traded_value is None else candidate.traded_value,
    )


class Sieve:
    """Candidates on their way through the stages; whoever goes is remembered with the reason."""

    def __init__(self, pool: Iterable[Candidate], rules: UniverseRules) -> None:
        self._rules = rules
        self._known = {candidate.symbol: candidate for candidate in pool}
        self._gone: dict[Symbol, tuple[str, Reason]] = {}
        self._ranks: dict[Symbol, int] = {}
        self.remaining: tuple[Candidate, ...] = tuple(self._known.values())
        self.stages: list[Stage] = [Stage(name="pool", before=len(self._known), after=len(self._known))]

    def learn(self, known: Mapping[Symbol, Candidate]) -> None:
        """Take in what has become known of those that are left."""
        self._known |= known
        self.remaining = tuple(self._known[candidate.symbol] for candidate in self.remaining)

    def exclude(self, stage: str, *filters: Filter) -> None:
        """Let nobody through for whom one of `filters` has a reason; the first one counts."""
        kept = []
        for candidate in self.remaining:
            reason = next(filter(None, (test(candidate, self._rules) for test in filters)), None)
            if reason is None:
                kept.append(candidate)
            else:
                self._gone[candidate.symbol] = stage, reason
        self._end(stage, kept)

    def rank_by_traded_value(self) -> None:
        """Put those that are left in the order of what was traded in them, the most first."""
        ordered = sorted(self.remaining, key=lambda candidate: (-(candidate.traded_value or 0), candidate.symbol))
        self.remaining = tuple(ordered)

    def take(self, stage: str, most: int) -> None:
        """Let the first `most` through."""
        self._ranks |= {candidate.symbol: rank for rank, candidate in enumerate(self.remaining, start=1)}
        for candidate in self.remaining[most:]:
            rank = self._ranks[candidate.symbol]
            self._gone[candidate.symbol] = stage, Reason(cause=Cause.RANK, value=rank, limit=most)
        self._end(stage, list(self.remaining[:most]))

    def _end(self, stage: str, kept: list[Candidate]) -> None:
        self.stages.append(Stage(name=stage, before=len(self.remaining), after=len(kept)))
        self.remaining = tuple(kept)

    def selection(self, day: date) -> Selection:
        """Return what came through, be it nobody."""
        return Selection(
            day=day,
            method=self._rules.selection_method,
            symbols=tuple(candidate.symbol for candidate in self.remaining),
            stages=tuple(self.stages),
            verdicts=self.verdicts(),
        )

    def verdicts(self) -> tuple[Verdict, ...]:
        """Return why each stayed or went: those that stayed in their rank, then the others, the furthest first."""
        places = {stage.name: place for place, stage in enumerate(self.stages)}
        gone = sorted(
            self._gone, key=lambda symbol: (-places[self._gone[symbol][0]], self._ranks.get(symbol, 0), symbol)
        )
        stayed = [candidate.symbol for candidate in self.remaining]
        return tuple(self._verdict(symbol) for symbol in (*stayed, *gone))

    def _verdict(self, symbol: Symbol) -> Verdict:
        known = self._known[symbol]
        stage, reason = self._gone.get(symbol, ("", None))
        return Verdict(
            symbol=symbol,
            name=known.name,
            stage=stage,
            cause="" if reason is None else reason.cause.value,
            value=None if reason is None else reason.value,
            limit=None if reason is None else reason.limit,
            rank=self._ranks.get(symbol) if reason is None or reason.cause is Cause.RANK else None,
            traded_value=known.traded_value,
            market_cap=known.market_cap,
            price=known.price,
            open=known.open,
            change_pct=_rounded(known.change_pct),
            bars=known.bars,
            close=known.close,
            atr=_rounded(known.atr),
            atr_pct=_rounded(known.atr_pct),
            suspended=known.suspended,
            under_administration=known.under_administration,
        )


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 4)
