"""The confirmation code: what is kept of it, and what wrong tries cost."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kis_daemon.domain.release_codes import LOCKOUT, RANDOM_BYTES, TRIES, CodeState, is_key, new_code
from tests.domain.builders import at

TEN_O_CLOCK = at("10:00")
CHANCE = bytes(range(0xA0, 0xA0 + RANDOM_BYTES))
CODE, SALT = new_code(CHANCE)


@pytest.fixture
def state() -> CodeState:
    return CodeState().with_code(CODE, SALT, TEN_O_CLOCK)


def test_a_code_is_six_upper_case_hex_characters() -> None:
    assert CODE == "A0A1A2"


def test_only_a_hash_of_the_code_is_kept(state: CodeState) -> None:
    assert CODE not in repr(state)
    assert CodeState().with_code(CODE, "another salt", TEN_O_CLOCK).digest != state.digest


@pytest.mark.parametrize("given", ["A0A1A2", "a0a1a2", " A0A1A2\n"])
def test_the_code_matches_as_people_type_it(state: CodeState, given: str) -> None:
    assert state.matches(given)


@pytest.mark.parametrize("given", ["", "A0A1A3", "A0A1A2A", "０A1A2A", "\x00", "킬스위치", "\ud800"])
def test_another_word_does_not_match(state: CodeState, given: str) -> None:
    assert not state.matches(given)


def test_a_code_is_for_its_activation_only(state: CodeState) -> None:
    assert state.is_for(TEN_O_CLOCK)
    assert not state.is_for(TEN_O_CLOCK + timedelta(microseconds=1))
    assert not state.is_for(None)
    assert not CodeState().is_for(None)


def test_five_wrong_tries_lock_out_for_a_quarter_of_an_hour(state: CodeState) -> None:
    for _ in range(TRIES - 1):
        state = state.after_wrong(TEN_O_CLOCK)
        assert state.lockout_left(TEN_O_CLOCK) is None

    state = state.after_wrong(TEN_O_CLOCK)

    assert state.lockout_left(TEN_O_CLOCK) == LOCKOUT
    assert state.lockout_left(TEN_O_CLOCK + LOCKOUT - timedelta(seconds=1)) == timedelta(seconds=1)
    assert state.lockout_left(TEN_O_CLOCK + LOCKOUT) is None


def test_a_new_code_forgives_no_wrong_try(state: CodeState) -> None:
    for _ in range(TRIES - 1):
        state = state.after_wrong(TEN_O_CLOCK)

    state = state.with_code("FFFFFF", SALT, TEN_O_CLOCK).after_wrong(TEN_O_CLOCK)

    assert state.lockout_left(TEN_O_CLOCK) == LOCKOUT


def test_a_clock_that_was_set_back_makes_no_lockout_longer(state: CodeState) -> None:
    for _ in range(TRIES):
        state = state.after_wrong(TEN_O_CLOCK)

    assert state.lockout_left(TEN_O_CLOCK - timedelta(days=1)) == LOCKOUT


@pytest.mark.parametrize(
    ("by", "after", "counts"),
    [
        ("lee", timedelta(minutes=10), True),
        ("lee", timedelta(minutes=10, seconds=1), False),
        ("kim", timedelta(), False),
        (" KIM ", timedelta(), False),
    ],
)
def test_a_second_person_is_another_one_within_ten_minutes(
    state: CodeState, by: str, after: timedelta, counts: bool
) -> None:
    asked = state.with_first("kim", TEN_O_CLOCK)

    assert asked.has_first_other_than(by, TEN_O_CLOCK + after) is counts
    assert not state.has_first_other_than(by, TEN_O_CLOCK)


@pytest.mark.parametrize(
    ("given", "matches"), [("the admin key", True), (" the admin key\n", True), ("the admin", False), ("", False)]
)
def test_the_admin_key_is_compared_whole(given: str, matches: bool) -> None:
    assert is_key(given, "the admin key") is matches
