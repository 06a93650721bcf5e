"""What makes a sweep's best suspect: it lies at the end of a range, or is worth little on days it was not chosen on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean

from kis_daemon.app.sweep.space import Space

_WORTH = 0.5  # of what was found in sample, what must be left out of it


def at_edge(space: Space, values: Mapping[str, float]) -> list[str]:
    """Return the parameters whose best value lies at an end of its range, as they would be written."""
    return [span.written(values[span.name]) for span in space.spans if span.is_edge(values[span.name])]


def falls_apart(found: Sequence[float], worth: Iterable[float | None], *, more_is_better: bool) -> bool:
    """Whether what was `found` window by window is on average less than half `worth` on the days after; None is 0."""
    inside, outside = fmean(found), fmean(value or 0.0 for value in worth)
    if not more_is_better:
        return outside * _WORTH > inside
    return outside < (inside * _WORTH if inside > 0 else inside)
