"""`--params name=value`: the settings that a backtest tries out, by the names of the configuration files.

A name may be written short (`stop_atr`) where only one setting is called so, else with its section
(`entry.adx_min`). Types and ranges are those of the files; an unknown name is refused with all known ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import is_dataclass, replace
from typing import Any

from kis_daemon.app.backtest.pairs import split
from kis_daemon.app.errors import ConfigurationError, UsageError
from kis_daemon.app.settings import Settings
from kis_daemon.app.settings_fields import kinds, nested, refuse_what_does_not_fit
from kis_daemon.app.settings_sources import Given

_SECTIONS = ("entry", "protection", "trend_break", "gap", "risk")
_LOOSE = ("commission_pct",)


def known_names() -> tuple[str, ...]:
    """Return every setting that decides trades, with its section."""
    return tuple(path for path in kinds() if path.split(".")[0] in _SECTIONS or path in _LOOSE)


def with_parameters(settings: Settings, written: Iterable[str]) -> Settings:
    """Return `settings` with these values in them."""
    given = {path_of(name): Given(value=value, place=f"--params {name}") for name, value in split(written).items()}
    try:
        changed = _changed(settings, nested(given))
        refuse_what_does_not_fit(changed, given)
    except ConfigurationError as error:  # it stands on the command line, not in a file
        raise UsageError(error.sentence, **error.data) from None
    return changed


def path_of(name: str) -> str:
    """Return the full name of a setting that may be written short; `UsageError` names the known ones."""
    known = known_names()
    found = [path for path in known if name == path or path.endswith(f".{name}")]
    if name in known:
        return name
    if len(found) == 1:
        return found[0]
    raise UsageError("usage.backtest_unknown_param", name=name, known=", ".join(found or known))


def _changed(settings: Settings, tree: Mapping[str, Any]) -> Settings:
    update = {name: _merged(getattr(settings, name), value) for name, value in tree.items()}
    return settings.model_copy(update=update)


def _merged(before: Any, value: Any) -> Any:
    if not (is_dataclass(before) and isinstance(value, Mapping)):
        return value
    changes = {name: _merged(getattr(before, name), part) for name, part in value.items()}
    return replace(before, **changes)  # type: ignore[type-var]
