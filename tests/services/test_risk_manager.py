"""The risk manager: the same limits for whoever wants an order, rebuilt after a restart, and never against a sale."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kis_daemon.domain.exits import GapRules
from kis_daemon.domain.locks import LockScope
from kis_daemon.domain.market import Side, Symbol
from kis_daemon.domain.orders import OrderKey, OrderType
from kis_daemon.domain.positions import ProtectionRules
from kis_daemon.domain.risk import Allowed, Denied, RiskLimits, Trial
from kis_daemon.domain.strategy import EntryRules, TrendBreakRules
from kis_daemon.services.book import Book
from kis_daemon.services.desks import TradingRules
from kis_daemon.services.risk_manager import RiskManager
from tests.services.builders import (
    COMMISSION_PPB,
    HYNIX,
    SAMSUNG,
    TEN_O_CLOCK,
    TODAY,
    a_lock,
    a_position,
    a_trade,
    an_exit,
    an_intent,
)
from tests.services.trading import Floor, a_floor, the_calendar

STOP = 67_000


class StoppedClock:
    def now(self) -> Any:
        return TEN_O_CLOCK

    async def sleep_until(self, when: Any) -> None:
        raise AssertionError(f"nobody waits here until {when}")


def a_manager(book: Book, **limits: Any) -> RiskManager:
    rules = TradingRules(
        entry=EntryRules(),
        protection=ProtectionRules(),
        trend_break=TrendBreakRules(),
        gap=GapRules(),
        limits=RiskLimits(**limits),
        commission_ppb=COMMISSION_PPB,
    )
    return RiskManager(book=book, calendar=the_calendar(), clock=StoppedClock(), rules=rules)


def a_book() -> Book:
    return Book(day=TODAY, statement_cash=10_000_000, day_base_equity=10_000_000, day_base_of=TODAY)


@pytest.fixture
def floor(tmp_path: Path) -> Iterator[Floor]:
    with a_floor(tmp_path) as made:
        made.is_ready_to_buy()
        yield made


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ({"max_quantity": 9}, "max_quantity"),
        ({"max_order_won": 702_999}, "order_amount"),
        ({"max_exposure_pct": 7.0}, "max_exposure"),
    ],
)
def test_an_order_that_nobody_sized_is_held_against_the_limits(limits: dict[str, Any], code: str) -> None:
    verdict = a_manager(a_book(), **limits).check(an_intent(), 70_000)

    assert isinstance(verdict, Denied)
    assert verdict.code == code


def test_a_market_order_is_valued_at_the_last_price() -> None:
    manager, order = a_manager(a_book(), max_order_won=699_999), an_intent(order_type=OrderType.MARKET, price=None)

    assert isinstance(manager.check(order, 69_999), Allowed)
    assert manager.check(order, 70_000) == Denied(code="order_amount", reason="700000 won > 699999 an order")
    assert manager.check(order, None) == Denied(code="no_price", reason="005930 has no price to value an entry by")


@pytest.mark.parametrize("scope", LockScope)
def test_no_lock_lets_an_entry_pass(scope: LockScope) -> None:
    book = a_book()
    (book.locked if scope is LockScope.ALL else book.entry_locks)[SAMSUNG] = a_lock(scope=scope)

    assert a_manager(book).check(an_intent(), 70_000) == Denied(
        code="locked", reason="005930 is locked by kim: earnings tomorrow"
    )


def test_a_lock_that_is_over_lets_it_pass_before_anybody_has_cleared_it() -> None:
    book = a_book()
    book.entry_locks[SAMSUNG] = a_lock(expires_at=TEN_O_CLOCK)

    assert isinstance(a_manager(book).check(an_intent(), 70_000), Allowed)


def test_limits_are_the_same_after_a_restart(tmp_path: Path) -> None:
    """The daily loss limit of an earlier system was forgotten on restart, and a partial exit's loss not counted."""
    with a_floor(tmp_path) as floor:
        floor.holds(a_position(quantity=1_000, cost=70_000_000))
        floor.price(STOP)
        floor.fill(100, 60_000)
        before = floor.risk.figures()
        assert before.realized_today < -1_000_000
        again = Book(day_base_of=TODAY, day_base_equity=before.day_base_equity)
        again.trades_today.extend(floor.rows(lambda rows: rows.trades(TODAY, TODAY)))
        again.start_day(TODAY)

        after = a_manager(again).figures()

    assert after.realized_today == before.realized_today
    assert after.worst_realized_today == before.realized_today
    assert a_manager(again).daily_loss_reached()


def test_fees_and_tax_count_as_lost(floor: Floor) -> None:
    floor.holds(a_position(fees=105))
    floor.price(STOP)

    floor.fill(10, 70_000)

    (trade,) = floor.book.trades_today
    assert trade.realized_pnl == floor.risk.figures().realized_today == -(105 + trade.fee + trade.tax)


def test_exits_pass_when_every_limit_is_reached(floor: Floor) -> None:
    floor.holds(a_position())
    floor.book.put_trade(a_trade(OrderKey("k"), symbol=HYNIX, rule="TREND_BROKEN", realized_pnl=-900_000))
    assert floor.risk.daily_loss_reached()
    assert "daily_loss" in floor.control.gate().reasons

    floor.price(STOP)

    assert floor.rules_sent() == ["ATR_STOP_LOSS"]


def test_what_was_won_today_and_what_is_open_are_kept_apart(floor: Floor) -> None:
    floor.holds(a_position())
    floor.book.put_trade(a_trade(OrderKey("k"), symbol=HYNIX, rule="TREND_BROKEN", realized_pnl=-300_000))

    status = floor.risk.status(lambda _: 71_000)

    position = floor.position()
    assert status.realized_pnl == -300_000
    assert status.open_pnl == position.open_pnl(71_000)
    assert status.daily_loss_limit == -500_000
    assert floor.risk.status(lambda _: None).open_pnl is None


@given(
    st.builds(
        RiskLimits,
        max_positions=st.just(1),
        max_trades_a_day=st.just(1),
        max_consecutive_losses=st.just(1),
        max_daily_loss_pct=st.floats(0.1, 5),
        max_exposure_pct=st.just(1.0),
        max_entries_a_minute=st.just(1),
        max_order_won=st.just(1),
        max_quantity=st.integers(1, 5),
    ),
    st.integers(-(10**9), 10**9),
    st.integers(-(10**9), 10**9),
    st.lists(st.integers(-(10**8), 10**8), max_size=6),
    st.sampled_from([None, *LockScope]),
    st.booleans(),
    st.integers(1, 10**6),
    st.one_of(st.none(), st.integers(-5, 10**6)),
    st.sampled_from([SAMSUNG, HYNIX]),
)
def test_nothing_in_the_world_has_the_risk_manager_deny_a_sale(
    limits: RiskLimits,
    cash: int,
    base: int,
    results: list[int],
    lock: LockScope | None,
    on_trial: bool,
    quantity: int,
    price: int | None,
    symbol: Symbol,
) -> None:
    book = Book(day=TODAY, statement_cash=cash, day_base_equity=base, holdings_value=base, day_base_of=TODAY)
    for number, result in enumerate(results):
        book.put_trade(a_trade(OrderKey(str(number)), symbol=symbol, realized_pnl=result))
    if lock is not None:
        (book.locked if lock is LockScope.ALL else book.entry_locks)[symbol] = a_lock(symbol=symbol, scope=lock)
    if on_trial:
        book.trial = Trial(since=TEN_O_CLOCK - timedelta(hours=1), size_pct=25.0, most_entries=0)
    manager = a_manager(book)
    manager._rules = replace(manager._rules, limits=limits)

    verdict = manager.check(an_exit(symbol=symbol, quantity=quantity), price)

    assert verdict == Allowed()
    assert an_exit().side is Side.SELL
