"""Figures and the table that shows them. Pure.

Rules of this room
    A figure is the median of its runs; beside it stand the least and the greatest, so that nobody trusts one number.
    A ratio is taken of two medians of the same table: figures of two days or two machines are never divided.
    What is promised is promised of the median, as `least` or `most`; a short run can miss it by chance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """What was measured, in `unit`, once a run. `beside` names the figure that it is compared with.

    `least` and `most` are what an acceptance list promises of it, None: nothing.
    """

    name: str
    unit: str
    values: Sequence[float]
    beside: str = ""
    least: float | None = None
    most: float | None = None

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError(f"{self.name}: measured nothing")

    @property
    def median(self) -> float:
        return median(self.values)

    @property
    def met(self) -> bool | None:
        """Whether the promise is kept; None where there is none."""
        if self.least is None and self.most is None:
            return None
        return (self.least is None or self.median >= self.least) and (self.most is None or self.median <= self.most)


def paired(ours: Sequence[float], others: Sequence[float]) -> list[float]:
    """Return the ratios of figures that were measured in the same rounds."""
    return [one / other for one, other in zip(ours, others, strict=True)]


def ratio(figure: Figure, figures: Mapping[str, Figure]) -> float | None:
    """Return how many times the figure it stands beside it is, or None where there is none (or it is nothing)."""
    other = figures.get(figure.beside)
    return figure.median / other.median if other is not None and other.median > 0 else None


def table(figures: Sequence[Figure]) -> str:
    """Return the figures as a Markdown table that is also readable as it stands."""
    by_name = {figure.name: figure for figure in figures}
    lines = [("what", "median", "least – greatest", "runs", "ratio", "target", "met")]
    lines += [
        (
            figure.name,
            f"{_number(figure.median)} {figure.unit}",
            f"{_number(min(figure.values))} – {_number(max(figure.values))}",
            str(len(figure.values)),
            _times(ratio(figure, by_name)),
            _target(figure),
            {None: "", True: "yes", False: "NO"}[figure.met],
        )
        for figure in figures
    ]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    shown = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([shown[0], rule, *shown[1:]])


def _number(value: float) -> str:
    """Three digits that mean something: 0.0123, 1.23, 12.3, 123."""
    if value == 0:
        return "0"
    decimals = 0
    while decimals < 4 and abs(value) * 10**decimals < 100:
        decimals += 1
    return f"{value:,.{decimals}f}"


def _target(figure: Figure) -> str:
    told = ((figure.least, "or more"), (figure.most, "or less"))
    return ", ".join(f"{_number(bound)} {words}" for bound, words in told if bound is not None)


def _times(value: float | None) -> str:
    return "" if value is None else f"× {_number(value)}"
