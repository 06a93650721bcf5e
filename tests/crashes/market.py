"""A market in which something happens at every trade: what is held has reached its target, the rest breaks out.

Each of the symbols trades every 13 and a half minutes of its clock, all within a few seconds, on a day that rises
steadily. At one such moment what is held is sold and what is not is bought, so each is a burst of orders. The symbols
break out one after the other: an entry that the broker never took is not tried again on the same day.
"""

from __future__ import annotations

import shutil
from datetime import datetime, time, timedelta
from pathlib import Path

from kis_daemon.app.files import load_calendar
from kis_daemon.domain.calendar import KST
from kis_daemon.domain.market import Market, Rounding, to_tick
from tests.conftest import ROOT
from tests.e2e.market import BREAKOUT_DAY

SYMBOLS = tuple(f"1{place:04d}0" for place in range(1, 13))
SPEED = 30  # much faster, and the wall's jitter breaks the broker's limit of one call a second
OPENS_AT = time(9, 0)
FIRST_BURST, LAST_BURST = 1, 26

_TRADES = 30  # of a day, as the simulator plays them
_FIRST_TRADE_S, _LAST_TRADE_S = 1, (6 * 60 + 19) * 60  # after the open: of the first symbol, and before the auction
_HISTORY = 60
_THIN = 130  # shares a day: an entry is filled in part, and the rest of it is cancelled when its time is over
_AT_ONCE = 2  # symbols break out with the first trade that is higher than the open, each further one a trade later
_RISE = 0.007  # from trade to trade
_PLENTY = 3_000_000

_FILES = {
    "risk.yaml": """risk:
  sizing: fixed
  order_quantity: 10
  max_positions: 100
  max_trades_a_day: 1000
  max_consecutive_losses: 100
  max_position_pct: 100
""",
    "strategy.yaml": """entry:
  periods: {sma: 10, spike_window: 5}
  min_bars: 40
  full_bars: 50
  adx_min: 5
  cooldown_days: 0
protection:
  stop_atr: 5
  target_atr: 0.3
  trailing_atr: 5
""",
    "universe.yaml": "universe:\n  max_stocks: 100\n",
}


def write_config(folder: Path) -> Path:
    """Write a configuration that buys and sells at every burst."""
    shutil.copytree(ROOT / "config", folder)
    for name, text in _FILES.items():
        (folder / name).write_text(text, "utf-8")
    return folder


def write_prices(path: Path) -> Path:
    """Write the daily bars of all symbols, up to the day on which the daemon is killed."""
    calendar = load_calendar(ROOT / "config")
    before = BREAKOUT_DAY - timedelta(days=1)
    history = calendar.trading_days(before - timedelta(days=150), before)[-_HISTORY:]
    lines = ["symbol,date,open,high,low,close,volume"]
    for place, symbol in enumerate(SYMBOLS):
        volume = _THIN if place % 4 == 1 else _PLENTY
        close = 20_000.0 + 1_000 * place
        for day in history:
            lines.append(_bar(symbol, day.date.isoformat(), close, close * 1.009, close * 0.998, close * 1.006, volume))
            close *= 1.006
        level = close / 1.006 * 1.009
        opened = level * (1 - _RISE * (max(place - _AT_ONCE, 0) + 0.5))
        high = opened * (1 + _RISE * _TRADES)
        lines.append(_bar(symbol, BREAKOUT_DAY.isoformat(), opened, high, opened, high, volume))
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def _bar(symbol: str, day: str, opened: float, high: float, low: float, close: float, volume: int) -> str:
    prices = [to_tick(price, Rounding.DOWN, Market.KOSPI, BREAKOUT_DAY) for price in (opened, high, low, close)]
    return ",".join([symbol, day, *map(str, prices), str(volume)])


def burst_at(number: int) -> datetime:
    """Return the second of the first trade of a burst."""
    step = (_LAST_TRADE_S - _FIRST_TRADE_S) / (_TRADES - 2)
    opened = datetime.combine(BREAKOUT_DAY, OPENS_AT, KST)
    return opened + timedelta(seconds=_FIRST_TRADE_S + int(step * number))


def next_burst(now: datetime, lead: timedelta) -> datetime:
    """Return the first burst that is at least `lead` away; `LookupError` when the day has none left."""
    for number in range(FIRST_BURST, LAST_BURST + 1):
        if burst_at(number) >= now + lead:
            return burst_at(number)
    raise LookupError(f"no burst is left at {now:%H:%M:%S}")
