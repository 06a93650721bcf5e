"""Every order and trade of a backtest, computed anew from the bars, and whatever differs.

Asked of each purchase: was there a setup, did that very trade of the day exceed its level, are limit, price, reason and
quantity what they have to be. Asked of each position: does the first trade after which an exit is due bring an order,
at that second and for that reason, and is every sale for the reason that holds at its time, at the bid of that time.
The quantity hangs on the account as it was last stated, at most `STATED_S` before: each such statement is tried. What
was filled since stands in it for what was paid. Histories begin as far back as the daemon asks for them.
"""

from __future__ import annotations

import csv
from bisect import bisect_left
from datetime import date, datetime, time, timedelta
from pathlib import Path

from kis_daemon.app.backtest.result import BacktestOrder, BacktestResult, BacktestTrade
from tests.backtest.plain import FEE_PPB, PlainBar, limits, plain_bars, tick
from tests.backtest.plain_rules import (
    PlainPosition,
    PlainSetup,
    PlainTick,
    PlainValues,
    plain_break,
    plain_setup,
    plain_ticks,
    plain_values,
)

STATED_S = 70.0
_LIVES = timedelta(seconds=135)  # a sale, before what is left of it is taken back
_AUCTION = timedelta(minutes=10)
_SOON = timedelta(seconds=20)  # from an order to its fill in the books


class Recomputation:
    """Holds one result against the bars of its file."""

    def __init__(self, result: BacktestResult, prices: Path, sessions: Path) -> None:
        self.result = result
        since = max(bar.day for rows in plain_bars(prices).values() for bar in rows if bar.day < result.first)
        since -= timedelta(days=int(250 * 1.6) + 14)
        self.bars: dict[str, list[PlainBar]] = {
            symbol: [bar for bar in rows if bar.day >= since] for symbol, rows in plain_bars(prices).items()
        }
        self.values: dict[str, list[PlainValues]] = {}
        self.places = {symbol: place for place, symbol in enumerate(self.bars)}
        self.days = {symbol: [bar.day for bar in rows] for symbol, rows in self.bars.items()}
        self.hours = _hours(sessions)
        self.kst = result.trades[0].at.tzinfo
        self.differences: list[str] = []
        self.orders_checked = self.trades_checked = self.certain_quantities = self.trial_quantities = 0
        self._ticks: dict[tuple[str, date], list[PlainTick]] = {}

    # the market

    def ticks(self, symbol: str, day: date) -> list[PlainTick]:
        if (symbol, day) not in self._ticks:
            index = bisect_left(self.days[symbol], day)
            rows = self.bars[symbol]
            opens, closes = (datetime.combine(day, at, self.kst) for at in self.hours[day])
            there = index < len(rows) and rows[index].day == day
            base = rows[index - 1].close if index else rows[index].open
            made = plain_ticks(rows[index], base, self.places[symbol], opens, closes) if there else []
            self._ticks[symbol, day] = made
        return self._ticks[symbol, day]

    def last_tick(self, symbol: str, at: datetime) -> PlainTick | None:
        return next((tick for tick in reversed(self.ticks(symbol, at.date())) if tick.at <= at), None)

    def before(self, symbol: str, day: date) -> int:
        """Return the index of the last bar before `day`."""
        return bisect_left(self.days[symbol], day) - 1

    def value_of(self, symbol: str) -> list[PlainValues]:
        if symbol not in self.values:
            self.values[symbol] = plain_values(self.bars[symbol])
        return self.values[symbol]

    def setup(self, symbol: str, day: date) -> PlainSetup | None:
        return plain_setup(self.bars[symbol], self.value_of(symbol), self.before(symbol, day))

    def price(self, symbol: str, at: datetime) -> int:
        """Return the last price known at `at`."""
        found = self.last_tick(symbol, at)
        return found.price if found is not None else self.bars[symbol][self.before(symbol, at.date())].close

    # the checks

    def run(self) -> list[str]:
        for order in self.result.orders:
            if order.side.value == "BUY":
                self._check_purchase(order)
        for symbol in self.result.symbols:
            self._check_sales(symbol)
        return self.differences

    def _differs(self, what: str, at: datetime, symbol: str, ours: object, theirs: object) -> None:
        self.differences.append(f"{at:%Y-%m-%d %H:%M:%S} {symbol} {what}: {theirs} in the backtest, {ours} recomputed")

    def _same(self, what: str, at: datetime, symbol: str, ours: object, theirs: object) -> None:
        if ours != theirs:
            self._differs(what, at, symbol, ours, theirs)

    def _check_purchase(self, order: BacktestOrder) -> None:
        self.orders_checked += 1
        symbol, at = order.symbol, order.at
        setup, now = self.setup(symbol, at.date()), self.last_tick(symbol, at)
        if setup is None or now is None or now.at != at or now.is_close or now.price <= setup.level or now.ask == 0:
            self._differs("purchase", at, symbol, (setup, now), order)
            return
        upper = limits(self.bars[symbol][self.before(symbol, at.date())].close, at.date())[1]
        limit = now.ask
        for _ in range(3):
            limit += tick(limit)
        limit = min(limit, upper)
        self._same("limit", at, symbol, limit, order.price)
        possible = self._quantities(order, setup, limit)
        self.certain_quantities += len(possible) == 1
        if self._is_on_trial(at.date()) and order.quantity in {most * 25 // 100 for most in possible}:
            self.trial_quantities += 1
        elif order.quantity not in possible:
            self._differs("quantity", at, symbol, sorted(possible), order.quantity)
        trade = self._trade_of(order)
        if trade is not None:
            self.trades_checked += 1
            self._same("rule", at, symbol, "TREND_ATR_BREAKOUT", trade.rule)
            reason = f"price {now.price} > high {setup.level}, {setup.numbers}"
            self._same("reason", at, symbol, reason, trade.reason)
            self._same("price", at, symbol, now.ask * trade.quantity, trade.amount)
            self._same("filled", at, symbol, order.filled_quantity, trade.quantity)

    def _is_on_trial(self, day: date) -> bool:
        """Whether the loss breaker may be half open: the account was nearly 15 % below its highest within two weeks.

        The breaker looks at every moment, and only the closes are known here: a percent is left for that.
        """
        highest = self.result.start_cash
        for end in self.result.equity:
            highest = max(highest, end.equity)
            if day - timedelta(days=14) <= end.day < day and end.equity <= highest * 0.86:
                return True
        return False

    def _quantities(self, order: BacktestOrder, setup: PlainSetup, limit: int) -> set[int]:
        """Return every quantity that a statement of the last minutes allows."""
        at, start = order.at, self.result.start_cash
        spent = [t for t in self.result.trades if t.at <= at]
        cash = start + sum(_gain(t) for t in spent)
        reserved = sum(
            (o.price or 0) * o.quantity
            for o in self.result.orders
            if o.side.value == "BUY"
            and at - _SOON <= o.at < at
            and not any(t.at >= o.at for t in self._of(o.symbol, spent))
        )
        moments = {at - timedelta(seconds=STATED_S), at}
        for symbol in self.result.symbols:
            held = any(t.symbol == symbol for t in self.result.trades if t.at <= at)
            if held:
                moments |= {
                    t.at for t in self.ticks(symbol, at.date()) if at - timedelta(seconds=STATED_S) <= t.at <= at
                }
        moments |= {t.at for t in spent if t.at >= at - timedelta(seconds=STATED_S)}
        found = set()
        for moment in moments:
            for second in (timedelta(), timedelta(microseconds=-1)):
                stated = moment + second
                since = [t for t in spent if t.at > stated]
                value = self._holdings(stated) + sum(_paid(t) for t in since)
                by_risk = int((cash + value) * 1.0 / 100 / (2.0 * setup.atr))
                by_share = int((cash + value) * 20.0 / 100 / limit)
                affordable = (cash - reserved) * 10**9 // (limit * (10**9 + FEE_PPB))
                found.add(min(by_risk, by_share, affordable, 100_000))
        return found

    def _holdings(self, at: datetime) -> int:
        held: dict[str, int] = {}
        for trade in self.result.trades:
            if trade.at <= at:
                sign = 1 if trade.side.value == "BUY" else -1
                held[trade.symbol] = held.get(trade.symbol, 0) + sign * trade.quantity
        return sum(quantity * self.price(symbol, at) for symbol, quantity in held.items() if quantity)

    def _of(self, symbol: str, trades: list[BacktestTrade]) -> list[BacktestTrade]:
        return [trade for trade in trades if trade.symbol == symbol]

    def _trade_of(self, order: BacktestOrder) -> BacktestTrade | None:
        """Return what was booked of an order: the first trade of its symbol, side and rule from its time on."""
        if not order.filled_quantity:
            return None
        return next(
            trade
            for trade in self.result.trades
            if (trade.symbol, trade.side, trade.rule) == (order.symbol, order.side, order.rule) and trade.at >= order.at
        )

    def _check_sales(self, symbol: str) -> None:
        trades = self._of(symbol, list(self.result.trades))
        sales = [o for o in self.result.orders if o.symbol == symbol and o.side.value == "SELL"]
        days = [day.day for day in self.result.equity]
        for bought in (trade for trade in trades if trade.side.value == "BUY"):
            setup = self.setup(symbol, bought.at.date())
            if setup is None:
                continue  # told above
            entry = bought.amount / bought.quantity
            position = PlainPosition(
                bought.at.date(), entry, setup.atr, highest=int(entry // tick(entry)) * tick(entry)
            )
            left = bought.quantity
            ours = [o for o in sales if o.at > bought.at]
            for day in days[bisect_left(days, bought.at.date()) :]:
                left, ours = self._live_a_day(symbol, day, position, bought.at, left, ours)
                if not left:
                    break

    def _live_a_day(
        self,
        symbol: str,
        day: date,
        position: PlainPosition,
        since: datetime,
        left: int,
        ours: list[BacktestOrder],
    ) -> tuple[int, list[BacktestOrder]]:
        """Go through a day of a position; return what is left of it, and the orders that are still to come."""
        last = self.before(symbol, day)
        bar = self.bars[symbol][last]
        broken = None if bar.day < position.entry_day else plain_break(bar, self.value_of(symbol)[last])
        ticks = self.ticks(symbol, day)
        is_begun = False
        for place, now in enumerate(ticks):
            if now.at <= since:
                continue
            wanted = position.take(now, ticks[0].price, bar.close, broken)
            ends = ticks[place + 1].at if place + 1 < len(ticks) else now.at + timedelta(hours=12)
            meant = [order for order in ours if now.at <= order.at < ends]
            if now.is_close:
                if meant:
                    self._differs("sale", now.at, symbol, "none at the close", meant[0])
                continue
            # after the day's first order another one waits until the one before has ended
            if wanted is not None and not is_begun and (not meant or meant[0].at != now.at):
                self._differs("sale", now.at, symbol, wanted, meant[:1])
            is_begun = is_begun or meant != []
            for order in meant:
                left = self._check_sale(order, wanted, now, ticks[place + 1 :], left)
                ours = ours[1:]
                if not left:
                    return 0, ours
        return left, ours

    def _check_sale(
        self, order: BacktestOrder, wanted: tuple[str, str] | None, now: PlainTick, later: list[PlainTick], left: int
    ) -> int:
        self.orders_checked += 1
        if wanted is None:
            self._differs("sale", order.at, order.symbol, None, order)
            return left - order.filled_quantity
        self._same("rule", order.at, order.symbol, wanted[0], order.rule)
        self._same("quantity", order.at, order.symbol, left, order.quantity)
        trade = self._trade_of(order)
        if trade is None:
            return left
        self.trades_checked += 1
        self._same("reason", order.at, order.symbol, wanted[1], trade.reason)
        self._same("filled", order.at, order.symbol, order.filled_quantity, trade.quantity)
        # what a thin day leaves of a sale may be taken by the next trade, at its bid, or in the closing auction, to
        # which an order stays that is not given up before it begins
        auction = datetime.combine(order.at.date(), self.hours[order.at.date()][1], self.kst) - _AUCTION
        next_ones = later if order.at + _LIVES >= auction else later[:1]
        bids = {now.bid, *(tick.price if tick.is_close else tick.bid for tick in next_ones)}
        at_once = order.price is None and trade.amount == now.bid * trade.quantity
        if not at_once and not min(bids) * trade.quantity <= trade.amount <= max(bids) * trade.quantity:
            self._differs("price", order.at, order.symbol, sorted(bids), trade.amount / trade.quantity)
        return left - order.filled_quantity


def _paid(trade: BacktestTrade) -> int:
    return trade.amount if trade.side.value == "BUY" else -trade.amount


def _gain(trade: BacktestTrade) -> int:
    return -_paid(trade) - trade.fee - trade.tax


def _hours(sessions: Path) -> dict[date, tuple[time, time]]:
    with sessions.open(encoding="utf-8") as file:
        return {
            date.fromisoformat(row["date"]): (time.fromisoformat(row["open_kst"]), time.fromisoformat(row["close_kst"]))
            for row in csv.DictReader(file)
            if row["is_session"] == "1"
        }
