"""A setting that no code reads fails here: an earlier system had thirteen of them."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path

from kis_daemon.app.settings import Settings
from kis_daemon.app.settings_fields import kinds
from tests.conftest import ROOT

_NO_READERS = ("settings.py", "settings_fields.py", "settings_ranges.py", "settings_sources.py", "settings_keys.py")


def names_read(root: Path) -> set[str]:
    """Return every attribute that some module reads, those that only handle settings left out."""
    found: set[str] = set()
    for file in sorted(root.rglob("*.py")):
        if file.parent.name == "app" and file.name in _NO_READERS:
            continue
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                found.add(node.attr)
    return found


def unread(names: Iterable[str], root: Path) -> list[str]:
    """Return the dotted names whose last part nothing below `root` reads."""
    read = names_read(root)
    return sorted(name for name in names if name.rpartition(".")[2] not in read)


def test_every_setting_is_read_by_something() -> None:
    # what others read of these: `database`, `venue`, `commission_ppb`
    inside = {"database_url", "credentials", "commission_pct"}
    names = {*kinds(), *Settings.model_fields} - inside

    assert unread(names, ROOT / "kis_daemon") == []


def test_a_setting_that_nothing_reads_is_found(tmp_path: Path) -> None:
    (tmp_path / "reader.py").write_text("def size(limits):\n    limits.unread = 1\n    return limits.max_positions\n")

    assert unread(["risk.max_positions", "risk.unread", "risk.forgotten"], tmp_path) == [
        "risk.forgotten",
        "risk.unread",
    ]
