"""The migration scripts: where they stand, and the checksum by which a released one is known.

Rules of this room
    A script that a database has run is never changed: the database keeps its checksum and refuses another one.
    Files and servers began with a first schema of their own; from the second version on there is one script for all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from kis_daemon.ports import StoreError
from kis_daemon.store.schema import SCHEMA_VERSION

MIGRATIONS = Path(__file__).parent / "migrations"


class SchemaTooNew(StoreError):
    """The database was written by a newer daemon; running an older one on it could lose what it does not know."""


class ScriptChanged(StoreError):
    """A released migration script is not the one that made this database."""


def folders(backend: str) -> tuple[Path, Path]:
    """Return the folder of the backend's first schema and the folder of what came after it."""
    return MIGRATIONS / ("sqlite" if backend == "sqlite" else "servers"), MIGRATIONS / "versions"


@cache
def checksums(backend: str) -> Mapping[str, str]:
    """Return the SHA-256 of each script by its version."""
    return {
        file.name.partition("_")[0]: hashlib.sha256(file.read_bytes()).hexdigest()
        for folder in folders(backend)
        for file in sorted(folder.glob("[0-9]*.py"))
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """What stands in a database: its version (None: nothing yet), and each version's checksum where one is kept."""

    version: str | None
    checksums: Mapping[str, str | None]

    @property
    def is_current(self) -> bool:
        return self.version == SCHEMA_VERSION and None not in self.checksums.values()

    def refuse_strangers(self, backend: str) -> None:
        """Raise where the database is newer than this program, or was made by other scripts than ours."""
        if self.version is not None and self.version > SCHEMA_VERSION:
            raise SchemaTooNew(
                f"database schema {self.version} is newer than this program's {SCHEMA_VERSION}: install the newer one"
            )
        ours = checksums(backend)
        for version, checksum in sorted(self.checksums.items()):
            if checksum is not None and checksum != ours.get(version):
                raise ScriptChanged(
                    f"migration {version} is not the one that made this database: install the released program"
                )


def schema_of(connection: Connection) -> Schema:
    """Return what the database says of itself."""
    inspector = inspect(connection)
    if not inspector.has_table("alembic_version"):
        return Schema(version=None, checksums={})
    version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    if version is None or "checksum" not in {column["name"] for column in inspector.get_columns("schema_version")}:
        return Schema(version=version, checksums={})
    rows = connection.execute(text("SELECT schema_version, checksum FROM schema_version"))
    return Schema(version=version, checksums={row[0]: row[1] for row in rows})
