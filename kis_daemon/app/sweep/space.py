"""`--params name=low:high[:step]`: the ranges that a sweep searches, beside fixed `name=value`.

Rules of this room
    A range lies within what the parameter may be: both ends are tried out before anything is searched.
    Without a step a whole number moves by one and any other number freely. The upper end is the last step inside.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kis_daemon.app.backtest.pairs import split
from kis_daemon.app.backtest.rules import Rule, full_name, history_of, is_whole
from kis_daemon.app.errors import UsageError
from kis_daemon.app.settings import Settings

_DIGITS = 10  # a step of 0.1, taken three times, is 0.3
_EDGE = 0.02  # of a range without steps


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The values of one parameter; `step` 0 is none."""

    name: str
    low: float
    high: float
    step: float
    whole: bool

    def is_edge(self, value: float) -> bool:
        """Whether a value lies so near an end that a better one may lie behind it."""
        near = self.step / 2 if self.step else (self.high - self.low) * _EDGE
        return value - self.low < near or self.high - value < near

    def written(self, value: float) -> str:
        return f"{self.name}={int(value) if self.whole else round(value, _DIGITS)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """What a sweep searches, and what it holds fast."""

    spans: tuple[Span, ...]
    fixed: tuple[str, ...]

    def params(self, values: Mapping[str, float]) -> tuple[str, ...]:
        """Return the parameters of one trial as a command line would say them."""
        return (*self.fixed, *(span.written(values[span.name]) for span in self.spans))

    def ends(self) -> Iterable[tuple[str, ...]]:
        """Yield the parameters at both ends of each range, the others left out."""
        for span in self.spans:
            yield from ((*self.fixed, span.written(end)) for end in (span.low, span.high))


def space_of(rule: Rule, settings: Settings, written: Sequence[str]) -> Space:
    """Return the space that the command line names; `UsageError` for what the rule cannot try."""
    spans, fixed = [], []
    for name, text in split(written).items():
        if ":" in text:
            spans.append(_span(rule, full_name(rule, name), text))
        else:
            fixed.append(f"{full_name(rule, name)}={text}")
    if not spans:
        raise UsageError("usage.sweep_no_range")
    space = Space(spans=tuple(spans), fixed=tuple(fixed))
    for params in space.ends():
        history_of(rule, settings, params)
    return space


def longest_history(rule: Rule, settings: Settings, space: Space) -> int:
    """Return how many bars the hungriest trial wants before its first day."""
    return max(history_of(rule, settings, params) for params in space.ends())


def _span(rule: Rule, name: str, text: str) -> Span:
    whole = is_whole(rule, name)
    if whole is None:
        raise UsageError("usage.sweep_range", value=f"{name}={text}")
    try:
        numbers = [int(part) if whole else float(part) for part in text.split(":")]
    except ValueError:
        numbers = []
    if len(numbers) not in (2, 3) or not all(map(math.isfinite, numbers)) or not numbers[0] < numbers[1]:
        raise UsageError("usage.sweep_range", value=f"{name}={text}")
    low, high = numbers[:2]
    step = numbers[2] if len(numbers) == 3 else 1 if whole else 0
    if step < 0 or (len(numbers) == 3 and not 0 < step <= high - low):
        raise UsageError("usage.sweep_range", value=f"{name}={text}")
    if step:
        high = round(low + math.floor((high - low) / step + 1e-9) * step, _DIGITS)
    return Span(name=name, low=low, high=high, step=step, whole=whole)
