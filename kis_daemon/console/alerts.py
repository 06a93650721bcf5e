"""The alert desk: takes what happened, words it, and hands it to the sinks without ever holding up trading.

Rules of this room (C17)
    `tell` returns at once: it logs, and puts the alert into a bounded queue. A full queue gives up its oldest INFO
    first, then its oldest; what was given up is counted and told.
    The same warning or error within `repeat_s` is counted, not repeated; the count goes with the next one.
    A sink that fails, hangs or raises anything loses one alert and nothing else: the broad `except` lives here.
    Dates of alerts come from their facts, delays from the loop.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

import structlog

from kis_daemon.console.catalogue import Language, say
from kis_daemon.ports import Alert, Notifier, Severity

_RANK = {Severity.INFO: 0, Severity.WARNING: 1, Severity.ERROR: 2}
_MINUTE_S = 60.0
_REMEMBERED = 1000  # different warnings whose repetition is watched at once

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRules:
    """The `alerts` section of the configuration."""

    queue_size: int = 200
    per_minute: int = 20
    repeat_s: float = 60.0
    send_timeout_s: float = 20.0
    telegram_level: Severity = Severity.INFO


class Sink(Protocol):
    """Where words go. `send` may raise anything; the desk goes on."""

    @property
    def name(self) -> str: ...

    @property
    def level(self) -> Severity:
        """The least severity it wants."""

    async def send(self, text: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Repeats:
    since: datetime
    held_back: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Queued:
    severity: Severity
    text: str


class AlertDesk(Notifier):
    """Words alerts and delivers them; `run` in a task of the daemon's group, `drain` when it stops."""

    def __init__(self, sinks: Sequence[Sink], language: Language, rules: AlertRules) -> None:
        self._sinks = tuple(sinks)
        self._language = language
        self._rules = rules
        self._queue: deque[_Queued] = deque()
        self._in_flight: _Queued | None = None
        self._repeats: dict[Hashable, _Repeats] = {}
        self._sent_at: deque[float] = deque()
        self._dropped = 0
        self._wake = asyncio.Event()
        self._delivering = asyncio.Lock()
        self._trouble = {sink.name: "nothing delivered yet" for sink in self._sinks}

    @property
    def waiting(self) -> int:
        """How many alerts are not delivered yet."""
        return len(self._queue) + (self._in_flight is not None)

    @property
    def trouble(self) -> str:
        """Return why a person cannot be reached by every channel, "" where the last delivery of each came through."""
        if not self._sinks:
            return "no channel beside the log is configured; set TELEGRAM_BOT_TOKEN and TELEGRAM_CHAT_ID"
        return ", ".join(f"{name}: {reason}" for name, reason in self._trouble.items() if reason)

    def tell(self, alert: Alert) -> None:
        _write(alert)
        held_back = self._held_back(alert)
        if held_back is None or not any(_wants(sink, alert.severity) for sink in self._sinks):
            return
        text = say(self._language, alert.event, **{**alert.data, **alert.private})
        if held_back:
            text = say(self._language, "alert.repeated", text=text, count=held_back)
        if alert.severity is not Severity.INFO:
            text = say(self._language, f"alert.{alert.severity}", text=text)
        if len(self._queue) >= self._rules.queue_size:
            self._give_one_up()
        self._queue.append(_Queued(severity=alert.severity, text=text))
        self._wake.set()

    async def run(self) -> None:
        """Deliver alerts, at most `per_minute`, until cancelled."""
        while True:
            while not self.waiting:
                self._wake.clear()
                await self._wake.wait()
            await asyncio.sleep(self._pause_s())
            await self._deliver_one()

    async def drain(self, timeout_s: float) -> None:
        """Deliver what waits, without regard to the rate; return after `timeout_s` at the latest."""
        try:
            async with asyncio.timeout(timeout_s):
                while self.waiting:
                    await self._deliver_one()
        except TimeoutError:
            log.warning("alerts_left_behind", count=self.waiting)

    def _held_back(self, alert: Alert) -> int | None:
        """Return how many equal alerts went unsaid before this one, or None where this one is to go unsaid too."""
        if alert.severity is Severity.INFO:
            return 0
        same = (alert.event, *sorted((name, str(value)) for name, value in alert.data.items()))
        last = self._repeats.get(same)
        if last is not None and (alert.at - last.since).total_seconds() < self._rules.repeat_s:
            self._repeats[same] = replace(last, held_back=last.held_back + 1)
            return None
        self._repeats.pop(same, None)
        self._repeats[same] = _Repeats(since=alert.at)
        if len(self._repeats) > _REMEMBERED:
            del self._repeats[next(iter(self._repeats))]
        return 0 if last is None else last.held_back

    def _give_one_up(self) -> None:
        oldest_info = next((q for q in self._queue if q.severity is Severity.INFO), None)
        if oldest_info is None:
            self._queue.popleft()
        else:
            self._queue.remove(oldest_info)
        self._dropped += 1

    def _pause_s(self) -> float:
        """Return how long the next delivery has to wait for the rate."""
        now = asyncio.get_running_loop().time()
        while self._sent_at and now - self._sent_at[0] >= _MINUTE_S:
            self._sent_at.popleft()
        if len(self._sent_at) < self._rules.per_minute:
            return 0.0
        return self._sent_at[0] + _MINUTE_S - now

    async def _deliver_one(self) -> None:
        """Hand the oldest alert to every sink that wants it. Cut off, it stays in flight and is tried again."""
        async with self._delivering:
            if self._in_flight is None:
                if not self._queue:
                    return
                self._in_flight = self._queue.popleft()
            queued = self._in_flight
            text = queued.text
            dropped, self._dropped = self._dropped, 0
            if dropped:
                text = f"{text}\n{say(self._language, 'alert.dropped', count=dropped)}"
            self._sent_at.append(asyncio.get_running_loop().time())
            for sink in self._sinks:
                if _wants(sink, queued.severity):
                    await self._hand_to(sink, text)
            self._in_flight = None

    async def _hand_to(self, sink: Sink, text: str) -> None:
        try:
            async with asyncio.timeout(self._rules.send_timeout_s):
                await sink.send(text)
            self._trouble[sink.name] = ""
        except Exception as error:
            self._trouble[sink.name] = type(error).__name__
            log.warning("alert_not_delivered", sink=sink.name, error=type(error).__name__, reason=str(error))


def _wants(sink: Sink, severity: Severity) -> bool:
    return _RANK[severity] >= _RANK[sink.level]


def _write(alert: Alert) -> None:
    """Log the alert at its severity, its data as keys; `event` among the data would collide with the log's own."""
    data = {("of_event" if name == "event" else name): value for name, value in alert.data.items()}
    match alert.severity:
        case Severity.INFO:
            log.info(alert.event, **data)
        case Severity.WARNING:
            log.warning(alert.event, **data)
        case Severity.ERROR:
            log.error(alert.event, **data)
