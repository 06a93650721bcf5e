"""Who runs a trial, and whether that process is still there.

A process on this machine is looked up by its number and its start (numbers are given out again); one on another machine
is there as long as its last sign of life is young.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

QUIET_S = 600.0  # a machine that gave no sign for so long has lost its trials
_STATE, _STARTED = 0, 19  # places in /proc/PID/stat behind the name


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """A process: its machine (and container) since that started, its number, its start."""

    node: str
    pid: int
    started: str

    def __str__(self) -> str:
        return f"{self.node}/{self.pid}/{self.started}"

    @classmethod
    def of(cls, text: str) -> Owner:
        node, pid, started = text.rsplit("/", 2)
        return cls(node=node, pid=int(pid), started=started)

    @classmethod
    def me(cls) -> Owner:
        return cls(node=_node(), pid=os.getpid(), started=_started(os.getpid()))


def is_gone(owner: Owner, silent_s: float) -> bool:
    """Whether whoever gave its last sign of life `silent_s` ago will not come back."""
    if owner.node == _node():
        return _started(owner.pid) != owner.started
    return silent_s > QUIET_S


def _node() -> str:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"


def _started(pid: int) -> str:
    """Return when a process started, in ticks since the machine did; empty where there is none, or only its ashes."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[_STATE] in "ZX" else fields[_STARTED]
