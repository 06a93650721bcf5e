"""From a breakout to an order: every condition refuses alone, and all of them together let one order pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from kis_daemon.domain.market import Market, QuoteSource, Side, move_ticks
from kis_daemon.domain.orders import OrderState, OrderType
from kis_daemon.domain.risk import RiskLimits, Sizing, Trial
from kis_daemon.domain.strategy import ENTRY_RULE, EntryRules
from kis_daemon.ports import FeedState, InsufficientCash
from tests.services.builders import (
    HYNIX,
    SAMSUNG,
    TEN_O_CLOCK,
    TODAY,
    YESTERDAY,
    a_mandate,
    a_position,
    a_quote,
    a_trade,
)
from tests.services.trading import LEVEL, WEDNESDAY, Floor, a_floor, a_listing, indicators

BREAKOUT = 70_000


@pytest.fixture
def floor(tmp_path: Path) -> Iterator[Floor]:
    with a_floor(tmp_path) as made:
        made.is_ready_to_buy()
        yield made


def test_a_breakout_with_nothing_against_it_is_bought(floor: Floor) -> None:
    floor.price(BREAKOUT)

    (intent,) = floor.sent
    assert (intent.symbol, intent.side, intent.order_type) == (SAMSUNG, Side.BUY, OrderType.LIMIT)
    assert intent.rule == ENTRY_RULE
    assert intent.atr == 1_000.0
    assert "price 70000 > high 69900" in intent.reason
    (order,) = floor.rows(lambda rows: rows.live_orders())
    assert order.state is OrderState.SUBMITTED
    assert floor.events("signal_raised")[0]["signal_id"] == intent.signal_id


def _learn(**changes: Any) -> Callable[[Floor], None]:
    return lambda floor: floor.learn(SAMSUNG, indicators(**changes))


def _list(**changes: Any) -> Callable[[Floor], None]:
    return lambda floor: floor.book.listings.update({SAMSUNG: a_listing(**changes)})


def _unlist(floor: Floor) -> None:
    del floor.book.listings[SAMSUNG]


def _own_elsewhere(floor: Floor) -> None:
    floor.book.external[SAMSUNG] = 3


def _hold_it(floor: Floor) -> None:
    floor.holds(a_position())


def _leave_universe(floor: Floor) -> None:
    floor.trader.watch([HYNIX])


def _rest(floor: Floor) -> None:
    floor.book.stopped_on[SAMSUNG] = TODAY


def _lose_stream(floor: Floor) -> None:
    floor.control.on_feed_state(FeedState(connected=False, reason="a test"))


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(_learn(sma=69_500.0), id="trend is not up"),
        pytest.param(_learn(adx=24.9), id="trend is weak"),
        pytest.param(_learn(atr_spike=2.6), id="volatility spikes"),
        pytest.param(_learn(atr=0.0), id="ATR is 0"),
        pytest.param(_learn(bars=99), id="history is short"),
        pytest.param(lambda floor: floor.learn(SAMSUNG, None), id="no history"),
        pytest.param(_learn(highest_high=BREAKOUT), id="price is not above the level"),
        pytest.param(_list(suspended=True), id="suspended"),
        pytest.param(_list(under_administration=True), id="administration"),
        pytest.param(_list(in_liquidation=True), id="liquidation"),
        pytest.param(_list(upper_limit=BREAKOUT), id="upper limit"),
        pytest.param(_unlist, id="no listing"),
        pytest.param(_own_elsewhere, id="external position"),
        pytest.param(_hold_it, id="held"),
        pytest.param(_leave_universe, id="not in the universe"),
        pytest.param(_rest, id="cool-down"),
        pytest.param(_lose_stream, id="gate is EXIT_ONLY"),
    ],
)
def test_each_condition_of_an_entry_refuses_alone(floor: Floor, spoil: Callable[[Floor], None]) -> None:
    spoil(floor)

    floor.price(BREAKOUT)

    assert floor.sent == []
    assert floor.events("signal_raised") == []


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"halted": True}, id="halted"),
        pytest.param({"in_vi": True}, id="VI"),
        pytest.param({"ask": 0}, id="nobody offers"),
        pytest.param({"price": LEVEL}, id="at the level"),
    ],
)
def test_each_condition_of_a_price_refuses_alone(floor: Floor, changes: dict[str, Any]) -> None:
    floor.price(**({"price": BREAKOUT} | changes))

    assert floor.sent == []
    assert floor.events("signal_raised") == []


@pytest.mark.parametrize("clock", ["08:29", "08:45", "15:20", "15:29", "15:30", "16:00"])
def test_nothing_is_bought_outside_of_continuous_trading(floor: Floor, clock: str) -> None:
    floor.go_to(clock, TODAY if clock > "10:00" else WEDNESDAY)

    floor.price(BREAKOUT)

    assert floor.sent == []


@pytest.mark.parametrize("day", [date(2024, 3, 1), date(2024, 3, 2), date(2024, 4, 10)])
def test_the_order_gate_knows_holidays(tmp_path: Path, day: date) -> None:
    """Independence Movement Day, a Saturday, an election day."""
    with a_floor(tmp_path, now=TEN_O_CLOCK.replace(year=day.year, month=day.month, day=day.day)) as floor:
        floor.is_ready_to_buy()
        floor.holds(a_position(symbol=HYNIX, stop=140_000, entry_day=day - timedelta(days=10)))

        floor.price(BREAKOUT)
        floor.price(130_000, symbol=HYNIX)

        assert floor.sent == []


def test_a_symbol_whose_shares_are_being_sold_is_not_bought(floor: Floor) -> None:
    floor.holds(a_position())
    floor.price(67_900)
    del floor.book.positions[SAMSUNG]

    floor.price(BREAKOUT)

    assert [intent.side for intent in floor.sent] == [Side.SELL]


# price and quantity


@pytest.mark.parametrize("ask", [69_900, 70_000, 70_100])
def test_the_limit_is_three_ticks_above_the_ask(floor: Floor, ask: int) -> None:
    floor.price(BREAKOUT, ask=ask)

    assert floor.sent[0].price == move_ticks(ask, 3, Market.KOSPI, TODAY)


def test_the_limit_is_never_above_the_upper_limit(floor: Floor) -> None:
    floor.book.listings[SAMSUNG] = a_listing(upper_limit=70_200)

    floor.price(BREAKOUT)

    assert floor.sent[0].price == 70_200


def test_a_rest_quote_without_touch_is_bought_at_its_price(floor: Floor) -> None:
    floor.price(BREAKOUT, ask=0, bid=0, source=QuoteSource.REST)

    assert floor.sent[0].price == 70_300


@pytest.mark.parametrize(
    ("atr", "quantity"),
    [
        pytest.param(1_000.0, 28, id="by position share: 20 % of 10,000,000 at 70,300"),
        pytest.param(5_000.0, 10, id="by risk: 1 % of 10,000,000 over 10,000 won"),
    ],
)
def test_an_entry_is_sized_by_risk_and_share(floor: Floor, atr: float, quantity: int) -> None:
    floor.learn(SAMSUNG, indicators(atr=atr))

    floor.price(BREAKOUT)

    assert floor.sent[0].quantity == quantity


def test_an_entry_is_sized_by_the_cash_that_no_other_buy_has_reserved(floor: Floor) -> None:
    floor.book.statement_cash, floor.book.holdings_value = 2_100_000, 50_000_000
    floor.is_ready_to_buy(HYNIX)
    floor.price(BREAKOUT, symbol=HYNIX)

    floor.price(BREAKOUT)

    assert [intent.quantity for intent in floor.sent] == [29]
    assert floor.events("entry_denied")[0]["code"] == "size_zero"


def test_a_fixed_size_is_what_was_configured(tmp_path: Path) -> None:
    with a_floor(tmp_path, limits=RiskLimits(sizing=Sizing.FIXED, order_quantity=7)) as floor:
        floor.is_ready_to_buy()

        floor.price(BREAKOUT)

        assert floor.sent[0].quantity == 7


def test_the_largest_quantity_refuses_more(tmp_path: Path) -> None:
    with a_floor(tmp_path, limits=RiskLimits(max_quantity=3)) as floor:
        floor.is_ready_to_buy()

        floor.price(BREAKOUT)

        assert floor.sent[0].quantity == 3


# limits


def _one_is_held(floor: Floor) -> None:
    floor.holds(a_position(symbol=HYNIX))


def _one_was_bought(floor: Floor) -> None:
    floor.is_ready_to_buy(HYNIX)
    floor.broker.depth[HYNIX] = 1_000
    floor.price(BREAKOUT, symbol=HYNIX)
    floor.reconcile()
    floor.broker.sent.clear()
    assert HYNIX in floor.book.positions


def _one_was_lost(floor: Floor) -> None:
    floor.book.put_trade(a_trade(_key(1), symbol=HYNIX, rule="TREND_BROKEN", realized_pnl=-1))


def _much_was_lost(floor: Floor) -> None:
    floor.book.put_trade(a_trade(_key(1), symbol=HYNIX, rule="TREND_BROKEN", realized_pnl=-500_000))


def _one_was_begun(floor: Floor) -> None:
    floor.is_ready_to_buy(HYNIX)
    floor.price(BREAKOUT, symbol=HYNIX)
    floor.broker.sent.clear()


def _half_is_at_risk(floor: Floor) -> None:
    floor.book.statement_cash, floor.book.holdings_value = 5_000_000, 5_000_000


def _on_trial(floor: Floor) -> None:
    floor.book.trial = Trial(since=floor.now, size_pct=25.0, most_entries=0)


def _key(number: int) -> Any:
    return f"{number:064d}"


@pytest.mark.parametrize(
    ("limits", "reach", "code"),
    [
        (RiskLimits(max_positions=1), _one_is_held, "max_positions"),
        (RiskLimits(max_trades_a_day=1), _one_was_bought, "max_trades_a_day"),
        (RiskLimits(max_consecutive_losses=1), _one_was_lost, "consecutive_losses"),
        (RiskLimits(max_daily_loss_pct=5.0), _much_was_lost, "daily_loss"),
        (RiskLimits(max_position_pct=0.5), lambda floor: None, "size_zero"),
        (RiskLimits(risk_per_trade_pct=0.01), lambda floor: None, "size_zero"),
        (RiskLimits(max_order_won=60_000), lambda floor: None, "size_zero"),
        (RiskLimits(max_exposure_pct=50.0), _half_is_at_risk, "max_exposure"),
        (RiskLimits(max_entries_a_minute=1), _one_was_begun, "entry_rate"),
        (RiskLimits(), _on_trial, "breaker_half_open"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_limit_refuses_an_entry(
    tmp_path: Path, limits: RiskLimits, reach: Callable[[Floor], None], code: str
) -> None:
    with a_floor(tmp_path, limits=limits) as floor:
        reach(floor)
        floor.is_ready_to_buy()

        floor.price(BREAKOUT)

        assert floor.sent == []
        (denied,) = floor.events("entry_denied")
        assert (denied["symbol"], denied["code"]) == (SAMSUNG, code)


@pytest.mark.parametrize(
    "mandate",
    [
        pytest.param(None, id="none"),
        pytest.param(a_mandate(expires_at=TEN_O_CLOCK), id="expired"),
        pytest.param(a_mandate(symbols=(HYNIX,)), id="other symbol"),
        pytest.param(a_mandate(max_quantity=1), id="quantity"),
        pytest.param(a_mandate(max_notional_a_day=1_000_000), id="notional"),
    ],
)
def test_no_entry_is_placed_that_no_mandate_covers(tmp_path: Path, mandate: Any) -> None:
    with a_floor(tmp_path, mandate=mandate) as floor:
        floor.is_ready_to_buy()

        floor.price(BREAKOUT)

        assert floor.sent == []
        assert floor.events("entry_denied")[0]["code"] == "mandate"


def test_what_was_bought_today_counts_against_the_mandate(tmp_path: Path) -> None:
    with a_floor(tmp_path, mandate=a_mandate(max_notional_a_day=3_000_000)) as floor:
        floor.is_ready_to_buy()
        floor.is_ready_to_buy(HYNIX)
        floor.price(BREAKOUT, symbol=HYNIX)

        floor.price(BREAKOUT)

        assert [intent.symbol for intent in floor.sent] == [HYNIX]
        assert floor.events("entry_denied")[0]["code"] == "mandate"


@pytest.mark.parametrize(("stopped_on", "days", "is_bought"), [(TODAY, 1, False), (YESTERDAY, 1, True)])
def test_a_symbol_rests_on_the_day_of_its_stop(tmp_path: Path, stopped_on: date, days: int, is_bought: bool) -> None:
    with a_floor(tmp_path, entry=EntryRules(cooldown_days=days)) as floor:
        floor.is_ready_to_buy()
        floor.book.stopped_on[SAMSUNG] = stopped_on

        floor.price(BREAKOUT)

        assert bool(floor.sent) is is_bought


def test_a_cool_down_of_two_days_ends_on_the_third(tmp_path: Path) -> None:
    with a_floor(tmp_path, entry=EntryRules(cooldown_days=2)) as floor:
        floor.is_ready_to_buy()
        floor.book.stopped_on[SAMSUNG] = YESTERDAY
        floor.price(BREAKOUT)
        assert floor.sent == []
        floor.begin_day(WEDNESDAY)

        floor.price(BREAKOUT)

        assert len(floor.sent) == 1


def test_no_cool_down_is_kept_where_none_is_configured(tmp_path: Path) -> None:
    with a_floor(tmp_path, entry=EntryRules(cooldown_days=0)) as floor:
        floor.is_ready_to_buy()
        floor.book.stopped_on[SAMSUNG] = TODAY

        floor.price(BREAKOUT)

        assert len(floor.sent) == 1


def test_a_sold_stop_begins_the_cool_down(floor: Floor) -> None:
    floor.holds(a_position())
    floor.broker.depth[SAMSUNG] = 1_000
    floor.price(67_900)
    floor.reconcile()
    assert floor.rules_sent() == ["ATR_STOP_LOSS"]

    floor.price(BREAKOUT)

    assert floor.rules_sent() == ["ATR_STOP_LOSS"]
    assert floor.events("entry_denied")[0]["code"] == "cooldown"


# repetition


def test_the_same_tick_twice_is_one_order(floor: Floor) -> None:
    floor.price(BREAKOUT)
    floor.price(BREAKOUT)

    assert len(floor.sent) == 1


def test_two_ticks_in_one_stretch_are_one_order(floor: Floor) -> None:
    for volume in (1, 2, 3):
        floor.board.publish(a_quote(at=floor.now, day_volume=volume))
    floor.pass_time()

    assert len(floor.sent) == 1


def test_the_same_signal_keeps_its_key_from_minute_to_minute(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    keys = []
    for name, seconds, price in (("a", 0, 70_000), ("b", 185, 70_100)):
        with a_floor(tmp_path / name) as floor:
            floor.is_ready_to_buy()
            floor.pass_time(seconds)
            floor.price(price)
            keys.append(floor.live(Side.BUY).intent.signal_id)

    assert keys[0] == keys[1]


def test_an_unfilled_breakout_is_tried_three_times_and_then_left(floor: Floor) -> None:
    for _ in range(5):
        floor.price(BREAKOUT)
        floor.pass_time(46)
        floor.reconcile()

    assert [intent.signal_id[-1] for intent in floor.sent] == ["0", "1", "2"]
    orders = floor.rows(lambda rows: rows.orders_of(TODAY))
    assert [order.state for order in orders] == [OrderState.CANCELLED] * 3
    assert len({order.key for order in orders}) == 3


def test_an_unfilled_breakout_is_tried_again_the_next_day(floor: Floor) -> None:
    for _ in range(4):
        floor.price(BREAKOUT)
        floor.pass_time(46)
        floor.reconcile()
    floor.begin_day(WEDNESDAY)

    floor.price(BREAKOUT)

    assert len(floor.sent) == 4
    assert floor.sent[-1].signal_id.startswith("20240306|")


def test_what_the_broker_refused_is_not_asked_again_that_day(floor: Floor) -> None:
    floor.broker.answers.append(InsufficientCash("not enough", code="40250000"))
    floor.price(BREAKOUT)
    floor.pass_time(60)
    floor.reconcile()

    floor.price(70_100)

    assert len(floor.sent) == 1
    assert floor.told("order_rejected") == 1


def test_a_second_entry_of_a_day_has_the_next_number(floor: Floor) -> None:
    floor.broker.depth[SAMSUNG] = 1_000
    floor.price(BREAKOUT)
    floor.reconcile()
    floor.price(73_100)
    floor.reconcile()
    assert SAMSUNG not in floor.book.positions

    floor.price(BREAKOUT)

    assert [(intent.side, intent.entry_seq) for intent in floor.sent] == [
        (Side.BUY, 1),
        (Side.SELL, 1),
        (Side.BUY, 2),
    ]


# telling


def test_a_denial_is_told_once_a_day_and_code(tmp_path: Path) -> None:
    with a_floor(tmp_path, mandate=None) as floor:
        floor.is_ready_to_buy()
        for price in (70_000, 70_100, 70_200):
            floor.price(price)
        assert len(floor.events("entry_denied")) == 1
        floor.begin_day(WEDNESDAY)

        floor.price(BREAKOUT)

        assert [denied["code"] for denied in floor.events("entry_denied")] == ["mandate", "mandate"]


def test_denials_that_take_turns_are_told_once_each(tmp_path: Path) -> None:
    with a_floor(tmp_path, mandate=None) as floor:
        floor.is_ready_to_buy()
        for cash in (10_000_000, 0, 10_000_000, 0):
            floor.book.statement_cash = cash
            floor.price(BREAKOUT)

        assert [denied["code"] for denied in floor.events("entry_denied")] == ["mandate", "size_zero"]


def test_a_bought_breakout_is_protected_with_the_loss_cap_in_its_stop(floor: Floor) -> None:
    floor.learn(SAMSUNG, indicators(atr=5_000.0))
    floor.broker.depth[SAMSUNG] = 1_000

    floor.price(BREAKOUT)
    floor.reconcile()

    (position,) = floor.rows(lambda rows: rows.open_positions())
    assert (position.quantity, position.atr, position.entry_day) == (10, 5_000.0, TODAY)
    assert (position.stop, position.target) == (66_500, 85_000)  # 2 ATR would be 60,000: capped at 5 %
    assert replace(position, opened_at=floor.position().opened_at) == floor.position()


# --- a person approves each entry ------------------------------------------------------------------------------------


def test_where_a_person_approves_a_breakout_is_proposed_once_and_not_ordered(tmp_path: Path) -> None:
    with a_floor(tmp_path, asks_a_person=True, mandate=None) as floor:
        floor.is_ready_to_buy()

        for price in (70_000, 70_100, 70_000):
            floor.price(price)

        (proposed,) = floor.proposed
        assert (proposed.symbol, proposed.side, proposed.price) == (SAMSUNG, Side.BUY, 70_300)
        assert floor.sent == []
        assert [raised["signal_id"] for raised in floor.events("signal_raised")] == [proposed.signal_id]


def test_an_exit_waits_for_no_person(tmp_path: Path) -> None:
    with a_floor(tmp_path, asks_a_person=True, mandate=None) as floor:
        floor.holds(a_position())

        floor.price(60_000)

        assert [sale.side for sale in floor.sent] == [Side.SELL]
        assert floor.proposed == []


def test_the_next_day_asks_again(tmp_path: Path) -> None:
    with a_floor(tmp_path, asks_a_person=True) as floor:
        floor.is_ready_to_buy()
        floor.price(70_000)
        floor.begin_day(WEDNESDAY)
        floor.book.listings[SAMSUNG] = a_listing(symbol=SAMSUNG)

        floor.price(70_000)

        assert [wish.signal_id[:8] for wish in floor.proposed] == ["20240305", "20240306"]
