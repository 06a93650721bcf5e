"""basana: bars as events of one dispatcher, market orders at its backtesting exchange; indicators by hand."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections import deque
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import basana as bs
from basana.backtesting import exchange as backtesting
from basana.backtesting import liquidity
from basana.core import bar, event

from bench.peers.said import columns, measured

DAY = timedelta(days=1)


class Breakout:
    """In above the highest of the 20 closes before, out 3 ATR below the highest close since."""

    def __init__(self, exchange: backtesting.Exchange, pair: bs.Pair) -> None:
        self.exchange, self.pair = exchange, pair
        self.closes: deque[Decimal] = deque(maxlen=20)
        self.ranges: list[Decimal] = []
        self.atr: float | None = None
        self.is_long = False
        self.highest = Decimal(0)

    async def on_bar(self, told: bs.BarEvent) -> None:
        b = told.bar
        close, closes = b.close, self.closes
        if closes:
            wide = float(max(b.high, closes[-1]) - min(b.low, closes[-1]))
            if self.atr is not None:
                self.atr = (self.atr * 13 + wide) / 14
            else:
                self.ranges.append(Decimal(wide))
                if len(self.ranges) == 14:
                    self.atr = float(sum(self.ranges)) / 14
        if self.is_long:
            if close >= self.highest:
                self.highest = close
            elif self.atr is not None and float(close) < round(float(self.highest) - 3 * self.atr, 6):
                self.is_long = False
                await self.exchange.create_market_order(bs.OrderOperation.SELL, self.pair, Decimal(1))
        elif len(closes) == 20 and close > max(closes):
            self.is_long, self.highest = True, Decimal(0)
            await self.exchange.create_market_order(bs.OrderOperation.BUY, self.pair, Decimal(1))
        closes.append(close)


def main() -> None:
    market = columns(Path(sys.argv[1]))
    loaded = {}
    for code, rows in market.items():
        pair = bs.Pair(code, "KRW")
        loaded[pair] = [
            bar.BarEvent(
                begin + DAY,
                bar.Bar(begin, pair, *(Decimal(number) for number in numbers), DAY),
            )
            for begin, numbers in ((datetime.fromisoformat(day).replace(tzinfo=UTC), numbers) for day, *numbers in rows)
        ]
    bars = sum(map(len, market.values()))
    del market
    gc.collect()

    async def live() -> tuple[int, int]:
        dispatcher = bs.backtesting_dispatcher()
        exchange = backtesting.Exchange(
            dispatcher, {"KRW": Decimal(10**15)}, liquidity_strategy_factory=liquidity.InfiniteLiquidity
        )
        exchange.set_symbol_precision("KRW", 0)
        for pair, events in loaded.items():
            exchange.set_pair_info(pair, bs.PairInfo(base_precision=0, quote_precision=0))
            exchange.add_bar_source(event.FifoQueueEventSource(events=events))
            exchange.subscribe_to_bar_events(pair, Breakout(exchange, pair).on_bar)
        await dispatcher.run()
        profit, sales = 0, 0
        for pair in loaded:
            bought = None
            for order in await exchange.get_orders(pair, is_open=False):
                if order.quote_amount_filled == 0:
                    continue
                if order.operation == bs.OrderOperation.BUY:
                    bought = order.quote_amount_filled
                elif bought is not None:
                    profit += int(order.quote_amount_filled - bought)
                    sales += 1
                    bought = None
        return profit, sales

    measured(bars, lambda: asyncio.run(live()))


if __name__ == "__main__":
    main()
