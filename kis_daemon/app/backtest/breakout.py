"""The breakout rule: long above the highest close of n bars, out below the highest close since less some ATRs.

Rules of this room
    A signal is read from completed bars at the close and traded at the next open of its symbol; nothing later is seen.
    The day's ticks and limits hold: nobody buys where nothing is offered (an open at the upper limit) and nobody sells
    where nothing is bid. A purchase that fails lapses, a sale is tried again at the next open.
    On one day sales come before purchases, then the order of the symbols; cash and costs are the simulated account's.
    Only days with an order are lived through: between them nothing but the next signal is looked for.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from datetime import date
from time import perf_counter

from kis_daemon.app.backtest.columns import Columns, breakouts, columns_of, wilder_atr
from kis_daemon.app.backtest.metrics import measure
from kis_daemon.app.backtest.opening import OpeningDesk
from kis_daemon.app.backtest.order_records import OrderRecords
from kis_daemon.app.backtest.pairs import split
from kis_daemon.app.backtest.plan import BacktestPlan
from kis_daemon.app.backtest.result import BacktestResult, BacktestTrade, DayEquity
from kis_daemon.app.errors import UsageError
from kis_daemon.domain.calendar import TradingCalendar
from kis_daemon.domain.market import Side, Won
from kis_daemon.simulator.prices import PriceBook

ENTRY_RULE, EXIT_RULE = "BREAKOUT", "TRAILING_ATR"

LIMITS = {
    "breakout_bars": (2, 500),
    "atr_bars": (2, 200),
    "stop_atr": (0.1, 100.0),
    "position_pct": (0.01, 100.0),
    "shares": (1, 1_000_000),
}
"""What each parameter may be; a whole number where its limits are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakoutRules:
    """`position_pct` is what a purchase may cost, in percent of the account at cost; 0 shares it among all symbols.

    `shares` is how many a purchase is instead, as far as the cash goes; 0 leaves it to the percentage.
    """

    breakout_bars: int = 20
    atr_bars: int = 14
    stop_atr: float = 3.0
    position_pct: float = 0.0
    shares: int = 0

    def with_parameters(self, written: Iterable[str]) -> BreakoutRules:
        """Return the rules with these `name=value`; `UsageError` names the known ones."""
        changes: dict[str, float] = {}
        for name, text in split(written).items():
            if name not in LIMITS:
                raise UsageError("usage.backtest_unknown_param", name=name, known=", ".join(LIMITS))
            low, high = LIMITS[name]
            whole = isinstance(low, int)
            try:
                value = int(text) if whole else float(text)
            except ValueError:
                value = low - 1
            if not low <= value <= high:
                raise UsageError("usage.backtest_param_range", name=name, value=text, low=low, high=high)
            changes[name] = value
        assert changes.keys() <= {field.name for field in fields(self)}
        return replace(self, **changes)  # type: ignore[arg-type]  # whole where the field is


def run_breakout(
    plan: BacktestPlan,
    prices: PriceBook,
    calendar: TradingCalendar,
    rules: BreakoutRules,
    commission_ppb: int,
    kept: OrderRecords | None = None,
) -> BacktestResult:
    """Replay the days of `plan` and return what came of them; `kept` takes down every order."""
    listed = {listing.symbol: listing for listing in prices.listings()}
    bars = {symbol: prices.bars(symbol, prices.first_day, plan.last) for symbol in plan.symbols}
    begun = perf_counter()
    loaded = [
        columns_of(symbol, listed[symbol].name, listed[symbol].market, bars[symbol], plan.first)
        for symbol in plan.symbols
    ]
    share = rules.position_pct or 100.0 / max(len(loaded), 1)
    desk = OpeningDesk(calendar, plan.cash, share, commission_ppb, shares=rules.shares)
    held = _Held(calendar, plan)
    for day, orders in _days([_Walker(columns, rules) for columns in loaded]):
        desk.begin(day)
        for walker in orders:
            trade = walker.trade(desk)
            if trade is not None:
                held.take(walker, trade)
                if kept is not None:
                    kept.keep(trade, walker.columns.market)
    seconds = perf_counter() - begun
    equity = held.equity(desk.trades)
    return BacktestResult(
        rule=ENTRY_RULE,
        fills=plan.fills,
        symbols=plan.symbols,
        first=plan.first,
        last=plan.last,
        start_cash=plan.cash,
        trades=tuple(desk.trades),
        orders=(),
        equity=tuple(equity),
        bars=sum(len(columns.days) - columns.start for columns in loaded),
        bars_that_matter=0,  # whatever is traded is traded at the open
        seconds=seconds,
        metrics=measure(plan.cash, desk.trades, equity),
    )


class _Walker:
    """Walks through one symbol from signal to signal. `at` is the bar at whose open it wants to trade."""

    __slots__ = ("_atr", "_bought_at", "_entries", "_reason", "_rules", "at", "columns", "side")

    def __init__(self, columns: Columns, rules: BreakoutRules) -> None:
        self.columns = columns
        self._rules = rules
        self._atr = wilder_atr(columns.highs, columns.lows, columns.closes, rules.atr_bars)
        self._entries = breakouts(columns.closes, rules.breakout_bars)
        self._bought_at = -1
        self._reason = ""
        self.side = Side.BUY
        self.at = 0
        self._seek_entry(max(columns.start - 1, 0))

    @property
    def day(self) -> date | None:
        """The day on which it wants to trade, None where there is no bar any more."""
        return self.columns.days[self.at] if self.at < len(self.columns.days) else None

    def trade(self, desk: OpeningDesk) -> BacktestTrade | None:
        """Try to trade at this open, and look for what comes next."""
        at = self.at
        if self.side is Side.BUY:
            bought = desk.buy(self.columns, at, ENTRY_RULE, self._why_in(at - 1))
            if bought is None:
                self._seek_entry(at)
                return None
            self._bought_at = at
            self._seek_exit(at)
            return bought
        sold = desk.sell(self.columns, at, EXIT_RULE, self._reason)
        if sold is None:
            self.at = at + 1
            return None
        self._seek_entry(at)
        return sold

    def _seek_entry(self, since: int) -> None:
        """Find the first breakout that closes at `since` or later."""
        self.side = Side.BUY
        place = bisect_left(self._entries, since)
        self.at = self._entries[place] + 1 if place < len(self._entries) else len(self.columns.days)

    def _seek_exit(self, since: int) -> None:
        """Find the first bar from `since` on that closes too far below the highest close since then."""
        self.side = Side.SELL
        stop_atr, highest = self._rules.stop_atr, 0
        closes, atrs = self.columns.closes, self._atr
        for index in range(since, len(closes)):
            close, atr = closes[index], atrs[index]
            if close >= highest:
                highest = close
            elif atr is not None and close < round(highest - stop_atr * atr, 6):
                self._reason = f"close {close} < highest close {highest} - {stop_atr:g} x ATR {atr:.2f}"
                self.at = index + 1
                return
        self.at = len(closes)

    def _why_in(self, signal: int) -> str:
        n, closes = self._rules.breakout_bars, self.columns.closes
        return f"close {closes[signal]} > highest close {max(closes[signal - n : signal])} of {n}"


def _days(walkers: list[_Walker]) -> Iterator[tuple[date, list[_Walker]]]:
    """Yield the days on which somebody wants to trade, with who does: sales first."""
    waiting = [(day, rank) for rank, walker in enumerate(walkers) if (day := walker.day) is not None]
    heapq.heapify(waiting)
    while waiting:
        day = waiting[0][0]
        ranks: list[int] = []
        while waiting and waiting[0][0] == day:
            ranks.append(heapq.heappop(waiting)[1])
        ranks.sort(key=lambda rank: (walkers[rank].side is Side.BUY, rank))
        yield day, [walkers[rank] for rank in ranks]
        for rank in ranks:
            following = walkers[rank].day
            if following is not None:
                heapq.heappush(waiting, (following, rank))


class _Held:
    """What was held when, for the equity of every day."""

    def __init__(self, calendar: TradingCalendar, plan: BacktestPlan) -> None:
        self._days = [day.date for day in calendar.trading_days(plan.first, plan.last)]
        self._start_cash = plan.cash
        self._open: dict[str, tuple[_Walker, int, int]] = {}
        self._spans: list[tuple[_Walker, int, int, int]] = []

    def take(self, walker: _Walker, trade: BacktestTrade) -> None:
        """Take down that a position began or ended on the day of `trade`."""
        index = bisect_left(walker.columns.days, trade.at.date())
        if trade.side is Side.BUY:
            self._open[trade.symbol] = (walker, index, trade.quantity)
        else:
            self._spans.append((*self._open.pop(trade.symbol), index))

    def equity(self, trades: list[BacktestTrade]) -> list[DayEquity]:
        """Return the account after every day: cash with every trade in it, holdings at their last close."""
        place = {day: index for index, day in enumerate(self._days)}
        cash, value = [0] * len(self._days), [0] * len(self._days)
        for trade in trades:
            gained = trade.amount if trade.side is Side.SELL else -trade.amount
            cash[place[trade.at.date()]] += gained - trade.fee - trade.tax
        still = [(*position, len(position[0].columns.days)) for position in self._open.values()]
        for walker, begin, quantity, end in [*self._spans, *still]:
            days, closes = walker.columns.days, walker.columns.closes
            for index in range(begin, end):
                until = place[days[index + 1]] if index + 1 < len(days) else len(self._days)
                for at in range(place[days[index]], until):  # more than one day where it did not trade
                    value[at] += quantity * closes[index]
        worth: list[DayEquity] = []
        total: Won = self._start_cash
        for index, day in enumerate(self._days):
            total += cash[index]
            worth.append(DayEquity(day=day, cash=total, holdings_value=value[index]))
        return worth
