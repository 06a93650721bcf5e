"""The campaign of attacks on approvals."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.campaign_runs import Told
from tests.campaign_wire import quietly
from tests.services.attacks import Outcome, attack_all
from tests.services.order_path import OrderPath, lived

_SEEDS = range(1, 11)
_EACH = 1_200


def attacks(each: int = _EACH) -> Told:
    """12,000 forged, replayed, altered, expired and malformed approvals: all refused, no broker call, each kept."""
    outcomes: list[Outcome] = []
    for seed in _SEEDS:

        @lived
        async def story(path: OrderPath, seed: int = seed) -> None:
            outcomes.append(await attack_all(path, each, seed))

        with tempfile.TemporaryDirectory() as folder, quietly():
            story(Path(folder), seed=seed)
    wrong = [told for outcome in outcomes for told in outcome.wrong]
    tried = sum(outcome.tried.total() for outcome in outcomes)
    kinds = len(set().union(*(outcome.tried for outcome in outcomes)))
    told = f"{tried:,} attacks of {kinds} kinds, {tried - len(wrong):,} refused and kept, broker calls 0"
    return not wrong and tried >= 10_000, told + "".join(f"; {each}" for each in wrong[:3])
