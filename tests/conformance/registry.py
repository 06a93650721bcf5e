"""The register of checks: each a clause of the wire contract, asked of the venues it holds on.

A check's name begins with its section (`s2_3_...`); a pitfall's with its number (`s7_18_...`); a habit of clients that
live on KIS with `client_...`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from tests.conformance.client import Client
from tests.conformance.house import House

Look: TypeAlias = Callable[[Client], Awaitable[None]]

PAPER, REAL = ("paper",), ("real",)
BOTH = PAPER + REAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One clause, the venues it is asked of, and how the broker is set up for it."""

    section: str
    name: str
    profiles: tuple[str, ...]
    house: House
    look: Look

    def on(self, profile: str) -> House:
        return replace(self.house, profile=profile)


CHECKS: dict[str, Check] = {}


def check(section: str, profiles: tuple[str, ...] = BOTH, /, **house: Any) -> Callable[[Look], Look]:
    """Enter a check; what `House` does not know is a switch of the simulator."""
    own = {name: house.pop(name) for name in ("day", "at", "split", "crowd", "market", "signed_in") if name in house}

    def enter(look: Look) -> Look:
        name = look.__name__
        if name in CHECKS:
            raise ValueError(f"check {name}: there are two of this name")
        CHECKS[name] = Check(
            section=section, name=name, profiles=profiles, house=House(settings=house, **own), look=look
        )
        return look

    return enter
