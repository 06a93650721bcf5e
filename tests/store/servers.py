"""Database servers of our own: made in a temporary folder, reached on loopback, gone with the tests.

Rules of this room
    Nothing of the machine's own servers is touched: own data, own port, own socket; no system service.
    A server dies with the process that started it (a parent death signal), however that ends; its folder with `stop`.
    Durability is switched off where it costs time and no test asks for it; `bench` starts its own with it.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_UP_S = 30.0
_DOWN_S = 10.0
_PASSWORD = "private-to-the-tests"

_FAST_MARIADB = ("--innodb-flush-log-at-trx-commit=0", "--sync-binlog=0", "--skip-log-bin", "--innodb-doublewrite=0")
_FAST_POSTGRESQL = ("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")


class ServerAbsent(Exception):
    """A program of the server is not on this machine; says which, and how it is installed."""


@dataclass(kw_only=True)
class PrivateServer:
    """A running server. `kill` is a crash; after it `start` finds the same data on the same port."""

    kind: str
    folder: Path
    port: int
    command: Sequence[str]
    driver: str
    user: str
    process: subprocess.Popen[bytes] | None = field(default=None)

    def url(self, database: str, *, host: str = "127.0.0.1", port: int | None = None) -> str:
        """Return the URL as an operator writes it; `port` names a proxy in between."""
        return f"{self.driver}://{self.user}:{_PASSWORD}@{host}:{port or self.port}/{database}"

    def start(self) -> None:
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until = time.monotonic() + _UP_S
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > until:
                said = (self.folder / "server.log").read_text("utf-8", "replace")[-2000:]
                raise RuntimeError(f"{self.kind} did not come up: {said}")
            time.sleep(0.02)

    def kill(self) -> None:
        """End it as a power cut does."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it and remove its data."""
        if self.process is not None:
            self._end(signal.SIGINT if self.kind == "postgresql" else signal.SIGTERM)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _end(self, how: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(how)
        try:
            self.process.wait(_DOWN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def _answers(self) -> bool:
        """Whether it greets: MariaDB speaks first, PostgreSQL answers whether it takes TLS."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as link:
                link.settimeout(1)
                if self.kind == "postgresql":
                    link.sendall(b"\x00\x00\x00\x08\x04\xd2\x16\x2f")
                return link.recv(1) != b""
        except OSError:
            return False


def mariadb(*, durable: bool = False) -> PrivateServer:
    """Return a running MariaDB with a user of its own."""
    install = _program(("mariadb-install-db", "mysql_install_db"), "mariadb-server")
    daemon = _program(("mariadbd", "mysqld"), "mariadb-server")
    folder = Path(tempfile.mkdtemp(prefix="kis_daemon-mariadb-"))
    run_as = [f"--user={'root' if os.geteuid() == 0 else os.environ.get('USER', '')}"]
    made = [install, "--no-defaults", *run_as, f"--datadir={folder / 'data'}", "--skip-test-db", "--skip-name-resolve"]
    _run([*made, "--auth-root-authentication-method=normal"])
    setup = folder / "setup.sql"
    setup.write_text(
        f"CREATE USER IF NOT EXISTS 'kis'@'%' IDENTIFIED BY '{_PASSWORD}';\nGRANT ALL ON *.* TO 'kis'@'%';\n", "utf-8"
    )
    port = _free_port()
    command = [*_dying_with_us(), daemon, "--no-defaults", *run_as, f"--datadir={folder / 'data'}", f"--port={port}"]
    command += [f"--socket={folder / 's'}", f"--pid-file={folder / 'pid'}", f"--init-file={setup}"]
    command += ["--skip-networking=0", "--bind-address=127.0.0.1", "--skip-name-resolve", "--performance-schema=0"]
    command += ["--innodb-buffer-pool-size=64M", *(() if durable else _FAST_MARIADB)]
    server = PrivateServer(
        kind="mariadb", folder=folder, port=port, command=command, driver="mysql+aiomysql", user="kis"
    )
    server.start()
    return server


def postgresql(*, durable: bool = False) -> PrivateServer:
    """Return a running PostgreSQL with a superuser of its own; it refuses root, so root lends it `postgres`."""
    initdb, daemon = _program(("initdb",), "postgresql"), _program(("postgres",), "postgresql")
    folder = Path(tempfile.mkdtemp(prefix="kis_daemon-postgresql-"))
    lend: list[str] = []
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
        lend = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    secret = folder / "secret"
    secret.write_text(_PASSWORD, "utf-8")
    secret.chmod(0o644)
    made = [*lend, initdb, "-D", str(folder / "data"), "-U", "kis", f"--pwfile={secret}", "--auth=scram-sha-256"]
    _run([*made, "--encoding=UTF8", "--locale=C", "--no-sync"])
    port = _free_port()
    command = [*_dying_with_us(*lend[1:]), daemon, "-D", str(folder / "data"), "-p", str(port), "-k", str(folder)]
    command += ["-c", "listen_addresses=127.0.0.1", *(() if durable else _FAST_POSTGRESQL)]
    server = PrivateServer(
        kind="postgresql", folder=folder, port=port, command=command, driver="postgresql+asyncpg", user="kis"
    )
    server.start()
    return server


def _program(names: Iterable[str], package: str) -> str:
    """Return the first of these programs that is on this machine; Debian keeps PostgreSQL's out of the path."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name), reverse=True)
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", *map(str, debian)])
    for name in names:
        found = shutil.which(name, path=path)
        if found is not None:
            return found
    raise ServerAbsent(f"{'/'.join(names)} is not on this machine (apt-get install {package})")


def _dying_with_us(*lend: str) -> list[str]:
    """Return the front of a command whose process gets a signal when this one ends, whatever ended it."""
    return ["setpriv", *lend, "--pdeathsig", "KILL"]


def _run(command: Sequence[str]) -> None:
    made = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise RuntimeError(f"{command[0]}: {made.stdout[-1000:]}{made.stderr[-1000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
