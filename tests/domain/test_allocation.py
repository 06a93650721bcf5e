"""The sample portfolio: five and eight, by score, then by symbol; or an error (L02)."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import Any

import pytest

from kis_daemon.domain.allocation import AllocationRules, allocate, read_snapshot
from tests.conftest import ROOT

SAMPLE = json.loads((ROOT / "data" / "sample_snapshot.json").read_text("utf-8"))
RULES = AllocationRules()


def a_snapshot(kr: int = 5, us: int = 8, **changes: Any) -> dict[str, Any]:
    rows = [{"symbol": f"{number:06d}", "market": "KR", "score": number / 10} for number in range(kr)]
    rows += [{"symbol": f"US{number}", "market": "US", "score": 0.5} for number in range(us)]
    return {"asof": "2026-03-02T15:30:00+09:00", "source": "test", "universe": rows} | changes


def test_the_shipped_sample_makes_the_documented_portfolio() -> None:
    payload = allocate(read_snapshot(SAMPLE), RULES)

    korean = [each for each in payload["positions"] if each["market"] == "KR"]
    american = [each for each in payload["positions"] if each["market"] == "US"]
    assert [
        (len(korean), {each["weight"] for each in korean}),
        (len(american), {each["weight"] for each in american}),
    ] == [
        (5, {0.08}),
        (8, {0.075}),
    ]
    assert payload["constraints_check"] == {
        "max_positions": 20,
        "max_weight": 0.08,
        "kr_weight": 0.4,
        "us_weight": 0.6,
        "actual_positions": 13,
        "actual_max_weight": 0.08,
        "actual_kr_weight": 0.4,
        "actual_us_weight": 0.6,
        "passed": True,
    }


def test_the_best_are_taken_by_score_then_by_symbol_in_whatever_order_they_stand() -> None:
    written = a_snapshot(kr=9, us=12)
    random.Random(3).shuffle(written["universe"])

    symbols = [each["symbol"] for each in allocate(read_snapshot(written), RULES)["positions"]]

    assert symbols[:5] == ["000008", "000007", "000006", "000005", "000004"]
    assert symbols[5:] == ["US0", "US1", "US10", "US11", "US2", "US3", "US4", "US5"]


@pytest.mark.parametrize(
    ("kr", "us", "said"), [(4, 8, "4 symbols of KR"), (5, 7, "7 symbols of US"), (0, 0, "0 symbols")]
)
def test_too_few_candidates_are_an_error_and_no_smaller_portfolio(kr: int, us: int, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        allocate(read_snapshot(a_snapshot(kr, us)), RULES)


@pytest.mark.parametrize(
    ("broken", "place"),
    [
        ([], "expected a mapping"),
        ({}, "asof"),
        (a_snapshot(asof="yesterday"), "asof"),
        (a_snapshot(asof="2026-03-02T15:30:00"), "offset"),
        (a_snapshot(source=""), "source"),
        (a_snapshot(universe="AAPL"), "universe"),
        (a_snapshot(universe=["AAPL"]), r"universe\[0\]"),
        (a_snapshot(universe=[{"symbol": "A", "market": "JP", "score": 1}]), r"universe\[0\].market"),
        (a_snapshot(universe=[{"symbol": "A", "market": "US", "score": True}]), r"universe\[0\].score"),
        (a_snapshot(universe=[{"symbol": "A", "market": "US", "score": float("inf")}]), r"universe\[0\].score"),
        (a_snapshot(universe=[{"symbol": 5, "market": "US", "score": 1}]), r"universe\[0\].symbol"),
        (a_snapshot(universe=[{"symbol": "A", "market": "US", "score": 1}] * 2), "A stands there twice"),
    ],
)
def test_a_snapshot_that_cannot_be_read_is_told_by_its_place(broken: object, place: str) -> None:
    with pytest.raises(ValueError, match=place):
        read_snapshot(broken)


def test_the_hash_of_the_parameters_follows_each_of_them() -> None:
    others = (replace(RULES, max_positions=7), replace(RULES, kr_positions=7), replace(RULES, rebalance="weekly"))

    assert RULES.config_hash == AllocationRules().config_hash
    assert len({RULES.config_hash, *(other.config_hash for other in others)}) == 4
