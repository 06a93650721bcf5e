"""The budget before a server of its own making: 10,000 calls, none refused, and hardly any of the limit unused."""

from __future__ import annotations

from random import Random

import pytest

from bench.limiters import Load, bare_aiolimiter, bursts, full_queue, judge, main, new_connections, our_budget

CALLS = 10_000
PROFILES = pytest.mark.parametrize("limit", [pytest.param(18, id="real"), pytest.param(1, id="paper")])


@PROFILES
@pytest.mark.parametrize(("jitter_s", "least"), [(0.05, 0.88), (0.0, 0.97)])
def test_ten_thousand_calls_are_all_accepted_and_use_the_limit(limit: int, jitter_s: float, least: float) -> None:
    verdict = judge(our_budget(limit, full_queue(CALLS), jitter_s), limit, jitter_s, Random(7))

    assert (verdict.calls, verdict.refused) == (CALLS, 0)
    assert verdict.busiest <= limit
    assert verdict.share >= least


@PROFILES
@pytest.mark.parametrize("load", ["new_connections", "bursts"])
def test_neither_late_departures_nor_bursts_bring_a_refusal(limit: int, load: str) -> None:
    wanted: Load = new_connections(2000, Random(8)) if load == "new_connections" else bursts(2000, limit, Random(8))

    assert judge(our_budget(limit, wanted, 0.05), limit, 0.05, Random(9)).refused == 0


def test_the_server_refuses_who_does_not_know_its_rolling_second() -> None:
    assert judge(bare_aiolimiter(18, full_queue(500), 0.05), 18, 0.05, Random(7)).refused > 0


def test_the_server_refuses_the_nineteenth_call_of_a_second_and_not_of_the_next() -> None:
    at_once, a_second_later = [0.0] * 19, [0.0] * 18 + [1.0]

    assert judge(at_once, 18, 0.0, Random(1)).refused == 1
    assert judge(a_second_later, 18, 0.0, Random(1)).refused == 0


def test_the_comparison_prints_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(quick=True) == 0

    lines = capsys.readouterr().out.splitlines()
    assert len({len(line) for line in lines}) == 1
    assert all(" 0 " in line for line in lines if "our budget" in line)
    assert {"our budget", "aiolimiter", "python-kis"} <= {line.split("|")[4].strip() for line in lines}
