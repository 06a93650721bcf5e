"""backtrader: its own ATR (smoothed as Wilder does) and Highest, one strategy over all symbols, cheat-free."""

from __future__ import annotations

import gc
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import backtrader as bt

from bench.peers.said import columns, measured


class Feed(bt.feed.DataBase):  # type: ignore[misc]
    """Bars that lie in memory."""

    params = (("rows", ()),)

    def start(self) -> None:
        super().start()
        self._rest = iter(self.p.rows)

    def _load(self) -> bool:
        row = next(self._rest, None)
        if row is None:
            return False
        number, opened, high, low, close, volume = row
        lines = self.lines
        lines.datetime[0] = number
        lines.open[0], lines.high[0], lines.low[0], lines.close[0] = opened, high, low, close
        lines.volume[0], lines.openinterest[0] = volume, 0
        return True


class Breakout(bt.Strategy):  # type: ignore[misc]
    """In above the highest of the 20 closes before, out 3 ATR below the highest close since."""

    def __init__(self) -> None:
        self.atr = {
            data: bt.indicators.ATR(data, period=14, movav=bt.indicators.SmoothedMovingAverage) for data in self.datas
        }
        self.top = {data: bt.indicators.Highest(data.close(-1), period=20) for data in self.datas}
        self.highest: dict[Any, float] = {}
        self.bought: dict[Any, float] = {}
        self.profit = 0.0
        self.sales = 0

    def notify_order(self, order: Any) -> None:
        if order.status != order.Completed:
            return
        if order.isbuy():
            self.bought[order.data] = order.executed.price
            self.highest[order.data] = 0.0
        else:
            self.profit += order.executed.price - self.bought.pop(order.data)
            self.sales += 1

    def next(self) -> None:
        for data in self.datas:
            close = data.close[0]
            if data not in self.bought:
                if close > self.top[data][0]:
                    self.buy(data=data, size=1)
                continue
            highest = self.highest[data]
            if close >= highest:
                self.highest[data] = close
            elif close < round(highest - 3 * self.atr[data][0], 6):
                self.sell(data=data, size=1)


def main() -> None:
    market = columns(Path(sys.argv[1]))
    feeds = {
        code: [(bt.date2num(datetime.fromisoformat(day)), *numbers) for day, *numbers in rows]
        for code, rows in market.items()
    }
    bars = sum(map(len, market.values()))
    del market
    gc.collect()

    def run() -> tuple[int, int]:
        cerebro = bt.Cerebro(stdstats=False)
        for code, rows in feeds.items():
            cerebro.adddata(Feed(rows=rows), name=code)
        cerebro.addstrategy(Breakout)
        cerebro.broker.setcash(1e15)
        (strategy,) = cerebro.run()
        return round(strategy.profit), strategy.sales

    measured(bars, run)


if __name__ == "__main__":
    main()
