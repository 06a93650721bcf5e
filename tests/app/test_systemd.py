"""What systemd hears, over a real datagram socket."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from kis_daemon.app.systemd import Systemd, watchdog_interval_s


@pytest.fixture(params=["path", "abstract"])
def listening(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    name = str(tmp_path / "notify") if request.param == "path" else f"@{tmp_path}/notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("\0" + name[1:] if name.startswith("@") else name)
        listener.settimeout(5)
        yield listener, name


def test_every_word_arrives(listening: tuple[socket.socket, str]) -> None:
    listener, name = listening
    systemd = Systemd({"NOTIFY_SOCKET": name})

    systemd.ready("gate OPEN")
    systemd.status("two\nlines")
    systemd.alive()
    systemd.stopping()

    assert [listener.recv(1000) for _ in range(4)] == [
        b"READY=1\nSTATUS=gate OPEN",
        b"STATUS=two lines",
        b"WATCHDOG=1",
        b"STOPPING=1",
    ]


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "/nowhere/at/all"}])
def test_nobody_listening_is_no_error(environ: dict[str, str]) -> None:
    systemd = Systemd(environ)

    systemd.ready()
    systemd.alive()


@pytest.mark.parametrize(
    ("environ", "interval_s"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "8"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_fed_twice_as_often_as_it_asks(environ: dict[str, str], interval_s: float | None) -> None:
    assert watchdog_interval_s(environ, 7) == interval_s
