"""nautilus_trader: `close` fills an order at the close that gave the signal, `open` at the next open.

Its matching engine fills a market order at once, so that an order of `on_bar` gets that bar's close. To buy at the next
open it must be shown the open as a trade of its own, twice the events. Speed is taken from `close`, the quicker for
it; the money is compared by `open`.
"""

from __future__ import annotations

import gc
import sys
from collections import deque
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig
from nautilus_trader.model.currencies import KRW
from nautilus_trader.model.data import Bar, BarType, TradeTick
from nautilus_trader.model.enums import AccountType, AggressorSide, OmsType, OrderSide
from nautilus_trader.model.identifiers import InstrumentId, Symbol, TradeId, Venue
from nautilus_trader.model.instruments import Equity
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.trading.strategy import Strategy

from bench.peers.said import columns, measured

HOUR = 3_600 * 10**9
KRX = Venue("KRX")


class Breakout(Strategy):  # type: ignore[misc]
    """In above the highest of the 20 closes before, out 3 ATR below the highest close since."""

    def __init__(self, instrument: Equity, kind: BarType, at_open: bool) -> None:
        super().__init__()
        self.instrument, self.kind, self.at_open = instrument, kind, at_open
        self.closes: deque[float] = deque(maxlen=20)
        self.ranges: list[float] = []
        self.atr: float | None = None
        self.is_long = False
        self.highest = self.bought = self.profit = 0.0
        self.sales = 0
        self.wanted: OrderSide | None = None

    def on_start(self) -> None:
        self.subscribe_bars(self.kind)
        if self.at_open:
            self.subscribe_trade_ticks(self.instrument.id)

    def on_trade_tick(self, _tick: TradeTick) -> None:
        if self.wanted is not None:
            self._submit(self.wanted)
            self.wanted = None

    def on_bar(self, bar: Bar) -> None:
        close, closes = float(bar.close), self.closes
        if closes:
            wide = max(float(bar.high), closes[-1]) - min(float(bar.low), closes[-1])
            if self.atr is not None:
                self.atr = (self.atr * 13 + wide) / 14
            else:
                self.ranges.append(wide)
                if len(self.ranges) == 14:
                    self.atr = sum(self.ranges) / 14
        if self.is_long:
            if close >= self.highest:
                self.highest = close
            elif self.atr is not None and close < round(self.highest - 3 * self.atr, 6):
                self.is_long = False
                self._want(OrderSide.SELL)
        elif len(closes) == 20 and close > max(closes):
            self.is_long, self.highest = True, 0.0
            self._want(OrderSide.BUY)
        closes.append(close)

    def _want(self, side: OrderSide) -> None:
        if self.at_open:
            self.wanted = side
        else:
            self._submit(side)

    def _submit(self, side: OrderSide) -> None:
        self.submit_order(self.order_factory.market(self.instrument.id, side, Quantity.from_int(1)))

    def on_order_filled(self, event: object) -> None:
        price = float(event.last_px)  # type: ignore[attr-defined]
        if event.order_side == OrderSide.BUY:  # type: ignore[attr-defined]
            self.bought = price
        else:
            self.profit += price - self.bought
            self.sales += 1


def main() -> None:
    at_open = sys.argv[2] == "open"
    market = columns(Path(sys.argv[1]))
    instruments, data = [], []
    for code, rows in market.items():
        instrument = Equity(
            instrument_id=InstrumentId(Symbol(code), KRX),
            raw_symbol=Symbol(code),
            currency=KRW,
            price_precision=0,
            price_increment=Price.from_str("1"),
            lot_size=Quantity.from_int(1),
            maker_fee=Decimal(0),
            taker_fee=Decimal(0),
            ts_event=0,
            ts_init=0,
        )
        kind = BarType.from_str(f"{instrument.id}-1-DAY-LAST-EXTERNAL")
        instruments.append((instrument, kind))
        for place, (day, opened, high, low, close, volume) in enumerate(rows):
            at = int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * 10**9
            prices = [Price(number, 0) for number in (opened, high, low, close)]
            data.append(Bar(kind, *prices, Quantity(volume, 0), at + 7 * HOUR, at + 7 * HOUR))
            if at_open:
                size = Quantity(1_000, 0)
                data.append(
                    TradeTick(instrument.id, prices[0], size, AggressorSide.NO_AGGRESSOR, TradeId(f"{place}"), at, at)
                )
    bars = sum(map(len, market.values()))
    del market
    engine = BacktestEngine(config=BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    cash = [Money(10**9, KRW)]
    engine.add_venue(venue=KRX, oms_type=OmsType.NETTING, account_type=AccountType.MARGIN, starting_balances=cash)
    strategies = []
    for number, (instrument, kind) in enumerate(instruments):
        engine.add_instrument(instrument)
        strategy = Breakout(instrument, kind, at_open)
        strategy.change_id(type(strategy.id)(f"Breakout-{number:03d}"))
        strategies.append(strategy)
        engine.add_strategy(strategy)
    engine.add_data(data)
    gc.collect()

    def run() -> tuple[int, int]:
        engine.run()
        return round(sum(one.profit for one in strategies)), sum(one.sales for one in strategies)

    measured(bars, run)


if __name__ == "__main__":
    main()
