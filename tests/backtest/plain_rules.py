"""The daemon's rules and a day's path once more, as plainly as they can be written: shares no code with the project.

Written from the requirements (section 8) and from what `domain/price_path.py` promises, not from their code: trend,
ADX, ATR and its spike on completed bars; gap, stop, target, trailing, trend break at each trade.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from tests.backtest.plain import PlainBar, down, limits, near, tick, up

STEPS = 29  # trades of a day after its first


@dataclass(slots=True)
class PlainTick:
    at: datetime
    price: int
    ask: int
    bid: int
    high: int  # of the day so far
    is_first: bool
    is_close: bool


def plain_path(bar: PlainBar, base: int) -> list[tuple[int, int, int]]:
    """Return (price, ask, bid) of every trade of the day: open, nearer extreme, other extreme, close."""
    goes_down = bar.open - bar.low <= bar.high - bar.open
    turns = [bar.open, *((bar.low, bar.high) if goes_down else (bar.high, bar.low)), bar.close]
    ways = [abs(turns[i + 1] - turns[i]) for i in range(3)]
    first = round(STEPS * ways[0] / sum(ways)) if sum(ways) else STEPS // 3
    first = max(1, min(first, STEPS - 2))
    second = round(STEPS * ways[1] / sum(ways)) if sum(ways) else STEPS // 3
    second = max(1, min(second, STEPS - first - 1))
    prices = [bar.open]
    for leg, steps in enumerate((first, second, STEPS - first - second)):
        start, end = turns[leg], turns[leg + 1]
        for step in range(1, steps):
            between = near(start + (end - start) * step / steps)
            prices.append(min(max(between, min(start, end)), max(start, end)))
        prices.append(end)
    lower, upper = limits(base, bar.day)
    rises, made = bar.close >= bar.open, []
    for place, price in enumerate(prices):
        if place and price != prices[place - 1]:
            rises = price > prices[place - 1]
        ask = price if rises else min(price + tick(price), bar.high)
        bid = price if not rises else max(down(price - 1), bar.low)
        made.append((price, ask if ask < upper else 0, bid if bid > lower else 0))
    return made


def plain_ticks(bar: PlainBar, base: int, place: int, opens: datetime, closes: datetime) -> list[PlainTick]:
    """Return the day's trades at their seconds; `place` is the symbol's in the listing."""
    path = plain_path(bar, base)
    start = opens + timedelta(seconds=1 + place % 20)
    step = (closes - timedelta(minutes=11) - start).total_seconds() / (len(path) - 2)
    made: list[PlainTick] = []
    high = 0
    for index, (price, ask, bid) in enumerate(path):
        is_close = index == len(path) - 1
        at = closes if is_close else start + timedelta(seconds=int(step * index))
        high = max(high, price)
        made.append(PlainTick(at, price, ask, bid, high, is_first=index == 0, is_close=is_close))
    return made


@dataclass(slots=True)
class PlainValues:
    """After one bar; None until there are enough."""

    atr: float | None
    adx: float | None
    sma: float | None
    spike: float | None


def plain_values(bars: list[PlainBar]) -> list[PlainValues]:
    """Return the values after each bar, Wilder's smoothing of 14, a mean of 50, a spike over 27."""
    made: list[PlainValues] = []
    ranges: list[int] = []
    plus: list[int] = []
    minus: list[int] = []
    atrs: list[float] = []
    dxs: list[float] = []
    sums = [0.0, 0.0, 0.0]
    adx: float | None = None
    for index, bar in enumerate(bars):
        if index:
            before = bars[index - 1]
            ranges.append(max(bar.high, before.close) - min(bar.low, before.close))
            up_move, down_move = bar.high - before.high, before.low - bar.low
            plus.append(up_move if up_move > down_move and up_move > 0 else 0)
            minus.append(down_move if down_move > up_move and down_move > 0 else 0)
            if index == 14:
                atrs.append(sum(ranges) / 14)
                sums = [float(sum(ranges)), float(sum(plus)), float(sum(minus))]
            elif index > 14:
                atrs.append((atrs[-1] * 13 + ranges[-1]) / 14)
                moved = (ranges[-1], plus[-1], minus[-1])
                sums = [total + (new - total / 14) for total, new in zip(sums, moved, strict=True)]
            if index >= 14:
                both = sums[1] + sums[2]
                dxs.append(100 * abs(sums[1] - sums[2]) / both if both > 0 else 0.0)
                if len(dxs) == 14:
                    adx = sum(dxs) / 14
                elif adx is not None:
                    adx = (adx * 13 + dxs[-1]) / 14
        mean = sum(atrs[-28:-1]) / 27 if len(atrs) >= 28 else 0.0
        made.append(
            PlainValues(
                atr=atrs[-1] if atrs else None,
                adx=adx,
                sma=sum(bar.close for bar in bars[index - 49 : index + 1]) / 50 if index >= 49 else None,
                spike=atrs[-1] / mean if mean > 0 else None,
            )
        )
    return made


@dataclass(slots=True)
class PlainSetup:
    level: int
    atr: float
    numbers: str


def plain_setup(bars: list[PlainBar], values: list[PlainValues], last: int) -> PlainSetup | None:
    """Return what may be bought on the day after bar `last`, None where nothing may."""
    if last < 99:
        return None
    now, bar = values[last], bars[last]
    if now.atr is None or now.adx is None or now.sma is None or round(now.atr, 6) <= 0:
        return None
    if bar.close <= round(now.sma, 6) or round(now.adx, 6) < 25:
        return None
    if now.spike is not None and round(now.spike, 6) > 2.5:
        return None
    spike = "-" if now.spike is None else f"{now.spike:.2f}"
    numbers = f"close {bar.close} > SMA {now.sma:.2f}, ADX {now.adx:.2f}, ATR {now.atr:.2f}, spike {spike}"
    return PlainSetup(level=bar.high, atr=now.atr, numbers=numbers)


def plain_break(bar: PlainBar, values: PlainValues) -> str | None:
    if values.sma is not None and bar.close < round(values.sma, 6):
        return f"close {bar.close} < SMA {values.sma:.2f} on {bar.day}"
    if values.adx is not None and round(values.adx, 6) < 20:
        return f"ADX {values.adx:.2f} < 20.0 on {bar.day}"
    return None


@dataclass(slots=True)
class PlainPosition:
    """What is held of a symbol, and what an exit is judged by."""

    entry_day: date
    entry: float
    atr: float
    highest: int
    armed: bool = False
    gap: str | None = None

    @property
    def stop(self) -> int:
        return down(max(self.entry - 2 * self.atr, self.entry * 0.95, 0))

    @property
    def target(self) -> int:
        return up(self.entry + 3 * self.atr)

    def take(self, tick: PlainTick, open_price: int, base: int, broken: str | None) -> tuple[str, str] | None:
        """Take a trade in; return the rule and the numbers that it is to be sold for."""
        today = tick.at.date()
        seen = max(tick.price, tick.high) if self.entry_day < today else tick.price
        self.highest = max(self.highest, seen)
        self.armed = self.armed or seen >= self.entry * 1.01
        if tick.is_first and self.entry_day < today:
            raw = (open_price - base) / base * 100
            if raw <= -2.001:
                self.gap = f"open {open_price} vs prev_close {base:.2f}: {raw:.3f} % <= -2.0 %"
        return self.wanted(tick.price, broken)

    def wanted(self, price: int, broken: str | None) -> tuple[str, str] | None:
        if self.gap is not None:
            return "GAP_PROTECTION", self.gap
        if price <= self.stop:
            return "ATR_STOP_LOSS", f"price {price} <= stop {self.stop}"
        if price >= self.target:
            return "ATR_TAKE_PROFIT", f"price {price} >= target {self.target}"
        trailing = down(max(self.highest - 2 * self.atr, 0))
        if self.armed and price <= trailing:
            return "TRAILING_STOP", f"price {price} <= trailing {trailing} (highest {self.highest})"
        return None if broken is None else ("TREND_BROKEN", broken)
