"""A journal over a real database with everything of the audit beside it, on a virtual loop."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from kis_daemon.clock import LoopClock
from kis_daemon.domain.chain import Report, lines_of
from kis_daemon.services.audit_anchors import AnchorKeeper
from kis_daemon.services.audit_files import MirrorFiles
from kis_daemon.services.audit_mirror import AuditMirror
from kis_daemon.services.audit_verify import verified
from kis_daemon.services.journal import Journal
from kis_daemon.store.database import Database
from kis_daemon.virtual_loop import VirtualLoop
from tests.services.builders import TEN_O_CLOCK
from tests.services.fakes import HeardNotifier
from tests.store.builders import a_file, by_hand

T = TypeVar("T")

OWNER = "test.db"


class Audited:
    """One daemon's records; `again` is its next start."""

    def __init__(self, folder: Path, now: datetime = TEN_O_CLOCK) -> None:
        self.folder = folder
        self.file = a_file(folder)
        self.mirror_folder = folder / "audit"
        self.loop = VirtualLoop(None)
        self.database = Database(f"sqlite:///{self.file}")
        self.database.open()
        self.clock = LoopClock(self.loop, now)
        self.notifier = HeardNotifier()
        self.journal = Journal(self.database, self.clock, self.notifier)
        self.files = MirrorFiles(self.mirror_folder, OWNER)
        self.mirror = AuditMirror(self.database, self.files, self.clock, self.notifier)
        self.anchors = AnchorKeeper(self.database, self.journal)
        self.journal.listen(self.mirror.wake)

    def run(self, work: Coroutine[None, None, T]) -> T:
        return self.loop.run_until_complete(work)

    def write(self, *types: str) -> None:
        for name in types:
            self.run(self.journal.write(self.journal.fact(name, symbol="005930", name="삼성전자", quantity=3)))

    def catch_up(self) -> bool:
        return self.run(self.mirror.catch_up())

    def anchor(self, occasion: str = "start") -> None:
        self.run(self.anchors.anchor(occasion))

    def pass_time(self, seconds: float) -> None:
        self.run(asyncio.sleep(seconds))

    def pass_days(self, days: int) -> None:
        self.run(self.clock.sleep_until(self.clock.now() + timedelta(days=days)))

    def by_hand(self, reason: str = "checked") -> None:
        """Write an event as the documents tell an operator to (S0-K05)."""
        by_hand(
            self.file,
            "INSERT INTO event_log(timestamp, event_type, correlation_id, payload_json) "
            "VALUES(datetime('now'), 'kill_switch_deactivated', 'manual-kill-switch-change', ?)",
            f'{{"reason": "{reason}"}}',
        )

    def adopt(self) -> None:
        self.run(self.database.transact(lambda rows: rows.adopt_events(self.clock.now())))

    def lines(self) -> list[str]:
        return list(lines_of(self.files.files()))

    def verify(self, *heads: str) -> Report:
        return self.run(verified(self.database, self.lines(), heads))

    def close(self) -> None:
        if not self.loop.is_closed():
            self.run(self.database.aclose())
            self.database.close()
            self.loop.close()

    def again(self) -> Audited:
        """End this one and start the next on the same files."""
        now = self.clock.now()
        self.close()
        return Audited(self.folder, now)


@contextmanager
def audited(folder: Path) -> Iterator[Audited]:
    made = Audited(folder)
    try:
        yield made
    finally:
        made.close()
