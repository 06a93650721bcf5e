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
from kis_daemon.domain.market import Quote, Side, Symbol
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
    a_quote,
    a_trade,
    an_exit,
    an_intent,
    at,
)
from tests.services.trading import Floor, a_floor, a_listing, the_calendar

STOP = 67_000
QUOTE = a_quote()


class StoppedClock:
    def now(self) -> Any:
        return TEN_O_CLOCK

    async def sleep_until(self, when: Any) -> None:
        raise AssertionError(f"nobody waits here until {when}")


def a_manager(book: Book, quote: Quote | None = QUOTE, **limits: Any) -> RiskManager:
    rules = TradingRules(
        entry=EntryRules(),
        protection=ProtectionRules(),
        trend_break=TrendBreakRules(),
        gap=GapRules(),
        limits=RiskLimits(**limits),
        commission_ppb=COMMISSION_PPB,
    )
    return RiskManager(book=book, calendar=the_calendar(), clock=StoppedClock(), rules=rules, quote=lambda _: quote)


def a_book() -> Book:
    book = Book(day=TODAY, statement_cash=10_000_000, day_base_equity=10_000_000, day_base_of=TODAY)
    book.listings[SAMSUNG] = a_listing()
    return book


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
    verdict = a_manager(a_book(), **limits).check(an_intent())

    assert isinstance(verdict, Denied)
    assert verdict.code == code


def test_a_market_order_is_valued_at_what_is_offered() -> None:
    order = an_intent(order_type=OrderType.MARKET, price=None)

    assert isinstance(a_manager(a_book(), max_order_won=700_000).check(order), Allowed)
    assert a_manager(a_book(), max_order_won=699_999).check(order) == Denied(
        code="order_amount", reason="700000 won > 699999 an order"
    )


@pytest.mark.parametrize(
    ("quote", "listing", "price", "code"),
    [
        (replace(QUOTE, at=at("09:59:54")), {}, 70_300, "stale"),
        (None, {}, 70_300, "no_price"),
        (replace(QUOTE, ask=0), {}, 70_300, "no_price"),
        (replace(QUOTE, halted=True), {}, 70_300, "halted"),
        (replace(QUOTE, in_vi=True), {}, 70_300, "in_vi"),
        (replace(QUOTE, price=90_300, ask=90_300), {}, 70_300, "upper_limit"),
        (QUOTE, {"suspended": True}, 70_300, "halted"),
        (QUOTE, {"under_administration": True}, 70_300, "under_administration"),
        (QUOTE, {"in_liquidation": True}, 70_300, "in_liquidation"),
        (QUOTE, {}, 70_301, "tick"),
        (QUOTE, {}, 95_000, "price_limits"),
        (QUOTE, {}, 70_300, None),
    ],
)
def test_a_market_in_no_state_to_buy_in_refuses_an_entry_whoever_wants_it(
    quote: Quote | None, listing: dict[str, Any], price: int, code: str | None
) -> None:
    book = a_book()
    book.listings[SAMSUNG] = a_listing(**listing)

    verdict = a_manager(book, quote).check(an_intent(price=price))

    assert (verdict.code if isinstance(verdict, Denied) else None) == code


def test_an_auction_refuses_an_entry_whoever_wants_it(floor: Floor) -> None:
    floor.wait_until("15:21")
    floor.board.publish(a_quote(at=floor.now))

    verdict = floor.risk.check(an_intent())

    assert isinstance(verdict, Denied)
    assert verdict.code == "not_continuous"


def test_a_symbol_of_which_the_account_holds_shares_that_are_not_ours_is_not_bought() -> None:
    book = a_book()
    book.external[SAMSUNG] = 3

    assert a_manager(book).check(an_intent()) == Denied(
        code="external", reason="3 shares of 005930 are in the account, not ours"
    )


@pytest.mark.parametrize("scope", LockScope)
def test_no_lock_lets_an_entry_pass(scope: LockScope) -> None:
    book = a_book()
    (book.locked if scope is LockScope.ALL else book.entry_locks)[SAMSUNG] = a_lock(scope=scope)

    assert a_manager(book).check(an_intent()) == Denied(
        code="locked", reason="005930 is locked by kim: earnings tomorrow"
    )


def test_a_lock_that_is_over_lets_it_pass_before_anybody_has_cleared_it() -> None:
    book = a_book()
    book.entry_locks[SAMSUNG] = a_lock(expires_at=TEN_O_CLOCK)

    assert isinstance(a_manager(book).check(an_intent()), Allowed)


def test_limits_are_the_same_after_a_restart(tmp_path: Path) -> None:
    """The daily loss limit of an earlier system was forgotten on restart, and a partial exit's loss not counted."""
    with a_floor(tmp_path) as floor:
        floor.holds(a_position(quantity=1_000, cost=70_000_000))
        floor.price(STOP)
        floor.fill(100, 60_000)
        before = floor.risk.figures()
        assert before.realized_today < -1_000_000
        again = Book(day_base_of=TODAY, day_base_equity=before.day_base_equity)
        again.load_worst(floor.rows(lambda rows: rows.mark("worst_of_the_day")))
        again.trades_today.extend(floor.rows(lambda rows: rows.trades(TODAY, TODAY)))
        again.start_day(TODAY)

        after = a_manager(again).figures()

    assert again.worst_of == (TODAY, before.realized_today, 1)
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

    verdict = manager.check(an_exit(symbol=symbol, quantity=quantity))

    assert verdict == Allowed()
    assert an_exit().side is Side.SELL
