"""A sample of the attacks, other ones at each commit; `make campaign ARGS=attacks` tries them all."""

from __future__ import annotations

from tests.samples import sample_seed
from tests.services.attacks import KINDS, Attacker, Loot, attack_all
from tests.services.order_path import OrderPath, lived


@lived
async def test_attacks_that_this_commit_brings_are_refused_and_kept(path: OrderPath) -> None:
    outcome = await attack_all(path, 600, sample_seed())

    assert outcome.wrong == []
    assert len(outcome.tried) == len(KINDS)
    assert len(outcome.causes) >= 8


def test_equal_seeds_attack_in_equal_ways() -> None:
    loot = Loot(good=GOOD, used=GOOD, expired=GOOD, unapproved=GOOD, rejected=GOOD)

    def attacks(seed: int) -> list[object]:
        attacker = Attacker(loot, seed)
        return [attacker.attack(number) for number in range(100)]

    assert attacks(3) == attacks(3) != attacks(4)


GOOD = "eyJhbGciOiJIUzI1NiJ9.eyJqdGkiOiJqIiwiZXhwIjoxLCJzdWIiOiJwIiwiYm91bmQiOiJiIn0.c2lnbmF0dXJl"
