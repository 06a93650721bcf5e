"""Symbol locks: a table of their own instead of one mark, with scope, name, expiry and what became of them.

What the daemon had locked (the mark `locked_symbols`) goes into the table, and back into the mark on the way down.
"""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

from kis_daemon.store.migrations import steps

revision = "0003"
down_revision = "0002"

_MARK = "locked_symbols"
_MARKS = sa.table("marks", sa.column("name"), sa.column("value"))
_LOCKS = sa.table(
    "symbol_locks",
    sa.column("lock_id"),
    sa.column("symbol"),
    sa.column("scope"),
    sa.column("reason"),
    sa.column("locked_by"),
    sa.column("released_at"),
)
_OPEN = sa.and_(_LOCKS.c.scope == "all", _LOCKS.c.released_at.is_(None))


def upgrade() -> None:
    steps.create_table(
        "symbol_locks",
        sa.Column("lock_id", steps.row_id(), primary_key=True, autoincrement=True, nullable=False),
        sa.Column("symbol", sa.String(6), nullable=False),
        sa.Column("scope", sa.String(10), nullable=False, server_default="entries"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("locked_by", sa.String(100), nullable=False, server_default="operator"),
        sa.Column("locked_at", steps.moment(), nullable=False, server_default=steps.now()),
        sa.Column("expires_at", steps.moment()),
        sa.Column("released_at", steps.moment()),
        sa.Column("released_by", sa.String(100)),
        sa.Column("release_reason", sa.Text()),
        sa.CheckConstraint("scope in ('entries','all')", name="ck_symbol_locks_scope"),
        indexes=("symbol",),
    )
    bind = op.get_bind()
    kept = bind.execute(sa.select(_MARKS.c.value).where(_MARKS.c.name == _MARK)).scalar_one_or_none()
    for symbol, reason in json.loads(kept or "{}").items():
        there = sa.and_(_LOCKS.c.symbol == symbol, _OPEN)
        if bind.execute(sa.select(_LOCKS.c.symbol).where(there)).first() is None:
            bind.execute(_LOCKS.insert().values(symbol=symbol, scope="all", reason=reason, locked_by="engine"))
    steps.delete("marks", "name", _MARK)
    steps.insert_once("schema_version", "schema_version", schema_version=revision, description="symbol locks")


def downgrade() -> None:
    if sa.inspect(op.get_bind()).has_table("symbol_locks"):
        bind = op.get_bind()
        rows = bind.execute(sa.select(_LOCKS.c.symbol, _LOCKS.c.reason).where(_OPEN).order_by(_LOCKS.c.lock_id))
        held = {row.symbol: row.reason for row in rows}
        if held:
            steps.insert_once("marks", "name", name=_MARK, value=json.dumps(held, sort_keys=True))
    steps.drop_table("symbol_locks")
    steps.delete("schema_version", "schema_version", revision)
