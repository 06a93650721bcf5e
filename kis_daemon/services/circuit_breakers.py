"""The circuit breakers: trip, cool down, try again, close; every step in the records, and told.

Rules of this room (S4-B, L18, C16)
    They close entries only: the gate asks `is_open`, the risk manager asks the book's `trial`; no exit asks.
    The table `circuit_breaker_events` is the truth, read with the kill switch: a reset beside the daemon counts within
    a second, and a row that an operator inserted is a trip. A trip counts at once and is written next.
    A drawdown is believed when it is seen for ten seconds; whoever hears of it stops entries too (automatic_stops.py).
    A reset is a person's, with a reason and a name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from kis_daemon.domain.breakers import (
    Breaker,
    BreakerRules,
    BreakerState,
    TrialResult,
    Trigger,
    Trip,
    trial_of,
)
from kis_daemon.domain.calendar import TradingCalendar
from kis_daemon.domain.events import Event
from kis_daemon.domain.orders import Order
from kis_daemon.domain.positions import Trade
from kis_daemon.domain.risk import Trial
from kis_daemon.ports import Clock, Rows, Severity
from kis_daemon.services.book import Book, is_entry
from kis_daemon.services.drawdown import Drawdown
from kis_daemon.services.journal import Journal
from kis_daemon.services.outages import Outages

_SURE = timedelta(seconds=10)  # a wrong price does not last as long
_LONGEST_TRIAL = timedelta(days=30)  # how far back trades of a trial are asked for
ENGINE = "engine"


def reset(rows: Rows, at: datetime, reason: str, by: str, only: Breaker | None = None) -> tuple[Breaker, ...]:
    """Close what is open, in one transaction with its event, and return it; a reason and a name are needed."""
    if not reason.strip() or not by.strip():
        raise ValueError("a reset needs a reason and a name")
    closed = tuple(trip.breaker for trip in rows.breaker_trips() if only in (None, trip.breaker))
    for breaker in closed:
        rows.end_breaker_trips(breaker, at, by.strip(), "overridden")
        payload = {"breaker": breaker.value, "reason": reason.strip(), "by": by.strip()}
        rows.append(Event(at=at, type="circuit_breaker_reset", actor=by.strip(), payload=payload))
    return closed


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerStatus:
    """One breaker as it stands. The fields of the trip are None while it is CLOSED."""

    breaker: Breaker
    state: BreakerState
    trigger: Trigger | None = None
    tripped_at: datetime | None = None
    cooldown_until: datetime | None = None
    threshold: float | None = None
    actual: float | None = None
    trial_entries: int = 0
    trial_good: int = 0
    trial_bad: int = 0


class CircuitBreakers:
    """See the rules above."""

    def __init__(
        self,
        *,
        book: Book,
        journal: Journal,
        calendar: TradingCalendar,
        clock: Clock,
        rules: BreakerRules,
        drawdown: Drawdown,
        outages: Outages,
    ) -> None:
        self._book = book
        self._journal = journal
        self._calendar = calendar
        self._clock = clock
        self._rules = rules
        self._drawdown = drawdown
        self._outages = outages
        self._trips: dict[Breaker, Trip] = {}
        self._trials: dict[Breaker, TrialResult] = {}
        self._revision = self._begun = 0
        self._read: tuple[int, tuple[Trip, ...]] = (-1, ())
        self._trades: tuple[Trade, ...] = ()
        self._orders: tuple[Order, ...] = ()
        self._deep_since: datetime | None = None

    # who asks

    def is_open(self, breaker: Breaker) -> bool:
        """Whether `breaker` lets no entry pass."""
        return breaker in self._trips and breaker not in self._trials

    def state(self, breaker: Breaker) -> BreakerState:
        if breaker not in self._trips:
            return BreakerState.CLOSED
        return BreakerState.OPEN if self.is_open(breaker) else BreakerState.HALF_OPEN

    def status(self) -> tuple[BreakerStatus, ...]:
        """Return both breakers as they stand."""
        return tuple(self._status(breaker) for breaker in Breaker)

    async def reset(self, by: str, reason: str, only: Breaker | None = None) -> tuple[Breaker, ...]:
        """Close what is open, for a person; `ValueError` without a reason and a name."""
        at = self._clock.now()
        closed = await self._journal.transact(lambda rows: reset(rows, at, reason, by, only))
        for breaker in closed:
            self._forget(breaker)
            self._tell_reset(breaker)
        self._measure()
        return closed

    # what the control calls

    def load(self, rows: Rows) -> None:
        """Know what earlier runs left open."""
        self._trips = {trip.breaker: trip for trip in rows.breaker_trips()}
        self._drawdown.load(rows)

    def begin(self) -> None:
        """What trips from here on is not in what will be read."""
        self._begun = self._revision

    def read(self, rows: Rows) -> None:
        """Look at the records, in whose transaction we are."""
        self._read = self._begun, rows.breaker_trips()
        self._drawdown.keep(rows)
        now = self._clock.now()
        begun = [trip.until for trip in self._trips.values() if trip.until is not None and trip.until <= now]
        if not begun:
            self._trades, self._orders = (), ()
            return
        first = max(min(begun), now - _LONGEST_TRIAL).date()
        self._trades = rows.trades(first, now.date())
        days = [date.fromordinal(day) for day in range(first.toordinal(), now.date().toordinal() + 1)]
        self._orders = tuple(order for day in days for order in rows.orders_of(day))

    def look(self) -> None:
        """Take in what was read, and move what has to move."""
        revision, found = self._read
        if revision == self._revision:
            for breaker in [known for known in self._trips if known not in {trip.breaker for trip in found}]:
                self._forget(breaker)
                self._tell_reset(breaker)
            self._trips = {trip.breaker: trip for trip in found}
        self._measure()
        for breaker in Breaker:
            trip = self._trips.get(breaker)
            if trip is None or trip.state(self._clock.now()) is BreakerState.OPEN:
                self._trials.pop(breaker, None)
            else:
                self._try_on(trip)
        self._look_at_losses()
        self._look_at_answers()
        self._book.trial = self._trial()

    # opening

    def _measure(self) -> None:
        self._drawdown.measure(self._trips.get(Breaker.LOSS))

    def _look_at_losses(self) -> None:
        if self.is_open(Breaker.LOSS):
            return
        on_trial = Breaker.LOSS in self._trials
        limit = self._rules.trial_drawdown_pct if on_trial else self._rules.max_drawdown_pct
        if self._drawdown.pct < limit:
            self._deep_since = None
            return
        now = self._clock.now()
        self._deep_since = self._deep_since or now
        if now - self._deep_since >= _SURE:
            self._deep_since = None
            self._open(Breaker.LOSS, Trigger.MAX_DRAWDOWN, limit, self._drawdown.pct)

    def _look_at_answers(self) -> None:
        if self.is_open(Breaker.API):
            return
        since = self._clock.now() - timedelta(seconds=self._rules.api_window_s)
        trip = self._trips.get(Breaker.API)
        if trip is not None and trip.until is not None:
            since = max(since, trip.until)
        answered, failed = self._outages.calls_since(since)
        calls = answered + failed
        if calls >= self._rules.api_min_calls and failed * 100 >= calls * self._rules.api_failure_pct:
            self._open(Breaker.API, Trigger.NETWORK_ISSUE, self._rules.api_failure_pct, failed * 100 / calls)

    def _open(self, breaker: Breaker, trigger: Trigger, threshold: float, actual: float) -> None:
        rules, now = self._rules, self._clock.now()
        hours = rules.loss_cooldown_hours if breaker is Breaker.LOSS else rules.api_cooldown_hours
        trip = Trip(
            breaker=breaker,
            trigger=trigger,
            at=now,
            until=now + timedelta(hours=hours),
            threshold=threshold,
            actual=round(actual, 4),
        )
        self._revision += 1
        self._trips[breaker] = trip
        self._trials.pop(breaker, None)
        self._measure()  # the peak knows of the trip, should it be reset within the second
        self._journal.note(
            self._journal.fact(
                "circuit_breaker_opened",
                severity=Severity.ERROR,
                alerts=True,
                breaker=breaker.value,
                trigger=trigger.value,
                threshold=threshold,
                actual=round(actual, 4),
                until=now.isoformat() if trip.until is None else trip.until.isoformat(),
            ),
            also=lambda rows: rows.add_breaker_trip(trip),
        )

    # trying again

    def _try_on(self, trip: Trip) -> None:
        assert trip.until is not None
        breaker, rules = trip.breaker, self._rules
        result = (
            trial_of(self._trades, trip.until)
            if breaker is Breaker.LOSS
            else TrialResult(good=sum(1 for order in self._entries(trip.until) if order.order_no is not None))
        )
        if breaker not in self._trials:
            self._note("circuit_breaker_half_open", breaker, Severity.WARNING)
        self._trials[breaker] = result
        if result.bad >= rules.trial_bad_trades:
            self._open(breaker, Trigger.CONSECUTIVE_LOSSES, rules.trial_bad_trades, result.bad)
        elif result.good >= rules.trial_good_trades or self._calm_hours(trip.until, result) >= rules.trial_hours:
            self._close(breaker, result)

    def _calm_hours(self, since: datetime, result: TrialResult) -> float:
        """Return for how many hours of trading nothing has failed."""
        now = self._clock.now()
        begun = max(since, result.last_bad_at or since)
        if not (self._calendar.covers(begun.date()) and self._calendar.covers(now.date())):
            return 0.0
        spans = [
            min(day.closes_at, now) - max(day.opens_at, begun)
            for day in self._calendar.trading_days(begun.date(), now.date())
        ]
        return sum((span for span in spans if span > timedelta(0)), timedelta(0)) / timedelta(hours=1)

    def _close(self, breaker: Breaker, result: TrialResult) -> None:
        at = self._clock.now()
        self._forget(breaker)
        self._note(
            "circuit_breaker_closed",
            breaker,
            Severity.INFO,
            also=lambda rows: rows.end_breaker_trips(breaker, at, ENGINE, "resolved"),
            good=result.good,
            bad=result.bad,
        )

    def _trial(self) -> Trial | None:
        breaker = next((known for known in Breaker if known in self._trials), None)
        trip = None if breaker is None else self._trips.get(breaker)
        if trip is None or trip.until is None:
            return None
        today = self._clock.now().date()
        return Trial(
            since=trip.until,
            size_pct=self._rules.trial_size_pct,
            most_entries=self._rules.trial_entries,
            earlier_entries=sum(1 for order in self._entries(trip.until) if order.day != today),
        )

    def _entries(self, since: datetime) -> list[Order]:
        return [order for order in self._orders if order.created_at >= since and is_entry(order)]

    # telling

    def _forget(self, breaker: Breaker) -> None:
        self._revision += 1
        self._trips.pop(breaker, None)
        self._trials.pop(breaker, None)
        if breaker is Breaker.API:
            self._outages.forget_calls()

    def _tell_reset(self, breaker: Breaker) -> None:
        self._note("circuit_breaker_reset_seen", breaker, Severity.WARNING)

    def _note(
        self,
        event: str,
        breaker: Breaker,
        severity: Severity,
        also: Callable[[Rows], object] | None = None,
        **data: int,
    ) -> None:
        told: dict[str, Any] = {"breaker": breaker.value, **data}
        fact = self._journal.fact(event, severity=severity, alerts=True, **told)
        self._journal.note(fact, also=also)

    def _status(self, breaker: Breaker) -> BreakerStatus:
        trip, result = self._trips.get(breaker), self._trials.get(breaker, TrialResult())
        if trip is None:
            return BreakerStatus(breaker=breaker, state=BreakerState.CLOSED)
        return BreakerStatus(
            breaker=breaker,
            state=self.state(breaker),
            trigger=trip.trigger,
            tripped_at=trip.at,
            cooldown_until=trip.until,
            threshold=trip.threshold,
            actual=trip.actual,
            trial_entries=0 if trip.until is None else len(self._entries(trip.until)),
            trial_good=result.good,
            trial_bad=result.bad,
        )
