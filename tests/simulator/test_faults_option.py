"""`simulator --faults FILE`: a plan that cannot be used is refused in one line, before anything listens."""

from __future__ import annotations

from pathlib import Path

import pytest

from kis_daemon.app.cli import main
from kis_daemon.app.errors import ExitCode
from tests.simulator.builders import ROOT


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[", "not readable as YAML or JSON"),
        ("", "expected a list of faults, or a mapping"),
        ("faults:\n  - kind: nothing", "fault 1, kind 'nothing': expected one of refused"),
        ("- {kind: html, at: 10:00:00}", "expected quotes around the time"),
        ('[{"kind": "halt"}]', "kind halt: expected a symbol"),
    ],
)
def test_an_unusable_plan_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, told: str) -> None:
    path = tmp_path / "faults.yaml"
    path.write_text(text, encoding="utf-8")

    code = main(["simulator", "--faults", str(path), "--config-dir", str(ROOT / "config")])

    line = capsys.readouterr().err.strip()
    assert code == ExitCode.USAGE
    assert line.startswith(f"{path}: ")
    assert told in line
    assert "\n" not in line
