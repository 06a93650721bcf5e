"""A tenth of the campaign of fuzz.py, at every run: 100,000 frames and 10,000 bodies."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Iterator
from importlib import import_module

import pytest

from kis_daemon import kis
from kis_daemon.kis.wire import Answer
from kis_daemon.kis.wire_errors import read_answer
from kis_daemon.ports import BrokerError
from tests.kis import fuzz
from tests.kis.fuzz_bodies import BODIES, PARTS, READERS

FLAT_MIB = 8.0


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with fuzz.quietly():
        yield


@pytest.mark.parametrize("seed", [11, 12])
def test_broken_frames_are_counted_to_the_record_and_bring_typed_errors_only(seed: int) -> None:
    result = fuzz.Result()

    fuzz.fuzz_frames(50_000, seed, result)

    assert result.records >= result.frames == 50_000
    assert min(result.quotes, result.notices, result.unreadable, result.links_lost) > 100
    assert result.frames_grown_mib < FLAT_MIB


def test_broken_bodies_bring_typed_errors_only() -> None:
    result = fuzz.Result()

    fuzz.fuzz_bodies(10_000, 13, result)

    assert result.readings > 40_000
    assert {"read", "ProtocolError", "NoAnswer", "BrokerUnreachable", "RateLimited", "OrderRefused"} <= set(
        result.outcomes
    )
    assert result.bodies_grown_mib < FLAT_MIB


def test_equal_seeds_break_in_equal_ways() -> None:
    def broken(seed: int) -> list[str]:
        mutator = fuzz.Mutator(seed)
        return [mutator.text(frame) for frame in fuzz.FRAMES * 50]

    assert broken(5) == broken(5) != broken(6)


def test_every_reader_of_the_wire_is_in_the_table() -> None:
    tabled = {name for reader in READERS for name in _names_in(reader)}
    known = {part.split(".")[1] for part in PARTS} | tabled
    missing = [
        f"{module.name}.{name}"
        for module in pkgutil.iter_modules(kis.__path__)
        if module.name.startswith("wire")
        for name, made in inspect.getmembers(import_module(f"kis_daemon.kis.{module.name}"), inspect.isfunction)
        if name.startswith("read_") and made.__module__.endswith(module.name) and name not in known
    ]

    assert missing == []


def _names_in(reader: object) -> tuple[str, ...]:
    assert inspect.isfunction(reader)
    return (reader.__name__, *reader.__code__.co_names)


def test_every_reader_reads_at_least_one_of_the_seeds() -> None:
    """Or the fuzz would only ever break what is broken."""
    bodies = []
    for text in BODIES:
        try:
            bodies.append(read_answer(Answer(status=200, body=text.encode(), tr_cont="M")))
        except BrokerError:
            continue
    for number, reader in enumerate(READERS):
        read = 0
        for body in bodies:
            try:
                read += bool(reader(body))
            except BrokerError:
                continue
        assert read, f"reader {number}: {_names_in(reader)}"
