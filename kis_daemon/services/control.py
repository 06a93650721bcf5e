"""Control: the gate, derived from the kill switch and from everything else that may go wrong.

Rules of this room (C01, C13, C14; architecture, section 3)
    The gate is asked for at every order and again right before the bytes leave; it is computed, never kept.
    The switch is a row in the records: read in every order's transaction, and polled so that the operator hears of it.
    The file KILL_SWITCH is looked for at every question, and becomes a row: removing it releases nothing.
    What a person asks for by another process (a pause, a sale) is a mark, polled with the switch.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol

import structlog

from kis_daemon.domain import risk
from kis_daemon.domain.breakers import Breaker
from kis_daemon.domain.calendar import SessionPhase, TradingCalendar
from kis_daemon.domain.market import Symbol
from kis_daemon.domain.risk import RiskLimits
from kis_daemon.domain.safeguards import (
    Conditions,
    GateView,
    KillSwitch,
    gate,
)
from kis_daemon.ports import Clock, FeedState, Rows, Severity, StoreError
from kis_daemon.services.book import Book
from kis_daemon.services.hours import trading_hours, trading_phase
from kis_daemon.services.journal import Journal
from kis_daemon.services.outages import Outages
from kis_daemon.services.reconciler import Reconciler
from kis_daemon.services.resync import Resync
from kis_daemon.services.switch_file import SwitchFile
from kis_daemon.services.switches import Look, Switches

log = structlog.get_logger("control")


class Lookout(Protocol):
    """Who looks at the records together with the control: `begin`, `read` within the transaction, `look` after it."""

    def begin(self) -> None: ...
    def read(self, rows: Rows) -> None: ...
    def look(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlTiming:
    """Seconds: how often the switch is read, how old a reconciliation may be in session and out of it, and how long
    broker and stream may be away before a person hears of it."""

    poll_s: float = 1.0
    session_age_s: float = 240.0
    night_age_s: float = 4500.0
    unreachable_s: float = 60.0
    streamless_s: float = 60.0


class Control:
    """Knows every condition and answers what may be sent."""

    def __init__(
        self,
        *,
        book: Book,
        journal: Journal,
        calendar: TradingCalendar,
        clock: Clock,
        limits: RiskLimits,
        timing: ControlTiming,
        stream_is_primary: bool,
        outages: Outages,
        switch_file: SwitchFile | None = None,
    ) -> None:
        self._book = book
        self._journal = journal
        self._calendar = calendar
        self._clock = clock
        self._limits = limits
        self._timing = timing
        self._stream_is_primary = stream_is_primary
        self._outages = outages
        self._reconciler: Reconciler | None = None
        self._lookouts: list[Lookout] = []
        self._breaker_is_open: Callable[[Breaker], bool] = lambda _: False
        self._last_gate: GateView | None = None
        self._unreachable_told = False
        self._doubted: datetime | None = None
        self._streamless_since: datetime | None = None
        self._streamless_told = False
        self._store_writable = True
        self._store_away_since: datetime | None = None
        self.resync = Resync(book, clock)
        self.switches = Switches(book=book, journal=journal, calendar=calendar, clock=clock, file=switch_file)
        self.feed = FeedState(connected=False, reason="not connected yet")
        self.universe_ready = False
        self.calendar_differs_on: Callable[[date], bool] = lambda _: False
        self.stopping = False
        self.on_active: Callable[[], Awaitable[None]] | None = None
        self.is_ready: Callable[[], bool] = lambda: True

    def watch(self, reconciler: Reconciler) -> None:
        """Judge reachability and age of the evidence by this reconciler."""
        self._reconciler = reconciler

    def ask_breakers(self, is_open: Callable[[Breaker], bool]) -> None:
        """Close entries while one of the breakers is open."""
        self._breaker_is_open = is_open

    def look_with(self, lookout: Lookout) -> None:
        """Have `lookout` look too, whenever the switch is read."""
        self._lookouts.append(lookout)

    def gate(self) -> GateView:
        """Return what may be sent at this moment."""
        return gate(self._conditions())

    @property
    def switch(self) -> KillSwitch:
        """Return the kill switch in force."""
        return self.switches.in_force

    @property
    def was_never_released(self) -> bool:
        """Whether the switch has no record at all, and is active for that reason (C01)."""
        return self.switches.was_never_released

    def is_carried(self, symbol: Symbol) -> bool:
        """Whether the stream is up and brings the trades of `symbol`."""
        return self.feed.connected and symbol in self.feed.symbols

    def market_is_continuous(self) -> bool:
        """Whether the session matches continuously now, so that an order's time runs."""
        return trading_phase(self._calendar, self._clock.now()) is SessionPhase.REGULAR

    async def run(self) -> None:
        """Read the switch again and again; tell what has changed in it and in the gate."""
        while True:
            await self.refresh()
            await asyncio.sleep(self._timing.poll_s)

    async def refresh(self) -> None:
        """Read the switch once and tell what has changed. A store that cannot be asked closes entries, not exits."""
        self._doubt_outage()
        self._tell_unreachable()
        self._tell_streamless()
        for lookout in self._lookouts:
            lookout.begin()
        try:
            look = await self._journal.transact(self._look_at_the_records)
        except StoreError as error:
            if self._store_writable:
                log.error("store_not_writable", reason=str(error))
            self._store_writable = False
            return
        self._store_writable = True
        self._tell_store()
        is_news = self.switches.take(look)
        for lookout in self._lookouts:
            lookout.look()
        self._tell_gate()
        if is_news and self.on_active is not None:
            await self.on_active()

    def _look_at_the_records(self, rows: Rows) -> Look:
        """Take in what an operator wrote by SQL, and return what persons have switched off."""
        for found in rows.adopt_events(self._clock.now()):
            log.warning("event_adopted", event_id=found.event_id, type=found.type, row_actor=found.actor)
        for lookout in self._lookouts:
            lookout.read(rows)
        return self.switches.look(rows)

    def _tell_store(self) -> None:
        """Tell a person when something begins to stand in for the database, what of it was not taken over, and when
        the database is in charge again."""
        for refused in self._journal.take_refused():
            fact = self._journal.fact("spare_refused", severity=Severity.ERROR, alerts=True, reason=refused)
            self._journal.note(fact)
        reason = self._journal.degraded
        if reason and self._store_away_since is None:
            self._store_away_since = self._clock.now()
            self._journal.note(self._journal.fact("store_away", severity=Severity.ERROR, alerts=True, reason=reason))
        elif not reason and self._store_away_since is not None:
            seconds = (self._clock.now() - self._store_away_since).total_seconds()
            self._store_away_since = None
            self._journal.note(
                self._journal.fact("store_restored", severity=Severity.WARNING, alerts=True, seconds=round(seconds))
            )

    def on_feed_state(self, state: FeedState) -> None:
        """Take down that the stream is up or down; a person hears of each change."""
        before, self.feed = self.feed, state
        if state.gave_up and not before.gave_up:
            self._journal.note(
                self._journal.fact("feed_gave_up", severity=Severity.ERROR, alerts=True, reason=state.reason)
            )
        if state.key_in_use and not before.key_in_use:
            self._journal.note(
                self._journal.fact("stream_key_taken", severity=Severity.ERROR, alerts=True, reason=state.reason)
            )
        if before.connected == state.connected:
            return
        if state.connected and self._streamless_since is not None:
            self._tell_stream_restored(self._clock.now() - self._streamless_since)
        self._streamless_since = None if state.connected else self._clock.now()
        fact = (
            self._journal.fact("feed_up", symbols=len(state.symbols))
            if state.connected
            else self._journal.fact("feed_down", severity=Severity.WARNING, alerts=True, reason=state.reason)
        )
        self._journal.note(fact)

    def _conditions(self) -> Conditions:
        now = self._clock.now()
        covered = self._calendar.covers(now.date())
        reconciler = self._reconciler
        figures = self._book.figures(())
        in_session = trading_phase(self._calendar, now) is not SessionPhase.CLOSED
        return Conditions(
            kill_switch=self.switch,
            stopping=self.stopping,
            ever_reconciled=reconciler is not None and reconciler.last_success is not None,
            reconciliation_current=self._reconciliation_current(now, in_session),
            broker_reachable=reconciler is not None and reconciler.failing_since is None and not self._is_cut_off(),
            paused=self.switches.pause.paused,
            daily_loss_reached=risk.daily_loss_reached(figures, self._limits),
            loss_breaker_open=self._breaker_is_open(Breaker.LOSS),
            api_breaker_open=self._breaker_is_open(Breaker.API),
            losses_in_a_row_reached=risk.losses_in_a_row_reached(figures, self._limits),
            quotes_fresh=self._stream_is_current() or not self._stream_is_primary,
            calendar_covers_today=covered,
            calendar_agrees=not self.calendar_differs_on(now.date()),
            universe_ready=self.universe_ready,
            store_writable=self._store_writable and not self._journal.degraded,
            order_evidence_sound=reconciler is not None and reconciler.evidence_sound,
            ready=self.is_ready(),
        )

    def _reconciliation_current(self, now: datetime, in_session: bool) -> bool:
        if self._reconciler is None or self._reconciler.last_success is None:
            return False
        allowed = self._timing.session_age_s if in_session else self._timing.night_age_s
        return now - self._reconciler.last_success <= timedelta(seconds=allowed)

    def _stream_is_current(self) -> bool:
        """Whether the stream is up, and everything that was missed before it came up has been asked for."""
        reconciler = self._reconciler
        if not self.feed.connected or reconciler is None:
            return False
        return self.resync.is_done(reconciler.success_asked_at, reconciler.account_asked_at)

    def _is_cut_off(self) -> bool:
        """Whether no question of anybody was answered for so long that trading stops for now (S3-X08)."""
        return self._outages.seconds >= self._timing.unreachable_s

    def _doubt_outage(self) -> None:
        """Have the reconciler ask too, once an outage: one question without an answer may be its own trouble."""
        since = self._outages.since
        if since is not None and since != self._doubted and self._reconciler is not None:
            self._doubted = since
            self._reconciler.wake()

    def _tell_unreachable(self) -> None:
        failing = None if self._reconciler is None else self._reconciler.failing_since
        since = min((at for at in (failing, self._outages.since) if at is not None), default=None)
        if since is None:
            self._unreachable_told = False
            return
        seconds = (self._clock.now() - since).total_seconds()
        if seconds >= self._timing.unreachable_s and not self._unreachable_told:
            self._unreachable_told = True
            self._journal.note(
                self._journal.fact("broker_unreachable", severity=Severity.ERROR, alerts=True, seconds=round(seconds))
            )

    def _tell_streamless(self) -> None:
        """Tell once that a session goes on without the stream for too long (S2-Q07)."""
        now = self._clock.now()
        if self.feed.connected:
            return
        if self._streamless_since is None:
            self._streamless_since = now
        hours = trading_hours(self._calendar, now.date())
        if self._streamless_told or hours is None or not hours.opens_at <= now < hours.closes_at:
            return
        seconds = (now - max(self._streamless_since, hours.opens_at)).total_seconds()
        if seconds >= self._timing.streamless_s:
            self._streamless_told = True
            self._journal.note(
                self._journal.fact(
                    "stream_absent",
                    severity=Severity.ERROR,
                    alerts=True,
                    seconds=round(seconds),
                    reason=self.feed.reason,
                )
            )

    def _tell_stream_restored(self, absence: timedelta) -> None:
        if self._streamless_told:
            self._streamless_told = False
            self._journal.note(
                self._journal.fact("stream_restored", alerts=True, seconds=round(absence.total_seconds()))
            )

    def _tell_gate(self) -> None:
        view = self.gate()
        if self._last_gate == view:
            return
        self._last_gate = view
        self._journal.note(self._journal.fact("gate_changed", gate=view.gate.value, reasons=",".join(view.reasons)))
