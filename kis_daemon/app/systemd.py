"""What systemd is told: ready, alive, status, stopping. Nothing at all where it does not listen.

sd_notify(3): datagrams of `NAME=value` lines to the socket that `NOTIFY_SOCKET` names; `@` stands for an abstract one.
A lost datagram is not worth a trade: sending never raises and never waits.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import suppress


class Systemd:
    """Speaks to the service manager that started us, if one did."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address

    def ready(self, status: str = "") -> None:
        """Say that the start is over."""
        self._send("READY=1", *([f"STATUS={status}"] if status else []))

    def status(self, text: str) -> None:
        """Show one line in `systemctl status`."""
        self._send(f"STATUS={' '.join(text.split())}")

    def alive(self) -> None:
        """Keep the watchdog quiet for one more interval."""
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """Say that the orderly end has begun."""
        self._send("STOPPING=1")

    def _send(self, *lines: str) -> None:
        if not self._address:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
            out.setblocking(False)
            out.sendto("\n".join(lines).encode(), self._address)


def watchdog_interval_s(environ: Mapping[str, str], pid: int) -> float | None:
    """Return how often `alive` is due (half of what systemd allows), or None where no watchdog waits for `pid`."""
    try:
        allowed_us = int(environ.get("WATCHDOG_USEC", ""))
        meant = int(environ.get("WATCHDOG_PID", pid))
    except ValueError:
        return None
    return allowed_us / 2_000_000 if allowed_us > 0 and meant == pid else None
