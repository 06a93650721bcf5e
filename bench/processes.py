"""Processes under measurement: started, listened to, read from /proc, and ended by whoever started them.

Rules of this room
    Ready is what a service manager is told: READY=1 in a real datagram socket, by the daemon and by bare Python alike.
    A process is ended by its own handle and waited for; nothing is ever looked up by name.
    Every wait has a time limit. Linux only: memory is read from /proc, processor time from the process's own clock.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
READY_WITHIN_S = 60.0
ENDS_WITHIN_S = 30.0


class BenchError(Exception):
    """Something that was to be measured did not come up; the message holds its last words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A process that said it was ready, `ready_s` seconds after its start."""

    process: subprocess.Popen[bytes]
    ready_s: float

    def rss_mib(self) -> float:
        """Return the memory it holds now."""
        status = Path(f"/proc/{self.process.pid}/status").read_text("ascii", errors="replace")
        return resident_kib(status) / 1024

    def cpu_s(self) -> float:
        """Return the processor time it has taken so far, user and system, of all its threads."""
        return time.clock_gettime(cpu_clock(self.process.pid))


def resident_kib(status: str) -> int:
    """Return the resident memory that /proc/PID/status tells, in KiB."""
    for line in status.splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise BenchError("the process has no memory: it has ended")


def cpu_clock(pid: int) -> int:
    """Return the id of the clock that counts the processor time of `pid` in nanoseconds (clock_getcpuclockid(3))."""
    return (~pid << 3) | 2


def environment() -> dict[str, str]:
    """Return what every process under measurement gets: nothing of the caller's but what finds Python's files."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return {**kept, "LANGUAGE": "en", "PYTHONPATH": str(ROOT)}


@contextmanager
def ready(command: Sequence[str], environ: Mapping[str, str], folder: Path) -> Iterator[Child]:
    """Start `command` in `folder`, wait for its READY=1, and end it on the way out."""
    with ExitStack() as stack:
        # a socket's address must be short, so it gets a folder of its own
        address = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-"))) / "notify"
        heard = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        heard.bind(str(address))
        started = time.perf_counter()
        process, words = _start(stack, command, {**environ, "NOTIFY_SOCKET": str(address)}, folder)
        _wait_for_ready(heard, process, words)
        yield Child(process=process, ready_s=time.perf_counter() - started)


@contextmanager
def announced(command: Sequence[str], environ: Mapping[str, str], folder: Path) -> Iterator[Mapping[str, str]]:
    """Start `command`, which prints one line of JSON once it serves; return it, and end the process on the way out."""
    with ExitStack() as stack:
        process, words = _start(stack, command, environ, folder)
        deadline = time.perf_counter() + READY_WITHIN_S
        while b"\n" not in (said := words.read_bytes()):
            _check_alive(process, words, deadline)
            time.sleep(0.01)
        told = json.loads(said.split(b"\n", 1)[0])
        yield {name: str(value) for name, value in told.items()}


def finished(command: Sequence[str], environ: Mapping[str, str], folder: Path, within_s: float) -> None:
    """Run `command` to its end, which must be 0."""
    with ExitStack() as stack:
        process, words = _start(stack, command, environ, folder)
        try:
            code = process.wait(within_s)
        except subprocess.TimeoutExpired:
            raise BenchError(f"{command[1]}: not done in {within_s:.0f} s") from None
        if code != 0:
            raise BenchError(f"{command[1]}: exit {code}; {_last(words)}")


def _start(
    stack: ExitStack, command: Sequence[str], environ: Mapping[str, str], folder: Path
) -> tuple[subprocess.Popen[bytes], Path]:
    handle, name = tempfile.mkstemp(prefix="said-", dir=folder)
    with os.fdopen(handle, "wb") as out:
        process = subprocess.Popen(
            command, env=dict(environ), cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT
        )
    stack.callback(_end, process)
    return process, Path(name)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


def _wait_for_ready(heard: socket.socket, process: subprocess.Popen[bytes], words: Path) -> None:
    deadline = time.perf_counter() + READY_WITHIN_S
    heard.settimeout(0.2)
    while True:
        try:
            if b"READY=1" in heard.recv(4096).split(b"\n"):
                return
        except TimeoutError:
            _check_alive(process, words, deadline)


def _check_alive(process: subprocess.Popen[bytes], words: Path, deadline: float) -> None:
    if process.poll() is not None:
        raise BenchError(f"ended with {process.returncode} before it was ready; {_last(words)}")
    if time.perf_counter() > deadline:
        raise BenchError(f"not ready within {READY_WITHIN_S:.0f} s; {_last(words)}")


def _last(words: Path) -> str:
    lines = words.read_text("utf-8", errors="replace").strip().splitlines()
    return f"its last line: {lines[-1] if lines else 'none'}"
