"""The tables, with the names and columns that operators query (requirements L01, S3-I, S3-L).

Rules of this room
    Moments are UTC with microseconds. Money is whole won. Columns that a raw INSERT of the documents leaves out have
    server defaults. `event_log` is append-only: triggers refuse update and delete.
    A change here is a migration there, and `SCHEMA_VERSION` is the newest one's name.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)

SCHEMA_VERSION = "0001"

metadata = MetaData()

_Id = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows by itself only for INTEGER


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment, kept as UTC without an offset."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive time {value}: expected an aware one")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


schema_version = Table(
    "schema_version",
    metadata,
    Column("schema_version", String(20), primary_key=True),
    Column("applied_at", UtcDateTime, nullable=False, server_default=text("CURRENT_TIMESTAMP")),
    Column("description", String(200), nullable=False),
)

snapshots = Table(
    "snapshots",
    metadata,
    Column("snapshot_id", _Id, primary_key=True),
    Column("asof", UtcDateTime, nullable=False),
    Column("source", String(50), nullable=False),
    Column("payload_json", Text, nullable=False),
)

proposals = Table(
    "proposals",
    metadata,
    Column("proposal_id", String(64), primary_key=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("universe_snapshot_id", _Id, ForeignKey("snapshots.snapshot_id")),
    Column("correlation_id", String(100), nullable=False, index=True),
    Column("config_hash", String(64), nullable=False),
    Column("git_commit_sha", String(40)),
    Column("schema_version", String(20), nullable=False),
    Column("payload_json", Text, nullable=False),
    Column("status", String(20), nullable=False),
    CheckConstraint("status in ('pending','approved','rejected','executed')", name="ck_proposals_status"),
)

approvals = Table(
    "approvals",
    metadata,
    Column("approval_id", _Id, primary_key=True),
    Column("proposal_id", String(64), ForeignKey("proposals.proposal_id"), nullable=False),
    Column("token_hash", String(64), index=True),
    Column("token_jti", String(64), unique=True),
    Column("token_expires_at", UtcDateTime),
    Column("token_used_at", UtcDateTime),
    Column("status", String(20), nullable=False),
    Column("approved_by", String(100), nullable=False),
    Column("approved_at", UtcDateTime, nullable=False),
    Column("rejection_reason", Text),
    CheckConstraint("status in ('approved','rejected')", name="ck_approvals_status"),
)

order_state = Table(
    "order_state",
    metadata,
    Column("idempotency_key", String(64), primary_key=True),
    Column("mode", String(10), nullable=False),
    Column("signal_id", String(100), nullable=False),
    Column("correlation_id", String(100), nullable=False, index=True),
    Column("symbol", String(6), nullable=False),
    Column("market", String(10), nullable=False),
    Column("side", String(4), nullable=False),
    Column("entry_seq", Integer, nullable=False),
    Column("atr", Float(53), nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("order_type", String(10), nullable=False),
    Column("price", BigInteger),
    Column("rule", String(40), nullable=False),
    Column("reason", Text, nullable=False),
    Column("status", String(12), nullable=False, index=True),
    Column("order_day", Date, nullable=False, index=True),
    Column("order_no", String(20)),
    Column("branch_no", String(10), nullable=False, server_default=""),
    Column("fill_id", _Id),
    Column("filled_quantity", Integer, nullable=False, server_default=text("0")),
    Column("filled_amount", BigInteger, nullable=False, server_default=text("0")),
    Column("refusal", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("version", Integer, nullable=False),
    UniqueConstraint("mode", "side", "signal_id", name="uq_order_state_signal"),
    UniqueConstraint("order_day", "branch_no", "order_no", name="uq_order_state_order_no"),
    CheckConstraint("quantity > 0", name="ck_order_state_quantity"),
    CheckConstraint("filled_quantity >= 0 and filled_quantity <= quantity", name="ck_order_state_filled"),
    CheckConstraint("side in ('BUY','SELL')", name="ck_order_state_side"),
)

orders = Table(
    "orders",
    metadata,
    Column("order_id", _Id, primary_key=True),
    Column("idempotency_key", String(64), ForeignKey("order_state.idempotency_key"), unique=True),
    Column("correlation_id", String(100), nullable=False, index=True),
    Column("status", String(20), nullable=False),
    Column("broker_order_id", String(20)),
    Column("payload_json", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    CheckConstraint("status in ('pending','filled','cancelled','rejected')", name="ck_orders_status"),
)

fills = Table(
    "fills",
    metadata,
    Column("fill_id", _Id, primary_key=True),
    Column("order_id", _Id, ForeignKey("orders.order_id"), nullable=False),
    Column("idempotency_key", String(64), ForeignKey("order_state.idempotency_key"), nullable=False),
    Column("correlation_id", String(100), nullable=False, index=True),
    Column("broker_fill_id", String(60), nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("cumulative_quantity", Integer, nullable=False),
    Column("fee", BigInteger, nullable=False),
    Column("tax", BigInteger, nullable=False),
    Column("payload_json", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("idempotency_key", "cumulative_quantity", name="uq_fills_cumulative"),
    CheckConstraint("quantity > 0", name="ck_fills_quantity"),
)

trades = Table(
    "trades",
    metadata,
    Column("trade_id", _Id, primary_key=True),
    Column("idempotency_key", String(64), ForeignKey("order_state.idempotency_key"), nullable=False, unique=True),
    Column("correlation_id", String(100), nullable=False),
    Column("symbol", String(6), nullable=False),
    Column("stock_name", String(100), nullable=False),
    Column("side", String(4), nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("fee", BigInteger, nullable=False),
    Column("tax", BigInteger, nullable=False),
    Column("realized_pnl", BigInteger, nullable=False),
    Column("rule", String(40), nullable=False),
    Column("reason", Text, nullable=False),
    Column("trade_day", Date, nullable=False, index=True),
    Column("executed_at", UtcDateTime, nullable=False),
)

positions = Table(
    "positions",
    metadata,
    Column("position_id", _Id, primary_key=True),
    Column("symbol", String(6), nullable=False),
    Column("stock_name", String(100), nullable=False),
    Column("market", String(10), nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("cost", BigInteger, nullable=False),
    Column("fees", BigInteger, nullable=False),
    Column("atr", Float(53), nullable=False),
    Column("stop", BigInteger, nullable=False),
    Column("target", BigInteger, nullable=False),
    Column("highest", BigInteger, nullable=False),
    Column("trailing_armed", Boolean, nullable=False),
    Column("entry_day", Date, nullable=False),
    Column("entry_seq", Integer, nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("closed_at", UtcDateTime),
    Column("correlation_id", String(100), nullable=False),
    Column("version", Integer, nullable=False),
    UniqueConstraint("symbol", "entry_day", "entry_seq", name="uq_positions_entry"),
    CheckConstraint("quantity >= 0", name="ck_positions_quantity"),
)

event_log = Table(
    "event_log",
    metadata,
    Column("event_id", _Id, primary_key=True),
    Column("timestamp", UtcDateTime, nullable=False),
    Column("event_type", String(100), nullable=False, index=True),
    Column("correlation_id", String(100), index=True),
    Column("actor", String(50), nullable=False, server_default="operator"),
    Column("payload_json", Text, nullable=False),
    Column("prev_hash", String(64), unique=True),
    Column("hash", String(64)),
)

system_state = Table(
    "system_state",
    metadata,
    Column("state_id", _Id, primary_key=True),
    Column("timestamp", UtcDateTime, nullable=False),
    Column("kill_switch_status", String(10), nullable=False, server_default="active"),
    Column("kill_switch_reason", Text),
    Column("scope", String(10), nullable=False, server_default="all"),
    Column("actor", String(100), nullable=False, server_default="operator"),
    Column("portfolio_value", BigInteger),
    Column("current_mdd", Float(53)),
    Column("active_positions", Integer),
    CheckConstraint("kill_switch_status in ('active','inactive')", name="ck_system_state_status"),
    CheckConstraint("scope in ('all','entries')", name="ck_system_state_scope"),
)

marks = Table(
    "marks",
    metadata,
    Column("name", String(60), primary_key=True),
    Column("value", Text, nullable=False),
)
