"""Renders the state tables of the code as the page that people read.

`python -m tests.state_tables > docs/state-tables.md` writes it again; `tests/domain/test_orders.py` keeps both equal.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import TypeVar

from kis_daemon.domain.breakers import BREAKER, BreakerEvent, BreakerState
from kis_daemon.domain.orders import LIVE_STATES, MOVES, Happening, OrderState

S = TypeVar("S", bound=StrEnum)
H = TypeVar("H", bound=StrEnum)

HEAD = """\
# State tables

Rendered from the tables in the code by `python -m tests.state_tables > docs/state-tables.md`; do not edit.
"""

ORDER = """\
An empty cell is a happening that cannot be: it raises `IllegalTransition`. *expired* is said when the session is over
and a complete listing of that date shows what was not filled. A fill after a cancel happens, and counts.
"""

BREAKER_WORDS = """\
Two of them, one for losses and one for the broker's answers. OPEN closes entries; HALF_OPEN lets a few small ones
through. Exits never ask. The cool-down ends by time alone; a reset is a person's, with a reason and a name.
"""


def table(moves: Mapping[S, Mapping[H, S]], happenings: Iterable[H]) -> str:
    """Return `moves` as a markdown table: a row a state, a column a happening."""
    columns = list(happenings)
    rows = [["state", *(happening.replace("_", " ") for happening in columns)], ["---"] * (len(columns) + 1)]
    rows += [[state.value, *(row.get(happening, "") for happening in columns)] for state, row in moves.items()]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def diagram(moves: Mapping[S, Mapping[H, S]], first: S, ends: Iterable[S]) -> str:
    """Return `moves` as a mermaid diagram; happenings with the same effect share an arrow."""
    lines = ["stateDiagram-v2", f"    [*] --> {first}"]
    for state, row in moves.items():
        arrows: dict[str, list[str]] = {}
        for happening, after in row.items():
            arrows.setdefault(after.value, []).append(happening.replace("_", " "))
        lines += [f"    {state} --> {after}: {', '.join(names)}" for after, names in arrows.items()]
    lines += [f"    {state} --> [*]" for state in ends]
    return "```mermaid\n" + "\n".join(lines) + "\n```\n"


def rendered() -> str:
    """Return the whole page."""
    ends = [state for state in OrderState if state not in LIVE_STATES]
    order = "\n".join((table(MOVES, Happening), diagram(MOVES, OrderState.PENDING, ends)))
    breaker = "\n".join((table(BREAKER, BreakerEvent), diagram(BREAKER, BreakerState.CLOSED, ())))
    parts = (HEAD, "## Order (`kis_daemon/domain/orders.py`)\n", ORDER, order)
    return "\n".join((*parts, "## Circuit breaker (`kis_daemon/domain/breakers.py`)\n", BREAKER_WORDS, breaker))


if __name__ == "__main__":
    sys.stdout.write(rendered())
