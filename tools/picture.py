"""Draw the terminal pictures of the READMEs from a real run: docs/picture.en.svg and docs/picture.ko.svg.

    .venv/bin/python tools/picture.py

One simulated day of the default seed is run in a terminal of our own. What a reader sees is what the daemon wrote:
lines are left out (how many is said in the picture) and cut at the right edge, and nothing is added.
"""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
LANGUAGES = ("en", "ko")
COLUMNS = 116
SHOWN = re.compile(
    r"\] (daemon_started|universe_selected|day_started|signal_raised|order_filled|position_closed|daily_summary) "
)
_LOG_LINE = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_LEFT_OUT = {"en": "⋯ {count} of {total} log lines left out", "ko": "⋯ 로그 {total}줄 중 {count}줄 생략"}
_READ_BYTES = 65536


def run(language: str) -> str:
    """Return what a terminal is sent by one simulated day."""
    with tempfile.TemporaryDirectory(prefix="picture-") as folder:
        ours, theirs = pty.openpty()
        environ = {"PATH": os.environ["PATH"], "LANGUAGE": language, "TERM": "xterm-256color", "PYTHONPATH": str(ROOT)}
        command = [sys.executable, str(ROOT / "main.py"), "--mode", "trade", "--sim-days", "1", "--sim-speed", "0"]
        command += ["--data-dir", "data", "--config-dir", str(ROOT / "config")]
        process = subprocess.Popen(
            command, cwd=folder, env=environ, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs
        )
        os.close(theirs)
        said = bytearray()
        with suppress(OSError):  # EIO: the last writer has closed the terminal
            while part := os.read(ours, _READ_BYTES):
                said += part
        os.close(ours)
        if process.wait() != 0:
            raise SystemExit(f"the run ended with {process.returncode}:\n{said.decode()}")
    return said.decode()


def screen(sent: str) -> list[str]:
    """Return the lines that stay on the terminal: a line that was erased and written again counts once."""
    lines = [line.rpartition("\x1b[2K")[2].strip("\r") for line in sent.split("\n")]
    while lines and not lines[-1].strip():
        lines.pop()
    return lines


def chosen(lines: list[str], language: str) -> list[str]:
    """Return the lines that tell the day, with the number of log lines left out, and all of the summary."""
    log = [line for line in lines if _LOG_LINE.match(_COLOURS.sub("", line))]
    kept = [line for line in log if SHOWN.search(_COLOURS.sub("", line))]
    summary = lines[lines.index(log[-1]) + 1 :]
    left_out = _LEFT_OUT[language].format(count=len(log) - len(kept), total=len(log))
    return [*kept, f"\x1b[2m{left_out}\x1b[0m", "", *summary]


def draw(lines: list[str]) -> str:
    """Return the lines as a picture; it asks nobody for a font."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        console = Console(file=nowhere, record=True, width=COLUMNS, force_terminal=True, color_system="truecolor")
        for line in lines:
            console.print(Text.from_ansi(line), no_wrap=True, overflow="ellipsis", crop=True, highlight=False)
        svg = console.export_svg(title="make run", unique_id="terminal")
    return re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL).replace("Fira Code, monospace", "monospace")


def main() -> None:
    for language in LANGUAGES:
        path = DOCS / f"picture.{language}.svg"
        path.write_text(draw(chosen(screen(run(language)), language)), "utf-8")
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
