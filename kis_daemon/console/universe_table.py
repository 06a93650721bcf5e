"""Why each candidate stayed or went, as tables: what a person reads of a day's selection.

It only shows: it reads the mapping that is kept as the day's explanation and computes nothing.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from kis_daemon.console.catalogue import Language, say, stock, won

_WIDTH = 190
_MONEY = ("min_market_cap", "min_volume", "no_close")


def universe_table(report: Mapping[str, Any], language: Language, *, explain: bool, colour: bool = False) -> str:
    """Return the selection of a day: its stages and who was chosen, with `explain` everybody and why."""
    out = io.StringIO()
    console = Console(file=out, width=_WIDTH, force_terminal=colour, no_color=not colour, highlight=False, emoji=False)
    console.print(
        say(
            language,
            "universe.title",
            day=report.get("date"),
            method=report.get("selection_method"),
            pool=report.get("pool"),
            at=str(report.get("selected_at", ""))[:19],
            chosen=len(report.get("stocks", ())),
        ),
        soft_wrap=True,
    )
    stages = "  →  ".join(f"{stage['name']} {stage['after']:,}" for stage in report.get("stages", ()))
    console.print(say(language, "universe.stages", stages=stages), soft_wrap=True)
    rows: list[Mapping[str, Any]] = list(report.get("candidates", ()))
    console.print(_table((row for row in rows if explain or not row["cause"]), language, explain))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def _table(rows: Iterable[Mapping[str, Any]], language: Language, explain: bool) -> Table:
    table = Table(box=SIMPLE)
    for name in ("rank", "symbol", "traded_value", "market_cap", "price", "change", "bars", "close", "atr", "atr_pct"):
        justify = "left" if name == "symbol" else "right"
        table.add_column(say(language, f"universe.{name}"), justify=justify, no_wrap=True)  # type: ignore[arg-type]
    if explain:
        table.add_column(say(language, "universe.why"))
    for row in rows:
        cells: list[str | Text] = [
            _number(row["rank"]),
            Text(stock(row["symbol"], row["name"])),
            _eok(row["traded_value"]),
            _eok(row["market_cap"]),
            _number(row["price"]),
            _percent(row["change_pct"]),
            _number(row["bars"]),
            _number(row["close"]),
            _number(row["atr"]),
            _percent(row["atr_pct"]),
        ]
        table.add_row(*cells, *([_why(row, language)] if explain else []))
    return table


def _why(row: Mapping[str, Any], language: Language) -> str:
    """Return where and why a candidate went, with the number that decided and its limit."""
    cause = row["cause"]
    if not cause:
        return say(language, "universe.chosen")
    decided = [_measured(cause, row[name], language) for name in ("value", "limit")]
    return say(language, f"universe.cause.{cause}", stage=row["stage"], value=decided[0], limit=decided[1])


def _measured(cause: str, number: float | None, language: Language) -> str | None:
    if number is None:
        return None
    return won(language, round(number)) if cause in _MONEY else f"{number:,.10g}"


def _number(number: float | None) -> str:
    return "-" if number is None else f"{number:,.10g}"


def _percent(number: float | None) -> str:
    return "-" if number is None else f"{number:.2f}%"


def _eok(amount: int | None) -> str:
    """Return an amount in units of 100 million won, as the configuration's limits are read."""
    return "-" if amount is None else f"{amount / 100_000_000:,.1f}"
