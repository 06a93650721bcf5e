"""Readiness: what is missing closes entries with real money, and nothing else."""

from __future__ import annotations

import pytest

from kis_daemon.domain.market import Side
from kis_daemon.domain.readiness import Blocker, Found, Readiness
from kis_daemon.domain.safeguards import Conditions, Gate, KillSwitch, KillSwitchScope, KillSwitchStatus, gate

RELEASED = KillSwitch(
    status=KillSwitchStatus.INACTIVE, scope=KillSwitchScope.ALL, reason="checked", actor="operator", since=None
)


@pytest.mark.parametrize("blocker", list(Blocker))
def test_each_blocker_closes_entries_with_real_money_only(blocker: Blocker) -> None:
    found = (Found(blocker=blocker, reason="a test"),)

    assert Readiness(found=found, binds=True).closes_entries
    assert not Readiness(found=found, binds=False).closes_entries
    assert not Readiness(found=found, binds=False).can_trade
    assert not Readiness(found=(), binds=True).closes_entries


def test_what_is_held_is_sold_before_all_is_ready() -> None:
    view = gate(Conditions(kill_switch=RELEASED, ready=False))

    assert view.gate is Gate.EXIT_ONLY
    assert view.reasons == ("not_ready",)
    assert (view.lets(Side.BUY), view.lets(Side.SELL)) == (False, True)
