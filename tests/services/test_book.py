"""The book: slots, day counts and what may be spent."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta

import pytest

from kis_daemon.domain.market import Side
from kis_daemon.domain.orders import Order, OrderKey, OrderNo, OrderState, OrderType
from kis_daemon.services.book import Book
from tests.services.builders import (
    HYNIX,
    SAMSUNG,
    TEN_O_CLOCK,
    TODAY,
    YESTERDAY,
    a_position,
    a_sent_order,
    a_trade,
    an_exit,
    an_intent,
    an_order,
    at,
)

TOMORROW = TODAY + timedelta(days=1)


def a_book(*orders: Order) -> Book:
    book = Book(day=TODAY)
    for order in orders:
        book.put(order)
    return book


def test_a_slot_is_taken_once() -> None:
    book = a_book()
    book.begin(an_order())

    with pytest.raises(ValueError, match="BUY of 005930 is live already"):
        book.begin(an_order(an_intent(attempt=1)))


def test_both_sides_of_a_symbol_have_a_slot_each() -> None:
    book = a_book()
    book.begin(an_order())
    book.begin(an_order(an_exit()))

    assert {side for _, side in book.live} == {Side.BUY, Side.SELL}


def test_an_order_never_written_gives_its_slot_back_and_is_forgotten() -> None:
    book = a_book()
    book.begin(an_order())

    book.forget(an_order())

    assert book.live == {}
    assert book.orders == {}


@pytest.mark.parametrize("state", OrderState)
def test_only_a_live_order_keeps_its_slot(state: OrderState) -> None:
    book = a_book(a_sent_order(state=state))

    assert (book.live_order(SAMSUNG, Side.BUY) is not None) is a_sent_order(state=state).is_live


def test_an_unconfirmed_order_counts_as_open() -> None:
    assert a_book(an_order(state=OrderState.UNCONFIRMED)).live_orders() != ()


def test_a_terminal_order_does_not_free_the_slot_of_another() -> None:
    first, second = a_sent_order(), a_sent_order(an_intent(attempt=1), order_no=OrderNo("2"))
    book = a_book(replace(first, state=OrderState.CANCELLED), second)

    book.put(replace(first, state=OrderState.CANCELLED, version=9))

    assert book.live_order(SAMSUNG, Side.BUY) == second


def test_attempts_are_counted_by_signal() -> None:
    book = a_book(
        a_sent_order(state=OrderState.CANCELLED),
        a_sent_order(an_intent(attempt=1), order_no=OrderNo("2"), state=OrderState.CANCELLED),
        a_sent_order(an_intent(entry_seq=2), order_no=OrderNo("3")),
        a_sent_order(an_intent(symbol=HYNIX), order_no=OrderNo("4")),
    )

    assert book.attempts(SAMSUNG, "breakout", TODAY, 1) == 2
    assert book.attempts(SAMSUNG, "breakout", TOMORROW, 1) == 0


def test_an_entry_that_bought_nothing_does_not_raise_the_next_number() -> None:
    bought = a_sent_order(state=OrderState.CANCELLED, filled_quantity=4, filled_amount=280_000)
    nothing = a_sent_order(an_intent(attempt=1), order_no=OrderNo("2"), state=OrderState.CANCELLED)

    assert a_book(nothing).next_entry_seq(SAMSUNG, TODAY) == 1
    assert a_book(nothing, bought).next_entry_seq(SAMSUNG, TODAY) == 2


# --- the day -----------------------------------------------------------------------------------------------------


def test_a_new_day_counts_from_nothing_and_keeps_what_is_live() -> None:
    live = a_sent_order()
    over = a_sent_order(an_intent(symbol=HYNIX), order_no=OrderNo("2"), state=OrderState.FILLED, filled_quantity=10)
    book = a_book(live, over)
    book.put_trade(a_trade(over.key))

    book.start_day(TOMORROW)

    assert list(book.orders) == [live.key]
    assert book.trades_today == []
    assert (book.realized_today, book.entries_today()) == (0, 0)


def test_the_same_day_twice_forgets_nothing() -> None:
    book = a_book()
    book.put_trade(a_trade(OrderKey("k")))

    book.start_day(TODAY)

    assert len(book.trades_today) == 1


def test_the_losses_of_the_day_are_counted_again_after_a_restart() -> None:
    book = Book()
    book.trades_today.extend(
        [
            a_trade(OrderKey("k"), correlation_id="first", realized_pnl=-5_000),
            a_trade(OrderKey("l"), correlation_id="second", realized_pnl=-1),
        ]
    )

    book.start_day(TODAY)

    assert book.realized_today == -5_001
    assert book.consecutive_losses == 2


def test_the_trade_of_one_order_counts_once() -> None:
    book = a_book()

    book.put_trade(a_trade(OrderKey("k"), quantity=3, realized_pnl=-3))
    book.put_trade(a_trade(OrderKey("k"), quantity=10, realized_pnl=-10))

    assert [trade.quantity for trade in book.trades_today] == [10]
    assert book.realized_today == -10


def test_losses_in_a_row_end_with_a_profit() -> None:
    book = a_book()
    for number, profit in enumerate((-1, -1, 5, -1)):
        book.put_trade(a_trade(OrderKey(str(number)), correlation_id=f"p{number}", realized_pnl=profit))

    assert book.consecutive_losses == 1


def test_a_position_sold_in_parts_is_lost_once() -> None:
    book = a_book()
    for number, (position, profit) in enumerate((("p1", -3), ("p1", -4), ("p2", -1), ("p3", -9), ("p3", 20))):
        book.put_trade(a_trade(OrderKey(str(number)), correlation_id=position, realized_pnl=profit))

    assert book.consecutive_losses == 0
    assert book.figures(()).worst_losses_in_a_row == 3  # while only the first part of p3 was sold
    assert book.realized_today == 3


def test_the_lowest_the_day_has_been_is_kept_in_every_part_of_a_restart() -> None:
    trades = [
        a_trade(OrderKey(str(number)), correlation_id=f"p{number}", realized_pnl=profit)
        for number, profit in enumerate((100, -700, 900, -50))
    ]
    lived, restarted = a_book(), Book()
    for trade in trades:
        lived.put_trade(trade)
    restarted.trades_today.extend(trades)
    restarted.start_day(TODAY)

    assert lived.worst_realized_today == restarted.worst_realized_today == -600
    assert lived.figures(()) == restarted.figures(())


def test_what_a_later_fill_of_an_earlier_order_makes_good_stays_reached() -> None:
    book = a_book()
    for key, profit in (("early", 10), ("late", -900), ("early", 800)):
        book.put_trade(a_trade(OrderKey(key), correlation_id=key, realized_pnl=profit))

    assert (book.realized_today, book.worst_realized_today) == (-100, -890)


def test_the_worst_of_the_day_is_taken_over_on_that_day_only() -> None:
    same, next_day = Book(), Book()
    for book in (same, next_day):
        book.load_worst(f"{TODAY}|-890|2")

    same.start_day(TODAY)
    next_day.start_day(TOMORROW)

    assert (same.worst_realized_today, same.figures(()).worst_losses_in_a_row) == (-890, 2)
    assert (next_day.worst_realized_today, next_day.figures(()).worst_losses_in_a_row) == (0, 0)


def test_losses_belong_to_the_day_it_is_in_seoul() -> None:
    before, after = at("23:59:59", YESTERDAY), at("00:00:00")
    book = Book()
    book.trades_today.extend(
        [a_trade(OrderKey("k"), at=before, realized_pnl=-900), a_trade(OrderKey("l"), at=after, realized_pnl=-5)]
    )

    book.start_day(TODAY)

    assert (before.astimezone(UTC).date(), after.astimezone(UTC).date()) == (YESTERDAY, YESTERDAY)
    assert (book.realized_today, book.worst_realized_today) == (-5, -5)


def test_entries_of_the_last_minute_count_whatever_became_of_them() -> None:
    book = a_book(
        a_sent_order(created_at=at("09:58:59")),
        a_sent_order(
            an_intent(symbol=HYNIX), order_no=OrderNo("2"), created_at=at("09:59:30"), state=OrderState.REJECTED
        ),
        a_sent_order(an_exit(), order_no=OrderNo("3"), created_at=at("09:59:40")),
    )

    assert book.figures((), TEN_O_CLOCK).entries_last_minute == 1


def test_a_stop_begins_the_cool_down_and_another_exit_does_not() -> None:
    book = a_book()

    book.put_trade(a_trade(OrderKey("k")))
    book.put_trade(a_trade(OrderKey("l"), symbol=HYNIX, rule="ATR_TAKE_PROFIT"))

    assert book.stopped_on == {SAMSUNG: TODAY}


def test_entries_of_a_day_are_those_that_live_or_bought() -> None:
    book = a_book(
        a_sent_order(),
        a_sent_order(an_intent(symbol=HYNIX), order_no=OrderNo("2"), state=OrderState.REJECTED),
        a_sent_order(an_intent(attempt=1), order_no=OrderNo("3"), state=OrderState.CANCELLED, filled_quantity=1),
        a_sent_order(an_exit(), order_no=OrderNo("4")),
        a_sent_order(an_intent(attempt=2), order_no=OrderNo("5"), state=OrderState.FILLED, day=YESTERDAY),
    )

    assert book.entries_today() == 2


# --- the account -------------------------------------------------------------------------------------------------


def test_a_live_buy_reserves_what_it_may_still_spend() -> None:
    book = a_book(a_sent_order(state=OrderState.PARTIAL, filled_quantity=4, filled_amount=280_000))
    book.statement_cash, book.holdings_value = 1_000_000, 280_000

    figures = book.figures(())

    assert figures.cash == 1_000_000 - (703_000 - 280_000)
    assert figures.equity == 1_280_000


def test_reserved_cash_is_never_below_zero() -> None:
    assert a_book(a_sent_order()).figures(()).cash == 0


def test_a_symbol_held_or_being_bought_is_busy() -> None:
    book = a_book(a_sent_order(an_intent(symbol=HYNIX)), a_sent_order(an_exit(), order_no=OrderNo("2")))
    book.positions[SAMSUNG] = a_position()

    assert book.figures([HYNIX]).busy_symbols == {SAMSUNG, HYNIX}
    assert book.figures([HYNIX]).resting_symbols == {HYNIX}


def test_a_market_order_has_no_notional_before_it_is_filled() -> None:
    book = a_book(a_sent_order(an_intent(order_type=OrderType.MARKET, price=None)))
    book.statement_cash = 5

    assert book.figures(()).cash == 5


def test_an_empty_name_teaches_nothing() -> None:
    book = a_book()
    book.positions[SAMSUNG] = a_position(name="")

    book.rename(SAMSUNG, "삼성전자")
    book.rename(SAMSUNG, "")

    assert book.names[SAMSUNG] == book.positions[SAMSUNG].name == "삼성전자"


def test_a_stop_of_an_earlier_trade_keeps_its_own_day() -> None:
    book = a_book()

    book.put_trade(a_trade(OrderKey("k"), at=at("15:00", YESTERDAY)))

    assert book.stopped_on == {SAMSUNG: YESTERDAY}
