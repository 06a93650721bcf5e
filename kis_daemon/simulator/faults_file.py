"""A plan of faults as it is written: a list of mappings, or a seed; every mistake is named with its place.

faults:
  - kind: reset_after          # one of `KINDS`; all else may be left out
    at: "2024-03-05 10:00:00"  # Seoul time; a time alone means the simulator's day
    times: 1                   # 0: every time
    path: order-cash           # where a path ends; * and ? stand for anything
    tr_id: "?TTC0012U"
    symbol: "005930"
    side: BUY
    for_s: 30                  # how long it lasts, or how late
    value: 100                 # a count, a percentage, seconds: see the kind
    accepted: true             # the service did its work all the same
    within_s: 60               # forgotten if nothing matched by then
seed: 7                        # or, and: a fault every minute of the simulator's day
every: 60
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any

from kis_daemon.domain.calendar import KST
from kis_daemon.simulator.faults import Fault, FaultPlan
from kis_daemon.simulator.faults_kinds import Area, FaultKind

_SIDES = ("BUY", "SELL")
_FIELDS = (
    "kind",
    "at",
    "times",
    "path",
    "tr_id",
    "symbol",
    "side",
    "for_s",
    "value",
    "accepted",
    "within_s",
)
_MOST_S = 86_400.0


class FaultError(ValueError):
    """A plan cannot be used; the message names the place, the value and what was expected."""


def plan_of(data: object, day: date) -> FaultPlan:
    """Return the plan written in `data`: a mapping, a list of faults, or one fault; times alone are those of `day`."""
    if isinstance(data, Mapping) and "kind" in data:
        data = {"faults": [data]}
    if isinstance(data, list):
        data = {"faults": data}
    if not isinstance(data, Mapping):
        raise FaultError("faults: expected a list of faults, or a mapping with faults or seed")
    _only(data, ("faults", "seed", "every"), "faults file")
    listed = data.get("faults", [])
    if not isinstance(listed, list):
        raise FaultError(f"faults {listed!r}: expected a list")
    faults = tuple(_fault(entry, f"fault {place}", day) for place, entry in enumerate(listed, start=1))
    if "seed" in data:
        every = _number(data, "every", "faults file", 60.0, least=0.001)
        faults += FaultPlan.seeded(_whole(data, "seed", "faults file", 0), day, every).faults
    elif "every" in data:
        raise FaultError("every: expected only beside seed")
    return FaultPlan(faults=faults)


def _fault(entry: object, place: str, day: date) -> Fault:
    if not isinstance(entry, Mapping):
        raise FaultError(f"{place} {entry!r}: expected a mapping with kind")
    _only(entry, _FIELDS, place)
    try:
        kind = FaultKind(str(entry.get("kind")))
    except ValueError:
        raise FaultError(f"{place}, kind {entry.get('kind')!r}: expected one of {', '.join(FaultKind)}") from None
    side = _text(entry, "side", place)
    if side and side not in _SIDES:
        raise FaultError(f"{place}, side {side!r}: expected BUY or SELL")
    fault = Fault(
        kind=kind,
        at=_moment(entry.get("at"), place, day),
        times=_whole(entry, "times", place, 1),
        path=_text(entry, "path", place),
        tr_id=_text(entry, "tr_id", place),
        symbol=_text(entry, "symbol", place),
        side=side,
        for_s=_number(entry, "for_s", place, None),
        value=_whole(entry, "value", place, None, least=-100),
        accepted=_flag(entry, "accepted", place),
        within_s=_number(entry, "within_s", place, None),
    )
    rules = fault.rules
    if rules.needs_symbol and not fault.symbol:
        raise FaultError(f"{place}, kind {kind.value}: expected a symbol")
    if fault.accepted and not rules.may_be_accepted:
        raise FaultError(f"{place}, kind {kind.value}: accepted has no meaning here")
    if fault.value is not None and rules.value is None:
        raise FaultError(f"{place}, kind {kind.value}: value has no meaning here")
    if fault.for_s is not None and rules.for_s is None:
        raise FaultError(f"{place}, kind {kind.value}: for_s has no meaning here")
    if rules.area in (Area.MARKET, Area.DOOR) and (fault.times != 1 or fault.within_s is not None):
        raise FaultError(f"{place}, kind {kind.value}: happens once, times and within_s have no meaning here")
    return fault


def _only(entry: Mapping[object, object], known: tuple[str, ...], place: str) -> None:
    for name in entry:
        if name not in known:
            raise FaultError(f"{place}: {name!r} is unknown, expected some of {', '.join(known)}")


def _moment(value: object, place: str, day: date) -> datetime | None:
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool):  # YAML 1.1 reads 10:00:00 as a number of base 60
        raise FaultError(f"{place}, at {value!r}: expected quotes around the time")
    found = value if isinstance(value, datetime) else None
    if isinstance(value, str):
        try:
            found = datetime.combine(day, time.fromisoformat(value)) if len(value) <= 8 else None
            found = found or datetime.fromisoformat(value)
        except ValueError:
            found = None
    if found is None:
        raise FaultError(f"{place}, at {value!r}: expected HH:MM[:SS] or a date and a time")
    return found.replace(tzinfo=KST) if found.tzinfo is None else found.astimezone(KST)


def _text(entry: Mapping[str, Any], name: str, place: str) -> str:
    value = entry.get(name, "")
    if not isinstance(value, str):
        raise FaultError(f"{place}, {name} {value!r}: expected a text in quotes")
    return value


def _flag(entry: Mapping[str, Any], name: str, place: str) -> bool:
    value = entry.get(name, False)
    if not isinstance(value, bool):
        raise FaultError(f"{place}, {name} {value!r}: expected true or false")
    return value


def _whole(entry: Mapping[str, Any], name: str, place: str, default: Any, *, least: int = 0) -> Any:
    value = entry.get(name, default)
    if value is default:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= 1_000_000:
        raise FaultError(f"{place}, {name} {value!r}: expected a whole number from {least} to 1000000")
    return value


def _number(entry: Mapping[str, Any], name: str, place: str, default: Any, *, least: float = 0.0) -> Any:
    value = entry.get(name, default)
    if value is default:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= _MOST_S:
        raise FaultError(f"{place}, {name} {value!r}: expected seconds from {least:g} to {_MOST_S:g}")
    return float(value)
