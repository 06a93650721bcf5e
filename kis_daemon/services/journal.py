"""The journal: every fact of the trade, written down before anybody is told of it.

Rules of this room
    A fact goes into `event_log` first, then to the log, or to the notifier (which logs it too) if a person is to know.
    Synchronous code notes; the notes are written, in their order, at the head of the next transaction or by `run`.
    Facts of a transaction become known only when it is committed.
    What precedes an order is told behind its bytes: a log line is no reason to keep a stop waiting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import structlog

from kis_daemon.domain.events import Event, Payload, Scalar
from kis_daemon.ports import Alert, Clock, Notifier, Records, Rows, Severity, StoreError

T = TypeVar("T")

log = structlog.get_logger("journal")

_STORE_PAUSE_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """An event and who is to know it: `severity` is its level in the log, `alerts` whether a person is told."""

    event: Event
    severity: Severity = Severity.INFO
    alerts: bool = False

    def said_by(self, actor: str) -> Fact:
        """Return the fact with who caused it."""
        return replace(self, event=replace(self.event, actor=actor))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Note:
    """A fact that waits to be written, with the rows that `also` writes."""

    fact: Fact
    also: Callable[[Rows], object] | None
    is_told: bool


class Journal:
    """The one writer of facts."""

    def __init__(self, records: Records, clock: Clock, notifier: Notifier) -> None:
        self._records = records
        self._clock = clock
        self._notifier = notifier
        self._notes: list[_Note] = []
        self._noted = asyncio.Event()
        self._listeners: list[Callable[[], None]] = []
        self._observers: list[Callable[[Fact], None]] = []

    def listen(self, listener: Callable[[], None]) -> None:
        """Call `listener` after every commit that wrote facts."""
        self._listeners.append(listener)

    def observe(self, observer: Callable[[Fact], None]) -> None:
        """Call `observer` with every fact when it becomes known; it may note facts of its own."""
        self._observers.append(observer)

    @property
    def degraded(self) -> str:
        """Why the database is not written to at present, "" while it is."""
        return self._records.degraded

    def take_refused(self) -> tuple[str, ...]:
        """Return, once, why something that was kept aside could not be taken over."""
        return self._records.take_refused()

    def fact(
        self,
        type_: str,
        *,
        severity: Severity = Severity.INFO,
        alerts: bool = False,
        correlation_id: str = "",
        **payload: Scalar,
    ) -> Fact:
        """Return the fact that `type_` happened now."""
        event = Event(at=self._clock.now(), type=type_, correlation_id=correlation_id, payload=payload)
        return Fact(event=event, severity=severity, alerts=alerts)

    def note(self, fact: Fact, also: Callable[[Rows], object] | None = None) -> None:
        """Take down `fact` (and the rows `also` writes) without waiting."""
        self._notes.append(_Note(fact=fact, also=also, is_told=True))
        self._noted.set()
        self._tell(fact)

    def precede(self, fact: Fact) -> None:
        """Take down `fact` for the head of the transaction that the caller is about to have begun; told after it."""
        self._notes.append(_Note(fact=fact, also=None, is_told=False))

    async def transact(self, work: Callable[[Rows], T], *facts: Fact) -> T:
        """Run `work` in a transaction that begins with what was noted and ends with `facts`."""
        notes = tuple(self._notes)

        def whole(rows: Rows) -> T:
            for note in notes:
                rows.append(note.fact.event)
                if note.also is not None:
                    note.also(rows)
            result = work(rows)
            for fact in facts:
                rows.append(fact.event)
            return result

        # Taken off before the wait, or a transaction begun meanwhile would write them twice; put back if ours fails.
        # A cancelled wait is no failure: the transaction runs to its end on the store's thread.
        del self._notes[: len(notes)]
        rolled_back = True
        try:
            result = await self._records.transact(whole)
            rolled_back = False
        except asyncio.CancelledError:
            rolled_back = False
            raise
        finally:
            if rolled_back:
                self._notes[:0] = notes
                if notes:
                    self._noted.set()
            else:
                self._tell_soon(*(note.fact for note in notes if not note.is_told))
        for fact in facts:
            self._tell(fact)
        if notes or facts:
            self._committed()
        return result

    async def write(self, *facts: Fact) -> None:
        """Write what was noted, and `facts`."""
        if self._notes or facts:
            await self.transact(_nothing, *facts)

    async def run(self) -> None:
        """Write notes as they come, until cancelled; a store that is away is tried again, and nothing is lost."""
        while True:
            await self._noted.wait()
            self._noted.clear()
            try:
                await self.write()
            except StoreError as error:
                log.error("event_log_failed", reason=str(error), waiting=len(self._notes))
                await asyncio.sleep(_STORE_PAUSE_S)
                self._noted.set()

    def tell(self, fact: Fact) -> None:
        """Make a fact known, soon, that a unit of work appended itself and that is committed."""
        self._tell_soon(fact)
        self._committed()

    def _tell_soon(self, *facts: Fact) -> None:
        try:
            soon = asyncio.get_running_loop().call_soon
        except RuntimeError:  # nobody waits where no loop runs
            for fact in facts:
                self._tell(fact)
            return
        for fact in facts:
            soon(self._tell, fact)

    def _committed(self) -> None:
        for listener in self._listeners:
            listener()

    def _tell(self, fact: Fact) -> None:
        event = fact.event
        data = _scalars(event.payload)
        if event.correlation_id:
            data["correlation_id"] = event.correlation_id
        if fact.alerts:  # the notifier writes the log's line too: one line a fact
            self._notifier.tell(Alert(event=event.type, severity=fact.severity, at=event.at, data=data))
        else:
            getattr(log, fact.severity.value)(event.type, **data)
        for observer in self._observers:
            observer(fact)


def _nothing(_rows: Rows) -> None:
    """The work of a transaction that only writes facts."""


def _scalars(payload: Payload) -> dict[str, Scalar]:
    """Return the plain values of a payload; an alert needs no lists."""
    return {key: value for key, value in payload.items() if isinstance(value, str | int | float | bool | None)}
