"""The tables that were missing: names, account, days, kill switch and breaker events; the chain's lock and adoptions.

`schema_version` learns which script it was that ran.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from kis_daemon.store.migrations import steps

revision = "0002"
down_revision = "0001"

_TRIGGERS = (
    "trigger_type in ('max_daily_loss','max_drawdown','rapid_loss','consecutive_losses','position_limit',"
    "'exchange_error','network_issue','manual')"
)


def _text(name: str, length: int, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.String(length), nullable=False, **options)


def _won(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _count(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer(), nullable=False, **options)


def _moment(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, steps.moment(), nullable=nullable)


def _float(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Float(53))


def _id(name: str) -> sa.Column[Any]:
    return sa.Column(name, steps.row_id(), primary_key=True, autoincrement=True, nullable=False)


def upgrade() -> None:
    steps.add_column("schema_version", sa.Column("checksum", sa.String(64)))
    steps.create_table(
        "symbol_cache",
        _text("stock_code", 6, primary_key=True),
        _text("stock_name", 100),
        _moment("updated_at"),
    )
    steps.create_table(
        "account_snapshots",
        _id("snapshot_id"),
        _moment("snapshot_time"),
        _won("cash"),
        _won("holdings_value"),
        _won("total_equity"),
        _won("realized_pnl"),
        _won("unrealized_pnl"),
        _count("position_count"),
        sa.CheckConstraint("total_equity = cash + holdings_value", name="ck_account_snapshots_equity"),
        sa.CheckConstraint("position_count >= 0", name="ck_account_snapshots_positions"),
        indexes=("snapshot_time",),
    )
    steps.create_table(
        "daily_summary",
        sa.Column("trade_date", sa.Date(), primary_key=True, nullable=False),
        _count("trades"),
        _won("realized_pnl"),
        _won("open_pnl"),
        _won("fees"),
        _won("tax"),
        _won("cash"),
        _won("equity"),
        _count("positions"),
        sa.CheckConstraint("trades >= 0 and positions >= 0", name="ck_daily_summary_counts"),
    )
    steps.create_table(
        "kill_switch_events",
        _id("event_id"),
        _moment("activated_at"),
        sa.Column("reason", sa.Text(), nullable=False),
        _text("scope", 10, server_default="all"),
        _text("trigger_source", 40, server_default="manual"),
        _text("activated_by", 100, server_default="operator"),
        _text("severity", 20, server_default="critical"),
        _text("status", 20, server_default="active"),
        sa.Column("state_id", steps.row_id()),
        _count("positions_closed", server_default=sa.text("0")),
        _count("orders_cancelled", server_default=sa.text("0")),
        _won("balance_before", nullable=True),
        _won("balance_after", nullable=True),
        _won("equity_before", nullable=True),
        _won("equity_after", nullable=True),
        sa.Column("action_log_json", steps.document()),
        sa.Column("system_state_json", steps.document()),
        _moment("deactivated_at", nullable=True),
        sa.Column("deactivated_by", sa.String(100)),
        sa.Column("deactivated_reason", sa.Text()),
        sa.ForeignKeyConstraint(["state_id"], ["system_state.state_id"]),
        sa.CheckConstraint(
            "status in ('active','deactivated','partial_recovery')", name="ck_kill_switch_events_status"
        ),
        sa.CheckConstraint("scope in ('all','entries')", name="ck_kill_switch_events_scope"),
        indexes=("status",),
    )
    steps.create_table(
        "circuit_breaker_events",
        _id("event_id"),
        _moment("triggered_at"),
        _text("trigger_type", 40),
        _float("threshold_value"),
        _float("actual_value"),
        sa.Column("context_json", steps.document()),
        _float("cooldown_hours"),
        _moment("cooldown_expires_at", nullable=True),
        _text("severity", 20, server_default="critical"),
        _text("status", 20, server_default="active"),
        _moment("resolved_at", nullable=True),
        sa.Column("resolved_by", sa.String(100)),
        sa.CheckConstraint(_TRIGGERS, name="ck_circuit_breaker_events_trigger"),
        sa.CheckConstraint(
            "status in ('active','resolved','overridden','expired')", name="ck_circuit_breaker_events_status"
        ),
        indexes=("status",),
    )
    steps.create_table(
        "adopted_events",
        sa.Column("event_id", steps.row_id(), primary_key=True, autoincrement=False, nullable=False),
        _text("row_hash", 64),
        _moment("adopted_at"),
        sa.ForeignKeyConstraint(["event_id"], ["event_log.event_id"]),
    )
    steps.create_table(
        "chain_lock",
        sa.Column("lock_id", sa.Integer(), primary_key=True, autoincrement=False, nullable=False),
        sa.CheckConstraint("lock_id = 1", name="ck_chain_lock_single"),
    )
    steps.insert_once("chain_lock", "lock_id", lock_id=1)
    steps.insert_once("schema_version", "schema_version", schema_version=revision, description="all tables")


def downgrade() -> None:
    for table in ("chain_lock", "adopted_events", "circuit_breaker_events", "kill_switch_events"):
        steps.drop_table(table)
    for table in ("daily_summary", "account_snapshots", "symbol_cache"):
        steps.drop_table(table)
    steps.delete("schema_version", "schema_version", revision)
    steps.drop_column("schema_version", "checksum")
