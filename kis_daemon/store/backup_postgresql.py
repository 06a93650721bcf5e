"""A backup of PostgreSQL: `pg_dump -Fc`, put back by renaming databases.

Rules of this room
    Old and new change their names in one transaction: there is no moment without a database.
    Who owns what, and who else may read it, is the server's matter, not the backup's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection

from kis_daemon.ports import StoreError
from kis_daemon.store.backup_files import Unsound
from kis_daemon.store.backup_look import asked
from kis_daemon.store.backup_servers import ServerBackup, ended, program, secret_file

_PACKAGE = "postgresql-client"
_CONNECT_S = 10


class PostgresqlBackup(ServerBackup):
    """As `ServerBackup`, in the words of PostgreSQL."""

    kind = "postgresql"
    suffix = "dump"
    maintenance = "postgres"

    def dump(self, into: Path) -> None:
        with self._environment(self.name) as environment:
            ended(
                [program(("pg_dump",), _PACKAGE), "--format=custom", "--no-password"],
                environment=environment,
                target=into,
            )

    def load(self, file: Path, database: str) -> None:
        options = ["--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction", "--no-password"]
        with self._environment(database) as environment:
            ended([program(("pg_restore",), _PACKAGE), *options, "--dbname=", file], environment=environment)

    def refuse_cut(self, file: Path) -> None:
        try:
            ended([program(("pg_restore",), _PACKAGE), "--file=/dev/null", file])
        except StoreError:
            raise Unsound("cut") from None

    def make(self, database: str) -> str:
        query = (
            "SELECT pg_encoding_to_char(encoding), datcollate, datctype FROM pg_database WHERE datname IN ($1, $2) "
            "ORDER BY datname = $2 LIMIT 1"  # as the present one is, as the server's first one where there is none
        )
        encoding, collate, ctype = self.rows(query, (self.name, self.maintenance))[0]
        kept = [f"ENCODING '{encoding}'", f"LC_COLLATE '{collate}'", f"LC_CTYPE '{ctype}'"]
        return f"CREATE DATABASE {self.quoted(database)} TEMPLATE template0 {' '.join(kept)}"

    def exists(self) -> bool:
        return bool(self.rows("SELECT 1 FROM pg_database WHERE datname = $1", (self.name,)))

    def tables(self, database: str) -> Sequence[str]:
        query = (
            "SELECT tablename::text FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema') "
            "ORDER BY 1"
        )
        return [name for (name,) in self.rows(query, database=database)]

    def others(self) -> int:
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND backend_type = 'client backend'"
        return int(self.rows(query, (self.name,))[0][0])

    def change_places(self, restored: str, aside: str) -> None:
        renames = ((self.name, aside), (restored, self.name))

        def work(connection: Connection) -> None:
            for now, then in renames:
                connection.exec_driver_sql(f"ALTER DATABASE {self.quoted(now)} RENAME TO {self.quoted(then)}")
            connection.commit()

        asked(self.url.set(database=self.maintenance), work)

    @contextmanager
    def _environment(self, database: str) -> Iterator[Mapping[str, str]]:
        """Return what the programs need to know to reach `database`; the password stands in a file of ours."""
        url = self.url
        host = url.host or url.query.get("host")
        said = {"PGUSER": url.username, "PGHOST": host, "PGPORT": url.port, "PGSSLMODE": url.query.get("ssl")}
        known = {name: str(value) for name, value in said.items() if value is not None}
        known |= {"PGDATABASE": database, "PGCONNECT_TIMEOUT": str(_CONNECT_S)}
        if url.password is None:
            yield known
            return
        password = str(url.password).replace("\\", "\\\\").replace(":", "\\:")
        with secret_file(f"*:*:*:*:{password}\n") as file:
            yield known | {"PGPASSFILE": str(file)}
