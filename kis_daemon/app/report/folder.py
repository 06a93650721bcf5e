"""The folder of a report: `report.html`, `trades.csv`, `equity.csv` and `result.json`.

A folder that is there is used, its four files are written anew. The CSVs begin with a byte order mark, without which
a spreadsheet takes Korean names for something else.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from kis_daemon.app.backtest.metrics import drawdowns, exposure
from kis_daemon.app.backtest.written import as_json
from kis_daemon.app.errors import UsageError
from kis_daemon.app.report.page import page
from kis_daemon.app.report.subject import Subject
from kis_daemon.app.report.tables import benchmark_curve
from kis_daemon.console.catalogue import Language

INSTALL = "pip install --require-hashes -r requirements-research.lock"


class ReportFolder:
    """Where a report goes; opened before the run, so that what is missing is said before anybody waits."""

    def __init__(self, path: Path, plotly_script: str) -> None:
        self._path = path
        self._plotly_script = plotly_script

    @classmethod
    def opened(cls, path: Path) -> ReportFolder:
        """Make the folder; `UsageError` where it cannot be made, or plotly is not installed."""
        try:
            from plotly.offline import get_plotlyjs  # an extra, and never the daemon's
        except ModuleNotFoundError:
            raise UsageError("usage.report_library", install=INSTALL) from None
        return cls(made(path), get_plotlyjs())

    def write(self, subject: Subject, language: Language) -> Path:
        """Write the four files and return the page's path."""
        write_figures(self._path, subject)
        html = self._path / "report.html"
        html.write_text(page(subject, language, self._plotly_script), "utf-8")
        return html


def write_figures(folder: Path, subject: Subject) -> None:
    """Write the three files that programs read; plotly is not needed for them."""
    told = result_json(subject)
    (folder / "result.json").write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", "utf-8")
    _table(folder / "trades.csv", TRADE_COLUMNS, ([row[name] for name in TRADE_COLUMNS] for row in told["trades"]))
    rows = equity_rows(subject)
    _table(folder / "equity.csv", list(rows[0]) if rows else ["date"], (list(row.values()) for row in rows))


def made(folder: Path) -> Path:
    """Make a folder that is not there; `UsageError` where that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        raise UsageError("usage.report_folder", value=folder) from None
    return folder


TRADE_COLUMNS = (
    "date",
    "time",
    "symbol",
    "name",
    "side",
    "price",
    "quantity",
    "amount",
    "fee",
    "tax",
    "realized_pnl",
    "reason",
    "numbers",
)


def result_json(subject: Subject) -> dict[str, Any]:
    """Return the result as `--json` writes it, with the compared runs and the benchmark."""
    told = as_json(subject.result)
    if subject.compared:
        told["compared"] = {fills.value: asdict(metrics) for fills, metrics in subject.compared.items()}
    curve = benchmark_curve(subject)
    if curve is not None and subject.benchmark is not None:
        told["benchmark"] = {"name": subject.benchmark.name, **asdict(curve)}
    return told


def equity_rows(subject: Subject) -> list[Mapping[str, object]]:
    """Return the account day by day: with what it had lost of its peak, what was held, and the benchmark."""
    result = subject.result
    worth = [result.start_cash, *(day.equity for day in result.equity)]
    below = drawdowns(worth)[1:]
    rows: list[Mapping[str, object]] = [
        {
            "date": day.day.isoformat(),
            "equity": day.equity,
            "cash": day.cash,
            "holdings_value": day.holdings_value,
            "daily_return": f"{day.equity / before - 1 if before else 0.0:.6f}",
            "drawdown": f"{part:.6f}",
            "exposure": f"{exposure(day):.6f}",
        }
        for day, before, part in zip(result.equity, worth, below, strict=False)
    ]
    if subject.benchmark is None:
        return rows
    values = subject.benchmark.worth([day.day for day in result.equity], result.start_cash)[1:]
    return [{**row, "benchmark": round(value)} for row, value in zip(rows, values, strict=True)]


def _table(path: Path, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as text:
        writer = csv.writer(text)
        writer.writerow(head)
        writer.writerows(rows)
