"""Whole sweeps in processes of their own: one that is killed and goes on, two that share one study."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_LONGEST_S = 600.0
_PROGRESS = re.compile(r"^(\d+) of (\d+) trials", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A sweep that came to its end: what it wrote, and the trials that its lines of progress told."""

    told: Mapping[str, Any]
    progress: tuple[int, ...]

    @property
    def numbers(self) -> list[int]:
        return [trial["number"] for study in self.told["studies"] for trial in study["trials"]]


def _begun(command: Sequence[str], home: Path, name: str) -> subprocess.Popen[bytes]:
    kept = {"PATH": os.environ["PATH"], "HOME": str(home), "LANGUAGE": "en"}
    with (home / f"{name}.err").open("wb") as said:
        return subprocess.Popen(command, cwd=home, env=kept, stdout=said, stderr=said)


def _last_words(home: Path, name: str) -> str:
    said = (home / f"{name}.err").read_text("utf-8", "replace").strip()
    return f"{said.splitlines()[-1:]}\n{said[-2000:]}"


def _progress(home: Path, name: str) -> tuple[int, ...]:
    said = (home / f"{name}.err").read_text("utf-8", "replace")
    return tuple(int(found[1]) for found in _PROGRESS.finditer(said))


def _finished(process: subprocess.Popen[bytes], home: Path, name: str) -> Ended:
    try:
        code = process.wait(_LONGEST_S)
    finally:
        process.kill()
    assert code == 0, _last_words(home, name)
    return Ended(told=json.loads((home / f"{name}.json").read_text("utf-8")), progress=_progress(home, name))


def run_to_its_end(command: Sequence[str], home: Path, name: str) -> Ended:
    """Run a sweep and return what it wrote."""
    return _finished(_begun([*command, "--json", str(home / f"{name}.json")], home, name), home, name)


def run_together(command: Sequence[str], home: Path, count: int) -> list[Ended]:
    """Run the same sweep in so many processes at once."""
    names = [f"sweep-{n}" for n in range(count)]
    begun = [_begun([*command, "--json", str(home / f"{name}.json")], home, name) for name in names]
    try:
        return [_finished(process, home, name) for process, name in zip(begun, names, strict=True)]
    finally:
        for process in begun:
            process.kill()


def killed_at(command: Sequence[str], home: Path, trials: int) -> int:
    """Kill a sweep once it told of so many trials; return how many it told of. Its processes end with it."""
    process = _begun(command, home, "killed")
    try:
        until = time.monotonic() + _LONGEST_S
        while max(_progress(home, "killed"), default=0) < trials:
            assert process.poll() is None, _last_words(home, "killed")
            assert time.monotonic() < until
            time.sleep(0.02)
        children = _children(process.pid)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    until = time.monotonic() + 20
    while any(Path(f"/proc/{child}").exists() for child in children):
        assert time.monotonic() < until, "processes were left behind"
        time.sleep(0.02)
    return max(_progress(home, "killed"))


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()]
