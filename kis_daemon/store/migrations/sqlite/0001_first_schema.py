"""The first schema: proposals, approvals, orders, fills, trades, positions, the event log and the kill switch."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "event_log",
        sa.Column("event_id", _ID, nullable=False),
        sa.Column("timestamp", sa.DateTime(), nullable=False),
        sa.Column("event_type", sa.String(length=100), nullable=False),
        sa.Column("correlation_id", sa.String(length=100), nullable=True),
        sa.Column("actor", sa.String(length=50), server_default="operator", nullable=False),
        sa.Column("payload_json", sa.Text(), nullable=False),
        sa.Column("prev_hash", sa.String(length=64), nullable=True),
        sa.Column("hash", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("event_id"),
        sa.UniqueConstraint("prev_hash"),
    )
    op.create_index("ix_event_log_correlation_id", "event_log", ["correlation_id"], unique=False)
    op.create_index("ix_event_log_event_type", "event_log", ["event_type"], unique=False)
    op.create_table(
        "marks",
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "order_state",
        sa.Column("idempotency_key", sa.String(length=64), nullable=False),
        sa.Column("mode", sa.String(length=10), nullable=False),
        sa.Column("signal_id", sa.String(length=100), nullable=False),
        sa.Column("correlation_id", sa.String(length=100), nullable=False),
        sa.Column("symbol", sa.String(length=6), nullable=False),
        sa.Column("market", sa.String(length=10), nullable=False),
        sa.Column("side", sa.String(length=4), nullable=False),
        sa.Column("entry_seq", sa.Integer(), nullable=False),
        sa.Column("atr", sa.Float(precision=53), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("order_type", sa.String(length=10), nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=True),
        sa.Column("rule", sa.String(length=40), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("order_day", sa.Date(), nullable=False),
        sa.Column("order_no", sa.String(length=20), nullable=True),
        sa.Column("branch_no", sa.String(length=10), server_default="", nullable=False),
        sa.Column("fill_id", _ID, nullable=True),
        sa.Column("filled_quantity", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("filled_amount", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("refusal", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("side in ('BUY','SELL')", name="ck_order_state_side"),
        sa.CheckConstraint("filled_quantity >= 0 and filled_quantity <= quantity", name="ck_order_state_filled"),
        sa.CheckConstraint("quantity > 0", name="ck_order_state_quantity"),
        sa.PrimaryKeyConstraint("idempotency_key"),
        sa.UniqueConstraint("mode", "side", "signal_id", name="uq_order_state_signal"),
        sa.UniqueConstraint("order_day", "branch_no", "order_no", name="uq_order_state_order_no"),
    )
    op.create_index("ix_order_state_correlation_id", "order_state", ["correlation_id"], unique=False)
    op.create_index("ix_order_state_order_day", "order_state", ["order_day"], unique=False)
    op.create_index("ix_order_state_status", "order_state", ["status"], unique=False)
    op.create_table(
        "positions",
        sa.Column("position_id", _ID, nullable=False),
        sa.Column("symbol", sa.String(length=6), nullable=False),
        sa.Column("stock_name", sa.String(length=100), nullable=False),
        sa.Column("market", sa.String(length=10), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("cost", sa.BigInteger(), nullable=False),
        sa.Column("fees", sa.BigInteger(), nullable=False),
        sa.Column("atr", sa.Float(precision=53), nullable=False),
        sa.Column("stop", sa.BigInteger(), nullable=False),
        sa.Column("target", sa.BigInteger(), nullable=False),
        sa.Column("highest", sa.BigInteger(), nullable=False),
        sa.Column("trailing_armed", sa.Boolean(), nullable=False),
        sa.Column("entry_day", sa.Date(), nullable=False),
        sa.Column("entry_seq", sa.Integer(), nullable=False),
        sa.Column("opened_at", sa.DateTime(), nullable=False),
        sa.Column("closed_at", sa.DateTime(), nullable=True),
        sa.Column("correlation_id", sa.String(length=100), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("quantity >= 0", name="ck_positions_quantity"),
        sa.PrimaryKeyConstraint("position_id"),
        sa.UniqueConstraint("symbol", "entry_day", "entry_seq", name="uq_positions_entry"),
    )
    op.create_table(
        "schema_version",
        sa.Column("schema_version", sa.String(length=20), nullable=False),
        sa.Column("applied_at", sa.DateTime(), server_default=sa.text("CURRENT_TIMESTAMP"), nullable=False),
        sa.Column("description", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("schema_version"),
    )
    op.create_table(
        "snapshots",
        sa.Column("snapshot_id", _ID, nullable=False),
        sa.Column("asof", sa.DateTime(), nullable=False),
        sa.Column("source", sa.String(length=50), nullable=False),
        sa.Column("payload_json", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("snapshot_id"),
    )
    op.create_table(
        "system_state",
        sa.Column("state_id", _ID, nullable=False),
        sa.Column("timestamp", sa.DateTime(), nullable=False),
        sa.Column("kill_switch_status", sa.String(length=10), server_default="active", nullable=False),
        sa.Column("kill_switch_reason", sa.Text(), nullable=True),
        sa.Column("scope", sa.String(length=10), server_default="all", nullable=False),
        sa.Column("actor", sa.String(length=100), server_default="operator", nullable=False),
        sa.Column("portfolio_value", sa.BigInteger(), nullable=True),
        sa.Column("current_mdd", sa.Float(precision=53), nullable=True),
        sa.Column("active_positions", sa.Integer(), nullable=True),
        sa.CheckConstraint("kill_switch_status in ('active','inactive')", name="ck_system_state_status"),
        sa.CheckConstraint("scope in ('all','entries')", name="ck_system_state_scope"),
        sa.PrimaryKeyConstraint("state_id"),
    )
    op.create_table(
        "orders",
        sa.Column("order_id", _ID, nullable=False),
        sa.Column("idempotency_key", sa.String(length=64), nullable=True),
        sa.Column("correlation_id", sa.String(length=100), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("broker_order_id", sa.String(length=20), nullable=True),
        sa.Column("payload_json", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.CheckConstraint("status in ('pending','filled','cancelled','rejected')", name="ck_orders_status"),
        sa.ForeignKeyConstraint(
            ["idempotency_key"],
            ["order_state.idempotency_key"],
        ),
        sa.PrimaryKeyConstraint("order_id"),
        sa.UniqueConstraint("idempotency_key"),
    )
    op.create_index("ix_orders_correlation_id", "orders", ["correlation_id"], unique=False)
    op.create_table(
        "proposals",
        sa.Column("proposal_id", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("universe_snapshot_id", _ID, nullable=True),
        sa.Column("correlation_id", sa.String(length=100), nullable=False),
        sa.Column("config_hash", sa.String(length=64), nullable=False),
        sa.Column("git_commit_sha", sa.String(length=40), nullable=True),
        sa.Column("schema_version", sa.String(length=20), nullable=False),
        sa.Column("payload_json", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.CheckConstraint("status in ('pending','approved','rejected','executed')", name="ck_proposals_status"),
        sa.ForeignKeyConstraint(
            ["universe_snapshot_id"],
            ["snapshots.snapshot_id"],
        ),
        sa.PrimaryKeyConstraint("proposal_id"),
    )
    op.create_index("ix_proposals_correlation_id", "proposals", ["correlation_id"], unique=False)
    op.create_table(
        "trades",
        sa.Column("trade_id", _ID, nullable=False),
        sa.Column("idempotency_key", sa.String(length=64), nullable=False),
        sa.Column("correlation_id", sa.String(length=100), nullable=False),
        sa.Column("symbol", sa.String(length=6), nullable=False),
        sa.Column("stock_name", sa.String(length=100), nullable=False),
        sa.Column("side", sa.String(length=4), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("fee", sa.BigInteger(), nullable=False),
        sa.Column("tax", sa.BigInteger(), nullable=False),
        sa.Column("realized_pnl", sa.BigInteger(), nullable=False),
        sa.Column("rule", sa.String(length=40), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("trade_day", sa.Date(), nullable=False),
        sa.Column("executed_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["idempotency_key"],
            ["order_state.idempotency_key"],
        ),
        sa.PrimaryKeyConstraint("trade_id"),
        sa.UniqueConstraint("idempotency_key"),
    )
    op.create_index("ix_trades_trade_day", "trades", ["trade_day"], unique=False)
    op.create_table(
        "approvals",
        sa.Column("approval_id", _ID, nullable=False),
        sa.Column("proposal_id", sa.String(length=64), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=True),
        sa.Column("token_jti", sa.String(length=64), nullable=True),
        sa.Column("token_expires_at", sa.DateTime(), nullable=True),
        sa.Column("token_used_at", sa.DateTime(), nullable=True),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("approved_by", sa.String(length=100), nullable=False),
        sa.Column("approved_at", sa.DateTime(), nullable=False),
        sa.Column("rejection_reason", sa.Text(), nullable=True),
        sa.CheckConstraint("status in ('approved','rejected')", name="ck_approvals_status"),
        sa.ForeignKeyConstraint(
            ["proposal_id"],
            ["proposals.proposal_id"],
        ),
        sa.PrimaryKeyConstraint("approval_id"),
        sa.UniqueConstraint("token_jti"),
    )
    op.create_index("ix_approvals_token_hash", "approvals", ["token_hash"], unique=False)
    op.create_table(
        "fills",
        sa.Column("fill_id", _ID, nullable=False),
        sa.Column("order_id", _ID, nullable=False),
        sa.Column("idempotency_key", sa.String(length=64), nullable=False),
        sa.Column("correlation_id", sa.String(length=100), nullable=False),
        sa.Column("broker_fill_id", sa.String(length=60), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("cumulative_quantity", sa.Integer(), nullable=False),
        sa.Column("fee", sa.BigInteger(), nullable=False),
        sa.Column("tax", sa.BigInteger(), nullable=False),
        sa.Column("payload_json", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.CheckConstraint("quantity > 0", name="ck_fills_quantity"),
        sa.ForeignKeyConstraint(
            ["idempotency_key"],
            ["order_state.idempotency_key"],
        ),
        sa.ForeignKeyConstraint(
            ["order_id"],
            ["orders.order_id"],
        ),
        sa.PrimaryKeyConstraint("fill_id"),
        sa.UniqueConstraint("idempotency_key", "cumulative_quantity", name="uq_fills_cumulative"),
    )
    op.create_index("ix_fills_correlation_id", "fills", ["correlation_id"], unique=False)
    op.execute(
        "CREATE TRIGGER event_log_no_update BEFORE UPDATE ON event_log "
        "BEGIN SELECT RAISE(ABORT, 'event_log is append-only'); END"
    )
    op.execute(
        "CREATE TRIGGER event_log_no_delete BEFORE DELETE ON event_log "
        "BEGIN SELECT RAISE(ABORT, 'event_log is append-only'); END"
    )
    op.execute("INSERT INTO schema_version (schema_version, description) VALUES ('0001', 'first schema')")


def downgrade() -> None:
    op.drop_index("ix_fills_correlation_id", table_name="fills")
    op.drop_table("fills")
    op.drop_index("ix_approvals_token_hash", table_name="approvals")
    op.drop_table("approvals")
    op.drop_index("ix_trades_trade_day", table_name="trades")
    op.drop_table("trades")
    op.drop_index("ix_proposals_correlation_id", table_name="proposals")
    op.drop_table("proposals")
    op.drop_index("ix_orders_correlation_id", table_name="orders")
    op.drop_table("orders")
    op.drop_table("system_state")
    op.drop_table("snapshots")
    op.drop_table("schema_version")
    op.drop_table("positions")
    op.drop_index("ix_order_state_status", table_name="order_state")
    op.drop_index("ix_order_state_order_day", table_name="order_state")
    op.drop_index("ix_order_state_correlation_id", table_name="order_state")
    op.drop_table("order_state")
    op.drop_table("marks")
    op.drop_index("ix_event_log_event_type", table_name="event_log")
    op.drop_index("ix_event_log_correlation_id", table_name="event_log")
    op.drop_table("event_log")
