"""How Alembic connects: on the connection of `migrate.py`, inside of its transaction and behind its lock."""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
