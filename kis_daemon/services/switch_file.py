"""The file that stops: `data/KILL_SWITCH`, for whoever has a shell and nothing else (C01).

Present means active, with scope `all` unless `entries` stands in it. What is there and cannot be read stops all.
Removing it releases nothing.
"""

from __future__ import annotations

import os
from pathlib import Path

from kis_daemon.domain.safeguards import KillSwitchScope

NAME = "KILL_SWITCH"
_LONGEST = 200  # characters of it that become the reason


class SwitchFile:
    """Asked at every order; a look that finds nothing costs a microsecond."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._name = os.fspath(self._path)  # a Path takes its time to ask

    def scope(self) -> KillSwitchScope | None:
        """Return what the file stops now, None where there is none."""
        text = self.text()
        if text is None:
            return None
        return KillSwitchScope.ENTRIES if text.strip().lower().startswith("entries") else KillSwitchScope.ALL

    def text(self) -> str | None:
        """Return what stands in the file, None where there is none."""
        if not os.path.lexists(self._name):
            return None
        try:
            with self._path.open(encoding="utf-8", errors="replace") as file:
                return file.read(_LONGEST)
        except OSError:
            return ""
