"""Values of the order path with everything filled in, so that a test shows only what matters to it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from kis_daemon.domain.approvals import Mandate
from kis_daemon.domain.calendar import KST
from kis_daemon.domain.locks import LockScope, SymbolLock
from kis_daemon.domain.market import Market, Quote, QuoteSession, QuoteSource, Side, Symbol
from kis_daemon.domain.orders import (
    Fill,
    Order,
    OrderIntent,
    OrderKey,
    OrderNo,
    OrderState,
    OrderType,
    order_key,
    signal_id,
)
from kis_daemon.domain.positions import Position, Trade
from kis_daemon.ports import AccountStatement, BrokerOrder, Holding

SAMSUNG = Symbol("005930")
HYNIX = Symbol("000660")
TODAY = date(2024, 3, 5)
YESTERDAY = date(2024, 3, 4)
TEN_O_CLOCK = datetime(2024, 3, 5, 10, 0, tzinfo=KST)
MODE = "PAPER"
COMMISSION_PPB = 140_527
ENTRY_RULE = "breakout"
BRANCH = "06010"


def at(clock: str, day: date = TODAY) -> datetime:
    """Return `clock` (HH:MM or HH:MM:SS) of `day`, in Seoul."""
    return datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=KST)


def a_lock(**changes: Any) -> SymbolLock:
    lock = SymbolLock(symbol=SAMSUNG, scope=LockScope.ENTRIES, reason="earnings tomorrow", by="kim", since=TEN_O_CLOCK)
    return replace(lock, **changes)


def a_quote(**changes: Any) -> Quote:
    quote = Quote(
        symbol=SAMSUNG,
        price=70_000,
        at=TEN_O_CLOCK,
        ask=70_000,
        bid=69_900,
        open=69_500,
        high=70_200,
        low=69_300,
        day_volume=1_000_000,
        session=QuoteSession.REGULAR,
        halted=False,
        in_vi=False,
        source=QuoteSource.STREAM,
    )
    return replace(quote, **changes)


def an_intent(*, attempt: int = 0, **changes: Any) -> OrderIntent:
    """Return an entry of ten shares at 70,300; its signal follows the symbol, the rule and `attempt`."""
    symbol, rule, seq = changes.get("symbol", SAMSUNG), changes.get("rule", ENTRY_RULE), changes.get("entry_seq", 1)
    signal = signal_id(TODAY, symbol, rule, seq, attempt)
    intent = OrderIntent(
        symbol=SAMSUNG,
        market=Market.KOSPI,
        side=Side.BUY,
        quantity=10,
        order_type=OrderType.LIMIT,
        price=70_300,
        signal_id=signal,
        rule=ENTRY_RULE,
        reason="70000 > 69900",
        correlation_id=signal,
        entry_seq=1,
        atr=1_000.0,
    )
    return replace(intent, **changes)


def an_exit(*, attempt: int = 0, **changes: Any) -> OrderIntent:
    """Return the sale of ten shares at the market, by the stop."""
    sale: dict[str, Any] = {
        "side": Side.SELL,
        "order_type": OrderType.MARKET,
        "price": None,
        "rule": "ATR_STOP_LOSS",
        "reason": "price 67900 <= stop 68000",
        "atr": 0.0,
    }
    return an_intent(attempt=attempt, **(sale | changes))


def an_order(intent: OrderIntent | None = None, **changes: Any) -> Order:
    """Return an order that is only begun; it has the key its intent gives it."""
    wanted = intent or an_intent()
    order = Order(
        key=order_key(MODE, wanted),
        mode=MODE,
        intent=wanted,
        state=OrderState.PENDING,
        day=TODAY,
        created_at=TEN_O_CLOCK,
        updated_at=TEN_O_CLOCK,
    )
    return replace(order, **changes)


def a_sent_order(intent: OrderIntent | None = None, **changes: Any) -> Order:
    """Return an order that the broker has given its first number."""
    sent: dict[str, Any] = {"state": OrderState.SUBMITTED, "order_no": OrderNo("1"), "branch_no": BRANCH}
    return an_order(intent, **(sent | changes))


def a_row(order: Order, **changes: Any) -> BrokerOrder:
    """Return what the broker's listing says of `order` while nothing has happened to it."""
    intent = order.intent
    row = BrokerOrder(
        order_no=order.order_no or OrderNo("1"),
        original_no=None,
        branch_no=BRANCH,
        at=order.created_at.replace(microsecond=0),
        symbol=intent.symbol,
        side=intent.side,
        order_type=intent.order_type,
        quantity=intent.quantity,
        price=intent.price or 0,
        filled_quantity=0,
        filled_amount=0,
        remaining_quantity=intent.quantity,
        cancelled_quantity=0,
        rejected_quantity=0,
    )
    return replace(row, **changes)


def a_fill(order: Order, quantity: int, price: int = 70_000, **changes: Any) -> Fill:
    """Return the fill that brings `order` from nothing to `quantity` shares."""
    fill = Fill(
        order_key=order.key,
        symbol=order.intent.symbol,
        side=order.intent.side,
        quantity=quantity,
        amount=quantity * price,
        cumulative_quantity=quantity,
        fee=quantity * price * COMMISSION_PPB // 1_000_000_000,
        tax=0,
        at=TEN_O_CLOCK,
        correlation_id=order.intent.correlation_id,
    )
    return replace(fill, **changes)


def a_position(**changes: Any) -> Position:
    """Return ten shares bought yesterday at 70,000; stop and trailing have moved on since."""
    symbol = changes.get("symbol", SAMSUNG)
    position = Position(
        symbol=symbol,
        name="삼성전자",
        market=Market.KOSPI,
        quantity=10,
        cost=700_000,
        fees=98,
        atr=1_000.0,
        stop=68_000,
        target=73_000,
        highest=71_500,
        trailing_armed=True,
        entry_day=YESTERDAY,
        entry_seq=1,
        opened_at=at("10:30", YESTERDAY),
        correlation_id=f"20240304|{symbol}|breakout|1|0",
    )
    return replace(position, **changes)


def a_trade(key: OrderKey, **changes: Any) -> Trade:
    trade = Trade(
        order_key=key,
        symbol=SAMSUNG,
        name="삼성전자",
        side=Side.SELL,
        quantity=10,
        amount=680_000,
        fee=95,
        tax=1_224,
        realized_pnl=-21_417,
        rule="ATR_STOP_LOSS",
        reason="price 67900 <= stop 68000",
        correlation_id="c1",
        at=TEN_O_CLOCK,
    )
    return replace(trade, **changes)


def a_holding(**changes: Any) -> Holding:
    holding = Holding(symbol=SAMSUNG, name="삼성전자", quantity=10, sellable=10, cost=700_000, price=70_000)
    return replace(holding, **changes)


def a_statement(*holdings: Holding, cash: int = 10_000_000) -> AccountStatement:
    return AccountStatement(
        cash=cash, holdings=holdings, holdings_value=sum(held.quantity * held.price for held in holdings)
    )


def a_mandate(**changes: Any) -> Mandate:
    mandate = Mandate(
        mandate_id="m1",
        signed_by="operator",
        signed_at=TEN_O_CLOCK,
        expires_at=TEN_O_CLOCK + timedelta(days=30),
        side=Side.BUY,
        symbols=(),
        max_quantity=100,
        max_notional_a_day=10_000_000,
    )
    return replace(mandate, **changes)
