"""What a person at a terminal sees: log lines, one progress line under them, and the summary of a run.

Rules of this room
    Everything is written through one `Screen`, so that a log line never lands inside the progress line.
    Without a terminal there is no progress line and no colour; the log lines are the same.
    `summary_table` only shows: it reads the mapping that `--summary-json` writes and computes nothing.
"""

from __future__ import annotations

import io
import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TextIO

from rich.box import SIMPLE
from rich.cells import set_cell_size
from rich.console import Console
from rich.table import Table
from rich.text import Text

from kis_daemon.console.catalogue import Language, say, stock, won
from kis_daemon.domain.market import Won

_ERASE = "\r\x1b[2K"
_BAR_CELLS = 20
_OPEN_MINUTE, _CLOSE_MINUTE = 9 * 60, 15 * 60 + 30  # the usual day; on others the bar only starts later
_REDRAW_S = 0.1
_SHOWN_TRADES = 40


class Screen:
    """One text stream with whole lines above and at most one progress line at the bottom."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._progress = ""
        self._lock = threading.Lock()
        self.is_terminal = stream.isatty()

    def line(self, text: str) -> None:
        """Write a whole line (or several); the progress line moves below it."""
        with self._lock:
            erase = _ERASE if self._progress else ""
            self._write(f"{erase}{text}\n{self._progress}")

    def progress(self, text: str) -> None:
        """Replace the progress line; an empty text removes it. Nothing happens without a terminal."""
        if not self.is_terminal or text == self._progress:
            return
        with self._lock:
            self._progress = text
            self._write(_ERASE + text)

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


class DayProgress:
    """The simulated day as one line, redrawn at most ten times a second."""

    def __init__(
        self,
        screen: Screen,
        language: Language,
        *,
        days: int | None = None,
        seconds: Callable[[], float] = time.perf_counter,
        columns: Callable[[], int] = lambda: shutil.get_terminal_size().columns,
    ) -> None:
        self._screen = screen
        self._language = language
        self._days = days
        self._seconds = seconds
        self._columns = columns
        self._drawn_at: float | None = None

    def update(self, now: datetime, *, day_no: int, trades: int | None = None, equity: Won | None = None) -> None:
        """Show the simulated moment `now` of the run's day number `day_no` (1 for the first)."""
        if not self._screen.is_terminal:
            return
        at = self._seconds()
        if self._drawn_at is not None and at - self._drawn_at < _REDRAW_S:
            return
        self._drawn_at = at
        text = say(
            self._language,
            "progress",
            day=now.date(),
            time=f"{now:%H:%M}",
            bar=_bar(now),
            done=day_no,
            days=self._days,
            trades=trades,
            equity=equity,
        )
        self._screen.progress(set_cell_size(text, max(1, self._columns() - 1)).rstrip())

    def finish(self) -> None:
        """Remove the line."""
        self._screen.progress("")


def summary_table(
    summary: Mapping[str, Any], language: Language = Language.KO, *, width: int = 120, colour: bool = False
) -> str:
    """Return the summary of a run as a table of its trades and a table of its figures."""
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=colour, no_color=not colour, highlight=False, emoji=False)
    console.print(_trades_table(summary.get("trades", ()), language))
    console.print(_figures_table(summary, language))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def _bar(now: datetime) -> str:
    done = (now.hour * 60 + now.minute - _OPEN_MINUTE) / (_CLOSE_MINUTE - _OPEN_MINUTE)
    filled = round(min(1.0, max(0.0, done)) * _BAR_CELLS)
    return "█" * filled + "░" * (_BAR_CELLS - filled)


def _trades_table(trades: Sequence[Mapping[str, Any]], language: Language) -> Table:
    table = Table(title=say(language, "summary.trades"), box=SIMPLE, title_justify="left")
    for name in ("symbol", "side", "at", "price", "quantity", "reason", "pnl"):
        justify = "right" if name in ("price", "quantity", "pnl") else "left"
        table.add_column(say(language, f"summary.{name}"), justify=justify, no_wrap=True)  # type: ignore[arg-type]
    shown = trades[-_SHOWN_TRADES:]
    for trade in shown:
        pnl = trade.get("realized_pnl") if trade["side"] == "SELL" else None  # a buy realises nothing yet
        table.add_row(
            Text(stock(trade["symbol"], trade.get("name"))),
            _word(language, trade["side"]),
            f"{trade['date']} {trade['time']}",
            won(language, trade["price"]),
            f"{trade['quantity']:,}",
            _word(language, trade["reason"]),
            "" if pnl is None else _gain(language, pnl),
        )
    if not trades:
        table.caption = say(language, "summary.no_trades")
    elif len(shown) < len(trades):
        table.caption = say(language, "summary.more_trades", count=len(trades) - len(shown))
    return table


def _figures_table(summary: Mapping[str, Any], language: Language) -> Table:
    title = say(language, "summary.title", days=summary.get("days"))
    table = Table(title=title, box=SIMPLE, show_header=False, title_justify="left")
    table.add_column()
    table.add_column(justify="right")

    def row(name: str, value: str | Text) -> None:
        table.add_row(say(language, f"summary.{name}"), value)

    for name in ("realized_pnl", "open_pnl"):
        row(name, _gain(language, summary.get(name, 0)))
    for name in ("fees", "tax", "cash", "holdings_value", "equity"):
        row(name, won(language, summary.get(name, 0)))
    states: Mapping[str, int] = summary.get("orders_by_state", {})
    row("orders", ", ".join(f"{_word(language, state)} {count:,}" for state, count in states.items()) or "0")
    row("fills", f"{summary.get('fills', 0):,}")
    row("rejections", f"{states.get('REJECTED', 0):,}")
    latency = summary.get("tick_to_order_ms", {})
    row("latency", " / ".join(_ms(latency.get(share)) for share in ("p50", "p99")))
    rss = summary.get("rss_mib")
    row("rss", "-" if rss is None else f"{rss:,.0f} MiB")
    row("journal_hash", str(summary.get("journal_hash", ""))[:16])
    return table


def _word(language: Language, value: object) -> str:
    return say(language, f"word.{value}").removeprefix("word.")


def _gain(language: Language, amount: int) -> Text:
    # as Korean markets colour it: red is up, blue is down
    style = "red" if amount > 0 else "blue" if amount < 0 else ""
    return Text(won(language, amount, sign=True), style=style)


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} ms"
