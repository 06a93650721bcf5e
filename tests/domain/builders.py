"""Values of the trade with defaults, so that a test shows only what matters."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from functools import cache
from pathlib import Path

from kis_daemon.domain.calendar import KST
from kis_daemon.domain.market import Bar, Market, Side, Symbol, Won
from kis_daemon.domain.orders import Fill, Order, OrderIntent, OrderKey, OrderState, OrderType, SignalId
from kis_daemon.domain.positions import Position, ProtectionRules, Trade, opened

SAMSUNG = Symbol("005930")
HYNIX = Symbol("000660")
TODAY = date(2024, 3, 5)
YESTERDAY = date(2024, 3, 4)
RULES = ProtectionRules()


def at(clock: str, day: date = TODAY) -> datetime:
    """Return `clock` (HH:MM) of `day` in Seoul."""
    return datetime.combine(day, time.fromisoformat(clock), KST)


def a_bar(
    *, day: date = TODAY, opens: Won = 100, high: Won = 110, low: Won = 90, close: Won = 105, volume: int = 1000
) -> Bar:
    return Bar(date=day, open=opens, high=high, low=low, close=close, volume=volume)


def bars_of(prices: Iterable[tuple[Won, Won, Won]], first: date = date(2020, 1, 1)) -> list[Bar]:
    """Return one bar a day of (high, low, close); the open is the close."""
    return [
        a_bar(day=first + timedelta(days=place), opens=close, high=high, low=low, close=close)
        for place, (high, low, close) in enumerate(prices)
    ]


@cache
def real_bars(shared_data: Path) -> dict[Symbol, list[Bar]]:
    """Return each of the forty real symbols with its traded days of 2015 to 2021."""
    found: dict[Symbol, list[Bar]] = {}
    with gzip.open(shared_data / "ohlcv" / "basket40_daily_adj_2015_2021.csv.gz", "rt", encoding="utf-8") as rows:
        for row in csv.DictReader(rows):
            if int(row["volume"]):
                day = date.fromisoformat(row["date"])
                open_, high, low, close = (int(float(row[name])) for name in ("open", "high", "low", "close"))
                low, high = min(low, open_, close), max(high, open_, close)  # adjusting left some a won outside
                bar = a_bar(day=day, opens=open_, high=high, low=low, close=close, volume=int(row["volume"]))
                found.setdefault(Symbol(row["symbol"]), []).append(bar)
    return found


def an_intent(
    *,
    symbol: Symbol = SAMSUNG,
    side: Side = Side.BUY,
    quantity: int = 10,
    order_type: OrderType = OrderType.LIMIT,
    price: Won | None = 70_000,
    signal_id: str = "20240305|005930|TREND_ATR_BREAKOUT|1|0",
) -> OrderIntent:
    return OrderIntent(
        symbol=symbol,
        market=Market.KOSPI,
        side=side,
        quantity=quantity,
        order_type=order_type,
        price=price,
        signal_id=SignalId(signal_id),
        rule="TREND_ATR_BREAKOUT",
        reason="price 70100 > high 70000",
        correlation_id="c-1",
        entry_seq=1,
        atr=1000.0,
    )


def an_order(*, state: OrderState = OrderState.PENDING, quantity: int = 10, filled_quantity: int = 0) -> Order:
    return Order(
        key=OrderKey("k"),
        mode="PAPER",
        intent=an_intent(quantity=quantity),
        state=state,
        day=TODAY,
        created_at=at("09:30"),
        updated_at=at("09:30"),
        filled_quantity=filled_quantity,
    )


def a_fill(
    *,
    side: Side = Side.BUY,
    quantity: int = 10,
    price: Won = 100_000,
    amount: Won | None = None,
    fee: Won = 0,
    tax: Won = 0,
    when: datetime | None = None,
) -> Fill:
    return Fill(
        order_key=OrderKey("k"),
        symbol=SAMSUNG,
        side=side,
        quantity=quantity,
        amount=quantity * price if amount is None else amount,
        cumulative_quantity=quantity,
        fee=fee,
        tax=tax,
        at=at("09:30") if when is None else when,
        correlation_id="c-1",
    )


def a_position(
    *,
    price: Won = 100_000,
    quantity: int = 10,
    amount: Won | None = None,
    fee: Won = 0,
    atr: float = 1000.0,
    market: Market = Market.KOSPI,
    entry_day: date = TODAY,
    rules: ProtectionRules = RULES,
) -> Position:
    return opened(
        a_fill(quantity=quantity, price=price, amount=amount, fee=fee, when=at("09:30", entry_day)),
        name="삼성전자",
        market=market,
        atr=atr,
        entry_day=entry_day,
        entry_seq=1,
        rules=rules,
    )


def a_trade(
    *, side: Side = Side.BUY, amount: Won = 1_000_000, fee: Won = 0, tax: Won = 0, realized_pnl: Won = 0
) -> Trade:
    return Trade(
        order_key=OrderKey("k"),
        symbol=SAMSUNG,
        name="삼성전자",
        side=side,
        quantity=10,
        amount=amount,
        fee=fee,
        tax=tax,
        realized_pnl=realized_pnl,
        rule="r",
        reason="w",
        correlation_id="c-1",
        at=at("09:30"),
    )
