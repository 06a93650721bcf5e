"""The filters of an automatic selection: what stays at a limit, what goes beyond it, and with which numbers."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from kis_daemon.domain.market import Bar, Symbol
from kis_daemon.domain.universe import EmptyUniverse, SelectionMethod, UniverseRules
from kis_daemon.domain.universe_filters import (
    Candidate,
    Cause,
    Sieve,
    moves_wrong,
    thinly_traded,
    unanswered,
    unsafe,
    with_chart,
)

DAY = date(2026, 3, 3)
YESTERDAY = DAY - timedelta(days=1)
A, B, C = Symbol("005930"), Symbol("000660"), Symbol("035420")
RULES = UniverseRules(selection_method=SelectionMethod.COMBINED)


def a_candidate(symbol: Symbol = A, **known: Any) -> Candidate:
    return Candidate(symbol=symbol, **known)


def bars(count: int, *, close: int = 10_000, width: int = 200, volume: int = 100_000) -> list[Bar]:
    return [
        Bar(
            date=DAY - timedelta(days=count - n),
            open=close,
            high=close + width // 2,
            low=close - width // 2,
            close=close,
            volume=volume,
        )
        for n in range(count)
    ]


def cause(reason: Any) -> Cause | None:
    return None if reason is None else reason.cause


@pytest.mark.parametrize(
    ("value", "expected"),
    [(999_999_999, Cause.TRADED_VALUE), (1_000_000_000, None), (None, Cause.NO_ANSWER), (0, Cause.TRADED_VALUE)],
)
def test_traded_value_below_min_volume_goes(value: int | None, expected: Cause | None) -> None:
    """S3-U09, L15: in won."""
    assert cause(thinly_traded(a_candidate(traded_value=value), RULES)) == expected


@pytest.mark.parametrize(
    ("cap", "expected"), [(99_999_999_999, Cause.MARKET_CAP), (100_000_000_000, None), (None, None)]
)
def test_a_market_cap_below_the_minimum_goes_where_it_is_known(cap: int | None, expected: Cause | None) -> None:
    """S3-U10, L15: 1,000 units of 100 million won."""
    assert cause(unsafe(a_candidate(market_cap=cap), RULES)) == expected


def test_suspended_ones_go() -> None:
    """S3-U11."""
    assert cause(unsafe(a_candidate(suspended=True), RULES)) == Cause.SUSPENDED


@pytest.mark.parametrize(("excluded", "expected"), [(True, Cause.UNDER_ADMINISTRATION), (False, None)])
def test_administrative_issues_go_unless_the_rules_allow_them(excluded: bool, expected: Cause | None) -> None:
    """S3-U12."""
    rules = UniverseRules(exclude_management=excluded)
    assert cause(unsafe(a_candidate(under_administration=True), rules)) == expected


@pytest.mark.parametrize(
    ("price", "opened", "expected"),
    [
        (12_800, 10_000, Cause.CHANGE),
        (12_799, 10_000, None),
        (7_200, 10_000, Cause.CHANGE),
        (7_201, 10_000, None),
        (12_800, 0, None),
        (None, None, None),
    ],
)
def test_a_change_from_the_open_of_28_percent_goes_either_way(
    price: int | None, opened: int | None, expected: Cause | None
) -> None:
    """S3-U13: before the first trade there is no open to be away from."""
    assert cause(unsafe(a_candidate(price=price, open=opened), RULES)) == expected


@pytest.mark.parametrize(
    ("width", "expected"),
    [(99, Cause.ATR_LOW), (100, None), (800, None), (802, Cause.ATR_HIGH)],
)
def test_atr_percent_is_of_the_close_and_its_limits_stay_in(width: int, expected: Cause | None) -> None:
    """S3-U16, L15: 1.0 to 8.0 %, both included."""
    known = with_chart(a_candidate(), bars(30, width=width if width != 99 else 98), YESTERDAY, 14)
    assert known.atr_pct == pytest.approx((width if width != 99 else 98) / 100)
    assert cause(moves_wrong(known, RULES)) == expected


@pytest.mark.parametrize(("count", "expected"), [(0, Cause.BARS), (19, Cause.BARS), (20, None)])
def test_fewer_than_twenty_bars_go(count: int, expected: Cause | None) -> None:
    """S3-U17."""
    known = with_chart(a_candidate(), bars(count), YESTERDAY, 14)
    assert known.bars == count
    assert cause(moves_wrong(known, RULES)) == expected


def test_a_close_of_nothing_goes() -> None:
    """S3-U17."""
    assert cause(moves_wrong(a_candidate(bars=30, close=0, atr=1.0), RULES)) == Cause.CLOSE


def test_too_few_bars_for_the_atr_go() -> None:
    rules = UniverseRules(atr_period=40)
    assert cause(moves_wrong(with_chart(a_candidate(), bars(40), YESTERDAY, 40), rules)) == Cause.BARS


def test_what_nobody_answered_goes() -> None:
    assert cause(unanswered(a_candidate(answered=False), RULES)) == Cause.NO_ANSWER
    assert cause(moves_wrong(a_candidate(), RULES)) == Cause.NO_ANSWER


def test_a_chart_tells_the_traded_value_of_its_last_day_unless_it_is_known() -> None:
    assert with_chart(a_candidate(), bars(30, close=10_000, volume=7), YESTERDAY, 14).traded_value == 70_000
    assert with_chart(a_candidate(traded_value=5), bars(30), YESTERDAY, 14).traded_value == 5


def test_what_did_not_trade_on_the_last_completed_day_traded_for_nothing() -> None:
    known = with_chart(a_candidate(), bars(30)[:-1], YESTERDAY, 14)
    assert known.traded_value == 0
    assert cause(thinly_traded(known, RULES)) == Cause.TRADED_VALUE


def test_the_most_traded_come_first_and_equal_ones_by_symbol() -> None:
    """S3-U05."""
    sieve = Sieve(
        [a_candidate(A, traded_value=1), a_candidate(C, traded_value=2), a_candidate(B, traded_value=2)], RULES
    )
    sieve.rank_by_traded_value()
    sieve.take("max_stocks", 2)
    assert sieve.selection(DAY).symbols == (B, C)


def test_every_candidate_has_its_verdict_with_the_numbers_that_decided() -> None:
    sieve = Sieve(
        [a_candidate(A, traded_value=5), a_candidate(B, traded_value=2 * 10**9), a_candidate(C, traded_value=10**9)],
        RULES,
    )
    sieve.exclude("min_volume", thinly_traded)
    sieve.rank_by_traded_value()
    sieve.take("max_stocks", 1)

    selection = sieve.selection(DAY)

    told = [(one.symbol, one.stage, one.cause, one.value, one.limit, one.rank) for one in selection.verdicts]
    assert told == [
        (B, "", "", None, None, 1),
        (C, "max_stocks", "rank", 2, 1, 2),
        (A, "min_volume", "min_volume", 5, 10**9, None),
    ]
    assert [(stage.name, stage.before, stage.after) for stage in selection.stages] == [
        ("pool", 3, 3),
        ("min_volume", 3, 2),
        ("max_stocks", 2, 1),
    ]


def test_a_candidate_that_stands_in_the_pool_twice_counts_once() -> None:
    """S3-U27."""
    assert len(Sieve([a_candidate(A), a_candidate(A)], RULES).remaining) == 1


def test_nobody_left_is_an_error_that_counts_the_stages() -> None:
    """S3-U28."""
    sieve = Sieve([a_candidate(A, suspended=True)], RULES)
    sieve.exclude("safety", unsafe)
    with pytest.raises(EmptyUniverse, match=r"no candidate passed the filters of combined \(pool 1, safety 0\)"):
        sieve.selection(DAY).required()
