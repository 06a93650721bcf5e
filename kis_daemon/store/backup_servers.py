"""A backup of a database on a server: its own programs write and read the dump, a second database proves it.

Rules of this room
    No password in an argument list: it goes by a file that only we may read and that is gone with the program.
    What is restored is restored beside the present database and examined there; only then the two change places.
    A database is dropped only if we made it in the same breath, and nothing of the present one is in it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from sqlalchemy import URL, Connection
from sqlalchemy.exc import SQLAlchemyError

from kis_daemon.ports import StoreError
from kis_daemon.store.backup_files import BackupRefused, NotAllowed, on_disk
from kis_daemon.store.backup_look import asked
from kis_daemon.store.urls import shown

_LONGEST_S = 4 * 3600  # a dump that takes longer is stuck
_NAME_ROOM = 25  # of 63 letters; the rest is ours
_DENIED_CODES = (1044, 1045, 1142, 1227)  # MySQL, MariaDB
_DENIED_STATE = "42501"  # PostgreSQL


class ServerBackup(ABC):
    """How a database on a server is dumped, tried and put back; each kind of server fills in its own words."""

    kind: str
    suffix: str
    maintenance: str
    """The database of the server's own from which others are made."""

    def __init__(self, url: URL) -> None:
        self.url = url
        self.name = url.database or ""
        self.shown = shown(url)

    def refuse_absent(self) -> None:
        """Leave it to the server: a database that is not there says so when it is asked."""
        return

    @abstractmethod
    def dump(self, into: Path) -> None:
        """Write what is committed at one moment into the empty file `into`."""

    @abstractmethod
    def load(self, file: Path, database: str) -> None:
        """Run the dump in an empty database."""

    @abstractmethod
    def refuse_cut(self, file: Path) -> None:
        """Raise `Unsound` where the dump has no end."""

    @abstractmethod
    def make(self, database: str) -> str:
        """Return the statement that makes an empty database as the present one is."""

    @abstractmethod
    def exists(self) -> bool:
        """Return whether the present database is there."""

    @abstractmethod
    def tables(self, database: str) -> Sequence[str]:
        """Return the names of a database's tables."""

    @abstractmethod
    def others(self) -> int:
        """Return how many connections to the present database there are."""

    @abstractmethod
    def change_places(self, restored: str, aside: str) -> None:
        """Let the present database be `aside`, and `restored` the present one."""

    # --- what is the same for all

    @contextmanager
    def scratch(self, file: Path, name: str) -> Iterator[URL]:
        """Restore into a database of its own for the time of a `with`; `NotAllowed` where we may not make one."""
        database = f"{self.name[:_NAME_ROOM]}_check_{name}"
        self.run(self.make(database))
        try:
            self.load(file, database)
            yield self.url.set(database=database)
        finally:
            self.run(f"DROP DATABASE {self.quoted(database)}")

    def replace(self, file: Path, stamp: str, judge: Callable[[URL], None]) -> str | None:
        """Put the database of the backup in the place of the present one; return where that stands now."""
        if not self.exists():
            self._or_refused(self.make(self.name))
        elif self.tables(self.name):
            return self._exchanged(file, stamp, judge)
        self.load(file, self.name)
        judge(self.url)
        return None

    def _exchanged(self, file: Path, stamp: str, judge: Callable[[URL], None]) -> str:
        count = self.others()
        if count:
            raise BackupRefused("in_use", place=self.shown, count=count)
        restored, aside = (f"{self.name[:_NAME_ROOM]}_{what}_{stamp}" for what in ("restored", "aside"))
        self._or_refused(self.make(restored))
        try:
            self.load(file, restored)
            judge(self.url.set(database=restored))
            self.change_places(restored, aside)
        except BaseException:
            self.run(f"DROP DATABASE IF EXISTS {self.quoted(restored)}")
            raise
        return aside

    def _or_refused(self, statement: str) -> None:
        try:
            self.run(statement)
        except NotAllowed as error:
            raise BackupRefused("beside_denied", reason=error) from None

    def quoted(self, name: str) -> str:
        mark = "`" if self.kind == "mysql" else '"'
        return f"{mark}{name.replace(mark, mark * 2)}{mark}"

    def run(self, *statements: str, database: str | None = None) -> None:
        """Run statements, each its own transaction; `NotAllowed` for what this account may not do."""

        def work(connection: Connection) -> None:
            alone = connection.execution_options(isolation_level="AUTOCOMMIT", no_parameters=True)
            for statement in statements:
                alone.exec_driver_sql(statement)

        try:
            asked(self.url.set(database=database or self.maintenance), work)
        except StoreError as error:
            if _is_denied(error.__cause__):
                raise NotAllowed(str(error)) from None
            raise

    def rows(self, statement: str, values: Any = None, database: str | None = None) -> list[tuple[Any, ...]]:
        """Return what a query finds."""
        return asked(
            self.url.set(database=database or self.maintenance),
            lambda connection: [tuple(row) for row in connection.exec_driver_sql(statement, values)],
        )


def program(names: Sequence[str], package: str) -> str:
    """Return the first of these programs that is on this machine."""
    for name in names:
        found = shutil.which(name)
        if found is not None:
            return found
    raise BackupRefused("program_absent", program=" / ".join(names), package=package)


@contextmanager
def secret_file(text: str) -> Iterator[Path]:
    """Return a file that only we may read and that is gone after the `with`."""
    with on_disk(Path(tempfile.gettempdir())), tempfile.TemporaryDirectory(prefix="kis_daemon-") as folder:
        file = Path(folder, "secret")
        file.touch(0o600)
        file.write_text(text, "utf-8")
        yield file


def ended(
    command: Sequence[str | Path],
    *,
    environment: Mapping[str, str] | None = None,
    source: Path | None = None,
    target: Path | None = None,
) -> None:
    """Run a program of the server's to its end, from `source` and into `target`; `StoreError` with what it said."""
    reading, writing = source or Path(os.devnull), target or Path(os.devnull)
    with reading.open("rb") as taken, writing.open("r+b") as given:
        code, said = _run([str(part) for part in command], {**os.environ, **(environment or {})}, taken, given)
    if code != 0:
        lines = [" ".join(line.split()) for line in said.splitlines() if line.strip()]
        line = next((line for line in lines if "error" in line.lower()), lines[-1] if lines else f"exit code {code}")
        raise (NotAllowed if "denied" in line.lower() else StoreError)(f"{Path(command[0]).name}: {line}")


def _run(command: Sequence[str], environment: Mapping[str, str], taken: IO[bytes], given: IO[bytes]) -> tuple[int, str]:
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=taken,
            stdout=given,
            stderr=subprocess.PIPE,
            timeout=_LONGEST_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise StoreError(f"{Path(command[0]).name}: no end after {_LONGEST_S} s") from None
    return done.returncode, done.stderr.decode("utf-8", "replace")


def _is_denied(error: BaseException | None) -> bool:
    told = getattr(error, "orig", None) if isinstance(error, SQLAlchemyError) else error
    code = told.args[0] if told is not None and told.args else None
    return code in _DENIED_CODES or getattr(told, "sqlstate", None) == _DENIED_STATE
