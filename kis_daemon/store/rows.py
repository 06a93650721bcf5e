"""The rows as one transaction sees them: the SQL behind `ports.Rows`.

Rules of this room
    Every method is one or two statements on the connection it was given; none begins or ends a transaction.
    A row that exists already is told by the statement's own result or a unique key, never by looking first.
"""

from __future__ import annotations

from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from sqlalchemy import select

from kis_daemon.domain.calendar import KST
from kis_daemon.domain.market import Symbol
from kis_daemon.domain.positions import Position
from kis_daemon.ports import AccountFigures, DaySummary, SymbolName
from kis_daemon.store import schema
from kis_daemon.store.mapping import position_from_row, position_to_row
from kis_daemon.store.rows_audit import AuditRows
from kis_daemon.store.rows_bulk import BulkRows
from kis_daemon.store.rows_control import ControlRows
from kis_daemon.store.rows_desk import DeskRows
from kis_daemon.store.rows_orders import OrderRows
from kis_daemon.store.rows_safety import SafetyRows
from kis_daemon.store.rows_story import StoryRows


class SqlRows(AuditRows, BulkRows, ControlRows, DeskRows, OrderRows, SafetyRows, StoryRows):
    """`ports.Rows` over one connection in one transaction."""

    # positions

    def save_position(self, position: Position) -> None:
        values = position_to_row(position) | {"closed_at": None}  # a late fill may open a closed one again
        self._put(schema.positions, _entry(position), values)

    def save_levels(self, position: Position) -> None:
        levels = {"highest": position.highest, "trailing_armed": position.trailing_armed}
        self._update(schema.positions, _entry(position), levels)

    def close_position(self, position: Position, at: datetime) -> None:
        closed = {"quantity": 0, "closed_at": at, "version": position.version + 1}
        self._update(schema.positions, _entry(position), closed)

    def open_positions(self) -> tuple[Position, ...]:
        table = schema.positions
        rows = self._read(select(table).where(table.c.closed_at.is_(None)).order_by(table.c.position_id))
        return tuple(position_from_row(row) for row in rows)

    # names

    def symbol_names(self) -> tuple[SymbolName, ...]:
        table = schema.symbol_cache
        rows = self._read(select(table).order_by(table.c.stock_code))
        return tuple(
            SymbolName(symbol=Symbol(row.stock_code), name=row.stock_name, updated_at=row.updated_at.astimezone(KST))
            for row in rows
        )

    def save_symbol_name(self, name: SymbolName) -> None:
        values = {"stock_name": name.name, "updated_at": name.updated_at}
        self._put(schema.symbol_cache, {"stock_code": name.symbol}, values)

    # the account

    def add_account_snapshot(self, figures: AccountFigures) -> None:
        self._insert(
            schema.account_snapshots,
            {
                "snapshot_time": figures.at,
                "cash": figures.cash,
                "holdings_value": figures.holdings_value,
                "total_equity": figures.cash + figures.holdings_value,
                "realized_pnl": figures.realized_pnl,
                "unrealized_pnl": figures.open_pnl,
                "position_count": figures.positions,
            },
        )

    def save_day_summary(self, summary: DaySummary) -> None:
        values = asdict(summary)
        self._put(schema.daily_summary, {"trade_date": values.pop("day")}, values)

    def day_summaries(self) -> tuple[DaySummary, ...]:
        """Return every day's summary, oldest first."""
        table = schema.daily_summary
        rows = self._read(select(table).order_by(table.c.trade_date))
        return tuple(DaySummary(day=row.trade_date, **{name: getattr(row, name) for name in _FIGURES}) for row in rows)

    # marks

    def mark(self, name: str) -> str | None:
        table = schema.marks
        return self._read(select(table.c.value).where(table.c.name == name)).scalar_one_or_none()

    def marks(self) -> tuple[tuple[str, str], ...]:
        """Return every mark with its value, by name."""
        table = schema.marks
        rows = self._read(select(table.c.name, table.c.value).order_by(table.c.name))
        return tuple((row.name, row.value) for row in rows)

    def set_mark(self, name: str, value: str) -> None:
        self._put(schema.marks, {"name": name}, {"value": value})


_FIGURES = tuple(field.name for field in fields(DaySummary) if field.name != "day")


def _entry(position: Position) -> dict[str, Any]:
    return {"symbol": position.symbol, "entry_day": position.entry_day, "entry_seq": position.entry_seq}
