"""Every clause that is broken is seen: each mutant of the simulator turns a check red, within two seconds.

Run with `-rP` to see which check saw which mutant.
"""

from __future__ import annotations

import sys

import pytest

from tests.conformance.house import examined
from tests.conformance.mutants import MUTANTS, Mutant
from tests.conformance.sections import CHECKS, Check

ENOUGH = 25


def seen_by(mutant: Mutant) -> str | None:
    """Return the first check that a mutant turns red, None where all stay green."""
    chosen = [
        check
        for section in mutant.sections
        for check in CHECKS.values()
        if check.section == section or check.name.startswith(section)
    ]
    for check in chosen:
        for profile in check.profiles:
            with mutant.broken():
                is_red = not _stays_green(check, profile)
            if is_red and _stays_green(check, profile):  # red by itself, it would see nothing
                return f"{check.name} ({profile})"
    return None


def _stays_green(check: Check, profile: str) -> bool:
    try:
        examined(check.on(profile), check.look)
    except (AssertionError, LookupError, TypeError, ValueError, TimeoutError):
        return False
    return True


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_broken_clause_turns_a_check_red(mutant: Mutant) -> None:
    found = seen_by(mutant)

    sys.stdout.write(f"{mutant.name:45} {found}\n")
    assert found is not None


def test_there_are_enough_mutants() -> None:
    assert len(MUTANTS) >= ENOUGH
