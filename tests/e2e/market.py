"""A market of our own for the moments that chance brings too rarely: every symbol breaks out on the same morning."""

from datetime import date, timedelta
from pathlib import Path

from kis_daemon.app.files import load_calendar
from kis_daemon.domain.market import Market, Rounding, to_tick
from tests.conftest import ROOT

BREAKOUT_DAY = date(2026, 3, 3)
"""The day on which every symbol opens above the high of the day before, and goes up from there."""

SYMBOLS = ("100010", "100020", "100030", "100040", "100050")
THIN = ("100020", "100040")
"""Symbols with so little volume that an entry is filled in part, and the rest lies in the book."""

_HISTORY = 130
_DAYS_AFTER = 3
_HEADER = "symbol,date,open,high,low,close,volume"


def write_prices(path: Path) -> Path:
    """Write the market's daily bars as CSV, the history and a few days after the breakout with them."""
    calendar = load_calendar(ROOT / "config")
    history = calendar.trading_days(BREAKOUT_DAY - timedelta(days=400), BREAKOUT_DAY - timedelta(days=1))[-_HISTORY:]
    after = calendar.trading_days(BREAKOUT_DAY, BREAKOUT_DAY + timedelta(days=20))[: 1 + _DAYS_AFTER]
    lines = [_HEADER]
    for place, symbol in enumerate(SYMBOLS):
        volume = 3_000 if symbol in THIN else 3_000_000
        close = 20_000.0 + 3_000 * place
        for day in history:
            lines.append(_bar(symbol, day.date, close, close * 1.014, close * 0.998, close * 1.008, volume))
            close *= 1.008
        for day in after:
            lines.append(_bar(symbol, day.date, close * 1.012, close * 1.04, close * 1.012, close * 1.035, volume))
            close *= 1.035
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def _bar(symbol: str, day: date, opened: float, high: float, low: float, close: float, volume: int) -> str:
    prices = [to_tick(price, Rounding.DOWN, Market.KOSPI, day) for price in (opened, high, low, close)]
    return ",".join([symbol, day.isoformat(), *map(str, prices), str(volume)])
