"""The tables, with the names and columns that operators query (requirements L01, S3-I, S3-L, L17, L18).

Rules of this room
    Moments are UTC with microseconds. Money is whole won. Columns that a raw INSERT of the documents leaves out have
    server defaults. `event_log` is append-only: triggers refuse update and delete.
    One declaration for SQLite, MySQL and MariaDB, PostgreSQL; text is compared to the letter in all of them.
    A change here is a migration there, and `SCHEMA_VERSION` is the newest one's name.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Float,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from kis_daemon.store.schema_types import MYSQL as _MYSQL
from kis_daemon.store.schema_types import UtcDateTime

SCHEMA_VERSION = "0005"

metadata = MetaData()

_Id = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows by itself only for INTEGER
_Document = Text().with_variant(Text(16_777_215), *_MYSQL)  # their plain TEXT ends at 64 KiB


schema_version = Table(
    "schema_version",
    metadata,
    Column("schema_version", String(20), primary_key=True),
    Column("applied_at", UtcDateTime, nullable=False, server_default=text("CURRENT_TIMESTAMP")),
    Column("description", String(200), nullable=False),
    Column("checksum", String(64)),  # of the script that was run
)

snapshots = Table(
    "snapshots",
    metadata,
    Column("snapshot_id", _Id, primary_key=True),
    Column("asof", UtcDateTime, nullable=False),
    Column("source", String(50), nullable=False),
    Column("payload_json", _Document, nullable=False),
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
    Column("payload_json", _Document, nullable=False),
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

mandates = Table(
    "mandates",
    metadata,
    Column("mandate_id", String(64), primary_key=True),
    Column("mode", String(10), nullable=False),
    Column("signed_by", String(100), nullable=False),
    Column("signed_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("side", String(4), nullable=False),
    Column("symbols", Text, nullable=False),
    Column("max_quantity", Integer, nullable=False),
    Column("max_notional_a_day", BigInteger, nullable=False),
    Column("signature", String(64), nullable=False),
    Column("revoked_at", UtcDateTime),
    Column("revoked_by", String(100), nullable=False, server_default=""),
    Column("revoked_reason", String(500), nullable=False, server_default=""),
    CheckConstraint("max_quantity > 0", name="ck_mandates_quantity"),
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
    Column("payload_json", _Document, nullable=False),
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
    Column("payload_json", _Document, nullable=False),
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
    Column("payload_json", _Document, nullable=False),
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

adopted_events = Table(
    "adopted_events",
    metadata,
    Column("event_id", _Id, ForeignKey("event_log.event_id"), primary_key=True, autoincrement=False),
    Column("row_hash", String(64), nullable=False),
    Column("adopted_at", UtcDateTime, nullable=False),
)
"""Rows of `event_log` that an operator inserted and that an `event_adopted` vouches for: a row itself cannot change."""

chain_lock = Table(
    "chain_lock",
    metadata,
    Column("lock_id", Integer, primary_key=True, autoincrement=False),
    CheckConstraint("lock_id = 1", name="ck_chain_lock_single"),
)
"""One row, held by whoever writes: the turn at the head of the chain. SQLite needs none, its file is locked."""

kill_switch_events = Table(
    "kill_switch_events",
    metadata,
    Column("event_id", _Id, primary_key=True),
    Column("activated_at", UtcDateTime, nullable=False),
    Column("reason", Text, nullable=False),
    Column("scope", String(10), nullable=False, server_default="all"),
    Column("trigger_source", String(40), nullable=False, server_default="manual"),
    Column("activated_by", String(100), nullable=False, server_default="operator"),
    Column("severity", String(20), nullable=False, server_default="critical"),
    Column("status", String(20), nullable=False, server_default="active", index=True),
    Column("state_id", _Id, ForeignKey("system_state.state_id")),
    Column("positions_closed", Integer, nullable=False, server_default=text("0")),
    Column("orders_cancelled", Integer, nullable=False, server_default=text("0")),
    Column("balance_before", BigInteger),
    Column("balance_after", BigInteger),
    Column("equity_before", BigInteger),
    Column("equity_after", BigInteger),
    Column("action_log_json", _Document),
    Column("system_state_json", _Document),
    Column("deactivated_at", UtcDateTime),
    Column("deactivated_by", String(100)),
    Column("deactivated_reason", Text),
    CheckConstraint("status in ('active','deactivated','partial_recovery')", name="ck_kill_switch_events_status"),
    CheckConstraint("scope in ('all','entries')", name="ck_kill_switch_events_scope"),
)
"""Activations with their circumstances. A row with `state_id` belongs to a record of `system_state`, which decides; one
without was inserted by an operator and stops trading until it is closed (C13)."""

circuit_breaker_events = Table(
    "circuit_breaker_events",
    metadata,
    Column("event_id", _Id, primary_key=True),
    Column("triggered_at", UtcDateTime, nullable=False),
    Column("trigger_type", String(40), nullable=False),
    Column("threshold_value", Float(53)),
    Column("actual_value", Float(53)),
    Column("context_json", _Document),
    Column("cooldown_hours", Float(53)),
    Column("cooldown_expires_at", UtcDateTime),
    Column("severity", String(20), nullable=False, server_default="critical"),
    Column("status", String(20), nullable=False, server_default="active", index=True),
    Column("resolved_at", UtcDateTime),
    Column("resolved_by", String(100)),
    CheckConstraint(
        "trigger_type in ('max_daily_loss','max_drawdown','rapid_loss','consecutive_losses','position_limit',"
        "'exchange_error','network_issue','manual')",
        name="ck_circuit_breaker_events_trigger",
    ),
    CheckConstraint("status in ('active','resolved','overridden','expired')", name="ck_circuit_breaker_events_status"),
)

symbol_locks = Table(
    "symbol_locks",
    metadata,
    Column("lock_id", _Id, primary_key=True),
    Column("symbol", String(6), nullable=False, index=True),
    Column("scope", String(10), nullable=False, server_default="entries"),
    Column("reason", Text, nullable=False),
    Column("locked_by", String(100), nullable=False, server_default="operator"),
    Column("locked_at", UtcDateTime, nullable=False, server_default=text("CURRENT_TIMESTAMP")),
    Column("expires_at", UtcDateTime),
    Column("released_at", UtcDateTime),
    Column("released_by", String(100)),
    Column("release_reason", Text),
    CheckConstraint("scope in ('entries','all')", name="ck_symbol_locks_scope"),
)
"""Symbols that must not be bought (`entries`) or that nothing is done with by itself (`all`); open until released."""

account_snapshots = Table(
    "account_snapshots",
    metadata,
    Column("snapshot_id", _Id, primary_key=True),
    Column("snapshot_time", UtcDateTime, nullable=False, index=True),
    Column("cash", BigInteger, nullable=False),
    Column("holdings_value", BigInteger, nullable=False),
    Column("total_equity", BigInteger, nullable=False),
    Column("realized_pnl", BigInteger, nullable=False),
    Column("unrealized_pnl", BigInteger, nullable=False),
    Column("position_count", Integer, nullable=False),
    CheckConstraint("total_equity = cash + holdings_value", name="ck_account_snapshots_equity"),
    CheckConstraint("position_count >= 0", name="ck_account_snapshots_positions"),
)

daily_summary = Table(
    "daily_summary",
    metadata,
    Column("trade_date", Date, primary_key=True),
    Column("trades", Integer, nullable=False),
    Column("realized_pnl", BigInteger, nullable=False),
    Column("open_pnl", BigInteger, nullable=False),
    Column("fees", BigInteger, nullable=False),
    Column("tax", BigInteger, nullable=False),
    Column("cash", BigInteger, nullable=False),
    Column("equity", BigInteger, nullable=False),
    Column("positions", Integer, nullable=False),
    CheckConstraint("trades >= 0 and positions >= 0", name="ck_daily_summary_counts"),
)

symbol_cache = Table(
    "symbol_cache",
    metadata,
    Column("stock_code", String(6), primary_key=True),
    Column("stock_name", String(100), nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

marks = Table(
    "marks",
    metadata,
    Column("name", String(60), primary_key=True),
    Column("value", Text, nullable=False),
)
