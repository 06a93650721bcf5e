"""backtesting.py: one run a symbol, as it has one instrument a backtest; indicators as arrays before the run."""

from __future__ import annotations

import gc
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd  # type: ignore[import-untyped]
from backtesting import Backtest, Strategy

from bench.peers.said import columns, measured


def wilder(high: np.ndarray, low: np.ndarray, close: np.ndarray, n: int = 14) -> np.ndarray:
    """Return the ATR after each bar, nothing for the first n."""
    before = close[:-1]
    ranges = np.maximum(high[1:], before) - np.minimum(low[1:], before)
    found = np.full(len(close), np.inf)  # a gap would have it begin a bar later than the others
    value = ranges[:n].mean()
    found[n] = value
    for at in range(n, len(ranges)):
        value = (value * (n - 1) + ranges[at]) / n
        found[at + 1] = value
    return found


def top(close: np.ndarray) -> np.ndarray:
    """Return the highest of the 20 closes before each bar."""
    return np.asarray(pd.Series(close).rolling(20).max().shift(1).fillna(np.inf))


class Breakout(Strategy):  # type: ignore[misc]
    """In above the highest of the 20 closes before, out 3 ATR below the highest close since."""

    highest = 0.0

    def init(self) -> None:
        data = self.data
        self.atr = self.I(wilder, data.High, data.Low, data.Close, plot=False)
        self.top = self.I(top, data.Close, plot=False)

    def next(self) -> None:
        close = self.data.Close[-1]
        if not self.position:
            if close > self.top[-1]:
                self.highest = 0.0
                self.buy(size=1)
        elif close >= self.highest:
            self.highest = close
        elif close < round(self.highest - 3 * self.atr[-1], 6):
            self.position.close()


def main() -> None:
    warnings.simplefilter("ignore")
    frames = [
        pd.DataFrame(
            [numbers for _, *numbers in rows],
            index=pd.DatetimeIndex([day for day, *_ in rows]),
            columns=["Open", "High", "Low", "Close", "Volume"],
            dtype=float,
        )
        for rows in columns(Path(sys.argv[1])).values()
    ]
    gc.collect()

    def run() -> tuple[int, int]:
        profit, sales = 0.0, 0
        for frame in frames:
            trades = Backtest(frame, Breakout, cash=1e12).run()["_trades"]
            profit += trades["PnL"].sum()
            sales += len(trades)
        return round(profit), sales

    measured(sum(map(len, frames)), run)


if __name__ == "__main__":
    main()
