"""What a mutant is, and how one is made: one broken clause of the contract.

A mutant is a context in which a piece of the simulator's code is replaced; the simulators that the checks look at are
made inside of it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

from kis_daemon.simulator import (
    profile,
)

Break = Callable[[], AbstractContextManager[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One broken clause; `sections` are numbers, or the beginnings of checks' names."""

    name: str
    sections: tuple[str, ...]
    broken: Break


MUTANTS: list[Mutant] = []


def breaks(*sections: str) -> Callable[[Break], Break]:
    def enter(broken: Break) -> Break:
        name = broken.__name__
        MUTANTS.append(Mutant(name=name, sections=sections, broken=broken))
        return broken

    return enter


def wrapped(owner: Any, name: str, change: Callable[[Any, tuple[Any, ...]], Any]) -> AbstractContextManager[Any]:
    """Replace a function by one that changes what it returns; `change` gets that and the arguments."""
    original = getattr(owner, name)

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return change(original(*args, **kwargs), args)

    return patch.object(owner, name, wrapper)


def profiles(**changes: Any) -> AbstractContextManager[Any]:
    """Change both profiles."""
    return patch.dict(profile.PROFILES, {name: replace(each, **changes) for name, each in profile.PROFILES.items()})
