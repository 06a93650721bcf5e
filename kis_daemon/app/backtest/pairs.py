"""`name=value` texts of a command line, whatever they name."""

from __future__ import annotations

from collections.abc import Iterable

from kis_daemon.app.errors import UsageError


def split(written: Iterable[str]) -> dict[str, str]:
    """Return names and values of `name=value` texts; `UsageError` where there is no `=`, or a name stands twice."""
    found: dict[str, str] = {}
    for text in written:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not (name and equals and value) or name in found:
            raise UsageError("usage.backtest_params", value=text)
        found[name] = value
    return found
