"""The fixed selection: the listed order, no symbol twice, the first few, never none."""

from __future__ import annotations

import pytest

from kis_daemon.domain.market import Symbol
from kis_daemon.domain.universe import EmptyUniverse, select_fixed

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
