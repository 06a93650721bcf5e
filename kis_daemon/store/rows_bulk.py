"""Everything that memory holds, into a SQLite file that holds nothing yet: a few statements a table.

For a backtest, whose journal is written at its end. Numbers of rows are given here, so that none has to be asked for;
values go to the driver as they are stored, which halves the time. A test reads them back through the other rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from sqlalchemy import Date, Table

from kis_daemon.domain.events import GENESIS_HASH, Event, canonical, linked
from kis_daemon.store import schema
from kis_daemon.store.mapping import order_to_row, trade_to_row
from kis_daemon.store.memory import Tables
from kis_daemon.store.rows_audit import chained_event
from kis_daemon.store.rows_base import BaseRows
from kis_daemon.store.rows_orders import begun_order, booked_fill, order_outcome
from kis_daemon.store.schema_types import UtcDateTime

_AT_ONCE = 250  # rows of a statement: more would cost memory and save no time


class BulkRows(BaseRows):
    """The part of the rows that takes in a whole memory at once; on SQLite alone."""

    def add_all(self, tables: Tables) -> None:
        """Write orders, fills, trades and the chain of facts; a unique key refuses what is there already."""
        orders, fills = tables.orders.values(), tables.fills.values()
        numbers = {order.key: number for number, order in enumerate(orders, 1)}
        last_fill = {fill.order_key: number for number, fill in enumerate(fills, 1)}
        self._add(schema.order_state, (order_to_row(order) | {"fill_id": last_fill.get(order.key)} for order in orders))
        self._add(
            schema.orders,
            (begun_order(order) | order_outcome(order) | {"order_id": numbers[order.key]} for order in orders),
        )
        self._add(
            schema.fills,
            (booked_fill(fill, numbers[fill.order_key]) | {"fill_id": number} for number, fill in enumerate(fills, 1)),
        )
        self._add(schema.trades, (trade_to_row(trade) for trade in tables.trades.values()))
        self._add(schema.event_log, _chained(tables.events))

    def _add(self, table: Table, rows: Iterable[dict[str, Any]]) -> None:
        rest = iter(rows)
        while some := list(islice(rest, _AT_ONCE)):
            names = tuple(some[0])
            places = ", ".join("?" * len(names))
            self.wrote = True
            self._connection.exec_driver_sql(
                f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({places})",
                list(_stored(table, names, some)),
            )


def _stored(table: Table, names: tuple[str, ...], rows: Iterable[dict[str, Any]]) -> Iterator[tuple[Any, ...]]:
    """Yield the values as SQLite keeps them: moments and days are text, in the form that the schema reads."""
    moments = [place for place, name in enumerate(names) if isinstance(table.c[name].type, UtcDateTime)]
    days = [place for place, name in enumerate(names) if isinstance(table.c[name].type, Date)]
    written: dict[datetime, str] = {}  # the orders of a day have one moment
    for row in rows:
        values = list(row.values())
        for place in moments:
            at = values[place]
            values[place] = written.get(at) or written.setdefault(at, f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}")
        for place in days:
            values[place] = values[place].isoformat()
        yield tuple(values)


def _chained(events: Sequence[Event]) -> Iterator[dict[str, Any]]:
    previous = GENESIS_HASH
    for event in events:
        text = canonical(event)
        following = linked(previous, text)
        yield chained_event(event, text, previous, following)
        previous = following
