"""The yard: a broker, a database and a daemon between wires of ours; the daemon is killed and started again.

Rules of this room
    Broker and database live on while the daemon is dead. The market is put forward only then: a running daemon has
    taken the broker's clock once and follows it from there.
    Everything is seen from outside: tables, files, the broker's own pages. Every wait has an end, and says what for.
"""

from __future__ import annotations

import json
import os
import re
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from tests.crashes import market
from tests.crashes.points import COMMIT, Point, Seen
from tests.crashes.wire import Cut, Relay, Trap, Wires
from tests.e2e.market import BREAKOUT_DAY
from tests.e2e.processes import Running, here, started
from tests.e2e.town import Broker, keys_told
from tests.store.places import FilePlace, Place

T = TypeVar("T")

PATIENCE_S = 60.0  # of the wall, for what must come; a machine that does much else at the same time
_GLANCE_S = 0.01
_WRITES = re.compile(rb"^.{4}\x03\s*(?:INSERT|UPDATE)", re.DOTALL)


class Overdue(AssertionError):
    """What was waited for did not come."""


class Yard:
    """See the rules above. `place` is the daemon's database, reached around the wires."""

    def __init__(self, home: Path, place: Place, simulator: Running, wires: Wires, port: int | None) -> None:
        self.home = home
        self.place = place
        self.simulator = simulator
        self.broker = broker = Broker(simulator)
        self.daemon: Running | None = None
        self.starts = 0
        rest, stream = (_port_of(broker.told[name]) for name in ("rest_url", "ws_url"))
        self.relays: dict[Seen, Relay] = {
            Seen.REST: wires.relay(rest),
            Seen.STREAM: wires.relay(stream, pushes=True),
        }
        if port is not None:
            self.relays[Seen.DATABASE] = wires.relay(port)
        self.variables = {
            **keys_told(broker.told),
            "KIS_REST_URL": broker.told["rest_url"].replace(str(rest), str(self.relays[Seen.REST].port)),
            "KIS_WS_URL": broker.told["ws_url"].replace(str(stream), str(self.relays[Seen.STREAM].port)),
            "API_TIMEOUT": "60",  # two seconds of ours on the broker's clock
        }
        if port is not None:
            self.variables["DATABASE_URL"] = place.url.replace(str(port), str(self.relays[Seen.DATABASE].port))

    # the daemon

    def start(self) -> None:
        self.starts += 1
        arguments: list[str | Path] = ["--mode", "trade", "--sim-clock", "--symbols", ",".join(market.SYMBOLS)]
        arguments += ["--interval", "5", *self._folders()]
        self.daemon = Running(arguments, self.home, self.variables, f"daemon-{self.starts}")

    def kill(self) -> None:
        """End the daemon as a power cut does; nothing if it is dead."""
        if self.daemon is not None and self.daemon.process.poll() is None:
            self.daemon.killed()

    @property
    def is_alive(self) -> bool:
        return self.daemon is not None and self.daemon.process.poll() is None

    def command(self, *arguments: str) -> None:
        with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
            code = here([*arguments, *map(str, self._folders())], self.home, self.variables)
        assert code == 0, f"{' '.join(arguments)}: exit code {code}"

    def _folders(self) -> list[str | Path]:
        return ["--config-dir", self.home / "config", "--data-dir", self.home / "data"]

    # the market

    def put_forward(self, lead: timedelta) -> datetime:
        """Let the market go on to `lead` before the next burst, and return when that is."""
        now = self.broker.now()
        burst = market.next_burst(now, lead)
        to = (burst - lead).time().isoformat("seconds")
        if (burst - lead) - now > timedelta(seconds=2):
            self.post("clock", {"to": to})
        return burst

    def post(self, page: str, asked: dict[str, Any]) -> Any:
        request = urllib.request.Request(
            f"{self.broker.told['admin_url']}/{page}", json.dumps(asked).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return json.load(answer)

    def requests(self) -> list[dict[str, Any]]:
        """Return all requests that the broker has taken: orders and cancels."""
        with urllib.request.urlopen(f"{self.broker.told['admin_url']}/orders", timeout=PATIENCE_S) as answer:
            found: list[dict[str, Any]] = json.load(answer)
        return found

    # what is seen

    def until(self, condition: Callable[[], T | None], what: str, patience_s: float = PATIENCE_S) -> T:
        """Return the first answer that is true; `Overdue` where the daemon ends or time is over."""
        last = time.monotonic() + patience_s
        while not (answer := condition()):
            daemon = self.daemon
            if daemon is not None and daemon.process.poll() is not None:
                raise Overdue(f"{what}: the daemon ended {daemon.process.returncode}\n{daemon.complained[-2000:]}")
            if time.monotonic() > last:
                raise Overdue(f"{what}: not within {patience_s:.0f} s")
            time.sleep(_GLANCE_S)
        return answer

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        return self.place.by_hand(sql, *values)

    def last_event(self) -> int:
        return int(self.rows("SELECT COALESCE(MAX(event_id), 0) FROM event_log")[0][0])

    def events(self, after: int, *types: str) -> list[tuple[int, str, dict[str, Any]]]:
        marks = ",".join("?" * len(types))
        sql = f"SELECT event_id, event_type, payload_json FROM event_log WHERE event_id > ? AND event_type IN ({marks})"
        return [
            (int(n), name, json.loads(told)) for n, name, told in self.rows(f"{sql} ORDER BY event_id", after, *types)
        ]

    def armed(self, point: Point, spring: Callable[[], None]) -> Callable[[], bool]:
        """Have `spring` done at `point`; what is returned is asked again and again, and says whether it was."""
        if point.cut is not None:
            return self._trapped(point, point.cut, spring)
        count = self._counter(point)
        before = count()

        def is_there() -> bool:
            if count() - before < point.nth:
                return False
            spring()
            return True

        return is_there

    def _trapped(self, point: Point, cut: Cut, spring: Callable[[], None]) -> Callable[[], bool]:
        pattern = rb"\x03COMMIT" if point.what == COMMIT else point.what.encode()
        trap = Trap(
            pattern=re.compile(pattern),
            behind=_WRITES if point.what == COMMIT else None,
            nth=point.nth,
            cut=cut,
            spring=spring,
        )
        self.relays[point.seen].trap = trap
        return trap.sprung.is_set

    def disarm(self) -> None:
        for relay in self.relays.values():
            relay.trap = None

    def _counter(self, point: Point) -> Callable[[], int]:
        """Return what counts the things of `point` that there are."""
        match point.seen:
            case Seen.ROWS:
                return lambda: int(self.rows(f"SELECT COUNT(*) FROM {point.what}")[0][0])
            case Seen.FACTS:
                before = self.last_event()
                return lambda: len(self.events(before, point.what))
            case Seen.LINES:
                return _Lines(self.home / "logs" / "kis_daemon.jsonl", point.what).count
            case Seen.BROKER:
                return lambda: sum(_is(request, point.what) for request in self.requests())
            case Seen.FILE:
                return _Growths(self.home / "data" / "kis_trading.db-wal").count
            case _:
                raise ValueError(f"{point}: expected a cut")


class _Lines:
    """Counts the lines of an event as they come."""

    def __init__(self, file: Path, event: str) -> None:
        self._file = file
        self._mark = f'"event": "{event}"'.encode()
        self._at = file.stat().st_size if file.exists() else 0
        self._count = 0

    def count(self) -> int:
        if self._file.exists():
            with self._file.open("rb") as lines:
                lines.seek(self._at)
                told = lines.read()
            whole = told[: told.rfind(b"\n") + 1]
            self._at += len(whole)
            self._count += whole.count(self._mark)
        return self._count


class _Growths:
    """Counts how often a file was found longer than before, or begun anew."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._size = self._now()
        self._count = 0

    def _now(self) -> int:
        try:
            return self._file.stat().st_size
        except FileNotFoundError:
            return 0

    def count(self) -> int:
        size = self._now()
        self._count += size > self._size
        self._size = size
        return self._count


def _is(request: dict[str, Any], what: str) -> bool:
    return bool(request["filled"]) if what == "FILLED" else request["kind"] == what


def _port_of(url: str) -> int:
    found = re.search(r":(\d+)", url.partition("//")[2])
    assert found is not None, url
    return int(found[1])


@contextmanager
def opened(home: Path, place: Place | None = None, port: int | None = None, disk: Path | None = None) -> Iterator[Yard]:
    """Give a yard whose daemon has not been started: `place` and `port` where the database is a server's.

    What the daemon writes stands on `disk`, where there is one.
    """
    market.write_config(home / "config")
    for name in ("data", "logs"):
        if disk is None:
            (home / name).mkdir()
        else:
            (disk / name).mkdir()
            (home / name).symlink_to(disk / name)
    if place is None:
        place = FilePlace(home / "data" / "kis_trading.db")
    prices = market.write_prices(home / "prices.csv")
    command: list[str | Path] = ["simulator", "--speed", str(market.SPEED), "--prices", prices]
    command += ["--config-dir", home / "config", "--start", BREAKOUT_DAY.isoformat(), "--at", "09:01"]
    with ExitStack() as stack:
        wires = Wires()
        stack.callback(wires.close)
        process = stack.enter_context(started(command, home, name="simulator"))
        yard = Yard(home, place, process, wires, port)
        stack.callback(yard.kill)
        yard.command("db", "init")
        yard.command("kill-switch", "release", "--reason", "rehearsal", "--by", "test")
        yield yard
