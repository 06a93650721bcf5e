"""Days full of faults, by seed: those of this commit, those that once found something, and some mutants."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from tests.samples import sample_seed

pytest.importorskip("simloop", reason="simloop needs Python 3.12")

from tests.simulation.day import Report, live_day, quiet, template
from tests.simulation.mutants import MUTANTS, own_seeds

NEW_SEEDS = 200
KEPT = (22, 26, 37, 56)
"""Seeds that found something while this was written; docs/simulation.md tells what."""

_CHUNK = 10
_HUNTED = 3
_SEEDS_PER_MUTANT = 60


@pytest.fixture(scope="module")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> Path:
    quiet()
    return template(tmp_path_factory.mktemp("simulation"))


def assert_holds(report: Report) -> None:
    assert report.broken == "", f"seed {report.seed}: {report.broken}\nfaults: {report.faults}"


@pytest.mark.parametrize("chunk", range(NEW_SEEDS // _CHUNK))
def test_what_must_hold_holds_on_days_that_this_commit_brings(pattern: Path, chunk: int) -> None:
    first = 1_000_000 + sample_seed() % 1_000_000 * NEW_SEEDS + chunk * _CHUNK
    for seed in range(first, first + _CHUNK):
        assert_holds(live_day(seed, pattern))


@pytest.mark.parametrize("seed", KEPT)
def test_a_seed_that_once_found_something_finds_nothing_more(pattern: Path, seed: int) -> None:
    assert_holds(live_day(seed, pattern))


@pytest.mark.parametrize("seed", [504, 623])
def test_a_seed_lives_the_same_day_in_another_process_and_behind_another_day(pattern: Path, seed: int) -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        elsewhere = process.submit(live_day, seed, pattern)
        live_day(seed + 1, pattern)
        here, there = live_day(seed, pattern), elsewhere.result()

    assert (here.steps, here.events, here.journal_hash) == (there.steps, there.events, there.journal_hash)


@pytest.mark.parametrize("place", range(_HUNTED))
def test_a_safeguard_that_is_switched_off_is_missed(pattern: Path, place: int) -> None:
    names = list(MUTANTS)
    name = names[(sample_seed() * _HUNTED + place) % len(names)]
    for seed in own_seeds(name)[:_SEEDS_PER_MUTANT]:
        if live_day(seed, pattern, MUTANTS[name]).broken:
            return
    pytest.fail(f"{name}: {_SEEDS_PER_MUTANT} seeds did not miss it")
