"""The simulator under the contract's checks: every clause on every venue it holds on.

The register is filled by importing the modules that `SECTIONS` names.
"""

from __future__ import annotations

from collections import Counter

import pytest

from tests.conformance.house import examined
from tests.conformance.sections import CHECKS, Check

ENOUGH = 150
ASKED = [
    pytest.param(check, profile, id=f"{check.name}-{profile}")
    for check in CHECKS.values()
    for profile in check.profiles
]


@pytest.mark.parametrize(("check", "profile"), ASKED)
def test_the_simulator_keeps_the_contract(check: Check, profile: str) -> None:
    examined(check.on(profile), check.look)


def test_there_are_checks_of_every_section() -> None:
    by_section = Counter(check.section for check in CHECKS.values())

    assert len(CHECKS) >= ENOUGH
    assert {section.partition(".")[0] for section in by_section} >= {"0", "1", "2", "3", "4", "5", "6", "7"}
    for check in CHECKS.values():
        begins = "client_" if check.section == "clients" else f"s{check.section.replace('.', '_')}_"
        assert check.name.startswith(begins), check.name
