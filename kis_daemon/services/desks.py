"""The trader's desks: what is known of one symbol, and the rules all desks follow."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from kis_daemon.domain.exits import Exit, GapRules
from kis_daemon.domain.first_steps import FirstSteps
from kis_daemon.domain.indicators import Indicators
from kis_daemon.domain.market import Symbol, Won
from kis_daemon.domain.positions import ProtectionRules
from kis_daemon.domain.risk import RiskLimits
from kis_daemon.domain.strategy import EntryRules, EntrySetup, NoSetup, TrendBreakRules

NO_PRICE_REACHES = 1 << 62


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingRules:
    """All that decides, as configured; `asks_a_person`: an entry is proposed and not ordered."""

    entry: EntryRules
    protection: ProtectionRules
    trend_break: TrendBreakRules
    gap: GapRules
    limits: RiskLimits
    commission_ppb: int
    first_steps: FirstSteps = field(default_factory=FirstSteps)
    asks_a_person: bool = False


@dataclass(slots=True)
class SymbolDesk:
    """What the trader knows of one symbol.

    `low` and `high` are its quiet band, empty (0, 0) until the next look; a day's high above `known_high` ends the
    quiet too: the stream may have missed it. `rank` is its place in the universe, -1
    outside of it. `wanted` is an exit that stands until it is sold; `blocked_rule` the exit the broker refused, told
    once. `denied` holds the codes already told today.
    """

    symbol: Symbol
    low: Won = 0
    high: Won = 0
    known_high: Won = NO_PRICE_REACHES
    setup: EntrySetup | NoSetup = field(default_factory=lambda: NoSetup(reason="no history yet"))
    indicators: Indicators | None = None
    rank: int = -1
    opened_on: date | None = None
    wanted: Exit | None = None
    exit_blocked_at: datetime | None = None
    exit_blocked_until: datetime | None = None
    blocked_rule: str = ""
    denied: set[str] = field(default_factory=set)

    def block_exit(self, at: datetime, pause: timedelta) -> None:
        """Let no exit be tried for `pause` from `at` on."""
        self.exit_blocked_at, self.exit_blocked_until = at, at + pause

    def is_exit_blocked(self, now: datetime) -> bool:
        """Whether an exit waits before its next try; a clock that was set back behind the refusal blocks nothing."""
        is_back = self.exit_blocked_at is not None and now < self.exit_blocked_at
        return self.exit_blocked_until is not None and now < self.exit_blocked_until and not is_back

    def open_band(self) -> None:
        """Have the next price looked at, whatever it is."""
        self.low = self.high = 0
