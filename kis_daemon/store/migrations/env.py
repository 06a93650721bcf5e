"""How Alembic connects: the URL comes from `migrate.py`, one transaction a migration."""

from __future__ import annotations

from alembic import context
from sqlalchemy import create_engine

with create_engine(context.config.attributes["url"]).connect() as connection:
    context.configure(connection=connection, transactional_ddl=True, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
