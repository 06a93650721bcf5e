"""What persons have switched off: the kill switch wherever it stands, and the pause.

Rules of this room (C01, C13; S4-B05)
    The switch in force is the widest of the records' as last read, of the file, and of our own stop on its way there.
    The file KILL_SWITCH is looked for at every question, and becomes a record: removing it releases nothing.
    What another process asks for is a mark, read with the switch; whoever watches a mark hears it once a change.
    A change is told once. That held positions have no protection is told again and again while the market is open.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeAlias

from kis_daemon.domain.calendar import SessionPhase, TradingCalendar
from kis_daemon.domain.safeguards import NEVER_RELEASED, KillSwitch, KillSwitchScope, KillSwitchStatus, widest
from kis_daemon.ports import Clock, Rows, Severity
from kis_daemon.services.book import Book
from kis_daemon.services.hours import trading_phase
from kis_daemon.services.journal import Journal
from kis_daemon.services.kill_switch import activate
from kis_daemon.services.operator_answers import PauseView
from kis_daemon.services.pauses import PAUSE_MARK, pause_of
from kis_daemon.services.switch_file import NAME, SwitchFile

_REMIND_EVERY = timedelta(minutes=10)
_BY_FILE = "file"

OnMark: TypeAlias = Callable[[str], None]
"""Takes what stands in a mark now, "" for nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What the records say at one moment, and which stop of our own was noted before."""

    switch: KillSwitch
    marks: Mapping[str, str]
    own_stop: KillSwitch | None


class Switches:
    """See the rules above."""

    def __init__(
        self, *, book: Book, journal: Journal, calendar: TradingCalendar, clock: Clock, file: SwitchFile | None
    ) -> None:
        self._book = book
        self._journal = journal
        self._calendar = calendar
        self._clock = clock
        self._file = file
        self._recorded: KillSwitch = NEVER_RELEASED
        self._own_stop: KillSwitch | None = None
        self._has_looked = False
        self._reminded_at: datetime | None = None
        self._watched: dict[str, OnMark] = {PAUSE_MARK: self.see_pause}
        self._seen: dict[str, str] = {}
        self.pause = PauseView(paused=False)

    @property
    def in_force(self) -> KillSwitch:
        """Return the switch as it decides now."""
        return widest(self._recorded, self._own_stop, self._of_the_file())

    @property
    def own_stop(self) -> KillSwitch | None:
        """Return our stop that is noted and perhaps not written yet."""
        return self._own_stop

    @property
    def was_never_released(self) -> bool:
        """Whether there is no record at all, so that it is active (C01)."""
        return replace(self._recorded, ignored_releases=0) == NEVER_RELEASED

    @property
    def file_is_present(self) -> bool:
        return self._file is not None and self._file.scope() is not None

    def watch_mark(self, name: str, on_change: OnMark) -> None:
        """Have `on_change` hear what stands in the mark `name`, whenever it is another than before."""
        self._watched[name] = on_change

    def stop(self, stop: KillSwitch) -> None:
        """Have `stop` decide from now on: it is noted, and on its way into the records."""
        self._own_stop = widest(stop, self._own_stop)

    # what the records say

    def look(self, rows: Rows) -> Look:
        """Read switch and marks; a file that stops more than they do becomes a record."""
        switch, of_file, own_stop = rows.kill_switch(), self._of_the_file(), self._own_stop
        if of_file is not None and widest(switch, of_file) is of_file:
            switch = activate(rows, self._clock.now(), of_file.reason, _BY_FILE, of_file.scope)
        marks = {}
        for name in self._watched:
            marks[name] = rows.mark(name) or ""
            if self._seen.get(name, "") != marks[name]:
                rows.set_mark(name, marks[name])  # by us too: then what stands in for the database knows it
        return Look(switch=switch, marks=marks, own_stop=own_stop)

    def take(self, look: Look) -> bool:
        """Take over what was read; whether an activation is among it that was not seen before."""
        before, ignored = self._recorded, look.switch.ignored_releases
        if ignored > before.ignored_releases:
            self._journal.note(self._journal.fact("kill_switch_release_ignored", severity=Severity.ERROR, alerts=True))
        self.see(look.switch, look.own_stop)
        for name, text in look.marks.items():
            self.see_mark(name, text)
        self._remind()
        is_news, self._has_looked = look.switch.since != before.since or not self._has_looked, True
        return look.switch.is_active and is_news

    def see(self, switch: KillSwitch, noted: KillSwitch | None) -> None:
        """Take over what the records say, or were just told; they had the stop that was `noted` before, if there was
        one."""
        if self._own_stop is noted:
            self._own_stop = None
        before, self._recorded = self._recorded, switch
        if replace(before, ignored_releases=0) == replace(switch, ignored_releases=0):
            return
        self._tell(
            "kill_switch_seen_active" if switch.is_active else "kill_switch_seen_released",
            is_stop=switch.is_active,
            reason=switch.reason,
            actor=switch.actor,
            scope=switch.scope.value,
        )
        self._reminded_at = None
        self._remind()

    def see_pause(self, text: str) -> None:
        """Take over the pause that stands in its mark."""
        before, self.pause = self.pause, pause_of(text)
        if before.paused or self.pause.paused:
            name = "trading_seen_paused" if self.pause.paused else "trading_seen_resumed"
            self._tell(name, is_stop=self.pause.paused, reason=self.pause.reason, actor=self.pause.by)

    def see_mark(self, name: str, text: str) -> None:
        """Take over what stands in a mark, or what we have just written there."""
        if self._seen.get(name, "") != text:
            self._seen[name] = text
            self._watched[name](text)

    # telling

    def _tell(self, event: str, *, is_stop: bool, **payload: str) -> None:
        severity = Severity.WARNING if is_stop else Severity.INFO
        self._journal.note(self._journal.fact(event, severity=severity, alerts=True, **payload))

    def _remind(self) -> None:
        """Tell that nothing protects what is held (C01)."""
        switch = self.in_force
        if not (switch.is_active and switch.scope is KillSwitchScope.ALL and self._book.positions):
            return
        now = self._clock.now()
        in_session = trading_phase(self._calendar, now) is not SessionPhase.CLOSED
        if self._reminded_at is not None and not (in_session and now - self._reminded_at >= _REMIND_EVERY):
            return
        self._reminded_at = now
        for position in self._book.positions.values():
            self._journal.note(
                self._journal.fact(
                    "position_unprotected",
                    severity=Severity.ERROR,
                    alerts=True,
                    symbol=position.symbol,
                    name=position.name,
                    reason="kill_switch",
                )
            )

    def _of_the_file(self) -> KillSwitch | None:
        scope = None if self._file is None else self._file.scope()
        if self._file is None or scope is None:
            return None
        text = " ".join((self._file.text() or "").split())
        return KillSwitch(
            status=KillSwitchStatus.ACTIVE,
            scope=scope,
            reason=f"file {NAME}: {text}" if text else f"file {NAME}",
            actor=_BY_FILE,
            since=None,
        )
