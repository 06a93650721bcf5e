"""From an exit's reason to its order: each rule, each hour, each refusal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from kis_daemon.domain.exits import GapReference, GapRules
from kis_daemon.domain.locks import LockScope
from kis_daemon.domain.market import Bar, QuoteSource, Side
from kis_daemon.domain.orders import OrderState, OrderType
from kis_daemon.domain.positions import Position
from kis_daemon.domain.safeguards import KillSwitchScope
from kis_daemon.ports import BrokerUnreachable, FeedState, MarketClosed, NothingToSell, OrderRefused
from tests.services.builders import HYNIX, SAMSUNG, TODAY, YESTERDAY, a_lock, a_position, at
from tests.services.fakes import Silence
from tests.services.trading import WEDNESDAY, Floor, a_floor, a_listing, indicators

STOP = 67_900  # a price under the stop of `a_position`
LOWER_LIMIT = a_listing().lower_limit


@pytest.fixture
def floor(tmp_path: Path) -> Iterator[Floor]:
    with a_floor(tmp_path) as made:
        yield made


def a_calm_position(**changes: Any) -> Position:
    """Return a position that nothing near its price of 70,000 asks to sell."""
    return a_position(**({"stop": 60_000, "trailing_armed": False, "highest": 70_000} | changes))


# each rule


@pytest.mark.parametrize(
    ("position", "price", "changes", "rule"),
    [
        (a_calm_position(), 70_000, {"open": 68_100}, "GAP_PROTECTION"),
        (a_position(), 68_000, {}, "ATR_STOP_LOSS"),
        (a_position(), 73_000, {}, "ATR_TAKE_PROFIT"),
        (a_position(), 69_500, {}, "TRAILING_STOP"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_exit_rule_sells_all_at_the_market(
    floor: Floor, position: Position, price: int, changes: dict[str, Any], rule: str
) -> None:
    floor.holds(position)

    floor.price(price, **changes)

    (intent,) = floor.sent
    assert (intent.rule, intent.side, intent.quantity) == (rule, Side.SELL, 10)
    assert (intent.order_type, intent.price) == (OrderType.MARKET, None)
    assert intent.correlation_id == position.correlation_id


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"sma": 69_500.5}, id="close under SMA"),
        pytest.param({"adx": 19.9}, id="ADX under 20"),
    ],
)
def test_a_broken_trend_is_sold_at_the_next_regular_price(floor: Floor, values: dict[str, Any]) -> None:
    floor.holds(a_calm_position(entry_day=YESTERDAY))
    floor.price(70_000)
    assert floor.sent == []
    floor.wait_until("15:31")
    floor.learn(SAMSUNG, indicators(last=_bar_of(TODAY), **values))
    floor.price(70_000)
    assert floor.sent == []
    floor.begin_day(WEDNESDAY)

    floor.price(70_000)

    assert floor.rules_sent() == ["TREND_BROKEN"]


@pytest.mark.parametrize(("bar_of", "is_sold"), [(date(2024, 2, 29), False), (YESTERDAY, True)])
def test_a_trend_is_judged_on_bars_of_the_entry_day_and_later(floor: Floor, bar_of: date, is_sold: bool) -> None:
    floor.holds(a_calm_position(entry_day=YESTERDAY))
    floor.learn(SAMSUNG, indicators(last=_bar_of(bar_of), adx=10.0))

    floor.price(70_000)

    assert bool(floor.sent) is is_sold


def test_a_broken_trend_that_cannot_be_sold_yet_is_sold_at_any_price_after(floor: Floor) -> None:
    floor.holds(a_calm_position())
    floor.learn(SAMSUNG, indicators(adx=10.0))
    floor.price(69_900, halted=True)

    floor.price(69_900)

    assert floor.rules_sent() == ["TREND_BROKEN"]


def _bar_of(day: date) -> Bar:
    return replace(indicators().last, date=day)


@pytest.mark.parametrize(
    ("position", "price", "changes", "rule"),
    [
        (a_position(), 67_000, {"open": 67_000}, "GAP_PROTECTION"),
        (a_position(), 67_000, {}, "ATR_STOP_LOSS"),
        (a_position(target=69_000), 69_300, {}, "ATR_TAKE_PROFIT"),
        (a_position(), 69_300, {}, "TRAILING_STOP"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_first_rule_of_several_sells(
    floor: Floor, position: Position, price: int, changes: dict[str, Any], rule: str
) -> None:
    floor.holds(position)
    floor.learn(SAMSUNG, indicators(adx=10.0))

    floor.price(price, **changes)

    assert floor.rules_sent() == [rule]


def test_exits_are_tested_at_every_price_not_only_at_bar_close(floor: Floor) -> None:
    floor.holds(a_position())

    floor.price(70_000)
    floor.price(STOP)
    floor.price(70_000)

    assert floor.rules_sent() == ["ATR_STOP_LOSS"]
    assert floor.sent[0].reason == "price 67900 <= stop 68000"


def test_one_exit_of_a_position_at_a_time(floor: Floor) -> None:
    floor.holds(a_position())

    for price in (69_400, STOP, STOP, 67_000):
        floor.price(price)

    assert floor.rules_sent() == ["TRAILING_STOP"]


# each hour


def test_an_exit_in_the_closing_auction_is_a_limit_at_the_lower_limit(floor: Floor) -> None:
    floor.holds(a_position())
    floor.go_to("15:20")

    floor.price(STOP)

    assert [(intent.order_type, intent.price) for intent in floor.sent] == [(OrderType.LIMIT, LOWER_LIMIT)]


def test_an_exit_in_a_vi_is_a_limit_at_the_lower_limit(floor: Floor) -> None:
    floor.holds(a_position())

    floor.price(STOP, in_vi=True)

    assert [(intent.order_type, intent.price) for intent in floor.sent] == [(OrderType.LIMIT, LOWER_LIMIT)]


def test_an_exit_in_an_auction_stays_until_the_day_ends(floor: Floor) -> None:
    floor.holds(a_position())
    floor.go_to("15:25")

    floor.price(STOP)
    floor.pass_time(280)

    assert floor.broker.cancelled == []
    assert floor.live(Side.SELL).state is OrderState.SUBMITTED


@pytest.mark.parametrize("clock", ["15:30", "15:45", "20:00"])
def test_nothing_is_sold_when_the_exchange_is_closed(floor: Floor, clock: str) -> None:
    floor.holds(a_position())
    floor.go_to(clock)

    floor.price(STOP)

    assert floor.sent == []


def test_a_price_of_the_session_that_comes_after_it_sells_nothing(floor: Floor) -> None:
    floor.holds(a_position())
    floor.go_to("15:30:02")

    floor.price(STOP, at=at("15:29:59"))

    assert floor.sent == []


def test_an_exit_waits_for_the_end_of_a_halt(floor: Floor) -> None:
    floor.holds(a_position())
    floor.price(STOP, halted=True)
    assert floor.sent == []

    floor.price(STOP)

    assert floor.rules_sent() == ["ATR_STOP_LOSS"]


def test_an_exit_in_an_auction_waits_for_the_lower_limit_to_be_known(floor: Floor) -> None:
    floor.holds(a_position(), listed=False)
    floor.price(STOP, in_vi=True)
    assert floor.sent == []
    floor.book.listings[SAMSUNG] = a_listing()

    floor.price(STOP, in_vi=True)

    assert floor.sent[0].price == LOWER_LIMIT


# what an exit does not need


def test_a_stop_needs_neither_history_nor_universe_nor_listing(floor: Floor) -> None:
    floor.trader.watch([HYNIX])
    floor.holds(a_position(), listed=False)

    floor.price(STOP)

    assert floor.rules_sent() == ["ATR_STOP_LOSS"]


def _fail(floor: Floor) -> None:
    floor.broker.failing = BrokerUnreachable("a test")
    floor.reconcile()
    floor.broker.failing = None


def _pause(floor: Floor) -> None:
    floor.pause()


def _empty_universe(floor: Floor) -> None:
    floor.control.universe_ready = False


@pytest.mark.parametrize(
    "close_entries",
    [
        pytest.param(lambda floor: floor.activate(KillSwitchScope.ENTRIES), id="kill switch for entries"),
        pytest.param(lambda floor: floor.control.on_feed_state(FeedState(connected=False)), id="stream down"),
        pytest.param(_fail, id="broker unreachable"),
        pytest.param(_pause, id="paused"),
        pytest.param(_empty_universe, id="no universe"),
        pytest.param(lambda floor: floor.doubt(), id="an order in doubt"),
        pytest.param(lambda floor: floor.pass_time(600), id="reconciliation old"),
    ],
)
def test_a_stop_fires_while_only_exits_may_pass(floor: Floor, close_entries: Callable[[Floor], None]) -> None:
    floor.holds(a_position())
    floor.is_ready_to_buy(HYNIX)
    close_entries(floor)

    floor.price(70_000, symbol=HYNIX)
    floor.price(STOP)

    assert floor.rules_sent() == ["ATR_STOP_LOSS"]


def test_one_unfilled_buy_blocks_no_stop(floor: Floor) -> None:
    floor.holds(a_position())
    floor.is_ready_to_buy(HYNIX)
    floor.price(70_000, symbol=HYNIX)
    assert floor.live(Side.BUY, HYNIX).state is OrderState.SUBMITTED

    floor.price(STOP)

    assert floor.rules_sent()[1:] == ["ATR_STOP_LOSS"]


def test_nothing_is_sold_while_halted_and_it_is_told_once(floor: Floor) -> None:
    floor.holds(a_position())
    floor.activate(KillSwitchScope.ALL)

    for _ in range(3):
        floor.price(STOP)

    assert floor.sent == []
    assert floor.told("order_blocked_killswitch") == 1
    assert len(floor.events("order_blocked_killswitch")) == 1
    assert floor.rows(lambda rows: rows.count_refused_requests()) == 1


def test_what_was_halted_is_sold_after_the_release(floor: Floor) -> None:
    floor.holds(a_position())
    floor.activate(KillSwitchScope.ALL)
    floor.price(STOP)
    floor.release()

    floor.price(STOP)

    assert floor.rules_sent() == ["ATR_STOP_LOSS"]
    assert floor.sent[0].signal_id.endswith("|0")


def test_a_locked_symbol_is_not_sold_and_a_person_is_told_once(floor: Floor) -> None:
    floor.holds(a_position())
    floor.book.locked[SAMSUNG] = a_lock(scope=LockScope.ALL, reason="20 shares held, 10 bought by us")

    for price in (STOP, 67_800, 67_700):
        floor.price(price)

    assert floor.sent == []
    assert [fact["reason"] for fact in floor.events("exit_pending")] == ["20 shares held, 10 bought by us"]


def test_no_more_is_sold_than_the_broker_lets_us_sell(floor: Floor) -> None:
    floor.holds(a_position())
    floor.book.sellable_cap[SAMSUNG] = 4

    floor.price(STOP)

    assert [intent.quantity for intent in floor.sent] == [4]


def test_an_exit_that_the_broker_lets_nothing_be_sold_of_is_told_once(floor: Floor) -> None:
    floor.holds(a_position())
    floor.book.sellable_cap[SAMSUNG] = 0
    for price in (STOP, 67_800, 67_700):
        floor.price(price)
    assert floor.sent == []
    assert floor.told("exit_pending") == 1
    floor.book.sellable_cap.clear()

    floor.price(STOP)

    assert floor.rules_sent() == ["ATR_STOP_LOSS"]


# gap protection


def test_the_gap_rule_does_not_fire_on_the_entry_day(floor: Floor) -> None:
    floor.holds(a_calm_position(entry_day=TODAY))

    floor.price(70_000, open=60_100)

    assert floor.sent == []


@pytest.mark.parametrize(
    ("open_price", "is_sold"),
    [(68_150, False), (68_100, True), (71_500, False), (69_500, False)],
)
def test_the_gap_rule_fires_on_a_loss_gap_beyond_its_threshold(floor: Floor, open_price: int, is_sold: bool) -> None:
    floor.holds(a_calm_position())

    floor.price(70_000, open=open_price)

    assert bool(floor.sent) is is_sold


@pytest.mark.parametrize("threshold", [None, 0.0, -2.0])
def test_the_gap_rule_without_a_threshold_is_off(tmp_path: Path, threshold: float | None) -> None:
    with a_floor(tmp_path, gap=GapRules(threshold_pct=threshold)) as floor:
        floor.holds(a_calm_position())

        floor.price(70_000, open=61_000)

        assert floor.sent == []


def test_the_gap_rule_looks_once_a_day(floor: Floor) -> None:
    floor.holds(a_calm_position())
    floor.price(70_000, open=69_500)

    floor.price(68_000, open=68_000)
    assert floor.sent == []
    floor.begin_day(WEDNESDAY)
    floor.price(70_000, open=68_000)

    assert floor.rules_sent() == ["GAP_PROTECTION"]


def test_the_gap_rule_uses_the_official_open_when_started_later(floor: Floor) -> None:
    floor.holds(a_calm_position())
    floor.go_to("11:00")

    floor.price(70_500, open=68_100)

    assert floor.rules_sent() == ["GAP_PROTECTION"]


def test_the_gap_rule_waits_for_the_days_first_trade(floor: Floor) -> None:
    """A question before a late opening brings yesterday's close, without an open."""
    floor.holds(a_calm_position())
    floor.begin_day(WEDNESDAY)
    floor.price(69_500, open=0, high=0, low=0, day_volume=0, source=QuoteSource.REST)

    floor.price(68_300, open=68_100)

    assert floor.rules_sent() == ["GAP_PROTECTION"]


def test_the_gap_rule_waits_for_a_listing_that_comes_late(floor: Floor) -> None:
    floor.holds(a_calm_position(), listed=False)
    floor.price(68_300, open=68_100)
    floor.book.listings[SAMSUNG] = a_listing()

    floor.price(68_400, open=68_100)

    assert floor.rules_sent() == ["GAP_PROTECTION"]


def test_what_the_gap_decided_stands_until_it_is_sold(floor: Floor) -> None:
    floor.holds(a_calm_position())
    floor.price(68_100, open=68_100, halted=True)
    assert floor.sent == []

    floor.price(70_100)
    floor.pass_time(136)
    floor.reconcile()
    floor.price(70_200)
    floor.fill(10, 70_200)
    floor.price(70_300)

    assert floor.rules_sent() == ["GAP_PROTECTION"] * 2
    assert SAMSUNG not in floor.book.positions


def test_the_gap_is_told_with_the_prices_that_decided(floor: Floor) -> None:
    floor.holds(a_calm_position())

    floor.price(70_000, open=68_100)

    assert floor.told("gap_exit") == 1
    (fact,) = floor.events("gap_exit")
    assert (fact["open_price"], fact["reference"], fact["reference_price"]) == (68_100, "prev_close", 69_500)
    assert fact["raw_gap_pct"] == pytest.approx(-2.014388)
    assert (fact["threshold_pct"], fact["triggered"], fact["reason"]) == (2.0, True, "GAP_PROTECTION")


@pytest.mark.parametrize(
    ("reference", "open_price", "is_sold"),
    [
        (GapReference.ENTRY, 68_600, False),
        (GapReference.ENTRY, 68_500, True),
        (GapReference.STOP, 58_900, False),
        (GapReference.STOP, 58_700, True),
    ],
)
def test_the_gap_may_be_measured_from_entry_or_stop(
    tmp_path: Path, reference: GapReference, open_price: int, is_sold: bool
) -> None:
    with a_floor(tmp_path, gap=GapRules(reference=reference)) as floor:
        floor.holds(a_calm_position())

        floor.price(70_000, open=open_price)

        assert bool(floor.sent) is is_sold


# trailing


def test_trailing_once_armed_is_kept_in_its_row(floor: Floor) -> None:
    floor.holds(a_calm_position())
    floor.price(70_600)
    assert floor.events("trailing_armed") == []

    floor.price(70_700)

    (position,) = floor.rows(lambda rows: rows.open_positions())
    assert (position.trailing_armed, position.highest) == (True, 70_700)
    assert len(floor.events("trailing_armed")) == 1


def test_trailing_stop_is_not_ignored_once_profit_falls_below_its_arming_level(floor: Floor) -> None:
    floor.holds(a_calm_position())
    floor.price(70_700)

    floor.price(68_800)
    assert floor.sent == []
    floor.price(68_700)

    assert floor.rules_sent() == ["TRAILING_STOP"]
    assert floor.sent[0].reason == "price 68700 <= trailing 68700 (highest 70700)"


def test_trailing_stays_armed_over_a_restart(tmp_path: Path) -> None:
    with a_floor(tmp_path) as before:
        before.holds(a_calm_position())
        before.price(70_700)
        before.rows(lambda rows: None)
    with a_floor(tmp_path) as after:
        after.holds(after.rows(lambda rows: rows.open_positions())[0])

        after.price(68_700)

        assert after.rules_sent() == ["TRAILING_STOP"]


def test_the_trailing_level_only_rises(floor: Floor) -> None:
    floor.holds(a_calm_position())
    for price in (71_000, 70_200, 70_800):
        floor.price(price)
    assert floor.position().highest == 71_000

    floor.price(69_000)

    assert floor.rules_sent() == ["TRAILING_STOP"]


# refusals and repetitions


@pytest.mark.parametrize(
    ("refusal", "wait_s"),
    [(MarketClosed("closed", code="40580000"), 300), (OrderRefused("no", code="40910000"), 10)],
    ids=["market closed", "any other"],
)
def test_a_refused_exit_waits_and_is_told_once(floor: Floor, refusal: OrderRefused, wait_s: int) -> None:
    floor.holds(a_position())
    floor.broker.answers.extend([refusal, refusal])
    floor.price(STOP)

    floor.pass_time(wait_s - 1)
    floor.price(STOP)
    assert len(floor.sent) == 1
    floor.pass_time(1)
    floor.price(STOP)
    floor.pass_time(wait_s)
    floor.price(STOP)

    assert [intent.signal_id[-1] for intent in floor.sent] == ["0", "1", "2"]
    assert floor.told("exit_pending") == 1
    (fact,) = floor.events("exit_pending")
    assert (fact["rule"], fact["reason"]) == ("ATR_STOP_LOSS", f"{refusal.code} {refusal}")


def test_a_clock_that_is_set_back_does_not_make_a_refused_exit_wait_longer(floor: Floor) -> None:
    floor.holds(a_position())
    floor.broker.answers.append(MarketClosed("closed"))
    floor.price(STOP)

    floor.clock._origin -= timedelta(minutes=20)
    floor.price(STOP, at=at("10:00:05"))

    assert [intent.signal_id[-1] for intent in floor.sent] == ["0", "1"]


def test_a_pending_exit_is_cleared_once_when_it_is_sold(floor: Floor) -> None:
    floor.holds(a_position())
    floor.broker.answers.append(MarketClosed("closed"))
    floor.price(STOP)
    floor.pass_time(300)
    floor.price(STOP)
    assert floor.told("exit_pending_cleared") == 0

    floor.fill(10, STOP)
    floor.price(70_000)

    assert floor.told("exit_pending_cleared") == 1


def test_another_reason_for_a_pending_exit_is_told_too(floor: Floor) -> None:
    floor.holds(a_position())
    floor.broker.answers.extend([OrderRefused("no"), OrderRefused("no")])
    floor.price(69_400)
    floor.pass_time(10)

    floor.price(STOP)

    assert [fact["rule"] for fact in floor.events("exit_pending")] == ["TRAILING_STOP", "ATR_STOP_LOSS"]


def test_a_pending_exit_is_cleared_when_the_shares_are_gone(floor: Floor) -> None:
    floor.holds(a_position())
    floor.broker.answers.append(NothingToSell("0 sellable"))
    floor.price(STOP)
    floor.broker.hold(SAMSUNG, 0)

    for _ in range(3):
        floor.pass_time(10)
        floor.reconcile()

    assert floor.book.positions == {}
    assert floor.told("exit_pending_cleared") == 1


def test_a_second_attempt_has_the_next_number_and_a_new_key(floor: Floor) -> None:
    floor.holds(a_position())
    floor.price(STOP)
    floor.pass_time(134)
    assert floor.broker.cancelled == []
    floor.pass_time(2)
    floor.reconcile()

    floor.price(STOP)

    first, second = floor.rows(lambda rows: rows.orders_of(TODAY))
    assert [order.intent.signal_id[-1] for order in (first, second)] == ["0", "1"]
    assert first.key != second.key
    assert [order.state for order in (first, second)] == [OrderState.CANCELLED, OrderState.SUBMITTED]


def test_after_a_partial_exit_the_rest_is_sold_and_both_results_count(floor: Floor) -> None:
    floor.holds(a_position())
    floor.price(STOP)
    floor.fill(4, STOP)
    assert floor.position().quantity == 6
    floor.pass_time(136)
    floor.reconcile()

    floor.price(67_800)
    floor.fill(6, 67_800)

    assert [(intent.quantity, intent.signal_id[-1]) for intent in floor.sent] == [(10, "0"), (6, "1")]
    assert floor.rows(lambda rows: rows.open_positions()) == ()
    trades = floor.rows(lambda rows: rows.all_trades())
    proceeds = sum(trade.amount - trade.fee - trade.tax for trade in trades)
    assert sum(trade.realized_pnl for trade in trades) == proceeds - 700_000 - 98
    assert floor.book.realized_today == sum(trade.realized_pnl for trade in trades)


def test_an_exit_first_withdraws_the_live_buy_of_its_symbol(floor: Floor) -> None:
    floor.is_ready_to_buy()
    floor.price(70_000)
    floor.fill(4, 70_000, Side.BUY)
    buy = floor.live(Side.BUY)

    floor.price(67_000)
    floor.pass_time(2)
    floor.reconcile()

    assert floor.broker.cancelled == [buy.order_no]
    assert [(intent.side, intent.quantity) for intent in floor.sent] == [(Side.BUY, 28), (Side.SELL, 4)]


def test_what_a_withdrawn_buy_still_brings_is_kept_and_sold_by_a_second_attempt(floor: Floor) -> None:
    floor.is_ready_to_buy()
    floor.price(70_000)
    floor.fill(4, 70_000, Side.BUY)
    floor.broker.cancel_answers.append(Silence(arrived=False))
    floor.price(67_000)
    floor.pass_time(3)
    floor.fill(4, 67_000)
    assert SAMSUNG not in floor.book.positions

    floor.fill(24, 70_000, Side.BUY)
    kept = floor.rows(lambda rows: rows.open_positions())
    floor.price(67_000)

    assert [(position.symbol, position.quantity) for position in kept] == [(SAMSUNG, 24)]
    assert [(intent.side, intent.quantity, intent.signal_id[-1]) for intent in floor.sent] == [
        (Side.BUY, 28, "0"),
        (Side.SELL, 4, "0"),
        (Side.SELL, 24, "1"),
    ]
