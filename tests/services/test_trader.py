"""From a price to a decision: what is looked at, what is not, and that the quiet band never changes an answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kis_daemon.domain import positions
from kis_daemon.domain.exits import ExitReason, GapRules
from kis_daemon.domain.locks import LockScope
from kis_daemon.domain.market import Market, QuoteSession, Side, Symbol
from kis_daemon.domain.orders import Fill, Happening, Order, OrderIntent, OrderNo, OrderState, order_key
from kis_daemon.domain.positions import Position, ProtectionRules
from kis_daemon.domain.risk import RiskLimits
from kis_daemon.domain.strategy import EntryRules, TrendBreakRules
from kis_daemon.ports import OrderRefused
from kis_daemon.services.approvals import ApprovalDesk, Grant, Provenance
from kis_daemon.services.book import Book
from kis_daemon.services.buyer import Buyer
from kis_daemon.services.desks import TradingRules
from kis_daemon.services.door import Queued, Refused
from kis_daemon.services.journal import Journal
from kis_daemon.services.locks import Locks
from kis_daemon.services.order_synchronizer import OrderSynchronizer
from kis_daemon.services.risk_manager import RiskManager
from kis_daemon.services.seller import Seller
from kis_daemon.services.trader import Trader
from tests.services.builders import (
    COMMISSION_PPB,
    HYNIX,
    MODE,
    SAMSUNG,
    TODAY,
    YESTERDAY,
    a_lock,
    a_mandate,
    a_position,
    a_quote,
    at,
)
from tests.services.fakes import HeardNotifier, SeededEntropy
from tests.services.trading import (
    WEDNESDAY,
    Floor,
    a_calendar_until,
    a_floor,
    a_listing,
    indicators,
    the_calendar,
)

STOP = 67_900
NAVER = Symbol("035420")


@pytest.fixture
def floor(tmp_path: Path) -> Iterator[Floor]:
    with a_floor(tmp_path) as made:
        yield made


# what is looked at


def test_held_symbols_come_before_the_universe_in_its_rank(floor: Floor) -> None:
    floor.trader.watch([NAVER, SAMSUNG])
    floor.holds(a_position(symbol=HYNIX))

    assert floor.trader.symbols() == [HYNIX, NAVER, SAMSUNG]


def test_a_symbol_that_left_the_universe_is_not_bought(floor: Floor) -> None:
    floor.is_ready_to_buy()
    floor.is_ready_to_buy(HYNIX)
    floor.trader.watch([HYNIX])

    floor.price(70_000)
    floor.price(70_000, symbol=HYNIX)

    assert [intent.symbol for intent in floor.sent] == [HYNIX]


def test_a_position_outside_the_universe_is_looked_at(floor: Floor) -> None:
    floor.trader.watch([HYNIX])
    floor.holds(a_position())

    floor.price(71_600)
    floor.price(69_500)

    assert floor.position().highest == 71_600
    assert floor.rules_sent() == ["TRAILING_STOP"]


def test_a_symbol_nobody_asked_for_is_left_alone(floor: Floor) -> None:
    floor.price(70_000, symbol=HYNIX)

    assert floor.sent == []
    assert floor.trader.symbols() == []


@pytest.mark.parametrize("clock", ["08:50", "08:59:59"])
def test_a_price_before_the_opening_touches_nothing(floor: Floor, clock: str) -> None:
    floor.holds(a_position(highest=70_000, trailing_armed=False))
    floor.begin_day(WEDNESDAY, clock)

    floor.price(72_000, session=QuoteSession.AUCTION)

    assert floor.position().highest == 70_000
    assert floor.sent == []


def test_a_price_of_an_earlier_day_says_nothing_about_this_one(floor: Floor) -> None:
    floor.holds(a_position(stop=60_000, highest=70_000, trailing_armed=False))
    floor.publish(a_quote(at=at("15:20", YESTERDAY), price=STOP, open=66_000))
    assert floor.sent == []

    floor.price(70_000, open=68_100)

    assert floor.rules_sent() == ["GAP_PROTECTION"]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"session": QuoteSession.AFTER_HOURS}, id="a trade outside of the regular session"),
        pytest.param({"day_volume": 0}, id="yesterday's price before today's first trade"),
    ],
)
def test_what_is_no_trade_of_the_regular_session_decides_nothing(floor: Floor, changes: dict[str, Any]) -> None:
    floor.holds(a_position())
    floor.is_ready_to_buy(HYNIX)

    floor.price(STOP, **changes)
    floor.price(70_000, symbol=HYNIX, **changes)

    assert floor.sent == []


def test_the_days_high_counts_where_a_restart_has_not_seen_it(floor: Floor) -> None:
    floor.holds(a_position(highest=70_000, trailing_armed=False))

    floor.price(70_100, high=71_800)

    assert (floor.position().highest, floor.position().trailing_armed) == (71_800, True)


def test_the_days_high_counts_where_the_stream_has_not_brought_it(floor: Floor) -> None:
    floor.holds(a_position(highest=70_500, trailing_armed=False, stop=60_000))
    floor.price(70_100, high=70_200)

    floor.price(70_100, high=71_800)
    floor.price(69_800, high=71_800)

    assert floor.position().highest == 71_800
    assert floor.rules_sent() == ["TRAILING_STOP"]


def test_the_high_of_the_entry_day_may_be_older_than_the_entry(floor: Floor) -> None:
    floor.holds(a_position(highest=70_000, trailing_armed=False, entry_day=TODAY))

    floor.price(70_100, high=71_800)

    assert floor.position().highest == 70_100


def test_missed_days_raise_the_highest_and_arm_trailing(floor: Floor) -> None:
    floor.holds(a_position(highest=70_000, trailing_armed=False, stop=60_000))
    floor.trader.learn(SAMSUNG, indicators(), lambda entry_day: 71_900 if entry_day == YESTERDAY else 0)

    floor.price(69_900)

    assert floor.rules_sent() == ["TRAILING_STOP"]


def test_a_new_day_looks_at_every_symbol_again(floor: Floor) -> None:
    floor.holds(a_position(stop=60_000, highest=70_500, trailing_armed=False))
    floor.price(70_000)
    floor.begin_day(WEDNESDAY)

    floor.price(70_000, open=68_100)

    assert floor.rules_sent() == ["GAP_PROTECTION"]


def test_a_new_bar_looks_at_its_symbol_again(floor: Floor) -> None:
    floor.is_ready_to_buy(highest_high=71_000)
    floor.price(70_500)
    assert floor.sent == []
    floor.learn(SAMSUNG, indicators(highest_high=70_400))

    floor.price(70_500)

    assert len(floor.sent) == 1


def test_a_symbol_sold_by_hand_is_looked_at_again(floor: Floor) -> None:
    floor.is_ready_to_buy()
    floor.holds(a_position())
    floor.price(70_500)
    floor.broker.hold(SAMSUNG, 0)
    for _ in range(3):
        floor.pass_time(10)
        floor.reconcile()
    assert floor.book.positions == {}

    floor.price(70_600)

    assert [intent.side for intent in floor.sent] == [Side.BUY]


def test_what_is_held_is_looked_at_again_without_a_new_trade(floor: Floor) -> None:
    floor.holds(a_position())
    floor.broker.answers.append(OrderRefused("no"))
    floor.price(STOP)
    floor.pass_time(10)

    floor.trader.recheck(floor.board.quote)
    floor.pass_time()

    assert floor.rules_sent() == ["ATR_STOP_LOSS"] * 2


def test_exits_go_on_and_entries_end_on_a_day_the_calendar_does_not_cover(tmp_path: Path) -> None:
    with a_floor(tmp_path, calendar=a_calendar_until(YESTERDAY)) as floor:
        floor.is_ready_to_buy(HYNIX)
        floor.holds(a_position())

        floor.price(70_000, symbol=HYNIX)
        floor.price(STOP)
        still_asks = floor.reconcile()

        assert floor.rules_sent() == ["ATR_STOP_LOSS"]
        assert still_asks


# the quiet band

BAND_SYMBOLS = (SAMSUNG, HYNIX)


@dataclass
class StandingClock:
    """`ports.Clock` that stands where a test put it."""

    moment: datetime

    def now(self) -> datetime:
        return self.moment

    async def sleep_until(self, when: datetime) -> None:
        raise AssertionError("nothing here waits")


class Till(OrderSynchronizer):
    """Takes every order down and lets a test say what becomes of it."""

    def __init__(self, book: Book, clock: StandingClock) -> None:
        self._book = book
        self._clock = clock
        self.taken: list[OrderIntent] = []

    def place(self, intent: OrderIntent, grant: Grant, seen_at: float | None = None) -> Queued | Refused:
        if self._book.live_order(intent.symbol, intent.side) is not None:
            return Refused(code="already_live", reason="live")
        now = self._clock.now()
        order = Order(
            key=order_key(MODE, intent),
            mode=MODE,
            intent=intent,
            state=OrderState.PENDING,
            day=now.date(),
            created_at=now,
            updated_at=now,
        )
        self._book.begin(order)
        self.taken.append(intent)
        return Queued(order=order)


class Played:
    """A script of prices and answers, played with the quiet band or without it."""

    def __init__(self, *, with_bands: bool) -> None:
        self._with_bands = with_bands
        self._volume = 0
        self._open = 69_500
        self._highs: dict[Symbol, int] = {}
        self.clock = StandingClock(at("09:00:30"))
        self.book = book = Book()
        self.till = Till(book, self.clock)
        journal = Journal(_NoRecords(), self.clock, HeardNotifier())
        approvals = ApprovalDesk(
            b"s" * 32,
            SeededEntropy(),
            self.clock,
            a_mandate(max_quantity=10_000, max_notional_a_day=10**12, expires_at=at("09:00") + timedelta(days=999)),
            Provenance(config_hash="", git_commit_sha="", schema_version=""),
        )
        rules = TradingRules(
            entry=EntryRules(),
            protection=ProtectionRules(),
            trend_break=TrendBreakRules(),
            gap=GapRules(),
            limits=RiskLimits(max_trades_a_day=1_000, max_consecutive_losses=1_000),
            commission_ppb=COMMISSION_PPB,
        )
        calendar = the_calendar()
        risk = RiskManager(book=book, calendar=calendar, clock=self.clock, rules=rules, quote=lambda _: None)
        buyer = Buyer(book=book, journal=journal, synchronizer=self.till, approvals=approvals, risk=risk, rules=rules)
        seller = Seller(
            book=book,
            journal=journal,
            locks=Locks(book=book, journal=journal, clock=self.clock, on_change=lambda _: None),
            synchronizer=self.till,
            approvals=approvals,
            clock=self.clock,
            rules=rules,
        )
        self.trader = Trader(book=book, buyer=buyer, seller=seller, calendar=calendar, clock=self.clock, rules=rules)
        book.statement_cash = book.day_base_equity = 10_000_000
        for symbol in BAND_SYMBOLS:
            book.listings[symbol] = a_listing(symbol=symbol)
            self.trader.learn(symbol, indicators(), lambda _: 0)
        self.trader.watch([SAMSUNG])
        book.positions[HYNIX] = a_position(symbol=HYNIX, trailing_armed=False, highest=70_000)
        book.start_day(TODAY)
        self.trader.start_day()

    def play(self, script: list[tuple[str, Symbol, int]]) -> Played:
        for what, symbol, value in script:
            self.clock.moment += timedelta(seconds=1)
            getattr(self, f"_{what}")(symbol, value)
        return self

    def outcome(self) -> tuple[list[OrderIntent], dict[Symbol, Position]]:
        return self.till.taken, self.book.positions

    # the words of a script

    def _price(self, symbol: Symbol, value: int, **changes: Any) -> None:
        if not self._with_bands:
            self.trader.watch([SAMSUNG])  # opens every band
        self._volume += 1
        price = 67_000 + 100 * value
        self._highs[symbol] = max(price, self._highs.get(symbol, 0))
        self.trader.on_quote(
            a_quote(
                symbol=symbol,
                price=price,
                ask=price,
                at=self.clock.now(),
                day_volume=self._volume,
                high=self._highs[symbol],
                open=self._open,
                **changes,
            )
        )

    def _vi(self, symbol: Symbol, value: int) -> None:
        self._price(symbol, value, in_vi=True)

    def _halt(self, symbol: Symbol, value: int) -> None:
        self._price(symbol, value, halted=True)

    def _missed(self, symbol: Symbol, value: int) -> None:
        self._highs[symbol] = max(67_000 + 100 * value, self._highs.get(symbol, 0))

    def _unlist(self, symbol: Symbol, value: int) -> None:
        self.book.listings.pop(symbol, None)

    def _list(self, symbol: Symbol, value: int) -> None:
        self.book.listings[symbol] = a_listing(symbol=symbol)

    def _fill(self, symbol: Symbol, value: int) -> None:
        for order in self._live(symbol):
            self._book_fill(order, order.intent.quantity)

    def _part(self, symbol: Symbol, value: int) -> None:
        for order in self._live(symbol):
            if order.intent.quantity > 1:
                self._book_fill(order, order.intent.quantity // 2)

    def _cancel(self, symbol: Symbol, value: int) -> None:
        for order in self._live(symbol):
            self._end(order.moved(Happening.WITHDRAWN, self.clock.now()))

    def _refuse(self, symbol: Symbol, value: int) -> None:
        for order in self._live(symbol):
            refused = order.moved(Happening.REFUSED, self.clock.now())
            self._end(refused)
            self.trader.on_refusal(refused, value % 2 == 0)

    def _bar(self, symbol: Symbol, value: int) -> None:
        last = replace(indicators().last, date=the_calendar().previous_trading_day(self.clock.now().date()).date)
        adx = 10.0 if value % 4 == 0 else 30.0
        self.trader.learn(symbol, indicators(last=last, adx=adx, highest_high=68_000 + 50 * value), lambda _: 0)

    def _day(self, symbol: Symbol, value: int) -> None:
        for one in BAND_SYMBOLS:
            self._cancel(one, 0)
        self._open = 67_900 if value % 3 == 0 else 69_500
        self._highs.clear()
        day = the_calendar().next_trading_day(self.clock.now().date())
        self.clock.moment = day.opens_at + timedelta(seconds=30)
        self.book.start_day(day.date)
        self.trader.start_day()

    def _rebase(self, symbol: Symbol, value: int) -> None:
        position = self.book.positions.get(symbol)
        if position is not None:
            moved = 100 * (value % 9 - 4)
            self.book.positions[symbol] = replace(
                position,
                stop=position.stop + moved,
                target=position.target + moved,
                highest=position.highest + moved,
            )
            self.trader.on_account_change(symbol)

    def _await(self, symbol: Symbol, value: int) -> None:
        self.book.unexamined.add(symbol)

    def _examined(self, symbol: Symbol, value: int) -> None:
        self.book.unexamined.discard(symbol)
        self.trader.on_account_change(symbol)

    def _lock(self, symbol: Symbol, value: int) -> None:
        self.book.locked[symbol] = a_lock(symbol=symbol, scope=LockScope.ALL, reason="a test")

    def _by_hand(self, symbol: Symbol, value: int) -> None:
        if not self._live(symbol) and self.book.positions.pop(symbol, None) is not None:
            self.trader.on_account_change(symbol)

    def _wait(self, symbol: Symbol, value: int) -> None:
        self.clock.moment += timedelta(seconds=10 * value)

    # what becomes of an order

    def _live(self, symbol: Symbol) -> list[Order]:
        return [order for order in self.book.live_orders() if order.intent.symbol == symbol]

    def _end(self, order: Order) -> None:
        self.book.put(order)
        self.trader.on_change(order)

    def _book_fill(self, order: Order, quantity: int) -> None:
        intent, now = order.intent, self.clock.now()
        fill = Fill(
            order_key=order.key,
            symbol=intent.symbol,
            side=intent.side,
            quantity=quantity,
            amount=quantity * (intent.price or 69_000),
            cumulative_quantity=quantity,
            fee=0,
            tax=0,
            at=now,
            correlation_id=intent.correlation_id,
        )
        before = self.book.positions.pop(intent.symbol, None)
        if intent.side is Side.BUY:
            after: Position | None = positions.opened(
                fill,
                name="",
                market=Market.KOSPI,
                atr=intent.atr,
                entry_day=order.day,
                entry_seq=intent.entry_seq,
                rules=ProtectionRules(),
            )
        else:
            assert before is not None
            after, _ = positions.sold(before, fill)
            if intent.rule == ExitReason.ATR_STOP_LOSS:
                self.book.stopped_on[intent.symbol] = now.date()
        if after is not None:
            self.book.positions[intent.symbol] = after
        whole = quantity == intent.quantity
        sent = order.moved(Happening.ACCEPTED, now)
        ended = sent.moved(Happening.FILLED if whole else Happening.CANCELLED, now)
        self._end(replace(ended, order_no=OrderNo("1"), filled_quantity=quantity, filled_amount=fill.amount))


class _NoRecords:
    """`ports.Records` that nobody may write to: notes are only taken down here."""

    degraded = ""

    def take_refused(self) -> tuple[str, ...]:
        return ()

    async def transact(self, work: Any) -> Any:
        raise AssertionError("nothing here is written")


_SYMBOLS = st.sampled_from(BAND_SYMBOLS)
_PRICES = st.tuples(st.just("price"), _SYMBOLS, st.integers(0, 62))
_OTHERS = st.tuples(
    st.sampled_from(
        [
            *(
                "vi",
                "halt",
                "fill",
                "fill",
                "missed",
                "unlist",
                "list",
                "part",
                "cancel",
                "refuse",
                "bar",
                "day",
                "wait",
            ),
            *("rebase", "await", "examined", "examined", "lock", "by_hand"),
        ]
    ),
    _SYMBOLS,
    st.integers(0, 62),
)


@given(st.lists(st.one_of(_PRICES, _PRICES, _PRICES, _OTHERS), min_size=40, max_size=80))
@settings(max_examples=60, deadline=None)
def test_with_and_without_quiet_bands_the_orders_are_the_same(script: list[tuple[str, Symbol, int]]) -> None:
    with_bands = Played(with_bands=True).play(script)
    without = Played(with_bands=False).play(script)

    assert with_bands.outcome() == without.outcome()


def test_a_played_script_buys_arms_stops_and_trails() -> None:
    """The property above means something only if its scripts reach every corner."""
    script = [
        ("price", SAMSUNG, 30),
        ("fill", SAMSUNG, 0),
        ("price", SAMSUNG, 50),
        ("price", SAMSUNG, 25),
        ("part", SAMSUNG, 0),
        ("price", SAMSUNG, 10),
        ("price", HYNIX, 9),
        ("refuse", HYNIX, 1),
        ("price", HYNIX, 9),
        ("wait", HYNIX, 1),
        ("price", HYNIX, 9),
        ("day", HYNIX, 0),
        ("price", HYNIX, 20),
    ]

    played = Played(with_bands=True).play(script)

    assert [(intent.symbol, intent.rule) for intent in played.till.taken] == [
        (SAMSUNG, "TREND_ATR_BREAKOUT"),
        (SAMSUNG, "TRAILING_STOP"),
        (SAMSUNG, "ATR_STOP_LOSS"),
        (HYNIX, "ATR_STOP_LOSS"),
        (HYNIX, "ATR_STOP_LOSS"),
        (HYNIX, "GAP_PROTECTION"),
    ]
