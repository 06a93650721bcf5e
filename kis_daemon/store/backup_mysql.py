"""A backup of MySQL or MariaDB: `mariadb-dump --single-transaction`, put back by moving tables.

Rules of this room
    The dump drops nothing: loaded by mistake into a database that is in use, it fails at its first table.
    Servers of this kind do not rename a database: all tables change places in one statement, old and new at once.
    A table with triggers cannot move between databases, so the triggers are taken off before and put on after.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from kis_daemon.store.backup_files import Unsound
from kis_daemon.store.backup_servers import ServerBackup, ended, program, secret_file

_PACKAGE = "mariadb-client"
_LAST_LINE = b"-- Dump completed"
_TAIL = 200


class MySqlBackup(ServerBackup):
    """As `ServerBackup`, in the words of MySQL and MariaDB."""

    kind = "mysql"
    suffix = "sql"
    maintenance = "information_schema"

    def dump(self, into: Path) -> None:
        command = ["--single-transaction", "--triggers", "--hex-blob", "--no-tablespaces", "--skip-add-locks"]
        command += ["--skip-add-drop-table", "--no-autocommit", "--default-character-set=utf8mb4"]
        command += ["--loose-set-gtid-purged=OFF"]  # MySQL alone knows it
        with self._options() as options:
            ended(
                [program(("mariadb-dump", "mysqldump"), _PACKAGE), options, *command, "--", self.name],
                target=into,
            )

    def load(self, file: Path, database: str) -> None:
        with self._options() as options:
            client = program(("mariadb", "mysql"), _PACKAGE)
            ended([client, options, "--default-character-set=utf8mb4", f"--database={database}"], source=file)

    def refuse_cut(self, file: Path) -> None:
        with file.open("rb") as stream:
            stream.seek(max(0, file.stat().st_size - _TAIL))
            if _LAST_LINE not in stream.read():
                raise Unsound("cut")

    def make(self, database: str) -> str:
        return f"CREATE DATABASE {self.quoted(database)} CHARACTER SET utf8mb4"

    def exists(self) -> bool:
        return bool(self.rows("SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = %s", (self.name,)))

    def tables(self, database: str) -> Sequence[str]:
        query = "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s AND TABLE_TYPE = 'BASE TABLE'"
        return sorted(name for (name,) in self.rows(query, (database,)))

    def others(self) -> int:
        query = "SELECT count(*) FROM information_schema.PROCESSLIST WHERE DB = %s AND ID <> CONNECTION_ID()"
        return int(self.rows(query, (self.name,))[0][0])

    def change_places(self, restored: str, aside: str) -> None:
        self.run(self.make(aside))
        old, new = self._triggers(self.name), self._triggers(restored)
        moves = [*self._moves(self.name, aside), *self._moves(restored, self.name)]
        try:
            self.run(*self._taken_off(self.name, old), *self._taken_off(restored, new))
            self.run(f"RENAME TABLE {', '.join(moves)}")
        except BaseException:
            self.run(*self._put_on(old), database=self.name)
            raise
        self.run(*self._put_on(new), database=self.name)
        self.run(*self._put_on(old), database=aside)
        if not self.tables(restored):
            self.run(f"DROP DATABASE {self.quoted(restored)}")

    def _moves(self, source: str, target: str) -> Iterator[str]:
        for table in self.tables(source):
            yield f"{self._at(source, table)} TO {self._at(target, table)}"

    def _at(self, database: str, name: str) -> str:
        return f"{self.quoted(database)}.{self.quoted(name)}"

    def _triggers(self, database: str) -> list[tuple[str, str]]:
        """Return each trigger's name and the statement that makes it, in whichever database one stands."""
        query = (
            "SELECT TRIGGER_NAME, ACTION_TIMING, EVENT_MANIPULATION, EVENT_OBJECT_TABLE, ACTION_STATEMENT "
            "FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = %s ORDER BY EVENT_OBJECT_TABLE, ACTION_ORDER"
        )
        return [
            (name, f"{self.quoted(name)} {timing} {event} ON {self.quoted(table)} FOR EACH ROW {statement}")
            for name, timing, event, table, statement in self.rows(query, (database,))
        ]

    def _taken_off(self, database: str, triggers: Iterable[tuple[str, str]]) -> Iterator[str]:
        for name, _ in triggers:
            yield f"DROP TRIGGER {self._at(database, name)}"

    @staticmethod
    def _put_on(triggers: Iterable[tuple[str, str]]) -> Iterator[str]:
        for _, made in triggers:
            yield f"CREATE OR REPLACE TRIGGER {made}"

    @contextmanager
    def _options(self) -> Iterator[str]:
        """Return the option that names a file with the connection: ours alone, no other of this machine is read."""
        url, query = self.url, self.url.query
        said: dict[str, object] = {"user": url.username, "password": url.password, "port": url.port}
        if "unix_socket" in query:
            said["socket"] = query["unix_socket"]
        else:
            said |= {"host": url.host or "localhost", "protocol": "tcp"}
        said |= {f"ssl-{name}": query.get(f"ssl_{name}") for name in ("ca", "cert", "key")}
        lines = [f"{name}={_escaped(str(value))}" for name, value in said.items() if value is not None]
        with secret_file("\n".join(["[client]", *lines, ""])) as file:
            yield f"--defaults-file={file}"


def _escaped(value: str) -> str:
    """Return a value as an option file takes it, whatever stands in it (MySQL manual, Using Option Files)."""
    told = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"{told}"'
