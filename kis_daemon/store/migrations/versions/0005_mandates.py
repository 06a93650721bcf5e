"""Standing mandates: signed, bounded, listed, revoked (C28)."""

from __future__ import annotations

import sqlalchemy as sa

from kis_daemon.store.migrations import steps

revision = "0005"
down_revision = "0003"


def upgrade() -> None:
    steps.create_table(
        "mandates",
        sa.Column("mandate_id", sa.String(64), primary_key=True, nullable=False),
        sa.Column("mode", sa.String(10), nullable=False),
        sa.Column("signed_by", sa.String(100), nullable=False),
        sa.Column("signed_at", steps.moment(), nullable=False),
        sa.Column("expires_at", steps.moment(), nullable=False),
        sa.Column("side", sa.String(4), nullable=False),
        sa.Column("symbols", sa.Text(), nullable=False),
        sa.Column("max_quantity", sa.Integer(), nullable=False),
        sa.Column("max_notional_a_day", sa.BigInteger(), nullable=False),
        sa.Column("signature", sa.String(64), nullable=False),
        sa.Column("revoked_at", steps.moment()),
        sa.Column("revoked_by", sa.String(100), nullable=False, server_default=""),
        sa.Column("revoked_reason", sa.String(500), nullable=False, server_default=""),
        sa.CheckConstraint("max_quantity > 0", name="ck_mandates_quantity"),
    )
    steps.insert_once("schema_version", "schema_version", schema_version=revision, description="mandates")


def downgrade() -> None:
    steps.drop_table("mandates")
    steps.delete("schema_version", "schema_version", revision)
