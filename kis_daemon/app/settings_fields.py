"""The fields of the settings' sections, found from the domain's dataclasses, and how a written value becomes one.

Every number has its range in `settings_ranges`; a word outside its set, an unknown name or a number out of its range
is refused with the place it was written at.
"""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from enum import StrEnum
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

from kis_daemon.app.errors import ConfigurationError
from kis_daemon.app.settings_ranges import AT_LEAST, RANGES
from kis_daemon.app.settings_sources import Given
from kis_daemon.console.alerts import AlertRules
from kis_daemon.domain.approvals import ApprovalRules
from kis_daemon.domain.breakers import BreakerRules
from kis_daemon.domain.exits import GapRules
from kis_daemon.domain.market import Symbol, as_symbol
from kis_daemon.domain.positions import ProtectionRules
from kis_daemon.domain.risk import RiskLimits
from kis_daemon.domain.strategy import EntryRules, TrendBreakRules
from kis_daemon.domain.universe import UniverseRules

SECTIONS: Mapping[str, type] = {
    "entry": EntryRules,
    "protection": ProtectionRules,
    "trend_break": TrendBreakRules,
    "gap": GapRules,
    "risk": RiskLimits,
    "breaker": BreakerRules,
    "universe": UniverseRules,
    "approvals": ApprovalRules,
    "alerts": AlertRules,
}

_LOOSE: Mapping[str, Any] = {
    "api_timeout_s": float,
    "commission_pct": float,
    "kill_switch_two_persons": bool,
    "kis_calls_per_second": int | None,
    "kis_ws_symbols": tuple[Symbol, ...],
}
"""Fields outside of a section that are more than text."""

_TRUTH = {"true": True, "false": False}
_NOTHING = ("", "null", "~", "none")


@cache
def kinds() -> Mapping[str, Any]:
    """Return the type of every field, by its dotted path."""
    found = dict(_LOOSE)
    for name, section in SECTIONS.items():
        found.update(_kinds_of(section, f"{name}."))
    return found


def _kinds_of(section: type, prefix: str) -> Iterator[tuple[str, Any]]:
    for name, kind in get_type_hints(section).items():
        if is_dataclass(kind):
            yield from _kinds_of(kind, f"{prefix}{name}.")  # type: ignore[arg-type]
        else:
            yield prefix + name, kind


def nested(given: Mapping[str, Given]) -> dict[str, Any]:
    """Return the written values with their types, nested as the settings are; the first wrong one is refused."""
    tree: dict[str, Any] = {}
    for path, said in given.items():
        kind = kinds().get(path)
        if kind is None:
            if _is_section(path) and said.value in _NOTHING:
                continue  # a heading with nothing under it
            raise _unknown(path, said)
        branch = tree
        *sections, leaf = path.split(".")
        for section in sections:
            branch = branch.setdefault(section, {})
        branch[leaf] = _typed(path, kind, said)
    return tree


def refuse_what_does_not_fit(settings: object, given: Mapping[str, Given]) -> None:
    """Raise where two numbers, each in its range, do not fit together."""
    for path, other, factor in AT_LEAST:
        value, limit = _at(settings, path), _at(settings, other)
        if value >= limit * factor:
            continue
        if other in given and path not in given:  # the place to look at is the one that somebody wrote
            name = path if factor == 1 else f"{path} / {factor}"
            raise _refused(given[other], limit, "expected.at_most", other=name, limit=value // factor)
        name = other if factor == 1 else f"{factor} × {other}"
        said = given.get(path, Given(value=str(value), place=path))
        raise _refused(said, value, "expected.at_least", other=name, limit=limit * factor)


def _typed(path: str, kind: Any, said: Given) -> object:
    if get_origin(kind) is tuple:
        return _symbols(said)
    text = said.value
    if isinstance(text, tuple):
        raise _refused(said, "[…]", "expected.single")
    if get_origin(kind) in (Union, types.UnionType):
        if text.lower() in _NOTHING:
            return None
        kind = next(part for part in get_args(kind) if part is not type(None))
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        if text not in tuple(kind):
            raise _refused(said, text, "expected.choice", choices=", ".join(kind))
        return kind(text)
    if kind is bool:
        if text.lower() not in _TRUTH:
            raise _refused(said, text, "expected.choice", choices=", ".join(_TRUTH))
        return _TRUTH[text.lower()]
    allowed = RANGES[path]
    if not allowed.allows(text):
        expected = "expected.whole" if allowed.whole else "expected.number"
        raise _refused(said, text, expected, low=allowed.low, high=allowed.high)
    return int(text) if allowed.whole else float(text)


def _symbols(said: Given) -> tuple[Symbol, ...]:
    parts = said.value if isinstance(said.value, tuple) else said.value.split(",")
    symbols = []
    for part in parts:
        text = part.strip()
        if not text and len(parts) == 1:
            continue  # `stocks:` with nothing behind it
        try:
            symbols.append(as_symbol(text))
        except ValueError:
            raise _refused(said, text, "expected.symbols") from None
    return tuple(symbols)


def _is_section(path: str) -> bool:
    return any(known.startswith(f"{path}.") for known in kinds())


def _unknown(path: str, said: Given) -> ConfigurationError:
    if _is_section(path):
        return _refused(said, said.value, "expected.section")
    above = path.rpartition(".")[0]
    if above in kinds():
        return _refused(said, "…", "expected.single")
    siblings = sorted({known[len(above) + 1 :].split(".")[0] for known in kinds() if known.startswith(f"{above}.")})
    return ConfigurationError("config.unknown", place=said.place, known=", ".join(siblings) or None)


def _refused(said: Given, value: object, expected: str, **data: object) -> ConfigurationError:
    return ConfigurationError("refused", place=said.place, value=repr(value), expected=expected, **data)


def _at(settings: object, path: str) -> Any:
    found: Any = settings
    for name in path.split("."):
        found = getattr(found, name)
    return found
