"""The fixed selection: the listed order, no symbol twice, the first few, never none."""

from __future__ import annotations

from datetime import date

import pytest

from kis_daemon.domain.market import Symbol
from kis_daemon.domain.universe import EmptyUniverse, UniverseRules, constrained, fixed, select_fixed

A, B, C = Symbol("005930"), Symbol("000660"), Symbol("035420")


def test_the_listed_order_is_kept_and_not_the_alphabets() -> None:
    assert select_fixed((C, A, B), 5) == (C, A, B)


def test_the_first_few_are_taken() -> None:
    assert select_fixed((C, A, B), 2) == (C, A)


def test_a_symbol_listed_twice_counts_once() -> None:
    assert select_fixed((A, B, A, C), 3) == (A, B, C)


@pytest.mark.parametrize(("stocks", "most"), [((), 5), ((A, B), 0)])
def test_an_empty_selection_is_an_error_that_says_what_to_do(stocks: tuple[Symbol, ...], most: int) -> None:
    with pytest.raises(EmptyUniverse, match=r"list six-character codes under universe\.stocks"):
        select_fixed(stocks, most)


@pytest.mark.parametrize("text", ["5930", "00593a", "0059300", ""])
def test_what_is_no_symbol_is_refused(text: str) -> None:
    """S3-U27, C36."""
    with pytest.raises(ValueError, match="six digits or capital letters"):
        constrained([text], 5)


def test_a_symbol_with_letters_is_one() -> None:
    """C36: new codes of the exchange."""
    assert constrained(["0001A0", "0001A0", "005930"], 5) == ("0001A0", "005930")


def test_a_fixed_selection_says_who_stayed_and_who_came_too_late() -> None:
    selection = fixed(UniverseRules(stocks=(A, B, A, C), max_stocks=2), date(2026, 3, 3))

    assert selection.symbols == (A, B)
    assert [(one.symbol, one.cause, one.rank) for one in selection.verdicts] == [(A, "", 1), (B, "", 2), (C, "rank", 3)]


def test_candidates_are_the_candidate_stocks_and_the_stocks_without_them() -> None:
    """S3-U06."""
    assert UniverseRules(stocks=(A,), candidate_stocks=(B,)).named == (B,)
    assert UniverseRules(stocks=(A,)).named == (A,)


def test_other_rules_have_another_fingerprint() -> None:
    assert UniverseRules().fingerprint == UniverseRules().fingerprint
    assert UniverseRules().fingerprint != UniverseRules(min_volume=1).fingerprint
