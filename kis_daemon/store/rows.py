"""The rows as one transaction sees them: the SQL behind `ports.Rows`.

Rules of this room
    Every method is one or two statements on the connection it was given; none begins or ends a transaction.
    A row that exists already is told by the statement's own result or a unique key, never by looking first.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import and_, insert, select, update

from kis_daemon.domain.calendar import KST
from kis_daemon.domain.market import Symbol
from kis_daemon.domain.positions import Position
from kis_daemon.ports import AccountFigures, DaySummary, SymbolName
from kis_daemon.store import schema
from kis_daemon.store.mapping import position_from_row, position_to_row
from kis_daemon.store.rows_audit import AuditRows
from kis_daemon.store.rows_control import ControlRows
from kis_daemon.store.rows_orders import OrderRows
from kis_daemon.store.rows_story import StoryRows


class SqlRows(AuditRows, ControlRows, OrderRows, StoryRows):
    """`ports.Rows` over one connection in one transaction."""

    # positions

    def save_position(self, position: Position) -> None:
        values = position_to_row(position) | {"closed_at": None}  # a late fill may open a closed one again
        self._put(schema.positions, and_(*_same_entry(position)), {}, values)

    def save_levels(self, position: Position) -> None:
        self._write(
            update(schema.positions)
            .where(*_same_entry(position))
            .values(highest=position.highest, trailing_armed=position.trailing_armed)
        )

    def close_position(self, position: Position, at: datetime) -> None:
        self._write(
            update(schema.positions)
            .where(*_same_entry(position))
            .values(quantity=0, closed_at=at, version=position.version + 1)
        )

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
        table = schema.symbol_cache
        values = {"stock_name": name.name, "updated_at": name.updated_at}
        self._put(table, table.c.stock_code == name.symbol, {"stock_code": name.symbol}, values)

    # the account

    def add_account_snapshot(self, figures: AccountFigures) -> None:
        self._write(
            insert(schema.account_snapshots).values(
                snapshot_time=figures.at,
                cash=figures.cash,
                holdings_value=figures.holdings_value,
                total_equity=figures.cash + figures.holdings_value,
                realized_pnl=figures.realized_pnl,
                unrealized_pnl=figures.open_pnl,
                position_count=figures.positions,
            )
        )

    def save_day_summary(self, summary: DaySummary) -> None:
        table = schema.daily_summary
        values = asdict(summary)
        day = values.pop("day")
        self._put(table, table.c.trade_date == day, {"trade_date": day}, values)

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
        table = schema.marks
        self._put(table, table.c.name == name, {"name": name}, {"value": value})


def _same_entry(position: Position) -> tuple[Any, ...]:
    table = schema.positions
    return (
        table.c.symbol == position.symbol,
        table.c.entry_day == position.entry_day,
        table.c.entry_seq == position.entry_seq,
    )
