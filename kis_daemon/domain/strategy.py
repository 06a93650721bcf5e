"""When to buy: trend, strength, calm volatility and a breakout, decided once a bar and compared with each price.

Rules of this room (requirements, section 8)
    The trend is UP when the last completed close is above its 50-bar mean; ADX must show strength; a spiking ATR waits.
    A setup is computed from completed bars only and holds for the next trading day; the live price has to exceed the
    highest high of the last `breakout` bars. Fewer than `min_bars` bars: no setup.
    Every decision states its numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from kis_daemon.domain.indicators import IndicatorPeriods, Indicators
from kis_daemon.domain.market import Won

ENTRY_RULE = "TREND_ATR_BREAKOUT"


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryRules:
    """What an entry asks for. `min_bars` is the least history that is traded, `full_bars` what is fetched."""

    periods: IndicatorPeriods = field(default_factory=IndicatorPeriods)
    adx_min: float = 25.0
    atr_spike_max: float = 2.5
    min_bars: int = 100
    full_bars: int = 250
    limit_ticks: int = 3
    cooldown_days: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class EntrySetup:
    """A symbol ready to be bought above `level`; `atr` is what the position will be protected with."""

    level: Won
    atr: float
    adx: float
    sma: float
    close: Won
    atr_spike: float | None

    def reason(self, price: Won) -> str:
        spike = "-" if self.atr_spike is None else f"{self.atr_spike:.2f}"
        return (
            f"price {price} > high {self.level}, close {self.close} > SMA {self.sma:.2f}, "
            f"ADX {self.adx:.2f}, ATR {self.atr:.2f}, spike {spike}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NoSetup:
    """Why a symbol is not to be bought before its next bar."""

    reason: str


def setup(indicators: Indicators | None, rules: EntryRules) -> EntrySetup | NoSetup:
    """Return the setup that the completed bars allow, or why there is none."""
    if indicators is None or indicators.bars < rules.min_bars:
        bars = 0 if indicators is None else indicators.bars
        return NoSetup(reason=f"{bars} bars < {rules.min_bars}")
    atr, adx, sma = indicators.atr, indicators.adx, indicators.sma
    if atr is None or adx is None or sma is None:
        return NoSetup(reason="indicators not ready")
    # Compared after rounding, so that a float's last bit never decides (and a second implementation agrees).
    if round(atr, 6) <= 0:
        return NoSetup(reason="ATR is 0")
    close = indicators.last.close
    if not close > round(sma, 6):
        return NoSetup(reason=f"close {close} <= SMA {sma:.2f}")
    if round(adx, 6) < rules.adx_min:
        return NoSetup(reason=f"ADX {adx:.2f} < {rules.adx_min}")
    spike = indicators.atr_spike
    if spike is not None and round(spike, 6) > rules.atr_spike_max:
        return NoSetup(reason=f"ATR spike {spike:.2f} > {rules.atr_spike_max}")
    return EntrySetup(level=indicators.highest_high, atr=atr, adx=adx, sma=sma, close=close, atr_spike=spike)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendBreakRules:
    """When a held trend counts as broken: close under its mean, or ADX under `adx_min`."""

    adx_min: float = 20.0


def trend_break(indicators: Indicators, rules: TrendBreakRules) -> str | None:
    """Return why the trend is broken after the last completed bar, or None while it holds."""
    close = indicators.last.close
    if indicators.sma is not None and close < round(indicators.sma, 6):
        return f"close {close} < SMA {indicators.sma:.2f} on {indicators.last.date}"
    if indicators.adx is not None and round(indicators.adx, 6) < rules.adx_min:
        return f"ADX {indicators.adx:.2f} < {rules.adx_min} on {indicators.last.date}"
    return None
