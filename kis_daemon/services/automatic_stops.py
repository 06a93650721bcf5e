"""What stops entries without a person: the day's loss, a mismatch, orders nobody answers for, a key somebody else uses.

Rules of this room (C01, C15, C16, S1-T03)
    It stops entries and nothing more: an `AutomaticStop` has no scope. What is held goes on being protected.
    It listens to facts that others have found, counts them, and acts once: while the switch is active nothing is added,
    and a person's release stands until the cause happens anew (a day's loss: not before the next day).
    It is effective at once, and noted for the records in the same stretch.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from kis_daemon.domain.safeguards import AUTOMATIC_ACTOR, AutomaticStop, KillSwitch, StopCause
from kis_daemon.ports import Clock, Rows, Severity
from kis_daemon.services import kill_switch
from kis_daemon.services.book import Book
from kis_daemon.services.journal import Fact, Journal
from kis_daemon.services.switches import Switches


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRules:
    """How much is too much: so many within seconds, and shares that nothing explains, in percent of equity."""

    rejects: int = 10
    rejects_s: float = 300.0
    unknown_orders: int = 5
    unknown_orders_s: float = 300.0
    mismatch_pct: float = 1.0


class AutomaticStops:
    """See the rules above. `released_by` names whoever releases our own stops when a day is over, where nobody is
    there to do it: in a simulation."""

    def __init__(
        self,
        *,
        book: Book,
        journal: Journal,
        switches: Switches,
        clock: Clock,
        rules: StopRules,
        released_by: str = "",
    ) -> None:
        self._book = book
        self._journal = journal
        self._switches = switches
        self._clock = clock
        self._rules = rules
        self._released_by = released_by
        self._rejects: deque[datetime] = deque()
        self._unknown: deque[datetime] = deque()
        self._lost_on: date | None = None

    def on_fact(self, fact: Fact) -> None:
        """Hear what has happened, and stop entries if that is too much."""
        event = fact.event
        told = event.payload
        match event.type:
            case "order_rejected" if fact.severity is Severity.ERROR:  # a market that is closed is no trouble
                self._count(
                    self._rejects, self._rules.rejects, self._rules.rejects_s, StopCause.REPEATED_REJECTS, "refused"
                )
            case "order_unconfirmed":
                self._count(
                    self._unknown,
                    self._rules.unknown_orders,
                    self._rules.unknown_orders_s,
                    StopCause.UNKNOWN_ORDERS,
                    "without an answer",
                )
            case "position_mismatch":
                self._weigh(str(told["symbol"]), int(str(told["ours"])), int(str(told["theirs"])))
            case "stream_key_taken":
                reason = "OPSP8996 again and again: another session uses our key"
                self.trip(AutomaticStop(cause=StopCause.STREAM_KEY_IN_USE, reason=reason))
            case "circuit_breaker_opened" if told.get("trigger") == "max_drawdown":
                self.trip(
                    AutomaticStop(cause=StopCause.DRAWDOWN, reason=f"{told['actual']} % >= {told['threshold']} %")
                )
            case "gate_changed" if "daily_loss" in str(told["reasons"]).split(","):
                self._lose()
            case _:
                return

    def trip(self, stop: AutomaticStop) -> None:
        """Stop entries, if the switch does not already."""
        if self._switches.in_force.is_active:
            return
        at = self._clock.now()
        self._switches.stop(stop.switch(at))
        fact = self._journal.fact(
            "automatic_stop", severity=Severity.ERROR, alerts=True, cause=stop.cause.value, reason=stop.reason
        )
        self._journal.note(fact, also=lambda rows: kill_switch.stop_by_itself(rows, at, stop))

    async def end_day(self, _day: date) -> None:
        """Release a stop of our own where nobody else would."""
        switch = self._switches.in_force
        if not (self._released_by and switch.is_active and switch.actor == AUTOMATIC_ACTOR and switch.since):
            return
        noted = self._switches.own_stop
        self._switches.see(await self._journal.transact(self._release_own), noted)

    def _release_own(self, rows: Rows) -> KillSwitch:
        switch = rows.kill_switch()
        if not switch.is_active or switch.actor != AUTOMATIC_ACTOR or switch.since is None:
            return switch
        return kill_switch.release(rows, self._clock.now(), "a new day of a simulation", self._released_by)

    def _count(self, times: deque[datetime], most: int, within_s: float, cause: StopCause, what: str) -> None:
        now = self._clock.now()
        times.append(now)
        while times and now - times[0] > timedelta(seconds=within_s):
            times.popleft()
        if len(times) >= most:
            times.clear()
            self.trip(AutomaticStop(cause=cause, reason=f"{most} orders {what} within {within_s:.0f} s"))

    def _weigh(self, symbol: str, ours: int, theirs: int) -> None:
        """Stop where the shares that nothing explains are worth more than a part of the equity."""
        position = next((held for held in self._book.positions.values() if held.symbol == symbol), None)
        equity = self._book.statement_cash + self._book.holdings_value
        worth = 0.0 if position is None else abs(theirs - ours) * position.average_price
        if position is None or worth >= equity * self._rules.mismatch_pct / 100:
            reason = f"{symbol}: {ours} shares by our book, {theirs} in the account"
            self.trip(AutomaticStop(cause=StopCause.EQUITY_MISMATCH, reason=reason))

    def _lose(self) -> None:
        today = self._clock.now().date()
        if self._lost_on != today:
            self._lost_on = today
            reason = f"realised {self._book.realized_today} won today"
            self.trip(AutomaticStop(cause=StopCause.HARD_LOSS, reason=reason))
