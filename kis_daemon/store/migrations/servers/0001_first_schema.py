"""The first schema on a server: proposals, approvals, orders, fills, trades, positions, event log, kill switch."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from kis_daemon.store.migrations import steps

revision = "0001"
down_revision = None


def _text(name: str, length: int, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.String(length), nullable=False, **options)


def _won(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger(), nullable=False, **options)


def _count(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer(), nullable=False, **options)


def _words(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def _document(name: str) -> sa.Column[Any]:
    return sa.Column(name, steps.document(), nullable=False)


def _moment(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, steps.moment(), nullable=nullable)


def _id(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger(), primary_key=True, autoincrement=True, nullable=False)


def _atr() -> sa.Column[Any]:
    return sa.Column("atr", sa.Float(53), nullable=False)


def _of_order() -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["idempotency_key"], ["order_state.idempotency_key"])


def upgrade() -> None:
    steps.create_table(
        "schema_version",
        _text("schema_version", 20, primary_key=True),
        sa.Column("applied_at", steps.moment(), server_default=steps.now(), nullable=False),
        _text("description", 200),
    )
    steps.create_table(
        "event_log",
        _id("event_id"),
        _moment("timestamp"),
        _text("event_type", 100),
        sa.Column("correlation_id", sa.String(100)),
        _text("actor", 50, server_default="operator"),
        _document("payload_json"),
        sa.Column("prev_hash", sa.String(64), unique=True),
        sa.Column("hash", sa.String(64)),
        indexes=("correlation_id", "event_type"),
    )
    steps.make_append_only("event_log")
    steps.create_table(
        "marks",
        _text("name", 60, primary_key=True),
        _words("value"),
    )
    steps.create_table(
        "order_state",
        _text("idempotency_key", 64, primary_key=True),
        _text("mode", 10),
        _text("signal_id", 100),
        _text("correlation_id", 100),
        _text("symbol", 6),
        _text("market", 10),
        _text("side", 4),
        _count("entry_seq"),
        _atr(),
        _count("quantity"),
        _text("order_type", 10),
        sa.Column("price", sa.BigInteger()),
        _text("rule", 40),
        _words("reason"),
        _text("status", 12),
        sa.Column("order_day", sa.Date(), nullable=False),
        sa.Column("order_no", sa.String(20)),
        _text("branch_no", 10, server_default=""),
        sa.Column("fill_id", sa.BigInteger()),
        _count("filled_quantity", server_default=sa.text("0")),
        _won("filled_amount", server_default=sa.text("0")),
        _words("refusal"),
        _moment("created_at"),
        _moment("updated_at"),
        _count("version"),
        sa.UniqueConstraint("mode", "side", "signal_id", name="uq_order_state_signal"),
        sa.UniqueConstraint("order_day", "branch_no", "order_no", name="uq_order_state_order_no"),
        sa.CheckConstraint("quantity > 0", name="ck_order_state_quantity"),
        sa.CheckConstraint("filled_quantity >= 0 and filled_quantity <= quantity", name="ck_order_state_filled"),
        sa.CheckConstraint("side in ('BUY','SELL')", name="ck_order_state_side"),
        indexes=("correlation_id", "order_day", "status"),
    )
    steps.create_table(
        "positions",
        _id("position_id"),
        _text("symbol", 6),
        _text("stock_name", 100),
        _text("market", 10),
        _count("quantity"),
        _won("cost"),
        _won("fees"),
        _atr(),
        _won("stop"),
        _won("target"),
        _won("highest"),
        sa.Column("trailing_armed", sa.Boolean(), nullable=False),
        sa.Column("entry_day", sa.Date(), nullable=False),
        _count("entry_seq"),
        _moment("opened_at"),
        _moment("closed_at", nullable=True),
        _text("correlation_id", 100),
        _count("version"),
        sa.UniqueConstraint("symbol", "entry_day", "entry_seq", name="uq_positions_entry"),
        sa.CheckConstraint("quantity >= 0", name="ck_positions_quantity"),
    )
    steps.create_table(
        "snapshots",
        _id("snapshot_id"),
        _moment("asof"),
        _text("source", 50),
        _document("payload_json"),
    )
    steps.create_table(
        "system_state",
        _id("state_id"),
        _moment("timestamp"),
        _text("kill_switch_status", 10, server_default="active"),
        _words("kill_switch_reason", nullable=True),
        _text("scope", 10, server_default="all"),
        _text("actor", 100, server_default="operator"),
        sa.Column("portfolio_value", sa.BigInteger()),
        sa.Column("current_mdd", sa.Float(53)),
        sa.Column("active_positions", sa.Integer()),
        sa.CheckConstraint("kill_switch_status in ('active','inactive')", name="ck_system_state_status"),
        sa.CheckConstraint("scope in ('all','entries')", name="ck_system_state_scope"),
    )
    steps.create_table(
        "orders",
        _id("order_id"),
        sa.Column("idempotency_key", sa.String(64), unique=True),
        _text("correlation_id", 100),
        _text("status", 20),
        sa.Column("broker_order_id", sa.String(20)),
        _document("payload_json"),
        _moment("created_at"),
        _of_order(),
        sa.CheckConstraint("status in ('pending','filled','cancelled','rejected')", name="ck_orders_status"),
        indexes=("correlation_id",),
    )
    steps.create_table(
        "proposals",
        _text("proposal_id", 64, primary_key=True),
        _moment("created_at"),
        sa.Column("universe_snapshot_id", sa.BigInteger()),
        _text("correlation_id", 100),
        _text("config_hash", 64),
        sa.Column("git_commit_sha", sa.String(40)),
        _text("schema_version", 20),
        _document("payload_json"),
        _text("status", 20),
        sa.ForeignKeyConstraint(["universe_snapshot_id"], ["snapshots.snapshot_id"]),
        sa.CheckConstraint("status in ('pending','approved','rejected','executed')", name="ck_proposals_status"),
        indexes=("correlation_id",),
    )
    steps.create_table(
        "trades",
        _id("trade_id"),
        _text("idempotency_key", 64, unique=True),
        _text("correlation_id", 100),
        _text("symbol", 6),
        _text("stock_name", 100),
        _text("side", 4),
        _count("quantity"),
        _won("amount"),
        _won("fee"),
        _won("tax"),
        _won("realized_pnl"),
        _text("rule", 40),
        _words("reason"),
        sa.Column("trade_day", sa.Date(), nullable=False),
        _moment("executed_at"),
        _of_order(),
        indexes=("trade_day",),
    )
    steps.create_table(
        "approvals",
        _id("approval_id"),
        _text("proposal_id", 64),
        sa.Column("token_hash", sa.String(64)),
        sa.Column("token_jti", sa.String(64), unique=True),
        _moment("token_expires_at", nullable=True),
        _moment("token_used_at", nullable=True),
        _text("status", 20),
        _text("approved_by", 100),
        _moment("approved_at"),
        _words("rejection_reason", nullable=True),
        sa.ForeignKeyConstraint(["proposal_id"], ["proposals.proposal_id"]),
        sa.CheckConstraint("status in ('approved','rejected')", name="ck_approvals_status"),
        indexes=("token_hash",),
    )
    steps.create_table(
        "fills",
        _id("fill_id"),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        _text("idempotency_key", 64),
        _text("correlation_id", 100),
        _text("broker_fill_id", 60),
        _count("quantity"),
        _won("amount"),
        _count("cumulative_quantity"),
        _won("fee"),
        _won("tax"),
        _document("payload_json"),
        _moment("created_at"),
        _of_order(),
        sa.ForeignKeyConstraint(["order_id"], ["orders.order_id"]),
        sa.UniqueConstraint("idempotency_key", "cumulative_quantity", name="uq_fills_cumulative"),
        sa.CheckConstraint("quantity > 0", name="ck_fills_quantity"),
        indexes=("correlation_id",),
    )
    steps.insert_once("schema_version", "schema_version", schema_version=revision, description="first schema")


def downgrade() -> None:
    for table in ("fills", "approvals", "trades", "proposals", "orders", "system_state", "snapshots", "positions"):
        steps.drop_table(table)
    for table in ("order_state", "marks", "event_log", "schema_version"):
        steps.drop_table(table)
