"""The universe of a day, and what is told of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kis_daemon.domain.market import Symbol
from kis_daemon.domain.universe import UniverseRules
from kis_daemon.services.universe_selector import UniverseSelector
from tests.services.builders import HYNIX, SAMSUNG, TODAY
from tests.services.trading import Floor, a_floor

NAVER = Symbol("035420")


@pytest.fixture
def floor(tmp_path: Path) -> Iterator[Floor]:
    with a_floor(tmp_path, is_open=False) as made:
        yield made


def test_the_first_symbols_are_chosen_in_their_order_and_once(floor: Floor) -> None:
    rules = UniverseRules(stocks=(HYNIX, SAMSUNG, HYNIX, NAVER), max_stocks=2)

    chosen = UniverseSelector(rules, floor.journal).select(TODAY)

    assert chosen == (HYNIX, SAMSUNG)
    assert floor.events("universe_selected") == [
        {
            "day": "2024-03-05",
            "selection_method": "fixed",
            "candidates": 4,
            "chosen": 2,
            "symbols": "000660,005930",
        }
    ]


def test_an_empty_universe_is_empty_and_a_person_is_told(floor: Floor) -> None:
    chosen = UniverseSelector(UniverseRules(stocks=()), floor.journal).select(TODAY)

    assert chosen == ()
    assert floor.told("universe_empty") == 1
    assert len(floor.events("universe_empty")) == 1
